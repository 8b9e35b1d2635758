"""`node(nodeId:)`: whatever has a global id, as its own root field shows it; anything else is nothing."""

from __future__ import annotations

import base64
from uuid import uuid4

import pytest

from tests.city import City
from wangge.store.pool import Pool

DEPARTMENT, CLERK = "nanming-urban-management", "nanming-station"
NODE = "query($n: ID!) { node(nodeId: $n) { __typename id nodeId ... on Incident { caseNo room { address } } } }"


def global_id(type_: str, row: str) -> str:
    """The id that clients keep."""
    return base64.b64encode(f"{type_}:{row}".encode()).decode()


async def test_a_node_is_what_its_own_root_field_shows(city: City) -> None:
    query = "{ incidents(first: 2) { nodes { __typename id nodeId caseNo room { address } } } }"
    for expected in (await city.data(DEPARTMENT, query))["incidents"]["nodes"]:
        assert (await city.data(DEPARTMENT, NODE, {"n": expected["nodeId"]}))["node"] == expected


async def test_nodes_of_several_types_stand_in_one_document_beside_other_fields(city: City) -> None:
    found = await city.data(
        CLERK, "{ persons(first: 1) { nodes { id nodeId name } } rooms(first: 1) { nodes { nodeId } } }"
    )
    person, room = found["persons"]["nodes"][0], found["rooms"]["nodes"][0]
    query = """query($p: ID!, $r: ID!, $id: ID!) { a: node(nodeId: $p) { ...Who } b: node(nodeId: $r) { __typename ...Who }
        person(id: $id) { nodeId } } fragment Who on Node { ... on Person { name } }"""
    answer = await city.data(CLERK, query, {"p": person["nodeId"], "r": room["nodeId"], "id": person["id"]})
    assert answer == {
        "a": {"name": person["name"]},
        "b": {"__typename": "Room"},
        "person": {"nodeId": person["nodeId"]},
    }


async def test_what_the_caller_may_not_see_is_nothing_like_what_does_not_exist(city: City, city_owner: Pool) -> None:
    other = await city_owner.fetchval(
        """SELECT i.id FROM urban_management.incident i JOIN wangge.area d ON d.id = i.district_id
        WHERE d.name = '云岩区' LIMIT 1"""
    )
    person = await city_owner.fetchval("SELECT id FROM base.person LIMIT 1")
    ids = [
        global_id("Incident", str(other)),
        global_id("Incident", str(uuid4())),
        global_id("Person", str(person)),
        global_id("NoSuchType", str(person)),
        global_id("Query", str(person)),
        global_id("Incident", "no uuid"),
        "no base64!",
        "",
    ]
    answers = [await city.ask(DEPARTMENT, NODE, {"n": each}) for each in ids]
    assert [answer["data"] for answer in answers] == [{"node": None}] * len(ids)
    assert all("errors" not in answer for answer in answers)
    assert answers[0] == answers[1]


@pytest.mark.parametrize("hidden", ["Person", "NoSuchType"])
async def test_a_hidden_type_cannot_be_named_in_a_fragment(city: City, hidden: str) -> None:
    query = f"query($n: ID!) {{ node(nodeId: $n) {{ ... on {hidden} {{ id }} }} }}"
    answer = await city.ask(DEPARTMENT, query, {"n": "x"})
    assert answer["errors"][0]["message"] == f"Unknown type '{hidden}'."
