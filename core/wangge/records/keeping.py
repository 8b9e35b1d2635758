"""Who holds the unique keys of rows that are about to be written: keys of claims, and keys of unique indexes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from ..model import names
from ..model.names import quote
from ..model.specs import spelt_columns
from ..model.types import Entity, Unique
from ..policy.scope import Scope
from .claims import is_claimed
from .columns import columns_of
from .draft import Draft
from .kit import Kit
from .outcome import Fault
from .statements import recordset

Held = dict[UUID, dict[str, set[UUID]]]
"""draft -> first field of a key -> the rows that hold it."""


def indexed(kit: Kit, entity: str) -> list[tuple[Entity, Unique]]:
    """The keys of an entity, and of what it is a kind of, that unique indexes hold."""
    fields = kit.model.fields_of(entity)
    chain = kit.model.chain(entity)
    return [(level, unique) for level in chain for unique in level.unique if not is_claimed(unique, fields)]


async def index_holders(kit: Kit, reader: Any, drafts: Sequence[Draft]) -> Held:
    """The rows, removed ones included, that hold a key of a draft in a unique index."""
    held: Held = {}
    for level, unique in indexed(kit, drafts[0].entity) if drafts else ():
        named = [kit.rows.tables(level.name).fields[name] for name in unique.fields]
        columns = tuple(c for field in named for c in columns_of(field) if c[0] not in spelt_columns(field))
        encoders = kit.rows.encoders(drafts[0].entity)
        asked = []
        for draft in drafts:
            record: dict[str, Any] = {"_row": draft.id}
            for name in unique.fields:
                if draft.values.get(name) is not None:
                    encoders[name](record, draft.values[name], draft.id)
            if all(record.get(column) is not None for column, _ in columns):
                asked.append(record)
        if not asked:
            continue
        alike = " AND ".join(f"t.{quote(column)} = x.{quote(column)}" for column, _ in columns)
        source = recordset((("_row", "uuid"), *columns), "$1")
        sql = f"SELECT x._row, t.id FROM {source} JOIN {names.table(level)} t ON {alike} WHERE t.id <> x._row"
        for row in await reader.fetch(sql, msgspec.json.encode(asked)):
            held.setdefault(row["_row"], {}).setdefault(unique.fields[0], set()).add(row["id"])
    return held


async def check_keys(kit: Kit, reader: Any, scope: Scope, drafts: Sequence[Draft]) -> None:
    """A fault for each row whose key in a unique index another row holds, or another row of the same call.

    The index would refuse them too, but not say which of many rows it is.
    """
    held = await index_holders(kit, reader, drafts)
    rows = {row for found in held.values() for holders in found.values() for row in holders}
    seen = await kit.references.visible(reader, scope, drafts[0].entity, rows) if rows else set()
    own: dict[Any, UUID] = {}
    keys = indexed(kit, drafts[0].entity) if drafts else []
    for draft in drafts:
        for field, holders in held.get(draft.id, {}).items():
            known = sorted(holders & seen)
            facts = {"id": str(known[0])} if known else {}
            draft.faults.append(Fault("unique.taken", (field,), **facts))
        if draft.faults:
            continue
        for level, unique in keys:
            values = tuple(repr(draft.values.get(name)) for name in unique.fields)
            if any(draft.values.get(name) is None for name in unique.fields):
                continue
            first = own.setdefault((level.name, unique.fields, values), draft.id)
            if first != draft.id:
                draft.faults.append(Fault("unique.taken", (unique.fields[0],), id=str(first)))


async def visible_holders(kit: Kit, reader: Any, scope: Scope, drafts: Sequence[Draft]) -> Mapping[UUID, set[UUID]]:
    """For each draft the rows that the caller sees and that hold, or contest, one of its keys."""
    held: dict[UUID, set[UUID]] = {
        row: set().union(*found.values()) for row, found in (await index_holders(kit, reader, drafts)).items()
    }
    claims = {draft.id: kit.claims.of(draft.entity, draft.values) for draft in drafts}
    for draft in drafts:
        draft.tried = sum(kit.claims.is_sealed(draft.entity, one.unique) for one in claims[draft.id])
    every = [one for found in claims.values() for one in found]
    holders = await kit.claims.holders(reader, every)
    contested = await kit.claims.contested(reader, [one for one in every if one.key_hash in holders])
    for row, found in claims.items():
        for one in found:
            if one.key_hash in holders:
                held.setdefault(row, set()).update((holders[one.key_hash], *contested.get(one.key_hash, ())))
    rows = set().union(*held.values())
    seen = await kit.references.visible(reader, scope, drafts[0].entity, rows) if rows else set()
    for draft in drafts:
        told = {one.key_hash for one in claims[draft.id] if {holders.get(one.key_hash)} & seen}
        draft.held = sum(
            one.key_hash in told and kit.claims.is_sealed(draft.entity, one.unique) for one in claims[draft.id]
        )
    return {row: known for row, found in held.items() if (known := found & seen)}
