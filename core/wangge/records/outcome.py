"""What a write answers: ids, errors of bad data, warnings that ask for a confirmation."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from ..errors import RequestError


class InputError(msgspec.Struct, frozen=True):
    """One thing wrong with one input, or, as a warning, one thing to confirm.

    `index` counts the inputs, `path` holds field ids and positions (`["phones", 0, "number"]`, [] for the whole row),
    `message` is in the caller's language.
    """

    index: int
    path: tuple[str | int, ...]
    code: str
    message: str
    facts: dict[str, Any] = {}


class Outcome(msgspec.Struct, frozen=True):
    """`ids` in the order of the inputs, () when nothing was stored; where each row stands for itself, None for one that is wrong."""

    ids: tuple[UUID, ...] = ()
    errors: tuple[InputError, ...] = ()
    warnings: tuple[InputError, ...] = ()
    tried: int = 0
    """sealed keys of rows that were not stored: the answer tells something of them (core/decisions/0014)."""
    held: int = 0
    """where each row stands for itself: sealed keys that rows in sight hold, of which the answer tells."""
    alone: bool = False
    """whether each row stood for itself."""


class StaleScope(RequestError):
    """The caller's rights changed since the Scope was built: build it again and try the write once more."""

    status = 503


class Fault(Exception):
    """Something is wrong with one input: turned into an `InputError` where the language is known."""

    def __init__(self, code: str, path: tuple[str | int, ...] = (), **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.path = path
        self.facts = facts
