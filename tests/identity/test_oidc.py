"""Sign-in through a real OpenID provider on loopback: only for linked accounts, bound to a browser, every wrong token refused."""

from __future__ import annotations

import socket
import time
import urllib.parse
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.apps.provider import CLIENT
from tests.city import City, eventually, served
from tests.identity.provided import *  # noqa: F403
from tests.identity.provided import LINK, linked
from tests.identity.test_administration import Town
from tests.identity.test_sign_in import ENGLISH, ME, NO_KEPT, code_of
from wangge.crypto import one_time_code
from wangge.errors import SettingsError
from wangge.http.oidc import read_secret
from wangge.settings import Settings
from wangge.store.database import Database
from wangge.store.pool import Pool

UNLINK = "mutation ($i: ID!) { unlinkIdentity(id: $i) { errors { code } } }"


class Browser:
    """One browser: it keeps cookies, and follows a redirect only when told."""

    def __init__(self, city: City) -> None:
        self.city = city
        self.http = httpx.AsyncClient(headers=ENGLISH, limits=NO_KEPT)

    async def begin(self) -> str:
        """Where the console sends the browser."""
        answer = await self.http.post(f"{self.city.url}/session/oidc", json={})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["address"])

    async def at_provider(self, address: str, login: str, twist: str = "") -> str:
        """Sign in there; where the provider sends the browser back to."""
        assert "name=login" in (await self.http.get(address)).text
        answer = await self.http.post(address, data={"login": login, "twist": twist})
        assert answer.status_code in (302, 303), answer.text
        return answer.headers["location"]

    async def come_back(self, address: str) -> str:
        """Where in the console it ends."""
        answer = await self.http.get(address)
        assert (answer.status_code, answer.text, answer.headers["cache-control"]) == (303, "", "no-store")
        return answer.headers["location"]

    async def sign_in(self, login: str, twist: str = "") -> str:
        """The whole way."""
        return await self.come_back(await self.at_provider(await self.begin(), login, twist))

    async def shown(self) -> dict[str, Any]:
        """What the sign-in page is told."""
        made: dict[str, Any] = (await self.http.get(f"{self.city.url}/session/oidc")).json()
        return made

    async def code_shown(self) -> str | None:
        """The code of the refusal that the sign-in page is told."""
        found: str | None = (await self.shown()).get("code")
        return found

    async def me(self) -> httpx.Response:
        """A request as the one who is signed in."""
        session = await self.http.get(f"{self.city.url}/session")
        csrf = session.json()["csrf"] if session.status_code == 200 else ""
        return await self.http.post(f"{self.city.url}/graphql", json=ME, headers={"wangge-csrf": csrf})


@pytest.fixture(scope="module")
def town(city: City, city_owner: Pool) -> Town:
    """The served city."""
    return Town(city, city_owner)


async def ledger(town: Town, account: str | None) -> list[tuple[str, str]]:
    """What the ledger says of an account's sign-ins, or of nobody's, the newest last."""
    rows = await town.owner.fetch(
        "SELECT action, reason FROM wangge.ledger_entry WHERE entity = 'wangge.session' "
        "AND account_id IS NOT DISTINCT FROM $1::uuid ORDER BY at, id",
        account,
    )
    return [(row["action"], row["reason"]) for row in rows]


async def test_a_linked_person_is_signed_in_as_with_a_password(town: Town) -> None:
    account, _ = await linked(town, "li.na")
    browser = Browser(town.city)
    assert (await browser.shown())["provider"] == {"zh": "统一身份认证", "en": "single sign-on"}
    address = await browser.begin()
    asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(address).query))
    given = {"client_id": CLIENT, "response_type": "code", "scope": "openid", "code_challenge_method": "S256"}
    assert {name: asked[name] for name in given} == given
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 43
    assert await browser.come_back(await browser.at_provider(address, "li.na")) == "/admin/sign-in"
    assert (await browser.me()).json() == {"data": {"me": {"account": {"name": "测试"}}}}
    assert await browser.shown() == {"provider": {"zh": "统一身份认证", "en": "single sign-on"}, "stage": None}
    assert (await ledger(town, account))[-1] == ("sign_in", "by the identity provider")
    cookie = next(c for c in browser.http.cookies.jar if c.name == "wangge_session")
    assert (cookie.has_nonstandard_attr("HttpOnly"), cookie.get_nonstandard_attr("SameSite")) == (True, "Strict")


