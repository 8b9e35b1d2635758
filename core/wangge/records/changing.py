"""Changes of one row: locked under the caller's rights, merged, checked, stored, and looked at again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from ..errors import Conflict, Denied
from ..model.types import Operation
from ..policy.scope import NOTHING, Grant, Scope
from .creating import call_hooks, check_after, claim
from .draft import Draft, Order, check_required, check_rules, check_targets, missing, not_settable, refuse, settable
from .inputs import Parsed, parse_field, parse_input
from .kit import Kit
from .outcome import Fault
from .placing import Place, reaches
from .rows import EXACT
from .storing import enter_candidate, update

ERASED = "SELECT EXISTS (SELECT 1 FROM wangge.erased WHERE row_id = $1 AND kind = 'erase')"


class Locked:
    """A row that is locked for this transaction: its columns, its values, the grants that reach it."""

    def __init__(self, stored: Mapping[str, Any], values: dict[str, Any], grants: list[Grant]) -> None:
        self.stored = stored
        self.values = values
        self.grants = grants


async def lock(
    kit: Kit, connection: Any, scope: Scope, entity: str, row: UUID, action: str, *, removed: bool | None = False
) -> Locked:
    """Lock a row that some grant of `action` reaches. Raises Denied for one that is missing, out of reach, or erased.

    So does one that is removed, or, with `removed`, one that is not; None takes both.
    """
    grants = (scope.shape.entity(entity) or NOTHING).grants(action)
    if not grants or entity not in kit.model.entities:
        raise Denied("write.not_allowed", "the caller may not do this", entity=entity)
    guard = kit.guard(scope, entity, action, lock=True)
    found = await connection.fetchval(guard.sql, *guard.bind(scope, [[row]]))
    answer = EXACT.decode(found) if found is not None else None
    gone = answer is not None and answer["row"].get("removed_at") is not None
    if answer is None or removed not in (None, gone) or (gone and await _erased(connection, row)):
        raise Denied("row.unknown", "there is no such record for the caller")
    stored = answer["row"]
    sheets = await kit.rows.sheets(connection, entity, [row])
    return Locked(stored, kit.rows.assemble(entity, stored, sheets.get(row)), [grants[n] for n in answer["grants"]])


async def _erased(connection: Any, row: UUID) -> bool:
    """Whether only a stub of a row is left."""
    return bool(await connection.fetchval(ERASED, row))


def check_revision(locked: Locked, if_revision: int | None) -> None:
    """Raises Conflict when the row is not at the revision that the caller knows."""
    present = locked.stored["revision"]
    if if_revision is not None and if_revision != present:
        raise Conflict("row.changed", "another write came first: load the record again", revision=present)


def draft_of(entity: str, row: UUID, locked: Locked, parsed: Parsed) -> Draft:
    """The row as it is with what the caller changes."""
    fields = {k: v for k, v in locked.values.items() if k not in IMPLICIT}
    stored = locked.stored
    place = Place(
        UUID(stored["area_id"]) if stored.get("area_id") else None,
        stored.get("area_ord"),
        UUID(stored["district_id"]) if stored.get("district_id") else None,
        UUID(stored["unit_id"]) if stored.get("unit_id") else None,
        stored.get("unit_ord"),
    )
    return Draft(
        index=0,
        entity=entity,
        id=row,
        now=dt.datetime.now(dt.UTC),
        values={**fields, **parsed.values},
        given=parsed.given,
        named=frozenset(parsed.values),
        before=locked.values,
        place=place,
        faults=parsed.faults,
        warnings=[],
        flags=[],
    )


IMPLICIT = frozenset(("id", "revision", "createdAt", "updatedAt", "removedAt", "area", "district", "unit"))


async def change(
    kit: Kit, connection: Any, scope: Scope, entity: str, row: UUID, patch: Mapping[str, Any], if_revision: int | None,
    order: Order, records: Any,
) -> UUID:  # fmt: skip
    """Update a row. Raises Refused, Denied, Conflict."""
    locked = await lock(kit, connection, scope, entity, row, "update")
    check_revision(locked, if_revision)
    fields = kit.rows.tables(entity).fields
    kind = kit.model.root_scope(entity).kind
    parsed = parse_input(fields, kind, patch, lambda name: settable(locked.grants, name))
    parsed.id = None
    draft = draft_of(entity, row, locked, parsed)
    draft.faults += missing(kit, draft)
    await finish(kit, connection, scope, draft, locked, order, records, kind="update", action="update")
    return row


async def finish(
    kit: Kit, connection: Any, scope: Scope, draft: Draft, locked: Locked, order: Order, records: Any, *, kind: str, action: str
) -> None:  # fmt: skip
    """Check a changed row, ask the modules, store it, and see that it stays within reach."""
    refuse(kit, [draft], order)
    draft.faults += not_settable(locked.grants, draft) if action == "update" else []
    await _place(kit, connection, scope, draft)
    await check_targets(kit, connection, scope, draft, draft.changed())
    await check_required(kit, connection, scope, draft)
    refuse(kit, [draft], order)
    if kit.hooks.writes_of(kit.concerned(draft.entity, scope.shape.modules)):
        await call_hooks(kit, scope, [draft], records, order)
        refuse(kit, [draft], order)
    await check_rules(kit, connection, scope, draft)
    await _claim(kit, connection, scope, draft)
    refuse(kit, [draft], order)
    moved = draft.place.area_id != _uuid(locked.stored.get("area_id")) or draft.place.unit_id != _uuid(
        locked.stored.get("unit_id")
    )
    changed = draft.changed()
    if not changed and not moved and kind == "update":
        return
    await update(kit, connection, draft, locked.stored, scope.actor, order, kind=kind, action=action)
    await _follow(kit, connection, draft)
    await check_after(kit, connection, scope, [draft], action, order)


def _uuid(text: str | None) -> UUID | None:
    return UUID(text) if text else None


async def _place(kit: Kit, connection: Any, scope: Scope, draft: Draft) -> None:
    """Where the row lies after the change: it moves only when its area, or what it is derived from, was changed."""
    assert draft.before is not None
    derived = kit.places.derives(draft.entity)
    if not draft.given and not set(derived) & set(draft.changed()):
        return
    if not draft.given and not any(draft.values.get(name) is not None for name in derived):
        return
    try:
        draft.place = await kit.places.find(connection, scope, draft.entity, draft.values, draft.given)
    except Fault as fault:
        draft.faults.append(fault)
        return
    grants = (scope.shape.entity(draft.entity) or NOTHING).grants("update")
    if draft.given and not any(reaches(kit.model, scope, g, draft.entity, draft.place, draft.values) for g in grants):
        name = next(iter(draft.given))
        draft.faults.append(Fault(f"{name}.unknown", (name,)))  # as if it did not exist


async def _claim(kit: Kit, connection: Any, scope: Scope, draft: Draft) -> None:
    """Give up the claims of old values and take those of new ones."""
    assert draft.before is not None
    old = {claim.key_hash for claim in kit.claims.of(draft.entity, draft.before)}
    wanted = {claim.key_hash for claim in kit.claims.of(draft.entity, draft.values)}
    if wanted == old:
        return
    await kit.claims.give_up(connection, draft.id, old - wanted)
    for _, one, contested, holder in await claim(kit, connection, scope, [draft], kept=old):
        await enter_candidate(connection, draft, holder, one.name)
        sql = "INSERT INTO wangge.claim (constraint_name, key_hash, row_id, contested) VALUES ($1, $2, $3, $4)"
        await connection.execute(sql, one.name, one.key_hash, draft.id, contested)


async def _follow(kit: Kit, connection: Any, draft: Draft) -> None:
    """What the row linked before, and links now, is placed again."""
    for link in kit.following.links(draft.entity):
        both = [(draft.before or {}).get(link.ref.id), draft.values.get(link.ref.id)]
        await kit.following.relink(connection, link.upper.name, [row for row in both if row is not None])


async def put_away(
    kit: Kit, connection: Any, scope: Scope, entity: str, row: UUID, order: Order, *, removed: bool
) -> UUID:
    """Remove a row, or restore it. Raises Denied."""
    action = "remove" if removed else "restore"
    locked = await lock(kit, connection, scope, entity, row, action, removed=not removed)
    draft = draft_of(entity, row, locked, Parsed({}, {}, []))
    await update(kit, connection, draft, locked.stored, scope.actor, order, kind=action, action=action, removed=removed)
    await _follow(kit, connection, draft)
    return row


async def carry_out(
    kit: Kit, connection: Any, scope: Scope, entity: str, row: UUID, name: str, wire: Mapping[str, Any],
    if_revision: int | None, order: Order, records: Any,
) -> UUID:  # fmt: skip
    """A declared operation: its guard holds, its input sets the fields that it alone writes, modules do the rest."""
    operation = operation_of(kit, entity, name)
    locked = await lock(kit, connection, scope, entity, row, f"do:{name}")
    check_revision(locked, if_revision)
    inputs = {field.id: field for field in operation.input}
    parsed = Parsed({}, {}, [])
    for key, value in wire.items():
        field = inputs.get(key)
        try:
            if field is None:
                raise Fault("field.not_settable", (key,), field=key)
            parsed.values[key] = parse_field(field, value)
        except Fault as fault:
            parsed.faults.append(fault)
    for field in operation.input:
        if field.required and parsed.values.get(field.id) is None:
            parsed.faults.append(Fault("field.required", (field.id,), field=field.id))
    own = kit.rows.tables(entity).fields
    writes = {k: v for k, v in parsed.values.items() if k in own and own[k].written_by == name}
    draft = draft_of(entity, row, locked, Parsed(writes, {}, parsed.faults))
    if operation.guard is not None and not draft.faults:
        context = kit.checks.context(scope, locked.values, locked.values, draft.now)
        if not await kit.checks.holds(connection, scope, context, operation.guard, entity):
            draft.faults.append(Fault("operation.not_now"))
    await finish(kit, connection, scope, draft, locked, order, records, kind="operation", action=f"do:{name}")
    return row


def operation_of(kit: Kit, entity: str, name: str) -> Operation:
    """A declared operation of an entity or of what it is a kind of. Raises Denied."""
    for level in kit.model.chain(entity) if entity in kit.model.entities else ():
        for operation in level.operations:
            if operation.name == name:
                return operation
    raise Denied("operation.unknown", f"{entity} has no operation {name}", entity=entity, operation=name)
