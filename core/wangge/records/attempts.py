"""How a write is tried: in one transaction under fresh rights, again when it lost a race, and what a caller is told of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from ..audit.entries import append
from ..errors import Denied, Invalid
from ..policy.scope import Scope
from .calls import Call, fault_of, lost_a_race
from .draft import Draft, Order, Refused
from .inputs import quick_id
from .kit import Kit
from .outcome import Outcome
from .repeats import Repeat, Repeats
from .storing import IN_FORCE, check_fresh
from .usage import PER_HOUR, allows, too_often

MAX_ROWS = 10_000
"""rows that one call writes, nested ones included."""


class Overdrawn(Exception):
    """An answer would tell more of sealed keys than the caller may learn in an hour: nothing is stored."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__("more than may be told")
        self.outcome = outcome


class Attempts:
    """What every write of the one door goes through."""

    kit: Kit

    async def _call(
        self,
        scope: Scope,
        entity: str,
        order: Order,
        repeat: Repeat | None,
        given: Any,
        count: int,
        work: Callable[[Any, Sequence[int], Order], Awaitable[Sequence[Draft]]],
    ) -> Outcome:
        """One call in its transaction; rows that an earlier call of the same key stored are left as they are."""
        repeats = Repeats(self.kit, scope, repeat, given) if repeat is not None else None
        async with self._transaction(order) as connection:
            await check_fresh(connection, scope)
            if count > 1:  # it takes long: what is sealed now may be read when the old key is gone
                self.kit.keys.expect(await connection.fetchval(IN_FORCE))
            known = await repeats.begin(connection) if repeats is not None else ()
            done = {n: row for n, row in enumerate(known) if row is not None}
            left = [n for n in range(count) if n not in done]
            made = await Call(self.kit, connection, order, partial(work, connection)).run(left)
            done |= {n: row for n, row in zip(left, made.ids, strict=True) if row is not None}
            ids: Any = tuple(done.get(n) for n in range(count))
            if not any(ids):
                raise Refused(msgspec.structs.replace(made, ids=()))
            if not await self._counted(connection, scope, entity, made):
                raise Overdrawn(made)
            if repeats is not None:
                await repeats.end(connection, ids)
        return Outcome(ids, made.errors, made.warnings)

    @asynccontextmanager
    async def _transaction(self, order: Order) -> AsyncIterator[Any]:
        """A transaction; a key that the database refuses is a fault of the one row that is written."""
        try:
            async with self.kit.pool.transaction() as connection:
                yield connection
        except Exception as error:
            told = self._told(error, order)
            if told is error:
                raise
            raise told from error

    @staticmethod
    def _check_count(count: int) -> None:
        """Raises Invalid for more rows than one call takes."""
        if count > MAX_ROWS:
            raise Invalid("limit.rows_written", f"one call writes at most {MAX_ROWS} rows", limit=MAX_ROWS, count=count)

    async def _in_transaction(
        self,
        scope: Scope,
        order: Order,
        entity: str,
        action: str,
        row: UUID | str,
        work: Callable[[Any], Awaitable[UUID]],
        repeat: Repeat | None = None,
        given: Any = None,
    ) -> Outcome:
        """Run a change of one row: fresh rights first, everything or nothing; with a key that was used already, nothing."""

        async def attempt() -> Outcome:
            repeats = Repeats(self.kit, scope, repeat, [entity, str(row), given]) if repeat is not None else None
            async with self._transaction(order) as connection:
                await check_fresh(connection, scope)
                known = await repeats.begin(connection) if repeats is not None else ()
                if known and known[0] is not None:
                    return Outcome((known[0],))
                ids = (await work(connection),)
                if repeats is not None:
                    await repeats.end(connection, ids)
            return Outcome(ids)

        return await self._answer(scope, entity, action, row, attempt)

    async def _counted(self, connection: Any, scope: Scope, entity: str, made: Outcome) -> bool:
        """Count what an answer tells of sealed keys as `match` does, and enter it; False when it may not be told any more.

        Rows that stand for themselves use the hour up then (core/decisions/0014).
        """
        if not made.tried and not made.held:
            return True
        number, why = made.tried + made.held, "refused" if made.tried else "held"
        district = scope.home_district
        await append(connection, scope.actor, "match", entity=entity, district=district, reason=why, row_count=number)
        over = PER_HOUR["match"] if made.alone else 1
        return await allows(connection, scope.actor.account, "match", made.tried, over)

    def _told(self, error: Exception, order: Order) -> Exception:
        """What the caller is told when the database refuses a key of one row; every other error is itself."""
        fault = fault_of(error)
        return error if fault is None else Refused(Outcome((), (self.kit.error(0, fault, order.language),)))

    async def _answer(
        self, scope: Scope, entity: str, action: str, row: UUID | str | None, attempt: Callable[[], Awaitable[Outcome]]
    ) -> Outcome:
        """The Outcome of a write; one that lost a race is tried again, one that is denied stands in the ledger."""
        for last in (False, False, True):
            try:
                return await attempt()
            except (Refused, Overdrawn) as ended:
                if ended.outcome.tried or ended.outcome.held:
                    async with self.kit.pool.transaction() as connection:
                        allowed = await self._counted(connection, scope, entity, ended.outcome)
                    if not allowed or isinstance(ended, Overdrawn):
                        raise too_often("match") from None
                return ended.outcome
            except Denied as denied:
                known = entity if entity in self.kit.model.entities else "wangge"
                target = row if isinstance(row, UUID) else _id_or_none(row)
                await append(
                    self.kit.pool, scope.actor, f"denied:{action}", entity=known, row=target, reason=denied.code
                )
                raise
            except Exception as error:
                if last or not lost_a_race(error):
                    raise
        raise AssertionError("unreachable")


def row_id(given: UUID | str) -> UUID:
    """The id of a row; what is no id names no row. Raises Denied."""
    try:
        return given if isinstance(given, UUID) else UUID(given)
    except ValueError:
        raise Denied("row.unknown", "there is no such record for the caller") from None


def _id_or_none(given: str | None) -> UUID | None:
    """The id that was asked for, None for what is no id."""
    found = quick_id(given)
    return found if isinstance(found, UUID) else None
