"""SECURITY 71, 73: what is refused is recorded, and what cannot be recorded is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.city import City, eventually
from wangge.store.pool import Pool

CLERK, GRID, OFFICER, ADMIN, SECURITY = (
    "nanming-station",
    "nanming-grid-1",
    "nanming-urban-management",
    "nanming-admin",
    "security-admin",
)
REGISTER = {"wangge-purpose": "population_register"}
REVEAL = "{ persons(first: 1) { nodes { idNumber(reveal: true) } } }"
NAMES = "{ persons(first: 1) { nodes { name } } }"
STAFF = 'mutation { createStaff(input: {name: "测试"}) { node { id } } }'
LAST = """SELECT actor_name, action, reason FROM wangge.ledger_entry WHERE action LIKE 'denied:%' ORDER BY at DESC, id DESC LIMIT 1"""


async def last(owner: Pool) -> dict[str, Any]:
    """The newest refusal."""
    row = await owner.fetchrow(LAST)
    assert row is not None
    return dict(row)


DENIED: dict[str, tuple[str, str, dict[str, str], str]] = {
    "a purpose of others": (OFFICER, "{ areas { nodes { id } } }", REGISTER, "purpose.not_allowed"),
    "a preview": (GRID, NAMES, {"wangge-preview-as": "city_admin"}, "preview.not_allowed"),
}


@pytest.mark.parametrize("name", DENIED)
async def test_a_request_that_is_refused_stands_in_the_ledger(city: City, city_owner: Pool, name: str) -> None:
    login, query, headers, code = DENIED[name]
    answer = await city.ask(login, query, None, **headers)
    assert answer["errors"][0]["extensions"]["code"] == code
    assert await last(city_owner) == {"actor_name": login, "action": "denied:read", "reason": code}


async def test_a_reveal_by_get_stands_in_the_ledger(city: City, city_owner: Pool) -> None:
    headers = {**city.headers(CLERK), **REGISTER}
    assert (await city.http.get("/graphql", params={"query": REVEAL}, headers=headers)).status_code == 403
    assert (await last(city_owner))["reason"] == "reveal.not_here"


@asynccontextmanager
async def without(owner: Pool, table: str) -> AsyncIterator[None]:
    """A table that takes nothing from the serving processes."""
    await owner.execute(f"REVOKE INSERT ON {table} FROM wangge_app")
    try:
        yield
    finally:
        await owner.execute(f"GRANT INSERT ON {table} TO wangge_app")


async def test_without_a_ledger_nothing_is_revealed_matched_written_previewed_or_signed_in(
    city: City, city_owner: Pool
) -> None:
    number = (await city.ask(CLERK, REVEAL, None, **REGISTER))["data"]["persons"]["nodes"][0]["idNumber"]
    match = f'{{ persons(where: {{idNumber: {{eq: "{number}"}}}}) {{ totalCount {{ value }} }} }}'
    account = {"login": GRID, "password": city.accounts[GRID]["password"]}
    async with without(city_owner, "wangge.ledger_entry"):
        for login, query, headers in [
            (CLERK, REVEAL, REGISTER),
            (CLERK, match, REGISTER),
            (ADMIN, STAFF, {}),
            (SECURITY, "{ areas(first: 1) { nodes { id } } }", {"wangge-preview-as": "grid_staff"}),
        ]:
            answer = await city.ask(login, query, None, **headers)
            assert not any((answer.get("data") or {}).values())
            assert answer["errors"][0]["extensions"]["code"] == "internal"
            assert set(answer["errors"][0]["extensions"]) == {"code", "id"}
            assert number not in str(answer)
        async with httpx.AsyncClient(base_url=city.url) as browser:
            signed = await browser.post("/session", json=account)
            assert (signed.status_code, signed.headers.get("set-cookie")) == (500, None)
    assert await city_owner.fetchval("SELECT count(*) FROM base.staff WHERE name = '测试'") == 0
    assert (await city.ask(CLERK, match, None, **REGISTER))["data"]["persons"]["totalCount"]["value"] == 1


async def test_while_reads_cannot_be_recorded_nothing_personal_is_shown(city: City, city_owner: Pool) -> None:
    async def refused() -> bool:
        answer: dict[str, Any] = await city.ask(CLERK, NAMES)
        return "errors" in answer and answer["errors"][0]["extensions"]["code"] == "audit.not_taken"

    async def shown() -> bool:
        return "data" in await city.ask(CLERK, NAMES)

    async with without(city_owner, "wangge.read_log"):
        await eventually(refused, 20)
        assert "data" in await city.ask(CLERK, "{ rooms(first: 1) { nodes { id } } }")
    await eventually(shown, 20)
