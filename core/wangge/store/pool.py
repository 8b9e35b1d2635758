"""A pool of connections that costs a query nothing: no reset on release, so a connection must be left as it was found.

Nothing may be SET on a pooled connection outside a transaction (use SET LOCAL), and no temporary table may outlive one
(use ON COMMIT DROP). A connection that was lost, cancelled or left inside a transaction is closed, never handed on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, Self, TypeAlias, cast

import asyncpg

from ..errors import Unavailable
from .connection import LOST, connect, unavailable
from .database import Database, Role

Isolation = Literal["read_committed", "repeatable_read", "serializable"]
Connection: TypeAlias = asyncpg.Connection

QUEUE_SECONDS = 10.0
"""How long a caller waits for a free connection."""
_CLOSE_SECONDS = 2.0


class Pool:
    """At most `size` connections as `role`, opened when needed; belongs to one event loop."""

    def __init__(
        self, database: Database, role: Role = "app", size: int = 8, *, statement_timeout: float | None = None
    ) -> None:
        """`statement_timeout` in seconds, None for no limit."""
        self.database = database
        self.role: Role = role
        self.size = size
        self._statement_timeout = statement_timeout
        self._free: list[Connection] = []
        self._slots = asyncio.Semaphore(size)
        self._closing: set[asyncio.Task[None]] = set()
        self._open = False

    async def open(self) -> None:
        """Connect once, so that a wrong address fails now. Raises `Unavailable`."""
        self._open = True
        async with self.connection():
            pass

    async def close(self) -> None:
        """Close every connection that is free; those in use are closed when they come back."""
        self._open = False
        free, self._free = self._free, []
        for connection in free:
            self._discard(connection)
        while self._closing:
            await asyncio.wait(self._closing)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection in autocommit. Raises `Unavailable` when there is none, or when it is lost meanwhile."""
        connection = await self._take()
        try:
            yield connection
        except BaseException as error:
            self._give(connection, sound=isinstance(error, Exception))
            if _was_lost(connection, error):
                raise unavailable(error) from error
            raise
        self._give(connection, sound=True)

    @asynccontextmanager
    async def transaction(
        self, isolation: Isolation | None = None, readonly: bool = False
    ) -> AsyncIterator[Connection]:
        """A connection inside a transaction, committed at the end of the block, rolled back when it raises.

        Raises `Unavailable`; with code `database.outcome_unknown` when the connection was lost during the commit.
        """
        async with self.connection() as connection:
            transaction = connection.transaction(isolation=isolation, readonly=readonly)
            await transaction.start()
            try:
                yield connection
            except Exception:
                if not connection.is_closed():
                    await transaction.rollback()
                raise
            try:
                await transaction.commit()
            except LOST as error:
                raise Unavailable(
                    "database.outcome_unknown", "the database was lost during the commit: read before you repeat"
                ) from error

    async def fetch_json(self, sql: str, args: Sequence[Any] = ()) -> bytes | None:
        """The one value (a `json`) of the one row as the bytes that the server sent; None for NULL or no row."""
        return cast(bytes | None, await self.fetchval(sql, *args))

    async def fetchval(self, sql: str, *args: Any) -> Any:
        """The first value of the first row, None when there is no row."""
        connection = await self._take()
        try:
            value = await connection.fetchval(sql, *args)
        except BaseException as error:
            self._give(connection, sound=isinstance(error, Exception))
            if _was_lost(connection, error):
                raise unavailable(error) from error
            raise
        self._give(connection, sound=True)
        return value

    async def fetchrow(self, sql: str, *args: Any) -> asyncpg.Record | None:
        """The first row, None when there is none."""
        async with self.connection() as connection:
            return await connection.fetchrow(sql, *args)

    async def fetch(self, sql: str, *args: Any) -> list[asyncpg.Record]:
        """All rows."""
        async with self.connection() as connection:
            return cast(list[asyncpg.Record], await connection.fetch(sql, *args))

    async def execute(self, sql: str, *args: Any) -> str:
        """Run a statement (several without `args`); the command's tag, such as "UPDATE 3"."""
        async with self.connection() as connection:
            return cast(str, await connection.execute(sql, *args))

    async def _take(self) -> Connection:
        if not self._open:
            raise Unavailable("database.closed", "the pool of database connections is not open")
        if self._slots.locked():
            try:
                async with asyncio.timeout(QUEUE_SECONDS):
                    await self._slots.acquire()
            except TimeoutError:
                raise Unavailable(
                    "database.busy", f"no database connection became free within {QUEUE_SECONDS:.0f} s: try again later"
                ) from None
        else:
            await self._slots.acquire()
        while self._free:
            connection = self._free.pop()
            if not connection.is_closed():
                return connection
        try:
            return await connect(self.database, self.role, statement_timeout=self._statement_timeout)
        except BaseException:
            self._slots.release()
            raise

    def _give(self, connection: Connection, *, sound: bool) -> None:
        """Take a connection back, or close it when the next user could not rely on it."""
        if not connection.is_closed():
            if sound and self._open and not connection.is_in_transaction():
                self._free.append(connection)
            else:
                self._discard(connection)
        self._slots.release()

    def _discard(self, connection: Connection) -> None:
        task = asyncio.get_running_loop().create_task(_close(connection))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _was_lost(connection: Connection, error: BaseException) -> bool:
    """Whether the error means that the server went away, and not that the caller's block or statement is wrong."""
    if isinstance(error, OSError | asyncpg.InterfaceError):
        return bool(connection.is_closed())
    return isinstance(error, LOST)


async def _close(connection: Connection) -> None:
    """Say good-bye to the server, which first cancels what still runs; cut the line when it does not answer."""
    try:
        await connection.close(timeout=_CLOSE_SECONDS)
    except (*LOST, asyncpg.PostgresError, TimeoutError):
        connection.terminate()
