"""A browser with the console of the served city."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Error, Page, Request, async_playwright

from tests.browser import NONE, options
from tests.city import *  # noqa: F403
from tests.city import City

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "core" / "wangge" / "static" / "index.html"
AXE = ROOT / "admin_ui" / "node_modules" / "axe-core" / "axe.min.js"
DESKTOP, PHONE = (1366, 768), (390, 844)


class Visit:
    """One browser window, with what it complained about and asked for."""

    def __init__(self, page: Page, city: City) -> None:
        self.page = page
        self.city = city
        self.clerk = next(account for account in city.accounts.values() if account["role"] == "station_clerk")
        self.complaints: list[str] = []
        self.foreign: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", self._break)
        page.on("request", self._watch)

    def _hear(self, message: ConsoleMessage) -> None:
        """Keep errors and warnings; that nobody is signed in is a 401 of `/session`, which Chromium calls an error."""
        unsigned = message.location.get("url", "").endswith("/session") and "401" in message.text
        if message.type in ("error", "warning") and not unsigned:
            self.complaints.append(message.text)

    def _break(self, error: Error) -> None:
        self.complaints.append(str(error))

    def _watch(self, request: Request) -> None:
        if not request.url.startswith((self.city.url, "data:", "blob:")):
            self.foreign.append(request.url)

    async def sign_in(self, password: str | None = None) -> None:
        """Fill in the sign-in page of the console and send it."""
        await self.page.goto(f"{self.city.url}/admin/")
        await self.page.fill("#account", self.clerk["account"])
        await self.page.fill("#password", self.clerk["password"] if password is None else password)
        await self.page.keyboard.press("Enter")

    async def enter(self) -> None:
        """Sign in and wait until the 工作台 has counted the registers."""
        await self.sign_in()
        await self.page.locator(".wg-register-count").first.wait_for()

    async def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        wide: int = await self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return wide

    async def violations(self, exclude: str = "") -> list[str]:
        """Serious and critical findings of axe-core, with the elements; `exclude` is a selector of what is not ours."""
        await self.page.evaluate(AXE.read_text())
        found: list[str] = await self.page.evaluate(
            """async (exclude) => (await axe.run(exclude ? { exclude } : document)).violations
                .filter(({ impact }) => impact === 'serious' || impact === 'critical')
                .map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(' | ')}`)""",
            exclude,
        )
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """The Chromium of the tests."""
    if not BUILT.exists():
        pytest.fail("the console is not built: run `make ui`")
    found = options()
    if found is None:
        pytest.skip(NONE)
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(**found)
        yield started
        await started.close()


@pytest_asyncio.fixture(loop_scope="module", params=[DESKTOP, PHONE], ids=["desktop", "phone"])
async def visit(request: pytest.FixtureRequest, browser: Browser, city: City) -> AsyncIterator[Visit]:
    """A fresh window on a desktop and on a phone; it must complain about nothing and stay within the deployment."""
    width, height = request.param
    context = await browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN")
    made = Visit(await context.new_page(), city)
    yield made
    await context.close()
    assert (made.complaints, made.foreign) == ([], [])
