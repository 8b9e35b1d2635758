"""Logins have one form, whatever they are typed as, and nobody gets one that looks like another's (core/decisions/0020)."""

from __future__ import annotations

import unicodedata
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.city import City
from tests.identity.test_administration import CREATE, NANMING, Town
from wangge.errors import Invalid
from wangge.identity.logins import checked_login, form_of
from wangge.store.pool import Pool

ADMIN, SECURITY, GRID = "nanming-admin", "security-admin", "nanming-grid-1"


@pytest.mark.parametrize(
    ("text", "login"),
    [
        ("Zhang.San", "zhang.san"),
        (" zhang-san\t", "zhang-san"),
        ("ｚｈａｎｇ＿ｓａｎ１", "zhang_san1"),
        ("王小明", "王小明"),
        ("王xiao明@南明", "王xiao明@南明"),
        ("K8", "k8"),
        ("\u212a8", "k8"),  # KELVIN SIGN is the letter K
        ("\uf900", "\u8c48"),  # one character with two numbers
    ],
)
def test_a_login_has_one_form(text: str, login: str) -> None:
    assert checked_login(text) == login


WRONG = {
    "a Cyrillic letter": "\u0430dmin",
    "all Cyrillic": "\u0441\u043e\u0440\u0435",
    "a Greek letter": "\u03bfmega",
    "a dotless i": "adm\u0131n",
    "an accent": "rené",
    "an accent of its own": "rene\u0301",
    "a space": "zhang san",
    "an ideographic space": "zhang\u3000san",
    "a space of no width": "zhang\u200bsan",
    "a right-to-left mark": "zhang\u202esan",
    "a soft hyphen": "zhang\u00adsan",
    "a line": "zhang\nsan",
    "a radical that looks like a character": "\u2f00",
    "a circled digit": "\u2460",
    "a ligature": "\ufb01n",
    "a mathematical letter": "\U0001d41a",
    "an Arabic digit": "zhang\u0661",
    "an unassigned character": "\U0002fffe",
    "a quote": "o'brien",
    "nothing": "",
    "only dots": "..",
    "a dash in front": "-zhang",
    "a dot behind": "zhang.",
    "too long": "z" * 61,
}


@pytest.mark.parametrize("name", WRONG)
def test_what_may_look_like_another_login_is_none(name: str) -> None:
    with pytest.raises(Invalid) as told:
        checked_login(WRONG[name])
    assert told.value.code in ("account.login_character", "account.login_form")
    assert told.value.facts["path"] == ["login"]


@given(st.text(max_size=12))
def test_what_is_a_login_stays_one_and_holds_nothing_else(text: str) -> None:
    try:
        found = checked_login(text)
    except Invalid:
        return
    assert found == checked_login(found) == form_of(found) == unicodedata.normalize("NFKC", found).casefold()


@pytest.fixture(scope="module")
def town(city: City, city_owner: Pool) -> Town:
    """The served city."""
    return Town(city, city_owner)


async def codes(town: Town, login: str) -> list[str]:
    """What is wrong with a new login."""
    await town.owner.execute("DELETE FROM wangge.sign_in_try")
    made = await town.city.data(ADMIN, CREATE, {"login": login, "area": await town.area(NANMING)})
    return [error["code"] for error in made["createAccount"]["errors"]]


async def test_a_login_that_looks_like_one_that_is_there_is_taken(town: Town) -> None:
    assert await codes(town, "Lo10") == []
    for login in ("lo10", "LO10", "ｌｏ１０", "l010", "1o10", "loLo", " lo10 "):
        assert await codes(town, login) == ["account.login_taken"]
    assert await codes(town, "l\u043e10") == ["account.login_character"]
    assert await codes(town, "lo11") == []
    assert await town.owner.fetchval("SELECT count(*) FROM wangge.account WHERE login = 'lo10'") == 1


async def test_a_sign_in_takes_a_login_as_it_is_typed_and_counts_its_tries_together(town: Town) -> None:
    password = town.city.accounts[GRID]["password"]

    async def signed(login: str, given: str) -> int:
        async with httpx.AsyncClient(base_url=town.city.url) as client:
            return (await client.post("/session", json={"login": login, "password": given})).status_code

    forms = ["NANMING-grid-1", "ｎａｎｍｉｎｇ－grid－1", " nanming-grid-1 ", "Nanming-Grid-1", "nanming-grid-１"]
    assert [await signed(login, password) for login in forms] == [200] * 5
    assert [await signed(login, "wrong") for login in forms] == [401] * 5
    assert await signed(GRID, password) == 429


async def test_an_empty_header_of_a_preview_is_a_role_that_there_is_not(city: City) -> None:
    query: dict[str, Any] = {"query": "{ areas(first: 1) { nodes { id } } }"}
    told = []
    for login in (SECURITY, GRID):
        answer = await city.http.post("/graphql", json=query, headers={**city.headers(login), "wangge-preview-as": ""})
        told.append(answer.json()["errors"][0]["extensions"]["code"])
    assert told == ["preview.unknown_role", "preview.not_allowed"]
