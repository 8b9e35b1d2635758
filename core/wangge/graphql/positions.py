"""Positions as callers hold them: sealed like cursors, for one account, with a digest of the rights that they were made under."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from ..crypto import Keys, digest
from ..errors import Conflict, Invalid
from ..policy.scope import Scope
from . import cursors

BINDING = "position"


class Place(msgspec.Struct, frozen=True):
    """After which change: its position, and, in a loaded batch or among the stored rows, its row."""

    epoch: int
    value: int
    row: UUID | None = None
    stored: bool = False
    """the rows that were there at the position are still being told."""


def rights_of(scope: Scope) -> str:
    """What tells the rights of a caller apart from others, or from those of another day."""
    return digest(msgspec.json.encode((scope.shape.key, scope.slots, scope.actor.person))).hex()[:16]


def seal(keys: Keys, scope: Scope, rights: str, place: Place) -> str:
    """A position as text."""
    row = str(place.row) if place.row is not None else None
    values = [place.epoch, place.value, row, place.stored, rights]
    return cursors.seal(keys, str(scope.actor.account), BINDING, values)


def open_position(keys: Keys, scope: Scope, text: Any) -> tuple[Place, str]:
    """(place, the rights it was made under); raises Invalid `position.invalid` for what is no position of the account."""
    try:
        epoch, value, row, stored, rights = cursors.open_cursor(keys, str(scope.actor.account), BINDING, text, 5)
    except Invalid:
        raise Invalid(
            "position.invalid", "this position was not given to this account: begin again without `after`"
        ) from None
    return Place(epoch, value, UUID(row) if row else None, stored), rights


def check_kept(place: Place, head: dict[str, Any]) -> None:
    """Raises Conflict `position.expired` when changes after a place are not kept any more; `head` as feed.py says."""
    needed = place.value if place.row is not None and not place.stored else place.value + 1
    kept = head["oldest"] is not None and head["oldest"] <= needed
    if place.epoch != head["epoch"] or place.value > head["value"] or (needed <= head["value"] and not kept):
        raise expired()


def expired() -> Conflict:
    """The answer to a position whose changes are gone, or of a database that was restored since."""
    return Conflict(
        "position.expired", "the changes since this position are not kept any more: begin again without `after`"
    )
