"""Leaks that peers had, each impossible here, and that several posts are the union of their grants and nothing else."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.city import City, eventually
from tests.policy.holders import define, hire
from wangge.store.pool import Pool

pytestmark = pytest.mark.asyncio(loop_scope="module")
CITY, NANMING, YUNYAN = "520100000000", "520102000000", "520103000000"
READ = "list get"


async def ready(city: City, login: str, type_: str, field: str) -> str:
    """Wait until the served policy has the rules that show a field; the login."""
    query = "query($name: String!) { __type(name: $name) { fields { name } } }"

    async def shown() -> bool:
        found = (await city.data(login, query, {"name": type_}))["__type"]
        return found is not None and field in {each["name"] for each in found["fields"]}

    await eventually(shown)
    return login


async def caller(city: City, owner: Pool, name: str, *rules: dict[str, Any]) -> str:
    """An account with one post of a role of its own."""
    return await hire(city, owner, f"{name}-holder", (await define(owner, name, *rules), CITY))


def rule(entity: str, fields: dict[str, str], actions: str = READ, **more: Any) -> dict[str, Any]:
    """One rule."""
    return {"entity": entity, "actions": actions, "fields": fields, **more}


async def rows(city: City, login: str, plural: str, fields: str = "id", arguments: str = "") -> list[dict[str, Any]]:
    """All nodes of a list."""
    found: list[dict[str, Any]] = []
    after = None
    query = f"""query($a: String) {{ found: {plural}(first: 1000, after: $a {arguments}) {{
      nodes {{ {fields} }} pageInfo {{ hasNextPage endCursor }} }} }}"""
    while True:
        page = (await city.data(login, query, {"a": after}))["found"]
        found += page["nodes"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return found


async def fields_of(city: City, login: str) -> dict[str, set[str]]:
    """Type -> fields and inputs of a caller's schema."""
    query = "{ __schema { types { name fields { name } inputFields { name } } } }"
    found = (await city.data(login, query))["__schema"]["types"]
    return {t["name"]: {f["name"] for f in [*(t["fields"] or ()), *(t["inputFields"] or ())]} for t in found}


async def test_directus_23197_a_count_over_a_relation_counts_no_hidden_rows(city: City, city_owner: Pool) -> None:
    some = {"floor": {"lte": 2}}
    login = await caller(
        city, city_owner, "counter",
        rule("base.building", {"name": "clear", "rooms": "clear"}), rule("base.room", {"building": "clear"}, where=some),
    )  # fmt: skip
    await ready(city, login, "Building", "rooms")
    counts = await city_owner.fetch(
        """SELECT b.id::text AS id, count(r.id) FILTER (WHERE r.floor <= 2) AS low, count(r.id) AS every
        FROM base.building b LEFT JOIN base.room r ON r.building = b.id AND r.removed_at IS NULL
        WHERE b.removed_at IS NULL GROUP BY b.id"""
    )
    assert any(row["low"] < row["every"] for row in counts)
    found = await rows(city, login, "buildings", "id rooms(first: 1) { totalCount { value } }")
    assert {b["id"]: b["rooms"]["totalCount"]["value"] for b in found} == {row["id"]: row["low"] for row in counts}
    filled = await rows(city, login, "buildings", arguments=", where: {rooms: {some: {}}}")
    assert {b["id"] for b in filled} == {row["id"] for row in counts if row["low"]}
    empty = await rows(city, login, "buildings", arguments=", where: {rooms: {none: {}}}")
    assert {b["id"] for b in empty} == {row["id"] for row in counts if not row["low"]}


async def test_strapi_4605_a_relation_reaches_no_type_that_the_role_may_not_read(city: City, city_owner: Pool) -> None:
    every = {"*": "clear", "person": "clear", "room": "clear"}
    purpose = {"purpose": "population_register"}
    login = await caller(city, city_owner, "relations", rule("base.residence", every, **purpose))
    await ready(city, login, "Residence", "kind")
    types = await fields_of(city, login)
    assert {"Person", "Room", "PersonWhere", "RoomWhere", "PersonOrder"} & types.keys() == set()
    assert {"person", "room"} & types["Residence"] == set()
    assert {"person", "room"} & (types["ResidenceWhere"] | types["ResidenceOrder"]) == set()
    for query in (
        "{ residences { nodes { person { id } } } }",
        '{ residences(where: {person: {name: {startsWith: "a"}}}) { nodes { id } } }',
        "{ residences(orderBy: [{person: {name: ASC}}]) { nodes { id } } }",
        "{ persons { nodes { id } } }",
    ):
        assert await city.code(login, query) == "document.invalid"


async def test_frappe_28099_a_field_that_is_hidden_in_one_view_is_hidden_in_every(city: City, city_owner: Pool) -> None:
    purpose = {"purpose": "population_register"}
    login = await caller(
        city, city_owner, "viewer",
        rule("base.person", {"name": "clear", "sex": "masked", "residences": "clear"}, "list", **purpose),
        rule("base.person", {"sex": "clear"}, "get", **purpose),
        rule("base.residence", {"person": "clear", "kind": "clear"}, **purpose),
        rule("base.household", {"head": "clear"}, **purpose),
    )  # fmt: skip
    await ready(city, login, "Household", "head")
    types = await fields_of(city, login)
    assert all("idNumber" not in fields and "birthDate" not in fields for fields in types.values())
    listed = (await rows(city, login, "persons", "id name sex"))[:20]
    assert all(each["name"] for each in listed)
    for each in listed:
        found = (await city.data(login, "query($id: ID!) { person(id: $id) { name sex } }", {"id": each["id"]}))[
            "person"
        ]
        assert found["name"] is None
    for plural, reference in (("residences", "person"), ("households", "head")):
        for each in (await rows(city, login, plural, f"{reference} {{ id name }}"))[:50]:
            assert each[reference] is None or each[reference]["name"] is None
    assert await city.code(login, '{ persons(where: {sex: {eq: MALE}}) { nodes { id } } }') in (
        "document.invalid", "filter.not_allowed",
    )  # fmt: skip
    assert await city.code(login, "{ persons(orderBy: [{sex: ASC}]) { nodes { id } } }") in (
        "document.invalid", "order.not_allowed",
    )  # fmt: skip


