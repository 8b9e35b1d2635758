"""The console in a browser: signing in and out, the 工作台, both languages, two sizes, GraphiQL."""

from __future__ import annotations

from typing import Any

from playwright.async_api import expect

from .conftest import Visit

ROOTS = "{ __schema { queryType { fields { args { type { kind } } type { name ofType { name } } } } } }"


PASTE = """(text) => {
  const clipboardData = new DataTransfer()
  clipboardData.setData('text/plain', text)
  document.activeElement.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }))
}"""
"""what is pasted stays as it is; what is typed the editor completes, or not, as far as it has loaded its language."""
LIBRARY = ".graphiql-tabs"
"""tabs of GraphiQL are buttons inside buttons, as the library writes them."""


def _is_register(field: dict[str, Any]) -> bool:
    """Whether a root field lists records without being told of which parent."""
    name = field["type"]["name"] or field["type"]["ofType"]["name"]
    return str(name).endswith("Connection") and all(arg["type"]["kind"] != "NON_NULL" for arg in field["args"])


async def test_a_wrong_password_is_refused_where_it_was_typed(visit: Visit) -> None:
    await visit.sign_in("wrong")
    await expect(visit.page.locator("#signin-refusal")).to_contain_text("账号或密码不正确")
    await expect(visit.page.locator("#password")).to_have_value("")
    await expect(visit.page.locator("#password")).to_be_focused()
    await expect(visit.page.locator("#account")).to_have_value(visit.clerk["account"])


async def test_missing_parts_are_named_before_anything_is_sent(visit: Visit) -> None:
    await visit.page.goto(f"{visit.city.url}/admin/")
    await visit.page.get_by_role("button", name="登录", exact=True).click()
    await expect(visit.page.get_by_role("alert").first).to_have_text("请输入账号。")
    await expect(visit.page.locator("#account")).to_be_focused()


async def test_the_workbench_shows_post_area_and_registers_of_the_caller(visit: Visit) -> None:
    await visit.enter()
    await expect(visit.page.get_by_role("heading", level=1)).to_have_text("工作台")
    post = visit.page.locator(".wg-table tbody tr")
    await expect(post).to_have_count(1)
    await expect(post).to_contain_text(visit.clerk["area_name"])
    await expect(post).to_contain_text(visit.clerk["area_code"])
    answer = await visit.city.data(visit.clerk["account"], ROOTS)
    seen = sum(_is_register(field) for field in answer["__schema"]["queryType"]["fields"])
    await expect(visit.page.locator(".wg-registers > li")).to_have_count(seen)


async def test_sign_in_and_workbench_fit_their_window(visit: Visit) -> None:
    await visit.page.goto(f"{visit.city.url}/admin/")
    await visit.page.locator("#account").wait_for()
    before = await visit.overflow()
    await visit.enter()
    assert (before, await visit.overflow()) == (0, 0)


async def test_the_language_switches_texts_and_labels_and_stays_chosen(visit: Visit) -> None:
    await visit.enter()
    await visit.page.get_by_role("button", name="English").click()
    await expect(visit.page.get_by_role("heading", level=1)).to_have_text("Workbench")
    await expect(visit.page.locator("html")).to_have_attribute("lang", "en")
    await visit.page.reload()
    await expect(visit.page.get_by_role("heading", level=1)).to_have_text("Workbench")
    await visit.page.get_by_role("button", name="中文").click()
    await expect(visit.page.get_by_role("heading", level=1)).to_have_text("工作台")


async def test_axe_finds_nothing_serious(visit: Visit) -> None:
    await visit.page.goto(f"{visit.city.url}/admin/")
    await visit.page.locator("#account").wait_for()
    assert await visit.violations() == []
    await visit.enter()
    assert await visit.violations() == []


async def test_signing_out_ends_the_session_on_the_server(visit: Visit) -> None:
    await visit.enter()
    await visit.page.get_by_role("button", name="账号").click()
    await visit.page.get_by_role("menuitem", name="退出登录").click()
    await expect(visit.page.locator("#account")).to_be_visible()
    assert await visit.page.evaluate("fetch('/session').then((answer) => answer.status)") == 401
    await visit.page.goto(f"{visit.city.url}/admin/")
    await expect(visit.page.locator("#account")).to_be_visible()


