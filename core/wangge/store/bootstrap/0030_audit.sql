-- The ledger, the claims of unique keys, issued numbers, idempotency (PERMISSIONS.md 7, MODEL.md 2).
-- Idempotent; run as wangge_owner. wangge_app appends unlinked entries; wangge_sealer links them and can change nothing else.
CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA wangge;

-- One entry per write, reveal or refusal; `chain` is the district, or zero for what lies above districts.
CREATE TABLE IF NOT EXISTS wangge.ledger_entry (
    id uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    chain uuid NOT NULL,
    actor_kind text COLLATE "C" NOT NULL,
    actor_name text COLLATE "C" NOT NULL,
    account_id uuid,
    post_ids uuid[] NOT NULL DEFAULT '{}',
    token_id uuid,
    origin text COLLATE "C" NOT NULL DEFAULT 'platform',   -- request, command or platform
    address text COLLATE "C" NOT NULL DEFAULT '',           -- where a request came from, behind trusted proxies what they say
    action text COLLATE "C" NOT NULL,
    entity text COLLATE "C" NOT NULL,
    row_id uuid,
    revision integer,
    fields text[] COLLATE "C" NOT NULL DEFAULT '{}',
    digest bytea,
    purpose text COLLATE "C",
    reason text,
    document text COLLATE "C",
    batch_id uuid,
    row_count integer,
    confirmed text[] COLLATE "C" NOT NULL DEFAULT '{}',   -- codes of warnings that the actor confirmed
    seq bigint,                              -- null until the linker sets it, with link and epoch
    link bytea,
    epoch integer
) PARTITION BY RANGE (at);
ALTER TABLE wangge.ledger_entry ADD COLUMN IF NOT EXISTS confirmed text[] COLLATE "C" NOT NULL DEFAULT '{}';
CREATE TABLE IF NOT EXISTS wangge.ledger_entry_default PARTITION OF wangge.ledger_entry DEFAULT;
CREATE INDEX IF NOT EXISTS ledger_entry_unlinked ON wangge.ledger_entry (at, id) WHERE seq IS NULL;
CREATE INDEX IF NOT EXISTS ledger_entry_reveals ON wangge.ledger_entry (row_id, at DESC) WHERE action = 'reveal';
CREATE INDEX IF NOT EXISTS ledger_entry_chain ON wangge.ledger_entry (chain, seq) WHERE seq IS NOT NULL;

-- The signed end of each chain of a book (audit/entries.py).
CREATE TABLE IF NOT EXISTS wangge.ledger_head (
    book text COLLATE "C" NOT NULL,
    chain uuid NOT NULL,
    epoch integer NOT NULL,
    seq bigint NOT NULL,
    link bytea NOT NULL,
    at timestamptz NOT NULL,
    signature bytea NOT NULL,
    PRIMARY KEY (book, chain)
);
-- Where verify may start: the signed state of a chain before the first entry of a month.
CREATE TABLE IF NOT EXISTS wangge.ledger_checkpoint (
    book text COLLATE "C" NOT NULL,
    chain uuid NOT NULL,
    month date NOT NULL,
    epoch integer NOT NULL,
    seq bigint NOT NULL,
    link bytea NOT NULL,
    at timestamptz NOT NULL,
    signature bytea NOT NULL,
    PRIMARY KEY (book, chain, month)
);

-- Who holds a unique key; `key_hash` is keyed and speaks of the constraint too, so that it alone decides. A key without dates
-- is held by a btree, ten times as fast as the exclusion constraint, which keeps those apart that are held for a time.
CREATE TABLE IF NOT EXISTS wangge.claim (
    constraint_name text COLLATE "C" NOT NULL,
    key_hash bytea NOT NULL,
    valid tstzrange NOT NULL DEFAULT '(,)',
    row_id uuid NOT NULL,
    contested boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX IF NOT EXISTS claim_held ON wangge.claim (key_hash) WHERE NOT contested AND valid = '(,)'::tstzrange;
DO $$ BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'claim_held_for_a_time' AND conrelid = 'wangge.claim'::regclass) THEN
        ALTER TABLE wangge.claim ADD CONSTRAINT claim_held_for_a_time
            EXCLUDE USING gist (key_hash WITH =, valid WITH &&) WHERE (NOT contested AND valid <> '(,)'::tstzrange);
    END IF;
END $$;
CREATE INDEX IF NOT EXISTS claim_contested ON wangge.claim (key_hash) WHERE contested;
CREATE INDEX IF NOT EXISTS claim_row ON wangge.claim (row_id);

-- The last number issued under a prefix. A write takes its number as its last step, on its own connection: the next writer
-- of the same prefix waits for its commit, some milliseconds, and a pool never waits for itself. No number is issued twice.
CREATE TABLE IF NOT EXISTS wangge.number_sequence (
    entity text COLLATE "C" NOT NULL,
    field text COLLATE "C" NOT NULL,
    prefix text COLLATE "C" NOT NULL,
    value bigint NOT NULL,
    PRIMARY KEY (entity, field, prefix)
);
-- The first of `wanted` new numbers.
CREATE OR REPLACE FUNCTION wangge.issue_numbers(of_entity text, of_field text, of_prefix text, wanted integer)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last bigint;
BEGIN
    INSERT INTO wangge.number_sequence AS s (entity, field, prefix, value) VALUES (of_entity, of_field, of_prefix, wanted)
    ON CONFLICT (entity, field, prefix) DO UPDATE SET value = s.value + wanted RETURNING s.value INTO last;
    RETURN last - wanted + 1;
END $$;

-- What a repeated call answers: the ids that it made, NULL for what it did not store, and a keyed digest of its input.
CREATE TABLE IF NOT EXISTS wangge.idempotency (
    account_id uuid NOT NULL,
    root_field text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    ids uuid[] NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, root_field, key)
);

REVOKE ALL ON FUNCTION wangge.issue_numbers(text, text, text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wangge.issue_numbers(text, text, text, integer) TO wangge_app;
GRANT SELECT ON wangge.ledger_entry, wangge.ledger_head, wangge.ledger_checkpoint, wangge.claim, wangge.idempotency TO wangge_app;
GRANT INSERT (id, chain, actor_kind, actor_name, account_id, post_ids, token_id, origin, address, action, entity, row_id,
    revision, fields, digest, purpose, reason, document, batch_id, row_count, confirmed) ON wangge.ledger_entry TO wangge_app;
GRANT INSERT, UPDATE, DELETE ON wangge.claim TO wangge_app;
GRANT INSERT, UPDATE (ids), DELETE ON wangge.idempotency TO wangge_app;
GRANT SELECT, UPDATE (seq, link, epoch) ON wangge.ledger_entry TO wangge_sealer;
GRANT SELECT, INSERT, UPDATE ON wangge.ledger_head TO wangge_sealer;
GRANT SELECT, INSERT ON wangge.ledger_checkpoint TO wangge_sealer;

SELECT wangge.ensure_partitions();