async def test_who_is_linked_to_no_account_is_refused_whatever_name_or_mail_the_provider_gives(town: Town) -> None:
    count = "SELECT count(*) FROM wangge.account"
    before = await town.owner.fetchval(count)
    browser = Browser(town.city)
    assert await browser.sign_in("city-admin") == "/admin/sign-in?provider=waits"
    assert await browser.shown() == {
        "provider": {"zh": "统一身份认证", "en": "single sign-on"},
        "stage": "refused",
        "code": "oidc.unknown",
        "message": "No account is linked to your identity yet; give the subject below to your administrator",
        "subject": "sub-of-city-admin",
    }
    assert (await browser.me()).status_code == 401
    assert await town.owner.fetchval(count) == before
    assert (await ledger(town, None))[-1] == ("denied:sign_in", "by the identity provider")


@pytest.mark.parametrize(
    "twist",
    [
        *(
            "alg-none",
            "hs-by-secret",
            "hs-by-public-key",
            "changed-claims",
            "other-audience",
            "two-audiences",
            "expired",
        ),
        *("from-the-future", "not-yet", "other-issuer", "other-nonce", "no-nonce", "other-access-token", "no-subject"),
        *("no-end", "other-key", "own-key-in-header", "kid-is-a-path"),
    ],
)
async def test_an_id_token_that_is_wrong_in_one_way_signs_nobody_in(town: Town, twist: str) -> None:
    login = f"twisted-{twist}"
    account, _ = await linked(town, login)
    browser = Browser(town.city)
    assert await browser.sign_in(login, twist) == "/admin/sign-in?provider=waits"
    assert (await browser.code_shown(), (await browser.me()).status_code) == ("oidc.refused", 401)
    assert (await ledger(town, None))[-1][0] == "denied:sign_in"
    assert await ledger(town, account) == []
    assert await browser.sign_in(login, "nothing") == "/admin/sign-in"


async def test_an_answer_of_the_provider_is_taken_once_and_in_the_browser_that_asked(town: Town) -> None:
    await linked(town, "wang.wei")
    browser, other = Browser(town.city), Browser(town.city)
    back = await browser.at_provider(await browser.begin(), "wang.wei")
    assert await other.come_back(back) == "/admin/sign-in?provider=not-begun"
    await other.begin()
    assert await other.come_back(back) == "/admin/sign-in?provider=waits"
    assert await other.code_shown() == "oidc.not_begun"
    assert (await other.me()).status_code == 401
    assert await browser.come_back(back) == "/admin/sign-in"
    assert (await browser.me()).status_code == 200
    assert await browser.come_back(back) == "/admin/sign-in?provider=not-begun"
    fresh = Browser(town.city)
    state = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(await fresh.begin()).query))["state"]
    code = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))["code"]
    used = f"{town.city.url}/session/oidc/return?{urllib.parse.urlencode({'state': state, 'code': code})}"
    assert await fresh.come_back(used) == "/admin/sign-in?provider=waits"
    assert (await fresh.code_shown(), (await fresh.me()).status_code) == ("oidc.refused", 401)


async def test_a_code_that_another_browser_was_given_is_refused_before_it_was_used(town: Town) -> None:
    await linked(town, "zhang.min")
    victim, thief = Browser(town.city), Browser(town.city)
    back = await victim.at_provider(await victim.begin(), "zhang.min")
    code = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))["code"]
    state = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(await thief.begin()).query))["state"]
    mixed = f"{town.city.url}/session/oidc/return?{urllib.parse.urlencode({'state': state, 'code': code})}"
    assert await thief.come_back(mixed) == "/admin/sign-in?provider=waits"
    assert (await thief.code_shown(), (await thief.me()).status_code) == ("oidc.refused", 401)


@pytest.mark.parametrize(
    "more", ["&next=https://evil.example", "&next=//evil.example", "&redirect_uri=https://evil.example"]
)
async def test_the_browser_ends_in_the_console_and_nowhere_else(town: Town, more: str) -> None:
    await linked(town, f"straight{len(more)}")
    browser = Browser(town.city)
    back = await browser.at_provider(await browser.begin(), f"straight{len(more)}")
    assert await browser.come_back(back + more) == "/admin/sign-in"


