"""SECURITY.md 69: the clock of the server's machine is an hour ahead, then an hour behind; the database's is right."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.long.served import OFFICER, Served, Stream
from tests.processes import until

pytestmark = pytest.mark.long
SOURCE = Path(__file__).with_name("moved_clock.c")
ENDS_SOON, ENDED = "yunyan-urban-management", "yunyan-station"
PAGE = "query($after: String) { incidents(first: 3, after: $after) { nodes { id } pageInfo { endCursor } } }"
PERSONS = "{ persons(first: 1) { nodes { name } } }"
SOON = """UPDATE wangge.token SET expires_at = now() + interval '{}' WHERE account =
(SELECT id FROM wangge.account WHERE login = '{}')"""
OUT_OF_ORDER = """SELECT count(*) FROM (SELECT at, lag(at) OVER (PARTITION BY chain ORDER BY epoch, seq) AS before
FROM wangge.{} WHERE seq IS NOT NULL) x WHERE at < before - interval '2 seconds'"""
OUTSIDE = "SELECT count(*) FROM {} WHERE {} NOT BETWEEN '{}' AND clock_timestamp()"
TIMES = (
    ("wangge.ledger_entry", "at"),
    ("wangge.read_log", "at"),
    ("casework.case", "created_at"),
    ("wangge.outbox", "created_at"),
)


class Moved(Served):
    """A served city whose wall clock can be moved, that of its database and object storage aside."""

    def __init__(self, home: Path, library: Path) -> None:
        self.clock = home.with_name(f"{home.name}.clock")
        self.move(0)
        super().__init__(home, LD_PRELOAD=str(library), MOVED_CLOCK=str(self.clock))

    def move(self, seconds: int) -> None:
        """Ahead by so many seconds from now on; behind where they are negative."""
        self.clock.write_text(str(seconds))


@pytest.fixture
def moved(service_home: Path, tmp_path: Path) -> Iterator[Moved]:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("a C compiler is needed to move a process's clock")
    library = tmp_path / "moved_clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE), "-ldl"], check=True)
    made = Moved(service_home, library)
    try:
        made.start()
        yield made
    finally:
        made.destroy()
        shutil.rmtree(service_home / "keys", ignore_errors=True)


async def _ask(served: Served, login: str, **variables: object) -> httpx.Response:
    async with served.client(login) as client:
        return await client.post("/graphql", json={"query": PAGE, "variables": variables})


@pytest.mark.parametrize("seconds", [3600, -3600])
async def test_tokens_sessions_cursors_and_the_order_of_the_books_follow_the_database(
    moved: Moved, seconds: int
) -> None:
    moved.sql(SOON.format("10 minutes", ENDS_SOON))
    moved.sql(SOON.format("-10 minutes", ENDED))
    ((began,),) = moved.sql("SELECT clock_timestamp()")
    stream = Stream(moved)
    await stream.open()
    async with httpx.AsyncClient(base_url=moved.url, timeout=60) as browser:
        given = {"login": OFFICER, "password": moved.accounts()[OFFICER]["password"]}
        assert (await browser.post("/session", json=given)).status_code == 200
        first = (await _ask(moved, OFFICER)).json()["data"]["incidents"]
        for step in (0, seconds, 0):
            moved.move(step)
            async with moved.client() as client:
                for number in range(1, 5):
                    assert await stream.write(client, number)
            assert (await browser.post("/graphql", json={"query": PERSONS})).status_code in (200, 403)
            assert (await browser.get("/session")).status_code == 200
            assert (await _ask(moved, ENDS_SOON)).status_code == 200
            assert (await _ask(moved, ENDED)).status_code == 401
            after = (await _ask(moved, OFFICER, after=first["pageInfo"]["endCursor"])).json()
            assert len(after["data"]["incidents"]["nodes"]) == 3
            async with moved.client("nanming-station") as client:
                assert (await client.post("/graphql", json={"query": PERSONS})).json()["data"]["persons"]["nodes"]
    assert len(stream.acknowledged) == 12
    stream.check()
    until(lambda: moved.sql("SELECT count(*) FROM wangge.read_log WHERE seq IS NULL") == [["0"]])
    for table, column in TIMES:
        where = f"{column} >= '{began}'" if table != "casework.case" else "description LIKE 'stream %'"
        late = moved.sql(
            f"SELECT count(*) FROM {table} WHERE {where} AND {column} > clock_timestamp() + interval '1 s'"
        )
        assert late == [["0"]], table
    early = OUTSIDE.format("casework.case", "created_at", began) + " AND description LIKE 'stream %'"
    assert moved.sql(early) == [["0"]]
    for book in ("ledger_entry", "read_log"):
        assert moved.sql(OUT_OF_ORDER.format(book)) == [["0"]], book
    verified = moved.run("audit", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


async def test_it_starts_and_signs_in_with_a_clock_that_is_wrong(moved: Moved) -> None:
    assert moved.end() == 0
    moved.move(-3600)
    moved.start()
    account = moved.accounts()[OFFICER]
    async with httpx.AsyncClient(base_url=moved.url, timeout=60) as browser:
        given = {"login": OFFICER, "password": account["password"]}
        answer = await browser.post("/session", json=given)
        assert answer.status_code == 200
        assert (await browser.get("/session")).status_code == 200
    assert (await _ask(moved, OFFICER)).status_code == 200
    cookie = next(iter(answer.headers.get_list("set-cookie")))
    assert dt.timedelta(0) < _life(cookie) <= dt.timedelta(days=1)


def _life(cookie: str) -> dt.timedelta:
    """The Max-Age of a cookie."""
    parts = dict(part.strip().partition("=")[::2] for part in cookie.split(";"))
    return dt.timedelta(seconds=int({name.lower(): value for name, value in parts.items()}["max-age"]))
