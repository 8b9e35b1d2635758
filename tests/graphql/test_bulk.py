"""Writes in bulk through the API: both policies, conflicts, repeats, children in their parents, and what one wrong row costs."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from tests.city import City
from tests.graphql.test_writing import grid_of
from wangge.model.identifiers import check_of_id_number
from wangge.store.pool import Pool
from wangge.values import uuid7

GRID, YUNYAN = "nanming-grid-1", "yunyan-grid-1"
ADMIN = "city-admin"
PERSONS = """mutation($i: [CreatePersonInput!]!, $e: ErrorPolicy, $o: OnConflict, $k: String, $c: [String!]) {
    createPersons(inputs: $i, errorPolicy: $e, onConflict: $o, idempotencyKey: $k, confirm: $c) {
    nodes { id name revision } errors { index path code message } warnings { index path code } } }"""
UPDATE = """mutation($i: [UpdatePersonsInput!]!, $e: ErrorPolicy, $k: String) {
    updatePersons(inputs: $i, errorPolicy: $e, idempotencyKey: $k) {
    nodes { id name revision } errors { index path code } } }"""
BUILDINGS = """mutation($i: [CreateBuildingInput!]!, $e: ErrorPolicy, $k: String) {
    createBuildings(inputs: $i, errorPolicy: $e, idempotencyKey: $k) {
    nodes { name area { id } units(orderBy: [{name: ASC}]) { nodes { name } }
        rooms(orderBy: [{number: ASC}]) { nodes { number address building { name } area { id } } } }
    errors { index path code } warnings { index path code } } }"""


def number(seq: int) -> str:
    """An id number of the reserved range."""
    digits = f"52010319000307{seq:03d}"
    return digits + check_of_id_number(digits)


def brief(problems: list[dict[str, Any]]) -> list[tuple[int, list[str], str]]:
    """Index, path and code of each."""
    return [(one["index"], one["path"], one["code"]) for one in problems]


async def people(city: City, login: str, *names: str, **more: Any) -> list[dict[str, Any]]:
    """Inputs of persons in the caller's first grid."""
    area = await grid_of(city, login)
    return [{"name": name, "area": area, **more} for name in names]


async def made(city: City, inputs: list[dict[str, Any]], login: str = GRID, **more: Any) -> dict[str, Any]:
    """The payload of createPersons."""
    found: dict[str, Any] = (await city.data(login, PERSONS, {"i": inputs, **more}))["createPersons"]
    return found


async def test_many_rows_come_back_in_the_order_of_their_inputs(city: City) -> None:
    inputs = await people(city, GRID, "测试甲", "测试乙", "测试丙", phones=[{"number": "13912345678"}])
    found = await made(city, inputs)
    assert (found["errors"], found["warnings"]) == ([], [])
    assert [(node["name"], node["revision"]) for node in found["nodes"]] == [
        ("测试甲", 1),
        ("测试乙", 1),
        ("测试丙", 1),
    ]


async def test_one_wrong_row_stores_nothing_unless_each_stands_for_itself(city: City, city_owner: Pool) -> None:
    inputs = await people(city, GRID, "测试对", "测试错", "测试也对")
    inputs[1]["phones"] = [{"number": "1"}]
    count = "SELECT count(*) FROM base.person"
    before = await city_owner.fetchval(count)
    wrong = [(1, ["phones", "0", "number"], "value.bad_phone")]
    none = await made(city, inputs)
    assert (none["nodes"], brief(none["errors"])) == ([None, None, None], wrong)
    assert await city_owner.fetchval(count) == before
    some = await made(city, inputs, e="PER_ROW")
    assert [node and node["name"] for node in some["nodes"]] == ["测试对", None, "测试也对"]
    assert brief(some["errors"]) == wrong
    assert await city_owner.fetchval(count) == before + 2


