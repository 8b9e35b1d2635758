"""Retention: rows whose time has come are anonymised or erased in batches, as named system work (DOMAIN.md 7, PIPL art. 19, 47).

Each batch is one transaction, and what was done is known by its rows: a run that was killed goes on where it was, and a
second run finds nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

import msgspec

from ..audit.entries import append
from ..model import names
from ..model.names import quote
from ..model.types import Field, Model, Retention
from ..sql.catalog import SYSTEM, UPPER_ONLY
from ..values import Actor, Origin
from .draft import Order
from .erasing import end
from .kit import Kit
from .statements import Tables

BATCH = 500
LOCK = 7146005
"""batches of two runs take turns."""
LOCAL = "($1::timestamptz AT TIME ZONE 'Asia/Shanghai')"
BEGIN = """INSERT INTO wangge.task (id, revision, created_at, updated_at, area_id, area_ord, kind, state, done)
SELECT uuidv7(), 1, now(), now(), a.id, a.ord, 'retention', 'RUNNING', 0 FROM (SELECT 1) x
LEFT JOIN wangge.area a ON a.parent IS NULL LIMIT 1 RETURNING id"""
RUNNING = "SELECT id FROM wangge.task WHERE kind = 'retention' AND state = 'RUNNING' ORDER BY id LIMIT 1"
ADVANCE = "UPDATE wangge.task SET done = done + $2, updated_at = now(), revision = revision + 1 WHERE id = $1"
FINISH = """UPDATE wangge.task SET state = 'DONE', total = done, message = left($2, 500), updated_at = now(),
revision = revision + 1 WHERE id = $1"""


class Due(msgspec.Struct, frozen=True):
    """The rows of one entity whose time has come: `after` in words, and their condition over `$1`, the moment of the run."""

    entity: str
    then: str
    after: str
    source: str
    condition: str


def due_of(model: Model, entity: str, tables: Tables) -> Due | None:
    """What is due of a concrete entity: its own retention, else that of what it is a kind of."""
    found = next((level.retention for level in tables.chain if level.retention is not None), None)
    if found is None or tables.entity.writes != "generated":
        return None
    joins = "".join(f" JOIN {names.table(level)} t{n} ON t{n}.id = t0.id" for n, level in enumerate(tables.chain) if n)
    source = f"{names.table(tables.chain[0])} t0{joins}"
    moment = _moment(tables, found)
    ended = f"NOT EXISTS (SELECT 1 FROM wangge.erased e WHERE e.row_id = t0.id AND e.kind IN ('erase', '{found.then}'))"
    condition = f"{moment} + interval '{found.keep}' <= {LOCAL} AND {ended}"
    return Due(entity, found.then, f"{found.keep} after {found.after}", source, condition)


def _moment(tables: Tables, found: Retention) -> str:
    """When the time begins, in Asia/Shanghai; a date of which only the year or month is known begins at its end."""
    if found.after in SYSTEM:
        level = len(tables.chain) - 1 if found.after in UPPER_ONLY else 0
        return f"(t{level}.{SYSTEM[found.after]} AT TIME ZONE 'Asia/Shanghai')"
    field: Field = tables.fields[found.after]
    column = f"t{tables.level(field)}.{quote(names.column(field))}"
    if field.kind == "datetime":
        return f"({column} AT TIME ZONE 'Asia/Shanghai')"
    if field.precision:
        precision = column[:-1] + '_precision"'
        return f"({column} + CASE {precision} WHEN 'year' THEN interval '1 year' WHEN 'month' THEN interval '1 month' ELSE interval '0' END)"
    return f"{column}::timestamp"


class Schedule:
    """The retention of all entities of one model."""

    def __init__(self, kit: Kit, origin: Origin = "platform") -> None:
        self._kit = kit
        self._origin = origin
        model = kit.model
        concrete = (name for name in sorted(model.entities) if not model.kinds_of(name))
        self.due = tuple(d for name in concrete if (d := due_of(model, name, kit.rows.tables(name))) is not None)

    async def counts(self, now: dt.datetime | None = None) -> dict[str, int]:
        """How many rows of which entity are due; nothing is changed."""
        at = now or dt.datetime.now(dt.UTC)
        return {
            due.entity: await self._kit.pool.fetchval(f"SELECT count(*) FROM {due.source} WHERE {due.condition}", at)
            for due in self.due
        }

    async def run(
        self,
        now: dt.datetime | None = None,
        *,
        batch: int = BATCH,
        progress: Callable[[str, int], None] | None = None,
    ) -> dict[str, int]:
        """End what is due; how many rows of each entity. `progress` is told (entity, rows so far)."""
        at, done = now or dt.datetime.now(dt.UTC), {}
        for due in self.due:
            done[due.entity] = await self._entity(due, at, batch, progress)
        await self._finish(done)
        return done

    async def _entity(self, due: Due, at: dt.datetime, batch: int, progress: Callable[[str, int], None] | None) -> int:
        """All rows of one entity, in order of their ids."""
        done, last = 0, UUID(int=0)
        while rows := await self._batch(due, at, batch, last):
            done, last = done + len(rows), rows[-1]
            if progress is not None:
                progress(due.entity, done)
        return done

    async def _batch(self, due: Due, at: dt.datetime, batch: int, last: UUID) -> list[UUID]:
        """One batch with its entries and the report, all or nothing."""
        sql = f"SELECT t0.id FROM {due.source} WHERE {due.condition} AND t0.id > $2 ORDER BY t0.id LIMIT $3 FOR UPDATE OF t0"
        actor = Actor("system", "retention", reason=f"retention: {due.then} {due.after}", origin=self._origin)
        async with self._kit.pool.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
            rows = [row[0] for row in await connection.fetch(sql, at, last, batch)]
            if rows:
                await end(self._kit, connection, due.entity, rows, actor, Order(), whole=due.then == "erase")
                task = await connection.fetchval(RUNNING) or await connection.fetchval(BEGIN)
                await connection.execute(ADVANCE, task, len(rows))
        return rows

    async def _finish(self, done: dict[str, int]) -> None:
        """Close the report, also that of a run that was killed."""
        told = "; ".join(_told(done.items()))
        async with self._kit.pool.transaction() as connection:
            task = await connection.fetchval(RUNNING)
            if task is not None:
                await connection.execute(FINISH, task, told)
                why = f"retention finished: {told}"[:500]
                actor = Actor("system", "retention", reason=why, origin=self._origin)
                await append(connection, actor, "retention", entity="wangge.task", row=task)


def _told(done: Iterable[tuple[str, Any]]) -> Iterable[str]:
    """`entity count` of what was done."""
    return (f"{entity} {count}" for entity, count in done if count)
