"""Link committed ledger entries into one chain per district, in an order fixed here, and sign the end of each chain.

Only the elected sequencer calls it (events/sequencer.py), as wangge_sealer. A partial index leads to the entries without a
link, so the work grows with them, never with the ledger.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from ..crypto import Keys
from ..model.durations import SHANGHAI
from .entries import LEDGER, Book, head_bytes

BATCH = 2000
UNLINKED = "SELECT {columns} FROM {table} WHERE seq IS NULL ORDER BY at, id LIMIT $1"
HEADS = "SELECT chain, epoch, seq, link FROM wangge.ledger_head WHERE book = $1 AND chain = ANY($2::uuid[])"
SET = """
UPDATE {table} e SET seq = x.seq, link = x.link, epoch = $5
FROM unnest($1::timestamptz[], $2::uuid[], $3::bigint[], $4::bytea[]) AS x(at, id, seq, link)
WHERE e.seq IS NULL AND e.at = x.at AND e.id = x.id
"""
SIGN = """
INSERT INTO wangge.ledger_head (book, chain, epoch, seq, link, at, signature) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (book, chain) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, link = excluded.link, at = excluded.at,
  signature = excluded.signature
"""
CHECKPOINT = """
INSERT INTO wangge.ledger_checkpoint (book, chain, month, epoch, seq, link, at, signature) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (book, chain, month) DO NOTHING
"""


class End(msgspec.Struct):
    """The end of a chain while it grows."""

    seq: int = 0
    link: bytes = b""


class Linker:
    """Links batches of one book; remembers which months have their checkpoint."""

    def __init__(self, keys: Keys, book: Book = LEDGER) -> None:
        self._keys = keys
        self._book = book
        self._unlinked = UNLINKED.format(columns=", ".join(book.linked), table=book.table)
        self._set = SET.format(table=book.table)
        self._months: set[tuple[UUID, dt.date]] = set()

    async def link(self, connection: Any, epoch: int, limit: int = BATCH) -> int:
        """Link up to `limit` entries in one transaction; how many."""
        async with connection.transaction():
            entries = await connection.fetch(self._unlinked, limit)
            if not entries:
                return 0
            ends = await self._ends(connection, {entry["chain"] for entry in entries})
            now = await connection.fetchval("SELECT now()")
            seqs, links = [], []
            for entry in entries:
                end = ends[entry["chain"]]
                await self._checkpoint(connection, entry, end, epoch, now)
                end.seq, end.link = end.seq + 1, self._keys.link(end.link, self._book.canonical(entry))
                seqs.append(end.seq)
                links.append(end.link)
            await connection.execute(
                self._set, [e["at"] for e in entries], [e["id"] for e in entries], seqs, links, epoch
            )
            await self._sign(connection, ends, epoch, now)
        return len(entries)

    async def _ends(self, connection: Any, chains: set[UUID]) -> dict[UUID, End]:
        """The ends of some chains; a new chain begins at nothing."""
        ends = {chain: End() for chain in chains}
        for row in await connection.fetch(HEADS, self._book.name, list(chains)):
            ends[row["chain"]] = End(row["seq"], bytes(row["link"]))
        return ends

    async def _checkpoint(self, connection: Any, entry: Any, end: End, epoch: int, now: dt.datetime) -> None:
        """Before the first entry of a month, sign where the chain stands."""
        chain = entry["chain"]
        month = entry["at"].astimezone(SHANGHAI).date().replace(day=1)
        if (chain, month) in self._months:
            return
        signature = self._sealed(chain, epoch, end, now)
        await connection.execute(CHECKPOINT, self._book.name, chain, month, epoch, end.seq, end.link, now, signature)
        self._months.add((chain, month))

    async def _sign(self, connection: Any, ends: dict[UUID, End], epoch: int, now: dt.datetime) -> None:
        """Sign the new ends."""
        book = self._book.name
        rows: Sequence[Any] = [
            (book, chain, epoch, end.seq, end.link, now, self._sealed(chain, epoch, end, now))
            for chain, end in ends.items()
        ]
        await connection.executemany(SIGN, rows)

    def _sealed(self, chain: UUID, epoch: int, end: End, now: dt.datetime) -> bytes:
        """The signature of an end."""
        return self._keys.sign(head_bytes(self._book.name, chain, epoch, end.seq, end.link, now))
