"""Positions `<epoch>.<n>`: gapless numbers of committed changes, from which every consumer resumes (DESIGN.md 7)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from ..errors import Conflict, Invalid

CHANNEL = "wangge_position"
"""What the sequencer notifies, once per batch, with the highest position."""
CURRENT = "SELECT epoch, value FROM wangge.position ORDER BY epoch DESC LIMIT 1"
OLDEST = "SELECT min(position) FROM wangge.outbox WHERE epoch = $1 AND position IS NOT NULL"
EVENTS = (
    "SELECT epoch, position, kind, entity, row_id, revision, area_id, area_ord, district_id, before, changed, batch_id "
    "FROM wangge.outbox WHERE epoch = $1 AND position > $2 AND position IS NOT NULL ORDER BY position LIMIT $3"
)


class Position(msgspec.Struct, frozen=True, order=True):
    """A place in the sequence of changes."""

    epoch: int
    value: int

    def __str__(self) -> str:
        return f"{self.epoch}.{self.value}"


class Event(msgspec.Struct, frozen=True):
    """One change as the outbox keeps it; the areas and `before` are those before the change."""

    position: Position
    kind: str
    entity: str
    row: UUID | None
    revision: int
    area: UUID | None
    area_ord: int | None
    district: UUID | None
    before: dict[str, Any] | None
    changed: tuple[str, ...]
    batch: UUID | None


def parse_position(text: str) -> Position:
    """Read `<epoch>.<n>`. Raises Invalid."""
    epoch, dot, value = text.partition(".")
    if not dot or not (epoch.isascii() and epoch.isdigit() and value.isascii() and value.isdigit() and len(text) < 40):
        raise Invalid("position.malformed", "a position is written like 1.42: take it from an earlier answer")
    return Position(int(epoch), int(value))


async def current(reader: Any) -> Position:
    """The highest position that was given."""
    row = await reader.fetchrow(CURRENT)
    return Position(row["epoch"], row["value"])


async def events_after(reader: Any, after: Position, first: int = 1000) -> list[Event]:
    """The next events in order. Raises Conflict `position.expired`: the position is too old, or of another epoch."""
    now = await current(reader)
    expired = after.epoch != now.epoch or after.value > now.value
    if not expired and after.value < now.value:
        oldest = await reader.fetchval(OLDEST, after.epoch)
        expired = oldest is None or oldest > after.value + 1
    if expired:
        raise Conflict(
            "position.expired", "the changes since this position are not kept any more: load everything again"
        )
    return [_event(row) for row in await reader.fetch(EVENTS, after.epoch, after.value, first)]


def _event(row: Any) -> Event:
    """A row of the outbox."""
    return Event(
        position=Position(row["epoch"], row["position"]),
        kind=row["kind"],
        entity=row["entity"],
        row=row["row_id"],
        revision=row["revision"],
        area=row["area_id"],
        area_ord=row["area_ord"],
        district=row["district_id"],
        before=row["before"],
        changed=tuple(row["changed"]),
        batch=row["batch_id"],
    )
