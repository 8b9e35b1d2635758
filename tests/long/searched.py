"""0.9 M persons and 120,000 rooms beside a served demonstration city, and 100 searches with the row that each is after."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from wangge.model.pinyin import Spelt, spelt
from wangge.values import uuid7
from wangge_base.people import person_name

PERSONS, ROOMS, BATCH = 900_000, 120_000, 50_000
AREAS = """SELECT a.id, a.ord, a.district_id, d.code FROM wangge.area a JOIN wangge.area d ON d.id = a.district_id
WHERE a.kind = 'grid' ORDER BY a.code"""
OF_PERSONS = ("id", "area_id", "area_ord", "district_id", "name", "name_sort", "name_pinyin", "name_initials", "sex")
OF_AREAS = ("row_id", "area_id", "area_ord", "district_id", "via", "sort")
OF_ROOMS = ("id", "area_id", "area_ord", "district_id", "building", "number", "address")
PLACES = (
    "花果园",
    "未来方舟",
    "中天花园",
    "金阳新区",
    "观山湖",
    "龙湾国际",
    "兴关路",
    "云岩大道",
    "市南路",
    "甲秀小区",
)
RARE = "欧阳 司徒 上官 诸葛 尉迟 单于 澹台 令狐".split()
GIVEN = "曦珩烨翎蔚琛瑄懿霁黛"


class Prepared(NamedTuple):
    """What is typed, in which list, and the row that is wanted."""

    kind: str
    plural: str
    typed: str
    wanted: UUID


async def fill(owner: asyncpg.Connection, seed: int = 11) -> list[Prepared]:
    """Store the rows, four of five in the first district; the prepared searches: 20 of each kind."""
    chance = random.Random(seed)
    grids = await owner.fetch(AREAS)
    first = [grid for grid in grids if grid["code"].startswith("520102")]
    others = [grid for grid in grids if grid not in first]
    buildings = {
        row["area_id"]: row["id"]
        for row in await owner.fetch("SELECT DISTINCT ON (area_id) area_id, id FROM base.building")
    }
    known: dict[str, Spelt] = {}

    def person(name: str, row: UUID, grid: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        read = known.setdefault(name, spelt(name))
        place = (grid["id"], grid["ord"], grid["district_id"])
        own = (row, *place, name, read.sort, read.full, read.initials, chance.choice("12"))
        return own, (row, *place, "home", read.sort)

    prepared = list(_prepared(chance))
    planted = [(one, name) for one, name in prepared if one.plural == "persons"]
    rows = [person(name, one.wanted, chance.choice(first)) for one, name in planted]
    for _ in range(PERSONS - len(rows)):
        rows.append(person(person_name(chance), uuid7(), chance.choice(first if chance.random() < 0.8 else others)))
        if len(rows) == BATCH:
            await _store(owner, rows)
            rows = []
    if rows:
        await _store(owner, rows)
    await _rooms(owner, chance, first, buildings, [(one, text) for one, text in prepared if one.plural == "rooms"])
    await owner.execute("VACUUM (ANALYZE) base.person, base.person_area, base.room")
    return [one for one, _ in prepared]


async def _store(owner: asyncpg.Connection, rows: list[tuple[tuple[Any, ...], tuple[Any, ...]]]) -> None:
    """Persons and their areas."""
    own, areas = zip(*rows, strict=True)
    await owner.copy_records_to_table("person", schema_name="base", records=own, columns=OF_PERSONS)
    await owner.copy_records_to_table("person_area", schema_name="base", records=areas, columns=OF_AREAS)


async def _rooms(
    owner: asyncpg.Connection, chance: random.Random, grids: list[Any], buildings: dict[UUID, UUID], wanted: list[Any]
) -> None:
    """Rooms with the addresses of large estates, the wanted ones among them."""
    usable = [grid for grid in grids if grid["id"] in buildings]
    addresses = [(one.wanted, text) for one, text in wanted]
    taken = {text for _, text in addresses}
    while len(addresses) < ROOMS:
        text = _address(chance)
        if text not in taken:
            addresses.append((uuid7(), text))
    records = []
    for row, text in addresses:
        grid = chance.choice(usable)
        place = (grid["id"], grid["ord"], grid["district_id"])
        records.append((row, *place, buildings[grid["id"]], text[-5:-1], text))
    await owner.copy_records_to_table("room", schema_name="base", records=records, columns=OF_ROOMS)


def _address(chance: random.Random) -> str:
    """An address as it is written here."""
    place, building, unit = chance.choice(PLACES), chance.randrange(1, 200), chance.randrange(1, 7)
    return f"{place}{building}栋{unit}单元{chance.randrange(1, 34)}0{chance.randrange(1, 9)}室"


def _prepared(chance: random.Random) -> Iterator[tuple[Prepared, str]]:
    """(search, what the wanted row holds)."""
    used: set[str] = set()

    def fresh(surnames: Sequence[str], length: int) -> str:
        while True:
            name = chance.choice(surnames) + "".join(chance.choice(GIVEN) for _ in range(length))
            if name not in used and not any(name[:3] == other[:3] for other in used):
                used.add(name)
                return name

    for _ in range(20):
        name = person_name(chance) + chance.choice(GIVEN)
        used.add(name)
        yield Prepared("exact", "persons", name, uuid7()), name
        two = fresh("王李张刘陈杨黄赵吴周", 1)
        yield Prepared("two", "persons", two, uuid7()), two
        begun = fresh("王李张刘陈杨黄赵吴周", 2)
        yield Prepared("prefix", "persons", begun[:2], uuid7()), begun
        long = fresh(RARE, 2)
        yield Prepared("initials", "persons", spelt(long).initials, uuid7()), long
        text = _address(chance)
        at = text.index("栋")
        typed = f"{text[:3]} {text[at - 2 : -1]}" if chance.random() < 0.5 else text[at - 3 : -1]
        yield Prepared("address", "rooms", typed, uuid7()), text
