"""Bulk loads: many rows at once leave one event and one ledger entry, and are checked like any input."""

from __future__ import annotations

from typing import Any

import pytest
from asyncpg import UniqueViolationError

from tests.records.test_creating import building, id_number, room
from tests.records.world import City
from wangge.records import near
from wangge.records.load import BatchRejected
from wangge.records.pipeline import MANY
from wangge.values import Actor, Batch, uuid7

IMPORT = Actor(kind="system", name="import")


def people(city: City, count: int, first: int, area: str = "north_1") -> list[dict[str, Any]]:
    """Persons of the reserved range."""
    return [
        {
            "id": uuid7(),
            "area": city.areas[area].id,
            "name": f"测试{n}",
            "idNumber": id_number(n),
            "phones": [{"number": f"138{n:08d}"}],
        }
        for n in range(first, first + count)
    ]


async def test_a_load_stores_rows_with_one_event_and_one_ledger_entry(city: City) -> None:
    rows, told = people(city, 300, 0), list[int]()
    assert await city.records.load("base.person", [rows[:100], rows[100:]], IMPORT, "first", told.append) == 300
    assert told == [300]
    stored = await city.pool.fetch(
        "SELECT id, name, area_ord, revision, batch_id FROM base.person WHERE id = ANY($1) ORDER BY id",
        [row["id"] for row in rows],
    )
    assert [(row["id"], row["name"], row["area_ord"], row["revision"]) for row in stored] == [
        (row["id"], row["name"], 110, 1) for row in sorted(rows, key=lambda row: row["id"])
    ]
    batch = {row["batch_id"] for row in stored}
    assert len(batch) == 1
    events = await city.pool.fetch(
        "SELECT kind, entity, row_id FROM wangge.outbox WHERE batch_id = ANY($1)", list(batch)
    )
    assert [tuple(event) for event in events] == [("batch", "base.person", None)]
    entries = await city.pool.fetch(
        "SELECT action, row_count, reason, digest FROM wangge.ledger_entry WHERE batch_id = ANY($1)", list(batch)
    )
    digest = city.keys.digest(b"".join(sorted(row["id"].bytes for row in rows)))
    assert [tuple(entry) for entry in entries] == [("load", 300, "first", digest)]
    phones = await city.pool.fetchval(
        "SELECT count(*) FROM base.person_phones WHERE row_id = ANY($1)", [row["id"] for row in rows]
    )
    assert phones == 300


async def test_loaded_rows_are_changed_like_any_other(city: City) -> None:
    rows = people(city, 1, 400)
    await city.records.load("base.person", [rows], IMPORT, "x")
    made = await city.records.update(city.scope("north"), "base.person", rows[0]["id"], {"name": "测试甲"}, 1)
    assert made.errors == ()


async def test_a_number_that_is_held_is_contested(city: City) -> None:
    rows = [*people(city, 1, 410), *people(city, 1, 410, "south_1"), *people(city, 1, 411)]
    await city.records.load("base.person", [rows[2:]], IMPORT, "x")
    await city.records.load("base.person", [rows[:2] + people(city, 1, 411, "south_2")], IMPORT, "x")
    claims = await city.pool.fetch(
        "SELECT contested FROM wangge.claim WHERE row_id = ANY($1) ORDER BY contested", [row["id"] for row in rows]
    )
    assert [claim["contested"] for claim in claims] == [False, False, True]
    candidates = await city.pool.fetchval(
        "SELECT count(*) FROM wangge.duplicate_candidate WHERE first = ANY($1)", [str(row["id"]) for row in rows]
    )
    assert candidates == 2


async def test_residences_move_the_persons_whom_they_name(city: City) -> None:
    rows, home = people(city, 2, 420), await room(city, "south_2")
    links = [
        {"id": uuid7(), "person": row["id"], "room": home, "kind": "RESIDENT", "main": True, "validFrom": "2020-01-01"}
        for row in rows
    ]
    rows[0] |= {"residence": links[0]["id"], "area": city.areas["south_2"].id}
    await city.records.load("base.person", [rows], IMPORT, "x")
    await city.records.load("base.residence", [links], IMPORT, "x")
    found = await city.pool.fetch(
        "SELECT p.area_ord AS home, p.residence, a.area_ord, a.via FROM base.person p JOIN base.person_area a "
        "ON a.row_id = p.id WHERE p.id = ANY($1) ORDER BY p.id",
        [row["id"] for row in rows],
    )
    expected = [(220, link["id"], 220, "residences") for link in sorted(links, key=lambda link: link["person"])]
    assert [tuple(row) for row in found] == expected


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"name": None}, "field.required"),
        ({"idNumber": "1"}, "value.bad_id_number"),
        ({"sex": "NO-SUCH"}, "code.unknown"),
        ({"guardians": [str(uuid7())]}, "ref.unknown"),
        ({"area": str(uuid7())}, "area.unknown"),
        ({"nothing": 1}, "field.not_settable"),
        ({"deceasedAt": "1900-01-01", "birthDate": "1950-01-01"}, "base.died_before_birth"),
    ],
)
async def test_a_wrong_row_refuses_its_batch(city: City, wrong: dict[str, Any], code: str) -> None:
    rows = people(city, 3, 430)
    with pytest.raises(BatchRejected) as caught:
        await city.records.load("base.person", [[*rows[:2], {**rows[2], **wrong}]], IMPORT, "x")
    assert [(error["index"], error["code"]) for error in caught.value.facts["errors"]] == [(2, code)]
    assert await city.pool.fetchval("SELECT count(*) FROM base.person WHERE id = ANY($1)", [r["id"] for r in rows]) == 0


