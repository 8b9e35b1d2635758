"""What one subscription sends, between who makes it and who takes it: bounded, so that a slow reader costs nobody memory."""

from __future__ import annotations

import asyncio
import collections
from collections.abc import Callable

from ..errors import RequestError, Throttled

MOST_WAITING, MOST_BYTES = 500, 1_000_000
"""answers of one stream that wait for their reader: how many, and together how large."""


class Stream:
    """Answers `{"data": ...}` of one subscription, in order. `async for` takes them; it raises what ended the stream."""

    def __init__(self, left: Callable[[Stream], None]) -> None:
        """`left` is called once, when nobody reads any more or the stream ended."""
        self._left = left
        self._waiting: collections.deque[bytes] = collections.deque()
        self._bytes = 0
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._error: RequestError | None = None
        self.closed = False

    def put(self, answer: bytes) -> None:
        """Send an answer; a reader for whom too many wait already is told so and gets no more."""
        if self.closed:
            return
        self._waiting.append(answer)
        self._bytes += len(answer)
        if len(self._waiting) > MOST_WAITING or (self._bytes > MOST_BYTES and len(self._waiting) > 1):
            self.end(
                Throttled("subscription.too_slow", "changes come faster than they are read: subscribe again"),
                at_once=True,
            )
        elif 2 * len(self._waiting) > MOST_WAITING or 2 * self._bytes > MOST_BYTES:
            self._room.clear()
        self._news.set()

    @property
    def waiting(self) -> int:
        """How many answers wait for the reader."""
        return len(self._waiting)

    @property
    def has_room(self) -> bool:
        """Whether less than half of what may wait does."""
        return self._room.is_set()

    async def room(self) -> None:
        """Until less than half of what may wait does, for who can wait for the reader."""
        await self._room.wait()

    def end(self, error: RequestError | None = None, *, at_once: bool = False) -> None:
        """No more answers: `error` is told after those that wait, or in their place."""
        if self.closed:
            return
        self.closed = True
        self._error = error
        if at_once:
            self._waiting.clear()
        self._news.set()
        self._room.set()
        self._left(self)

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> bytes:
        while not self._waiting:
            if self.closed:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        answer = self._waiting.popleft()
        self._bytes -= len(answer)
        if 2 * len(self._waiting) <= MOST_WAITING and 2 * self._bytes <= MOST_BYTES:
            self._room.set()
        return answer