async def test_a_sign_in_that_the_provider_ends_is_told_as_such(town: Town) -> None:
    browser = Browser(town.city)
    back = await browser.at_provider(await browser.begin(), "")
    assert "error=access_denied" in back
    assert await browser.come_back(back) == "/admin/sign-in?provider=waits"
    assert await browser.code_shown() == "oidc.cancelled"


@pytest.mark.parametrize(
    ("login", "sql", "code"),
    [
        ("disabled", "UPDATE wangge.account SET state = 'DISABLED' WHERE id = $1", "auth.account_disabled"),
        ("expired", "UPDATE wangge.account SET expires_at = now() WHERE id = $1", "auth.account_disabled"),
    ],
)
async def test_an_account_that_may_not_act_is_refused_at_the_provider_too(
    town: Town, login: str, sql: str, code: str
) -> None:
    account, _ = await linked(town, login)
    await town.owner.execute(sql, account)
    browser = Browser(town.city)
    assert await browser.sign_in(login) == "/admin/sign-in?provider=waits"
    assert (await browser.code_shown(), (await browser.me()).status_code) == (code, 401)
    assert await ledger(town, account) == [("denied:sign_in", "by the identity provider")]


async def test_an_account_that_wrong_passwords_locked_is_locked_at_the_provider_too(town: Town) -> None:
    account, _ = await linked(town, "locked")
    login = await town.owner.fetchval("SELECT login FROM wangge.account WHERE id = $1", account)
    for _ in range(5):
        await town.city.http.post("/session", json={"login": login, "password": "wrong wrong wrong"})
    browser = Browser(town.city)
    assert await browser.sign_in("locked") == "/admin/sign-in?provider=waits"
    assert await browser.code_shown() == "auth.too_many_tries"
    assert (await browser.shown())["message"].startswith("Too many tries; wait ")
    assert (await browser.me()).status_code == 401
    await town.owner.execute("UPDATE wangge.sign_in_try SET until = now()")
    assert await browser.sign_in("locked") == "/admin/sign-in"


async def test_the_second_factor_is_asked_for_after_the_provider(town: Town) -> None:
    await linked(town, "two.steps")
    browser = Browser(town.city)
    await browser.sign_in("two.steps")
    session = (await browser.http.get(f"{town.city.url}/session")).json()
    headers, path = {"wangge-csrf": session["csrf"]}, f"{town.city.url}/session/second-factor"
    secret = (await browser.http.post(path, json={"password": ""}, headers=headers)).json()["secret"]
    step = int(time.time()) // 30
    added = await browser.http.post(path, json={"code": one_time_code(secret, step - 1)}, headers=headers)
    assert len(added.json()["recoveryCodes"]) == 10
    fresh, other = Browser(town.city), Browser(town.city)
    assert await fresh.sign_in("two.steps") == "/admin/sign-in?provider=waits"
    assert ((await fresh.shown())["stage"], (await fresh.me()).status_code) == ("code", 401)
    finish, right = f"{town.city.url}/session/oidc", one_time_code(secret, step)
    assert code_of(await fresh.http.post(finish, json={"code": "000000"})) == "auth.wrong_code"
    assert code_of(await other.http.post(finish, json={"code": right})) == "oidc.not_begun"
    assert (await fresh.http.post(finish, json={"code": right})).status_code == 200
    assert (await fresh.me()).status_code == 200
    assert code_of(await fresh.http.post(finish, json={"code": right})) == "oidc.not_begun"


async def test_administrators_without_a_password_add_their_second_factor_where_the_setting_says_so(
    town: Town, oidc_settings: Settings, city_database: Database
) -> None:
    """The provider has just confirmed who it is; after ten minutes it is asked again."""
    account = await town.new("city-admin")
    assert "id" in await town.give("city-admin", account, "district_admin", "520102", "520102000000")
    answer = await town.city.data("city-admin", LINK, {"a": account, "s": "sub-of-boss"})
    assert answer["linkIdentity"]["errors"] == []
    with socket.create_server(("127.0.0.1", 0)) as there:
        settings = msgspec.structs.replace(oidc_settings, second_factor="administrators")
        async with served(settings, city_database, there) as strict:
            browser = Browser(town.city)
            assert await browser.sign_in("boss") == "/admin/sign-in"
            browser.city = strict
            session = (await browser.http.get(f"{strict.url}/session")).json()
            assert session["pending"] == "second_factor"
            assert code_of(await browser.me()) == "auth.second_factor_due"
            headers, path = {"wangge-csrf": session["csrf"]}, f"{strict.url}/session/second-factor"
            ago = "UPDATE wangge.session SET created_at = now() - interval '11 minutes' WHERE account = $1"
            assert (await browser.http.post(path, json={"password": ""}, headers=headers)).status_code == 200
            await town.owner.execute(ago, account)
            late = await browser.http.post(path, json={"password": ""}, headers=headers)
            assert code_of(late) == "password.wrong"


