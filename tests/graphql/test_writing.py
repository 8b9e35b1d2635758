"""Writing through the API: payloads, rights, conflicts, confirmations, and what a write leaves behind."""

from __future__ import annotations

from typing import Any

import pytest

from tests.city import City
from wangge.store.pool import Pool

NANMING, YUNYAN, GRID = "nanming-urban-management", "yunyan-urban-management", "nanming-grid-1"
CREATE = """mutation($i: CreateIncidentInput!, $c: [String!]) { createIncident(input: $i, confirm: $c) {
    node { id caseNo revision state description area { code } permitHolderPhone extent { item amount } }
    errors { index path code message } warnings { index path code message } } }"""
UPDATE = """mutation($id: ID!, $p: UpdateIncidentInput!, $r: Int) { updateIncident(id: $id, patch: $p, ifRevision: $r) {
    node { id revision state } errors { path code } warnings { code } } }"""
REMOVE = "mutation($id: ID!, $why: String) { removeIncident(id: $id, reason: $why) { errors { code } } }"
RESTORE = "mutation($id: ID!) { restoreIncident(id: $id) { node { id revision } } }"


async def grid_of(city: City, login: str) -> str:
    """The id of the first grid that an account sees."""
    found = await city.data(
        login, '{ areas(where: {kind: {eq: "grid"}}, orderBy: [{code: ASC}], first: 1) { nodes { id } } }'
    )
    return str(found["areas"]["nodes"][0]["id"])


async def incident(city: City, login: str = NANMING, **more: Any) -> dict[str, Any]:
    """The input of an incident that is right."""
    return {
        "area": await grid_of(city, login),
        "duty": "6",
        "source": "STAFF",
        "kind": "EVENT",
        "category": "E-01-02",
        "description": "路边垃圾堆放",
        **more,
    }


async def created(city: City, login: str = NANMING, **more: Any) -> dict[str, Any]:
    """A stored incident."""
    made = (await city.data(login, CREATE, {"i": await incident(city, login, **more)}))["createIncident"]
    assert (made["errors"], made["warnings"]) == ([], [])
    node: dict[str, Any] = made["node"]
    return node


async def test_each_write_of_a_document_answers_with_its_own_row_every_time(city: City) -> None:
    text = """mutation($a: CreateIncidentInput!, $b: CreateIncidentInput!) {
        a: createIncident(input: $a) { node { id description } } b: createIncident(input: $b) { again: node { id } node { description } } }"""
    found = []
    for first, second in (("甲", "乙"), ("丙", "丁")):
        given = {"a": await incident(city, description=first), "b": await incident(city, description=second)}
        made = await city.data(NANMING, text, given)
        assert (made["a"]["node"]["description"], made["b"]["node"]["description"]) == (first, second)
        found += [made["a"]["node"]["id"], made["b"]["again"]["id"]]
    assert len(set(found)) == 4


async def test_a_created_row_comes_back_as_a_read_would_show_it(city: City) -> None:
    node = await created(city, permitHolderPhone="13812345678", extent=[{"item": "AREA", "amount": "2.50"}])
    assert node["revision"] == 1
    assert node["state"] == "REPORTED"
    assert node["caseNo"][8:14] == "520102"
    assert node["permitHolderPhone"] == "138****5678"
    assert node["extent"] == [{"item": "AREA", "amount": "2.50"}]


@pytest.mark.parametrize(
    ("change", "path", "code"),
    [
        ({"category": "C-01-01"}, ["category"], "urban_management.category_of_other_kind"),
        ({"category": "E-77"}, ["category"], "code.unknown"),
        ({"kind": "COMPONENT", "category": "C-01-01"}, ["component"], "field.required"),
        ({"description": None}, ["description"], "field.required"),
        ({"location": {"lon": 0, "lat": 0}}, ["location"], "value.null_point"),
        ({"room": "00000000-0000-7000-8000-000000000000"}, ["room"], "ref.unknown"),
        ({"closedAt": "2020-01-01T00:00:00+08:00"}, [], "casework.closed_before_report"),
        ({"area": "00000000-0000-7000-8000-000000000000"}, ["area"], "area.unknown"),
    ],
)
async def test_bad_input_says_where_and_what_and_stores_nothing(
    city: City, city_owner: Pool, change: dict[str, Any], path: list[str], code: str
) -> None:
    before = await city_owner.fetchval("SELECT count(*) FROM casework.case")
    made = (await city.data(NANMING, CREATE, {"i": await incident(city, **change)}))["createIncident"]
    assert made["node"] is None
    assert [(e["index"], e["path"], e["code"]) for e in made["errors"]] == [(0, path, code)]
    assert made["errors"][0]["message"] != code
    assert await city_owner.fetchval("SELECT count(*) FROM casework.case") == before


