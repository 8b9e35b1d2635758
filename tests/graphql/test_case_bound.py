"""Case-bound purposes: what is allowed while a case lies with the caller's unit ends with the assignment, or with the case."""

from __future__ import annotations

from typing import Any

import pytest_asyncio

from tests.city import City, eventually
from tests.graphql.accounts import admit
from tests.graphql.stored_rules import allow
from wangge.store.pool import Pool

DEPARTMENT, HANDLER, REPORTER = "nanming-urban-management", "nanming-handler", "nanming-reporter"
FIELDS = {"name": "clear", "phones": "clear", "phones.number": "masked"}
OPEN = {"notIn": ["CLOSED", "CLOSED_SELF", "ARCHIVED", "VOID", "REJECTED"]}
MINE = {"cases": {"some": {"holder": {"id": {"in": {"$actor": "units"}}}, "state": OPEN}}}
BY_ME = {"cases": {"some": {"reporter": {"account": {"id": {"eq": {"$actor": "account"}}}}, "state": OPEN}}}
PERSONS = "{ persons(first: 10) { nodes { id name phones { number } } } }"
REVEALED = "query($id: ID!) { person(id: $id) { phones { number(reveal: true) } } }"
PURPOSE = {"wangge-purpose": "case_handling"}
HOLD = """mutation($id: ID!, $unit: ID!) { updateIncident(id: $id, patch: {holder: $unit}) { errors { code path } } }"""
CASE = """SELECT i.id FROM urban_management.incident i JOIN casework.case c ON c.id = i.id JOIN wangge.area d ON d.id = c.district_id
WHERE d.code = '520102000000' AND c.removed_at IS NULL AND i.condition IS NOT NULL ORDER BY c.id LIMIT 1"""
REOPEN = "UPDATE casework.case SET state = 'HANDLING', closed_at = NULL, reporter_person = $2 WHERE id = $1"
PERSON = """SELECT p.id FROM base.person p JOIN wangge.area d ON d.id = p.district_id WHERE d.code = '520102000000'
AND EXISTS (SELECT 1 FROM base.person_phones x WHERE x.row_id = p.id) ORDER BY p.id OFFSET 5 LIMIT 1"""
UNIT = "SELECT u.id FROM wangge.unit u WHERE u.code = $1"


class Bound(dict[str, Any]):
    """A case, its reporter, the handler's unit and another."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bound(city: City, city_owner: Pool) -> Bound:
    """A case of a resident, rules that are bound to it, and who has them."""
    unit = city.accounts["nanming-civil-affairs"]["unit"]
    made = Bound(
        case=await city_owner.fetchval(CASE),
        person=await city_owner.fetchval(PERSON),
        own=await city_owner.fetchval(UNIT, unit),
        other=await city_owner.fetchval(UNIT, city.accounts[DEPARTMENT]["unit"]),
    )
    await city_owner.execute(
        "UPDATE casework.case SET reporter_person = NULL WHERE reporter_person = $1", made["person"]
    )
    await city_owner.execute(
        "UPDATE casework.case SET reporter_person = $2 WHERE id = $1", made["case"], made["person"]
    )
    await allow(city_owner, "mediator", "base.person", ["list", "get"], FIELDS, where=MINE, purpose="case_handling")
    shown = {"phones": "clear", "phones.number": "clear"}
    await allow(city_owner, "mediator", "base.person", ["reveal"], shown, where=MINE, purpose="case_handling")
    await allow(city_owner, "volunteer", "base.person", ["list", "get"], FIELDS, where=BY_ME, purpose="case_handling")
    await admit(city, city_owner, HANDLER, "mediator", like="nanming-civil-affairs")
    await admit(city, city_owner, REPORTER, "volunteer", like="nanming-admin")

    async def effective() -> bool:
        answers = [await city.ask(login, PERSONS) for login in (HANDLER, REPORTER)]
        return all("errors" not in answer for answer in answers)

    await eventually(effective)
    return made


async def hold(city: City, bound: Bound, unit: str) -> None:
    """Give the case to a unit."""
    done = await city.data(DEPARTMENT, HOLD, {"id": str(bound["case"]), "unit": str(bound[unit])})
    assert done["updateIncident"]["errors"] == []


async def seen(city: City, login: str) -> list[str]:
    """The persons that an account sees."""
    return [node["id"] for node in (await city.data(login, PERSONS))["persons"]["nodes"]]


async def test_the_reporter_is_seen_and_revealed_while_the_case_lies_here_and_not_after(
    city: City, city_owner: Pool, bound: Bound
) -> None:
    person = str(bound["person"])
    await hold(city, bound, "other")
    assert await seen(city, HANDLER) == []
    await hold(city, bound, "own")
    (node,) = (await city.data(HANDLER, PERSONS))["persons"]["nodes"]
    assert node["id"] == person
    assert node["phones"][0]["number"][3:7] == "****"
    shown = await city.ask(HANDLER, REVEALED, {"id": person}, **PURPOSE)
    assert shown["data"]["person"]["phones"][0]["number"].isdigit()
    await hold(city, bound, "other")
    assert await seen(city, HANDLER) == []
    assert (await city.ask(HANDLER, REVEALED, {"id": person}, **PURPOSE))["data"] == {"person": None}
    entry = "SELECT count(*) FROM wangge.ledger_entry WHERE action = 'reveal' AND row_id = $1 AND actor_name = $2"
    assert await city_owner.fetchval(entry, bound["person"], HANDLER) == 1


async def test_the_end_of_the_case_ends_it_too(city: City, city_owner: Pool, bound: Bound) -> None:
    await hold(city, bound, "own")
    assert await seen(city, HANDLER) == [str(bound["person"])]
    state = await city_owner.fetchval("SELECT state FROM casework.case WHERE id = $1", bound["case"])
    for ended in ("CLOSED", "VOID"):
        await city_owner.execute("UPDATE casework.case SET state = $2 WHERE id = $1", bound["case"], ended)
        assert await seen(city, HANDLER) == []
    await city_owner.execute("UPDATE casework.case SET state = $2 WHERE id = $1", bound["case"], state)
    removed = "UPDATE casework.case SET removed_at = now() WHERE id = $1"
    assert await seen(city, HANDLER) == [str(bound["person"])]
    await city_owner.execute(removed, bound["case"])
    await city_owner.execute(removed.replace("casework.case", "urban_management.incident"), bound["case"])
    assert await seen(city, HANDLER) == []
    for table in ("casework.case", "urban_management.incident"):
        await city_owner.execute(f"UPDATE {table} SET removed_at = NULL WHERE id = $1", bound["case"])


async def test_a_case_may_be_bound_to_the_caller_in_person(city: City, city_owner: Pool, bound: Bound) -> None:
    assert await seen(city, REPORTER) == []
    account = await city_owner.fetchval("SELECT id FROM wangge.account WHERE login = $1", REPORTER)
    staff = await city_owner.fetchval(
        "INSERT INTO base.staff (id, revision, created_at, updated_at, account, name) VALUES (uuidv7(), 1, now(), now(), $1, '测试') RETURNING id",
        account,
    )
    set_ = "UPDATE casework.case SET reporter = $2 WHERE id = $1"
    await city_owner.execute(set_, bound["case"], staff)
    assert await seen(city, REPORTER) == [str(bound["person"])]
    await city_owner.execute(set_, bound["case"], None)
    assert await seen(city, REPORTER) == []
