"""Limits are settings of roles, on by default, checked before anything is executed; requests are counted by the minute (API.md 5)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from graphql import parse
from tests.city import City, eventually, served
from wangge.graphql.limits import Amount, measures
from wangge.graphql.rates import Rates
from wangge.model.role_limits import MOST, NAMES, RoleLimits, widest
from wangge.settings import Settings
from wangge.store.database import Database
from wangge.store.pool import Pool

CLERK, GRID, SECURITY, ADMIN = "nanming-station", "nanming-grid-1", "security-admin", "nanming-admin"
SET = """mutation($r: String!, $l: RoleLimitsInput!) { setRoleLimits(role: $r, limits: $l) {
  node { id ownLimits } errors { code path message } } }"""
ROOMS = "{ rooms(first: 3) { nodes { id building { id } } } }"


def test_who_holds_several_roles_has_the_highest_of_each() -> None:
    defaults = RoleLimits()
    assert widest([]) == defaults
    assert widest([{"cost": 10, "depth": 90}, {"cost": 20, "depth": 5}]) == msgspec.structs.replace(
        defaults, cost=20, depth=90
    )
    assert widest([{"cost": 10}, {}]) == defaults
    assert all(1 <= getattr(defaults, name) <= MOST[name] for name in NAMES)


@pytest.mark.parametrize(
    ("text", "depth", "aliases", "directives"),
    [
        ("{ a }", 1, 0, 0),
        ("{ a { b c { d } } x: e }", 3, 1, 0),
        ("{ ...f } fragment f on Query { a { ...g } } fragment g on A { b: c { d } }", 3, 1, 0),
        ("{ ... @include(if: true) { a @skip(if: true) { b } } }", 2, 0, 2),
        ("{ ...f } fragment f on Query { a { ...f } }", 1, 0, 0),
    ],
)
def test_a_document_is_measured_with_its_fragments(text: str, depth: int, aliases: int, directives: int) -> None:
    found = measures(parse(text))
    assert (found.depth, found.aliases, found.directives) == (depth, aliases, directives)


def test_amounts_multiply_down_the_nesting() -> None:
    inner = Amount(1, 0, 0).plus(Amount(2, 0, 0), 5).plus(Amount(0, 5, 5))
    assert Amount(1).plus(inner, 3).plus(Amount(0, 3, 3)) == Amount(1 + 3 * 11, 3 + 3 * 5, 5)
    assert Amount(1).plus(inner, 0) == Amount(1)


def test_a_bucket_holds_a_minute_and_fills_evenly() -> None:
    now = [100.0]
    rates = Rates(lambda: now[0])
    assert [rates.take("a", 3) for _ in range(3)] == [None] * 3
    assert rates.take("a", 3) == pytest.approx(20)
    assert rates.take("b", 3) is None
    now[0] += 19
    assert rates.take("a", 3) == pytest.approx(1)
    now[0] += 1.001
    assert rates.take("a", 3) is None
    now[0] += 1000
    assert [rates.take("a", 3) is None for _ in range(4)] == [True, True, True, False]
    assert [rates.is_news("a"), rates.is_news("a"), rates.is_news("b")] == [True, False, True]
    now[0] += 61
    assert rates.is_news("a")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def other(city_settings: Settings, city_database: Database) -> AsyncIterator[City]:
    """The same city, served by another process's parts."""
    async with served(city_settings, city_database) as made:
        yield made


async def limited(city: City, role: str, **limits: int) -> None:
    """Set the limits of a role."""
    made = (await city.data(SECURITY, SET, {"r": role, "l": limits}))["setRoleLimits"]
    assert (made["errors"], made["node"]["ownLimits"]) == ([], limits or None)


async def becomes(city: City, login: str, query: str, code: str | None, variables: Any = None) -> None:
    """Wait until an answer has this code, None for no error."""

    async def so() -> bool:
        answer = await city.ask(login, query, variables)
        return (answer["errors"][0]["extensions"]["code"] if "errors" in answer else None) == code

    await eventually(so)


LIMITED: dict[str, tuple[dict[str, int], str, Any]] = {
    "depth": ({"depth": 2}, ROOMS, None),
    "tokens": ({"tokens": 10}, ROOMS, None),
    "aliases": ({"aliases": 1}, "{ a: rooms(first: 1) { nodes { b: id } } }", None),
    "directives": (
        {"directives": 1},
        "{ rooms(first: 1) { nodes { id @skip(if: false) number @skip(if: false) } } }",
        None,
    ),
    "roots": ({"roots": 1}, "{ rooms(first: 1) { nodes { id } } buildings(first: 1) { nodes { id } } }", None),
    "page": ({"page": 2}, ROOMS, None),
    "a page in a variable": ({"page": 2}, "query($n: Int) { rooms(first: $n) { nodes { id } } }", {"n": 3}),
    "rows": ({"rows": 11}, "{ buildings(first: 3) { nodes { rooms(first: 3) { nodes { id } } } } }", None),
    "cost": ({"cost": 6}, ROOMS, None),
}


