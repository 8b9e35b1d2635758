"""`wangge demo`: Guiyang with synthetic residents, units, accounts and tokens; deterministic by seed.

The tree is real (10 districts, 146 streets, 1,629 communities); grids, people, accounts and cases are made. Everybody is
visibly synthetic (promise 8). Rows go through `records.load`, as named system work. What is made follows from scale, seed and
day, which are stored first: a run that was killed is found half done, and the next one stores the rows that are missing.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from .crypto import Keys
from .demo_accounts import CITY_UNIT, DISTRICTS, holders, make_accounts, padded, write_accounts
from .errors import SettingsError
from .identity.accounts import enable_module
from .identity.trees import NewArea, NewUnit, Numbered, number_areas, number_units, store_areas, store_units
from .installation import seeds_of, store_missing
from .keys import keys_of
from .model.load import load_model
from .model.types import Model
from .modules.discover import discover, first_party_folder
from .modules.hooks import Hooks, start
from .records.records import Records
from .records.sealing import hash_of
from .runtime import Runtime
from .settings import Settings
from .sql.catalog import Catalog
from .store.pool import Pool
from .values import Actor, Area, City

KINDS = {"city": "city", "district": "district", "street": "township", "community": "community"}
GRIDS = {"T": 2, "S": 8, "M": 40, "L": 800, "XL": 6000}
"""grids per demonstration district (L: in one of them), but for XL: in the whole city. T is for tests."""
PER_COMMUNITY = 8
SINCE = dt.date(2020, 1, 1)
SCALE, SEED = "S", 20260101
"""the city that is made when nobody asks for another."""
ROWS_PER_GRID = 4640
"""about as many rows as a grid has in all tables; the bar of progress rests on it."""
LOCK = 7146004
BEGIN = "INSERT INTO wangge.demonstration (scale, seed, today) VALUES ($1, $2, $3)"
FINISH = "UPDATE wangge.demonstration SET finished_at = clock_timestamp()"
Progress = Callable[[str, int, int], None]
"""is told (entity, rows so far, rows in all, about)."""
Told = Callable[[str, int], None]
DEPARTMENTS = (
    ("urban_management", "城市管理局"),
    ("civil_affairs", "民政局"),
    ("governance", "政法委"),
    ("data", "大数据局"),
)
SYSTEM = Actor("system", "demonstration", reason="wangge demo", origin="command")


FILING = "casework.filing_condition"


class Begun(msgspec.Struct, frozen=True):
    """The city that a database holds, or holds half of: its rows follow from these three alone."""

    scale: str
    seed: int
    today: dt.date
    whole: bool = False


async def ensure(
    settings: Settings,
    runtime: Runtime,
    scale: str | None = None,
    seed: int | None = None,
    progress: Progress | None = None,
) -> bool:
    """Fill an empty database, or finish a city that was begun; False when a whole one is there already.

    None means: as it was begun, else `SCALE` and `SEED`. Raises SettingsError when another city was begun than is asked for.
    """
    found = discover(settings.modules)
    model = load_model([module.folder for module in found])
    keys = keys_of(settings)
    async with Pool(runtime.database, "app", size=4) as pool, _alone(pool):
        begun = await _begun(pool)
        if begun is None and await pool.fetchval("SELECT EXISTS (SELECT 1 FROM wangge.area)"):
            return False
        if begun is not None:
            if begun.whole:
                return False
            _check_same(begun, scale, seed)
        city = begun or Begun(scale or SCALE, SEED if seed is None else seed, dt.date.today())
        await make(settings, pool, model, start(found, model), keys, city, progress, resume=begun is not None)
    return True


async def make(
    settings: Settings,
    pool: Pool,
    model: Model,
    hooks: Hooks,
    keys: Keys,
    begun: Begun,
    progress: Progress | None = None,
    *,
    resume: bool = False,
) -> None:
    """Make the whole city in a database that has none, or with `resume` what is missing of it."""
    if begun.scale not in GRIDS:
        raise SettingsError("demo.unknown_scale", f'"{begun.scale}" is no scale: use {", ".join(GRIDS)}')
    divisions = read_divisions()
    grids = make_grids(divisions, begun.scale)
    units = make_units(divisions, grids)
    areas, stored = number_areas([*divisions, *grids]), number_units(units)
    if not resume:
        async with pool.transaction() as connection:
            await connection.execute(BEGIN, begun.scale, begun.seed, begun.today)
            await store_areas(connection, [*divisions, *grids], SINCE)
            await store_units(connection, units, areas)
            await _enable(connection, areas, begun.scale)
    records = Records(pool, Catalog(model, hash_of(keys)), hooks, keys)
    made = [_area(a, areas) for a in (*divisions, *grids)]
    city = City(areas=made, seed=begun.seed, scale=begun.scale, today=begun.today)
    told = _counted(progress, len(grids) * ROWS_PER_GRID)
    city.made["filing_conditions"] = [
        (row["code"], row["id"]) for seed in seeds_of(model) if seed.entity == FILING for row in seed.rows
    ]
    await store_missing(records, pool, model)
    await records.load_all(hooks.demonstration(city), SYSTEM, "demonstration", told, resume=resume)
    async with pool.transaction() as connection:
        accounts = await make_accounts(connection, keys, holders(divisions, grids), areas, stored)
        await connection.execute(FINISH)
        # Before the commit: a run that is killed in between makes the accounts and this file again.
        write_accounts(settings.home, accounts, {a.code: a.name for a in (*divisions, *grids)})


@asynccontextmanager
async def _alone(pool: Pool) -> AsyncIterator[None]:
    """Hold the lock of the demonstration; raises SettingsError while another process fills this database."""
    async with pool.connection() as connection:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
            raise SettingsError(
                "demo.busy", "another process is filling this database with a demonstration city: wait until it is done"
            )
        try:
            yield
        finally:
            if not connection.is_closed():
                await connection.fetchval("SELECT pg_advisory_unlock($1)", LOCK)


async def _begun(pool: Pool) -> Begun | None:
    """What this database holds of a demonstration."""
    row = await pool.fetchrow("SELECT scale, seed, today, finished_at FROM wangge.demonstration")
    return None if row is None else Begun(row["scale"], row["seed"], row["today"], row["finished_at"] is not None)


def _check_same(begun: Begun, scale: str | None, seed: int | None) -> None:
    """Raises SettingsError when another city is asked for than was begun."""
    if scale in (None, begun.scale) and seed in (None, begun.seed):
        return
    raise SettingsError(
        "demo.unfinished",
        f"this database holds an unfinished city of scale {begun.scale} and seed {begun.seed}: finish it with "
        f"`wangge demo --scale {begun.scale} --seed {begun.seed}`, or name another folder with WANGGE_HOME",
        scale=begun.scale,
        seed=begun.seed,
    )


def _counted(progress: Progress | None, expected: int) -> Told:
    """What the loads tell, (entity, rows of it so far), as (entity, rows so far, rows in all)."""
    rows: dict[str, int] = {}

    def told(entity: str, done: int) -> None:
        rows[entity] = done
        if progress is not None:
            so_far = sum(rows.values())
            progress(entity, so_far, max(expected, so_far))

    return told


def read_divisions() -> list[NewArea]:
    """Guiyang down to its communities, from the seed of `base`."""
    with open(first_party_folder() / "base" / "seed" / "areas_guiyang.csv", encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["level"] in KINDS]
    known = {row["code"] for row in rows}
    return [
        NewArea(
            padded(r["code"]),
            r["name"],
            KINDS[r["level"]],
            padded(r["parent_code"]) if r["parent_code"] in known else "",
        )
        for r in rows
    ]


def make_grids(divisions: list[NewArea], scale: str) -> list[NewArea]:
    """Grids below communities, eight each, as many as the scale has; codes are 12 + 2 + 2 digits."""
    communities = sorted((a for a in divisions if a.kind == "community"), key=lambda a: a.code)
    chosen: list[NewArea] = []
    starts = DISTRICTS if scale != "XL" else ("",)
    for district in DISTRICTS[:1] if scale == "L" else starts:
        inside = [c for c in communities if c.code.startswith(district)]
        chosen += inside[: -(-GRIDS[scale] // PER_COMMUNITY)]
    if scale == "L":
        chosen += [c for c in communities if c.code.startswith(DISTRICTS[1])][:1]
    return [
        NewArea(f"{c.code}{n:02d}00", f"{c.name}第{n}网格", "grid", c.code)
        for c in chosen
        for n in range(1, min(PER_COMMUNITY, GRIDS[scale]) + 1)
    ]


def make_units(divisions: list[NewArea], grids: list[NewArea]) -> list[NewUnit]:
    """City and district governments with their departments, street offices, and stations where there are grids."""
    root = next(a for a in divisions if a.kind == "city")
    found = [NewUnit(CITY_UNIT, f"{root.name}人民政府", "government", root.code)]
    found += [
        NewUnit(f"{CITY_UNIT}-{key}", f"{root.name}{name}", "department", root.code, CITY_UNIT)
        for key, name in DEPARTMENTS
    ]
    by_code = {a.code: a for a in divisions}
    for district in (a for a in divisions if a.kind == "district"):
        own = district.code[:6]
        found.append(NewUnit(own, f"{district.name}人民政府", "government", district.code, CITY_UNIT))
        found += [
            NewUnit(f"{own}-{key}", f"{district.name}{name}", "department", district.code, own)
            for key, name in DEPARTMENTS
        ]
    for code in sorted({g.parent for g in grids}):
        community = by_code[code]
        street = by_code[community.parent]
        office = NewUnit(f"{street.code}-office", f"{street.name}办事处", "street_office", street.code, street.code[:6])
        if office not in found:
            found.append(office)
        found.append(NewUnit(f"{code}-station", f"{community.name}网格服务站", "station", code, office.code))
    return found


def _area(area: NewArea, numbered: Mapping[str, Numbered]) -> Area:
    """An area as the hooks see it."""
    n = numbered[area.code]
    return Area(n.id, area.code, area.name, area.kind, n.ord, n.ord_end, n.parent, n.district)


async def _enable(connection: Any, areas: Mapping[str, Numbered], scale: str) -> None:
    """base and casework city-wide; urban management in the two districts only, so that a switch is seen."""
    for module in ("base", "casework"):
        await enable_module(connection, module, None)
    for district in DISTRICTS:
        await enable_module(connection, "urban_management", areas[padded(district)].id)
    if scale == "XL":
        await enable_module(connection, "urban_management", None)
