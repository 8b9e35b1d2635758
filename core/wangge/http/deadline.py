"""The deadline of a request: what takes longer is ended with its statement, and the caller gets a sentence instead of silence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeAlias

from ..errors import Unavailable

Deadline: TypeAlias = Callable[[], AbstractAsyncContextManager[None]]
"""Makes the block in which a request is answered."""


def deadline_of(seconds: float) -> Deadline:
    """Blocks that may take so many seconds. A block that takes longer raises `Unavailable`.

    Its cancellation reaches the connection it waits for, which is closed: PostgreSQL ends the statement.
    """

    @asynccontextmanager
    async def within() -> AsyncIterator[None]:
        timeout = asyncio.timeout(seconds)
        try:
            async with timeout:
                yield
        except TimeoutError:
            if not timeout.expired():
                raise
            raise Unavailable(
                "request.deadline",
                f"the request took longer than {seconds:g} s and was ended: read before you repeat a write",
                seconds=int(seconds),
            ) from None

    return within
