"""Rows that are to be changed: locked under the caller's rights, with what is asked of each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from ..errors import Conflict, Denied
from ..policy.scope import NOTHING, Grant, Scope
from .draft import Draft
from .inputs import Parsed
from .kit import Kit
from .outcome import Fault
from .placing import Place
from .rows import EXACT

ERASED = "SELECT row_id FROM wangge.erased WHERE row_id = ANY($1::uuid[]) AND kind = 'erase'"
IMPLICIT = frozenset(("id", "revision", "createdAt", "updatedAt", "removedAt", "area", "district", "unit"))


class Locked:
    """A row that is locked for this transaction: its columns, its values, the grants that reach it."""

    def __init__(self, stored: Mapping[str, Any], values: dict[str, Any], grants: list[Grant]) -> None:
        self.stored = stored
        self.values = values
        self.grants = grants


class Asked(msgspec.Struct, frozen=True):
    """One change of one call."""

    index: int
    id: UUID
    patch: Mapping[str, Any] = {}
    if_revision: int | None = None


async def lock(
    kit: Kit, connection: Any, scope: Scope, entity: str, row: UUID, action: str, *, removed: bool | None = False
) -> Locked:
    """Lock a row that some grant of `action` reaches. Raises Denied for one that is missing, out of reach, or erased.

    So does one that is removed, or, with `removed`, one that is not; None takes both.
    """
    found = await lock_all(kit, connection, scope, entity, [row], action, removed=removed)
    if row not in found:
        raise Denied("row.unknown", "there is no such record for the caller")
    return found[row]


async def lock_all(
    kit: Kit,
    connection: Any,
    scope: Scope,
    entity: str,
    rows: Sequence[UUID],
    action: str,
    *,
    removed: bool | None = False,
) -> dict[UUID, Locked]:
    """Lock those of the rows that `lock` would lock, in the order of their ids. Raises Denied without the action."""
    grants = (scope.shape.entity(entity) or NOTHING).grants(action)
    if not grants or entity not in kit.model.entities:
        raise Denied("write.not_allowed", "the caller may not do this", entity=entity)
    guard = kit.guard(scope, entity, action, lock=True)
    found = await connection.fetch(guard.sql, *guard.bind(scope, [sorted(set(rows))]))
    answers = [EXACT.decode(row[0]) for row in found]
    gone = {UUID(answer["id"]): answer["row"].get("removed_at") is not None for answer in answers}
    erased = await _erased(connection, [row for row, away in gone.items() if away])
    left = [row for row, away in gone.items() if removed in (None, away) and row not in erased]
    kept = set(left)
    sheets = await kit.rows.sheets(connection, entity, left) if left else {}
    return {
        row: Locked(
            answer["row"],
            kit.rows.assemble(entity, answer["row"], sheets.get(row)),
            [grants[n] for n in answer["grants"]],
        )
        for answer in answers
        if (row := UUID(answer["id"])) in kept
    }


async def _erased(connection: Any, rows: Sequence[UUID]) -> set[UUID]:
    """Those of the rows of which only a stub is left."""
    return {row["row_id"] for row in await connection.fetch(ERASED, rows)} if rows else set()


def check_revision(locked: Locked, if_revision: int | None) -> None:
    """Raises Conflict when the row is not at the revision that the caller knows."""
    present = locked.stored["revision"]
    if if_revision is not None and if_revision != present:
        raise Conflict("row.changed", "another write came first: load the record again", revision=present)


def draft_of(entity: str, row: UUID, locked: Locked, parsed: Parsed, now: dt.datetime, index: int = 0) -> Draft:
    """The row as it is with what the caller changes."""
    fields = {k: v for k, v in locked.values.items() if k not in IMPLICIT}
    stored = locked.stored
    place = Place(
        UUID(stored["area_id"]) if stored.get("area_id") else None,
        stored.get("area_ord"),
        UUID(stored["district_id"]) if stored.get("district_id") else None,
        UUID(stored["unit_id"]) if stored.get("unit_id") else None,
        stored.get("unit_ord"),
    )
    return Draft(
        index=index,
        entity=entity,
        id=row,
        now=now,
        values={**fields, **parsed.values},
        given=parsed.given,
        named=frozenset(parsed.values),
        before=locked.values,
        place=place,
        faults=parsed.faults,
        warnings=[],
        flags=[],
    )


def located(entity: str, asked: Sequence[Asked], locked: Mapping[UUID, Locked], now: dt.datetime) -> list[Draft]:
    """The rows of a call as they are; one that is missing, or named twice, with a fault."""
    drafts: list[Draft] = []
    seen: set[UUID] = set()
    for one in asked:
        found = locked.get(one.id)
        fault = unfit(one, found, seen)
        if found is None or fault is not None:
            drafts.append(faulty(entity, one, fault, now))
        else:
            drafts.append(draft_of(entity, one.id, found, Parsed({}, {}, []), now, one.index))
        seen.add(one.id)
    return drafts


def unfit(asked: Asked, locked: Locked | None, seen: set[UUID]) -> Fault | None:
    """Why a row cannot be changed."""
    if locked is None:
        return Fault("row.unknown", ("id",))
    if asked.id in seen:
        return Fault("row.twice", ("id",))
    present = locked.stored["revision"]
    if asked.if_revision is not None and asked.if_revision != present:
        return Fault("row.changed", ("ifRevision",), revision=present)
    return None


def faulty(entity: str, asked: Asked, fault: Fault | None, now: dt.datetime) -> Draft:
    """A row that is not changed."""
    faults = [fault] if fault is not None else []
    return Draft(
        index=asked.index, entity=entity, id=asked.id, now=now, values={}, faults=faults, warnings=[], flags=[]
    )
