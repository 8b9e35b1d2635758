-- Files (MODEL.md 2): what is stored in the object storage for each row of wangge.file, and uploads that no row holds yet.
-- Idempotent; run as wangge_owner.

-- Written before the object is, and removed after the object is gone: nothing lies in the storage of which no row here speaks.
CREATE TABLE IF NOT EXISTS wangge.object (
    id uuid PRIMARY KEY,
    file uuid NOT NULL,                      -- the row of wangge.file, when it is stored
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('staged', 'original', 'small')),
    key text COLLATE "C" NOT NULL UNIQUE,    -- in the bucket
    sha256 text COLLATE "C",                 -- of an original, to find the same one in another row
    secret bytea,                            -- the key of this content, sealed by the deployment's; NULL: nothing can be read any more
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS object_file ON wangge.object (file);
CREATE INDEX IF NOT EXISTS object_sha256 ON wangge.object (sha256) WHERE sha256 IS NOT NULL;

-- A file that its uploader may put into one row, once. `asked`: what a direct upload announced, until its content was looked at.
CREATE TABLE IF NOT EXISTS wangge.upload (
    file uuid PRIMARY KEY,
    account uuid NOT NULL,
    until timestamptz NOT NULL,
    bytes bigint NOT NULL,
    asked jsonb
);
CREATE INDEX IF NOT EXISTS upload_account ON wangge.upload (account);
CREATE INDEX IF NOT EXISTS upload_until ON wangge.upload (until);

GRANT SELECT, INSERT, DELETE ON wangge.object, wangge.upload TO wangge_app;
GRANT UPDATE (secret) ON wangge.object TO wangge_app;
GRANT UPDATE (bytes, asked) ON wangge.upload TO wangge_app;
