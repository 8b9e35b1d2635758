"""The one process that gives committed changes their positions and links the ledger, elected by an advisory lock.

Writers never take numbers and never notify: the order of commits is only known afterwards (DESIGN.md 7, Positions).
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import structlog

from ..audit.entries import BOOKS
from ..audit.linker import Linker
from ..crypto import Keys
from ..errors import Unavailable
from ..store.connection import LOST, connect
from ..store.database import Database
from .positions import CHANNEL, CURRENT

log = structlog.get_logger("wangge.sequencer")
LOCK = 7146003
POLL = 0.02
"""seconds between two looks while there is nothing to do."""
ELECT = 1.0
"""seconds between two tries to become the one."""
MAINTAIN = 1800.0
"""seconds between two looks at the partitions."""
BATCH = 5000
WORK = (
    "SELECT EXISTS (SELECT 1 FROM wangge.outbox WHERE position IS NULL) AS events, "
    "EXISTS (SELECT 1 FROM wangge.ledger_entry WHERE seq IS NULL) "
    "OR EXISTS (SELECT 1 FROM wangge.read_log WHERE seq IS NULL) AS entries"
)
STAMP = """
WITH b AS MATERIALIZED (
  SELECT id, created_at, row_id, revision,
    row_number() OVER (ORDER BY created_at, id) AS n,
    row_number() OVER (PARTITION BY coalesce(row_id, id) ORDER BY created_at, id) AS k
  FROM (SELECT id, created_at, row_id, revision FROM wangge.outbox WHERE position IS NULL ORDER BY created_at, id LIMIT $3) u
), r AS (
  SELECT id, created_at, row_id, row_number() OVER (PARTITION BY coalesce(row_id, id) ORDER BY revision, created_at, id) AS k
  FROM b
), s AS MATERIALIZED (
  SELECT r.id, r.created_at, b.n FROM r JOIN b ON coalesce(b.row_id, b.id) = coalesce(r.row_id, r.id) AND b.k = r.k
), u AS (
  UPDATE wangge.outbox o SET position = $2 + s.n, epoch = $1 FROM s
  WHERE o.position IS NULL AND o.created_at = s.created_at AND o.id = s.id RETURNING 1
)
SELECT count(*) FROM u
"""
"""Gives a batch its positions: by time, and per row by revision."""
ADVANCE = "UPDATE wangge.position SET value = $2 WHERE epoch = $1"


class Sequencer:
    """One per process; the elected one works, the others wait. It has a connection of its own as wangge_sealer."""

    def __init__(self, database: Database, keys: Keys) -> None:
        self._database = database
        self._linkers = [Linker(keys, book) for book in BOOKS]
        self._maintained = float("-inf")
        self._task: asyncio.Task[None] | None = None
        self.elected = False
        """whether this is the one at the moment."""

    async def open(self) -> None:
        """Begin in the background."""
        self._task = asyncio.create_task(self.run(), name="wangge-sequencer")

    async def close(self) -> None:
        """Stop; a batch that is half done is rolled back and done by the next one that is elected."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def run(self) -> None:
        """Be elected, work, and begin again when the database was lost."""
        while True:
            try:
                connection = await connect(self._database, "sealer")
            except (Unavailable, *LOST):
                await asyncio.sleep(ELECT)
                continue
            try:
                await self._serve(connection)
            except (Unavailable, *LOST) as error:
                log.warning("sequencer_lost_database", error=type(error).__name__)
            except Exception as error:
                log.error("sequencer_failed", error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(ELECT)
            finally:
                self.elected = False
                connection.terminate()
            await asyncio.sleep(POLL)

    async def _serve(self, connection: Any) -> None:
        """Wait for the lock, then look for work until the connection is lost."""
        while not self.elected:
            self.elected = await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK)
            if not self.elected:
                await asyncio.sleep(ELECT)
        while True:
            if time.monotonic() - self._maintained > MAINTAIN:
                await connection.execute("SELECT wangge.ensure_partitions()")
                self._maintained = time.monotonic()
            if not await self.step(connection):
                await asyncio.sleep(POLL)

    async def step(self, connection: Any) -> bool:
        """One batch of positions and one of links; whether there was anything to do."""
        work = await connection.fetchrow(WORK)
        if work["events"]:
            await self._stamp(connection)
        if work["entries"]:
            epoch = (await connection.fetchrow(CURRENT))["epoch"]
            for linker in self._linkers:
                await linker.link(connection, epoch)
        return bool(work["events"] or work["entries"])

    async def _stamp(self, connection: Any) -> None:
        """Give the next batch its positions and say so once, in one transaction."""
        async with connection.transaction():
            row = await connection.fetchrow(CURRENT)
            epoch, value = row["epoch"], row["value"]
            value += await connection.fetchval(STAMP, epoch, value, BATCH)
            await connection.execute(ADVANCE, epoch, value)
            await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, f"{epoch}.{value}")
