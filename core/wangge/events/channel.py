"""What the sequencer says: that there are new positions. Whoever waits is woken; what is new is read from the outbox."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog

from ..errors import Unavailable
from ..store.connection import LOST, connect
from ..store.database import Database
from .positions import CHANNEL

log = structlog.get_logger("wangge.channel")
AGAIN = 0.5
"""seconds between two tries to listen."""


class Channel:
    """Listens on a connection of its own, as long as it is open; a notification that was missed is only a later wake."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._task: asyncio.Task[None] | None = None
        self._heard = asyncio.Event()

    def open(self) -> None:
        """Begin to listen, unless that has begun."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="wangge-channel")

    async def close(self) -> None:
        """Listen no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def wake(self) -> None:
        """Wake who waits, for another reason."""
        self._heard.set()

    async def wait(self, seconds: float) -> None:
        """Until there is something new, at most so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._heard.wait()
        except TimeoutError:
            pass
        self._heard.clear()

    async def _run(self) -> None:
        """Listen, and begin again when the database was lost."""
        while True:
            lost = asyncio.Event()
            try:
                connection = await connect(self._database, "app")
            except (Unavailable, *LOST):
                await asyncio.sleep(AGAIN)
                continue
            try:
                connection.add_termination_listener(lambda _, lost=lost: lost.set())
                await connection.add_listener(CHANNEL, self._hear)
                self.wake()
                await lost.wait()
            except LOST as error:
                log.warning("channel_lost_database", error=type(error).__name__)
            finally:
                connection.terminate()
            await asyncio.sleep(AGAIN)

    def _hear(self, *_: Any) -> None:
        self._heard.set()
