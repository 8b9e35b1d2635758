-- Read records (PERMISSIONS.md 3): who saw personal fields in clear, of which rows, and why.
-- Idempotent; run as wangge_owner. wangge_app appends unlinked records; wangge_sealer links them and can change nothing else.
DO $$ BEGIN
    IF to_regtype('wangge.noted') IS NULL THEN
        -- A JSON value of a compiled statement with the notes of its rows: 17 bytes each, a number and the row's id.
        CREATE TYPE wangge.noted AS (j json, i bytea);
    END IF;
END $$;

-- One record per root field that showed personal fields of others in clear. `entities` is
-- [{entity, fields, count}]; `row_ids` are the first 1,000 rows, `total` counts all.
CREATE TABLE IF NOT EXISTS wangge.read_log (
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    chain uuid NOT NULL,
    actor_kind text COLLATE "C" NOT NULL,
    actor_name text COLLATE "C" NOT NULL,
    account_id uuid,
    post_ids uuid[] NOT NULL DEFAULT '{}',
    token_id uuid,
    origin text COLLATE "C" NOT NULL,
    address text COLLATE "C" NOT NULL,
    unit_id uuid,
    root_field text COLLATE "C" NOT NULL,
    purposes text[] COLLATE "C" NOT NULL DEFAULT '{}',
    entities jsonb NOT NULL,
    row_ids uuid[] NOT NULL,
    total integer NOT NULL,
    document text COLLATE "C",
    seq bigint,                              -- null until the linker sets it, with link and epoch
    link bytea,
    epoch integer
) PARTITION BY RANGE (at);
CREATE TABLE IF NOT EXISTS wangge.read_log_default PARTITION OF wangge.read_log DEFAULT;
CREATE UNIQUE INDEX IF NOT EXISTS read_log_id ON wangge.read_log (id, at);
CREATE INDEX IF NOT EXISTS read_log_unlinked ON wangge.read_log (at, id) WHERE seq IS NULL;
CREATE INDEX IF NOT EXISTS read_log_chain ON wangge.read_log (chain, seq) WHERE seq IS NOT NULL;
CREATE INDEX IF NOT EXISTS read_log_rows ON wangge.read_log USING gin (row_ids);

GRANT SELECT ON wangge.read_log TO wangge_app;
GRANT INSERT (id, at, chain, actor_kind, actor_name, account_id, post_ids, token_id, origin, address, unit_id, root_field, purposes,
    entities, row_ids, total, document) ON wangge.read_log TO wangge_app;
GRANT SELECT, UPDATE (seq, link, epoch) ON wangge.read_log TO wangge_sealer;

-- What auditors read by GraphQL: the ledger and the read records as rows of an area, the district of their chain.
CREATE INDEX IF NOT EXISTS ledger_entry_at ON wangge.ledger_entry (at DESC, id);
CREATE INDEX IF NOT EXISTS read_log_at ON wangge.read_log (at DESC, id);

-- The area of a chain, the city for what lies above districts. PL/pgSQL, since wangge.area is made by the plan, later.
CREATE OR REPLACE FUNCTION wangge.area_of_chain(chain uuid, OUT area_id uuid, OUT area_ord integer)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT a.id, a.ord INTO area_id, area_ord FROM wangge.area a
    WHERE a.id = chain OR (chain = '00000000-0000-0000-0000-000000000000' AND a.parent IS NULL) LIMIT 1;
END $$;

CREATE OR REPLACE VIEW wangge.ledger AS
SELECT e.id, 1 AS revision, e.at AS created_at, NULL::uuid AS created_by, e.at AS updated_at, NULL::timestamptz AS removed_at,
    NULL::uuid AS batch_id, a.area_id, a.area_ord, nullif(e.chain, '00000000-0000-0000-0000-000000000000') AS district_id,
    e.actor_kind, e.actor_name, e.account_id AS account, e.action, e.entity, e.row_id::text COLLATE "C" AS "row",
    e.revision AS row_revision, to_jsonb(e.fields) AS fields, e.purpose, e.reason, e.row_count::bigint AS row_count,
    to_jsonb(e.confirmed) AS confirmed, e.seq AS place, e.origin, nullif(e.address, '') AS address
FROM wangge.ledger_entry e CROSS JOIN LATERAL wangge.area_of_chain(e.chain) a;

CREATE OR REPLACE VIEW wangge.read_record AS
SELECT r.id, 1 AS revision, r.at AS created_at, NULL::uuid AS created_by, r.at AS updated_at, NULL::timestamptz AS removed_at,
    NULL::uuid AS batch_id, a.area_id, a.area_ord, nullif(r.chain, '00000000-0000-0000-0000-000000000000') AS district_id,
    r.actor_kind, r.actor_name, r.account_id AS account, r.unit_id AS unit, r.root_field, to_jsonb(r.purposes) AS purposes,
    r.entities, to_jsonb(r.row_ids) AS rows, r.total::bigint AS total, r.document, r.seq AS place,
    r.origin, nullif(r.address, '') AS address
FROM wangge.read_log r CROSS JOIN LATERAL wangge.area_of_chain(r.chain) a;

GRANT SELECT ON wangge.ledger, wangge.read_record TO wangge_app;

-- How often an account used what is limited by the hour: reveal, match. Old hours are only statistics.
CREATE TABLE IF NOT EXISTS wangge.usage (
    account_id uuid NOT NULL,
    kind text COLLATE "C" NOT NULL,
    hour timestamptz NOT NULL,
    used integer NOT NULL,
    PRIMARY KEY (account_id, kind, hour)
);
GRANT SELECT, INSERT, UPDATE ON wangge.usage TO wangge_app;