async def test_unlinking_ends_the_sessions_that_the_link_opened(town: Town) -> None:
    _, link = await linked(town, "leaves")
    browser = Browser(town.city)
    await browser.sign_in("leaves")
    assert (await browser.me()).status_code == 200
    assert await town.city.data("nanming-admin", UNLINK, {"i": link}) == {"unlinkIdentity": {"errors": []}}

    async def ended() -> bool:
        return (await browser.me()).status_code == 401

    await eventually(ended)
    assert await browser.sign_in("leaves") == "/admin/sign-in?provider=waits"
    assert await browser.code_shown() == "oidc.unknown"
    await linked(town, "leaves")


async def test_only_who_may_let_somebody_in_links_and_a_person_is_one_account(town: Town) -> None:
    account, _ = await linked(town, "once")
    for by, whom, subject, code in (
        ("yunyan-admin", account, "sub-of-x", "row.unknown"),
        ("nanming-admin", await town.account("nanming-admin"), "sub-of-x", "account.own"),
        ("nanming-admin", await town.account("nanming-resident"), "sub-of-x", "account.of_a_person"),
        ("nanming-admin", account, "sub-of-once", "identity.taken"),
        ("nanming-admin", account, " ", "value.bad_text"),
    ):
        answer = await town.city.ask(by, LINK, {"a": whom, "s": subject})
        errors = answer.get("errors") or answer["data"]["linkIdentity"]["errors"]
        assert [error.get("code") or error["extensions"]["code"] for error in errors] == [code], (by, subject)
    assert await town.city.code("nanming-station", LINK, {"a": account, "s": "sub-of-x"}) == "document.invalid"


async def test_a_new_key_of_the_provider_is_fetched_when_a_token_names_it(town: Town, issuer: str) -> None:
    await linked(town, "after.the.change")
    async with httpx.AsyncClient() as http:
        await http.post(f"{issuer}/rotate")
    assert await Browser(town.city).sign_in("after.the.change") == "/admin/sign-in"


async def test_without_a_provider_only_passwords_are_offered(
    town: Town, city_settings: Settings, city_database: Database
) -> None:
    async with served(city_settings, city_database) as plain:
        browser = Browser(plain)
        assert await browser.shown() == {"provider": None, "stage": None}
        assert code_of(await browser.http.post(f"{plain.url}/session/oidc", json={})) == "oidc.none"
        answer = await plain.data("nanming-admin", LINK, {"a": await town.account("nanming-station"), "s": "x"})
        assert [error["code"] for error in answer["linkIdentity"]["errors"]] == ["identity.no_provider"]


async def test_a_provider_that_does_not_answer_is_told_in_a_sentence(
    town: Town, oidc_settings: Settings, city_database: Database
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        gone = f"http://127.0.0.1:{closed.getsockname()[1]}"
    async with served(msgspec.structs.replace(oidc_settings, oidc_issuer=gone), city_database) as lonely:
        browser = Browser(lonely)
        answer = await browser.http.post(f"{lonely.url}/session/oidc", json={})
        assert (answer.status_code, code_of(answer)) == (503, "oidc.unavailable")
        assert gone not in answer.text


def test_a_client_secret_is_read_from_a_file_of_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    for content, mode, wrong in (
        ("s3cret\n", 0o600, None),
        ("s3cret", 0o644, "can be read by others"),
        (" ", 0o600, "holds no"),
    ):
        file.write_text(content)
        file.chmod(mode)
        if wrong is None:
            assert read_secret(file) == "s3cret"
        else:
            with pytest.raises(SettingsError, match=wrong):
                read_secret(file)
