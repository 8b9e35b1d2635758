"""Rows into the database: the records of a draft, and the statements that store them with event, revision and ledger entry."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from ..audit.entries import actor_values
from ..crypto import Keys
from ..model import names
from ..model.types import Field
from ..policy.scope import Scope
from ..values import Actor, uuid7
from .aside import aside
from .claims import CANDIDATE, Claim
from .columns import SIDE_KINDS, STORED, Put, columns_of, json_text
from .draft import Draft, Order
from .following import sort_field, sort_value
from .kit import Kit
from .outcome import StaleScope
from .statements import AREA_COLUMNS, UPDATE_TRAIL, Sheet, Tables, listed, recordset, update_sql

ROW_KEY = "row_key"
IN_FORCE = "SELECT wangge.key_in_force()"
FRESH = "SELECT wangge.fresh($1::text[], $2::jsonb)"
FLAG = (
    "INSERT INTO wangge.flag (id, revision, created_at, updated_at, area_id, area_ord, district_id, code, entity, row, facts) "
    "VALUES (uuidv7(), 1, now(), now(), $1, $2, $3, $4, $5, $6, $7)"
).replace(" row,", ' "row",')
WAITING = """SELECT code, "row" FROM wangge.flag WHERE entity = $1 AND "row" = ANY($2::text[])
AND reviewed_at IS NULL AND removed_at IS NULL"""


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
    records, claimed, sides = await aside(len(drafts), partial(_encoded, kit, drafts, claims, order))
    args = [
        records,
        *actor_values(actor),
        order.purpose,
        order.reason or actor.reason,
        order.document,
    ]
    args += [None, claimed, *sides]
    if scope is not None:
        args += [sorted(scope.subjects), dict(scope.counters)]
    found = await connection.fetchrow(kit.insert(entity, fresh=scope is not None), *args)
    if found["changed"] is not None:
        raise stale(found["changed"])


def _encoded(
    kit: Kit, drafts: Sequence[Draft], claims: Sequence[tuple[Draft, Claim, bool]], order: Order
) -> tuple[bytes, bytes, list[bytes]]:
    """The JSON texts of new rows, of their claims, and of their parts and links."""
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
            record["_sort"] = sort_value(sort, draft.values)
        records.append(record)
    claimed = [
        {"constraint_name": c.name, "key_hash": hexed(c.key_hash), "row_id": d.id, "contested": contested}
        for d, c, contested in sorted(claims, key=lambda claim: claim[1].key_hash)
    ]
    sides = [
        msgspec.json.encode(
            [r for d in drafts for r in side_records(kit, entity, d.id, sheet, d.values.get(sheet.field.id))]
        )
        for sheet in tables.sheets
    ]
    return msgspec.json.encode(records), msgspec.json.encode(claimed), sides


def stale(subject: str) -> StaleScope:
    """The caller's rights have changed."""
    return StaleScope("scope.changed", "the caller's rights have changed: build the Scope again", subject=subject)


async def check_fresh(connection: Any, scope: Scope) -> None:
    """Take the shared lock of writes and compare the counters, first thing in a transaction. Raises StaleScope."""
    changed = await connection.fetchval(FRESH, sorted(scope.subjects), dict(scope.counters))
    if changed is not None:
        raise stale(changed)


async def raise_flags(connection: Any, drafts: Iterable[Draft]) -> None:
    """Enter the flags of rows for review."""
    flags = [
        (d.place.area_id, d.place.area_ord, d.place.district_id, flag.code, d.entity, str(d.id), flag.facts or None)
        for d in drafts
        for flag in d.flags
    ]
    if flags:
        await connection.executemany(FLAG, flags)


async def raise_flags_again(connection: Any, drafts: Sequence[Draft]) -> None:
    """Enter the flags of changed rows, but for those that wait for their review already."""
    flagged = [draft for draft in drafts if draft.flags]
    if not flagged:
        return
    rows = await connection.fetch(WAITING, flagged[0].entity, [str(draft.id) for draft in flagged])
    waiting = {(row["code"], row["row"]) for row in rows}
    for draft in flagged:
        draft.flags[:] = [flag for flag in draft.flags if (flag.code, str(draft.id)) not in waiting]
    await raise_flags(connection, flagged)


async def enter_candidates(connection: Any, found: Sequence[tuple[Draft, UUID | None, str]]) -> None:
    """Pairs of rows that may be one, each with the name of the key that they share: for the data officer.

    Without a holder the statement enters nothing, but takes its time.
    """
    if not found:
        return
    places = [draft.place for draft, _, _ in found]
    areas = ([p.area_id for p in places], [p.area_ord for p in places], [p.district_id for p in places])
    holders = [None if holder is None else str(holder) for _, holder, _ in found]
    pairs = (holders, [str(draft.id) for draft, _, _ in found], [name for _, _, name in found])
    await connection.execute(CANDIDATE, found[0][0].entity, *areas, *pairs)


