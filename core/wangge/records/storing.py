"""Rows into the database: the records of a draft, and the statements that store them with event, revision and ledger entry."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from ..audit.entries import actor_values
from ..crypto import Keys
from ..model import names
from ..model.types import Field
from ..policy.scope import Scope
from ..values import Actor, uuid7
from .claims import CANDIDATE, Claim
from .columns import SIDE_KINDS, STORED, Put, columns_of, json_text
from .draft import Draft, Order
from .following import sort_field
from .kit import Kit
from .outcome import StaleScope
from .statements import UPDATE_TRAIL, Sheet, update_sql

ROW_KEY = "row_key"
FRESH = "SELECT wangge.fresh($1::text[], $2::jsonb)"
FLAG = (
    "INSERT INTO wangge.flag (id, revision, created_at, updated_at, area_id, area_ord, district_id, code, entity, row, facts) "
    "VALUES (uuidv7(), 1, now(), now(), $1, $2, $3, $4, $5, $6, $7)"
).replace(" row,", ' "row",')


def own_record(kit: Kit, draft: Draft) -> dict[str, Any]:
    """The columns of a row in all tables of its chain, as JSON values."""
    encoders = kit.rows.encoders(draft.entity)
    record: dict[str, Any] = {"id": draft.id}
    for name, _ in kit.rows.tables(draft.entity).scope:
        record[name] = getattr(draft.place, name)
    for name, value in draft.values.items():
        if value is not None and name in encoders:
            encoders[name](record, value, draft.id)
    return record


def side_records(kit: Kit, entity: str, row: UUID, sheet: Sheet, value: Any) -> list[dict[str, Any]]:
    """The records of a part or link table."""
    field = sheet.field
    if not value:
        return []
    if field.kind == "list":
        encoders = kit.rows.encoders(entity)
        return [_part(field, encoders, row, n, part) for n, part in enumerate(value)]
    if field.kind == "photos":
        return [
            {"row_id": row, "target_id": item["file"], "ord": n, "role": item.get("role")}
            for n, item in enumerate(value)
        ]
    ids = [item["id"] if isinstance(item, Mapping) else item for item in value]
    return [{"row_id": row, "target_id": target, "ord": n} for n, target in enumerate(ids)]


def _part(field: Field, encoders: Mapping[str, Put], row: UUID, n: int, part: Mapping[str, Any]) -> dict[str, Any]:
    """The record of one part of a list."""
    record: dict[str, Any] = {"id": uuid7(), "row_id": row, "ord": n}
    for name, value in part.items():
        if value is not None:
            encoders[f"{field.id}.{name}"](record, value, row)
    return record


def digest_of(kit: Kit, key: bytes, values: Mapping[str, Any]) -> bytes:
    """The digest of written values under the row's key: without the key it says nothing of them."""
    return kit.keys.digest(key + json_text({name: values[name] for name in sorted(values)}))


def confirmed(draft: Draft, order: Order) -> list[str]:
    """The codes of the row's warnings that the caller confirmed."""
    return sorted(order.confirm & {warning.code for warning in draft.warnings})


def new_key(kit: Kit) -> tuple[bytes, bytes]:
    """A key for a row, plain and sealed."""
    key = os.urandom(32)
    return key, kit.keys.seal(ROW_KEY, key)


def hexed(data: bytes) -> str:
    """Bytes as PostgreSQL reads them from JSON."""
    return "\\x" + data.hex()


async def insert(
    kit: Kit,
    connection: Any,
    drafts: Sequence[Draft],
    claims: Sequence[tuple[Draft, Claim, bool]],
    actor: Actor,
    order: Order,
    scope: Scope | None,
) -> None:
    """Store new rows by one statement; with `scope` it checks freshness itself. Raises StaleScope."""
    entity = drafts[0].entity
    tables = kit.rows.tables(entity)
    sort = sort_field(kit.model, tables.chain[-1])
    records = []
    for draft in drafts:
        key, sealed = new_key(kit)
        written = {name: value for name, value in draft.values.items() if value is not None}
        record = own_record(kit, draft)
        record["_changed"] = sorted(written)
        record["_digest"] = hexed(digest_of(kit, key, written))
        record["_key"] = hexed(sealed)
        record["_confirmed"] = confirmed(draft, order)
        if sort is not None:
            record["_sort"] = draft.values.get(sort.id)
        records.append(record)
    claimed = [
        {"constraint_name": c.name, "key_hash": hexed(c.key_hash), "row_id": d.id, "contested": contested}
        for d, c, contested in claims
    ]
    sides = [
        msgspec.json.encode(
            [r for d in drafts for r in side_records(kit, entity, d.id, sheet, d.values.get(sheet.field.id))]
        )
        for sheet in tables.sheets
    ]
    args = [
        msgspec.json.encode(records),
        *actor_values(actor),
        order.purpose,
        order.reason or actor.reason,
        order.document,
    ]
    args += [None, msgspec.json.encode(claimed), *sides]
    if scope is not None:
        args += [sorted(scope.subjects), dict(scope.counters)]
    found = await connection.fetchrow(kit.insert(entity, fresh=scope is not None), *args)
    if found["changed"] is not None:
        raise stale(found["changed"])


def stale(subject: str) -> StaleScope:
    """The caller's rights have changed."""
    return StaleScope("scope.changed", "the caller's rights have changed: build the Scope again", subject=subject)


async def check_fresh(connection: Any, scope: Scope) -> None:
    """Take the shared lock of writes and compare the counters, first thing in a transaction. Raises StaleScope."""
    changed = await connection.fetchval(FRESH, sorted(scope.subjects), dict(scope.counters))
    if changed is not None:
        raise stale(changed)


