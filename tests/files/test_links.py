"""Links to files: for a minute, for who sees the file in that field of that row, and only as long as that is so."""

from __future__ import annotations

import datetime as dt
import http.cookies
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest_asyncio
from tests.city import City, eventually, served
from tests.files.samples import document, pdf, picture
from tests.files.stored import Stored, bucket_of

from wangge.files.collecting import collect
from wangge.files.links import Bearer, Holder, Links
from wangge.files.objects import Objects
from wangge.files.s3 import S3
from wangge.files.uploads import Stored as Content
from wangge.http.files import disposition
from wangge.identity.accounts import enable_module
from wangge.keys import keys_of
from wangge.prepare import prepare
from wangge.settings import Settings
from wangge.store.database import Database
from wangge.store.pool import Pool

VAULT = Path(__file__).parent / "vault"
CITY, DISTRICT, OTHER, GRID = "city-admin", "nanming-admin", "yunyan-admin", "nanming-grid-1"
HELD = (
    "id title scan { id name link } annexes { file { id link } } signed { id link } sheets { number sheet { id link } }"
)
CREATE = f"mutation($i: CreateVaultPaperInput!) {{ createVaultPaper(input: $i) {{ node {{ {HELD} }} errors {{ path code }} }} }}"
UPDATE = (
    "mutation($id: ID!, $p: UpdateVaultPaperInput!) { updateVaultPaper(id: $id, patch: $p) { errors { path code } } }"
)
OF_CITY = f"query($id: ID!) {{ vaultPaper(id: $id) {{ {HELD} }} }}"
OF_DISTRICT = "query($id: ID!) { vaultPaper(id: $id) { annexes { file { id link } } } }"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vault(stored_settings: Settings, city_database: Database, city_owner: Pool, s3: S3) -> AsyncIterator[Stored]:
    """The city with the module of papers."""
    settings = msgspec.structs.replace(stored_settings, modules=(VAULT,))
    await prepare(settings, city_database)
    objects = Objects(msgspec.structs.replace(s3, bucket=bucket_of(city_database)))
    async with served(settings, city_database) as city:
        approve = 'mutation { approveModule(module: "vault", reason: "x") { errors { code } } }'
        assert await city.data("security-admin", approve) == {"approveModule": {"errors": []}}
        async with city_owner.transaction() as connection:
            await enable_module(connection, "vault", None)

        async def there() -> bool:
            return "vaultPapers" in str(await city.data(CITY, "{ __schema { queryType { fields { name } } } }"))

        await eventually(there)
        yield Stored(city, objects, city_owner)
    objects.close()


@pytest_asyncio.fixture(loop_scope="module")
async def paper(vault: Stored) -> dict[str, Any]:
    """A new paper in the first grid of Nanming that holds a file in every way."""
    names = {"scan": "王小明 身份证.pdf", "annex": "附件.docx", "sheet": "页.pdf", "signed": "签名.png"}
    contents = {"scan": pdf(), "annex": document(), "sheet": pdf(b"sheet"), "signed": picture("PNG")}
    ids = {key: await vault.upload(CITY, contents[key], name) for key, name in names.items()}
    given = {
        "area": await vault.area(GRID), "title": "甲", "scan": ids["scan"], "annexes": [ids["annex"]],
        "signed": ids["signed"], "sheets": [{"number": 1, "sheet": ids["sheet"]}, {"number": 2}],
    }  # fmt: skip
    made = (await vault.city.data(CITY, CREATE, {"i": given}))["createVaultPaper"]
    assert made["errors"] == []
    node: dict[str, Any] = made["node"]
    return node


def links_of(node: dict[str, Any]) -> dict[str, str]:
    """Field -> link of everything that a paper holds."""
    return {
        "scan": node["scan"]["link"],
        "annexes": node["annexes"][0]["file"]["link"],
        "signed": node["signed"]["link"],
        "sheets": node["sheets"][0]["sheet"]["link"],
    }


