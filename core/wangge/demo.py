"""`wangge demo`: Guiyang with synthetic residents, units, accounts and tokens; deterministic by seed.

The tree is real (10 districts, 146 streets, 1,629 communities); grids, people, accounts and cases are made. Everybody is
visibly synthetic (promise 8). Rows go through `records.load`, as named system work.
"""

from __future__ import annotations

import csv
import datetime as dt
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from .crypto import Keys, hash_password, load_keys
from .errors import SettingsError
from .identity.accounts import create_account, create_post, enable_module
from .identity.tokens import create_token
from .identity.trees import NewArea, NewUnit, Numbered, stable_id, store_areas, store_units
from .model.load import load_model
from .model.types import Model
from .modules.discover import discover, first_party_folder
from .modules.hooks import Hooks, start
from .records.records import Records
from .records.sealing import hash_of
from .runtime import load_runtime
from .settings import Settings
from .sql.catalog import Catalog
from .store.database import Database
from .store.pool import Pool
from .values import Actor, Area, City

DISTRICTS = ("520102", "520103")
"""the two districts of the demonstration: Nanming and Yunyan."""
KINDS = {"city": "city", "district": "district", "street": "township", "community": "community"}
GRIDS = {"T": 2, "S": 8, "M": 40, "L": 800, "XL": 6000}
"""grids per demonstration district (L: in one of them), but for XL: in the whole city. T is for tests."""
PER_COMMUNITY = 8
SINCE = dt.date(2020, 1, 1)
Progress = Callable[[str, int], None]
DEPARTMENTS = (
    ("urban_management", "城市管理局"),
    ("civil_affairs", "民政局"),
    ("governance", "政法委"),
    ("data", "大数据局"),
)
CITY_UNIT = "GY"
SYSTEM = Actor("system", "demonstration", reason="wangge demo")


class Holder(msgspec.Struct, frozen=True):
    """One demonstration account before it is made."""

    login: str
    name: str
    role: str
    unit: str
    area: str
    resident: bool = False


async def ensure(settings: Settings, scale: str = "S", seed: int = 20260101, progress: Progress | None = None) -> bool:
    """Fill an empty database; False when a city is there already."""
    runtime = load_runtime(settings)
    found = discover(settings.modules)
    model = load_model([module.folder for module in found])
    keys = load_keys(settings.home, settings.key_file)
    async with Pool(runtime.database, "app", size=4) as pool:
        if await pool.fetchval("SELECT EXISTS (SELECT 1 FROM wangge.area)"):
            return False
        await make(settings, runtime.database, pool, model, start(found, model), keys, scale, seed, progress)
    return True


async def make(
    settings: Settings,
    database: Database,
    pool: Pool,
    model: Model,
    hooks: Hooks,
    keys: Keys,
    scale: str,
    seed: int,
    progress: Progress | None = None,
) -> None:
    """Make the whole city in a database that has none."""
    if scale not in GRIDS:
        raise SettingsError("demo.unknown_scale", f'"{scale}" is no scale: use {", ".join(GRIDS)}')
    divisions = read_divisions()
    grids = make_grids(divisions, scale)
    units = make_units(divisions, grids)
    async with pool.transaction() as connection:
        areas = await store_areas(connection, [*divisions, *grids], SINCE)
        stored = await store_units(connection, units, areas)
        await _enable(connection, areas, scale)
    records = Records(pool, Catalog(model, hash_of(keys)), hooks, keys)
    city = City(areas=[_area(a, areas) for a in (*divisions, *grids)], seed=seed, scale=scale, today=dt.date.today())
    await _seed(records, model, hooks, city, progress)
    await records.load_all(hooks.demonstration(city), SYSTEM, "demonstration", progress)
    await _accounts(settings, pool, keys, divisions, grids, areas, stored)


def padded(code: str) -> str:
    """A division code with 12 digits."""
    return code.ljust(12, "0")


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


async def _seed(records: Records, model: Model, hooks: Hooks, city: City, progress: Progress | None) -> None:
    """The `seed/<entity>.csv` of every module, by key; conditions for filing are told to the later hooks."""
    for module in hooks.order:
        folder = Path(model.modules[module].folder) if model.modules[module].folder else first_party_folder() / module
        for file in sorted((folder / "seed").glob("*.csv")):
            entity = file.stem if "." in file.stem else f"{module}.{file.stem}"
            if entity in model.entities:
                rows = list(_seed_rows(model, entity, file))
                await records.load(entity, [rows], SYSTEM, "seed", _told(progress, entity))
                city.made.setdefault(entity, []).extend((row["code"], row["id"]) for row in rows if "code" in row)
    city.made["filing_conditions"] = city.made.get("casework.filing_condition", [])


