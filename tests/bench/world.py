"""The bench city inside Wangge: its areas, the least privileged caller, and the harness's rows in Wangge's own tables."""

from __future__ import annotations

import datetime as dt
import subprocess
from typing import Any
from uuid import UUID

from wangge.crypto import load_keys
from wangge.identity.accounts import create_account, create_post, enable_module
from wangge.identity.tokens import create_token
from wangge.identity.trees import AREA_COLUMNS, NewArea, NewUnit, Numbered, number_areas, store_units
from wangge.settings import Settings
from wangge.store.connection import connect
from wangge.store.database import Database
from wangge.store.embedded import EmbeddedPostgres
from wangge.store.pool import Pool

DISTRICTS, COMMUNITIES, CELLS = 10, 200, 5000
LOGIN, ROLE = "bench-district-1", "grid_staff"
WANGGE, DATASET = "wangge", "bench"
CITY = "990000000000"
SYSTEM = "id, revision, created_at, updated_at, area_id, area_ord, district_id"
"""the columns that every table of the module has; the rows of the harness have no age, but for persons."""
PLACED = "1, '2026-01-01+08'::timestamptz, {updated}, a.area_id, a.area_ord, a.district_id"
ROWS: dict[str, tuple[str, str, str]] = {
    "community": ("name", "t.name", "community t JOIN wg.community_area a ON a.number = t.id"),
    "grid_cell": (
        "community, code, name",
        "uid(t.community_id), t.code, t.name",
        "grid_cell t JOIN wg.cell_area a ON a.number = t.id",
    ),
    "house": (
        "cell, address, kind",
        "uid(t.grid_cell_id), t.address, t.kind",
        "house t JOIN wg.cell_area a ON a.number = t.grid_cell_id",
    ),
    "person": (
        "house, cell, name, id_number, sex, birth_date, phone, residency_type, registered_at",
        "uid(t.house_id), uid(t.grid_cell_id), t.name, t.id_number, t.sex, t.birth_date, t.phone, t.residency_type, t.registered_at",
        "person t JOIN wg.cell_area a ON a.number = t.grid_cell_id",
    ),
    "case_report": (
        "cell, category, status, title, reported_at, due_at, closed_at, place_lon, place_lat",
        "uid(t.grid_cell_id), t.category, t.status, t.title, t.reported_at, t.due_at, t.closed_at, t.lon, t.lat",
        "case_report t JOIN wg.cell_area a ON a.number = t.grid_cell_id",
    ),
}
"""table -> (its own columns, their values from the harness's row `t`, that row with its area `a`)."""


def district_of(community: int) -> int:
    """The harness's arithmetic (dataset.py)."""
    return (community - 1) % DISTRICTS + 1


def community_of(cell: int) -> int:
    """The harness's arithmetic (dataset.py)."""
    return (cell - 1) % COMMUNITIES + 1


def community_code(number: int) -> str:
    """A code of twelve digits, as real ones have."""
    return f"99{district_of(number):04d}{number:06d}"


def cell_code(number: int) -> str:
    """A code of sixteen digits, as real grids have."""
    return f"{community_code(community_of(number))}{number:04d}"


def areas() -> list[NewArea]:
    """A city with ten districts, their communities and grids."""
    found = [NewArea(CITY, "Bench", "city")]
    found += [NewArea(f"99{n:04d}000000", f"District {n}", "district", CITY) for n in range(1, DISTRICTS + 1)]
    for n in range(1, COMMUNITIES + 1):
        found.append(NewArea(community_code(n), f"Community {n}", "community", f"99{district_of(n):04d}000000"))
    for n in range(1, CELLS + 1):
        found.append(NewArea(cell_code(n), f"Grid {n}", "grid", community_code(community_of(n))))
    return found


def numbered() -> dict[str, Numbered]:
    """The areas in their tree; that of a grid has the id of the cell, which the harness uses as a caller would: for both."""
    found = number_areas(areas())
    for n in range(1, CELLS + 1):
        found[cell_code(n)].id = row_id(n)
    return found


def row_id(number: int) -> UUID:
    """The id of row `number` of any table, as the harness has it."""
    return UUID(f"00000000-0000-7000-8000-{number:012x}")


