"""Browser sessions over HTTP: what the cookie is good for, who is refused, and what stays in the ledger."""

from __future__ import annotations

import http.cookies
import json
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.city import City, eventually
from wangge.identity.sessions import set_password
from wangge.store.pool import Pool

LOGIN = "nanming-station"
ME = {"query": "{ me { account { login } } }"}
BUILD = {"query": 'mutation { createBuilding(input: {code: "s", name: "s"}) { node { name } } }'}


async def sign_in(city: City, login: str, password: str | None = None, **more: str) -> httpx.Response:
    """The answer to a sign-in; the password is the account's own unless another one is given."""
    given = {"login": login, "password": password or city.accounts[login]["password"]}
    async with httpx.AsyncClient(base_url=city.url) as client:
        return await client.post("/session", json=given, headers=more)


async def signed_in(city: City, login: str) -> tuple[str, str]:
    """(cookie header, CSRF value) of a new session."""
    answer = await sign_in(city, login)
    assert answer.status_code == 200
    return answer.headers["set-cookie"].partition(";")[0], answer.json()["csrf"]


async def asked(city: City, body: Any, cookie: str, **more: str) -> httpx.Response:
    """A GraphQL request with a cookie."""
    async with httpx.AsyncClient(base_url=city.url) as client:
        return await client.post("/graphql", json=body, headers={"cookie": cookie, **more})


async def actions(pool: Pool, login: str) -> list[str]:
    """What the ledger says of an account besides its writes."""
    found = await pool.fetch(
        "SELECT action FROM wangge.ledger_entry WHERE actor_name = $1 AND entity = 'wangge.session' ORDER BY at", login
    )
    return [row["action"] for row in found]


async def test_the_cookie_is_for_this_site_and_not_for_scripts(city: City) -> None:
    plain = http.cookies.SimpleCookie((await sign_in(city, LOGIN)).headers["set-cookie"])["wangge_session"]
    assert (plain["httponly"], plain["samesite"], plain["path"], plain["secure"]) == (True, "Strict", "/", "")
    behind_tls = await sign_in(city, LOGIN, **{"x-forwarded-proto": "https"})
    assert http.cookies.SimpleCookie(behind_tls.headers["set-cookie"])["wangge_session"]["secure"] is True


async def test_a_post_by_cookie_needs_the_value_that_only_the_own_page_can_read(city: City) -> None:
    cookie, csrf = await signed_in(city, LOGIN)
    statuses = [(await asked(city, BUILD, cookie, **more)).status_code for more in ({}, {"wangge-csrf": "x"})]
    assert statuses == [403, 403]
    written = (await asked(city, BUILD, cookie, **{"wangge-csrf": csrf})).json()
    assert written["data"] == {"createBuilding": {"node": {"name": "s"}}}


@pytest.mark.parametrize("type_", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_what_a_form_of_another_site_can_send_is_no_request(city: City, type_: str) -> None:
    cookie, csrf = await signed_in(city, LOGIN)
    headers = {"cookie": cookie, "wangge-csrf": csrf, "content-type": type_}
    async with httpx.AsyncClient(base_url=city.url) as client:
        assert (await client.post("/graphql", content=json.dumps(BUILD), headers=headers)).status_code == 415


async def test_a_form_with_files_needs_that_value_too(city: City) -> None:
    cookie, csrf = await signed_in(city, LOGIN)
    parts = {"operations": (None, json.dumps(BUILD)), "map": (None, "{}")}
    told = []
    async with httpx.AsyncClient(base_url=city.url) as client:
        for more in ({}, {"wangge-csrf": "x"}, {"graphql-require-preflight": "1"}, {"wangge-csrf": csrf}):
            told.append((await client.post("/graphql", files=parts, headers={"cookie": cookie, **more})).status_code)
        broken = {"cookie": cookie, "wangge-csrf": csrf, "content-type": "multipart/form-data"}
        told.append((await client.post("/graphql", content=json.dumps(BUILD), headers=broken)).status_code)
    assert told == [415, 403, 403, 200, 400]


async def test_headers_that_name_somebody_name_nobody(city: City) -> None:
    named = {"x-forwarded-user": "city-admin", "x-remote-user": "city-admin", "remote-user": "city-admin"}
    assert (await asked(city, ME, "", **named)).status_code == 401


async def test_an_unknown_login_a_wrong_password_and_a_login_that_is_no_text_get_one_answer(
    city: City, city_owner: Pool
) -> None:
    answers = [await sign_in(city, login, "wrong") for login in ("nobody", "yunyan-station", "no\0body")]
    assert {(answer.status_code, answer.text) for answer in answers} == {(401, answers[0].text)}
    assert answers[0].json()["title"] == "登录名或密码不正确"
    english = await sign_in(city, "nobody", "wrong", **{"accept-language": "en"})
    assert english.json()["title"] == "Login or password is wrong"
    assert await actions(city_owner, "yunyan-station") == ["denied:sign_in"]
    assert await actions(city_owner, "nobody") == []


async def test_guesses_are_slowed_down_whether_the_login_exists_or_not(city: City) -> None:
    for login in ("yunyan-grid-1", "nobody-at-all"):
        statuses = [(await sign_in(city, login, "wrong")).status_code for _ in range(6)]
        assert statuses == [401] * 5 + [429]
    throttled = await sign_in(city, "yunyan-grid-1")
    assert (throttled.status_code, int(throttled.headers["retry-after"]) > 0) == (429, True)


async def test_signing_out_ends_the_session_and_stays_in_the_ledger(city: City, city_owner: Pool) -> None:
    login = "nanming-grid-1"
    cookie, csrf = await signed_in(city, login)
    assert (await asked(city, ME, cookie, **{"wangge-csrf": csrf})).status_code == 200
    async with httpx.AsyncClient(base_url=city.url) as client:
        gone = await client.delete("/session", headers={"cookie": cookie, "wangge-csrf": csrf})
    assert (gone.status_code, "Max-Age=0" in gone.headers["set-cookie"]) == (204, True)

    async def refused() -> bool:
        return (await asked(city, ME, cookie, **{"wangge-csrf": csrf})).status_code == 401

    await eventually(refused)
    assert await actions(city_owner, login) == ["sign_in", "sign_out"]
    ended = "SELECT fields, operation FROM wangge.revision WHERE entity = 'wangge.session'"
    assert [tuple(row) for row in await city_owner.fetch(ended)] == [(["endedAt"], "sign_out")]


async def test_a_new_password_ends_the_sessions_of_the_account(city: City, city_owner: Pool) -> None:
    login = "nanming-grid-2"
    cookie, csrf = await signed_in(city, login)
    account: UUID = await city_owner.fetchval("SELECT id FROM wangge.account WHERE login = $1", login)
    async with city_owner.transaction() as connection:
        await set_password(connection, account, "another 密码")
    kept = await city_owner.fetchval(
        "SELECT value FROM wangge.secret WHERE owner_id = $1 AND kind = 'password'", account
    )
    assert bytes(kept)[1:].startswith(b"$argon2id$")

    async def refused() -> bool:
        return (await asked(city, ME, cookie, **{"wangge-csrf": csrf})).status_code == 401

    await eventually(refused)
    assert (await sign_in(city, login)).status_code == 401
    assert (await sign_in(city, login, "another 密码")).status_code == 200
