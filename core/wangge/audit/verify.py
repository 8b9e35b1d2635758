"""Read the ledger through and find what was changed, dropped, reordered, inserted or cut off (PERMISSIONS.md 7).

It streams chain by chain in pages, so its memory does not grow; with `since` it starts at the signed checkpoints of a month.
Heads that were kept elsewhere (`wangge audit heads`) also show a chain that was cut and given an older signed head.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import msgspec

from ..crypto import Keys
from .entries import BOOKS, Book, head_bytes

PAGE = 5000
CHAINS = """
WITH RECURSIVE c(chain) AS (
  (SELECT chain FROM {table} WHERE seq IS NOT NULL ORDER BY chain LIMIT 1)
  UNION ALL
  SELECT (SELECT e.chain FROM {table} e WHERE e.seq IS NOT NULL AND e.chain > c.chain ORDER BY e.chain LIMIT 1)
  FROM c WHERE c.chain IS NOT NULL)
SELECT chain FROM c WHERE chain IS NOT NULL UNION SELECT chain FROM wangge.ledger_head WHERE book = $1
UNION SELECT chain FROM wangge.ledger_checkpoint WHERE book = $1 ORDER BY chain
"""
ENTRIES = (
    "SELECT {columns}, seq, link FROM {table} "
    "WHERE chain = $1 AND seq IS NOT NULL AND seq >= $2 ORDER BY seq, id LIMIT $3"
)
HEADS = "SELECT book, chain, epoch, seq, link, at, signature FROM wangge.ledger_head"
HEAD = f"{HEADS} WHERE book = $1 AND chain = $2"
CHECKPOINTS = (
    "SELECT book, chain, epoch, seq, link, at, signature, month FROM wangge.ledger_checkpoint "
    "WHERE book = $1 AND chain = $2 ORDER BY month"
)
COUNT_UNLINKED = "SELECT count(*) FROM (SELECT 1 FROM {table} WHERE seq IS NULL LIMIT 1000001) u"


class Head(msgspec.Struct, frozen=True):
    """The signed end of a chain at some moment, as `wangge audit heads` writes it."""

    chain: UUID
    epoch: int
    seq: int
    link: bytes
    at: dt.datetime
    signature: bytes
    book: str = "ledger"

    def is_ours(self, keys: Keys) -> bool:
        """Whether the deployment's key signed it."""
        return keys.verify(head_bytes(self.book, self.chain, self.epoch, self.seq, self.link, self.at), self.signature)


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong: `kind` is changed, missing, inserted, cut, beyond_head, head or checkpoint."""

    chain: UUID
    seq: int
    kind: str
    sentence: str
    book: str = "ledger"


class Report(msgspec.Struct):
    """What a run read and found; `unlinked` entries are younger than the last link, and no fault."""

    chains: int = 0
    entries: int = 0
    unlinked: int = 0
    findings: list[Finding] = []


async def heads(connection: Any) -> list[Head]:
    """The present heads, to be kept elsewhere."""
    return [_head(row) for row in await connection.fetch(HEADS)]


async def verify(
    connection: Any,
    keys: Keys,
    *,
    since: dt.date | None = None,
    kept: Sequence[Head] = (),
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Read every chain, or what follows the checkpoints of the month `since`, against links, heads and `kept` heads."""
    report = Report(findings=[])
    for book in BOOKS:
        marks = [head for head in kept if head.book == book.name]
        await _Reader(connection, keys, report, book, progress).read(marks, since)
    return report


class _Reader:
    """One book while it is read."""

    def __init__(
        self, connection: Any, keys: Keys, report: Report, book: Book, progress: Callable[[int], None] | None
    ) -> None:
        self.connection = connection
        self.keys = keys
        self.report = report
        self.book = book
        self.progress = progress

    async def read(self, kept: Sequence[Head], since: dt.date | None) -> None:
        """All chains of the book against their heads and those that were kept elsewhere."""
        rows = await self.connection.fetch(CHAINS.format(table=self.book.table), self.book.name)
        chains = {row["chain"] for row in rows}
        for row in rows:
            chain = row["chain"]
            marks = [head for head in kept if head.chain == chain]
            await _Chain(self, chain).read(since, marks)
        for head in {head.chain: head for head in kept if head.chain not in chains}.values():
            self.found(head.chain, head.seq, "cut", "the whole chain is gone; a kept head speaks of it")
        self.report.unlinked += await self.connection.fetchval(COUNT_UNLINKED.format(table=self.book.table))

    def found(self, chain: UUID, seq: int, kind: str, sentence: str) -> None:
        """Note what is wrong."""
        self.report.findings.append(Finding(chain, seq, kind, sentence, self.book.name))


