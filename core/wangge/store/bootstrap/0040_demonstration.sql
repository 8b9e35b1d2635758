-- Which demonstration city this database holds, and whether it is whole: a run that was killed is found here and continued.
CREATE TABLE IF NOT EXISTS wangge.demonstration (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    scale text COLLATE "C" NOT NULL,
    seed bigint NOT NULL,
    today date NOT NULL,
    begun_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz
);
GRANT SELECT, INSERT (scale, seed, today), UPDATE (finished_at) ON wangge.demonstration TO wangge_app;