async def test_a_building_is_stored_with_its_units_and_rooms(city: City) -> None:
    area = await grid_of(city, GRID)
    rooms = [{"number": n, "address": f"一号楼{n}"} for n in ("101", "102")]
    given = {
        "code": "N1",
        "name": "一号楼",
        "area": area,
        "units": [{"name": "一单元"}, {"name": "二单元"}],
        "rooms": rooms,
    }
    found = (await city.data(GRID, BUILDINGS, {"i": [given]}))["createBuildings"]
    assert found == {
        "nodes": [
            {
                "name": "一号楼",
                "area": {"id": area},
                "units": {"nodes": [{"name": "一单元"}, {"name": "二单元"}]},
                "rooms": {
                    "nodes": [{**room, "building": {"name": "一号楼"}, "area": {"id": area}} for room in rooms],
                },
            }
        ],
        "errors": [],
        "warnings": [],
    }


async def test_a_wrong_child_is_named_by_its_path_and_takes_its_parent_with_it(city: City, city_owner: Pool) -> None:
    area = await grid_of(city, GRID)
    good = {"code": "P1", "name": "好楼", "area": area, "rooms": [{"number": "1", "address": "好楼1"}]}
    bad = {
        "code": "P2",
        "name": "坏楼",
        "area": area,
        "rooms": [{"number": "1", "address": "坏楼1"}, {"number": "2", "floor": 999}],
    }
    wrong = [(1, ["rooms", "1", "floor"], "value.too_great"), (1, ["rooms", "1", "address"], "field.required")]
    stored = "SELECT count(*) FROM base.building WHERE name IN ('好楼', '坏楼')"
    none = (await city.data(GRID, BUILDINGS, {"i": [good, bad]}))["createBuildings"]
    assert (none["nodes"], brief(none["errors"]), await city_owner.fetchval(stored)) == ([None, None], wrong, 0)
    some = (await city.data(GRID, BUILDINGS, {"i": [good, bad], "e": "PER_ROW"}))["createBuildings"]
    assert [node and node["name"] for node in some["nodes"]] == ["好楼", None]
    assert (brief(some["errors"]), await city_owner.fetchval(stored)) == (wrong, 1)


async def test_one_create_takes_children_too(city: City) -> None:
    text = """mutation($i: CreateBuildingInput!) { createBuilding(input: $i) {
        node { units { nodes { name } } } errors { path code } } }"""
    given = {"code": "S1", "name": "单", "area": await grid_of(city, GRID), "units": [{"name": "一单元"}]}
    assert (await city.data(GRID, text, {"i": given}))["createBuilding"] == {
        "node": {"units": {"nodes": [{"name": "一单元"}]}},
        "errors": [],
    }


async def test_children_are_offered_to_those_who_may_create_them(city: City) -> None:
    text = '{ __type(name: "CreateBuildingRoomsInput") { inputFields { name } } }'
    fields = (await city.data(GRID, text))["__type"]["inputFields"]
    assert "building" not in {field["name"] for field in fields}
    assert {"id", "number", "address"} <= {field["name"] for field in fields}
    assert (await city.data("nanming-urban-management", text))["__type"] is None


async def test_a_repeated_key_answers_what_the_first_call_stored(city: City, city_owner: Pool) -> None:
    inputs = await people(city, GRID, "测试键一", "测试键二")
    first = await made(city, inputs, k="a")
    again = await made(city, inputs, k="a")
    assert [node["id"] for node in first["nodes"]] == [node["id"] for node in again["nodes"]]
    other = await city.code(GRID, PERSONS, {"i": inputs[:1], "k": "a"})
    assert other == "idempotency.other_input"
    apart = await made(city, inputs, k="b")
    assert {node["id"] for node in apart["nodes"]}.isdisjoint(node["id"] for node in first["nodes"])
    assert await city.code(GRID, PERSONS, {"i": inputs, "k": ""}) == "idempotency.bad_key"


async def test_calls_with_one_key_at_once_store_one_set_of_rows(city: City, city_owner: Pool) -> None:
    inputs = await people(city, GRID, "测试同时一", "测试同时二")
    found = await asyncio.gather(*(made(city, inputs, k="at once") for _ in range(6)))
    assert len({tuple(node["id"] for node in one["nodes"]) for one in found}) == 1
    assert await city_owner.fetchval("SELECT count(*) FROM base.person WHERE name LIKE '测试同时_'") == 2