async def statuses(vault: Stored, links: dict[str, str]) -> dict[str, int]:
    """What each link answers."""
    return {name: (await vault.get(link)).status_code for name, link in links.items()}


async def test_every_way_to_hold_a_file_gives_a_link_to_its_content(vault: Stored, paper: dict[str, Any]) -> None:
    expected = {"scan": pdf(), "annexes": document(), "sheets": pdf(b"sheet")}
    for name, link in links_of(paper).items():
        answer = await vault.get(link)
        assert answer.status_code == 200
        assert answer.content == expected.get(name, answer.content)
    assert paper["sheets"][1] == {"number": 2, "sheet": None}
    again = (await vault.city.data(CITY, OF_CITY, {"id": paper["id"]}))["vaultPaper"]
    assert again["scan"]["id"] == paper["scan"]["id"]
    assert links_of(again)["scan"] != links_of(paper)["scan"]


async def test_an_answer_may_be_shown_or_stored_and_nothing_else(vault: Stored, paper: dict[str, Any]) -> None:
    for name, type_, way in (
        ("scan", "application/pdf", "attachment"),
        ("signed", "image/png", "inline"),
    ):
        answer = await vault.get(links_of(paper)[name])
        told = {key: answer.headers[key] for key in ("content-type", "x-content-type-options", "cache-control")}
        assert told == {"content-type": type_, "x-content-type-options": "nosniff", "cache-control": "no-store"}
        assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox; frame-ancestors 'none'"
        assert answer.headers["content-disposition"].startswith(f"{way}; filename=")
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert [name for name in answer.headers if name in ("etag", "last-modified", "set-cookie")] == []


def test_a_name_breaks_no_header() -> None:
    for name in ('a"; filename=evil.html', "a\r\nx: y", "照片.jpg", "", "%0d%0a", "\u202e.exe"):
        made = disposition(Content(name, "application/pdf", b""))
        assert made.isascii()
        assert made.isprintable()
        assert made.count('"') == 2
    assert disposition(Content("照片.jpg", "image/jpeg", b"")) == (
        "inline; filename=\"__.jpg\"; filename*=UTF-8''%E7%85%A7%E7%89%87.jpg"
    )


async def test_parts_of_a_content_are_given_as_asked(vault: Stored, paper: dict[str, Any]) -> None:
    link, whole = links_of(paper)["scan"], pdf()
    size = len(whole)
    for wanted, status, body, told in [
        ("bytes=0-4", 206, whole[:5], f"bytes 0-4/{size}"),
        ("bytes=5-", 206, whole[5:], f"bytes 5-{size - 1}/{size}"),
        ("bytes=-7", 206, whole[-7:], f"bytes {size - 7}-{size - 1}/{size}"),
        (f"bytes=0-{10**9}", 206, whole, f"bytes 0-{size - 1}/{size}"),
        ("lines=1-2", 200, whole, None),
        ("bytes=9-2", 416, None, None),
        (f"bytes={size}-", 416, None, None),
        ("bytes=0-1,3-4", 416, None, None),
        ("bytes=-", 416, None, None),
        ("bytes=" + "9" * 500 + "-", 416, None, None),
    ]:
        answer = await vault.get(link, range=wanted)
        assert (wanted, answer.status_code, answer.headers.get("content-range")) == (wanted, status, told)
        assert body is None or answer.content == body
    head = await vault.city.http.head(link)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(size), b"")
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert (await vault.city.http.request(method, link)).status_code == 405


async def test_no_link_comes_from_a_field_that_is_hidden_or_masked(vault: Stored, paper: dict[str, Any]) -> None:
    seen = (await vault.city.data(DISTRICT, OF_DISTRICT, {"id": paper["id"]}))["vaultPaper"]
    assert seen["annexes"][0]["file"]["id"] == paper["annexes"][0]["file"]["id"]
    assert (await vault.get(seen["annexes"][0]["file"]["link"])).content == document()
    fields = await vault.city.data(DISTRICT, '{ __type(name: "VaultPaper") { fields { name } } }')
    assert not {"scan", "signed"} & {field["name"] for field in fields["__type"]["fields"]}
    masked = await vault.city.data(
        GRID, "query($id: ID!) { vaultPaper(id: $id) { scan { id name link } _absent } }", {"id": paper["id"]}
    )
    assert masked["vaultPaper"]["scan"] is None
    assert (await vault.city.data(OTHER, OF_DISTRICT, {"id": paper["id"]}))["vaultPaper"] is None


