"""What is stored and no row speaks of, and what rows speak of and is not stored: removed at night, told by a command."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import msgspec

from .objects import Objects

BATCH = 200
YOUNG = dt.timedelta(hours=1)
"""an object so young may be one whose row is about to be stored."""
OVER = f"""WITH gone AS (
  DELETE FROM wangge.upload WHERE file IN (SELECT file FROM wangge.upload WHERE until <= now() LIMIT {BATCH} FOR UPDATE SKIP LOCKED)
  RETURNING file
), files AS (
  DELETE FROM wangge.file f USING gone WHERE f.id = gone.file RETURNING f.id
), dark AS (
  UPDATE wangge.object o SET secret = NULL FROM gone WHERE o.file = gone.file
) SELECT count(*) FROM gone"""
"""Uploads that nobody put into a row in time; a write that is about to holds its lock."""
UNHELD = f"""SELECT o.id, o.key FROM wangge.object o WHERE o.at < now() - $1::interval AND (
  NOT EXISTS (SELECT 1 FROM wangge.file f WHERE f.id = o.file)
    AND NOT EXISTS (SELECT 1 FROM wangge.upload u WHERE u.file = o.file AND u.asked IS NOT NULL)
  OR o.kind = 'staged' AND EXISTS (SELECT 1 FROM wangge.file f WHERE f.id = o.file)
) AND o.id > $2 ORDER BY o.id LIMIT {BATCH}"""
FORGET = "DELETE FROM wangge.object WHERE id = $1"
NIL = "00000000-0000-0000-0000-000000000000"
KNOWN = """SELECT o.key, f.id AS file FROM wangge.object o LEFT JOIN wangge.file f ON f.id = o.file AND o.kind <> 'staged'"""
WITHOUT = """SELECT f.id FROM wangge.file f WHERE NOT EXISTS
  (SELECT 1 FROM wangge.object o WHERE o.file = f.id AND o.kind = 'original' AND o.secret IS NOT NULL) ORDER BY f.id"""


class Collected(msgspec.Struct, frozen=True):
    """How many uploads were over, and how many objects were removed."""

    uploads: int
    objects: int


async def collect(pool: Any, objects: Objects, young: dt.timedelta = YOUNG) -> Collected:
    """Remove uploads that are over, and objects of which no file speaks any more; may be killed and run again."""
    uploads = removed = 0
    while done := await pool.fetchval(OVER):
        uploads += done
    last: Any = NIL
    while rows := await pool.fetch(UNHELD, young, last):
        for row in rows:
            await objects.delete(row["key"])
            await pool.execute(FORGET, row["id"])
        removed, last = removed + len(rows), rows[-1]["id"]
    return Collected(uploads, removed)


class Difference(msgspec.Struct, frozen=True):
    """Where the database and the object storage disagree, as after one of them was restored alone."""

    missing: tuple[str, ...]
    """ids of files whose content is not there."""
    orphans: tuple[str, ...]
    """keys of objects that the database does not know."""
    files: int = 0
    objects: int = 0


async def compare(
    pool: Any, objects: Objects, young: dt.timedelta = YOUNG, progress: Callable[[int], None] | None = None
) -> Difference:
    """Compare every key of the bucket with every row; what is younger than `young` is no orphan yet."""
    stored = await objects.keys()
    if progress is not None:
        progress(len(stored))
    rows = await pool.fetch(KNOWN)
    known = {row["key"] for row in rows}
    missing = {str(row["file"]) for row in rows if row["file"] is not None and row["key"] not in stored}
    missing |= {str(row["id"]) for row in await pool.fetch(WITHOUT)}
    before = dt.datetime.now(dt.UTC) - young
    orphans = sorted(key for key, at in stored.items() if key not in known and at < before)
    return Difference(tuple(sorted(missing)), tuple(orphans), len({r["file"] for r in rows} - {None}), len(stored))
