"""What a document may not do: it is refused with a stable code before it costs anything, never with an internal error."""

from __future__ import annotations

from typing import Any

import pytest

from tests.city import City
from wangge.store.pool import Pool

STATION, OFFICER = "nanming-station", "nanming-urban-management"
SQUARE = [[106.0, 26.0], [107.5, 26.0], [107.5, 27.5], [106.0, 27.5], [106.0, 26.0]]


def fragments(count: int, body: str) -> str:
    """A chain of fragments on Room, each opening the next as `body` says."""
    made = " ".join(f"fragment f{n} on Room {{ {body.replace('NEXT', f'...f{n + 1}')} }}" for n in range(count))
    return f"{{ rooms(first: 1) {{ nodes {{ ...f0 }} }} }} {made} fragment f{count} on Room {{ id }}"


REFUSED: dict[str, tuple[str, dict[str, Any] | None, str]] = {
    "keys of an object": (
        "{ rooms { nodes { " + " ".join(f"k{n}: id" for n in range(1601)) + " } } }",
        None,
        "limit.keys",
    ),
    "aliases": ("{ " + " ".join(f"k{n}: __typename" for n in range(10_000)) + " }", None, "limit.tokens"),
    "nested objects": (
        fragments(5, " ".join(f"{name}: building {{ rooms {{ nodes {{ NEXT }} }} }}" for name in "abcde")),
        None,
        "limit.nested",
    ),
    "fragments": (fragments(200, "NEXT"), None, "limit.fragments"),
    "one field many times": ("{ " + "me { account { name } } " * 2_000 + "}", None, "limit.repeats"),
    "a field again and again": ("{ rooms { nodes { " + "... { id } " * 52 + "} } }", None, "limit.repeats"),
    "nesting of a filter": (
        "{ rooms(where: " + "{not: " * 500 + "{}" + "}" * 500 + ") { nodes { id } } }",
        None,
        "document.invalid",
    ),
    "root fields": (
        "{ " + " ".join(f"k{n}: rooms(first: 1) {{ nodes {{ id }} }}" for n in range(51)) + " }",
        None,
        "limit.roots",
    ),
    "directives of one place": (
        "{ rooms { nodes { id " + "@include(if: true) " * 5 + "} } }",
        None,
        "limit.directives",
    ),
    "directives of a document": (
        "{ rooms { nodes { " + " ".join(f"k{n}: id @skip(if: false)" for n in range(501)) + " } } }",
        None,
        "limit.directives",
    ),
    "pages times pages": (
        "{ buildings(first: 1000) { nodes { rooms(first: 500) { nodes { id } } } } }",
        None,
        "limit.cost",
    ),
    "pages of many roots": (
        "{ "
        + " ".join(
            f"k{n}: rooms(first: 1000) {{ nodes {{ {' '.join(f'b{m}: building {{ id }}' for m in range(12))} }} }}"
            for n in range(40)
        )
        + " }",
        None,
        "limit.cost",
    ),
    "a page in a variable": (
        "query($n: Int) { buildings(first: $n) { nodes { rooms(first: $n) { edges { node { id } } } } } }",
        {"n": 800},
        "limit.cost",
    ),
    "order by nothing": ("{ rooms(orderBy: [{id: null}]) { nodes { id } } }", None, "order.one_key"),
    "negative limit": ("{ rooms { totalCount(limit: -1) { value } } }", None, "page.out_of_bounds"),
    "negative limit in a variable": (
        "query($n: Int) { rooms { totalCount(limit: $n) { value } } }",
        {"n": -1},
        "page.out_of_bounds",
    ),
    "a year that is none": ('{ persons(where: {birthDate: {gt: "0000"}}) { nodes { id } } }', None, "document.invalid"),
    "a date of another form": (
        '{ persons(where: {birthDate: {gt: "20260101"}}) { nodes { id } } }',
        None,
        "document.invalid",
    ),
    "a text with U+0000": (
        "query($s: String) { rooms(where: {number: {eq: $s}}) { nodes { id } } }",
        {"s": "\0"},
        "value.not_text",
    ),
    "a decimal out of range": (
        '{ rooms(where: {floorArea: {gt: "1e999999"}}) { nodes { id } } }',
        None,
        "value.invalid",
    ),
}
PLACES: list[Any] = [
    {},
    "x",
    {"type": "Polygon", "coordinates": []},
    {"type": "Point", "coordinates": [106, 26]},
    {"type": "Polygon", "coordinates": [[["a", "b"]]]},
    {"type": "Polygon", "coordinates": [SQUARE[:-1]]},
    {"type": "MultiPolygon", "coordinates": [[]]},
]


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_too_much_or_malformed_is_refused_with_a_code(city: City, name: str) -> None:
    query, variables, code = REFUSED[name]
    assert await city.code(STATION, query, variables) == code


