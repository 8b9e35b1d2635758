"""Requests a minute of each token or account (API.md 5), counted in this process: with n of them a caller may send n times as many.

A bucket holds a minute's requests and fills evenly, so a burst is allowed and nobody waits for the turn of a minute.
"""

from __future__ import annotations

import collections
import time
from collections.abc import Callable, Hashable

MINUTE = 60.0
KEPT = 50_000
"""callers whose buckets are kept; those who were longest away find a full one."""


class Rates:
    """The buckets of one process."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._left: collections.OrderedDict[Hashable, tuple[float, float]] = collections.OrderedDict()
        """caller -> (when it was looked at, requests that were left then)."""
        self._told: dict[Hashable, float] = {}

    def take(self, caller: Hashable, a_minute: int) -> float | None:
        """Take one request; the seconds to wait when there is none left."""
        now = self._now()
        at, left = self._left.pop(caller, (now, float(a_minute)))
        left = min(float(a_minute), left + (now - at) * a_minute / MINUTE)
        wait = None if left >= 1 else (1 - left) * MINUTE / a_minute
        self._left[caller] = (now, left - 1 if wait is None else left)
        if len(self._left) > KEPT:
            self._left.popitem(last=False)
        return wait

    def is_news(self, caller: Hashable) -> bool:
        """Whether nobody was told within a minute that a caller sends too much: then it is entered in the ledger."""
        now = self._now()
        if now - self._told.get(caller, -MINUTE) < MINUTE:
            return False
        if len(self._told) > KEPT:
            self._told.clear()
        self._told[caller] = now
        return True
