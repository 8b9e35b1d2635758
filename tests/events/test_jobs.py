"""Jobs: there with the commit of who wants them, done at least once, taken over from the dead, nightly ones once a night."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from tests.bootstrapped import run_bootstrap
from tests.city import eventually
from wangge.events.jobs import Jobs, enqueue, enqueue_nightly, install, queries
from wangge.store.connection import connect
from wangge.store.database import Database

QUEUED = "SELECT count(*) FROM jobs.pgqueuer"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def queue(empty_database: Database) -> AsyncIterator[Database]:
    """A database with a queue."""
    await run_bootstrap(empty_database)
    first, second = [await connect(empty_database, "app") for _ in range(2)]
    await asyncio.gather(install(first), install(second))
    await first.close()
    await second.close()
    yield empty_database


@pytest_asyncio.fixture(loop_scope="module")
async def app(queue: Database) -> AsyncIterator[Any]:
    """A connection of the role that serves."""
    connection = await connect(queue, "app")
    await connection.execute("DELETE FROM jobs.pgqueuer")
    yield connection
    await connection.close()


class Heard:
    """What a handler was given."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []

    async def __call__(self, payload: bytes) -> None:
        self.payloads.append(payload)


async def test_a_job_is_there_with_its_change_and_gone_with_a_rollback(queue: Database, app: Any) -> None:
    change = app.transaction()
    await change.start()
    await enqueue(app, "greet", b"never")
    await change.rollback()
    assert await app.fetchval(QUEUED) == 0
    async with app.transaction():
        await enqueue(app, "greet", b"hello")
    heard = Heard()
    jobs = Jobs(queue, {"greet": heard}, poll=0.05)
    await jobs.open()

    async def done() -> bool:
        return bool(await app.fetchval(QUEUED) == 0)

    await eventually(done)
    await jobs.close()
    assert heard.payloads == [b"hello"]


async def test_the_queue_notifies_nobody(app: Any) -> None:
    triggers = "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'jobs.pgqueuer'::regclass AND NOT tgisinternal"
    assert await app.fetchval(triggers) == 0


async def test_a_job_that_fails_is_tried_again_later(queue: Database, app: Any) -> None:
    async def failing(_: bytes) -> None:
        raise ValueError("not today")

    async with app.transaction():
        await enqueue(app, "fail")
    assert await Jobs(queue, {"fail": failing}).step(app) is True
    row = await app.fetchrow("SELECT status::text, attempts, execute_after > now() AS later FROM jobs.pgqueuer")
    assert tuple(row) == ("queued", 1, True)
    assert await Jobs(queue, {"fail": failing}).step(app) is False


async def test_a_job_of_a_dead_process_is_taken_over(queue: Database, app: Any) -> None:
    hanging, heard = asyncio.Event(), Heard()

    async def hang(_: bytes) -> None:
        hanging.set()
        await asyncio.Event().wait()

    async with app.transaction():
        await enqueue(app, "long", b"1")
    dead = Jobs(queue, {"long": hang}, poll=0.05)
    await dead.open()
    await hanging.wait()
    assert await Jobs(queue, {"long": heard}).step(app) is False
    await dead.close()
    await app.execute("UPDATE jobs.pgqueuer SET heartbeat = now() - interval '1 hour'")
    assert await Jobs(queue, {"long": heard}).step(app) is True
    assert heard.payloads == [b"1"]


async def test_a_nightly_job_is_queued_once_a_night_and_only_at_night(app: Any) -> None:
    def at(text: str) -> dt.datetime:
        return dt.datetime.fromisoformat(f"2026-11-{text}+08:00")

    asked = ["25T01:59:00", "25T02:00:00", "25T03:00:00", "25T05:01:00", "26T04:00:00"]
    assert [await enqueue_nightly(app, "night", at(moment)) for moment in asked] == [False, True, False, False, True]
    assert await app.fetchval(QUEUED) == 2


async def test_what_no_handler_knows_stays(queue: Database, app: Any) -> None:
    async with app.transaction():
        await enqueue(app, "unknown")
    assert await Jobs(queue, {"greet": Heard()}).step(app) is False
    assert [s.entrypoint for s in await queries(app).queue_size()] == ["unknown"]
