"""Changes of rows: rights before and after, revisions, conflicts, removal, and rows that follow others."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import msgspec
import pytest

from tests.records.test_creating import building, codes, id_number, room
from tests.records.world import City
from wangge.crypto import Keys
from wangge.errors import Conflict, Denied
from wangge.model.filter import Compare, Given
from wangge.records.storing import ROW_KEY
from wangge.values import uuid7


async def person(city: City, area: str = "north_1", **more: Any) -> UUID:
    """A person in an area."""
    wire = {"area": city.areas[area].id, "name": "测试甲", **more}
    made = await city.records.create(city.scope("city"), "base.person", [wire])
    assert made.errors == ()
    return made.ids[0]


async def residence(city: City, who: UUID, where: UUID, **more: Any) -> UUID:
    """Somebody lives somewhere."""
    wire = {"person": who, "room": where, "kind": "RESIDENT", "validFrom": "2020-01-01", **more}
    made = await city.records.create(city.scope("city"), "base.residence", [wire])
    assert made.errors == ()
    return made.ids[0]


async def areas_of(city: City, who: UUID) -> list[tuple[int, str]]:
    """(area, relation) of a person."""
    found = await city.pool.fetch("SELECT area_ord, via FROM base.person_area WHERE row_id = $1 ORDER BY area_ord", who)
    return [(row["area_ord"], row["via"]) for row in found]


async def test_an_update_leaves_a_revision_an_event_and_a_ledger_entry(city: City) -> None:
    scope, own = city.scope("north"), await building(city)
    made = await city.records.update(scope, "base.building", own, {"name": "二号楼", "lifts": 2}, 1, reason="r")
    assert made.errors == ()
    row = await city.pool.fetchrow("SELECT name, lifts, revision FROM base.building WHERE id = $1", own)
    assert tuple(row or ()) == ("二号楼", 2, 2)
    revision = await city.pool.fetchrow("SELECT * FROM wangge.revision WHERE row_id = $1", own)
    assert revision is not None
    assert revision["changes"] == {"lifts": {"from": None, "to": 2}, "name": {"from": "一号楼", "to": "二号楼"}}
    assert (revision["revision"], revision["kind"], revision["account_id"], revision["reason"]) == (
        2,
        "update",
        scope.actor.account,
        "r",
    )
    event = await city.pool.fetchrow("SELECT * FROM wangge.outbox WHERE row_id = $1 AND kind = 'update'", own)
    assert event is not None
    assert (event["revision"], event["changed"], event["before"]["name"]) == (2, ["lifts", "name"], "一号楼")
    entry = await city.pool.fetchrow("SELECT * FROM wangge.ledger_entry WHERE row_id = $1 AND action = 'update'", own)
    assert entry is not None
    assert (entry["fields"], entry["revision"], len(entry["digest"])) == (["lifts", "name"], 2, 33)


async def test_revisions_of_personal_entities_are_sealed_with_the_key_of_the_row(city: City) -> None:
    who = await person(city, birthDate="1990-05")
    await city.records.update(city.scope("north"), "base.person", who, {"name": "测试乙", "birthDate": "1990-05-02"})
    revision = await city.pool.fetchrow("SELECT changes, sealed FROM wangge.revision WHERE row_id = $1", who)
    assert revision is not None
    assert revision["changes"] is None
    key = city.keys.open(ROW_KEY, await city.pool.fetchval("SELECT key FROM wangge.row_key WHERE row_id = $1", who))
    assert msgspec.json.decode(Keys(key, key).open("revision", revision["sealed"], who.bytes)) == {
        "birthDate": {"from": "1990-05", "to": "1990-05-02"},
        "name": {"from": "测试甲", "to": "测试乙"},
    }


async def test_a_patch_that_changes_nothing_leaves_no_trace(city: City) -> None:
    own = await building(city)
    made = await city.records.update(city.scope("north"), "base.building", own, {"name": "一号楼"})
    assert made.ids == (own,)
    assert await city.pool.fetchval("SELECT revision FROM base.building WHERE id = $1", own) == 1
    assert await city.pool.fetchval("SELECT count(*) FROM wangge.ledger_entry WHERE row_id = $1", own) == 1


async def test_of_two_writers_with_one_revision_one_gets_a_conflict(city: City) -> None:
    own = await building(city)
    answers = await asyncio.gather(
        *(city.records.update(city.scope("north"), "base.building", own, {"name": f"楼{n}"}, 1) for n in range(2)),
        return_exceptions=True,
    )
    lost = [answer for answer in answers if isinstance(answer, Conflict)]
    assert [(error.code, error.facts) for error in lost] == [("row.changed", {"revision": 2})]


@pytest.mark.parametrize("write", ["update", "remove", "restore"])
async def test_a_row_out_of_reach_answers_like_a_missing_one(city: City, write: str) -> None:
    scope, hidden = city.scope("north"), await building(city, "south_1")
    answers = []
    patch = [{"name": "x"}] if write == "update" else []
    for row in (hidden, uuid7(), "nonsense"):
        with pytest.raises(Denied) as caught:
            await getattr(city.records, write)(scope, "base.building", row, *patch)
        answers.append((caught.value.code, caught.value.message, caught.value.facts))
    assert answers[0] == answers[1] == answers[2]
    denied = await city.pool.fetch(
        "SELECT action, reason, account_id FROM wangge.ledger_entry WHERE row_id = $1", hidden
    )
    assert [tuple(entry) for entry in denied[1:]] == [(f"denied:{write}", "row.unknown", scope.actor.account)]


async def test_a_row_cannot_be_moved_out_of_reach(city: City) -> None:
    own = await building(city)
    for area in (city.areas["south_1"].id, uuid7()):
        moved = await city.records.update(city.scope("north"), "base.building", own, {"area": str(area)})
        assert codes(moved) == [(("area",), "area.unknown")]
    where = {"base.building": Compare("use", "eq", Given("RESIDENTIAL"))}
    changed = await city.records.update(city.scope("north", where=where), "base.building", own, {"use": "MIXED"})
    assert codes(changed) == [((), "row.out_of_reach")]
    assert await city.pool.fetchval("SELECT revision FROM base.building WHERE id = $1", own) == 1


async def test_a_field_that_is_not_granted_cannot_be_changed(city: City) -> None:
    own = await building(city)
    scope = city.scope("north", fields={"base.building": ("name",)})
    made = await city.records.update(scope, "base.building", own, {"name": "x", "code": "y"})
    assert codes(made) == [(("code",), "field.not_settable")]


async def test_a_check_sees_the_whole_row(city: City) -> None:
    who = await person(city, birthDate="1980-01-01")
    made = await city.records.update(
        city.scope("north"), "base.person", who, {"deceasedAt": "1979-01-01"}, language="en"
    )
    assert [(e.code, e.message) for e in made.errors] == [
        ("base.died_before_birth", "The date of death is before the date of birth")
    ]


async def test_a_removed_row_is_gone_until_it_is_restored(city: City) -> None:
    scope, own = city.scope("north"), await building(city)
    await city.records.remove(scope, "base.building", own, "double")
    with pytest.raises(Denied):
        await city.records.update(scope, "base.building", own, {"name": "x"})
    assert codes(await city.records.create(scope, "base.room", [{"building": own, "number": "1", "address": "x"}])) == [
        (("building",), "ref.unknown")
    ]
    await city.records.restore(scope, "base.building", own)
    assert (await city.records.update(scope, "base.building", own, {"name": "x"})).errors == ()
    kinds = await city.pool.fetch("SELECT kind, reason FROM wangge.revision WHERE row_id = $1 ORDER BY revision", own)
    assert [tuple(kind) for kind in kinds] == [("remove", "double"), ("restore", None), ("update", None)]


async def test_a_person_lies_in_the_areas_of_the_residences(city: City) -> None:
    who = await person(city, "north_1")
    assert await areas_of(city, who) == [(110, "home")]
    here, there = await room(city, "north_2"), await room(city, "south_1")
    first = await residence(city, who, here)
    assert await areas_of(city, who) == [(120, "residences")]
    second = await residence(city, who, there, main=True)
    assert await areas_of(city, who) == [(120, "residences"), (210, "residences")]
    home = "SELECT area_ord, residence FROM base.person WHERE id = $1"
    assert tuple(await city.pool.fetchrow(home, who) or ()) == (210, second)
    await city.records.remove(city.scope("city"), "base.residence", second)
    assert await areas_of(city, who) == [(120, "residences")]
    assert tuple(await city.pool.fetchrow(home, who) or ()) == (120, first)
    await city.records.remove(city.scope("city"), "base.residence", first)
    assert await areas_of(city, who) == [(120, "home")]
    assert tuple(await city.pool.fetchrow(home, who) or ()) == (120, None)


async def test_a_person_without_a_residence_can_be_given_another_area_and_one_with_it_stays(city: City) -> None:
    who = await person(city, "north_1")
    patch = {"area": str(city.areas["north_2"].id)}
    await city.records.update(city.scope("north"), "base.person", who, patch)
    assert await areas_of(city, who) == [(120, "home")]
    await residence(city, who, await room(city, "north_1"))
    await city.records.update(city.scope("north"), "base.person", who, patch)
    assert await areas_of(city, who) == [(110, "residences")]
    assert await city.pool.fetchval("SELECT area_ord FROM base.person WHERE id = $1", who) == 110


async def test_a_residence_that_changes_its_person_moves_both(city: City) -> None:
    one, other = await person(city, "north_1"), await person(city, "north_1")
    link = await residence(city, one, await room(city, "south_2"))
    await city.records.update(city.scope("city"), "base.residence", link, {"person": str(other)})
    assert await areas_of(city, one) == [(220, "home")]
    assert await areas_of(city, other) == [(220, "residences")]


async def test_what_stands_in_a_building_moves_with_it(city: City) -> None:
    home = await room(city, "north_1")
    who = await person(city, "north_1")
    await residence(city, who, home)
    house = await city.pool.fetchval("SELECT building FROM base.room WHERE id = $1", home)
    await city.records.update(city.scope("city"), "base.building", house, {"area": city.areas["south_2"].id})
    place = await city.pool.fetchrow("SELECT area_ord, district_id FROM base.room WHERE id = $1", home)
    assert tuple(place or ()) == (220, city.areas["south"].id)
    assert await areas_of(city, who) == [(220, "residences")]
    kinds = await city.pool.fetch(
        "SELECT kind, area_ord FROM wangge.outbox WHERE row_id = $1 ORDER BY created_at DESC LIMIT 1", who
    )
    assert [tuple(kind) for kind in kinds] == [("areas", 110)]


async def test_the_copy_of_the_ordering_key_follows_the_name(city: City) -> None:
    who = await person(city)
    await city.records.update(city.scope("north"), "base.person", who, {"name": "测试丙"})
    assert await city.pool.fetchval("SELECT sort FROM base.person_area WHERE row_id = $1", who) == "ce4测shi4试bing3丙"


async def test_a_changed_number_gives_up_its_old_claim(city: City) -> None:
    who = await person(city, idNumber=id_number(11))
    await city.records.update(city.scope("north"), "base.person", who, {"idNumber": id_number(12)})
    other = await person(city, idNumber=id_number(11))
    again = await city.records.update(city.scope("north"), "base.person", other, {"idNumber": id_number(12)})
    assert codes(again) == [(("idNumber",), "unique.taken")]
    claims = await city.pool.fetchval("SELECT count(*) FROM wangge.claim WHERE row_id = ANY($1)", [who, other])
    assert claims == 2


async def test_a_key_that_its_holder_gives_up_is_held_by_who_contested_it(city: City) -> None:
    first = await person(city, idNumber=id_number(21))
    wire = {"area": city.areas["south_1"].id, "name": "测试乙", "idNumber": id_number(21)}
    second = (await city.records.create(city.scope("south"), "base.person", [wire])).ids[0]
    await city.records.update(city.scope("north"), "base.person", first, {"idNumber": None})
    held = "SELECT row_id FROM wangge.claim WHERE row_id = ANY($1) AND NOT contested"
    assert [row["row_id"] for row in await city.pool.fetch(held, [first, second])] == [second]
    third = await city.records.create(city.scope("south"), "base.person", [wire])
    assert codes(third) == [(("idNumber",), "unique.taken")]


async def test_a_change_to_a_key_that_a_row_in_sight_contests_is_refused(city: City) -> None:
    await person(city, idNumber=id_number(22))
    wire = {"area": city.areas["south_1"].id, "name": "测试乙", "idNumber": id_number(22)}
    await city.records.create(city.scope("south"), "base.person", [wire])
    other = (await city.records.create(city.scope("south"), "base.person", [{**wire, "idNumber": None}])).ids[0]
    changed = await city.records.update(city.scope("south"), "base.person", other, {"idNumber": id_number(22)})
    assert codes(changed) == [(("idNumber",), "unique.taken")]


async def test_home_is_the_main_residence_in_force_that_began_last(city: City) -> None:
    who, scope = await person(city), city.scope("city")
    wire = {"person": who, "kind": "TENANT", "main": True}
    made = [
        (await city.records.create(scope, "base.residence", [{**wire, "room": await room(city, area), **more}])).ids[0]
        for area, more in (("north_1", {"validFrom": "2020-01-01"}), ("north_2", {"validFrom": "2024-01-01"}))
    ]
    home = "SELECT residence FROM base.person WHERE id = $1"
    assert await city.pool.fetchval(home, who) == made[1]
    await city.records.update(scope, "base.residence", made[1], {"validTo": "2024-06-30"})
    assert await city.pool.fetchval(home, who) == made[0]


async def test_parts_are_replaced_as_a_whole(city: City) -> None:
    who = await person(city, phones=[{"number": "13800000001"}, {"number": "13800000002"}])
    await city.records.update(city.scope("north"), "base.person", who, {"phones": [{"number": "13800000003"}]})
    found = await city.pool.fetch("SELECT number_mask, ord FROM base.person_phones WHERE row_id = $1", who)
    assert [tuple(row) for row in found] == [("138****0003", 0)]
    bad = await city.records.update(
        city.scope("north"), "base.person", who, {"phones": [{"number": "13800000003"}, {"number": "1"}]}
    )
    assert [path for path, _ in codes(bad)] == [("phones", 1, "number")]


async def test_twelve_writers_who_race_for_one_number_leave_one_holder(city: City) -> None:
    wire = {"name": "测试丁", "idNumber": id_number(20)}
    scopes = [city.scope("north_1"), city.scope("south_1")]
    made = await asyncio.gather(*(city.records.create(scopes[n % 2], "base.person", [wire]) for n in range(12)))
    stored = [answer.ids[0] for answer in made if answer.ids]
    claims = await city.pool.fetch("SELECT row_id FROM wangge.claim WHERE row_id = ANY($1) AND NOT contested", stored)
    assert len(claims) == 1
    for scope in scopes:
        assert codes(await city.records.create(scope, "base.person", [wire])) == [(("idNumber",), "unique.taken")]
