"""Every kind of field comes back as it was given; every scope places its rows; operations write what only they may."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Iterable
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from tests.records.test_creating import building, codes, id_number
from tests.records.world import LAB, City, discovered, make_city
from wangge.crypto import Keys
from wangge.errors import Denied
from wangge.model.identifiers import check_of_credit_code
from wangge.policy.scope import Scope
from wangge.store.connection import connect
from wangge.store.database import Database
from wangge.store.pool import Pool
from wangge.values import Actor, uuid7

SHANGHAI = dt.timezone(dt.timedelta(hours=8))
RING = {"type": "Polygon", "coordinates": [[[106.6, 26.5], [106.8, 26.5], [106.8, 26.7], [106.6, 26.5]]]}
CREDIT = "91520100MA6DJ0000"
FILE = (
    "INSERT INTO wangge.file (id, revision, created_at, updated_at, sha256, media_type, bytes) "
    "VALUES ($1, 1, now(), now(), 'x', 'image/jpeg', 1)"
)
UPLOAD = "INSERT INTO wangge.upload (file, account, until, bytes) VALUES ($1, $2, now() + interval '1 hour', 1)"
UNIT = (
    "INSERT INTO wangge.unit (id, revision, created_at, updated_at, code, name, kind, ord, ord_end) "
    "VALUES ($1, 1, now(), now(), $2, $2, 'station', $3, $3)"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lab(empty_database: Database, keys: Keys) -> AsyncIterator[City]:
    """The city with the module `lab`."""
    model = discovered(LAB)
    areas = await make_city(empty_database, model)
    async with Pool(empty_database, "app") as pool:
        yield City(model, areas, pool, keys)


@pytest_asyncio.fixture(loop_scope="module")
async def files(lab: City) -> list[UUID]:
    """Files, each for one place."""
    return await some_files(lab, 6)


async def some_files(city: City, number: int) -> list[UUID]:
    """New files that nobody may use yet."""
    made = [uuid7() for _ in range(number)]
    owner = await connect(city.pool.database, "owner")
    for each in made:
        await owner.execute(FILE, each)
    await owner.close()
    return made


async def give(city: City, scope: Scope, files: Iterable[UUID]) -> None:
    """Let the caller use files that no row holds, as if they had just been uploaded."""
    for each in files:
        await city.pool.execute("DELETE FROM wangge.upload WHERE file = $1", each)
        await city.pool.execute(UPLOAD, each, scope.actor.account)


async def cases(lab: City, files: list[UUID]) -> dict[str, tuple[Any, Any, Any]]:
    """Field -> (wire value, Python value, another wire value)."""
    one, two = await building(lab), await building(lab)
    known = [code.code for code in lab.model.tables["base.sex"].codes]
    moment = dt.datetime(2026, 11, 23, 8, 30, tzinfo=SHANGHAI)
    credit = CREDIT + check_of_credit_code(CREDIT)
    return {
        "text": ("王", "王", "'; DROP TABLE x; --"),
        "integer": (7, 7, -7),
        "decimal": ("12.340", Decimal("12.340"), "0.1"),
        "money": ("10.50", Decimal("10.50"), "0.01"),
        "boolean": (False, False, True),
        "date": ("2026-02-28", dt.date(2026, 2, 28), "2024-02-29"),
        "about": ("1990-05", dt.date(1990, 5, 1), "1990"),
        "time": ("08:30:15", dt.time(8, 30, 15), "23:59"),
        "month": ("2026-11", "2026-11", "2026-12"),
        "duration": (90, 90, 0),
        "datetime": ("2026-11-23T08:30:00+08:00", moment, "2026-11-23T00:30:01Z"),
        "enum": ("ONE", "ONE", "TWO"),
        "code": (known[0], known[0], known[1]),
        "codes": (known[:2], known[:2], known[1:2]),
        "ref": (str(one), one, str(two)),
        "either": ({"entity": "base.building", "id": str(one)}, {"entity": "base.building", "id": one}, None),
        "refs": ([str(one), str(two)], [one, two], [str(two)]),
        "parts": (
            [{"amount": "1.5", "contact": "13812345678"}, {"amount": "2"}],
            [{"amount": Decimal("1.5"), "contact": "13812345678"}, {"amount": Decimal("2"), "contact": None}],
            [],
        ),
        "point": (
            {"lon": 106.7, "lat": 26.6, "accuracy": 5.5},
            {"lon": 106.7, "lat": 26.6, "accuracy": 5.5},
            {"lon": 106.7, "lat": 26.61},
        ),
        "polygon": (RING, RING, None),
        "file": (str(files[0]), files[0], str(files[1])),
        "files": ([str(files[2])], [files[2]], [str(files[3]), str(files[2])]),
        "photos": (
            [{"file": str(files[4]), "role": "near"}],
            [{"file": files[4], "role": "near"}],
            [{"file": str(files[4]), "role": "far"}],
        ),
        "signature": (str(files[5]), files[5], None),
        "json": ({"a": [1, 2.5, None]}, {"a": [1, 2.5, None]}, [1]),
        "phone": ("13812345678", "13812345678", "13900000000"),
        "idNumber": (id_number(5), id_number(5), id_number(6)),
        "credit": (credit, credit, None),
        "email": ("a.b@example.cn", "a.b@example.cn", "c@example.cn"),
        "url": ("https://example.cn/a?b=1", "https://example.cn/a?b=1", None),
    }


async def test_every_kind_comes_back_as_it_was_given(lab: City, files: list[UUID]) -> None:
    table = await cases(lab, files)
    wire = {name: given for name, (given, _, _) in table.items()}
    scope = lab.scope("north")
    await give(lab, scope, files)
    made = await lab.records.create(scope, "lab.thing", [{**wire, "area": str(lab.areas["north_1"].id)}])
    assert made.errors == ()
    rows = await lab.records.kit.rows.load(lab.pool, "lab.thing", made.ids)
    assert {name: rows[made.ids[0]][name] for name in table} == {name: value for name, (_, value, _) in table.items()}
    again = await lab.records.update(scope, "lab.thing", made.ids[0], wire)
    assert (again.errors, await revision(lab, made.ids[0])) == ((), 1)


async def test_every_kind_can_be_changed_alone(lab: City, files: list[UUID]) -> None:
    scope, table = lab.scope("north"), await cases(lab, files)
    await give(lab, scope, files)
    for name, (given, _, other) in table.items():
        made = await lab.records.create(scope, "lab.thing", [{name: given, "area": str(lab.areas["north_1"].id)}])
        changed = await lab.records.update(scope, "lab.thing", made.ids[0], {name: other}, 1)
        assert (name, changed.errors, await revision(lab, made.ids[0])) == (name, (), 2)
        fields = await lab.pool.fetchval("SELECT fields FROM wangge.revision WHERE row_id = $1", made.ids[0])
        assert fields == [name]


async def test_every_kind_can_be_loaded(lab: City, files: list[UUID]) -> None:
    table, own = await cases(lab, files), uuid7()
    wire = {name: given for name, (given, _, _) in table.items()}
    row = {**wire, "id": own, "area": lab.areas["north_1"].id}
    await give(lab, lab.scope("north"), files)
    await lab.records.load("lab.thing", [[row]], Actor(kind="system", name="t"), "x")
    rows = await lab.records.kit.rows.load(lab.pool, "lab.thing", [own])
    assert {name: rows[own][name] for name in table} == {name: value for name, (_, value, _) in table.items()}
    left = await lab.pool.fetch("SELECT file FROM wangge.upload WHERE file = ANY($1::uuid[])", files)
    held = {files[0], files[2], files[4], files[5]}
    assert {row["file"] for row in left} == set(files) - held


async def revision(lab: City, row: UUID) -> Any:
    """The revision of a thing."""
    return await lab.pool.fetchval("SELECT revision FROM lab.thing WHERE id = $1", row)


async def thing(lab: City, **wire: Any) -> UUID:
    """A thing in the north."""
    made = await lab.records.create(lab.scope("north"), "lab.thing", [{"area": lab.areas["north_1"].id, **wire}])
    assert made.errors == ()
    return made.ids[0]


async def test_a_key_in_an_index_is_refused_with_its_field(lab: City) -> None:
    await thing(lab, key="K")
    hidden = await lab.records.create(lab.scope("south"), "lab.thing", [{"area": lab.areas["south_1"].id, "key": "K"}])
    assert codes(hidden) == [(("key",), "unique.taken")]
    other = await thing(lab, key="L")
    changed = await lab.records.update(lab.scope("north"), "lab.thing", other, {"key": "K"})
    assert codes(changed) == [(("key",), "unique.taken")]


async def test_numbers_are_issued_and_cannot_be_given(lab: City) -> None:
    one, two = await thing(lab), await thing(lab)
    found = [await lab.pool.fetchval("SELECT number FROM lab.thing WHERE id = $1", row) for row in (one, two)]
    year = dt.datetime.now(SHANGHAI).year
    assert [number[:6] for number in found] == [f"L{year}-"] * 2
    assert int(found[1][6:]) == int(found[0][6:]) + 1
    given = await lab.records.create(lab.scope("north"), "lab.thing", [{"number": "L2026-0001"}])
    assert codes(given) == [(("number",), "field.not_settable")]


async def test_a_check_may_flag_what_it_finds(lab: City) -> None:
    row = await thing(lab, integer=13)
    assert await lab.pool.fetchval("SELECT code FROM wangge.flag WHERE row = $1", str(row)) == "lab.odd"


async def test_a_change_is_flagged_once_until_it_is_reviewed(lab: City) -> None:
    row, scope = await thing(lab, integer=12), lab.scope("north")

    async def flags() -> int:
        count: int = await lab.pool.fetchval("SELECT count(*) FROM wangge.flag WHERE row = $1", str(row))
        return count

    await lab.records.update(scope, "lab.thing", row, {"integer": 13})
    await lab.records.update(scope, "lab.thing", row, {"text": "again"})
    assert await flags() == 1
    await lab.pool.execute("UPDATE wangge.flag SET reviewed_at = now() WHERE row = $1", str(row))
    await lab.records.update(scope, "lab.thing", row, {"text": "and again"})
    await lab.records.update(scope, "lab.thing", row, {"integer": 14})
    assert await flags() == 2


async def test_an_operation_writes_what_only_it_may_write(lab: City) -> None:
    scope = lab.scope("north", actions=("get", "update", "create", "do:close"))
    row = await thing(lab)
    direct = await lab.records.update(scope, "lab.thing", row, {"stage": "DONE"})
    assert codes(direct) == [(("stage",), "field.not_settable")]
    missing = await lab.records.perform(scope, "lab.thing", row, "close", {"else": 1})
    assert codes(missing) == [(("else",), "field.not_settable"), (("stage",), "field.required")]
    done = await lab.records.perform(scope, "lab.thing", row, "close", {"stage": "DONE", "remark": "x"}, 1)
    assert done.errors == ()
    assert await lab.pool.fetchval("SELECT stage FROM lab.thing WHERE id = $1", row) == "DONE"
    entry = await lab.pool.fetchrow("SELECT action FROM wangge.ledger_entry WHERE row_id = $1 AND revision = 2", row)
    assert tuple(entry or ()) == ("do:close",)
    again = await lab.records.perform(scope, "lab.thing", row, "close", {"stage": "DONE"})
    assert codes(again) == [((), "operation.not_now")]
    with pytest.raises(Denied):
        await lab.records.perform(lab.scope("north"), "lab.thing", row, "close", {"stage": "DONE"})
    with pytest.raises(Denied):
        await lab.records.perform(scope, "lab.thing", row, "open", {})


async def test_a_row_of_the_city_needs_no_area(lab: City) -> None:
    made = await lab.records.create(lab.scope("north_1"), "lab.tally", [{"name": "x"}])
    assert made.errors == ()
    given = await lab.records.create(lab.scope("north_1"), "lab.tally", [{"name": "x", "area": lab.areas["city"].id}])
    assert codes(given) == [(("area",), "field.not_settable")]


async def test_a_row_of_a_unit_lies_in_a_unit_within_reach(lab: City) -> None:
    own, other = uuid7(), uuid7()
    owner = await connect(lab.pool.database, "owner")
    for row, code, number in ((own, "A", 10), (other, "B", 20)):
        await owner.execute(UNIT, row, code, number)
    await owner.close()
    scope = lab.scope("north", unit=own, unit_spans=((10, 10),))
    made = await lab.records.create(scope, "lab.desk", [{"name": "x"}])
    place = await lab.pool.fetchrow("SELECT unit_id, unit_ord FROM lab.desk WHERE id = $1", made.ids[0])
    assert tuple(place or ()) == (own, 10)
    hidden = await lab.records.create(scope, "lab.desk", [{"name": "x", "unit": other}])
    missing = await lab.records.create(scope, "lab.desk", [{"name": "x", "unit": uuid7()}])
    assert hidden == missing
    assert codes(hidden) == [(("unit",), "unit.unknown")]


async def test_a_row_of_a_person_is_written_by_that_person(lab: City) -> None:
    wire = {"area": lab.areas["north_1"].id, "name": "测试甲"}
    people = await lab.records.create(lab.scope("north"), "base.person", [wire, wire])
    scope = lab.scope("north", person=people.ids[0])
    own = await lab.records.create(scope, "lab.wish", [{"person": people.ids[0], "text": "x"}])
    assert own.errors == ()
    foreign = await lab.records.create(scope, "lab.wish", [{"person": people.ids[1], "text": "x"}])
    assert codes(foreign) == [((), "row.out_of_reach")]
    taken = await lab.records.update(scope, "lab.wish", own.ids[0], {"person": people.ids[1]})
    assert codes(taken) == [((), "row.out_of_reach")]


async def test_more_writers_than_connections_get_numbers_of_their_own(lab: City) -> None:
    wire = {"area": lab.areas["north_1"].id, "key": None, "integer": 1}
    scope = lab.scope("north")
    made = await asyncio.gather(*(lab.records.create(scope, "lab.thing", [wire, wire]) for _ in range(40)))
    ids = [row for answer in made for row in answer.ids]
    numbers = await lab.pool.fetch("SELECT number FROM lab.thing WHERE id = ANY($1)", ids)
    assert len({row["number"] for row in numbers}) == 80


async def test_a_row_of_two_tables_moves_in_both_with_its_parent(lab: City) -> None:
    house = await building(lab, "north_1")
    made = await lab.records.create(
        lab.scope("north"), "lab.inspection", [{"building": house, "note": "n", "result": "r"}]
    )
    assert made.errors == ()
    await lab.records.update(lab.scope("city"), "base.building", house, {"area": lab.areas["south_2"].id})
    for table in ("lab.visit", "lab.inspection"):
        assert await lab.pool.fetchval(f"SELECT area_ord FROM {table} WHERE id = $1", made.ids[0]) == 220
    events = await lab.pool.fetch(
        "SELECT kind, entity FROM wangge.outbox WHERE row_id = $1 ORDER BY created_at", made.ids[0]
    )
    assert [tuple(event) for event in events] == [("create", "lab.inspection"), ("areas", "lab.inspection")]
    changed = await lab.records.update(
        lab.scope("south"), "lab.inspection", made.ids[0], {"note": "m", "result": "s"}, 1
    )
    assert changed.errors == ()