def _seed_rows(model: Model, entity: str, file: Path) -> Iterator[dict[str, Any]]:
    """The rows of a seed file: ids from the key, numbers as numbers."""
    fields = {f.name: f for f in model.fields_of(entity).values()}
    key = model.entities[entity].unique[0].fields
    with open(file, encoding="utf-8", newline="") as opened:
        for row in csv.DictReader(opened):
            made: dict[str, Any] = {"id": str(stable_id(entity, "|".join(row[fields_name(fields, k)] for k in key)))}
            for name, text in row.items():
                if text:
                    made[fields[name].id] = int(text) if fields[name].kind == "integer" else text
            yield made


def fields_name(fields: Mapping[str, Any], field_id: str) -> str:
    """The present name of a field id."""
    return next((name for name, field in fields.items() if field.id == field_id), field_id)


def _told(progress: Progress | None, entity: str) -> Callable[[int], None] | None:
    """Progress of one entity."""
    return None if progress is None else lambda done: progress(entity, done)


def holders(divisions: list[NewArea], grids: list[NewArea]) -> list[Holder]:
    """The demonstration accounts: one of each kind of user."""
    root = next(a for a in divisions if a.kind == "city")
    found = [
        Holder("city-admin", "测试市级管理员", "city_admin", CITY_UNIT, root.code),
        Holder("system-admin", "测试系统管理员", "system_admin", f"{CITY_UNIT}-data", root.code),
        Holder("security-admin", "测试安全管理员", "security_admin", f"{CITY_UNIT}-data", root.code),
        Holder("audit-admin", "测试审计管理员", "audit_admin", f"{CITY_UNIT}-data", root.code),
        Holder(
            "city-urban-management",
            "测试市城管局",
            "urban_management_officer",
            f"{CITY_UNIT}-urban_management",
            root.code,
        ),
    ]
    names = {"520102": "nanming", "520103": "yunyan"}
    for district in DISTRICTS:
        own = sorted((g for g in grids if g.code.startswith(district)), key=lambda g: g.code)
        short, code, station = names[district], padded(district), f"{own[0].parent}-station"
        found += [
            Holder(f"{short}-admin", "测试区级管理员", "district_admin", district, code),
            Holder(
                f"{short}-urban-management",
                "测试区城管局",
                "urban_management_officer",
                f"{district}-urban_management",
                code,
            ),
            Holder(
                f"{short}-civil-affairs", "测试区民政局", "civil_affairs_officer", f"{district}-civil_affairs", code
            ),
            Holder(f"{short}-station", "测试站点人员", "station_clerk", station, own[0].parent),
            Holder(f"{short}-grid-1", "测试网格员甲", "grid_staff", station, own[0].code),
            Holder(f"{short}-grid-2", "测试网格员乙", "grid_staff", station, own[1].code),
            Holder(f"{short}-resident", "测试居民", "resident", station, code, resident=True),
        ]
    return found


async def _accounts(
    settings: Settings,
    pool: Pool,
    keys: Keys,
    divisions: list[NewArea],
    grids: list[NewArea],
    areas: Mapping[str, Numbered],
    units: Mapping[str, Numbered],
) -> None:
    """Store the accounts and write `demo-accounts.json` (0600): the only place where their tokens and passwords stand."""
    names = {a.code: a.name for a in (*divisions, *grids)}
    made = []
    for holder in holders(divisions, grids):
        password = secrets.token_urlsafe(9)
        async with pool.transaction() as connection:
            person = await _resident_of(connection, areas[holder.area].id) if holder.resident else None
            area, unit = areas[holder.area].id, units[holder.unit].id
            account = await create_account(connection, holder.login, holder.name, area, person=person)
            await create_post(connection, account, holder.role, unit, area)
            await connection.execute(
                "INSERT INTO wangge.secret (owner_id, kind, value) VALUES ($1, 'password', $2)",
                account,
                hash_password(password),
            )
            token = await create_token(connection, keys, account, label="demo")
        made.append(
            {
                "account": holder.login,
                "role": holder.role,
                "unit": holder.unit,
                "area_code": holder.area,
                "area_name": names[holder.area],
                "token": token,
                "password": password,
            }
        )
    _write_private(settings.home / "demo-accounts.json", msgspec.json.format(msgspec.json.encode(made), indent=1))


async def _resident_of(connection: Any, district: UUID) -> UUID | None:
    """A resident of a district: the person of the first dwelling."""
    found: UUID | None = await connection.fetchval(
        "SELECT id FROM base.person WHERE district_id = $1 AND removed_at IS NULL ORDER BY id LIMIT 1", district
    )
    return found


def _write_private(path: Path, body: bytes) -> None:
    """A file that only its owner may read, replaced in one step."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(".tmp")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(body)
    draft.replace(path)
