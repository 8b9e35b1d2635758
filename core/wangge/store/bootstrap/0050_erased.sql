-- Rows whose content ended (MODEL.md 2, PIPL art. 47): what stays of them, and the one way to empty what was kept of their past.
-- Idempotent; run as wangge_owner.
CREATE TABLE IF NOT EXISTS wangge.erased (
    row_id uuid PRIMARY KEY,
    entity text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,          -- erase: all of the row; anonymise: its personal fields
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    area_id uuid,                            -- where it lay: whoever sees that area may know that it was erased
    area_ord integer,
    district_id uuid
);

-- The before-images and revisions of rows that were erased or anonymised, emptied; nothing else can be changed by it.
DROP INDEX IF EXISTS wangge.outbox_before;
CREATE INDEX IF NOT EXISTS outbox_row ON wangge.outbox (row_id) WHERE kind <> 'create';
CREATE OR REPLACE FUNCTION wangge.forget(rows uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone uuid[];
BEGIN
    gone := ARRAY(SELECT e.row_id FROM wangge.erased e WHERE e.row_id = ANY (rows));
    UPDATE wangge.outbox SET before = NULL WHERE row_id = ANY (gone) AND kind <> 'create' AND before IS NOT NULL;
    UPDATE wangge.revision SET changes = NULL, sealed = NULL, reason = NULL
        WHERE row_id = ANY (gone) AND kind NOT IN ('erase', 'anonymise') AND num_nonnulls(changes, sealed, reason) > 0;
END $$;
REVOKE ALL ON FUNCTION wangge.forget(uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wangge.forget(uuid[]) TO wangge_app;
GRANT SELECT, INSERT ON wangge.erased TO wangge_app;
GRANT UPDATE (kind, at) ON wangge.erased TO wangge_app;