async def test_a_grid_that_is_hidden_answers_like_one_that_is_missing(city: City) -> None:
    hidden, missing = await grid_of(city, YUNYAN), "00000000-0000-7000-8000-000000000000"
    answers = [
        (await city.data(NANMING, CREATE, {"i": {**await incident(city), "gridAtReport": each, "area": None}}))[
            "createIncident"
        ]
        for each in (hidden, missing)
    ]
    assert answers[0] == answers[1]
    assert [(e["path"], e["code"]) for e in answers[0]["errors"]] == [(["gridAtReport"], "ref.unknown")]


async def test_sentences_come_in_the_callers_language(city: City) -> None:
    given = {"i": await incident(city, description=None)}
    chinese = await city.ask(NANMING, CREATE, given)
    english = await city.ask(NANMING, CREATE, given, **{"accept-language": "en-GB,en;q=0.9"})
    texts = [a["data"]["createIncident"]["errors"][0]["message"] for a in (chinese, english)]
    assert texts == ["必填", "A value is required"]


async def test_a_warning_stores_nothing_until_it_is_confirmed(city: City) -> None:
    given = await incident(city, description="test")
    first = (await city.data(NANMING, CREATE, {"i": given}))["createIncident"]
    assert (first["node"], first["errors"]) == (None, [])
    codes = [w["code"] for w in first["warnings"]]
    assert codes == ["casework.description_too_short"]
    second = (await city.data(NANMING, CREATE, {"i": given, "c": codes}))["createIncident"]
    assert second["node"]["description"] == "test"


async def test_two_writers_of_one_revision_meet(city: City) -> None:
    node = await created(city)
    first = (await city.data(NANMING, UPDATE, {"id": node["id"], "p": {"state": "VERIFYING"}, "r": 1}))[
        "updateIncident"
    ]
    assert first["node"] == {"id": node["id"], "revision": 2, "state": "VERIFYING"}
    assert await city.code(NANMING, UPDATE, {"id": node["id"], "p": {"state": "VOID"}, "r": 1}) == "row.changed"


async def test_nobody_writes_outside_the_own_area(city: City) -> None:
    node = await created(city)
    for text, variables in (
        (UPDATE, {"id": node["id"], "p": {"state": "VOID"}}),
        (REMOVE, {"id": node["id"], "why": "x"}),
        (RESTORE, {"id": node["id"]}),
    ):
        answer = await city.ask(YUNYAN, text, variables)
        missing = await city.ask(YUNYAN, text, {**variables, "id": "00000000-0000-7000-8000-000000000000"})
        assert answer == missing
        assert answer["errors"][0]["extensions"]["code"] == "row.unknown"
    foreign = await incident(city, NANMING)
    made = (await city.data(YUNYAN, CREATE, {"i": foreign}))["createIncident"]
    assert [e["code"] for e in made["errors"]] == ["area.unknown"]


async def test_a_role_writes_only_the_fields_and_actions_that_it_was_given(city: City) -> None:
    node = await created(city)
    assert await city.code(GRID, REMOVE, {"id": node["id"]}) == "document.invalid"
    assert await city.code("nanming-admin", UPDATE, {"id": node["id"], "p": {}}) == "document.invalid"
    text = 'mutation($id: ID!) { updateIncident(id: $id, patch: {caseNo: "1"}) { errors { code } } }'
    assert await city.code(NANMING, text, {"id": node["id"]}) == "document.invalid"