async def test_a_file_is_asked_for_through_a_field_alone(vault: Stored, paper: dict[str, Any]) -> None:
    node_id = (
        await vault.city.data(CITY, "query($id: ID!) { vaultPaper(id: $id) { scan { nodeId } } }", {"id": paper["id"]})
    )["vaultPaper"]["scan"]["nodeId"]
    for login in (CITY, DISTRICT, GRID):
        roots = await vault.city.data(login, "{ __schema { queryType { fields { name } } } }")
        assert not {"file", "files"} & {field["name"] for field in roots["__schema"]["queryType"]["fields"]}
        found = await vault.city.data(login, "query($id: ID!) { node(nodeId: $id) { id } }", {"id": node_id})
        assert found == {"node": None}
    listed = await vault.city.data("system-admin", "{ files { nodes { id name mediaType bytes link } } }")
    assert {(node["name"], node["link"]) for node in listed["files"]["nodes"]} == {(None, None)}


async def test_a_link_cannot_be_made_or_changed(vault: Stored, paper: dict[str, Any]) -> None:
    link = links_of(paper)["scan"]
    token = link.removeprefix("/files/")
    forged = [token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :] for at in range(0, len(token) - 1, 7)]
    forged += [
        token[:-4],
        token + "AAAA",
        token.upper(),
        "x",
        "%00",
        "..%2f..%2fkeys",
        "a" * 1_990,
        paper["scan"]["id"],
    ]
    answers = [await vault.get(f"/files/{each}") for each in forged]
    assert {(a.status_code, a.headers["content-type"], a.text) for a in answers} == {
        (404, answers[0].headers["content-type"], answers[0].text)
    }
    assert answers[0].json()["code"] == "file.unknown"
    assert (await vault.get(link)).status_code == 200


async def test_a_link_is_over_after_a_minute_by_the_clock_of_the_database(
    vault: Stored, paper: dict[str, Any], stored_settings: Settings
) -> None:
    account = await vault.owner.fetchval("SELECT id FROM wangge.account WHERE login = $1", CITY)
    holder = Holder("vault.paper", "scan", uuid.UUID(paper["id"]), uuid.UUID(paper["scan"]["id"]))
    now = await vault.owner.fetchval("SELECT now()")
    got = []
    for age in (0, 30, 61, 3_600):
        made = Links(keys_of(stored_settings), lambda age=age: now - dt.timedelta(seconds=age))  # type: ignore[misc] # bound now
        got.append((await vault.get(made.make(holder, Bearer(account), small=False, purpose=None))).status_code)
    assert got == [200, 200, 404, 404]
    elsewhere = [
        Holder("vault.paper", "annexes", holder.row, holder.file),
        Holder("vault.paper", "scan", uuid.uuid4(), holder.file),
        Holder("vault.paper", "sheets.number", holder.row, holder.file),
        Holder("vault.paper", "nothing", holder.row, holder.file),
        Holder("vault.nothing", "scan", holder.row, holder.file),
    ]
    links = Links(keys_of(stored_settings), lambda: now)
    for each in elsewhere:
        assert (await vault.get(links.make(each, Bearer(account), small=False, purpose=None))).status_code == 404
    for addresses, status in (("127.0.0.0/8",), 200), (("203.0.113.0/24",), 404):
        bound = Bearer(account, addresses=addresses)
        assert (await vault.get(links.make(holder, bound, small=False, purpose=None))).status_code == status
    nobody = Bearer(uuid.uuid4())
    assert (await vault.get(links.make(holder, nobody, small=False, purpose=None))).status_code == 404


