"""One call of many rows inside its transaction: all or nothing, or each row for itself (API.md 2)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import msgspec

from .creating import OfNoRow
from .draft import Draft, Order, Refused, problems
from .kit import Kit
from .outcome import Fault, InputError, Outcome

UNIQUE, EXCLUDED, DEADLOCK, FOREIGN = "23505", "23P01", "40P01", "23503"
_KEY = re.compile(r"Key \(([^)]*)\)=")
Work = Callable[[Sequence[int], Order], Awaitable[Sequence[Draft]]]
"""Writes the inputs of these indexes; a draft for each. Raises Refused when something stored has to be undone."""


class Call:
    """One call; the work on several rows is tried inside a savepoint, so that what it refuses leaves nothing."""

    def __init__(self, kit: Kit, connection: Any, order: Order, work: Work) -> None:
        self._kit = kit
        self._connection = connection
        self._order = order
        self._work = work
        self._ids: dict[int, UUID] = {}
        self._errors: list[InputError] = []
        self._warnings: list[InputError] = []
        self._tried = self._held = self._all = 0

    async def run(self, indexes: Sequence[int]) -> Outcome:
        """Write the inputs. `ids` of the Outcome has None for what was not stored. Raises Refused when nothing may be stored."""
        if len(indexes) == 1:
            self._take(await self._work(indexes, self._order))
        elif self._order.policy == "ALL_OR_NOTHING":
            try:
                await self._attempt(indexes, self._order)
            except Exception as error:
                unknown = isinstance(error, Refused) and error.inner and len(indexes) > 1
                if not unknown and fault_of(error) is None:
                    raise
                await self._each(indexes)  # which row it was, the database does not say
                if self._errors or self._warnings:
                    raise Refused(Outcome((), tuple(self._errors), tuple(self._warnings), self._all)) from None
        else:
            await self._each(indexes)
        ids: Any = tuple(self._ids.get(n) for n in indexes)
        by_index = lambda problem: problem.index  # noqa: E731 # a key of two sorts
        errors, warnings = sorted(self._errors, key=by_index), sorted(self._warnings, key=by_index)
        alone = self._order.policy == "PER_ROW"
        return Outcome(ids, tuple(errors), tuple(warnings), self._tried, self._held, alone=alone)

    async def _attempt(self, indexes: Sequence[int], order: Order) -> None:
        """Write these inputs in one piece."""
        async with self._connection.transaction():
            drafts = await self._work(indexes, order)
        self._take(drafts)

    def _take(self, drafts: Sequence[Draft]) -> None:
        """Note what became of each row."""
        problem = problems(self._kit, drafts, self._order)
        wrong = {one.index for one in (*problem.errors, *problem.warnings)}
        self._note(problem)
        self._held += sum(draft.held for draft in drafts if draft.index not in wrong)  # an answer names them
        self._all += sum(draft.tried for draft in drafts if draft.index not in wrong)
        self._ids |= {draft.index: draft.id for draft in drafts if draft.index not in wrong}

    def _note(self, problem: Outcome) -> None:
        """Keep what is wrong."""
        self._errors += problem.errors
        self._warnings += problem.warnings
        self._tried += problem.tried
        self._held += problem.held
        self._all += problem.tried + problem.held

    async def _each(self, indexes: Sequence[int]) -> None:
        """Write what is right: rows that are named as wrong are left out; a piece in which one is wrong is halved."""
        order = msgspec.structs.replace(self._order, policy="PER_ROW")
        pieces = [list(indexes)]
        while pieces:
            piece = pieces.pop()
            if not piece:
                continue
            try:
                await self._attempt(piece, order)
            except Exception as error:
                pieces += self._left(piece, error)

    def _left(self, piece: list[int], error: Exception) -> list[list[int]]:
        """What of a piece is to be tried again, the last first; what is wrong is noted. Raises an error that is no input's."""
        fault = fault_of(error)
        inner = isinstance(error, Refused) and error.inner
        if len(piece) > 1 and (fault is not None or inner or isinstance(error, OfNoRow)):
            middle = len(piece) // 2
            return [piece[middle:], piece[:middle]]
        if fault is not None:
            self._errors.append(self._kit.error(piece[0], fault, self._order.language))
            return []
        if not isinstance(error, Refused):
            raise error
        problem = error.outcome
        wrong = {one.index for one in (*problem.errors, *problem.warnings)}
        if inner:
            at = {"index": piece[0]}
            errors, warnings = (
                [msgspec.structs.replace(one, **at) for one in found] for found in (problem.errors, problem.warnings)
            )
            problem, wrong = (
                msgspec.structs.replace(problem, ids=(), errors=tuple(errors), warnings=tuple(warnings)),
                set(piece),
            )
        self._note(problem)
        return [[n for n in piece if n not in wrong]]


def fault_of(error: Exception) -> Fault | None:
    """What a caller is told when the database refuses a key; None for every other error."""
    state = getattr(error, "sqlstate", None)
    if state not in (UNIQUE, FOREIGN) or lost_a_race(error):
        return None
    path = key_of(error)
    return Fault("unique.taken", path) if state == UNIQUE else Fault("ref.unknown", path)


def key_of(error: Exception) -> tuple[str, ...]:
    """The path of the key of a violated constraint: its first column as a field id."""
    found = _KEY.search(getattr(error, "detail", None) or "")
    column = found[1].split(",")[0].strip(' "') if found else ""
    if getattr(error, "table_name", None) == "row_key":
        column = "id"
    head, *rest = column.split("_")
    field = head + "".join(part.capitalize() for part in rest)
    return (field,) if field else ()


def lost_a_race(error: Exception) -> bool:
    """Whether another transaction took a claim, an id or a lock first: the next try sees what it did."""
    if getattr(error, "sqlstate", None) == UNIQUE:
        return getattr(error, "constraint_name", None) == "claim_held" or key_of(error) == ("id",)
    return getattr(error, "sqlstate", None) in (EXCLUDED, DEADLOCK)
