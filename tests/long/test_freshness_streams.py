"""SECURITY.md 20, 45, 46, 51: open subscriptions end, in every worker and within a second, when the right to them ends, while
changes that they were told of go on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from tests.identity.test_ended_writes import OWN
from tests.long.served import OFFICER, Served
from tests.long.test_freshness import (
    EACH,
    ENDINGS,
    LIKE,
    MODULE,
    ROLE,
    SECOND,
    WORKERS,
    Account,
    Ending,
    Load,
    hire,
    owner,
    served,
    switch_the_module_off,
    take_the_rules,
)
from wangge.identity.accounts import enable_module
from wangge.store.pool import Pool

__all__ = ["owner", "served"]  # fixtures
pytestmark = [pytest.mark.long, pytest.mark.asyncio(loop_scope="module")]
CHANGED = "subscription { incidentsChanged { kind id node { description } } }"
ENDS = ("auth.account_disabled", "subscription.rights_ended")


class Followed:
    """What one stream told, and when."""

    def __init__(self, worker: int) -> None:
        self.worker = worker
        self.told: list[float] = []
        self.begun = asyncio.Event()
        self.ended: float | None = None
        self.code = ""

    async def follow(self, client: httpx.AsyncClient) -> None:
        """Read until the server ends it."""
        headers = {"accept": "text/event-stream"}
        async with client.stream("POST", "/graphql", json={"query": CHANGED}, headers=headers) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data: {"):
                    self._take(json.loads(line.removeprefix("data: ")))
        self.ended = time.monotonic()
        await client.aclose()

    def _take(self, told: dict[str, object]) -> None:
        errors = told.get("errors")
        if isinstance(errors, list):
            self.code = errors[0]["extensions"]["code"]
        else:
            self.told.append(time.monotonic())
            self.begun.set()


@asynccontextmanager
async def followed(served: Served, account: Account) -> AsyncIterator[list[Followed]]:
    """Streams of an account from every worker, all of which tell of changes when the block begins, and until it ends."""
    load = Load(served, account)
    found = await load._connections()
    streams = [Followed(worker) for _, worker in found]
    tasks = [asyncio.create_task(one.follow(client)) for one, (client, _) in zip(streams, found, strict=True)]
    async with (
        served.client() as other,
        Load(served, Account(account.id, OFFICER, other.headers["authorization"][7:])).on(),
    ):
        async with asyncio.timeout(60):
            await asyncio.gather(*(one.begun.wait() for one in streams))
        yield streams
    for task in tasks:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("ending", ENDINGS)
async def test_streams_of_every_worker_end_within_a_second(served: Served, owner: Pool, ending: Ending) -> None:
    account = await hire(served, owner, OWN if ending is take_the_rules else ROLE)
    async with followed(served, account) as streams:
        async with owner.transaction() as connection:
            district = (await connection.fetchrow(LIKE, OFFICER))["district_id"]
            await ending(connection, account.id, district)
        since = time.monotonic()
        await asyncio.sleep(2 * SECOND)
    if ending is switch_the_module_off:
        async with owner.transaction() as connection:
            await enable_module(connection, MODULE, None)
    last = max(max(one.told) for one in streams) - since
    ends = [one.ended - since for one in streams if one.ended is not None]
    told = sum(len(one.told) for one in streams)
    print(
        f"{ending.__name__}: {told} changes told, the last after {last:.3f} s, streams ended after {max(ends):.3f} s at most"
    )
    assert {one.worker for one in streams} == {one.worker for one in streams if one.ended is not None}
    assert len(ends) == len(streams) == 2 * EACH * WORKERS
    assert max(last, *ends) < SECOND
    assert {one.code for one in streams} <= set(ENDS)
    assert all(one.code for one in streams)