async def gone(vault: Stored, link: str) -> None:
    """Wait for every process to have learned that a right ended; then the link gives nothing."""

    async def over() -> bool:
        return (await vault.get(link)).status_code == 404

    await eventually(over, 5)


async def district_link(vault: Stored, paper: dict[str, Any]) -> str:
    """A link that the district's administrator was given."""
    seen = (await vault.city.data(DISTRICT, OF_DISTRICT, {"id": paper["id"]}))["vaultPaper"]
    link: str = seen["annexes"][0]["file"]["link"]
    assert (await vault.get(link)).status_code == 200
    return link


async def change(vault: Stored, paper: dict[str, Any], **patch: Any) -> None:
    """Change a paper as the city."""
    made = await vault.city.data(CITY, UPDATE, {"id": paper["id"], "p": patch})
    assert made["updateVaultPaper"]["errors"] == []


async def test_a_link_dies_when_the_row_leaves_the_condition_or_the_area(vault: Stored, paper: dict[str, Any]) -> None:
    link = await district_link(vault, paper)
    await change(vault, paper, state="SHUT")
    assert (await vault.get(link)).status_code == 404
    await change(vault, paper, state="OPEN")
    assert (await vault.get(link)).status_code == 200
    await change(vault, paper, area=await vault.area("yunyan-grid-1"))
    assert (await vault.get(link)).status_code == 404
    seen = (await vault.city.data(OTHER, OF_DISTRICT, {"id": paper["id"]}))["vaultPaper"]
    assert (await vault.get(seen["annexes"][0]["file"]["link"])).content == document()


async def test_a_link_dies_with_the_row_and_comes_back_with_it(vault: Stored, paper: dict[str, Any]) -> None:
    links = links_of(paper)
    act = 'mutation($id: ID!) {{ {}VaultPaper(id: $id, reason: "x") {{ errors {{ code }} }} }}'
    await vault.city.data(CITY, act.format("remove"), {"id": paper["id"]})
    assert set((await statuses(vault, links)).values()) == {404}
    await vault.city.data(
        CITY, "mutation($id: ID!) { restoreVaultPaper(id: $id) { errors { code } } }", {"id": paper["id"]}
    )
    assert set((await statuses(vault, links)).values()) == {200}


async def test_erasing_a_row_ends_its_files_at_once_and_their_objects_at_night(
    vault: Stored, paper: dict[str, Any]
) -> None:
    links = links_of(paper)
    files = [uuid.UUID(paper[name]["id"]) for name in ("scan", "signed")]
    files += [uuid.UUID(paper["annexes"][0]["file"]["id"]), uuid.UUID(paper["sheets"][0]["sheet"]["id"])]
    keys = [r["key"] for r in await vault.owner.fetch("SELECT key FROM wangge.object WHERE file = ANY($1)", files)]
    assert len(keys) == 5
    erase = 'mutation($id: ID!) { eraseVaultPaper(id: $id, reason: "x") { errors { code } } }'
    made = await vault.city.data(CITY, erase, {"id": paper["id"]})
    assert made["eraseVaultPaper"]["errors"] == []
    assert set((await statuses(vault, links)).values()) == {404}
    assert await vault.owner.fetchval("SELECT count(*) FROM wangge.file WHERE id = ANY($1)", files) == 0
    secrets = "SELECT count(secret) FROM wangge.object WHERE file = ANY($1)"
    assert await vault.owner.fetchval(secrets, files) == 0
    await collect(vault.owner, vault.objects, dt.timedelta(0))
    assert set(keys) & (await vault.objects.keys()).keys() == set()


