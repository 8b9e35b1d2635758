"""Bounded memory of what was made: found again by its key, and what was used longest ago is forgotten first."""

from __future__ import annotations

import collections
from typing import Any


class Lru(collections.OrderedDict[Any, Any]):
    """A bounded mapping that forgets what was used longest ago."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def find(self, key: Any) -> Any:
        """The value, or None."""
        if key not in self:
            return None
        self.move_to_end(key)
        return self[key]

    def keep(self, key: Any, value: Any) -> None:
        """Add a value and forget the oldest beyond the limit."""
        self[key] = value
        while len(self) > self._limit:
            self.popitem(last=False)
