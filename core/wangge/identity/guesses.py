"""Wrong tokens by address, counted in this process: who guesses waits, and costs the database nothing meanwhile."""

from __future__ import annotations

import collections
import time
from collections.abc import Callable

from ..errors import Throttled

ALLOWED = 100
"""wrong tokens a minute; many people may sit behind one address."""
MINUTE = 60.0
KEPT = 10_000


class Guesses:
    """Counts wrong tokens."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._wrong: collections.OrderedDict[str, tuple[float, int]] = collections.OrderedDict()
        """address -> (when its minute began, wrong tokens since)."""

    def check(self, address: str) -> None:
        """Raises Throttled, in one way for right and wrong tokens, while too many from `address` were wrong."""
        began, count = self._wrong.get(address, (0.0, 0))
        left = began + MINUTE - self._now()
        if count >= ALLOWED and left > 0:
            wait = int(left) + 1
            raise Throttled("auth.too_many_tries", f"too many tries: wait {wait} seconds", retry_after=wait)

    def wrong(self, address: str) -> None:
        """One more."""
        now = self._now()
        began, count = self._wrong.pop(address, (now, 0))
        self._wrong[address] = (began, count + 1) if now < began + MINUTE else (now, 1)
        if len(self._wrong) > KEPT:
            self._wrong.popitem(last=False)
