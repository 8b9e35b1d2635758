-- Events: the outbox, the positions that the sequencer gives, the revisions of rows (DESIGN.md 7, MODEL.md 2).
-- Idempotent; run as wangge_owner. Writers insert and never wait for each other; only wangge_sealer stamps.
CREATE SCHEMA IF NOT EXISTS wangge;
GRANT USAGE ON SCHEMA wangge TO wangge_app, wangge_sealer;

-- One row per changed row (kind batch: per bulk load). `at` is the clock at the insert, so that two changes of one row, of
-- which the second waited for the first, lie in the order of their commits. No primary key: the two partial indexes serve all.
CREATE TABLE IF NOT EXISTS wangge.outbox (
    id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    txid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    kind text COLLATE "C" NOT NULL,          -- create, update, remove, restore, areas, batch, erase, anonymise
    entity text COLLATE "C" NOT NULL,
    row_id uuid,                             -- null for a batch
    revision integer NOT NULL DEFAULT 1,
    area_id uuid,                            -- as they were before the change (for a create: as they are)
    area_ord integer,
    district_id uuid,
    before jsonb,                            -- the row's own unsealed columns before the change; null for a create. Of a move
                                             -- the areas alone (_areas: all of a row of scope through), of a batch the ids of
                                             -- its first and last row
    changed text[] COLLATE "C" NOT NULL DEFAULT '{}',
    batch_id uuid,
    position bigint,                         -- null until the sequencer stamps it
    epoch integer
) PARTITION BY RANGE (created_at);
CREATE TABLE IF NOT EXISTS wangge.outbox_default PARTITION OF wangge.outbox DEFAULT;
CREATE INDEX IF NOT EXISTS outbox_unstamped ON wangge.outbox (created_at, id) WHERE position IS NULL;
CREATE INDEX IF NOT EXISTS outbox_position ON wangge.outbox (epoch, position) WHERE position IS NOT NULL;

-- The last position given in each epoch; the greatest epoch is the present one, a restore adds one.
CREATE TABLE IF NOT EXISTS wangge.position (
    epoch integer PRIMARY KEY,
    value bigint NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL DEFAULT now(),
    note text
);
INSERT INTO wangge.position (epoch) SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM wangge.position) ON CONFLICT DO NOTHING;

-- One row per change of a row that was there before; a created row is its own revision 1. Of entities with personal fields
-- `changes` is empty and `sealed` holds the same JSON under the key of the row (wangge.row_key).
CREATE TABLE IF NOT EXISTS wangge.revision (
    row_id uuid NOT NULL,
    revision integer NOT NULL,
    entity text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    kind text COLLATE "C" NOT NULL,
    operation text COLLATE "C",
    actor_kind text COLLATE "C" NOT NULL,
    actor_name text COLLATE "C" NOT NULL,
    account_id uuid,
    fields text[] COLLATE "C" NOT NULL,
    changes jsonb,                           -- {"field": {"from": ..., "to": ...}}
    sealed bytea,
    confirmed text[] COLLATE "C" NOT NULL DEFAULT '{}',
    reason text
) PARTITION BY RANGE (at);
CREATE TABLE IF NOT EXISTS wangge.revision_default PARTITION OF wangge.revision DEFAULT;
CREATE INDEX IF NOT EXISTS revision_row ON wangge.revision (row_id, revision);

-- The key of one row: its digests in the ledger and its sealed revisions hang on it. Erasing a row deletes it.
CREATE TABLE IF NOT EXISTS wangge.row_key (
    row_id uuid PRIMARY KEY,
    key bytea NOT NULL                       -- sealed by the deployment's own key
);

-- Makes the partition of a table that covers [since, until), unless it is there or the default one already holds such rows.
-- Attaching takes no lock that a writer would wait for, except on the (empty) default partition.
CREATE OR REPLACE FUNCTION wangge.ensure_partition(parent text, key text, name text, since timestamptz, until timestamptz)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    taken boolean;
BEGIN
    IF to_regclass(format('wangge.%I', name)) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT 1 FROM wangge.%I WHERE %I >= $1 AND %I < $2)', parent || '_default', key, key)
        INTO taken USING since, until;
    IF taken THEN
        RETURN false;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('wangge.ensure_partition'));
    IF to_regclass(format('wangge.%I', name)) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE wangge.%I (LIKE wangge.%I INCLUDING ALL)', name, parent);
    EXECUTE format('ALTER TABLE wangge.%I ATTACH PARTITION wangge.%I FOR VALUES FROM (%L) TO (%L)', parent, name, since, until);
    RETURN true;
END $$;

-- Makes the partitions of the coming days and months and drops the outbox beyond `keep` days when all of it is stamped.
CREATE OR REPLACE FUNCTION wangge.ensure_partitions(today date DEFAULT current_date, keep integer DEFAULT 30)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'Asia/Shanghai' AS $$
DECLARE
    made integer := 0;
    day date;
    month date;
    monthly text;
    old record;
    unstamped boolean;
BEGIN
    FOR day IN SELECT today + n FROM generate_series(0, 2) n LOOP
        made := made + wangge.ensure_partition('outbox', 'created_at', 'outbox_' || to_char(day, 'YYYYMMDD'), day, day + 1)::integer;
    END LOOP;
    FOREACH monthly IN ARRAY ARRAY['revision', 'ledger_entry', 'read_log'] LOOP
        CONTINUE WHEN to_regclass('wangge.' || monthly) IS NULL;
        FOR month IN SELECT (date_trunc('month', today) + make_interval(months => n))::date FROM generate_series(0, 1) n LOOP
            made := made + wangge.ensure_partition(
                monthly, 'at', monthly || '_' || to_char(month, 'YYYYMM'), month, (month + interval '1 month')::date)::integer;
        END LOOP;
    END LOOP;
    FOR old IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'wangge.outbox'::regclass AND c.relname ~ '^outbox_[0-9]{8}$'
          AND to_date(right(c.relname, 8), 'YYYYMMDD') < today - keep
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM wangge.%I WHERE position IS NULL)', old.relname) INTO unstamped;
        CONTINUE WHEN unstamped;
        EXECUTE format('DROP TABLE wangge.%I', old.relname);
    END LOOP;
    RETURN made;
END $$;
REVOKE ALL ON FUNCTION wangge.ensure_partition(text, text, text, timestamptz, timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION wangge.ensure_partitions(date, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wangge.ensure_partitions(date, integer) TO wangge_sealer;

GRANT SELECT ON wangge.outbox, wangge.position, wangge.revision, wangge.row_key TO wangge_app;
GRANT INSERT (id, kind, entity, row_id, revision, area_id, area_ord, district_id, before, changed, batch_id) ON wangge.outbox TO wangge_app;
GRANT INSERT ON wangge.revision TO wangge_app;
GRANT INSERT, DELETE, UPDATE (key) ON wangge.row_key TO wangge_app; -- UPDATE: `wangge keys rotate` seals them anew
GRANT SELECT, UPDATE (position, epoch) ON wangge.outbox TO wangge_sealer;
GRANT SELECT, UPDATE (value) ON wangge.position TO wangge_sealer;
