"""Writers who move a parent and add a child at the same moment: the child lies where its parent lies in the end."""

from __future__ import annotations

import asyncio
from uuid import UUID

from tests.records.test_changing import areas_of, person
from tests.records.test_creating import building
from tests.records.world import City
from wangge.values import uuid7


async def test_a_child_that_is_added_while_its_parent_moves_ends_up_with_it(city: City) -> None:
    scope = city.scope("city")
    for n in range(10):
        house = await building(city, "north_1")
        target = ("south_1", "north_2")[n % 2]
        wire = {"building": house, "number": "1", "address": "x"}
        made = await asyncio.gather(
            *(city.records.create(scope, "base.room", [wire]) for _ in range(4)),
            city.records.update(scope, "base.building", house, {"area": city.areas[target].id}),
        )
        assert [answer.errors for answer in made] == [()] * 5
        found = await city.pool.fetch("SELECT DISTINCT area_ord FROM base.room WHERE building = $1", house)
        assert [row["area_ord"] for row in found] == [city.areas[target].ord]


async def test_links_that_are_added_at_once_are_all_counted(city: City) -> None:
    scope, who = city.scope("city"), await person(city, "north_1")
    rooms: list[UUID] = []
    for area in ("north_1", "north_2", "south_1", "south_2"):
        wire = {"building": await building(city, area), "number": "1", "address": "x"}
        rooms += (await city.records.create(scope, "base.room", [wire])).ids
    links = [{"id": uuid7(), "person": who, "room": each, "kind": "OWNER", "validFrom": "2020-01-01"} for each in rooms]
    made = await asyncio.gather(*(city.records.create(scope, "base.residence", [link]) for link in links))
    assert [answer.errors for answer in made] == [()] * 4
    assert await areas_of(city, who) == [
        (110, "residences"),
        (120, "residences"),
        (210, "residences"),
        (220, "residences"),
    ]
