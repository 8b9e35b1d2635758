-- What every other file and every table of an entity rests on: roles, schemas, the applied model, grams.
-- Idempotent; run as wangge_owner. On the embedded server the roles are there already.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['wangge_app', 'wangge_sealer'] LOOP
        IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        END IF;
    END LOOP;
END $$;

CREATE SCHEMA IF NOT EXISTS wangge;
CREATE SCHEMA IF NOT EXISTS jobs;
GRANT USAGE ON SCHEMA wangge TO wangge_app, wangge_sealer;
GRANT USAGE, CREATE ON SCHEMA jobs TO wangge_app;

-- Every model that was applied, the last one with its whole content: the difference is the files against that.
CREATE TABLE IF NOT EXISTS wangge.model (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version text COLLATE "C" NOT NULL,
    content jsonb,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT SELECT ON wangge.model TO wangge_app;

-- The steps that were run, for people who ask later what happened to a table.
CREATE TABLE IF NOT EXISTS wangge.plan_step (
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    model text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    statements text[] COLLATE "C" NOT NULL,
    allowed boolean NOT NULL
);

-- A second person's consent to a step that lowers a protection, given for one version of the model.
CREATE TABLE IF NOT EXISTS wangge.plan_consent (
    model text COLLATE "C" NOT NULL,
    step text COLLATE "C" NOT NULL,
    account_id uuid NOT NULL,
    login text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (model, step)
);

-- Tables that held values in clear which were sealed since: `wangge apply` writes them anew, so that no dead row keeps them.
CREATE TABLE IF NOT EXISTS wangge.rewrite (
    table_name text COLLATE "C" PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Fresh statistics after a load: without them the first minute's plans are those of empty tables.
CREATE OR REPLACE FUNCTION wangge.analyze(tables text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    one text;
BEGIN
    FOREACH one IN ARRAY tables LOOP
        EXECUTE format('ANALYZE %s', one::regclass);
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION wangge.analyze(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wangge.analyze(text[]) TO wangge_app;

-- The one- and two-character grams of some texts, in small letters and normal width. Search compares
-- `search @> wangge.grams($1)` and then the text itself, so this must give the same for a row and for what is searched.
-- Array operations instead of a query: 10 microseconds for an address instead of 170.
CREATE OR REPLACE FUNCTION wangge.grams(VARIADIC texts text[]) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    letters text[];
BEGIN
    letters := string_to_array(lower(normalize(array_to_string(texts, E'\n'), NFKC) COLLATE pg_catalog.pg_c_utf8), NULL);
    RETURN letters || ARRAY(SELECT a || b FROM unnest(letters, letters[2:]) AS pair(a, b) WHERE b IS NOT NULL);
END $$;
