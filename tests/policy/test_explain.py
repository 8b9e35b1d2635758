"""Explanations: the whole chain for administrators, and for the caller nothing that tells whether a row exists."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.city import City
from tests.policy.commands import outside
from wangge.cli import main
from wangge.store.pool import Pool
from wangge.values import uuid7

pytestmark = pytest.mark.asyncio(loop_scope="module")
OWN = """query($id: ID!, $type: String!, $field: String, $action: String! = "get") { access {
  explain(type: $type, id: $id, field: $field, action: $action) { seen level rules { role level purpose conditional } } } }"""
CHAIN = """query($account: String!, $id: ID!, $type: String!, $field: String, $action: String! = "get") { access {
  explainFor(account: $account, type: $type, id: $id, field: $field, action: $action) { found level compiled agrees
    steps { role path rule effect replaced module area condition level holds casbin } } } }"""


async def person_in(owner: Pool, grid: str, *, inside: bool) -> str:
    """A person with a link inside, or only outside, a grid."""
    sign = "" if inside else "NOT "
    return str(
        await owner.fetchval(
            f"SELECT p.id FROM base.person p WHERE p.removed_at IS NULL AND {sign}EXISTS (SELECT 1 FROM base.person_area l "
            "JOIN wangge.area a ON a.id = l.area_id WHERE l.row_id = p.id AND a.code = $1) ORDER BY p.id LIMIT 1",
            grid,
        )
    )


def grid_of(city: City, login: str) -> str:
    """The area of a demonstration account."""
    return city.accounts[login]["area_code"]


async def test_the_caller_is_told_its_own_level_and_rules(city: City, city_owner: Pool) -> None:
    row = await person_in(city_owner, grid_of(city, "nanming-grid-1"), inside=True)
    found = await city.data("nanming-grid-1", OWN, {"id": row, "type": "Person", "field": "idNumber"})
    rule = {"role": "grid_staff", "level": "MASKED", "purpose": "population_register", "conditional": False}
    assert found["access"]["explain"] == {"seen": True, "level": "MASKED", "rules": [rule]}


@pytest.mark.parametrize("field", [None, "name", "idNumber", "phones.number", "nothingOfTheKind"])
@pytest.mark.parametrize("action", ["get", "list", "update", "reveal", "erase", "nothing"])
async def test_the_explanation_of_a_hidden_row_is_that_of_a_missing_one_byte_for_byte(
    city: City, city_owner: Pool, field: str | None, action: str
) -> None:
    hidden = await person_in(city_owner, grid_of(city, "nanming-grid-1"), inside=False)
    asked = {"type": "Person", "field": field, "action": action}
    answers = [
        await city.http.post(
            "/graphql",
            json={"query": OWN, "variables": {**asked, "id": row}},
            headers=city.headers("nanming-grid-1"),
        )
        for row in (hidden, str(uuid7()), "no id at all")
    ]
    assert {answer.content for answer in answers} == {answers[0].content}
    assert len({answer.status_code for answer in answers}) == 1
    volatile = {"date", "x-request-id"}
    kept = [sorted((k, v) for k, v in a.headers.items() if k not in volatile) for a in answers]
    assert kept[0] == kept[1] == kept[2]
    assert b'"seen":false' in answers[0].content


async def test_a_hidden_row_costs_the_same_statements_as_a_missing_one(
    city: City, city_owner: Pool, city_admin: Pool
) -> None:
    hidden = await person_in(city_owner, grid_of(city, "nanming-grid-1"), inside=False)
    await city.data("nanming-grid-1", OWN, {"id": hidden, "type": "Person", "field": "name"})

    told = []
    for row in (hidden, str(uuid7())):
        await city_admin.execute("SELECT public.pg_stat_statements_reset()")
        await city.data("nanming-grid-1", OWN, {"id": row, "type": "Person", "field": "name"})
        found = await city_admin.fetch(
            """SELECT s.query, s.calls FROM public.pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid
               WHERE r.rolname = 'wangge_app' AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
               AND (s.query LIKE '%base%person%' OR s.query LIKE '%wangge.post%') ORDER BY 1"""
        )
        told.append([(each["query"], each["calls"]) for each in found])
    assert told[0] == told[1]
    assert any("person" in query for query, _ in told[0])


async def test_a_hidden_type_is_explained_as_one_that_does_not_exist(city: City, city_owner: Pool) -> None:
    account = str(await city_owner.fetchval("SELECT id FROM wangge.account LIMIT 1"))
    asked = [
        await city.ask("nanming-grid-1", OWN, {"id": account, "type": type_, "field": "name"})
        for type_ in ("Account", "NothingOfTheKind")
    ]
    assert asked[0] == asked[1] == {"data": {"access": {"explain": {"seen": False, "level": "HIDDEN", "rules": []}}}}


async def test_only_those_who_answer_for_rights_have_the_field(city: City) -> None:
    have = []
    for login in ("security-admin", "audit-admin", "system-admin", "city-admin", "nanming-grid-1"):
        answer = await city.data(login, '{ __type(name: "AccessQuestions") { fields { name } } }')
        have.append((login, "explainFor" in {field["name"] for field in answer["__type"]["fields"]}))
    assert have == [
        ("security-admin", True), ("audit-admin", True), ("system-admin", False), ("city-admin", False),
        ("nanming-grid-1", False),
    ]  # fmt: skip


@pytest.mark.parametrize("admin", ["security-admin", "audit-admin"])
async def test_the_chain_agrees_with_the_compiled_rights_and_is_in_the_ledger(
    city: City, city_owner: Pool, admin: str
) -> None:
    grid = grid_of(city, "nanming-grid-1")
    near, far = [await person_in(city_owner, grid, inside=inside) for inside in (True, False)]
    asked = {"account": "nanming-grid-1", "type": "Person", "field": "idNumber"}
    made = [(await city.data(admin, CHAIN, {**asked, "id": row}))["access"]["explainFor"] for row in (near, far)]
    assert [(m["found"], m["level"], m["compiled"], m["agrees"]) for m in made] == [
        (True, "MASKED", "MASKED", True),
        (True, "HIDDEN", "HIDDEN", True),
    ]
    assert [[(s["path"], s["area"], s["holds"], s["casbin"]) for s in m["steps"]] for m in made] == [
        [(["grid_staff"], True, True, True)],
        [(["grid_staff"], False, False, True)],
    ]
    noted = (
        "SELECT count(*) FROM wangge.ledger_entry WHERE action = 'explain' AND actor_name = $1 AND row_id = $2::uuid"
    )
    assert await city_owner.fetchval(noted, admin, far) == 1


async def test_the_chain_agrees_for_every_account_type_and_field(city: City, city_owner: Pool) -> None:
    rows = {
        type_: [str(r["id"]) for r in await city_owner.fetch(f"SELECT id FROM {table} ORDER BY md5(id::text) LIMIT 2")]
        for type_, table in (
            ("Person", "base.person"),
            ("Incident", "urban_management.incident"),
            ("Area", "wangge.area"),
        )
    }
    fields = {"Person": [None, "name", "phones.number", "residences"], "Incident": [None, "reporterPhone", "caseNo"],
              "Area": [None, "name", "id"]}  # fmt: skip
    wrong: list[Any] = []
    for login in city.accounts:
        for type_, ids in rows.items():
            for row in ids:
                for field in fields[type_]:
                    asked = {"account": login, "type": type_, "id": row, "field": field}
                    made = (await city.data("security-admin", CHAIN, asked))["access"]["explainFor"]
                    wrong += [] if made["agrees"] and made["found"] else [(asked, made)]
    assert wrong == []


async def test_an_unknown_account_or_type_is_said(city: City) -> None:
    asked = {"account": "nobody", "type": "Person", "id": str(uuid7())}
    assert await city.code("security-admin", CHAIN, asked) == "access.unknown_account"
    assert await city.code("security-admin", CHAIN, {**asked, "type": "Nothing"}) == "access.unknown_type"


async def test_the_command_prints_the_chain(
    city: City, city_owner: Pool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = await person_in(city_owner, grid_of(city, "nanming-grid-1"), inside=True)
    outside(monkeypatch, city)
    asked = ["--account", "nanming-grid-1", "--entity", "base.person", "--id", row]
    assert await asyncio.to_thread(main, ["policy", "explain", *asked, "--field", "idNumber"]) == 0
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first == f"nanming-grid-1, get of base.person {row} idNumber: MASKED"
    assert last == "the compiled rights say MASKED; all agree"
    assert await asyncio.to_thread(main, ["policy", "explain", *asked[:3], "base.nothing", *asked[4:]]) == 1
    assert "there is no entity" in capsys.readouterr().err