async def raise_flags(kit: Kit, connection: Any, draft: Draft) -> None:
    """Enter the flags of a row for review."""
    place = draft.place
    for flag in draft.flags:
        await connection.execute(
            FLAG,
            place.area_id,
            place.area_ord,
            place.district_id,
            flag.code,
            draft.entity,
            str(draft.id),
            flag.facts or None,
        )


async def enter_candidate(connection: Any, draft: Draft, holder: UUID | None, name: str) -> None:
    """Two rows may be one: for the data officer. Without a holder the statement enters nothing, but takes its time."""
    place, first = draft.place, None if holder is None else str(holder)
    args = (place.area_id, place.area_ord, place.district_id, draft.entity, first, str(draft.id), name)
    await connection.execute(CANDIDATE, *args)


async def update(
    kit: Kit,
    connection: Any,
    draft: Draft,
    stored: Mapping[str, Any],
    actor: Actor,
    order: Order,
    *,
    kind: str,
    action: str,
    removed: bool | None = None,
) -> None:
    """Store the new values of one locked row, its event, revision and ledger entry."""
    assert draft.before is not None
    tables, changed = kit.rows.tables(draft.entity), draft.changed()
    by_level: dict[int, list[tuple[str, str]]] = {}
    for name in changed:
        field = tables.fields[name]
        if field.kind not in SIDE_KINDS:
            by_level.setdefault(tables.level(field), []).extend(columns_of(field))
    moved = any(str(draft.place.columns()[name] or "") != str(stored.get(name) or "") for name, _ in tables.scope)
    sql = update_sql(tables, by_level, scope=moved)
    revision = await connection.fetchval(sql, msgspec.json.encode([own_record(kit, draft)]), removed)
    for sheet in tables.sheets:
        if sheet.field.id in changed:
            await _replace(kit, connection, draft, sheet)
    await _trail(kit, connection, draft, stored, actor, order, kind, action, revision, removed)
    sort = sort_field(kit.model, tables.chain[-1])
    if sort is not None and sort.id in changed and kit.model.root_scope(draft.entity).kind == "through":
        sql = f"UPDATE {names.area_table(tables.chain[-1])} SET sort = $2 WHERE row_id = $1"
        await connection.execute(sql, draft.id, draft.values.get(sort.id))
    if moved and kit.model.root_scope(draft.entity).kind == "through":
        await kit.following.relink(connection, draft.entity, [draft.id])
    elif moved:
        await kit.following.moved(connection, draft.entity, [draft.id])


async def _replace(kit: Kit, connection: Any, draft: Draft, sheet: Sheet) -> None:
    """The parts or links of one field, all anew."""
    await connection.execute(f"DELETE FROM {sheet.table} WHERE row_id = $1", draft.id)
    records = side_records(kit, draft.entity, draft.id, sheet, draft.values.get(sheet.field.id))
    if records:
        columns = ", ".join(names.quote(name) for name, _ in sheet.columns)
        typed = ", ".join(f"{names.quote(name)} {type_}" for name, type_ in sheet.columns)
        sql = f"INSERT INTO {sheet.table} ({columns}) SELECT {columns} FROM json_to_recordset($1::json) AS x({typed})"
        await connection.execute(sql, msgspec.json.encode(records))


async def _trail(
    kit: Kit,
    connection: Any,
    draft: Draft,
    stored: Mapping[str, Any],
    actor: Actor,
    order: Order,
    kind: str,
    action: str,
    revision: int,
    removed: bool | None,
) -> None:
    """The event, the revision and the ledger entry of a change."""
    assert draft.before is not None
    changed = draft.changed()
    after = {name: draft.values.get(name) for name in changed}
    changes: dict[str, Any] = {name: {"from": draft.before.get(name), "to": after[name]} for name in changed}
    if removed is not None:
        changes["removedAt"] = {"from": draft.before.get("removedAt"), "to": draft.now if removed else None}
    key = await row_key(kit, connection, draft.id)
    sealed = None
    if kit.personal[draft.entity]:
        sealed = Keys(key, key).seal("revision", json_text(changes), draft.id.bytes)
    before = {k: v for k, v in stored.items() if not k.endswith(("_enc", "_hash", "_mask"))}
    await connection.execute(
        UPDATE_TRAIL,
        kind,
        draft.entity,
        draft.id,
        revision,
        *(UUID(stored[c]) if stored.get(c) else None for c in ("area_id",)),
        stored.get("area_ord"),
        *(UUID(stored[c]) if stored.get(c) else None for c in ("district_id",)),
        msgspec.Raw(STORED.encode(before)),
        sorted(changes),
        order.operation,
        None if sealed else msgspec.Raw(json_text(changes)),
        sealed,
        confirmed(draft, order),
        order.reason or actor.reason,
        *actor_values(actor),
        action,
        digest_of(kit, key, changes),
        order.purpose,
        order.document,
    )


async def row_key(kit: Kit, connection: Any, row: UUID) -> bytes:
    """The key of a row, made when it has none yet (rows of bulk loads)."""
    stored = await connection.fetchval("SELECT key FROM wangge.row_key WHERE row_id = $1", row)
    if stored is None:
        key, sealed = new_key(kit)
        await connection.execute("INSERT INTO wangge.row_key (row_id, key) VALUES ($1, $2)", row, sealed)
        return key
    return kit.keys.open(ROW_KEY, bytes(stored))
