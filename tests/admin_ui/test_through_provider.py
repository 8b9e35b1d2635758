"""Signing in by the console through the identity provider: the button, the code, the page for somebody whom no account knows."""

from __future__ import annotations

import time

import pytest
from playwright.async_api import expect

from tests.identity.provided import *  # noqa: F403
from tests.identity.provided import linked
from tests.identity.test_administration import Town
from tests.identity.test_oidc import Browser
from wangge.crypto import one_time_code
from wangge.store.pool import Pool

from .conftest import City, Visit


@pytest.fixture(scope="module")
def town(city: City, city_owner: Pool) -> Town:
    """The served city."""
    return Town(city, city_owner)


async def through(visit: Visit, login: str, path: str = "/admin/") -> None:
    """From a page of the console to the provider, sign in there, and come back."""
    await visit.page.goto(f"{visit.city.url}{path}")
    await visit.page.locator("#through-provider").click()
    await visit.page.fill("[name=login]", login)
    await visit.page.get_by_role("button").click()


def elsewhere(visit: Visit, issuer: str) -> None:
    """The provider is the one foreign address that a browser goes to, and only when it is sent there."""
    assert {address.split("/authorize")[0] for address in visit.foreign} == {issuer}
    visit.foreign.clear()
    visit.complaints[:] = [text for text in visit.complaints if "Failed to load resource" not in text]


async def test_the_button_leads_through_the_provider_to_where_one_was_going(
    visit: Visit, town: Town, issuer: str
) -> None:
    login = f"console-{visit.page.viewport_size}"
    await linked(town, login)
    await visit.page.goto(f"{visit.city.url}/admin/")
    await expect(visit.page.locator("#through-provider")).to_have_text("使用统一身份认证登录")
    assert await visit.violations() == []
    assert await visit.overflow() <= 0
    await through(visit, login, "/admin/sign-ins")
    await expect(visit.page.get_by_role("heading", level=1)).to_have_text("我的登录")
    assert await visit.page.get_by_text("修改密码").count() == 0
    elsewhere(visit, issuer)


async def test_who_has_no_account_reads_what_to_give_to_the_administrator(visit: Visit, issuer: str) -> None:
    await through(visit, "nobody")
    notice = visit.page.get_by_role("alert")
    await expect(notice).to_contain_text("您的统一身份尚未绑定账号，请将下面的统一身份标识告知管理员")
    await expect(visit.page.locator("#subject")).to_have_text("sub-of-nobody")
    assert "sub-of-nobody" not in visit.page.url
    assert await visit.violations() == []
    assert await visit.overflow() <= 0
    elsewhere(visit, issuer)


async def test_a_code_is_asked_for_after_the_provider(visit: Visit, town: Town, issuer: str) -> None:
    login = f"coded-{visit.page.viewport_size}"
    await linked(town, login)
    first = Browser(visit.city)
    await first.sign_in(login)
    session = (await first.http.get(f"{visit.city.url}/session")).json()
    headers, path = {"wangge-csrf": session["csrf"]}, f"{visit.city.url}/session/second-factor"
    secret = (await first.http.post(path, json={"password": ""}, headers=headers)).json()["secret"]
    step = int(time.time()) // 30
    await first.http.post(path, json={"code": one_time_code(secret, step - 1)}, headers=headers)
    await through(visit, login)
    await expect(visit.page.get_by_role("heading", level=1)).to_have_text("输入动态口令")
    assert await visit.violations() == []
    await visit.page.fill("#code", "000000")
    await visit.page.keyboard.press("Enter")
    await expect(visit.page.get_by_role("alert")).to_have_text("动态口令不正确或已使用，请等待下一个口令。")
    await visit.page.fill("#code", one_time_code(secret, step))
    await visit.page.keyboard.press("Enter")
    await expect(visit.page.get_by_role("heading", level=1)).to_have_text("工作台")
    elsewhere(visit, issuer)