async def test_nothing_of_the_person_stays_in_the_browser(visit: Visit) -> None:
    await visit.enter()
    kept = await visit.page.evaluate("JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])")
    assert kept == '[{},{},""]'


async def test_a_register_opens_from_the_workbench_and_turns_its_pages(visit: Visit) -> None:
    await visit.enter()
    await visit.page.get_by_role("main").locator("a[href='/admin/registers/persons']").click()
    await expect(visit.page.get_by_role("heading", level=1)).to_have_text("人员")
    rows = visit.page.locator(".wg-table tbody tr")
    await expect(rows).to_have_count(20)
    first = await rows.all_inner_texts()
    await visit.page.get_by_role("button", name="下一页").click()
    await expect(visit.page.get_by_role("heading", name="第 2 页")).to_be_visible()
    await expect(rows.first).not_to_have_text(first[0])
    await visit.page.get_by_role("button", name="上一页").click()
    await expect(rows.first).to_have_text(first[0], use_inner_text=True)
    assert (await visit.overflow(), await visit.violations()) == (0, [])


async def test_graphql_in_a_browser_is_graphiql_with_the_session(visit: Visit) -> None:
    await visit.enter()
    await visit.page.goto(f"{visit.city.url}/graphql")
    editor = visit.page.locator(".graphiql-editor .monaco-editor").first
    lines = editor.locator(".view-lines")
    await expect(lines).to_contain_text("query Me")
    assert await visit.violations(exclude=LIBRARY) == []
    await editor.click()
    await visit.page.keyboard.press("ControlOrMeta+A")
    await visit.page.evaluate(PASTE, "query Mine { me { account { name } } }")
    await expect(lines).to_have_text("query Mine { me { account { name } } }")
    tabs = visit.page.locator(".graphiql-tab")
    await expect(tabs).to_have_count(4)  # the first, and lists of the caller
    await expect(tabs.first).to_contain_text("Mine")  # now it knows what it will send
    async with visit.page.expect_response(lambda answer: "account" in (answer.request.post_data or "")) as asked:
        await visit.page.locator(".graphiql-execute-button").press("Enter")
    answer = await asked.value
    assert (answer.status, await answer.json()) == (
        200,
        {"data": {"me": {"account": {"name": "测试站点人员"}}}},
    )
    assert await visit.overflow() == 0


async def test_every_page_that_says_what_is_wrong_or_missing_is_whole(visit: Visit) -> None:
    await visit.enter()
    pages = {"registers/nothing": "没有这类台账", "what/ever": "没有这个页面", "old-browser.html": "此浏览器版本过低"}
    for path, heading in pages.items():
        await visit.page.goto(f"{visit.city.url}/admin/{path}")
        await expect(visit.page.get_by_role("heading", level=1)).to_contain_text(heading)
        assert (path, await visit.overflow(), await visit.violations()) == (path, 0, [])


async def test_the_console_is_worked_by_keyboard_alone(visit: Visit) -> None:
    await visit.page.goto(f"{visit.city.url}/admin/")
    await visit.page.locator("#account").wait_for()
    await visit.page.locator("#account").focus()
    await visit.page.keyboard.insert_text(visit.clerk["account"])
    await visit.page.keyboard.press("Tab")
    await visit.page.keyboard.insert_text(visit.clerk["password"])
    await visit.page.keyboard.press("Enter")
    await visit.page.locator(".wg-register-count").first.wait_for()
    for _ in range(60):
        await visit.page.keyboard.press("Tab")
        if await visit.page.evaluate("document.activeElement.matches('main a[href=\"/admin/registers/persons\"]')"):
            break
    assert await visit.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    await visit.page.keyboard.press("Enter")
    await expect(visit.page.get_by_role("heading", level=1)).to_have_text("人员")


async def test_both_appearances_have_enough_contrast(visit: Visit) -> None:
    await visit.enter()
    for scheme in ("dark", "light"):
        await visit.page.emulate_media(color_scheme=scheme)
        await expect(visit.page.locator("html")).to_have_attribute("data-mode", scheme)
        assert (scheme, await visit.violations()) == (scheme, [])


async def test_graphiql_stays_closed_to_the_unsigned(visit: Visit) -> None:
    await visit.page.goto(f"{visit.city.url}/admin/graphiql/")
    await expect(visit.page.get_by_role("heading", level=1)).to_have_text("请先登录")
    assert await visit.overflow() == 0
