"""The accounts of the demonstration city: one of each kind of user, and the file with their tokens and passwords."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from .crypto import Keys, hash_password
from .identity.accounts import create_account, create_post
from .identity.tokens import create_token
from .identity.trees import NewArea, Numbered

DISTRICTS = ("520102", "520103")
"""the two districts of the demonstration: Nanming and Yunyan."""
CITY_UNIT = "GY"


class Holder(msgspec.Struct, frozen=True):
    """One demonstration account before it is made."""

    login: str
    name: str
    role: str
    unit: str
    area: str
    resident: bool = False


def padded(code: str) -> str:
    """A division code with 12 digits."""
    return code.ljust(12, "0")


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


async def make_accounts(
    connection: Any,
    keys: Keys,
    wanted: list[Holder],
    areas: Mapping[str, Numbered],
    units: Mapping[str, Numbered],
) -> list[tuple[Holder, str, str]]:
    """Store the accounts inside the caller's transaction; each with its token and password, which stand nowhere else."""
    made = []
    for holder in wanted:
        password = secrets.token_urlsafe(9)
        person = await _resident_of(connection, areas[holder.area].id) if holder.resident else None
        area, unit = areas[holder.area].id, units[holder.unit].id
        account = await create_account(connection, holder.login, holder.name, area, person=person)
        await create_post(connection, account, holder.role, unit, area)
        await connection.execute(
            "INSERT INTO wangge.secret (owner_id, kind, value) VALUES ($1, 'password', $2)",
            account,
            hash_password(password),
        )
        made.append((holder, await create_token(connection, keys, account, label="demo"), password))
    return made


def write_accounts(home: Path, made: list[tuple[Holder, str, str]], names: Mapping[str, str]) -> None:
    """Write `demo-accounts.json` (0600); `names` are those of the areas by code."""
    rows = [
        {
            "account": holder.login,
            "role": holder.role,
            "unit": holder.unit,
            "area_code": holder.area,
            "area_name": names[holder.area],
            "token": token,
            "password": password,
        }
        for holder, token, password in made
    ]
    _write_private(home / "demo-accounts.json", msgspec.json.format(msgspec.json.encode(rows), indent=1))


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
