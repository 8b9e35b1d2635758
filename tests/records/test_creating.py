"""New rows: what may be set and where, what is wrong with an input, and what a stored row leaves behind."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.records.world import City
from wangge.errors import Denied
from wangge.model.filter import Compare, Given
from wangge.model.identifiers import check_of_id_number
from wangge.records.outcome import Outcome, StaleScope
from wangge.values import uuid7


def id_number(seq: int, birth: str = "19000307") -> str:
    """A number of the reserved range."""
    digits = f"520103{birth}{seq:03d}"
    return digits + check_of_id_number(digits)


async def building(city: City, area: str = "north_1", **more: Any) -> UUID:
    """A building in an area."""
    wire = {"area": city.areas[area].id, "code": uuid7().hex[-12:], "name": "一号楼", **more}
    made = await city.records.create(city.scope("city"), "base.building", [wire])
    return made.ids[0]


async def room(city: City, area: str = "north_1", **more: Any) -> UUID:
    """A room in a new building in an area."""
    wire = {"building": await building(city, area), "number": "101", "address": "一号楼101", **more}
    made = await city.records.create(city.scope("city"), "base.room", [wire])
    return made.ids[0]


def codes(outcome: Outcome) -> list[tuple[tuple[str | int, ...], str]]:
    """Paths and codes of the errors."""
    return [(error.path, error.code) for error in outcome.errors]


async def test_a_new_row_lies_where_it_was_put_and_leaves_an_event_and_a_ledger_entry(city: City) -> None:
    scope, area = city.scope("north"), city.areas["north_1"]
    wire = {
        "area": str(area.id),
        "code": "B1",
        "name": "一号楼",
        "position": {"lon": 106.7, "lat": 26.6},
        "floorsAbove": 7,
    }
    made = await city.records.create(scope, "base.building", [wire], reason="test")
    assert made.errors == made.warnings == ()
    row = await city.pool.fetchrow("SELECT * FROM base.building WHERE id = $1", made.ids[0])
    assert row is not None
    expected = {
        "code": "B1", "name": "一号楼", "floors_above": 7, "position_lon": 106.7, "position_lat": 26.6, "use": "RESIDENTIAL",
        "revision": 1, "created_by": scope.actor.account, "removed_at": None, "batch_id": None,
        "area_id": area.id, "area_ord": area.ord, "district_id": area.district,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    event = await city.pool.fetchrow("SELECT * FROM wangge.outbox WHERE row_id = $1", made.ids[0])
    assert event is not None
    assert (event["kind"], event["entity"], event["revision"], event["before"]) == ("create", "base.building", 1, None)
    assert event["changed"] == ["code", "floorsAbove", "name", "position", "use"]
    entry = await city.pool.fetchrow("SELECT * FROM wangge.ledger_entry WHERE row_id = $1", made.ids[0])
    assert entry is not None
    assert (entry["action"], entry["account_id"], entry["chain"], entry["reason"]) == (
        "create",
        scope.actor.account,
        area.district,
        "test",
    )
    assert len(entry["digest"]) == 33


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        ({"floorsAbove": 1000}, [(("floorsAbove",), "value.too_great")]),
        ({"nothing": 1}, [(("nothing",), "field.not_settable")]),
        ({"createdBy": str(uuid7())}, [(("createdBy",), "field.not_settable")]),
        ({"code": None}, [(("code",), "field.required")]),
        ({"compound": str(uuid7())}, [(("compound",), "ref.unknown")]),
        ({"id": str(uuid4())}, [(("id",), "id.unusable")]),
        ({"id": f"{{{uuid7()}}}"}, [(("id",), "id.unusable")]),
        (
            {"compound": str(uuid7()), "code": None},
            [(("compound",), "ref.unknown"), (("code",), "field.required")],
        ),
        ({"id": "ffffffff-ffff-7fff-bfff-ffffffffffff"}, [(("id",), "id.unusable")]),
        (
            {"lifts": -1, "code": None, "name": "  "},
            [(("name",), "value.empty"), (("lifts",), "value.too_small"), (("code",), "field.required")],
        ),
        ({"area": str(uuid7())}, [(("area",), "area.unknown")]),
        ({"area": "nonsense"}, [(("area",), "value.bad_id")]),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_stored(
    city: City, wire: dict[str, Any], expected: list[Any]
) -> None:
    before = await city.pool.fetchval("SELECT count(*) FROM base.building")
    base = {"area": str(city.areas["north_1"].id), "code": "X", "name": "楼"}
    made = await city.records.create(city.scope("north"), "base.building", [{**base, **wire}])
    assert (made.ids, codes(made)) == ((), expected)
    assert await city.pool.fetchval("SELECT count(*) FROM base.building") == before


async def test_all_rows_are_stored_or_none(city: City) -> None:
    base = {"area": str(city.areas["north_1"].id), "code": "Y", "name": "楼"}
    made = await city.records.create(city.scope("north"), "base.building", [base, {**base, "lifts": -1}], language="en")
    assert made.ids == ()
    assert [(e.index, e.path, e.code, e.message) for e in made.errors] == [
        (1, ("lifts",), "value.too_small", "The value is at least 0")
    ]


async def test_an_area_outside_of_the_callers_answers_like_a_missing_one(city: City) -> None:
    wire = {"code": "Z", "name": "楼"}
    hidden = {**wire, "area": str(city.areas["south_1"].id)}
    missing = {**wire, "area": str(uuid7())}
    answers = [await city.records.create(city.scope("north"), "base.building", [each]) for each in (hidden, missing)]
    assert answers[0] == answers[1]


async def test_a_hidden_reference_answers_like_a_missing_one(city: City) -> None:
    hidden = await building(city, "south_1")
    wire = {"number": "1", "address": "x"}
    answers = [
        await city.records.create(city.scope("north"), "base.room", [{**wire, "building": str(each)}])
        for each in (hidden, uuid7())
    ]
    assert answers[0] == answers[1]
    assert codes(answers[0]) == [(("building",), "ref.unknown")]


async def test_a_field_that_is_not_granted_answers_like_an_unknown_one(city: City) -> None:
    scope = city.scope("north", fields={"base.building": ("code", "name")})
    base = {"area": str(city.areas["north_1"].id), "code": "W", "name": "楼"}
    made = await city.records.create(scope, "base.building", [{**base, "lifts": 1}])
    assert codes(made) == [(("lifts",), "field.not_settable")]
    assert (await city.records.create(scope, "base.building", [base])).errors == ()


async def test_without_the_right_to_create_there_is_one_answer(city: City) -> None:
    scope = city.scope("north", actions=("list", "get"))
    for entity in ("base.building", "base.nothing"):
        with pytest.raises(Denied) as caught:
            await city.records.create(scope, entity, [{}])
        assert caught.value.code == "write.not_allowed"


async def test_core_objects_are_not_created_by_generated_writes(city: City) -> None:
    with pytest.raises(Denied):
        await city.records.create(city.scope("city"), "wangge.area", [{"code": "1", "name": "x", "kind": "grid"}])


async def test_a_row_condition_decides_after_the_row_is_stored(city: City) -> None:
    where = {"base.building": Compare("use", "eq", Given("COMMERCIAL"))}
    base = {"area": str(city.areas["north_1"].id), "code": "C", "name": "楼"}
    scope = city.scope("north", where=where)
    refused = await city.records.create(scope, "base.building", [base])
    assert codes(refused) == [((), "row.out_of_reach")]
    assert (await city.records.create(scope, "base.building", [{**base, "use": "COMMERCIAL"}])).errors == ()


async def test_a_code_must_be_valid(city: City) -> None:
    own = {"building": await building(city), "number": "1", "address": "x"}
    scope = city.scope("north")
    made = await city.records.create(scope, "base.room", [{**own, "use": "NO-SUCH"}])
    assert codes(made) == [(("use",), "code.unknown")]
    known = city.model.tables["base.room_use"].codes[0].code
    assert (await city.records.create(scope, "base.room", [{**own, "use": known}])).errors == ()


async def test_a_child_lies_where_its_parent_lies(city: City) -> None:
    made = await room(city, "south_2")
    place = await city.pool.fetchrow("SELECT area_id, area_ord, district_id FROM base.room WHERE id = $1", made)
    area = city.areas["south_2"]
    assert place is not None
    assert tuple(place) == (area.id, area.ord, area.district)


async def test_sealed_values_are_stored_encrypted_hashed_and_masked(city: City) -> None:
    number = id_number(1)
    wire = {
        "area": city.areas["north_1"].id,
        "name": "测试甲",
        "idNumber": number,
        "phones": [{"number": "13812345678"}],
    }
    made = await city.records.create(city.scope("north"), "base.person", [wire])
    row = await city.pool.fetchrow("SELECT * FROM base.person WHERE id = $1", made.ids[0])
    assert row is not None
    assert row["id_number_mask"] == number[:2] + "*" * 16
    assert city.keys.open("field:base.person.idNumber", row["id_number_enc"], made.ids[0].bytes).decode() == number
    assert row["id_number_hash"] == city.keys.keyed_hash("field:base.person.idNumber", number.encode())
    phone = await city.pool.fetchrow("SELECT * FROM base.person_phones WHERE row_id = $1", made.ids[0])
    assert phone is not None
    assert (phone["ord"], phone["number_mask"], phone["verified"]) == (0, "138****5678", False)
    assert not any(number in str(value) for value in row.values())


async def test_a_key_that_the_caller_sees_is_refused_and_a_hidden_one_is_contested(city: City) -> None:
    number = id_number(2)
    first = await city.records.create(
        city.scope("north"), "base.person", [{"area": city.areas["north_1"].id, "name": "测试乙", "idNumber": number}]
    )
    again = await city.records.create(
        city.scope("north"), "base.person", [{"area": city.areas["north_2"].id, "name": "测试乙", "idNumber": number}]
    )
    assert [(e.path, e.code, e.facts) for e in again.errors] == [
        (("idNumber",), "unique.taken", {"id": str(first.ids[0])})
    ]
    hidden = await city.records.create(
        city.scope("south"), "base.person", [{"area": city.areas["south_1"].id, "name": "测试乙", "idNumber": number}]
    )
    assert (len(hidden.ids), hidden.errors, hidden.warnings) == (1, (), ())
    claims = await city.pool.fetch(
        "SELECT row_id, contested FROM wangge.claim WHERE row_id = ANY($1)", [first.ids[0], hidden.ids[0]]
    )
    assert {claim["row_id"]: claim["contested"] for claim in claims} == {first.ids[0]: False, hidden.ids[0]: True}
    found = await city.pool.fetchrow("SELECT * FROM wangge.duplicate_candidate WHERE second = $1", str(hidden.ids[0]))
    assert found is not None
    assert (found["first"], found["state"], found["entity"]) == (str(first.ids[0]), "OPEN", "base.person")


async def test_the_same_own_id_and_content_is_a_repeat_and_any_other_collision_is_unusable(city: City) -> None:
    scope, own = city.scope("north"), uuid7()
    wire = {"id": str(own), "area": str(city.areas["north_1"].id), "code": "OWN", "name": "楼"}
    assert (await city.records.create(scope, "base.building", [wire])).ids == (own,)
    assert (await city.records.create(scope, "base.building", [wire])).ids == (own,)
    other = await city.records.create(scope, "base.building", [{**wire, "name": "another"}])
    foreign = await city.records.create(
        city.scope("south"), "base.building", [{**wire, "area": city.areas["south_1"].id}]
    )
    assert codes(other) == codes(foreign) == [(("id",), "id.unusable")]


async def test_a_check_to_confirm_stores_nothing_until_it_is_confirmed(city: City) -> None:
    def first(table: str) -> str:
        return city.model.tables[table].codes[0].code

    category = next(
        c.code for c in city.model.tables["urban_management.urban_category"].codes if c.code.startswith("E")
    )
    wire = {
        "kind": "EVENT", "category": category, "duty": first("casework.duty"), "source": first("casework.source"),
        "description": "测试", "room": await room(city, "north_2"), "extent": [{"item": "AREA", "amount": "1.5"}],
    }  # fmt: skip
    asked = await city.records.create(city.scope("north"), "urban_management.incident", [wire])
    assert (asked.ids, [w.code for w in asked.warnings]) == ((), ["casework.description_too_short"])
    made = await city.records.create(
        city.scope("north"), "urban_management.incident", [wire], confirm=frozenset({"casework.description_too_short"})
    )
    assert made.errors == made.warnings == ()
    entry = "SELECT confirmed FROM wangge.ledger_entry WHERE row_id = $1"
    assert await city.pool.fetchval(entry, made.ids[0]) == ["casework.description_too_short"]
    upper = await city.pool.fetchrow("SELECT * FROM casework.case WHERE id = $1", made.ids[0])
    assert upper is not None
    assert (upper["entity"], upper["state"], upper["area_ord"]) == (
        "urban_management.incident",
        "REPORTED",
        city.areas["north_2"].ord,
    )
    assert upper["case_no"][8:] == "52010100001"
    assert upper["reported_at"] is not None


async def test_a_field_that_another_value_requires_is_required(city: City) -> None:
    made = await city.records.create(
        city.scope("north"), "urban_management.incident", [{"kind": "COMPONENT", "room": await room(city)}]
    )
    assert (("component",), "field.required") in codes(made)


async def test_rights_that_changed_stop_the_write(city: City) -> None:
    scope = city.scope("south_2")
    await city.pool.execute("SELECT wangge.touch('area', 'area:south_2')")
    wire = {"area": city.areas["south_2"].id, "code": "S", "name": "楼"}
    with pytest.raises(StaleScope):
        await city.records.create(scope, "base.building", [wire])
    with pytest.raises(StaleScope):
        await city.records.create(scope, "base.person", [{"name": "测试"}])
    assert await city.pool.fetchval("SELECT count(*) FROM base.building WHERE code = 'S'") == 0
    later = city.scope(
        "south_2", counters={**dict.fromkeys(("account", "post", "rule", "module", "token"), 0), "area": 1}
    )
    assert (await city.records.create(later, "base.building", [wire])).errors == ()