@pytest.mark.parametrize("name", LIMITED)
async def test_a_limit_of_a_role_is_obeyed_by_every_process_and_by_no_other_role(
    city: City, other: City, name: str
) -> None:
    limits, query, variables = LIMITED[name]
    code = f"limit.{next(iter(limits))}"
    assert "errors" not in await other.ask(CLERK, query, variables)  # kept as a plan
    await limited(city, "station_clerk", **limits)
    for server in (city, other):
        await becomes(server, CLERK, query, code, variables)
        assert "errors" not in await server.ask(GRID, query, variables)
    await limited(city, "station_clerk", **{next(iter(limits)): MOST[next(iter(limits))]})
    for server in (city, other):
        await becomes(server, CLERK, query, None, variables)


async def test_what_a_module_says_holds_until_the_city_says_another_number(city: City, city_owner: Pool) -> None:
    said = "UPDATE wangge.role SET limits = $1 WHERE code = 'station_clerk'"
    for limits, own, code in (({"page": 2}, {}, "limit.page"), ({"page": 2}, {"page": 3}, None), (None, {}, None)):
        await city_owner.execute(said, limits)
        await limited(city, "station_clerk", **own)  # which tells every process of the change
        await becomes(city, CLERK, ROOMS, code)


async def test_a_write_whose_answer_is_too_long_for_the_role_stores_nothing(city: City, city_owner: Pool) -> None:
    write = """mutation { createBuilding(input: {code: "limited", name: "x"}) { node { rooms(first: 5) { nodes { id } } } } }"""
    await limited(city, "station_clerk", page=4)
    await becomes(city, CLERK, "{ rooms(first: 5) { nodes { id } } }", "limit.page")
    assert await city.code(CLERK, write) == "limit.page"
    assert await city_owner.fetchval("SELECT count(*) FROM base.building WHERE code = 'limited'") == 0
    await limited(city, "station_clerk")
    await becomes(city, CLERK, "{ rooms(first: 5) { nodes { id } } }", None)


async def test_by_default_documents_are_bounded(city: City) -> None:
    deep = "{ rooms(first: 1) { nodes { " + "building { rooms(first: 1) { nodes { " * 7 + "id" + " } } }" * 7 + " } } }"
    assert await city.code(CLERK, deep) == "limit.depth"
    many = "{ rooms(first: 1) { nodes { " + " ".join(f"a{n}: id" for n in range(2001)) + " } } }"
    assert await city.code(CLERK, many) == "limit.aliases"
    wide = "{ buildings(first: 500) { nodes { rooms(first: 400) { nodes { id } } } } }"
    assert await city.code(CLERK, wide) == "limit.rows"


async def test_who_sends_too_much_waits_and_nobody_else_does(city: City, city_owner: Pool) -> None:
    me = {"query": "{ me { account { id } } }"}
    await limited(city, "grid_staff", requests=5)

    async def throttled() -> bool:
        return (await city.http.post("/graphql", json=me, headers=city.headers(GRID))).status_code == 429

    await eventually(throttled)
    answer = await city.http.post("/graphql", json=me, headers=city.headers(GRID))
    error = answer.json()["errors"][0]
    assert (answer.status_code, error["extensions"]["code"], error["extensions"]["limit"]) == (429, "limit.requests", 5)
    assert 1 <= int(answer.headers["retry-after"]) <= 12
    assert "news" not in answer.text
    for login in (CLERK, "nanming-grid-2"):
        assert (await city.http.post("/graphql", json=me, headers=city.headers(login))).status_code == 200
    noted = "SELECT count(*) FROM wangge.ledger_entry WHERE actor_name = $1 AND reason = 'limit.requests'"
    assert await city_owner.fetchval(noted, GRID) == 1
    await limited(city, "grid_staff")

    async def goes_on() -> bool:
        return not await throttled()

    await eventually(goes_on)


@pytest.mark.parametrize(
    ("role", "limits", "code"),
    [
        ("no_such_role", {"cost": 5}, "role.unknown"),
        ("station_clerk", {"cost": 0}, "role.bad_limit"),
        ("station_clerk", {"page": 1001}, "role.bad_limit"),
        ("station_clerk", {"depth": -1}, "role.bad_limit"),
    ],
)
async def test_what_is_wrong_with_a_limit_is_told(city: City, role: str, limits: dict[str, int], code: str) -> None:
    made = (await city.data(SECURITY, SET, {"r": role, "l": limits}))["setRoleLimits"]
    assert [error["code"] for error in made["errors"]] == [code]


async def test_only_security_administrators_set_limits_and_it_leaves_its_traces(city: City, city_owner: Pool) -> None:
    for login in (ADMIN, "system-admin", "audit-admin", CLERK):
        assert await city.code(login, SET, {"r": "station_clerk", "l": {}}) == "document.invalid"
    await limited(city, "volunteer", cost=77)
    row = await city_owner.fetchrow(
        "SELECT r.fields, r.changes, e.reason FROM wangge.revision r JOIN wangge.ledger_entry e ON e.row_id = r.row_id "
        "AND e.revision IS NULL AND e.action = 'set_limits' WHERE r.operation = 'set_limits' ORDER BY r.at DESC LIMIT 1"
    )
    assert row is not None
    assert tuple(row) == (["ownLimits"], {"ownLimits": {"from": None, "to": {"cost": 77}}}, "volunteer")
