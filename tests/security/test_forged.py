"""SECURITY 13, 45, 46, 72, 74: forged cursors, sessions that end in another process, changed read records, and log lines."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from tests.city import City, eventually, served
from wangge.audit.verify import verify
from wangge.crypto import load_keys
from wangge.settings import Settings
from wangge.store.database import Database
from wangge.store.pool import Pool

CLERK, GRID, ADMIN = "nanming-station", "nanming-grid-1", "nanming-admin"
PAGE = (
    "query($c: String) { persons(first: 1, after: $c, orderBy: [{name: ASC}]) { nodes { id } pageInfo { endCursor } } }"
)
ME = {"query": "{ me { account { name } } }"}


def flipped(cursor: str, at: int) -> str:
    """A cursor with one bit changed."""
    sealed = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    sealed[at] ^= 1
    return base64.urlsafe_b64encode(bytes(sealed)).decode().rstrip("=")


async def test_no_change_of_a_cursor_is_taken(city: City) -> None:
    cursor = (await city.data(CLERK, PAGE))["persons"]["pageInfo"]["endCursor"]
    length = len(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    changed = [flipped(cursor, at) for at in range(length)]
    for wrong in [*changed, cursor[:-4], cursor + "AAAA", cursor.swapcase(), "", "%", "\0", "王", "A" * 10_000]:
        answer = await city.http.post(
            "/graphql", json={"query": PAGE, "variables": {"c": wrong}}, headers=city.headers(CLERK)
        )
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (200, "cursor.invalid")


async def test_a_cursor_shows_no_value(city: City) -> None:
    node = "{ persons(first: 1, orderBy: [{name: ASC}]) { nodes { id name } pageInfo { endCursor } } }"
    page = (await city.data(CLERK, node))["persons"]
    opened = base64.urlsafe_b64decode(page["pageInfo"]["endCursor"] + "==")
    assert page["nodes"][0]["name"].encode() not in opened
    assert page["nodes"][0]["id"].encode() not in opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def other(city_settings: Settings, city_database: Database) -> AsyncIterator[City]:
    """The same city, served by another process's parts."""
    async with served(city_settings, city_database) as made:
        yield made


async def test_what_ends_a_session_or_a_token_ends_it_in_the_other_process(
    city: City, other: City, city_owner: Pool
) -> None:
    async with httpx.AsyncClient(base_url=city.url) as browser:
        account = {"login": GRID, "password": city.accounts[GRID]["password"]}
        answer = await browser.post("/session", json=account)
        headers = {"wangge-csrf": answer.json()["csrf"], "cookie": f"wangge_session={answer.cookies['wangge_session']}"}

    async def works(how: dict[str, str]) -> bool:
        return (await other.http.post("/graphql", json=ME, headers=how)).status_code == 200

    assert await works(headers)
    assert await works(city.headers(GRID))
    of = await city_owner.fetchval("SELECT id::text FROM wangge.account WHERE login = $1", GRID)
    disable = "mutation($id: ID!) { disableAccount(id: $id) { errors { code } } }"
    assert await city.data(ADMIN, disable, {"id": of}) == {"disableAccount": {"errors": []}}

    async def ended() -> bool:
        return not await works(headers) and not await works(city.headers(GRID))

    await eventually(ended)


CHANGES = {
    "one more row": "UPDATE wangge.read_log SET total = total + 1 WHERE seq = $1",
    "another account": "UPDATE wangge.read_log SET actor_name = 'x' WHERE seq = $1",
    "another address": "UPDATE wangge.read_log SET address = '203.0.113.9' WHERE seq = $1",
    "another origin": "UPDATE wangge.read_log SET origin = 'command' WHERE seq = $1",
    "other rows": "UPDATE wangge.read_log SET row_ids = '{}' WHERE seq = $1",
    "a dropped record": "DELETE FROM wangge.read_log WHERE seq = $1",
}


@pytest.mark.parametrize("name", CHANGES)
async def test_a_changed_read_record_is_found(city: City, city_owner: Pool, city_settings: Settings, name: str) -> None:
    keys = load_keys(city_settings.home, None)

    async def linked() -> bool:
        return await city_owner.fetchval("SELECT count(*) >= 3 AND every(seq IS NOT NULL) FROM wangge.read_log") is True

    for first in (1, 2, 3):
        await city.data(CLERK, f"{{ persons(first: {first}) {{ nodes {{ name }} }} }}")
    await eventually(linked)
    async with city_owner.connection() as connection:
        began = connection.transaction()
        await began.start()
        sound = (await verify(connection, keys)).findings
        await connection.execute(CHANGES[name], 2)
        found = (await verify(connection, keys)).findings
        await began.rollback()
    assert sound == []
    assert [(finding.seq, finding.kind) for finding in found] == [
        (2, "missing" if "DELETE" in CHANGES[name] else "changed")
    ]


LOGS = """
import structlog
from wangge.logs import configure
configure("info")
structlog.get_logger("x").error("told", value="a\\r\\n{}\\x1b[31m\\u202e\\u2028 b")
"""


def test_a_log_line_stays_one_line_of_plain_characters() -> None:
    done = subprocess.run([sys.executable, "-c", LOGS], capture_output=True, text=True, check=True)
    assert done.stderr.count("\n") == 1
    assert done.stderr.strip().isascii()
    assert done.stderr.strip().isprintable()
    assert json.loads(done.stderr)["value"] == "a\r\n{}\x1b[31m\u202e\u2028 b"
