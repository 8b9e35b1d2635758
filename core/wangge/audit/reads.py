"""Read records: who saw personal fields in clear, of which rows and why; journalled before the answer, stored within a second.

A record is appended to a file under WANGGE_HOME before the first byte of its answer is sent, so that a killed process loses
none; it is written to the database in batches, chained like the ledger, and what a dead process left is replayed at start.
While the database has not taken records for five seconds, such reads are refused (PERMISSIONS.md 3).
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import fcntl
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import structlog

from ..errors import Unavailable
from ..store.clock import Now, machine_time
from ..values import Actor, uuid7
from .entries import CITY_CHAIN

log = structlog.get_logger("wangge.reads")
PAUSE = 0.25
"""seconds between two looks for records to store."""
PATIENCE = 5.0
"""seconds after which reads are refused while records cannot be stored."""
KEPT_IDS = 1000
AT_ONCE = 500
"""records that one statement stores."""
NOTE = 21
"""bytes of a note: the number of its kind, a row's id, a revision (sql/notes.py)."""
NO_ROW = bytes(16)
"""stands for the id in a note of an aggregate; how many rows it counts stands where a revision would."""
STORE = """INSERT INTO wangge.read_log (id, at, chain, actor_kind, actor_name, account_id, post_ids, token_id, origin,
  address, unit_id, root_field, purposes, entities, row_ids, total, document)
SELECT x.id, x.at, x.chain, x.actor_kind, x.actor_name, x.account_id, x.post_ids, x.token_id, x.origin, x.address, x.unit_id,
  x.root_field, x.purposes, x.entities, x.row_ids, x.total, x.document
FROM json_to_recordset($1::json) AS x(id uuid, at timestamptz, chain uuid, actor_kind text, actor_name text, account_id uuid,
  post_ids uuid[], token_id uuid, origin text, address text, unit_id uuid, root_field text, purposes text[], entities jsonb,
  row_ids uuid[], total integer, document text)
WHERE NOT EXISTS (SELECT 1 FROM wangge.read_log l WHERE l.id = x.id AND l.at = x.at)"""


class Shown(msgspec.Struct, frozen=True):
    """Rows of one entity in an answer: which personal fields they showed, and how many rows."""

    entity: str
    fields: tuple[str, ...]
    count: int


class ReadRecord(msgspec.Struct, frozen=True):
    """One record; the fields of `wangge.read_log`."""

    id: UUID
    at: dt.datetime
    chain: UUID
    actor_kind: str
    actor_name: str
    account_id: UUID | None
    post_ids: tuple[UUID, ...]
    token_id: UUID | None
    origin: str
    address: str
    unit_id: UUID | None
    root_field: str
    purposes: tuple[str, ...]
    entities: tuple[Shown, ...]
    row_ids: tuple[str, ...]
    """in hex, as PostgreSQL reads a uuid."""
    total: int
    document: str


class Reading(msgspec.Struct, frozen=True):
    """What a record says of its request: when, who reads for which unit and district, why, and by which document."""

    at: dt.datetime
    actor: Actor
    district: UUID | None
    unit: UUID | None
    purposes: tuple[str, ...]
    document: str


Kind = tuple[str, tuple[str, ...]] | None
"""(entity, fields) of notes of one number; None when a read record does not speak of them."""


def record(reading: Reading, root: str, kinds: Sequence[Kind], notes: bytes) -> ReadRecord | None:
    """The record of an answer, None when it needs none; `kinds` by the number that begins each note."""
    rows: dict[int, dict[bytes, None]] = {}
    counted: dict[int, int] = {}
    for at in range(0, len(notes), NOTE):
        number, row = notes[at], notes[at + 1 : at + 17]
        if kinds[number] is not None and row == NO_ROW:
            counted[number] = counted.get(number, 0) + int.from_bytes(notes[at + 17 : at + NOTE])
        elif kinds[number] is not None:
            rows.setdefault(number, {})[row] = None
    if not rows and not counted:
        return None
    ids = dict.fromkeys(row for found in rows.values() for row in found)
    counts = counted | {number: len(found) for number, found in rows.items()}
    actor = reading.actor
    return ReadRecord(
        id=uuid7(),
        at=reading.at,
        chain=reading.district or CITY_CHAIN,
        actor_kind=actor.kind,
        actor_name=actor.name,
        account_id=actor.account,
        post_ids=tuple(post.id for post in actor.posts),
        token_id=actor.token,
        origin=actor.origin,
        address=actor.address,
        unit_id=reading.unit,
        root_field=root,
        purposes=reading.purposes,
        entities=tuple(_shown(kinds[number], count) for number, count in sorted(counts.items())),
        row_ids=tuple([row.hex() for row in list(ids)[:KEPT_IDS]]),
        total=len(ids) + max(counted.values(), default=0),
        document=reading.document,
    )


