"""Areas and units as trees with numbers: nested intervals with gaps, so that a subtree is one range."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import msgspec

from ..model.dimensions import DISTRICT_KINDS

NAMESPACE = UUID("7d4c1c1e-3f0a-5d55-8f0e-51a9c0de0001")
SPARE = {
    "city": 0,
    "district": 4_000_000,
    "functional_zone": 4_000_000,
    "township": 60_000,
    "community": 1_600,
    "grid": 15,
    "micro_grid": 0,
}
"""kind -> numbers that stay free at the end of a subtree, for what is added later."""
AREA_COLUMNS = "id revision created_at updated_at area_id area_ord district_id code name kind parent ord ord_end valid_from".split()
UNIT_COLUMNS = (
    "id revision created_at updated_at area_id area_ord district_id code name kind parent ord ord_end".split()
)


class NewArea(msgspec.Struct, frozen=True):
    """An area that is to be: `code` has 12 digits, a grid's 16; `parent` is a code."""

    code: str
    name: str
    kind: str
    parent: str = ""


class NewUnit(msgspec.Struct, frozen=True):
    """A unit that is to be; `area` is the code of its area, `parent` the code of a unit."""

    code: str
    name: str
    kind: str
    area: str
    parent: str = ""


class Numbered(msgspec.Struct):
    """A node with its interval and the district that it lies in."""

    id: UUID
    ord: int
    ord_end: int
    district: UUID | None
    parent: UUID | None


def stable_id(kind: str, code: str) -> UUID:
    """The id of an area or unit that is imported by its code: the same in every deployment, shaped as a uuidv7."""
    raw = uuid.uuid5(NAMESPACE, f"{kind}:{code}").int
    return UUID(int=(raw & ~(0xF << 76) & ~(0x3 << 62)) | (0x7 << 76) | (0b10 << 62))


def children_of(nodes: Iterable[Any]) -> dict[str, list[Any]]:
    """Parent code -> children in order of code."""
    found: dict[str, list[Any]] = {}
    for node in sorted(nodes, key=lambda n: n.code):
        found.setdefault(node.parent, []).append(node)
    return found


def number_areas(areas: Iterable[NewArea]) -> dict[str, Numbered]:
    """Code -> interval: depth first, in order of code, with spare numbers at the end of each subtree; the root begins at 1."""
    below = children_of(areas)
    found: dict[str, Numbered] = {}

    def visit(area: NewArea, at: int, parent: UUID | None, district: UUID | None) -> int:
        own = stable_id("area", area.code)
        inside = own if area.kind in DISTRICT_KINDS else district
        node = found[area.code] = Numbered(own, at, at, inside, parent)
        for child in below.get(area.code, ()):
            at = visit(child, at + 1, own, inside)
        node.ord_end = at + SPARE.get(area.kind, 0)
        return node.ord_end

    for root in below.get("", ()):
        visit(root, 1, None, None)
    return found


def number_units(units: Iterable[NewUnit]) -> dict[str, Numbered]:
    """Code -> interval of a unit; 100 numbers stay free at the end of each subtree."""
    below = children_of(units)
    found: dict[str, Numbered] = {}

    def visit(unit: NewUnit, at: int, parent: UUID | None) -> int:
        own = stable_id("unit", unit.code)
        node = found[unit.code] = Numbered(own, at, at, None, parent)
        for child in below.get(unit.code, ()):
            at = visit(child, at + 1, own)
        node.ord_end = at + 100
        return node.ord_end

    at = 0
    for root in below.get("", ()):
        at = visit(root, at + 1, None)
    return found


async def store_areas(connection: Any, areas: list[NewArea], since: dt.date) -> dict[str, Numbered]:
    """Store a whole area tree, parents before children, inside the caller's transaction; code -> interval."""
    numbered = number_areas(areas)
    now = dt.datetime.now(dt.UTC)
    rows = []
    for area in sorted(areas, key=lambda a: numbered[a.code].ord):
        n = numbered[area.code]
        rows.append(
            (
                n.id,
                1,
                now,
                now,
                n.id,
                n.ord,
                n.district,
                area.code,
                area.name,
                area.kind,
                n.parent,
                n.ord,
                n.ord_end,
                since,
            )
        )
    await connection.copy_records_to_table("area", schema_name="wangge", columns=AREA_COLUMNS, records=rows)
    await connection.fetchval("SELECT wangge.touch('area', 'areas')")
    return numbered


async def store_units(connection: Any, units: list[NewUnit], areas: Mapping[str, Numbered]) -> dict[str, Numbered]:
    """Store a whole tree of units inside the caller's transaction; code -> interval."""
    numbered = number_units(units)
    now = dt.datetime.now(dt.UTC)
    rows = []
    for unit in sorted(units, key=lambda u: numbered[u.code].ord):
        n, area = numbered[unit.code], areas[unit.area]
        rows.append(
            (
                n.id,
                1,
                now,
                now,
                area.id,
                area.ord,
                area.district,
                unit.code,
                unit.name,
                unit.kind,
                n.parent,
                n.ord,
                n.ord_end,
            )
        )
    await connection.copy_records_to_table("unit", schema_name="wangge", columns=UNIT_COLUMNS, records=rows)
    return numbered
