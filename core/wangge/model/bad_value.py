"""The one exception of a value that is not of its field's kind."""

from __future__ import annotations

from typing import Any

from .kind_messages import sentence


class BadValue(ValueError):
    """A wire value that a field refuses: a code of `kind_messages`, facts, and the path inside the value."""

    def __init__(self, code: str, facts: dict[str, Any] | None = None, path: tuple[str | int, ...] = ()) -> None:
        self.code = code
        self.facts = facts or {}
        self.path = path
        super().__init__(sentence(code, self.facts))