def _shown(kind: Kind, count: int) -> Shown:
    """So many rows of one kind of note."""
    entity, fields = kind or ("", ())
    return Shown(entity, fields, count)


class Reads:
    """The records of one process; `folder` holds its journal and those of processes that died."""

    def __init__(self, pool: Any, folder: Path, now: Now = machine_time) -> None:
        self._pool = pool
        self.now = now
        self._folder = folder
        self._file = -1
        self._path = folder
        self._pending: list[bytes] = []
        self._since: float | None = None
        """when the oldest record that is not stored yet was added (`time.monotonic`)."""
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()

    async def open(self) -> None:
        """Begin a journal, replay those of the dead, and store from now on."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._folder / f"{uuid7()}.new"
        self._file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)  # before anybody can take it for one that is left
        self._path = draft.rename(draft.with_suffix(".jsonl"))
        await self._replay()
        self._task = asyncio.create_task(self._run(), name="wangge-reads")

    async def close(self) -> None:
        """Store what is left; what cannot be stored stays in the journal for the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        with contextlib.suppress(Exception):
            await self._store()
        if not self._pending:
            self._path.unlink(missing_ok=True)
        os.close(self._file)

    def check(self) -> None:
        """Raises Unavailable while records cannot be stored."""
        if self._since is not None and time.monotonic() - self._since > PATIENCE:
            raise Unavailable("audit.not_taken", "reads of personal data cannot be recorded now: try again in a moment")

    def add(self, made: ReadRecord) -> None:
        """Journal a record; only then may its answer be sent. Raises Unavailable."""
        self.check()
        line = msgspec.json.encode(made) + b"\n"
        try:
            if os.write(self._file, line) != len(line):
                raise OSError("the journal took a part of a record")
        except OSError as error:
            log.error("journal_failed", error=str(error))
            raise Unavailable(
                "audit.not_taken", "reads of personal data cannot be recorded now: try again in a moment"
            ) from error
        self._pending.append(line)
        if self._since is None:
            self._since = time.monotonic()
            self._wake.set()

    async def _run(self) -> None:
        """Store in batches; a failure is logged once and tried again."""
        failing = False
        while True:
            await self._wake.wait()
            await asyncio.sleep(PAUSE)
            try:
                await self._store()
                failing = False
            except Exception as error:
                if not failing:
                    log.warning("reads_not_stored", error=f"{type(error).__name__}: {error}")
                failing = True

    async def _store(self) -> None:
        """Store what is pending; the journal is emptied when nothing is left in it."""
        while batch := self._pending[:AT_ONCE]:
            began = time.monotonic()
            await self._pool.execute(STORE, b"[" + b",".join(batch) + b"]")
            del self._pending[: len(batch)]
            self._since = began if self._pending else None
        if not self._pending:
            self._wake.clear()
            os.ftruncate(self._file, 0)

    async def _replay(self) -> None:
        """Store what processes left that are gone: their journals are not locked any more."""
        for path in sorted(self._folder.glob("*.jsonl")):
            if path != self._path and (left := _left(path)) is not None:
                for at in range(0, len(left), AT_ONCE):
                    await self._pool.execute(STORE, b"[" + b",".join(left[at : at + AT_ONCE]) + b"]")
                path.unlink(missing_ok=True)


def _left(path: Path) -> list[bytes] | None:
    """The whole records of a journal whose process is gone; None while it runs."""
    try:
        with open(path, "rb") as journal:
            fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return [line for line in journal.read().splitlines(keepends=True) if line.endswith(b"\n")]
    except OSError:
        return None
