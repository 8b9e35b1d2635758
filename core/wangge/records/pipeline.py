"""Batches of several entities one after the other: while some are stored, the next is made, parsed and checked."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..model import names
from ..values import Actor, Batch
from .draft import Draft
from .kit import Kit
from .load import Load
from .near import Near

BATCH = 2_500
"""rows per statement: small enough that parsing one batch and storing another overlap in loads of a few thousand."""
AHEAD = 8
"""batches that may wait to be stored: small ones between large ones leave neither side idle."""
MANY = 1_000
"""rows of one entity after which its statistics are made anew."""
Progress = Callable[[str, int], None]
Chunk = tuple[str, list[Any]]


async def load_all(
    kit: Kit,
    batches: Iterable[Batch],
    actor: Actor,
    reason: str,
    progress: Progress | None = None,
    *,
    resume: bool = False,
) -> int:
    """Load batches in their order; how many rows. Raises BatchRejected: what came before the faulty batch is stored.

    With `resume` rows that are stored already are left out, so that a load that was interrupted can be run again.
    """
    pipeline = Pipeline(kit, actor, reason, resume=resume)
    chunks = _chunks(batches)
    try:
        while (drafts := await asyncio.to_thread(pipeline.take, chunks)) is not None:
            await pipeline.push(drafts)
            if progress:
                progress(drafts[0].entity, pipeline.done[drafts[0].entity])
    finally:
        await pipeline.settle()
    await _analyze(kit, [entity for entity, rows in pipeline.done.items() if rows >= MANY])
    return sum(pipeline.done.values())


async def _analyze(kit: Kit, entities: list[str]) -> None:
    """Let PostgreSQL look at the tables of entities anew: after a load its statistics are those of before."""
    found: set[str] = set()
    for entity in entities:
        tables = kit.rows.tables(entity)
        found |= {names.table(level) for level in tables.chain} | {sheet.table for sheet in tables.sheets}
        if kit.model.root_scope(entity).kind == "through":
            found.add(names.area_table(tables.chain[-1]))
    if found:
        await kit.pool.execute("SELECT wangge.analyze($1)", sorted(found))


def _chunks(batches: Iterable[Batch]) -> Iterator[Chunk]:
    """(entity, at most BATCH rows); batches of one entity that follow each other are joined."""
    for entity, group in itertools.groupby(batches, key=lambda batch: batch.entity):
        rows = itertools.chain.from_iterable(batch.rows for batch in group)
        while chunk := list(itertools.islice(rows, BATCH)):
            yield entity, chunk


class Pipeline:
    """Up to `AHEAD` batches wait to be stored, one after the other, while the next is prepared."""

    def __init__(self, kit: Kit, actor: Actor, reason: str, *, resume: bool = False) -> None:
        self._kit = kit
        self._resume = resume
        self._actor = actor
        self._reason = reason
        self._near = Near(kit.model)
        self._loads: dict[str, Load] = {}
        self._storing: deque[asyncio.Task[None]] = deque()
        self.done: dict[str, int] = {}
        """rows so far, by entity."""

    def _load(self, entity: str) -> Load:
        """The load of an entity."""
        if entity not in self._loads:
            self._loads[entity] = Load(self._kit, entity, self._actor, self._reason, self._near)
        return self._loads[entity]

    def take(self, chunks: Iterator[Chunk]) -> list[Draft] | None:
        """Make and parse the next batch; None at the end."""
        chunk = next(chunks, None)
        return None if chunk is None else self._load(chunk[0]).parse(chunk[1])

    async def push(self, drafts: list[Draft]) -> None:
        """Check and encode a batch, and have it stored once those before it are."""
        entity = drafts[0].entity
        load = self._load(entity)
        self.done[entity] = self.done.get(entity, 0) + len(drafts)
        if self._resume and not (drafts := await load.unstored(drafts)):
            return
        last = self._storing[-1] if self._storing else None
        await load.check(drafts, last)
        encoded = await asyncio.to_thread(load.encode, drafts)
        self._near.add(drafts)
        self._storing.append(asyncio.create_task(_after(last, load, drafts, encoded)))
        if len(self._storing) > AHEAD:
            await self._storing.popleft()

    async def settle(self) -> None:
        """Wait for the last batch."""
        if self._storing:
            await self._storing[-1]


async def _after(before: asyncio.Task[None] | None, load: Load, drafts: list[Draft], encoded: list[Any]) -> None:
    """Store a batch once the one before it is stored; what follows a batch that failed fails likewise."""
    if before is not None:
        await before
    await load.store(drafts, encoded)