async def test_what_was_wrong_is_tried_again_under_the_same_key(city: City, city_owner: Pool) -> None:
    inputs = await people(city, GRID, "测试先", "测试后")
    inputs[1]["id"] = str(uuid7())
    taken = {**inputs[1], "name": "测试占"}
    await made(city, [taken])
    first = await made(city, inputs, k="again", e="PER_ROW")
    assert (brief(first["errors"]), first["nodes"][1]) == ([(1, ["id"], "id.unusable")], None)
    second = await made(city, inputs, k="again", e="PER_ROW")
    assert (second["nodes"], second["errors"]) == (first["nodes"], first["errors"])
    assert await city_owner.fetchval("SELECT count(*) FROM base.person WHERE name = '测试先'") == 1


async def test_single_writes_take_a_key_too(city: City) -> None:
    one = (
        """mutation($i: CreatePersonInput!) { createPerson(input: $i, idempotencyKey: "x") { node { id revision } } }"""
    )
    given = (await people(city, GRID, "测试单"))[0]
    first = await city.data(GRID, one, {"i": given})
    assert await city.data(GRID, one, {"i": given}) == first
    change = """mutation($id: ID!, $p: UpdatePersonInput!) {
        updatePerson(id: $id, patch: $p, idempotencyKey: "x") { node { id revision } } }"""
    variables = {"id": first["createPerson"]["node"]["id"], "p": {"name": "测试改"}}
    changed = await city.data(GRID, change, variables)
    assert changed["updatePerson"]["node"]["revision"] == 2
    assert await city.data(GRID, change, variables) == changed


async def test_rows_are_updated_removed_and_restored_in_one_call(city: City) -> None:
    nodes = (await made(city, await people(city, GRID, "测试一", "测试二")))["nodes"]
    ids = [node["id"] for node in nodes]
    changes = [
        {"id": ids[0], "patch": {"name": "测试一改"}, "ifRevision": 1},
        {"id": ids[1], "patch": {"name": "测试二改"}, "ifRevision": 7},
        {"id": str(uuid4()), "patch": {"name": "无"}},
        {"id": "nonsense", "patch": {"name": "无"}},
        {"id": ids[0], "patch": {"name": "测试再改"}},
    ]
    wrong = [
        (1, ["ifRevision"], "row.changed"),
        (2, ["id"], "row.unknown"),
        (3, ["id"], "row.unknown"),
        (4, ["id"], "row.twice"),
    ]
    none = (await city.data(GRID, UPDATE, {"i": changes}))["updatePersons"]
    assert (none["nodes"], brief(none["errors"])) == ([None] * 5, wrong)
    some = (await city.data(GRID, UPDATE, {"i": changes, "e": "PER_ROW"}))["updatePersons"]
    assert some["nodes"] == [{"id": ids[0], "name": "测试一改", "revision": 2}, None, None, None, None]
    assert brief(some["errors"]) == wrong


async def test_rows_of_others_answer_like_missing_ones(city: City) -> None:
    found = await made(city, await people(city, GRID, "测试区外"))
    changes = [{"id": row, "patch": {"name": "改"}} for row in (found["nodes"][0]["id"], str(uuid4()))]
    hidden = (await city.data(YUNYAN, UPDATE, {"i": changes}))["updatePersons"]
    assert brief(hidden["errors"]) == [(0, ["id"], "row.unknown"), (1, ["id"], "row.unknown")]


async def test_a_key_that_is_held_is_an_error_or_left_or_updated(city: City) -> None:
    (first,) = await people(city, GRID, "测试有号", idNumber=number(501))
    held = (await made(city, [first]))["nodes"][0]
    (new,) = await people(city, GRID, "测试新号", idNumber=number(502))
    again = {**first, "name": "测试改名"}
    refused = await made(city, [again, new])
    assert brief(refused["errors"]) == [(0, ["idNumber"], "unique.taken")]
    left = await made(city, [again, new], o="IGNORE")
    assert left["nodes"][0] == held
    assert left["nodes"][1]["name"] == "测试新号"
    updated = await made(city, [again], o="UPDATE")
    assert updated["nodes"] == [{"id": held["id"], "name": "测试改名", "revision": 2}]


