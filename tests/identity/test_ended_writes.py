"""A write that comes at once after the end of a right is refused, before any process has looked whether something changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from tests.city import City
from tests.graphql.accounts import admit
from tests.graphql.test_writing import CREATE, incident
from tests.identity.test_sessions import asked, signed_in
from tests.policy.holders import define
from wangge.identity.accounts import change_account, disable_module, end_post
from wangge.identity.sessions import end_session, set_password
from wangge.identity.tokens import end_token
from wangge.store.pool import Pool
from wangge.values import uuid7

pytestmark = pytest.mark.asyncio(loop_scope="module")
LIKE, ROLE = "nanming-urban-management", "urban_management_officer"
PASSWORD = "Wn7-grid-of-the-city"
OWN = "ends_with_its_rules"
COPY = """INSERT INTO wangge.rule (id, revision, created_at, updated_at, role, entity, actions, fields, condition, effect, via, origin)
SELECT uuidv7(), 1, now(), now(), $2, entity, actions, fields, condition, effect, via, 'test' FROM wangge.rule
WHERE role IN (SELECT $1 UNION SELECT jsonb_array_elements_text(inherits) FROM wangge.role WHERE code = $1)"""
STORED = "SELECT count(*) FROM urban_management.incident WHERE id = $1"
Ending = Callable[[Any, UUID], Awaitable[Any]]


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def own(city_owner: Pool) -> AsyncIterator[None]:
    """A role with rules of its own, which nobody else needs."""
    await own_rules(city_owner)
    yield


async def own_rules(owner: Pool) -> None:
    """The role `OWN` with copies of the rules of `ROLE`."""
    await define(owner, OWN)
    await owner.execute(COPY, ROLE, OWN)


async def _token(connection: Any, account: UUID) -> None:
    await end_token(connection, await connection.fetchval("SELECT id FROM wangge.token WHERE account = $1", account))


async def _post(connection: Any, account: UUID) -> None:
    await end_post(connection, await connection.fetchval("SELECT id FROM wangge.post WHERE account = $1", account))


async def _account(connection: Any, account: UUID) -> None:
    await change_account(connection, account, "disable", name="测试", expires_at=None, state="DISABLED")


async def _rule(connection: Any, account: UUID) -> None:
    await connection.execute("UPDATE wangge.rule SET removed_at = now() WHERE role = $1", OWN)
    await connection.execute("SELECT wangge.touch('rule', $1)", f"role:{OWN}")


async def _module(connection: Any, account: UUID) -> None:
    for row in await connection.fetch("SELECT DISTINCT district FROM wangge.enablement WHERE removed_at IS NULL"):
        await disable_module(connection, "urban_management", row["district"])


async def _session(connection: Any, account: UUID) -> None:
    session = await connection.fetchval(
        "SELECT id FROM wangge.session WHERE account = $1 AND ended_at IS NULL", account
    )
    await end_session(connection, session, "end_session")


async def _password(connection: Any, account: UUID) -> None:
    await set_password(connection, account, "Another-grid-7-of-it")


@pytest.mark.parametrize("ending", [_session, _password])
async def test_a_write_by_a_session_at_once_after_its_end_is_refused(
    city: City, city_owner: Pool, ending: Ending
) -> None:
    login = f"session-ends{ending.__name__.replace('_', '-')}"
    account = await admit(city, city_owner, login, ROLE, like=LIKE)
    async with city_owner.transaction() as connection:
        await set_password(connection, account, PASSWORD)
    city.accounts[login]["password"] = PASSWORD
    cookie, csrf = await signed_in(city, login)
    before, after = str(uuid7()), str(uuid7())
    given = await incident(city, login)
    answers = []
    for row in (before, after):
        body = {"query": CREATE, "variables": {"i": {**given, "id": row}, "c": None}}
        answers.append((await asked(city, body, cookie, **{"wangge-csrf": csrf})).json())
        if row == before:
            async with city_owner.transaction() as connection:
                await ending(connection, account)
    assert answers[0]["data"]["createIncident"]["errors"] == []
    assert answers[1].get("data") in (None, {"createIncident": None})
    assert [await city_owner.fetchval(STORED, UUID(each)) for each in (before, after)] == [1, 0]


@pytest.mark.parametrize("ending", [_token, _post, _account, _rule, _module])
async def test_a_write_at_once_after_the_end_of_a_right_is_refused(
    city: City, city_owner: Pool, ending: Ending
) -> None:
    login = f"ends{ending.__name__.replace('_', '-')}"
    account = await admit(city, city_owner, login, OWN if ending is _rule else ROLE, like=LIKE)
    before, after = str(uuid7()), str(uuid7())
    given = await incident(city, login)
    made = await city.data(login, CREATE, {"i": {**given, "id": before}})
    assert made["createIncident"]["errors"] == []
    async with city_owner.transaction() as connection:
        await ending(connection, account)
    answer = await city.ask(login, CREATE, {"i": {**given, "id": after}})
    assert answer.get("data") in (None, {"createIncident": None})
    assert [await city_owner.fetchval(STORED, UUID(each)) for each in (before, after)] == [1, 0]