async def test_removed_rows_are_gone_and_come_back(city: City) -> None:
    node = await created(city)
    await city.data(NANMING, REMOVE, {"id": node["id"], "why": "登记错误"})
    one = "query($id: ID!) { incident(id: $id) { id } incidents(where: {id: {eq: $id}}) { totalCount { value } } }"
    assert await city.data(NANMING, one, {"id": node["id"]}) == {
        "incident": None,
        "incidents": {"totalCount": {"value": 0}},
    }
    gone = "query($id: ID!) { incidents(removed: ONLY, where: {id: {eq: $id}}) { nodes { id removedAt } } }"
    assert (await city.data(NANMING, gone, {"id": node["id"]}))["incidents"]["nodes"][0]["removedAt"]
    assert await city.code(GRID, gone, {"id": node["id"]}) == "document.invalid"
    back = (await city.data(NANMING, RESTORE, {"id": node["id"]}))["restoreIncident"]["node"]
    assert back == {"id": node["id"], "revision": 3}


async def test_every_write_leaves_its_traces(city: City, city_owner: Pool) -> None:
    node = await created(city)
    await city.data(NANMING, UPDATE, {"id": node["id"], "p": {"state": "VERIFYING"}})
    actions = await city_owner.fetch(
        "SELECT action FROM wangge.ledger_entry WHERE row_id = $1::uuid ORDER BY at", node["id"]
    )
    assert [row["action"] for row in actions] == ["create", "update"]
    events = await city_owner.fetch(
        "SELECT kind FROM wangge.outbox WHERE row_id = $1::uuid ORDER BY revision", node["id"]
    )
    assert [str(row["kind"]).lower() for row in events] == ["create", "update"] or len(events) == 2
    revisions = await city_owner.fetchval("SELECT count(*) FROM wangge.revision WHERE row_id = $1::uuid", node["id"])
    assert revisions == 1


async def test_root_fields_of_a_mutation_run_in_order_each_for_itself(city: City) -> None:
    given = await incident(city)
    text = """mutation($a: CreateIncidentInput!, $b: CreateIncidentInput!) {
        a: createIncident(input: $a) { node { caseNo } errors { code } }
        b: createIncident(input: $b) { node { caseNo } errors { code } }
        c: createIncident(input: $a) { node { caseNo } errors { code } } }"""
    made = await city.data(NANMING, text, {"a": given, "b": {**given, "description": None}})
    assert made["b"]["node"] is None
    assert int(made["c"]["node"]["caseNo"]) > int(made["a"]["node"]["caseNo"])


async def test_a_masked_field_may_be_set_and_is_shown_masked(city: City) -> None:
    area = await grid_of(city, GRID)
    text = """mutation($i: CreatePersonInput!) { createPerson(input: $i) { node { id name idNumber phones { number } area { id } }
        errors { path code } } }"""
    given = {
        "name": "测试新人",
        "sex": "1",
        "area": area,
        "idNumber": "520102190512319913",
        "phones": [{"number": "13912345678"}],
    }
    made = (await city.data(GRID, text, {"i": given}))["createPerson"]
    assert made["errors"] == []
    assert made["node"]["phones"] == [{"number": "139****5678"}]
    assert made["node"]["idNumber"] == "52****************"
    assert made["node"]["area"]["id"] == area


async def test_a_component_has_a_class_of_components(city: City) -> None:
    text = """mutation($i: CreateComponentInput!) { createComponent(input: $i) { node { category }
        errors { path code message } } }"""
    given = {"code": "5201020101999999", "name": "井盖", "position": {"lon": 106.71, "lat": 26.57}}
    event = (await city.data(NANMING, text, {"i": {**given, "category": "E-01-01"}}))["createComponent"]
    assert event == {
        "node": None,
        "errors": [{"path": [], "code": "urban_management.class_of_no_component", "message": "部件须选部件类别"}],
    }
    made = (await city.data(NANMING, text, {"i": {**given, "category": "C-01-01"}}))["createComponent"]
    assert made == {"node": {"category": "C-01-01"}, "errors": []}
