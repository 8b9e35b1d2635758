"""Reveal and match: sealed values in clear for a purpose, equality without sight; the ledger has both before the answer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
import pytest

from tests.city import City, eventually
from wangge.crypto import load_keys
from wangge.graphql.reading import REVEALED_AT_ONCE
from wangge.model.conditions import parse_filter
from wangge.model.load import load_model
from wangge.model.sealed import use_of
from wangge.modules.discover import discover
from wangge.records.usage import PER_HOUR
from wangge.store.pool import Pool
from wangge.values import uuid7

CLERK, GRID, OTHER = "nanming-station", "nanming-grid-1", "yunyan-station"
PURPOSE = {"wangge-purpose": "population_register"}
PERSONS = """SELECT p.id, p.id_number_enc, p.id_number_mask FROM base.person p JOIN base.person_area a ON a.row_id = p.id
JOIN wangge.area g ON g.id = $1 WHERE a.area_ord BETWEEN g.ord AND g.ord_end AND p.removed_at IS NULL
AND p.id_number_enc IS NOT NULL GROUP BY p.id ORDER BY p.id LIMIT 60"""
LEDGER = """SELECT action, entity, row_id, revision, fields, purpose, document, actor_name FROM wangge.ledger_entry
WHERE action = $1 AND at > $2 ORDER BY row_id"""


@pytest.fixture
async def persons(city: City, city_owner: Pool) -> list[tuple[str, str, str]]:
    """(id, number, mask) of persons that the clerk sees."""
    area = await city_owner.fetchval(
        "SELECT p.area_id FROM wangge.post p JOIN wangge.account a ON a.id = p.account WHERE a.login = $1", CLERK
    )
    keys = load_keys(city.settings.home, None)
    use = use_of("base.person", "idNumber")
    return [
        (str(row["id"]), keys.open(use, bytes(row["id_number_enc"]), row["id"].bytes).decode(), row["id_number_mask"])
        for row in await city_owner.fetch(PERSONS, area)
    ]


@pytest.fixture
async def began(city_owner: Pool) -> Any:
    """The database's time before the test; what earlier tests used is forgotten."""
    await city_owner.execute("DELETE FROM wangge.usage")
    return await city_owner.fetchval("SELECT clock_timestamp()")


def by_ids(ids: list[str], fields: str) -> str:
    """A query for persons by id."""
    listed = ", ".join(f'"{each}"' for each in ids)
    return f"{{ persons(where: {{id: {{in: [{listed}]}}}}, orderBy: [{{id: ASC}}], first: 100) {{ nodes {{ {fields} }} }} }}"


async def test_a_reveal_shows_the_value_and_leaves_one_entry_for_each_row(
    city: City, city_owner: Pool, persons: list[tuple[str, str, str]], began: Any
) -> None:
    chosen = persons[:3]
    query = by_ids([row for row, _, _ in chosen], "id masked: idNumber idNumber(reveal: true)")
    answer = await city.ask(CLERK, query, None, **PURPOSE)
    assert answer["data"]["persons"]["nodes"] == [
        {"id": row, "masked": mask, "idNumber": number} for row, number, mask in chosen
    ]
    entries = await city_owner.fetch(LEDGER, "reveal", began)
    assert [
        (str(e["row_id"]), e["entity"], e["revision"], e["fields"], e["purpose"], e["actor_name"]) for e in entries
    ] == [(row, "base.person", 1, ["idNumber"], "population_register", CLERK) for row, _, _ in chosen]
    assert all(number not in str(dict(entry)) for entry in entries for _, number, _ in chosen)


async def test_a_nested_reveal_in_a_list_is_entered_with_its_row(city: City, city_owner: Pool, began: Any) -> None:
    query = """{ households(where: {members: {some: {person: {phones: {some: {verified: {isNull: false}}}}}}}, first: 2) { nodes {
        members { nodes { person { id phones { number(reveal: true) } } } } } } }"""
    found = (await city.ask(CLERK, query, None, **PURPOSE))["data"]["households"]["nodes"]
    shown = {
        member["person"]["id"]: [phone["number"] for phone in member["person"]["phones"]]
        for household in found
        for member in household["members"]["nodes"]
    }
    assert any(shown.values())
    assert all(len(number) == 11 and number.isdigit() for numbers in shown.values() for number in numbers)
    entries = await city_owner.fetch(LEDGER, "reveal", began)
    assert {str(entry["row_id"]) for entry in entries} == set(shown)
    assert {tuple(entry["fields"]) for entry in entries} == {("phones.number",)}