async def test_a_link_dies_with_the_token_the_session_the_post_and_the_account(
    vault: Stored, paper: dict[str, Any]
) -> None:
    city: City = vault.city
    made = await city.data(
        DISTRICT, 'mutation { createToken(input: {label: "x"}) { token node { id } errors { code } } }'
    )
    assert made["createToken"]["errors"] == []
    body = {"query": OF_DISTRICT, "variables": {"id": paper["id"]}}
    answer = await city.http.post(
        "/graphql", json=body, headers={"authorization": f"Bearer {made['createToken']['token']}"}
    )
    by_token = answer.json()["data"]["vaultPaper"]["annexes"][0]["file"]["link"]
    assert (await vault.get(by_token)).status_code == 200
    revoke = "mutation($id: ID!) { revokeToken(id: $id) { errors { code } } }"
    await city.data(DISTRICT, revoke, {"id": made["createToken"]["node"]["id"]})
    await gone(vault, by_token)

    async with httpx.AsyncClient(base_url=city.url) as client:
        given = {"login": DISTRICT, "password": city.accounts[DISTRICT]["password"]}
        signed = await client.post("/session", json=given)
        cookie = http.cookies.SimpleCookie(signed.headers["set-cookie"])["wangge_session"].value
        headers = {"cookie": f"wangge_session={cookie}", "wangge-csrf": signed.json()["csrf"]}
        seen = await client.post("/graphql", json=body, headers=headers)
        by_session = seen.json()["data"]["vaultPaper"]["annexes"][0]["file"]["link"]
        assert (await vault.get(by_session)).status_code == 200
        await client.delete("/session", headers=headers)
    await gone(vault, by_session)

    link = await district_link(vault, paper)
    post = await vault.owner.fetchval(
        "SELECT p.id FROM wangge.post p JOIN wangge.account a ON a.id = p.account WHERE a.login = $1", DISTRICT
    )
    async with vault.owner.transaction() as connection:
        await connection.execute("UPDATE wangge.post SET valid_to = now() WHERE id = $1", post)
        await connection.fetchval("SELECT wangge.touch('post', $1)", f"account:{await _account(vault)}")
    await gone(vault, link)
    async with vault.owner.transaction() as connection:
        await connection.execute("UPDATE wangge.post SET valid_to = NULL WHERE id = $1", post)
        await connection.fetchval("SELECT wangge.touch('post', $1)", f"account:{await _account(vault)}")


async def _account(vault: Stored) -> str:
    return str(await vault.owner.fetchval("SELECT id FROM wangge.account WHERE login = $1", DISTRICT))


async def test_a_page_of_changes_has_links_for_its_reader(vault: Stored, paper: dict[str, Any]) -> None:
    query = """query($a: String) { changes(entity: VaultPaper, after: $a, first: 1000) {
      nodes { id node { ... on VaultPaper { scan { link } } } } endPosition hasNextPage } }"""
    found: dict[str, Any] = {}
    at, more = None, True
    while more:
        page = (await vault.city.data(CITY, query, {"a": at}))["changes"]
        found |= {node["id"]: node["node"] for node in page["nodes"]}
        at, more = page["endPosition"], page["hasNextPage"]
    assert (await vault.get(found[paper["id"]]["scan"]["link"])).content == pdf()


async def test_a_preview_gives_no_links(vault: Stored, paper: dict[str, Any]) -> None:
    answer = await vault.city.ask(
        "security-admin", OF_DISTRICT, {"id": paper["id"]}, **{"wangge-preview-as": "district_admin"}
    )
    assert "/files/" not in str(answer)


async def test_a_download_of_a_personal_file_leaves_a_read_record_and_one_of_another_none(
    vault: Stored, paper: dict[str, Any]
) -> None:
    async def records() -> list[Any]:
        sql = "SELECT actor_name, root_field, purposes, entities::text FROM wangge.read_log WHERE root_field = 'files' AND $1 = ANY(row_ids)"
        return [tuple(row) for row in await vault.owner.fetch(sql, uuid.UUID(paper["id"]))]

    async def written() -> bool:
        return len(await records()) > before

    before = len(await records())
    await vault.get(links_of(paper)["annexes"])
    await vault.get(links_of(paper)["scan"])
    await eventually(written, 5)
    (record,) = (await records())[before:]
    assert record[:3] == (CITY, "files", ["vault_keeping"])
    assert '"vault.paper"' in record[3]
    assert '"scan"' in record[3]
