-- Freshness (DESIGN 7, PERMISSIONS 7): what changed in the policy, a counter per kind, and the check inside a write.
CREATE TABLE IF NOT EXISTS wangge.change_log (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL,
  subject text NOT NULL,
  counter bigint NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS change_log_by_counter ON wangge.change_log (kind, counter);
CREATE TABLE IF NOT EXISTS wangge.change_counter (kind text PRIMARY KEY, value bigint NOT NULL);
INSERT INTO wangge.change_counter (kind, value)
  SELECT unnest(ARRAY['account', 'post', 'rule', 'module', 'area', 'token', 'key', 'document']), 0 ON CONFLICT DO NOTHING;

-- Note a change of the policy: takes the exclusive lock that every write shares, so no write commits under the old rights.
CREATE OR REPLACE FUNCTION wangge.touch(changed_kind text, changed_subject text) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE bumped bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(7146001);
  UPDATE wangge.change_counter SET value = value + 1 WHERE kind = changed_kind RETURNING value INTO bumped;
  INSERT INTO wangge.change_log (kind, subject, counter) VALUES (changed_kind, changed_subject, bumped);
  RETURN bumped;
END $$;

-- NULL when nothing that the writer's rights rest on changed since `known` ({kind: counter}); else the subject that did.
-- A module that is switched is named `modules` by every Scope: what is on decides what every caller may see.
-- The lock comes first and the counters are read by a second query: in one statement the snapshot would be older.
CREATE OR REPLACE FUNCTION wangge.fresh(subjects text[], known jsonb) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE found text;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(7146001);
  IF NOT EXISTS (SELECT 1 FROM wangge.change_counter c WHERE c.value > (known ->> c.kind)::bigint) THEN
    RETURN NULL;
  END IF;
  SELECT l.subject INTO found FROM wangge.change_counter c JOIN wangge.change_log l ON l.kind = c.kind
    WHERE c.value > (known ->> c.kind)::bigint AND l.counter > (known ->> c.kind)::bigint
      AND (l.subject = ANY (subjects) OR (l.kind = 'module' AND 'modules' = ANY (subjects))) LIMIT 1;
  RETURN found;
END $$;

-- From here on this generation of the key seals, and no older one: the counter `key` is its number (0: the first). Takes the
-- exclusive lock, so a write that sealed with an older key has committed before, or is refused by `fresh`.
CREATE OR REPLACE FUNCTION wangge.switch_key(generation integer) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(7146001);
  UPDATE wangge.change_counter SET value = generation WHERE kind = 'key' AND value < generation;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  INSERT INTO wangge.change_log (kind, subject, counter) VALUES ('key', 'keys', generation);
  RETURN true;
END $$;

-- The generation of the key that is in force, for writers without a Scope; they hold the shared lock as others do.
CREATE OR REPLACE FUNCTION wangge.key_in_force() RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(7146001);
  RETURN (SELECT value FROM wangge.change_counter WHERE kind = 'key');
END $$;

-- Secrets stand beside the entities and are no fields of any: nothing that compiles a query can name this table.
CREATE TABLE IF NOT EXISTS wangge.secret (
  owner_id uuid NOT NULL,
  kind text NOT NULL,
  value bytea NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (owner_id, kind)
);

-- The role that serves notes changes and reads secrets; it cannot rewrite what was noted.
GRANT SELECT, INSERT ON wangge.change_log TO wangge_app;
GRANT SELECT, UPDATE ON wangge.change_counter TO wangge_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON wangge.secret TO wangge_app;
