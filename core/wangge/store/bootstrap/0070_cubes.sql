-- Cubes of entities whose aggregates are given without rows (PERMISSIONS.md 3, core/decisions/0013). Only cells that may be
-- shown are stored, so a hidden count stands nowhere. A rebuild writes a new generation and takes the old one away at its end.
-- Idempotent; run as wangge_owner.
CREATE TABLE IF NOT EXISTS wangge.cube (
    entity text COLLATE "C" PRIMARY KEY,
    generation bigint NOT NULL,
    built_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    model text COLLATE "C" NOT NULL,
    dimensions jsonb NOT NULL,               -- [{field, unit, bands}]: what it was built by
    cells bigint NOT NULL,
    hidden bigint NOT NULL
);
CREATE SEQUENCE IF NOT EXISTS wangge.cube_generation;

-- What a dimension may be: the groups of a question are these, whether a cell is shown or not.
CREATE TABLE IF NOT EXISTS wangge.cube_value (
    generation bigint NOT NULL,
    field text COLLATE "C" NOT NULL,
    value text COLLATE "C",                  -- null: rows without one
    ord integer NOT NULL
);
CREATE INDEX IF NOT EXISTS cube_value_of ON wangge.cube_value (generation, field, ord);

-- Areas in which rows lie directly, in none of the areas below it.
CREATE TABLE IF NOT EXISTS wangge.cube_direct (
    generation bigint NOT NULL,
    area uuid NOT NULL,
    PRIMARY KEY (generation, area)
);

CREATE TABLE IF NOT EXISTS wangge.cube_cell (
    generation bigint NOT NULL,
    fields text COLLATE "C" NOT NULL,        -- the fields that have a value, in order, with commas
    area uuid NOT NULL,                      -- all zeros for an entity without areas
    direct boolean NOT NULL,                 -- only the rows that lie directly in the area
    key text[] COLLATE "C" NOT NULL,         -- the values of the fields
    count bigint NOT NULL,
    measures jsonb                           -- {field: [sum, number of values]} of those that may be shown
);
CREATE UNIQUE INDEX IF NOT EXISTS cube_cell_of ON wangge.cube_cell (generation, fields, area, direct, key);
GRANT SELECT, INSERT, UPDATE, DELETE ON wangge.cube TO wangge_app;
GRANT SELECT, INSERT, DELETE ON wangge.cube_value, wangge.cube_direct, wangge.cube_cell TO wangge_app;
GRANT USAGE ON SEQUENCE wangge.cube_generation TO wangge_app;
