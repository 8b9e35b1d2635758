-- Which nightly jobs were put into the queue for which night (events/jobs.py): each once, however many processes look.
CREATE TABLE IF NOT EXISTS wangge.nightly (
    job text COLLATE "C" NOT NULL,
    day date NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (job, day)
);
GRANT SELECT, INSERT ON wangge.nightly TO wangge_app;