async def test_without_purpose_over_get_in_a_mutation_or_for_too_many_nothing_is_revealed_or_entered(
    city: City, city_owner: Pool, persons: list[tuple[str, str, str]], began: Any
) -> None:
    row, number, _ = persons[0]
    query = f'{{ person(id: "{row}") {{ idNumber(reveal: true) }} }}'
    assert await city.code(CLERK, query) == "reveal.needs_purpose"
    got = await city.http.get(
        "/graphql", params={"query": query}, headers={**city.headers(CLERK), **PURPOSE, "accept": "application/json"}
    )
    assert got.json()["errors"][0]["extensions"]["code"] == "reveal.not_here"
    many = by_ids([each for each, _, _ in persons[: REVEALED_AT_ONCE + 1]], "idNumber(reveal: true)")
    refused = await city.ask(CLERK, many, None, **PURPOSE)
    assert refused["errors"][0]["extensions"]["code"] == "reveal.too_many"
    written = f'mutation {{ updatePerson(id: "{row}", patch: {{nationality: "CHN"}}) {{ node {{ idNumber(reveal: true) }} }} }}'
    assert (await city.ask(CLERK, written, None, **PURPOSE))["errors"][0]["extensions"]["code"] == "reveal.not_here"
    assert await city_owner.fetch(LEDGER, "reveal", began) == []
    assert number not in got.text + str(refused)


async def test_the_hour_has_an_end(
    city: City, city_owner: Pool, persons: list[tuple[str, str, str]], began: Any
) -> None:
    await city_owner.execute(
        "INSERT INTO wangge.usage SELECT id, 'reveal', date_trunc('hour', now()), $2 FROM wangge.account WHERE login = $1",
        CLERK,
        PER_HOUR["reveal"] - 1,
    )
    query = by_ids([row for row, _, _ in persons[:2]], "idNumber(reveal: true)")
    answer = await city.http.post("/graphql", json={"query": query}, headers={**city.headers(CLERK), **PURPOSE})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3600")
    assert answer.json()["errors"][0]["extensions"]["code"] == "reveal.too_often"
    assert await city_owner.fetch(LEDGER, "reveal", began) == []
    one = by_ids([persons[0][0]], "idNumber(reveal: true)")
    assert (await city.ask(CLERK, one, None, **PURPOSE))["data"]["persons"]["nodes"] == [{"idNumber": persons[0][1]}]


async def test_who_may_not_reveal_has_no_such_argument_and_no_foreign_row_is_revealed(
    city: City, city_owner: Pool, persons: list[tuple[str, str, str]], began: Any
) -> None:
    query = by_ids([persons[0][0]], "idNumber(reveal: true)")
    resident = await city.ask("nanming-resident", f'{{ person(id: "{persons[0][0]}") {{ idNumber(reveal: true) }} }}')
    assert resident["errors"][0]["message"] == "Unknown argument 'reveal' on field 'Person.idNumber'."
    assert (await city.ask(OTHER, query, None, **PURPOSE))["data"]["persons"]["nodes"] == []
    assert await city_owner.fetch(LEDGER, "reveal", began) == []


async def test_a_match_finds_the_row_by_its_exact_number_and_stands_in_the_ledger(
    city: City, city_owner: Pool, persons: list[tuple[str, str, str]], began: Any
) -> None:
    row, number, _ = persons[0]
    query = "query($n: String!) { persons(where: {idNumber: {eq: $n}}) { nodes { id } totalCount { value } } }"
    found = await city.data(CLERK, query, {"n": number})
    assert found["persons"] == {"nodes": [{"id": row}], "totalCount": {"value": 1}}
    assert (await city.data(OTHER, query, {"n": number}))["persons"]["nodes"] == []
    assert (await city.data(CLERK, query, {"n": number[:-1]}))["persons"]["nodes"] == []
    entries = await city_owner.fetch(LEDGER, "match", began)
    assert {(e["entity"], tuple(e["fields"]), e["row_id"]) for e in entries} == {("base.person", ("idNumber",), None)}
    assert sorted(e["actor_name"] for e in entries) == [CLERK, CLERK, OTHER]
    schema = await city.data(CLERK, '{ __type(name: "MatchWhere") { inputFields { name } } }')
    assert [field["name"] for field in schema["__type"]["inputFields"]] == ["eq", "in"]
    assert await city.code(GRID, query, {"n": number}) == "document.invalid"


