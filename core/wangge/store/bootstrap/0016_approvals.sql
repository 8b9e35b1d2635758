-- Which modules' default rules a security administrator approved (PERMISSIONS.md 6); rules of others are not stored.
-- Idempotent; run as wangge_owner.
CREATE TABLE IF NOT EXISTS wangge.module_approval (
  module text COLLATE "C" PRIMARY KEY,
  account_id uuid,                          -- null: the installation itself, when nobody could be asked
  login text COLLATE "C" NOT NULL,
  reason text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT SELECT, INSERT ON wangge.module_approval TO wangge_app;