async def test_a_key_that_is_held_out_of_sight_stores_a_second_row(city: City, city_owner: Pool) -> None:
    (first,) = await people(city, GRID, "测试彼", idNumber=number(503))
    held = (await made(city, [first]))["nodes"][0]
    own = ""
    for seq, conflict in enumerate(("ERROR", "IGNORE", "UPDATE")):
        inputs = await people(city, YUNYAN, f"测试此{seq}", idNumber=number(503))
        inputs += await people(city, YUNYAN, f"测试旁{seq}", idNumber=number(504 + seq))
        if conflict == "ERROR":
            found = await made(city, inputs, YUNYAN, o=conflict)
            assert (found["errors"], [node["name"] for node in found["nodes"]]) == ([], ["测试此0", "测试旁0"])
            assert held["id"] not in [node["id"] for node in found["nodes"]]
            own = found["nodes"][0]["id"]
        else:  # now the second row is what this caller sees
            found = await made(city, inputs, YUNYAN, o=conflict)
            assert found["nodes"][0]["id"] == own
    names = await city_owner.fetch("SELECT name FROM base.person WHERE id = ANY($1::uuid[])", [held["id"], own])
    assert sorted(row["name"] for row in names) == ["测试彼", "测试此2"]


@pytest.mark.parametrize("action", ["removePersons", "restorePersons"])
async def test_who_may_not_remove_has_no_such_field(city: City, action: str) -> None:
    text = f'mutation {{ {action}(ids: ["{uuid4()}"]) {{ errors {{ code }} }} }}'
    assert await city.code(GRID, text) == "document.invalid"


async def test_a_call_has_at_most_ten_thousand_rows(city: City) -> None:
    area = await grid_of(city, GRID)
    inputs = [{"name": "多", "area": area}] * 10_001
    assert await city.code(GRID, PERSONS, {"i": inputs}) == "limit.rows_written"
    nested = {"code": "X", "name": "大", "area": area, "units": [{"name": str(n)} for n in range(10_000)]}
    assert await city.code(GRID, BUILDINGS, {"i": [nested]}) == "limit.rows_written"


async def test_ten_thousand_rows_are_one_call(city: City, city_owner: Pool) -> None:
    area = await grid_of(city, GRID)
    inputs: list[dict[str, Any]] = [
        {"code": f"T{n}", "name": "万", "area": area, "address": "某路某号" * 10} for n in range(10_000)
    ]
    inputs[7_000]["lifts"] = -1
    text = """mutation($i: [CreateBuildingInput!]!) { createBuildings(inputs: $i, errorPolicy: PER_ROW) {
        nodes { id } errors { index path code } } }"""
    found = (await city.data(GRID, text, {"i": inputs}))["createBuildings"]
    assert brief(found["errors"]) == [(7_000, ["lifts"], "value.too_small")]
    assert [n for n, node in enumerate(found["nodes"]) if node is None] == [7_000]
    left = "SELECT count(*) FROM wangge.ledger_entry e JOIN base.building b ON b.id = e.row_id WHERE b.name = '万'"
    assert await city_owner.fetchval(left) == 9_999


@pytest.mark.parametrize(("login", "limit"), [(GRID, 32_000_000), (None, 1_000_000)])
async def test_a_body_above_the_limit_is_refused_with_the_limit(city: City, login: str | None, limit: int) -> None:
    body = b'{"query": "' + b" " * limit + b'"}'
    headers = {**city.headers(login), "content-type": "application/json"}
    answer = await city.http.post("/graphql", content=body, headers=headers)
    told = answer.json()["errors"][0]["extensions"]
    assert (answer.status_code, told) == (413, {"code": "request.too_large", "limit": limit})