async def update(
    kit: Kit,
    connection: Any,
    drafts: Sequence[Draft],
    stored: Mapping[UUID, Mapping[str, Any]],
    actor: Actor,
    order: Order,
    *,
    kind: str,
    action: str,
    removed: bool | None = None,
) -> None:
    """Store the new values of locked rows of one entity, their events, revisions and ledger entries.

    `stored` holds their columns before. Rows that change the same fields are one statement.
    """
    entity = drafts[0].entity
    tables = kit.rows.tables(entity)
    moved = [draft for draft in drafts if _moved(tables, draft, stored[draft.id])]
    away = {draft.id for draft in moved}
    groups: dict[tuple[bool, tuple[str, ...]], list[Draft]] = {}
    for draft in drafts:
        groups.setdefault((draft.id in away, tuple(draft.changed())), []).append(draft)
    revisions: dict[UUID, int] = {}
    for (scope, changed), group in groups.items():
        by_level: dict[int, list[tuple[str, str]]] = {}
        for field in (tables.fields[name] for name in changed):
            if field.kind not in SIDE_KINDS:
                by_level.setdefault(tables.level(field), []).extend(columns_of(field))
        records = msgspec.json.encode([own_record(kit, draft) for draft in group])
        found = await connection.fetch(update_sql(tables, by_level, scope=scope), records, removed)
        revisions |= {row["id"]: row["revision"] for row in found}
        for sheet in tables.sheets:
            if sheet.field.id in changed:
                await _replace(kit, connection, group, sheet)
    await _trail(kit, connection, drafts, stored, actor, order, kind, action, revisions, removed)
    await _sort(kit, connection, tables, drafts)
    rows = [draft.id for draft in moved]
    if kit.model.root_scope(entity).kind == "through":
        await kit.following.relink(connection, entity, rows)
    else:
        await kit.following.moved(connection, entity, rows)


def _moved(tables: Tables, draft: Draft, stored: Mapping[str, Any]) -> bool:
    """Whether a row lies elsewhere than before."""
    return any(str(getattr(draft.place, name) or "") != str(stored.get(name) or "") for name, _ in tables.scope)


async def _sort(kit: Kit, connection: Any, tables: Tables, drafts: Sequence[Draft]) -> None:
    """The copy of the ordering key in the area table of rows that lie where their links lie."""
    sort = sort_field(kit.model, tables.chain[-1])
    if sort is None or kit.model.root_scope(tables.entity.name).kind != "through":
        return
    changed = {draft.id: sort_value(sort, draft.values) for draft in drafts if sort.id in draft.changed()}
    if changed:
        table = names.area_table(tables.chain[-1])
        sql = (
            f"UPDATE {table} a SET sort = x.sort FROM unnest($1::uuid[], $2::text[]) x(id, sort) WHERE a.row_id = x.id"
        )
        await connection.execute(sql, list(changed), list(changed.values()))


async def _replace(kit: Kit, connection: Any, drafts: Sequence[Draft], sheet: Sheet) -> None:
    """The parts or links of one field, all anew."""
    await connection.execute(f"DELETE FROM {sheet.table} WHERE row_id = ANY($1::uuid[])", [d.id for d in drafts])
    records = [r for d in drafts for r in side_records(kit, d.entity, d.id, sheet, d.values.get(sheet.field.id))]
    if records:
        columns = listed(sheet.columns)
        sql = f"INSERT INTO {sheet.table} ({columns}) SELECT {columns} FROM {recordset(sheet.columns, '$1')}"
        await connection.execute(sql, msgspec.json.encode(records))


async def _trail(
    kit: Kit,
    connection: Any,
    drafts: Sequence[Draft],
    stored: Mapping[UUID, Mapping[str, Any]],
    actor: Actor,
    order: Order,
    kind: str,
    action: str,
    revisions: Mapping[UUID, int],
    removed: bool | None,
) -> None:
    """The events, the revisions and the ledger entries of changes."""
    keys = await row_keys(kit, connection, [draft.id for draft in drafts])
    derived = kit.rows.derived(drafts[0].entity)
    left = []
    for draft in drafts:
        changes = _changes(draft, removed)
        sealed = None
        if kit.personal[draft.entity]:
            sealed = Keys(keys[draft.id], keys[draft.id]).seal("revision", json_text(changes), draft.id.bytes)
        was = stored[draft.id]
        before = {k: v for k, v in was.items() if k not in derived and not k.endswith(("_enc", "_hash", "_mask"))}
        left.append(
            {
                "row_id": draft.id,
                "revision": revisions[draft.id],
                **{name: was.get(name) for name, _ in AREA_COLUMNS},
                "before": msgspec.Raw(STORED.encode(before)),
                "changed": sorted(changes),
                "changes": None if sealed else msgspec.Raw(json_text(changes)),
                "sealed": hexed(sealed) if sealed else None,
                "confirmed": confirmed(draft, order),
                "digest": hexed(digest_of(kit, keys[draft.id], changes)),
            }
        )
    args = [msgspec.json.encode(left), kind, drafts[0].entity, order.operation, order.reason or actor.reason]
    await connection.execute(UPDATE_TRAIL, *args, *actor_values(actor), action, order.purpose, order.document)


def _changes(draft: Draft, removed: bool | None) -> dict[str, Any]:
    """Field id -> from and to."""
    before = draft.before or {}
    changes: dict[str, Any] = {
        name: {"from": before.get(name), "to": draft.values.get(name)} for name in draft.changed()
    }
    if removed is not None:
        changes["removedAt"] = {"from": before.get("removedAt"), "to": draft.now if removed else None}
    return changes


async def row_keys(kit: Kit, connection: Any, rows: Sequence[UUID]) -> dict[UUID, bytes]:
    """The keys of rows, made when they have none yet (rows of bulk loads)."""
    stored = await connection.fetch("SELECT row_id, key FROM wangge.row_key WHERE row_id = ANY($1::uuid[])", list(rows))
    keys = {row["row_id"]: kit.keys.open(ROW_KEY, bytes(row["key"])) for row in stored}
    made = {row: new_key(kit) for row in rows if row not in keys}
    if made:
        sql = "INSERT INTO wangge.row_key (row_id, key) SELECT * FROM unnest($1::uuid[], $2::bytea[])"
        await connection.execute(sql, list(made), [sealed for _, sealed in made.values()])
    return keys | {row: key for row, (key, _) in made.items()}
