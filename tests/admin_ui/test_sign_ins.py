"""Signing in by the console: a first password, a second factor, and the own sessions."""

from __future__ import annotations

import time

import pytest
from playwright.async_api import expect

from tests.identity.test_administration import Town
from tests.identity.test_sign_in import FIRST, OWN, Browser, made, settled
from wangge.crypto import one_time_code
from wangge.store.pool import Pool

from .conftest import City, Visit


@pytest.fixture(scope="module")
def town(city: City, city_owner: Pool) -> Town:
    """The served city."""
    return Town(city, city_owner)


async def enter(visit: Visit, login: str, password: str) -> None:
    """Fill in the sign-in page and send it."""
    await visit.page.goto(f"{visit.city.url}/admin/")
    await visit.page.fill("#account", login)
    await visit.page.fill("#password", password)
    await visit.page.keyboard.press("Enter")


def without_refusals(visit: Visit) -> None:
    """What the server refuses on purpose Chromium calls an error."""
    visit.complaints[:] = [text for text in visit.complaints if "Failed to load resource" not in text]


async def test_a_first_password_is_changed_before_the_workbench_opens(visit: Visit, town: Town) -> None:
    await enter(visit, await made(town), FIRST)
    await expect(visit.page.get_by_role("heading", level=1)).to_have_text("修改初始密码")
    assert await visit.violations() == []
    assert await visit.overflow() <= 0
    for box, text in (("current", FIRST), ("next", "password123"), ("again", "password123")):
        await visit.page.fill(f"#password-{box}", text)
    await visit.page.keyboard.press("Enter")
    await expect(visit.page.get_by_role("alert")).to_have_text("该密码过于常见，请换一个")
    for box in ("next", "again"):
        await visit.page.fill(f"#password-{box}", OWN)
    await visit.page.keyboard.press("Enter")
    await expect(visit.page.get_by_role("heading", level=1)).to_have_text("工作台")
    without_refusals(visit)


async def test_sessions_are_listed_and_ended_and_a_second_factor_is_added_and_asked_for(
    visit: Visit, town: Town
) -> None:
    login, _ = await settled(town)
    await enter(visit, login, OWN)
    await expect(visit.page.get_by_role("heading", level=1)).to_have_text("工作台")
    other = Browser(visit.city)
    await other.sign_in(login, OWN)
    await visit.page.goto(f"{visit.city.url}/admin/sign-ins")
    rows = visit.page.locator(".wg-sessions li")
    await expect(rows).to_have_count(3)
    assert await visit.violations() == []
    assert await visit.overflow() <= 0
    await rows.first.get_by_role("button").click()
    await expect(rows).to_have_count(2)
    await visit.page.fill("#factor-password", OWN)
    await visit.page.keyboard.press("Enter")
    secret = (await visit.page.locator("#factor-secret").inner_text()).strip()
    step = int(time.time()) // 30
    await visit.page.fill("#factor-code", one_time_code(secret, step - 1))
    await visit.page.keyboard.press("Enter")
    await visit.page.get_by_role("button", name="已保存，继续").click()
    await expect(visit.page.get_by_text("已绑定动态口令。")).to_be_visible()
    await visit.page.context.clear_cookies()
    await enter(visit, login, OWN)
    await visit.page.locator("#code").wait_for()
    await visit.page.fill("#code", one_time_code(secret, step))
    await visit.page.keyboard.press("Enter")
    await expect(visit.page.get_by_role("heading", level=1)).to_have_text("工作台")
    without_refusals(visit)