async def test_each_value_of_a_match_counts_for_the_hour(
    city: City, city_owner: Pool, persons: list[tuple[str, str, str]], began: Any
) -> None:
    query = """query($in: [String!]!, $one: String!) {
        persons(where: {or: [{idNumber: {in: $in}}, {idNumber: {eq: $one}}]}) { nodes { id } } }"""
    used = "SELECT used FROM wangge.usage WHERE kind = 'match'"
    row, number, _ = persons[0]
    found = await city.data(CLERK, query, {"in": ["1", number], "one": "2"})
    assert found["persons"]["nodes"] == [{"id": row}]
    assert await city_owner.fetchval(used) == 3
    many = [f"52010219900101{each:04}" for each in range(PER_HOUR["match"])]
    assert await city.code(CLERK, query, {"in": many, "one": "2"}) == "match.too_often"
    assert await city_owner.fetchval(used) == 3


async def test_a_write_that_a_sealed_key_refuses_counts_as_a_match(
    city: City, city_owner: Pool, persons: list[tuple[str, str, str]], began: Any
) -> None:
    text = """mutation($i: CreatePersonInput!) { createPerson(input: $i) { node { id } errors { code } } }"""
    area = await city_owner.fetchval(
        "SELECT p.area_id::text FROM wangge.post p JOIN wangge.account a ON a.id = p.account WHERE a.login = $1", CLERK
    )
    given = {"i": {"name": "测试冒名", "area": area, "idNumber": persons[0][1]}}
    await city_owner.execute(
        "INSERT INTO wangge.usage SELECT id, 'match', date_trunc('hour', now()), $2 FROM wangge.account WHERE login = $1",
        CLERK,
        PER_HOUR["match"] - 1,
    )
    refused = (await city.data(CLERK, text, given))["createPerson"]
    assert refused == {"node": None, "errors": [{"code": "unique.taken"}]}
    entries = await city_owner.fetch(LEDGER, "match", began)
    assert [(e["entity"], e["actor_name"]) for e in entries] == [("base.person", CLERK)]
    assert await city.code(CLERK, text, given) == "match.too_often"


async def test_absence_has_a_reason_where_the_caller_may_know(
    city: City, city_owner: Pool, persons: list[tuple[str, str, str]]
) -> None:
    row = persons[0][0]
    await city_owner.execute("UPDATE base.person SET deceased_at = NULL, nationality = NULL WHERE id = $1", UUID(row))
    clerk = (await city.data(CLERK, f'{{ person(id: "{row}") {{ idNumber deceasedAt _absent }} }}'))["person"]
    assert clerk["_absent"]["idNumber"] == "PURPOSE_REQUIRED"
    assert clerk["_absent"]["deceasedAt"] == "NOT_COLLECTED"
    assert "hukouAddress" in clerk["_absent"]
    assert "name" not in clerk["_absent"]
    own = await city_owner.fetchval("SELECT person FROM wangge.account WHERE login = 'nanming-resident'")
    resident = (await city.data("nanming-resident", f'{{ person(id: "{own}") {{ idNumber _absent }} }}'))["person"]
    assert resident["_absent"]["idNumber"] == "MASKED"


RULE = """INSERT INTO wangge.rule (id, role, entity, actions, fields, condition, effect, origin, revision, created_at, updated_at)
VALUES ($1, 'station_clerk', 'base.person', '["reveal", "match"]', '{}', $2, 'PROHIBIT', 'test', 1, now(), now())"""


async def test_a_prohibition_takes_reveal_and_match_of_a_row(
    city: City, city_owner: Pool, persons: list[tuple[str, str, str]], began: Any
) -> None:
    (row, number, mask), (other, shown, _) = persons[:2]
    rule = uuid7()
    condition = msgspec.to_builtins(
        parse_filter(load_model([m.folder for m in discover()]), "base.person", {"id": {"eq": row}})
    )
    async with city_owner.transaction() as connection:
        await connection.execute(RULE, rule, condition)
        await connection.fetchval("SELECT wangge.touch('rule', 'role:station_clerk')")
    query = by_ids([row, other], "id idNumber(reveal: true)")
    expected = [{"id": row, "idNumber": mask}, {"id": other, "idNumber": shown}]

    async def obeyed() -> bool:
        answer = await city.ask(CLERK, query, None, **PURPOSE)
        assert "errors" not in answer, answer
        return bool(answer["data"]["persons"]["nodes"] == expected)

    await eventually(obeyed, 5)
    search = "query($n: String!) { persons(where: {idNumber: {eq: $n}}) { nodes { id } } }"
    assert (await city.data(CLERK, search, {"n": number}))["persons"]["nodes"] == []
    assert (await city.data(CLERK, search, {"n": shown}))["persons"]["nodes"] == [{"id": other}]
    async with city_owner.transaction() as connection:
        await connection.execute("DELETE FROM wangge.rule WHERE id = $1", rule)
        await connection.fetchval("SELECT wangge.touch('rule', 'role:station_clerk')")
