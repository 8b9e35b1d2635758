"""Durable jobs: put into the queue by the transaction that wants them, done at least once by whichever process is free.

The queue is pgqueuer's, in the schema `jobs`, without its trigger, which would notify at every change of a row. Workers poll.
A handler must bear being run again: a job whose process died is taken over once its heartbeat is old.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder
from pgqueuer.db import AsyncpgDriver
from pgqueuer.domain.settings import DBSettings
from pgqueuer.domain.types import QueueManagerId
from pgqueuer.queries import Queries

from ..errors import Unavailable
from ..store.connection import LOST, connect
from ..store.database import Database

log = structlog.get_logger("wangge.jobs")
POLL = 1.0
"""seconds between two looks while there is nothing to do."""
STALE = 30.0
"""seconds without a heartbeat after which another process takes a job."""
LOCK = 7146008
NIGHT = ("02:00", "05:00")
"""when nightly jobs are put into the queue, in Asia/Shanghai."""
TONIGHT = """INSERT INTO wangge.nightly (job, day)
SELECT $1, (coalesce($2, now()) AT TIME ZONE 'Asia/Shanghai')::date
WHERE (coalesce($2, now()) AT TIME ZONE 'Asia/Shanghai')::time BETWEEN $3::text::time AND $4::text::time
ON CONFLICT DO NOTHING RETURNING day"""
Handler = Callable[[bytes], Awaitable[None]]
"""Does one job: its payload."""


def queries(connection: Any) -> Queries:
    """pgqueuer's statements over one of our connections."""
    names = DBSettings(db_schema="jobs")
    return Queries(AsyncpgDriver(connection), qbe=QueryBuilderEnvironment(names), qbq=QueryQueueBuilder(names))


async def install(connection: Any) -> None:
    """Make the queue unless it is there."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        if await connection.fetchval("SELECT to_regclass('jobs.pgqueuer')") is not None:
            return
        made = queries(connection)
        await made.install(create_schema=False)
        names = made.qbe.settings
        await connection.execute(f"DROP TRIGGER {names.trigger} ON {names.qualified.queue_table}")


async def enqueue(connection: Any, job: str, payload: bytes = b"") -> None:
    """Put a job into the queue inside the transaction of `connection`: it is there when that commits."""
    await queries(connection).enqueue(job, payload)


async def enqueue_nightly(connection: Any, job: str, now: dt.datetime | None = None) -> bool:
    """Put a job into the queue once a night; whether this call did. `now` is for tests."""
    async with connection.transaction():
        if await connection.fetchval(TONIGHT, job, now, *NIGHT) is None:
            return False
        await enqueue(connection, job)
    return True


class Jobs:
    """The worker of one process, with a connection of its own."""

    def __init__(
        self,
        database: Database,
        handlers: Mapping[str, Handler],
        nightly: tuple[str, ...] = (),
        *,
        poll: float = POLL,
        stale: float = STALE,
    ) -> None:
        self._database = database
        self._handlers = handlers
        self._nightly = nightly
        self._poll = poll
        self._stale = dt.timedelta(seconds=stale)
        self._name = uuid.uuid4()
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin in the background."""
        self._task = asyncio.create_task(self.run(), name="wangge-jobs")

    async def close(self) -> None:
        """Stop; a job that is half done is done by another process."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def run(self) -> None:
        """Work, and begin again when the database was lost."""
        while True:
            try:
                connection = await connect(self._database, "app")
            except (Unavailable, *LOST):
                await asyncio.sleep(self._poll)
                continue
            try:
                await install(connection)
                while True:
                    if not await self.step(connection):
                        await asyncio.sleep(self._poll)
            except (Unavailable, *LOST) as error:
                log.warning("jobs_lost_database", error=type(error).__name__)
            except Exception as error:
                log.error("jobs_failed", error=f"{type(error).__name__}: {error}")
            finally:
                connection.terminate()
            await asyncio.sleep(self._poll)

    async def step(self, connection: Any) -> bool:
        """Look at the clock, take one job and do it; whether there was one."""
        for job in self._nightly:
            await enqueue_nightly(connection, job)
        made = queries(connection)
        known: Any = dict.fromkeys(self._handlers, _NO_LIMIT)
        taken = await made.dequeue(1, known, QueueManagerId(self._name), None, self._stale)
        for each in taken:
            await self._do(made, each)
        return bool(taken)

    async def _do(self, made: Queries, job: Any) -> None:
        """Do one job; one that fails is tried again, later each time."""
        beating = asyncio.create_task(self._beat(made, job))
        try:
            await self._handlers[job.entrypoint](job.payload or b"")
        except Exception as error:
            log.error("job_failed", job=job.entrypoint, attempt=job.attempts, error=f"{type(error).__name__}: {error}")
            await made.retry_job(job, dt.timedelta(minutes=min(2**job.attempts, 60)), None)
        else:
            await made.log_jobs([(job, "successful", None)])
        finally:
            beating.cancel()

    async def _beat(self, made: Queries, job: Any) -> None:
        """Say that the job is being done."""
        while True:
            await asyncio.sleep(self._stale.total_seconds() / 4)
            await made.update_heartbeat([job.id])


class _Limit:
    """How many of one kind may run at once: as many as there are processes."""

    concurrency_limit = 0


_NO_LIMIT = _Limit()
