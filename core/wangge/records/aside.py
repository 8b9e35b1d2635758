"""Work on many rows that asks nothing of the database: in a thread, so that a worker goes on answering others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

MANY = 100
"""rows from which on it is worth a thread."""
T = TypeVar("T")


async def aside(rows: int, work: Callable[[], T]) -> T:
    """What `work` returns, made in a thread for many rows."""
    return await asyncio.to_thread(work) if rows >= MANY else work()
