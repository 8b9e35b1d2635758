"""Signing in: tries that are counted, first passwords, the second factor, sessions that nobody uses, accounts that end."""

from __future__ import annotations

import asyncio
import base64
import time
from typing import Any

import httpx
import pytest

from tests.city import City, eventually, served
from tests.identity.test_administration import Town
from wangge.crypto import one_time_code
from wangge.errors import Invalid
from wangge.identity.passwords import checked_password
from wangge.settings import Settings
from wangge.store.database import Database
from wangge.store.pool import Pool

ME = {"query": "{ me { account { name } } }"}
FIRST, OWN = "correct horse 电池", "订书钉 staple battery"


ENGLISH = {"accept-language": "en"}
NO_KEPT = httpx.Limits(max_keepalive_connections=0)
"""nothing stays open that a test would have to close."""


class Browser:
    """One browser of somebody who signs in."""

    def __init__(self, city: City) -> None:
        self.http = httpx.AsyncClient(base_url=city.url, headers=ENGLISH, limits=NO_KEPT)

    async def sign_in(self, login: str, password: str, **more: str) -> httpx.Response:
        answer = await self.http.post("/session", json={"login": login, "password": password, **more})
        if answer.status_code == 200:
            self.http.headers["wangge-csrf"] = answer.json()["csrf"]
        return answer

    async def post(self, path: str, **body: str) -> httpx.Response:
        return await self.http.post(f"/session/{path}", json=body)

    async def me(self) -> httpx.Response:
        return await self.http.post("/graphql", json=ME)


def code_of(answer: httpx.Response) -> Any:
    """The code of a problem, or of the first error of a GraphQL answer."""
    body = answer.json()
    return body["errors"][0]["extensions"]["code"] if "errors" in body else body["code"]


@pytest.fixture(scope="module")
def town(city: City, city_owner: Pool) -> Town:
    """The served city."""
    return Town(city, city_owner)


async def made(town: Town, role: str = "station_clerk") -> str:
    """The login of a new account with a post and a first password."""
    account = await town.new()
    await town.give("nanming-admin", account, role, "520102", "520102000000")
    query = "mutation ($id: ID!, $p: String) { setInitialPassword(account: $id, password: $p) { password errors { code } } }"
    answer = await town.city.data("nanming-admin", query, {"id": account, "p": FIRST})
    assert answer["setInitialPassword"] == {"password": None, "errors": []}
    login: str = await town.owner.fetchval("SELECT login FROM wangge.account WHERE id::text = $1", account)
    return login


async def settled(town: Town) -> tuple[str, Browser]:
    """A login with a password of its own, and a browser in which it is signed in."""
    login, browser = await made(town), Browser(town.city)
    await browser.sign_in(login, FIRST)
    assert (await browser.post("password", current=FIRST, new=OWN)).status_code == 204
    return login, browser


async def test_a_first_password_must_be_changed_before_anything_else_is_served(town: Town) -> None:
    login, browser = await made(town), Browser(town.city)
    assert (await browser.sign_in(login, FIRST)).json()["pending"] == "password"
    refused = await browser.me()
    assert (refused.status_code, code_of(refused)) == (403, "auth.password_due")
    assert (await browser.http.get("/session")).json()["pending"] == "password"
    assert code_of(await browser.post("second-factor", password=FIRST)) == "auth.password_due"
    assert code_of(await browser.post("password", current="not it at all", new=OWN)) == "password.wrong"
    assert code_of(await browser.post("password", current=FIRST, new=FIRST)) == "password.same"
    assert code_of(await browser.post("password", current=FIRST, new=f"{login}-abcdef")) == "password.holds_login"
    assert (await browser.post("password", current=FIRST, new=OWN)).status_code == 204
    assert (await browser.me()).status_code == 200
    assert (await Browser(town.city).sign_in(login, FIRST)).status_code == 401
    assert (await Browser(town.city).sign_in(login, OWN)).json()["pending"] is None


async def test_a_change_of_the_password_ends_the_other_sessions(town: Town) -> None:
    login, browser = await settled(town)
    other = Browser(town.city)
    await other.sign_in(login, OWN)
    assert (await other.me()).status_code == 200
    assert (await browser.post("password", current=OWN, new="一个全新的 pass phrase")).status_code == 204

    async def ended() -> bool:
        return (await other.me()).status_code == 401

    await eventually(ended)
    assert (await browser.me()).status_code == 200


