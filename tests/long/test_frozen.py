"""SECURITY.md 66: a database that stands still (SIGSTOP) takes nobody with it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.long.served import GRID, OFFICER, Served, Stream

pytestmark = pytest.mark.long
DEADLINE, CALLERS = 4, 40


@pytest.fixture
def served(service_home: Path) -> Iterator[Served]:
    """A city whose requests may take four seconds."""
    made = Served(service_home, WANGGE_REQUEST_SECONDS=str(DEADLINE), WANGGE_WORKERS="2")
    made.start()
    yield made
    made.destroy()


async def test_every_request_to_a_frozen_database_ends_by_its_deadline_and_all_heals(served: Served) -> None:
    stream = Stream(served)
    await stream.open()
    workers, database = served.children("wangge.worker"), served.postgres()
    for pid in database:
        os.kill(pid, signal.SIGSTOP)
    try:
        async with served.client(seconds=DEADLINE + 6) as client:
            reads = [client.post("/graphql", json={"query": GRID}) for _ in range(CALLERS)]
            writes = [stream.write(client, number) for number in range(1, CALLERS + 1)]
            signed = [client.post("/session", json={"login": OFFICER, "password": "x"}) for _ in range(3)]
            answers, decided, refused = await asyncio.gather(
                asyncio.gather(*reads), asyncio.gather(*writes), asyncio.gather(*signed)
            )
            ready, alive = await client.get("/readyz"), await client.get("/healthz")
        assert {answer.status_code for answer in (*answers, *refused)} == {503}
        assert {code(answer) for answer in answers} <= {
            "request.deadline",
            "policy.unconfirmed",
            "database.unavailable",
        }
        assert not any(decided)
        assert (ready.status_code, alive.status_code) == (503, 200)
        assert served.children("wangge.worker") == workers
    finally:
        for pid in database:
            os.kill(pid, signal.SIGCONT)
    served.wait(10)
    await stream.repeat()
    stream.check()
    assert served.children("wangge.worker") == workers
    assert set(served.postgres()[:1]) == set(database[:1])
    assert served.end() == 0


def code(answer: httpx.Response) -> str:
    """The code of a refusal."""
    return str(answer.json()["errors"][0]["extensions"]["code"])