async def settle_city(database: Database) -> dict[str, Numbered]:
    """Store the areas, one unit and the caller, and switch the module on; code -> area."""
    stored = numbered()
    async with Pool(database, "app", size=2) as pool, pool.transaction() as connection:
        await _store_areas(connection, stored)
        first = "990001000000"
        units = await store_units(connection, [NewUnit("BENCH", "Bench station", "station", first)], stored)
        for module in ("base", "bench"):
            await enable_module(connection, module, None)
        account = await create_account(connection, LOGIN, "Bench", stored[first].id)
        await create_post(connection, account, ROLE, units["BENCH"].id, stored[first].id)
    return stored


async def _store_areas(connection: Any, stored: dict[str, Numbered]) -> None:
    """As `store_areas` does, which makes the ids itself."""
    now, since = dt.datetime.now(dt.UTC), dt.date(2020, 1, 1)
    rows = []
    for area in areas():
        n = stored[area.code]
        place = (n.id, n.ord, n.district)
        rows.append((n.id, 1, now, now, *place, area.code, area.name, area.kind, n.parent, n.ord, n.ord_end, since))
    await connection.copy_records_to_table("area", schema_name="wangge", columns=AREA_COLUMNS, records=rows)
    await connection.fetchval("SELECT wangge.touch('area', 'areas')")


async def new_token(settings: Settings, database: Database) -> str:
    """A token of the caller."""
    async with Pool(database, "app", size=1) as pool, pool.transaction() as connection:
        account = await connection.fetchval("SELECT id FROM wangge.account WHERE login = $1", LOGIN)
        return await create_token(connection, load_keys(settings.home, settings.key_file), account, label="bench")


async def place_rows(server: EmbeddedPostgres, stored: dict[str, Numbered]) -> None:
    """Tell the harness's database which area each community and each cell is."""
    connection = await connect(server.database(DATASET), "admin")
    await connection.execute("DROP SCHEMA IF EXISTS wg CASCADE; CREATE SCHEMA wg")
    numbers = {
        "community_area": {n: community_code(n) for n in range(1, COMMUNITIES + 1)},
        "cell_area": {n: cell_code(n) for n in range(1, CELLS + 1)},
    }
    for table, codes in numbers.items():
        await connection.execute(
            f"CREATE TABLE wg.{table} (number int PRIMARY KEY, area_id uuid, area_ord int, district_id uuid)"
        )
        rows = [(n, a.id, a.ord, a.district) for n, code in codes.items() if (a := stored[code])]
        await connection.copy_records_to_table(table, schema_name="wg", records=rows)
    await connection.close()


async def load_rows(server: EmbeddedPostgres) -> None:
    """Copy every row of the harness into the module's tables: indexes are built after, foreign keys are not asked."""
    connection = await connect(server.database(WANGGE), "admin")
    for table, (columns, values, source) in ROWS.items():
        kept = await connection.fetch(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'bench' AND tablename = $1 "
            "AND indexname <> $1 || '_pkey'",
            table,
        )
        for row in kept:
            await connection.execute(f'DROP INDEX bench."{row["indexname"]}"')
        placed = PLACED.format(updated="t.updated_at" if table == "person" else "'2026-01-01+08'::timestamptz")
        _copy(
            server,
            f"SELECT uid(t.id), {placed}, {values} FROM {source} ORDER BY t.id",
            f"bench.{table} ({SYSTEM}, {columns})",
        )
        for row in kept:
            await connection.execute(row["indexdef"])
        await connection.execute(f"VACUUM (ANALYZE) bench.{table}")
    await connection.close()


def _copy(server: EmbeddedPostgres, query: str, target: str) -> None:
    """One COPY from the harness's database into Wangge's. Raises CalledProcessError."""
    given = ["-v", "ON_ERROR_STOP=1", "-q", "-c"]
    out = [
        *server.psql(DATASET, "admin"),
        *given,
        f"SET search_path = public; COPY ({query}) TO STDOUT (FORMAT binary)",
    ]
    into = [*server.psql(WANGGE, "admin"), *given, "SET session_replication_role = replica"]
    into += ["-c", f"COPY {target} FROM STDIN (FORMAT binary)"]
    with subprocess.Popen(out, stdout=subprocess.PIPE) as reader:
        subprocess.run(into, stdin=reader.stdout, check=True)
    if reader.returncode:
        raise subprocess.CalledProcessError(reader.returncode, out[0])


async def rows_of(database: Database) -> dict[str, Any]:
    """How many rows each table holds, so that the result can say so."""
    connection = await connect(database, "admin")
    found = {table: await connection.fetchval(f"SELECT count(*) FROM bench.{table}") for table in ROWS}
    await connection.close()
    return found