async def test_five_wrong_tries_lock_a_login_in_every_process_whether_it_exists_or_not(
    town: Town, city_settings: Settings, city_database: Database
) -> None:
    login, _ = await settled(town)
    async with served(city_settings, city_database) as second:
        browsers = [Browser(town.city), Browser(second)]
        for name in (login, "nobody-of-this-name"):
            answers = [await browsers[n % 2].sign_in(name, "wrong wrong wrong") for n in range(7)]
            assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 2
            assert {(a.text, a.headers.get("retry-after")) for a in answers[:5]} == {(answers[0].text, None)}
            assert code_of(answers[5]) == "auth.too_many_tries"
            assert 800 < int(answers[5].headers["retry-after"]) <= 900
        assert (await browsers[1].sign_in(login, OWN)).status_code == 429
        await town.owner.execute("UPDATE wangge.sign_in_try SET until = now()")
        assert (await browsers[1].sign_in(login, OWN)).status_code == 200


async def test_tries_at_the_same_moment_are_counted_before_they_are_made(town: Town) -> None:
    answers = await asyncio.gather(*(Browser(town.city).sign_in("many-at-once", "wrong wrong") for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 15


async def test_the_present_password_is_guessed_no_oftener_by_a_session(town: Town) -> None:
    _, browser = await settled(town)
    statuses = [(await browser.post("password", current="wrong wrong", new=OWN)).status_code for _ in range(6)]
    assert statuses == [422] * 5 + [429]


async def test_a_session_ends_when_nobody_uses_it_for_half_an_hour(town: Town) -> None:
    login, _ = await settled(town)
    idle, used = Browser(town.city), Browser(town.city)
    await idle.sign_in(login, OWN)
    newest = "SELECT id FROM wangge.session ORDER BY created_at DESC LIMIT 1"
    first = await town.owner.fetchval(newest)
    await used.sign_in(login, OWN)
    second = await town.owner.fetchval(newest)
    ago = "UPDATE wangge.session SET seen_at = now() - $2::interval WHERE id = $1"
    await town.owner.execute(ago.replace("$2::interval", "interval '31 minutes'"), first)
    await town.owner.execute(ago.replace("$2::interval", "interval '29 minutes'"), second)
    assert ((await idle.me()).status_code, (await used.me()).status_code) == (401, 200)
    seen = "SELECT seen_at > now() - interval '1 minute' FROM wangge.session WHERE id = $1"
    assert await town.owner.fetchval(seen, second) is True


async def test_a_person_sees_the_own_sessions_and_ends_one(town: Town) -> None:
    login, browser = await settled(town)
    other = Browser(town.city)
    await other.sign_in(login, OWN)
    query = {"query": "{ mySessions { id current address } }"}
    found = (await browser.http.post("/graphql", json=query)).json()["data"]["mySessions"]
    assert [session["current"] for session in found] == [False, True]
    assert {session["address"] for session in found} == {"127.0.0.1"}
    end = {
        "query": "mutation ($id: ID!) { endSession(id: $id) { errors { code } } }",
        "variables": {"id": found[0]["id"]},
    }
    assert (await browser.http.post("/graphql", json=end)).json() == {"data": {"endSession": {"errors": []}}}

    async def ended() -> bool:
        return (await other.me()).status_code == 401

    await eventually(ended)
    assert (await browser.me()).status_code == 200


async def test_an_account_stops_at_its_end(town: Town) -> None:
    login, browser = await settled(town)
    assert (await browser.me()).status_code == 200
    account = await town.account(login)
    async with town.owner.transaction() as connection:
        await connection.execute("UPDATE wangge.account SET expires_at = now() WHERE id::text = $1", account)
        await connection.execute("SELECT wangge.touch('account', $1)", f"account:{account}")

    async def ended() -> bool:
        return (await browser.me()).status_code == 401

    await eventually(ended)
    assert (await Browser(town.city).sign_in(login, OWN)).status_code == 401


async def test_a_second_factor_is_asked_for_and_each_code_is_taken_once(town: Town) -> None:
    login, browser = await settled(town)
    assert code_of(await browser.post("second-factor", code="123456")) == "second_factor.not_begun"
    begun = (await browser.post("second-factor", password=OWN)).json()
    assert begun["uri"].startswith("otpauth://totp/Wangge%3A")
    secret, step = begun["secret"], int(time.time()) // 30
    assert code_of(await browser.post("second-factor", code="000000")) == "second_factor.wrong_code"
    codes = (await browser.post("second-factor", code=one_time_code(secret, step - 1))).json()["recoveryCodes"]
    assert len(set(codes)) == 10
    fresh = Browser(town.city)
    assert code_of(await fresh.sign_in(login, OWN)) == "auth.code_required"
    assert code_of(await fresh.sign_in(login, OWN, code=one_time_code(secret, step - 1))) == "auth.wrong_code"
    assert (await fresh.sign_in(login, OWN, code=one_time_code(secret, step))).status_code == 200
    assert code_of(await fresh.sign_in(login, OWN, code=one_time_code(secret, step))) == "auth.wrong_code"
    assert (await fresh.sign_in(login, OWN, code=codes[0])).status_code == 200
    assert code_of(await fresh.sign_in(login, OWN, code=codes[0])) == "auth.wrong_code"
    kept = await town.owner.fetchval(
        "SELECT string_agg(value, '') FROM wangge.secret s JOIN wangge.account a ON a.id = s.owner_id WHERE a.login = $1",
        login,
    )
    assert [word for word in (secret, *codes) if word.encode() in bytes(kept)] == []
    reset = (
        "mutation ($id: ID!) { setInitialPassword(account: $id, resetSecondFactor: true) { password errors { code } } }"
    )
    removal = await fresh.http.request("DELETE", "/session/second-factor", json={"password": OWN, "code": codes[1]})
    assert removal.status_code == 204
    assert (await fresh.sign_in(login, OWN)).status_code == 200
    secret = (await fresh.post("second-factor", password=OWN)).json()["secret"]
    assert (await fresh.post("second-factor", code=one_time_code(secret, int(time.time()) // 30))).status_code == 200
    first = await town.city.data("nanming-admin", reset, {"id": await town.account(login)})
    again = await Browser(town.city).sign_in(login, first["setInitialPassword"]["password"])
    assert again.json()["pending"] == "password"


async def test_administrators_need_a_second_factor_where_the_setting_says_so(
    town: Town, city_settings: Settings, city_database: Database
) -> None:
    import msgspec

    settings = msgspec.structs.replace(city_settings, second_factor="administrators")
    async with served(settings, city_database) as strict:
        boss, clerk = Browser(strict), Browser(strict)
        login, password = "yunyan-admin", town.city.accounts["yunyan-admin"]["password"]
        assert (await boss.sign_in(login, password)).json()["pending"] == "second_factor"
        assert code_of(await boss.me()) == "auth.second_factor_due"
        secret = (await boss.post("second-factor", password=password)).json()["secret"]
        code = one_time_code(secret, int(time.time()) // 30)
        assert len((await boss.post("second-factor", code=code)).json()["recoveryCodes"]) == 10
        assert (await boss.me()).status_code == 200
        assert (await clerk.sign_in("yunyan-station", town.city.accounts["yunyan-station"]["password"])).json()[
            "pending"
        ] is None


@pytest.mark.parametrize(
    ("counter", "code"),
    [(1, "287082"), (37037036, "081804"), (37037037, "050471"), (41152263, "005924"), (66666666, "279037")],
)
def test_one_time_codes_are_those_of_the_standard(counter: int, code: str) -> None:
    """RFC 6238, appendix B, the last six of its eight digits."""
    assert one_time_code(base64.b32encode(b"12345678901234567890").decode(), counter) == code


@pytest.mark.parametrize(
    ("password", "wrong"),
    [
        ("short", "password.length"),
        ("x" * 129, "password.length"),
        ("my-li.na-pass", "password.holds_login"),
        ("AN.IL backwards", "password.holds_login"),
        ("Password123", "password.common"),
        ("1234567890", "password.common"),
        ("ａｄｍｉｎ１２３４５６", "password.common"),
        ("abababababab", "password.common"),
        ("nopqrstuvwxyz", "password.common"),
        ("人民路十二号院里的猫", None),
        ("correct horse battery", None),
    ],
)
def test_a_password_is_long_not_the_login_and_not_common(password: str, wrong: str | None) -> None:
    if wrong is None:
        assert checked_password(password, "li.na") == password
        return
    with pytest.raises(Invalid) as refused:
        checked_password(password, "li.na")
    assert refused.value.code == wrong


@pytest.mark.parametrize(
    "bearer",
    [
        "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJjaXR5LWFkbWluIiwiZXhwIjo0MTAyNDQ0ODAwfQ.",
        "eyJhbGciOiJIUzI1NiIsImtpZCI6Ii4uLy4uL2Rldi9udWxsIn0.eyJzdWIiOiJjaXR5LWFkbWluIn0.AAAA",
        "wg_0000000000000000_secret",
        "wg__",
    ],
)
async def test_only_tokens_of_the_own_making_are_taken_whatever_they_say(town: Town, bearer: str) -> None:
    answer = await town.city.http.post("/graphql", json=ME, headers={"authorization": f"Bearer {bearer}"})
    assert answer.status_code == 401
