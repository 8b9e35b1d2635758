-- Sign-in: how often a password or code was tried, counted for all processes together (SECURITY.md 47).
-- Idempotent; run as wangge_owner. `key` is a keyed hash of a login or an address: what was typed stands nowhere.
CREATE TABLE IF NOT EXISTS wangge.sign_in_try (
  key bytea PRIMARY KEY,
  tries integer NOT NULL,
  until timestamptz NOT NULL
);

-- Count a try before it is made, so that many at once are not all let through. NULL when it may be made, else the seconds to
-- wait. Tries are forgotten `span` after the last one that was let through.
CREATE OR REPLACE FUNCTION wangge.begin_try(tried bytea, allowed integer, span interval) RETURNS integer
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    found wangge.sign_in_try;
BEGIN
    INSERT INTO wangge.sign_in_try AS t (key, tries, until) VALUES (tried, 1, clock_timestamp() + span)
    ON CONFLICT (key) DO UPDATE SET
        tries = CASE WHEN t.until <= clock_timestamp() THEN 1 ELSE least(t.tries, allowed) + 1 END,
        until = CASE WHEN t.until > clock_timestamp() AND t.tries >= allowed THEN t.until ELSE clock_timestamp() + span END
    RETURNING t.* INTO found;
    IF found.tries > allowed THEN
        RETURN ceil(extract(epoch FROM found.until - clock_timestamp()))::integer;
    END IF;
    RETURN NULL;
END $$;
GRANT SELECT, INSERT, UPDATE, DELETE ON wangge.sign_in_try TO wangge_app;

-- Sign-ins that are on their way through an OpenID provider: `key` is a keyed hash of the browser's cookie, `value` is sealed.
-- Each is taken once and ends by itself.
CREATE TABLE IF NOT EXISTS wangge.sign_in_flow (
  key bytea PRIMARY KEY,
  value bytea NOT NULL,
  until timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON wangge.sign_in_flow TO wangge_app;