async def test_a_plan_made_for_a_good_limit_refuses_a_bad_one(city: City) -> None:
    query = "query($n: Int) { rooms { totalCount(limit: $n) { value exact } } }"
    assert (await city.data(STATION, query, {"n": 1}))["rooms"]["totalCount"] == {"value": 1, "exact": False}
    assert await city.code(STATION, query, {"n": -1}) == "page.out_of_bounds"


@pytest.mark.parametrize("place", PLACES, ids=str)
async def test_within_refuses_what_is_no_polygon(city: City, place: Any) -> None:
    query = "query($p: GeoJSON) { incidents(where: {location: {within: $p}}) { nodes { id } } }"
    assert await city.code(OFFICER, query, {"p": place}) == "filter.bad_polygon"


async def test_a_fragment_that_is_spread_again_and_again_is_opened_once(city: City) -> None:
    found = await city.data(STATION, fragments(60, "NEXT NEXT NEXT"))
    assert list(found["rooms"]["nodes"][0]) == ["id"]


@pytest.mark.parametrize(
    ("accept", "status", "type_"),
    [
        ("application/json;q=0.1, application/graphql-response+json", 200, "application/graphql-response+json"),
        ("application/graphql-response+json;q=0, */*;q=0.1", 200, "application/json"),
        ("application/json;q=0", 406, "application/json"),
        ("text/csv", 406, "application/json"),
    ],
)
async def test_the_media_type_is_the_one_that_weighs_most(city: City, accept: str, status: int, type_: str) -> None:
    headers = {**city.headers(STATION), "accept": accept}
    answer = await city.http.post("/graphql", json={"query": "{ __typename }"}, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, f"{type_}; charset=utf-8")


async def test_a_mutation_over_get_is_told_to_use_post(city: City) -> None:
    text = 'mutation { removeIncident(id: "x", reason: "x") { node { id } } }'
    answer = await city.http.get("/graphql", params={"query": text}, headers=city.headers(OFFICER))
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["errors"][0]["extensions"]["code"] == "request.mutation_over_get"


async def test_an_answer_tells_its_cost(city: City) -> None:
    """A connection, then for each of a page's rows itself, its building, and the connection below it with its own page."""
    query = "query($n: Int) { buildings(first: 3) { nodes { compound { name } rooms(first: $n) { nodes { id } totalCount { value } } } } }"
    answers = [await city.ask(STATION, query, {"n": n}) for n in (2, 5)]
    assert [answer["extensions"] for answer in answers] == [{"cost": 1 + 3 * (2 + 1 + n + 10)} for n in (2, 5)]
    counted = await city.ask(STATION, "{ rooms { totalCount { value } aggregate { count } } }")
    assert counted["extensions"] == {"cost": 2001}


async def test_a_write_whose_answer_costs_too_much_stores_nothing(city: City, city_owner: Pool) -> None:
    query = """mutation($b: ID!, $n: String!) { createRoom(input: {building: $b, number: $n, address: "x"}) { node {
        building { rooms(first: 1000) { nodes { building { rooms(first: 1000) { nodes { id } } } } } } } errors { code } } }"""
    building = (await city.data(STATION, "{ buildings(first: 1) { nodes { id } } }"))["buildings"]["nodes"][0]["id"]
    assert await city.code(STATION, query, {"b": building, "n": "too much"}) == "limit.cost"
    assert await city_owner.fetchval("SELECT count(*) FROM base.room WHERE number = 'too much'") == 0
