"""Count the cubes anew: one statement counts the rows, the small cells are found, and what may be shown is stored.

All of a cube is stored in one transaction, so the old one answers until the new one is whole; a rebuild that was killed is
simply done again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec

from ..identity.loading import RULES, rule_of
from ..sql.catalog import Catalog
from .counting import Counted, Row, count, domain, statement
from .places import AREAS, Places, places
from .wanted import Wanted, wanted

LOCK = 7146009
CODES = "SELECT code FROM wangge.code_value WHERE table_name = $1 AND removed_at IS NULL ORDER BY sort, code LIMIT $2"
MOST_CODES = 200
"""of a larger table those codes are listed that occur."""
REPLACE = """INSERT INTO wangge.cube (entity, generation, model, dimensions, cells, hidden) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (entity) DO UPDATE SET generation = excluded.generation, built_at = clock_timestamp(), model = excluded.model,
  dimensions = excluded.dimensions, cells = excluded.cells, hidden = excluded.hidden"""
CELL = """INSERT INTO wangge.cube_cell (generation, fields, area, direct, key, count, measures)
SELECT $1, x.* FROM jsonb_to_recordset($2::jsonb) AS x(fields text, area uuid, direct boolean, key text[], count bigint, measures jsonb)"""
KNOWN = "SELECT generation FROM wangge.cube WHERE entity = $1 AND dimensions = $2::jsonb"
SHOWN = "SELECT fields, area, direct, key FROM wangge.cube_cell WHERE generation = $1"
AT_ONCE = 5000
"""cells of one INSERT."""
VALUE = "INSERT INTO wangge.cube_value (generation, field, value, ord) SELECT $1, $2, x.v, x.n FROM unnest($3::text[]) WITH ORDINALITY x(v, n)"
DIRECT = "INSERT INTO wangge.cube_direct (generation, area) SELECT $1, unnest($2::uuid[])"
TABLES = ("cube_value", "cube_direct", "cube_cell")


class Rebuilt(msgspec.Struct, frozen=True):
    """What a rebuild came to."""

    entity: str
    rows: int
    shown: int
    hidden: int


class Cubes:
    """The cubes that the stored rules ask for."""

    def __init__(self, pool: Any, catalog: Catalog) -> None:
        self._pool = pool
        self._catalog = catalog

    async def rebuild(self) -> list[Rebuilt]:
        """Build every cube anew, and take away those that no rule asks for any more."""
        rules = [rule_of(row) for row in await self._pool.fetch(RULES)]
        cubes = wanted(self._catalog.model, rules)
        done = [await self._one(cube) for cube in cubes]
        await self._forget([cube.entity for cube in cubes])
        return done

    async def _one(self, cube: Wanted) -> Rebuilt:
        """One cube: read in one snapshot, counted in a thread, stored in one transaction."""
        async with self._pool.transaction(isolation="repeatable_read", readonly=True) as connection:
            areas = self._catalog.model.root_scope(cube.entity).kind != "city"
            where = places(await connection.fetch(AREAS), cube.level, areas=areas)
            rows = [Row(*row.values()) for row in await connection.fetch(*statement(self._catalog, cube))]
            codes = [await self._codes(connection, cube, n) for n in range(len(cube.dimensions))]
            last = await self._last(connection, cube)
        domains = [domain(self._catalog, cube, n, rows, known) for n, known in enumerate(codes)]
        counted = await asyncio.to_thread(count, cube, where, domains, rows, last)
        await self._store(cube, where, domains, counted)
        return Rebuilt(cube.entity, counted.rows, len(counted.shown), counted.hidden)

    async def _last(self, connection: Any, cube: Wanted) -> set[tuple[Any, ...]] | None:
        """The cells that are shown now; None where there is no cube by these dimensions."""
        known = await connection.fetchval(KNOWN, cube.entity, msgspec.to_builtins(cube.dimensions))
        if known is None:
            return None
        rows = await connection.fetch(SHOWN, known)
        return {(row["fields"], str(row["area"]), row["direct"], tuple(row["key"])) for row in rows}

    async def _codes(self, connection: Any, cube: Wanted, n: int) -> list[str]:
        """The codes of a coded dimension."""
        field = self._catalog.field(cube.entity, cube.dimensions[n].field)
        if field.kind != "code":
            return []
        found = [row[0] for row in await connection.fetch(CODES, field.table, MOST_CODES + 1)]
        return found if len(found) <= MOST_CODES else []

    async def _store(self, cube: Wanted, where: Places, domains: list[list[str | None]], counted: Counted) -> None:
        """Put the new generation in the place of the old one."""
        async with self._pool.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
            old = await connection.fetchval("SELECT generation FROM wangge.cube WHERE entity = $1", cube.entity)
            new = await connection.fetchval("SELECT nextval('wangge.cube_generation')")
            for one, values in zip(cube.dimensions, domains, strict=True):
                await connection.execute(VALUE, new, one.field, values)
            await connection.execute(DIRECT, new, [where.ids[node] for node in sorted(counted.direct)])
            for cells in _batches(counted.shown):
                await connection.execute(CELL, new, cells)
            told = msgspec.to_builtins(cube.dimensions)
            version = self._catalog.model.version
            await connection.execute(REPLACE, cube.entity, new, version, told, len(counted.shown), counted.hidden)
            await _drop(connection, old)

    async def _forget(self, entities: list[str]) -> None:
        """Take the other cubes away."""
        async with self._pool.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
            gone = "DELETE FROM wangge.cube WHERE NOT entity = ANY($1::text[]) RETURNING generation"
            for row in await connection.fetch(gone, entities):
                await _drop(connection, row["generation"])


async def _drop(connection: Any, generation: int | None) -> None:
    """Delete a generation."""
    for table in TABLES if generation is not None else ():
        await connection.execute(f"DELETE FROM wangge.{table} WHERE generation = $1", generation)


def _batches(cells: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The cells in parts."""
    for start in range(0, len(cells), AT_ONCE):
        yield cells[start : start + AT_ONCE]
