"""Run compiled statements for a caller: what they show is recorded, what they reveal or match stands in the ledger first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec

from ..audit.entries import append
from ..audit.reads import Reading, Reads, record
from ..crypto import Keys
from ..errors import Denied, Invalid
from ..files.links import Bearer, Holder, Links
from ..model.sealed import use_of
from ..policy.scope import Scope
from ..records.storing import check_fresh
from ..records.usage import use
from ..sql.ast import Match, Noted, Statement
from ..sql.marks import Function, resolve
from . import cursors

REVEALED_AT_ONCE = 50
"""rows that one root field may reveal."""


class Why(msgspec.Struct, frozen=True):
    """What read records and the ledger say of a request: the root field, its purpose, the digest of its document."""

    root: str
    purpose: str | None
    document: str
    reveals: bool = True
    """whether the request may reveal: a query that came by POST."""
    bearer: Bearer | None = None
    """for whom links to files are made; None: there are none (a preview)."""


class Reader:
    """Runs statements; `functions` are the batch functions of computed fields."""

    def __init__(
        self, pool: Any, keys: Keys, reads: Reads, functions: dict[str, Function], now: Callable[[], dt.datetime]
    ) -> None:
        """`now` tells the time in the database."""
        self._pool = pool
        self._links = Links(keys, now)
        self._keys = keys
        self._reads = reads
        self._functions = functions

    async def fetch(self, connection: Any, statement: Statement, scope: Scope, params: list[Any], why: Why) -> bytes:
        """The JSON text of one statement, its marks resolved; on the pool when `connection` is None.

        Raises Denied, Invalid or Throttled for a reveal or match that is not allowed, StaleScope when the rights of a
        reveal changed meanwhile, Unavailable when the read cannot be recorded.
        """
        for match in statement.matches:
            if tried := match.values(params):
                await self._matched(scope, match, tried, why)
        if statement.reveals:
            body = await self._reveal(statement, scope, [*params, why.purpose, why.document], why)
        elif statement.noted:
            self._reads.check()
            row = await (connection or self._pool).fetchrow(statement.sql, *statement.bind(scope, params))
            body = self._recorded(row, statement, scope, why)
        else:
            body = await (connection or self._pool).fetchval(statement.sql, *statement.bind(scope, params))
        return self.resolved(body, scope, marks=statement.marks, why=why)

    def resolved(self, body: bytes | None, scope: Scope, *, marks: bool, why: Why | None = None) -> bytes:
        """The answer's bytes: cursors sealed, batch fields computed, revealed cells opened, links made where `why` says for whom."""
        if body is None:
            return b"null"
        if not marks:
            return bytes(body)
        account = str(scope.actor.account)
        seal = lambda binding, values: cursors.seal(self._keys, account, binding, values)  # noqa: E731 (one line says it)

        def linked(entity: str, field: str, row: str, file: str, small: bool) -> str | None:
            if why is None or why.bearer is None:
                return None
            holder = Holder(entity, field, UUID(row), UUID(file))
            return self._links.make(holder, why.bearer, small=small, purpose=why.purpose)

        return resolve(bytes(body), seal, self._functions, self._opened, linked)

    def _opened(self, entity: str, path: str, stored: str, row: str) -> str:
        """The value of a sealed cell."""
        return self._keys.open(use_of(entity, path), bytes.fromhex(stored), UUID(row).bytes).decode()

    def _recorded(self, row: Any, statement: Statement, scope: Scope, why: Why) -> bytes | None:
        """The JSON text of a row with notes, once its read record is in the journal."""
        if row is None:
            return None
        self.record(scope, statement.noted, why, row["i"] or b"")
        body: bytes | None = row["j"]
        return body

    def check(self) -> None:
        """Raises Unavailable while reads cannot be recorded."""
        self._reads.check()

    def record(self, scope: Scope, noted: tuple[Noted, ...], why: Why, notes: bytes) -> None:
        """Put the read record of an answer's notes into the journal, where it needs one."""
        found = record(_reading(self._reads.now(), scope, noted, why), why.root, [_kind(n) for n in noted], notes)
        if found is not None:
            self._reads.add(found)

    async def _reveal(self, statement: Statement, scope: Scope, params: list[Any], why: Why) -> bytes | None:
        """Read, enter in the ledger, count, and commit before anything is answered."""
        if not why.reveals:
            raise Denied("reveal.not_here", "values are revealed by queries that come by POST only")
        if why.purpose is None:
            raise Invalid("reveal.needs_purpose", "name the purpose in the header Wangge-Purpose")
        self._reads.check()
        async with self._pool.transaction() as connection:
            await check_fresh(connection, scope)
            row = await connection.fetchrow(statement.sql, *statement.bind(scope, params))
            revealed = row["revealed"] if row is not None else 0
            if revealed > REVEALED_AT_ONCE:
                raise Invalid(
                    "reveal.too_many",
                    f"one field reveals at most {REVEALED_AT_ONCE} rows: ask for fewer",
                    limit=REVEALED_AT_ONCE,
                )
            await use(connection, scope.actor.account, "reveal", revealed)
        return self._recorded(row, statement, scope, why)

    async def _matched(self, scope: Scope, match: Match, values: int, why: Why) -> None:
        """Enter the use of `match` in the ledger and count it, before it is answered."""
        async with self._pool.transaction() as connection:
            await check_fresh(connection, scope)
            await append(
                connection, scope.actor, "match", entity=match.entity, district=scope.home_district, fields=[match.path],
                purpose=why.purpose, document=why.document,
            )  # fmt: skip
            await use(connection, scope.actor.account, "match", values)


def _kind(noted: Noted) -> tuple[str, tuple[str, ...]] | None:
    """What a read record says of a note; None for a reveal, of which the ledger speaks."""
    return None if noted.reveal else (noted.entity, noted.fields)


def _reading(at: dt.datetime, scope: Scope, noted: tuple[Noted, ...], why: Why) -> Reading:
    """The part of a read record that its request gives."""
    purposes = (why.purpose,) if why.purpose is not None else _purposes(scope, {n.entity for n in noted})
    return Reading(at, scope.actor, scope.home_district, scope.home_unit, purposes, why.document)


def _purposes(scope: Scope, entities: set[str]) -> tuple[str, ...]:
    """The purposes of the rules that let the rows be read, for a request that names none."""
    shapes = (scope.shape.entity(entity) for entity in entities)
    return tuple(sorted({purpose for shape in shapes if shape is not None for purpose in shape.purposes}))
