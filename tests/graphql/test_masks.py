"""From the mask of an id number and everything else that a role sees in clear, nobody tells the number (SECURITY.md 15)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.city import City, eventually
from wangge.model.identifiers import check_of_id_number
from wangge.model.sealed import LEAST
from wangge.store.pool import Pool

NUMBER = "520102190512319913"
WRITER = "nanming-grid-1"
TELLING = ("idNumber", "birthDate", "sex", "hukouDivision")
"""The fields of a person that tell something of the number: its parts, and the mask."""
CREATE = "mutation($i: CreatePersonInput!) { createPerson(input: $i) { node { id } errors { path code } } }"


@pytest.fixture
async def person(city: City, city_owner: Pool) -> str:
    """A person whose fields agree with the number; the resident's own record."""
    area = await city_owner.fetchval(
        "SELECT p.area_id::text FROM wangge.post p JOIN wangge.account a ON a.id = p.account WHERE a.login = $1", WRITER
    )
    given = {"name": "测试甲", "area": area, "sex": "1", "birthDate": "1905-12-31", "hukouDivision": NUMBER[:6]}
    made = (await city.data(WRITER, CREATE, {"i": {**given, "idNumber": NUMBER}}))["createPerson"]
    assert made["errors"] == []
    row = str(made["node"]["id"])
    await city_owner.execute(
        "WITH a AS (UPDATE wangge.account SET person = $1::text::uuid WHERE login = 'nanming-resident' RETURNING id) "
        "SELECT wangge.touch('account', 'account:' || id) FROM a",
        row,
    )
    query = f'{{ person(id: "{row}") {{ id }} }}'

    async def own() -> bool:
        return bool((await city.data("nanming-resident", query))["person"])

    await eventually(own)
    return row


async def seen(city: City, login: str, row: str) -> dict[str, Any] | None:
    """The telling fields of the person as an account sees them, None when it sees no such person."""
    schema = await city.data(login, '{ __type(name: "Person") { fields { name } } }')
    names = {field["name"] for field in (schema["__type"] or {"fields": []})["fields"]}
    if not names:
        return None
    asked = " ".join(name for name in TELLING if name in names)
    node = (await city.data(login, f'{{ person(id: "{row}") {{ id {asked} }} }}'))["person"]
    return dict(node) if node is not None else None


def births(known: str | None) -> Iterator[dt.date]:
    """The dates of birth that a reader holds for possible: one when it is known, those of a year, of ten years when it is not."""
    if known and len(known) == 10:
        yield dt.date.fromisoformat(known)
        return
    first = dt.date(int(known), 1, 1) if known else dt.date(1900, 1, 1)
    days = 365 if known else 3650
    yield from (first + dt.timedelta(days=n) for n in range(days))


def candidates(shown: dict[str, Any]) -> set[str]:
    """The numbers that fit all of that; where the division is not known, those of the true one only."""
    pattern = re.compile((shown.get("idNumber") or "*" * 18).replace("*", "."))
    steps = {"1": range(1, 1000, 2), "2": range(0, 1000, 2)}.get(shown.get("sex") or "", range(1000))
    division = (shown.get("hukouDivision") or NUMBER)[:6]
    digits = (f"{division}{born:%Y%m%d}{n:03d}" for born in births(shown.get("birthDate")) for n in steps)
    return {number for each in digits if pattern.fullmatch(number := each + check_of_id_number(each))}


async def test_no_role_can_tell_an_id_number_from_what_it_sees(city: City, person: str) -> None:
    assert len({account["role"] for account in city.accounts.values()}) == 10
    left: dict[str, int] = {}
    for login in city.accounts:
        shown = await seen(city, login, person)
        if shown is None or not set(shown) & set(TELLING):
            continue
        possible = candidates(shown)
        assert NUMBER in possible
        assert NUMBER not in str(shown)
        left[login] = len(possible)
    assert {WRITER, "nanming-station", "nanming-resident"} <= set(left)
    assert left[WRITER] == LEAST
    assert {login: number for login, number in left.items() if number < LEAST} == {}
