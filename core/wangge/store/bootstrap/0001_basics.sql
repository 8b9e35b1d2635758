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

-- The one- and two-character grams of some texts, in small letters and normal width, each once. Search compares
-- `search @> wangge.grams($1)` and then the text itself, so this must give the same for a row and for what is searched.
CREATE OR REPLACE FUNCTION wangge.grams(VARIADIC texts text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
    SELECT coalesce(array_agg(DISTINCT gram COLLATE "C"), '{}')
    FROM unnest(texts) AS given(one),
        LATERAL (SELECT lower(normalize(one, NFKC) COLLATE pg_c_utf8)) AS folded(t),
        LATERAL generate_series(1, length(t)) AS at(n),
        LATERAL (VALUES (substr(t, n, 1)), (CASE WHEN n < length(t) THEN substr(t, n, 2) END)) AS both_sizes(gram)
    WHERE gram IS NOT NULL
$$;