async def test_rows_may_point_to_rows_of_the_batch_before(city: City) -> None:
    rows = people(city, 2, 440)
    rows[1]["guardians"] = [rows[0]["id"]]
    await city.records.load("base.person", [rows], IMPORT, "x")
    found = await city.pool.fetchval("SELECT target_id FROM base.person_guardians WHERE row_id = $1", rows[1]["id"])
    assert found == rows[0]["id"]


async def test_numbers_are_issued_in_ranges(city: City) -> None:
    def first(table: str) -> str:
        return city.model.tables[table].codes[0].code

    category = next(
        c.code for c in city.model.tables["urban_management.urban_category"].codes if c.code.startswith("E")
    )
    home = await room(city, "south_1")
    wire = {
        "kind": "EVENT", "category": category, "duty": first("casework.duty"), "source": first("casework.source"),
        "description": "路灯坏了", "room": home,
    }  # fmt: skip
    rows = [{"id": uuid7(), **wire} for _ in range(5)]
    await city.records.load("urban_management.incident", [rows], IMPORT, "x")
    found = await city.pool.fetch('SELECT case_no FROM casework."case" WHERE id = ANY($1)', [row["id"] for row in rows])
    assert sorted(row["case_no"][8:] for row in found) == [f"520102{n:05d}" for n in range(1, 6)]


async def test_nothing_is_left_of_an_empty_load(city: City) -> None:
    assert await building(city)
    before = await city.pool.fetchval("SELECT count(*) FROM wangge.outbox")
    assert await city.records.load("base.building", [], IMPORT, "x") == 0
    assert await city.pool.fetchval("SELECT count(*) FROM wangge.outbox") == before


async def test_entities_follow_each_other_and_what_came_before_a_faulty_batch_is_stored(city: City) -> None:
    houses = [{"id": uuid7(), "area": city.areas["north_2"].id, "code": f"H{n}", "name": "楼"} for n in range(3)]
    rooms = [{"id": uuid7(), "building": house["id"], "number": "1", "address": "x"} for house in houses]
    faulty = [{"id": uuid7(), "building": uuid7(), "number": "1", "address": "x"}]
    told: list[tuple[str, int]] = []
    batches = [
        Batch("base.building", houses),
        Batch("base.room", rooms),
        Batch("base.building", []),
        Batch("base.room", faulty),
    ]
    with pytest.raises(BatchRejected):
        await city.records.load_all(batches, IMPORT, "x", lambda entity, done: told.append((entity, done)))
    assert told == [("base.building", 3), ("base.room", 3)]
    stored = await city.pool.fetchval(
        "SELECT count(*) FROM base.room WHERE id = ANY($1)", [room["id"] for room in rooms]
    )
    assert stored == 3


async def test_what_follows_a_batch_that_the_database_refuses_is_not_stored_either(city: City) -> None:
    """Rooms are prepared while their buildings are being stored: an id that is held already is found only there."""
    area = city.areas["north_2"].id
    held, new = [{"id": uuid7(), "area": area, "code": f"I{n}", "name": "楼"} for n in range(2)]
    rooms = [{"id": uuid7(), "building": new["id"], "number": "1", "address": "x"}]
    between = Batch("base.person", people(city, 1, 460))
    batches = [Batch("base.building", [held]), between, Batch("base.building", [new, held]), Batch("base.room", rooms)]
    with pytest.raises(UniqueViolationError):
        await city.records.load_all(batches, IMPORT, "x")
    stored = "SELECT id FROM base.building WHERE id = ANY($1) UNION ALL SELECT id FROM base.room WHERE id = ANY($1)"
    ids = [row["id"] for row in (held, new, *rooms)]
    assert [row["id"] for row in await city.pool.fetch(stored, ids)] == [held["id"]]


async def test_a_row_far_behind_what_it_refers_to_finds_it_in_the_database(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near, "KEPT", 2)
    houses = [{"id": uuid7(), "area": city.areas["north_2"].id, "code": f"F{n}", "name": "楼"} for n in range(3)]
    rooms = [{"id": uuid7(), "building": house["id"], "number": "1", "address": "x"} for house in houses]
    batches = [
        Batch("base.building", houses),
        Batch("base.person", people(city, 3, 470)),
        Batch("base.organisation", []),
        Batch("base.room", rooms[:1]),
        Batch("base.person", people(city, 3, 480)),
        Batch("base.room", rooms[1:]),
    ]
    assert await city.records.load_all(batches, IMPORT, "x") == 12
    found = await city.pool.fetch("SELECT area_ord FROM base.room WHERE id = ANY($1)", [room["id"] for room in rooms])
    assert [row["area_ord"] for row in found] == [city.areas["north_2"].ord] * 3


async def test_the_statistics_of_a_loaded_table_are_those_of_its_rows(city: City) -> None:
    rows = [{"area": city.areas["north_1"].id, "code": f"s{n}", "name": f"statistics {n}"} for n in range(MANY)]
    assert await city.records.load("base.building", [rows], IMPORT, "test") == MANY
    known = "SELECT reltuples::bigint FROM pg_class WHERE oid = 'base.building'::regclass"
    assert await city.pool.fetchval(known) >= MANY
