"""Calls that come twice: the caller's own ids, and idempotency keys (API.md 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from ..errors import Invalid
from ..model import names
from ..policy.scope import Scope
from .columns import SORTED
from .draft import Draft, Item
from .kit import Kit
from .outcome import Fault

KEPT_DAYS = 7
"""days that an idempotency key is kept."""
LONGEST = 200
TAKEN = "SELECT row_id FROM wangge.row_key WHERE row_id = ANY($1::uuid[])"
BEGIN = (
    "INSERT INTO wangge.idempotency (account_id, root_field, key, digest, ids) VALUES ($1, $2, $3, $4, '{}') "
    "ON CONFLICT DO NOTHING RETURNING TRUE"
)
KNOWN = "SELECT digest, ids FROM wangge.idempotency WHERE account_id = $1 AND root_field = $2 AND key = $3 FOR NO KEY UPDATE"
END = "UPDATE wangge.idempotency SET ids = $4 WHERE account_id = $1 AND root_field = $2 AND key = $3"
FORGET = "DELETE FROM wangge.idempotency WHERE at < now() - make_interval(days => $1)"


class Repeat(msgspec.Struct, frozen=True):
    """The idempotency key of a call, and the root field that it came to."""

    root: str
    key: str


class Repeats:
    """The idempotency key of one call, inside its transaction: a second call of the same key waits for the first."""

    def __init__(self, kit: Kit, scope: Scope, repeat: Repeat, given: Any) -> None:
        """`given` is what the call was given. Raises Invalid for a key that is none."""
        if not 0 < len(repeat.key) <= LONGEST:
            raise Invalid("idempotency.bad_key", f"a key has 1 to {LONGEST} characters", longest=LONGEST)
        if scope.actor.account is None:
            raise Invalid("idempotency.no_account", "only accounts have idempotency keys")
        self._args = (scope.actor.account, repeat.root, repeat.key)
        self._digest = kit.keys.keyed_hash("idempotency", SORTED.encode(given))

    async def begin(self, connection: Any) -> Sequence[UUID | None]:
        """The ids that an earlier call left, () for a new key. Raises Invalid when that had another input."""
        while await connection.fetchval(BEGIN, *self._args, self._digest) is None:
            known = await connection.fetchrow(KNOWN, *self._args)
            if known is None:
                continue  # the night removed it meanwhile
            if bytes(known["digest"]) != self._digest:
                raise Invalid("idempotency.other_input", "this key came with another input before: take a new one")
            return list(known["ids"])
        return ()

    async def end(self, connection: Any, ids: Sequence[UUID | None]) -> None:
        """Keep what the call left."""
        await connection.execute(END, *self._args, list(ids))


async def forget(pool: Any) -> None:
    """Remove the keys that were kept long enough."""
    await pool.execute(FORGET, KEPT_DAYS)


async def same_rows(kit: Kit, reader: Any, scope: Scope, drafts: Sequence[Draft], items: Sequence[Item]) -> set[UUID]:
    """The drafts that an earlier call of the same account stored with the same content; their ids are those of the rows.

    Any other id that is there already, in whatever table, is a fault.
    """
    same = await _chosen(kit, reader, scope, [draft for draft in drafts if draft.chosen and not draft.faults])
    below = [d for d, item in zip(drafts, items, strict=True) if item.repeated and d.id not in same and not d.faults]
    return same | await _unchosen(kit, reader, scope, below)


async def _chosen(kit: Kit, reader: Any, scope: Scope, drafts: Sequence[Draft]) -> set[UUID]:
    """Those whose own id names the same row."""
    if not drafts:
        return set()
    entity, ids = drafts[0].entity, sorted({draft.id for draft in drafts})
    top = kit.rows.tables(entity).chain[-1]
    owners = await reader.fetch(f"SELECT id, created_by FROM {names.table(top)} WHERE id = ANY($1::uuid[])", ids)
    owner = {row["id"]: row["created_by"] for row in owners}
    taken = owner.keys() | {row["row_id"] for row in await reader.fetch(TAKEN, ids)}
    rows = await kit.rows.load(reader, entity, owner.keys()) if owner else {}
    same: set[UUID] = set()
    seen: set[UUID] = set()
    for draft in drafts:
        mine = owner.get(draft.id) is not None and owner[draft.id] == scope.actor.account
        if draft.id in seen:
            draft.faults.append(Fault("id.unusable", ("id",)))
        elif mine and draft.id in rows and _alike(draft, rows[draft.id]):
            same.add(draft.id)
        elif draft.id in taken:
            draft.faults.append(Fault("id.unusable", ("id",)))
        seen.add(draft.id)
    return same


async def _unchosen(kit: Kit, reader: Any, scope: Scope, drafts: Sequence[Draft]) -> set[UUID]:
    """Children without an own id in a row that is a repeat: each must be one of the rows that stand there."""
    if not drafts:
        return set()
    entity = drafts[0].entity
    refs = {name for draft in drafts for name in draft.named if draft.values.get(name) is not None}
    top = kit.rows.tables(entity).chain[-1]
    sql = f"SELECT id FROM {names.table(top)} WHERE created_by = $1 AND id = ANY($2::uuid[])"
    rows: dict[UUID, dict[str, Any]] = {}
    for name in sorted(refs):
        field = kit.rows.tables(entity).fields[name]
        if field.kind == "ref" and len(field.to) == 1:
            targets = {draft.values[name] for draft in drafts if draft.values.get(name) is not None}
            column = names.quote(names.column(field))
            table = names.table(kit.rows.tables(entity).chain[kit.rows.tables(entity).level(field)])
            found = await reader.fetch(f"SELECT id FROM {table} WHERE {column} = ANY($1::uuid[])", sorted(targets))
            own = await reader.fetch(sql, scope.actor.account, [row["id"] for row in found])
            rows |= await kit.rows.load(reader, entity, [row["id"] for row in own])
    same: set[UUID] = set()
    for draft in drafts:
        known = next((row for row, values in rows.items() if row not in same and _alike(draft, values)), None)
        if known is None:
            draft.faults.append(Fault("id.unusable"))
        else:
            draft.id = known
            same.add(known)
    return same


def _alike(draft: Draft, row: Mapping[str, Any]) -> bool:
    """Whether a stored row has what the caller sent."""
    return all(row.get(name) == draft.values[name] for name in draft.named)
