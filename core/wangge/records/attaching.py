"""Uploads become files of a row: each by its uploader, once, in time; what a row gives up is nobody's any more.

A file that is not the caller's own unused upload is as one that does not exist, whoever it belongs to.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from ..model.durations import shift
from ..model.types import Field
from ..policy.scope import Scope
from ..surface import Flag
from .draft import FILES, Draft, Order, refuse
from .kit import Kit
from .outcome import Fault
from .references import Path, pointed
from .storing import raise_flags
from .wiping import unheld_files_sql

PICTURES = frozenset(("signature", "photos"))
"""kinds that hold nothing but pictures."""
REUSED = "file.reused"
AHEAD = dt.timedelta(minutes=5)
"""how far a camera's clock may be ahead."""
MINE = """SELECT f.id, f.media_type, f.taken_at FROM wangge.upload u JOIN wangge.file f ON f.id = u.file
WHERE u.file = ANY($1::uuid[]) AND u.account = $2 AND u.until > now() ORDER BY u.file"""
TAKE = "DELETE FROM wangge.upload WHERE file = ANY($1::uuid[]) AND account = $2 AND until > now() RETURNING file"
RELEASE = "DELETE FROM wangge.upload WHERE file = ANY($1::uuid[])"
ELSEWHERE = """SELECT EXISTS (SELECT 1 FROM wangge.object o JOIN wangge.object p ON p.sha256 = o.sha256
  WHERE o.file = ANY($1::uuid[]) AND p.file <> ALL($2::uuid[]) AND p.secret IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM wangge.upload w WHERE w.file = p.file))"""
Named = tuple[Path, Field, UUID]


def named(fields: Mapping[str, Field], values: Mapping[str, Any]) -> list[Named]:
    """(path, field, file) of every file in values; `fields` are those that point to other rows."""
    return [item for item in pointed(fields, values) if item[1].kind in FILES]


def added(kit: Kit, draft: Draft) -> list[Named]:
    """The files that a row is to hold and did not hold before."""
    fields = kit.pointing(draft.entity)[0]
    before = {file for _, _, file in named(fields, draft.before or {})}
    return [item for item in named(fields, draft.values) if item[2] not in before]


def given_up(kit: Kit, draft: Draft) -> set[UUID]:
    """The files that a row held and holds no longer."""
    fields = kit.pointing(draft.entity)[0]
    after = {file for _, _, file in named(fields, draft.values)}
    return {file for _, _, file in named(fields, draft.before or {})} - after


async def check_files(kit: Kit, reader: Any, scope: Scope, drafts: Sequence[Draft]) -> None:
    """Faults for files that are not the caller's unused uploads, come twice, are no pictures where pictures are due, or too old."""
    found = {draft.id: added(kit, draft) for draft in drafts}
    wanted = {file for items in found.values() for _, _, file in items}
    if not wanted:
        return
    mine = {row["id"]: row for row in await reader.fetch(MINE, sorted(wanted), scope.actor.account)}
    seen: set[UUID] = set()
    for draft in drafts:
        for path, field, file in found[draft.id]:
            fault = _fault(draft, path, field, mine.get(file), again=file in seen)
            draft.faults += [fault] if fault is not None else []
            seen.add(file)


def _fault(draft: Draft, path: Path, field: Field, row: Mapping[str, Any] | None, *, again: bool) -> Fault | None:
    """What is wrong with one file."""
    if row is None:
        return Fault("ref.unknown", path, field=field.id)
    if again:
        return Fault("file.twice", path, field=field.id)
    if field.kind in PICTURES and not row["media_type"].startswith("image/"):
        return Fault("file.not_a_picture", path, field=field.id)
    taken = row["taken_at"]
    if field.max_age is None or taken is None:
        return None
    old = shift(taken, field.max_age) < draft.now or taken > draft.now + AHEAD
    return Fault("file.too_old", path, field=field.id, taken=taken.isoformat()) if old else None


async def release(kit: Kit, connection: Any, drafts: Sequence[Draft]) -> None:
    """Files that rows of a load hold are no uploads any more, whoever uploaded them."""
    fields = kit.pointing(drafts[0].entity)[0]
    held = {file for draft in drafts for _, _, file in named(fields, draft.values)}
    if held:
        await connection.execute(RELEASE, sorted(held))


def has_files(kit: Kit, entity: str, values: Iterable[str]) -> bool:
    """Whether any of these fields holds files, in itself or in its parts."""
    fields = kit.pointing(entity)[0]
    return any(
        n in fields and (fields[n].kind in FILES or any(p.kind in FILES for p in fields[n].fields)) for n in values
    )


async def take(kit: Kit, connection: Any, scope: Scope, drafts: Sequence[Draft], order: Order) -> None:
    """In the transaction that stores rows: their uploads are used, and files that they gave up are gone. Raises Refused.

    A row whose photo stands in another row too is flagged for review, without a word of that row.
    """
    used = {file: (draft, path) for draft in drafts for path, _, file in added(kit, draft)}
    if used:
        done = {row["file"] for row in await connection.fetch(TAKE, sorted(used), scope.actor.account)}
        for file in sorted(used.keys() - done):
            draft, path = used[file]
            draft.faults.append(Fault("ref.unknown", path, field=str(path[0])))
        refuse(kit, drafts, order)
        await raise_flags(connection, [one for d in drafts if (one := await _reused(kit, connection, d)) is not None])
    gone = {file for draft in drafts for file in given_up(kit, draft)}
    if gone:
        await connection.execute(unheld_files_sql(kit.model), sorted(gone))


async def _reused(kit: Kit, connection: Any, draft: Draft) -> Draft | None:
    """The row with the flag, where another row holds the same photo."""
    photos = [file for _, field, file in added(kit, draft) if field.kind == "photos"]
    fields = kit.pointing(draft.entity)[0]
    own = [file for values in (draft.values, draft.before or {}) for _, _, file in named(fields, values)]
    if not photos or not await connection.fetchval(ELSEWHERE, photos, own):
        return None
    return msgspec.structs.replace(draft, flags=[Flag(REUSED)])
