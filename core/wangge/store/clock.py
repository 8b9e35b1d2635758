"""The database's time, known between two questions: the clock of this machine may be wrong, or be moved while we run."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable

Now = Callable[[], dt.datetime]


def machine_time() -> dt.datetime:
    """The time by this machine's clock: for a command, which asks the database for nothing between two writes."""
    return dt.datetime.now(dt.UTC)


class DatabaseClock:
    """Counts on from the last time that the database told, by a clock that nobody can move."""

    def __init__(self) -> None:
        self._told = machine_time()
        self._at = time.monotonic()

    def set(self, told: dt.datetime) -> None:
        """Take over what the database just told."""
        self._told, self._at = told, time.monotonic()

    def now(self) -> dt.datetime:
        """The time in the database."""
        return self._told + dt.timedelta(seconds=time.monotonic() - self._at)
