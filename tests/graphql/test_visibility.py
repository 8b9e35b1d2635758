"""Every account walks everything that it may list: only the rows and cells of its grants appear (naive.py), on every path."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.city import City, eventually
from tests.graphql.naive import Eyes, Naive, World, eyes_of
from tests.graphql.test_differential import LOGINS
from wangge.model import names
from wangge.model.load import load_model
from wangge.model.types import Field
from wangge.modules.discover import discover
from wangge.store.pool import Pool

CELLS = (
    "text",
    "number",
    "phone",
    "id_number",
    "credit_code",
    "code",
    "enum",
    "boolean",
    "date",
    "datetime",
    "decimal",
)
HIDDEN = "Cannot query field '{}' on type 'Query'."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(city_owner: Pool) -> AsyncIterator[World]:
    """The raw rows of the city."""
    made = World(load_model([m.folder for m in discover(())]))
    await made.load(city_owner)
    yield made


def raw(row: Mapping[str, Any], field: Field) -> Any:
    """A cell as it goes over the wire in clear; a sealed one shows its mask."""
    column = names.column(field)
    value = row[f"{column}_mask" if field.sealed else column]
    if field.kind == "date" and field.precision and value is not None:
        return value.isoformat()[: {"year": 4, "month": 7}.get(row[f"{column}_precision"], 10)]
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.timezone(dt.timedelta(hours=8))).isoformat()
    return value.isoformat() if isinstance(value, dt.date) else str(value) if isinstance(value, Decimal) else value


def masked(row: Mapping[str, Any], field: Field) -> Any:
    """A masked cell; None where the field has no mask."""
    value = raw(row, field)
    if field.sealed or value is None or field.mask is None:
        return value if field.sealed else None
    if field.mask.to == "year":
        return value[:4]
    kept = field.mask.first + field.mask.last
    if kept and len(value) > kept:
        tail = value[len(value) - field.mask.last :] if field.mask.last else ""
        return value[: field.mask.first] + "*" * (len(value) - kept) + tail
    return "*" * len(value)


def shown(eyes: Eyes, entity: str) -> list[Field]:
    """The cells that some rule of list or get shows."""
    fields = [f for f in eyes.world.fields(entity).values() if f.kind in CELLS and f.expression is None]
    return [f for f in fields if any(eyes.may(entity, action, f) != "hidden" for action in ("list", "get"))]


async def walk(city: City, login: str, plural: str, selection: str) -> list[dict[str, Any]]:
    """Every row of a list, page by page."""
    query = f"""query($after: String) {{ found: {plural}(first: 400, after: $after) {{
        nodes {{ id {selection} }} pageInfo {{ hasNextPage endCursor }} }} }}"""
    found: list[dict[str, Any]] = []
    after, more = None, True
    while more:
        page = (await city.data(login, query, {"after": after}))["found"]
        found += page["nodes"]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    return found


@pytest.mark.parametrize("login", LOGINS)
async def test_only_rows_and_cells_of_the_grants_appear(city: City, city_owner: Pool, world: World, login: str) -> None:
    eyes = await eyes_of(world, city_owner, login)
    for entity in sorted(world.rows):
        declared = world.model.entities[entity]
        if entity == "casework.case":
            continue
        if not eyes.grants.get((entity, "list")):
            answer = await city.ask(login, f"{{ {declared.plural} {{ nodes {{ id }} }} }}")
            assert answer["errors"][0]["message"] == HIDDEN.format(declared.plural)
            continue
        fields = shown(eyes, entity)
        found = await walk(city, login, declared.plural, " ".join(f.name for f in fields))
        rows = {str(row["id"]): row for _, row in Naive(world, eyes).rows(entity)}
        assert sorted(node["id"] for node in found) == sorted(rows), (login, entity)
        for node in found:
            row = rows[node["id"]]
            for field in fields:
                level = eyes.level(entity, row, "list", field)
                expected = {"clear": raw, "masked": masked}[level](row, field) if level != "hidden" else None
                seen = node[field.name]
                if field.kind == "datetime" and seen is not None:
                    seen = dt.datetime.fromisoformat(seen).isoformat()
                assert seen == expected, (login, entity, field.name, level)


async def test_a_row_that_is_hidden_is_answered_like_one_that_does_not_exist(city: City, world: World) -> None:
    other = next(r for r in world.rows["urban_management.incident"].values())
    districts = {row["id"]: row["name"] for row in world.rows["wangge.area"].values()}
    login = "yunyan-urban-management" if districts[other["district_id"]] == "南明区" else "nanming-urban-management"
    queries = [
        "query($id: ID!) { incident(id: $id) { id caseNo } }",
        "query($id: ID!) { incidents(where: {id: {eq: $id}}) { nodes { id } totalCount { value } pageInfo { endCursor } } }",
        "query($id: ID!) { case(id: $id) { id } }",
        "query($id: ID!) { components(where: {incidents: {some: {id: {eq: $id}}}}) { totalCount { value } } }",
    ]
    for query in queries:
        answers = []
        for id_ in (str(other["id"]), str(uuid4())):
            answer = await city.http.post(
                "/graphql", json={"query": query, "variables": {"id": id_}}, headers=city.headers(login)
            )
            answers.append((answer.status_code, answer.content, {**answer.headers, "date": "", "x-request-id": ""}))
        assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("hidden", "missing"),
    [
        (
            "{ persons(where: {name: {eq: 1}}) { nodes { id } } }",
            "{ persons(where: {nope: {eq: 1}}) { nodes { id } } }",
        ),
        ("{ persons(orderBy: [{sex: ASC}]) { nodes { id } } }", "{ persons(orderBy: [{nope: ASC}]) { nodes { id } } }"),
        ("{ persons { nodes { idNumber } } }", "{ persons { nodes { nope } } }"),
        ("{ households { nodes { id } } }", "{ nope { nodes { id } } }"),
        ("{ rooms { nodes { residences { nodes { id } } } } }", "{ rooms { nodes { nope { nodes { id } } } } }"),
        ('{ __type(name: "Residence") { name } }', '{ __type(name: "Nope") { name } }'),
        ("{ rooms { nodes { ... on Household { id } } } }", "{ rooms { nodes { ... on Nope { id } } } }"),
        ("query($w: HouseholdWhere) { __typename }", "query($w: NopeWhere) { __typename }"),
    ],
)
async def test_what_is_hidden_is_refused_like_what_does_not_exist(city: City, hidden: str, missing: str) -> None:
    """A district administrator lists persons, but none of their personal fields, and no households."""
    answers = [
        await city.http.post("/graphql", json={"query": q}, headers=city.headers("nanming-admin"))
        for q in (hidden, missing)
    ]
    text = answers[0].text
    for word in ("name", "sex", "idNumber", "households", "residences"):
        text = re.sub(rf"(?<=['{{ ]){word}(?=[':])", "nope", text)
    for word in ("Residence", "HouseholdWhere", "Household"):
        text = text.replace(f"'{word}'", f"'{word.replace(word.removesuffix('Where'), 'Nope')}'")
    assert answers[0].status_code == answers[1].status_code
    place = r'"(line|column)":\d+'
    assert re.sub(place, "", text) == re.sub(place, "", answers[1].text)
    assert "Did you mean" not in text


async def test_two_posts_see_the_union_of_what_each_sees(city: City, city_owner: Pool, world: World) -> None:
    """A station clerk who becomes urban-management officer of the other district: masked here, hidden there."""
    post = await city_owner.fetchval(
        """INSERT INTO wangge.post (id, revision, account, role, unit, area_id, area_ord, district_id, valid_from)
        SELECT $1, 1, a.id, 'urban_management_officer', p.unit, p.area_id, p.area_ord, p.district_id, now()
        FROM wangge.account a, wangge.post p JOIN wangge.account o ON o.id = p.account
        WHERE a.login = 'nanming-station' AND o.login = 'yunyan-urban-management' RETURNING id""",
        uuid4(),
    )
    account = await city_owner.fetchval("SELECT account FROM wangge.post WHERE id = $1", post)
    await city_owner.fetchval("SELECT wangge.touch('post', $1)", f"account:{account}")
    eyes = await eyes_of(world, city_owner, "nanming-station")
    try:
        query = "{ incidents(first: 1000) { nodes { id reporterName } } rooms { totalCount { value } } persons { totalCount { value } } }"

        async def both() -> bool:
            found = await city.data("nanming-station", query)
            naive = Naive(world, eyes)
            rows = {str(row["id"]): row for _, row in naive.rows("urban_management.incident")}
            if {node["id"] for node in found["incidents"]["nodes"]} != set(rows):
                return False
            assert found["rooms"]["totalCount"]["value"] == len(naive.rows("base.room"))
            assert found["persons"]["totalCount"]["value"] == len(naive.rows("base.person"))
            return True

        await eventually(both)
    finally:
        await city_owner.execute("UPDATE wangge.post SET removed_at = now() WHERE id = $1", post)
        await city_owner.fetchval("SELECT wangge.touch('post', $1)", f"account:{account}")


async def test_an_ordering_or_a_filter_by_a_masked_field_tells_nothing(city: City) -> None:
    for query in (
        "{ persons(orderBy: [{birthDate: ASC}]) { nodes { id } } }",
        '{ persons(where: {birthDate: {gt: "1990"}}) { nodes { id } } }',
        '{ residences(where: {person: {birthDate: {gt: "1990"}}}) { nodes { id } } }',
        "{ residences(orderBy: [{person: {birthDate: ASC}}]) { nodes { id } } }",
        '{ persons(where: {phones: {some: {number: {startsWith: "138"}}}}) { nodes { id } } }',
    ):
        assert await city.code("nanming-civil-affairs", query) == "document.invalid"


def test_masks_of_this_file_are_those_of_the_design() -> None:
    world = World(load_model([m.folder for m in discover(())]))
    name = world.fields("base.person")["name"]
    assert masked({"name": "张小三"}, name) == "张**"
    assert masked({"name": None}, name) is None
