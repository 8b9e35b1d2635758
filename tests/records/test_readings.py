"""How names are read stands beside them after every kind of write, and goes with them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from tests.records.test_changing import person, residence
from tests.records.test_creating import id_number, room
from tests.records.test_erasing import everything
from tests.records.world import City
from wangge.values import Actor, uuid7

ACTIONS = ("list", "get", "create", "update", "remove", "restore", "erase")
IMPORT = Actor(kind="system", name="import")
READ = "SELECT name, name_sort, name_pinyin, name_initials FROM base.person WHERE id = $1"
SORTS = "SELECT DISTINCT sort FROM base.person_area WHERE row_id = $1"


async def read(city: City, row: UUID) -> tuple[Any, ...]:
    """The name of a person and how it is read."""
    found = await city.pool.fetchrow(READ, row)
    assert found is not None
    return tuple(found)


async def test_creates_updates_and_loads_keep_them_and_the_copy_beside_the_areas(city: City) -> None:
    scope = city.scope("north", actions=ACTIONS)
    who = await person(city, name="单三", idNumber=id_number(901))
    await residence(city, who, await room(city))
    assert await read(city, who) == ("单三", "shan4单san1三", "shansan", "ss")
    assert [row[0] for row in await city.pool.fetch(SORTS, who)] == ["shan4单san1三"]
    assert (await city.records.update(scope, "base.person", who, {"name": "曾三"})).errors == ()
    assert await read(city, who) == ("曾三", "zeng1曾san1三", "zengsan", "zs")
    assert [row[0] for row in await city.pool.fetch(SORTS, who)] == ["zeng1曾san1三"]
    many = await city.records.create(
        scope, "base.person", [{"area": city.areas["north_1"].id, "name": name} for name in ("仇一", "解二")]
    )
    assert many.errors == ()
    assert [(await read(city, row))[2] for row in many.ids] == ["qiuyi", "xieer"]
    loaded: dict[str, Any] = {
        "id": uuid7(),
        "area": city.areas["north_1"].id,
        "name": "翟四",
        "idNumber": id_number(902),
    }
    await city.records.load("base.person", [[loaded]], IMPORT, "first")
    assert await read(city, loaded["id"]) == ("翟四", "zhai2翟si4四", "zhaisi", "zs")
    assert [row[0] for row in await city.pool.fetch(SORTS, loaded["id"])] == ["zhai2翟si4四"]


async def test_they_are_in_no_event_and_go_when_the_row_is_erased(city: City) -> None:
    scope = city.scope("north", actions=ACTIONS)
    who = await person(city, name="覃待删旧", idNumber=id_number(903))
    assert (await city.records.update(scope, "base.person", who, {"name": "覃待删新"})).errors == ()
    before = await city.pool.fetchval(
        "SELECT before::text FROM wangge.outbox WHERE row_id = $1 AND before IS NOT NULL", who
    )
    assert "覃待删旧" in before
    assert [word for word in ("qin2", "qindaishanjiu", '"search"') if word in before] == []
    assert "qindaishanxin" in await everything(city)
    assert (await city.records.erase(scope, "base.person", who, "本人申请")).errors == ()
    left = await everything(city)
    assert [word for word in ("qindaishan", "qin2覃", "覃待") if word in left] == []


@pytest.mark.parametrize("field", ["nameSort", "name_sort", "namePinyin"])
async def test_nobody_sets_them(city: City, field: str) -> None:
    scope = city.scope("north", actions=ACTIONS)
    made = await city.records.create(
        scope, "base.person", [{"area": city.areas["north_1"].id, "name": "王", field: "x"}]
    )
    assert [error.code for error in made.errors] == ["field.not_settable"]