async def test_hasura_2_45_3_nested_inheritance_keeps_the_row_filter(city: City, city_owner: Pool) -> None:
    some = {"floor": {"lte": 2}}
    await define(city_owner, "low", rule("base.room", {"number": "clear", "floor": "clear"}, where=some))
    await define(city_owner, "named", rule("base.room", {"number": "clear"}), inherits=["low"])
    for n, role in enumerate(("upper", "top")):
        await define(city_owner, role, inherits=[("named", "upper")[n]])
    await define(city_owner, "only", inherits=["low"])
    await define(city_owner, "only-top", inherits=["only"])
    nested = await hire(city, city_owner, "nested", ("only-top", CITY))
    both = await hire(city, city_owner, "nested-both", ("top", CITY))
    await ready(city, nested, "Room", "floor")
    await ready(city, both, "Room", "floor")
    floors = {str(r["id"]): r["floor"] for r in await city_owner.fetch("SELECT id, floor FROM base.room")}
    low = {id_ for id_, floor in floors.items() if floor is not None and floor <= 2}
    assert {each["id"] for each in await rows(city, nested, "rooms", "id number floor")} == low
    seen = await rows(city, both, "rooms", "id number floor")
    assert {each["id"] for each in seen} == floors.keys()
    assert {each["id"]: each["floor"] for each in seen} == {
        id_: floor if id_ in low else None for id_, floor in floors.items()
    }


async def test_directus_27968_a_second_policy_takes_no_field_away(city: City, city_owner: Pool) -> None:
    one = await define(city_owner, "policy-one", rule("base.building", {"name": "clear", "code": "clear"}))
    two = await define(
        city_owner, "policy-two", rule("base.building", {"name": "masked", "floorsAbove": "clear"}),
        rule("base.building", {"lifts": "clear"}, where={"floorsAbove": {"gt": 6}}),
    )  # fmt: skip
    login = await hire(city, city_owner, "two-policies", (one, CITY), (two, CITY))
    await ready(city, login, "Building", "lifts")
    stored = {
        str(row["id"]): (row["name"], row["code"], row["floors_above"], row["lifts"] if row["high"] else None)
        for row in await city_owner.fetch(
            "SELECT *, coalesce(floors_above > 6, FALSE) AS high FROM base.building WHERE removed_at IS NULL"
        )
    }
    found = await rows(city, login, "buildings", "id name code floorsAbove lifts")
    assert {b["id"]: (b["name"], b["code"], b["floorsAbove"], b["lifts"]) for b in found} == stored


POSTS = {
    "north": (rule("base.room", {"number": "clear", "floor": "clear"}), NANMING),
    "south": (rule("base.room", {"number": "clear", "vacant": "clear"}), YUNYAN),
    "low": (rule("base.room", {"address": "clear"}, where={"floor": {"lte": 3}}), CITY),
    "owned": (rule("base.room", {"vacant": "clear"}, where={"residences": {"some": {"kind": {"eq": "OWNER"}}}}), CITY),
    "less": (rule("base.room", {"certificateNo": "masked"}, where={"not": {"vacant": {"eq": True}}}), NANMING),
}
"""name -> a rule, and the area of the post that has it."""
CELLS = ("number", "floor", "vacant", "address", "certificateNo")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def alone(city: City, city_owner: Pool) -> AsyncIterator[dict[str, dict[str, dict[str, Any]]]]:
    """What each post shows by itself: name -> row -> field -> value."""
    made = {}
    for name, (one, area) in POSTS.items():
        role = await define(city_owner, f"union-{name}", one)
        login = await hire(city, city_owner, f"union-{name}", (role, area))
        await ready(city, login, "Room", next(iter(one["fields"])))
        made[name] = await cells(city, login)
    yield made


async def cells(city: City, login: str) -> dict[str, dict[str, Any]]:
    """Row -> field -> value, of the fields that the caller has."""
    have = [name for name in CELLS if name in (await fields_of(city, login))["Room"]]
    return {row.pop("id"): row for row in await rows(city, login, "rooms", " ".join(["id", *have]))}


@pytest.mark.parametrize("names", [n for size in (2, 3) for n in itertools.combinations(POSTS, size)], ids="+".join)
async def test_several_posts_are_the_union_of_their_grants(
    city: City, city_owner: Pool, alone: dict[str, dict[str, dict[str, Any]]], names: tuple[str, ...]
) -> None:
    posts = [(f"union-{name}", POSTS[name][1]) for name in names]
    found = await cells(city, await hire(city, city_owner, "-".join(names), *posts))
    expected: dict[str, dict[str, Any]] = {}
    for name in names:
        for row, shown in alone[name].items():
            own = expected.setdefault(row, {})
            own |= {field: value for field, value in shown.items() if value is not None}
    every = {field for shown in found.values() for field in shown}
    assert found == {row: {field: shown.get(field) for field in every} for row, shown in expected.items()}