class _Chain:
    """One chain while it is read."""

    def __init__(self, reader: _Reader, chain: UUID) -> None:
        self._reader = reader
        self._book = reader.book
        self._connection = reader.connection
        self._keys = reader.keys
        self._report = reader.report
        self._chain = chain
        self._progress = reader.progress
        self._seq = 0
        self._link: bytes | None = b""
        """the link of the last entry; None when it is not known."""
        self._marks: dict[int, list[tuple[str, bytes]]] = {}
        """seq -> (kind of finding, the link that a signed mark gives)."""

    async def read(self, since: dt.date | None, kept: Sequence[Head]) -> None:
        """Read the chain and compare it with its signed marks; a chain that grows meanwhile is read to its new end."""
        self._report.chains += 1
        await self._take_checkpoints(since)
        for mark in kept:
            if mark.is_ours(self._keys):
                self._marks.setdefault(mark.seq, []).append(("cut", mark.link))
            else:
                self._found(mark.seq, "head", "a kept head is not signed by this deployment")
        self._compare()
        seen, head = -1, None
        while seen < self._seq and (head is None or head.seq > self._seq):
            seen = self._seq
            await self._stream()
            # the head is read after the entries that it signs, so it is never behind them
            row = await self._connection.fetchrow(HEAD, self._book.name, self._chain)
            head = _head(row) if row is not None else None
        self._judge_head(head)
        for mark in kept:
            if mark.seq > self._seq:
                self._found(mark.seq, "cut", f"the chain ends at {self._seq}; a kept head has entry {mark.seq}")

    async def _take_checkpoints(self, since: dt.date | None) -> None:
        """Check the signed checkpoints, and start at the last one that is not after `since`."""
        for row in await self._connection.fetch(CHECKPOINTS, self._book.name, self._chain):
            mark = _head(row)
            if not mark.is_ours(self._keys):
                self._found(
                    mark.seq, "checkpoint", f"the checkpoint of {row['month']:%Y-%m} is not signed by this deployment"
                )
                continue
            self._marks.setdefault(mark.seq, []).append(("checkpoint", mark.link))
            if since is not None and row["month"] <= since:
                self._seq, self._link = mark.seq, mark.link

    async def _stream(self) -> None:
        """The entries in pages, in the order of the chain."""
        sql = ENTRIES.format(columns=", ".join(self._book.linked), table=self._book.table)
        seen: set[UUID] = set()
        start = self._seq + 1
        while True:
            page = await self._connection.fetch(sql, self._chain, start, PAGE)
            fresh = [entry for entry in page if entry["id"] not in seen]
            for entry in fresh:
                self._check(entry)
            self._report.entries += len(fresh)
            if self._progress:
                self._progress(self._report.entries)
            if len(page) < PAGE or not fresh:
                return
            start = page[-1]["seq"]
            seen = {entry["id"] for entry in page if entry["seq"] == start}

    def _check(self, entry: Any) -> None:
        """One entry: its place and its link."""
        seq, link = entry["seq"], bytes(entry["link"] or b"")
        if seq <= self._seq:
            self._found(seq, "inserted", f"two entries claim place {seq}")
            return
        if seq > self._seq + 1:
            self._found(self._seq + 1, "missing", f"entries {self._seq + 1} to {seq - 1} are missing")
            self._link = None
        if self._link is not None and self._keys.link(self._link, self._book.canonical(entry)) != link:
            self._found(
                seq, "changed", f"entry {seq} does not fit its link: it was changed, or stands in another's place"
            )
        self._seq, self._link = seq, link
        self._compare()

    def _compare(self) -> None:
        """What signed marks say of this place."""
        for kind, link in self._marks.get(self._seq, ()):
            if self._link is not None and self._link != link:
                self._found(self._seq, kind, f"the chain at {self._seq} is not the one that was signed")

    def _judge_head(self, head: Head | None) -> None:
        """The signed end against the last entry."""
        if head is None:
            self._found(self._seq, "head", "the chain has no signed head")
        elif not head.is_ours(self._keys):
            self._found(head.seq, "head", "the head is not signed by this deployment")
        elif head.seq > self._seq:
            self._found(head.seq, "cut", f"entries {self._seq + 1} to {head.seq} are cut off")
        elif head.seq < self._seq:
            self._found(self._seq, "beyond_head", f"entries {head.seq + 1} to {self._seq} stand beyond the signed head")
        elif self._link is not None and head.link != self._link:
            self._found(head.seq, "head", "the last entry is not the one that was signed")

    def _found(self, seq: int, kind: str, sentence: str) -> None:
        self._reader.found(self._chain, seq, kind, sentence)


def _head(row: Any) -> Head:
    """A stored head or checkpoint."""
    link, signature = bytes(row["link"]), bytes(row["signature"])
    return Head(row["chain"], row["epoch"], row["seq"], link, row["at"], signature, row["book"])
