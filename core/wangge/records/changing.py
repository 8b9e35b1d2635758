"""Changes of one row: locked under the caller's rights, merged, checked, stored, and looked at again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from ..errors import Denied
from ..model.types import Operation
from ..policy.scope import NOTHING, Scope
from .attaching import check_files, take
from .creating import call_hooks, check_after, claim
from .draft import (
    Draft,
    Order,
    Refused,
    check_required,
    check_rules,
    check_targets,
    missing,
    not_settable,
    refuse,
    settable,
    sift,
)
from .inputs import Parsed, parse_field, parse_input
from .kit import Kit
from .locking import Asked, Locked, check_revision, draft_of, faulty, located, lock, lock_all, unfit
from .outcome import Fault
from .placing import reaches
from .storing import enter_candidates, raise_flags_again, update

CLAIM = "INSERT INTO wangge.claim (constraint_name, key_hash, row_id, contested) VALUES ($1, $2, $3, $4)"


async def change(
    kit: Kit, connection: Any, scope: Scope, entity: str, row: UUID, patch: Mapping[str, Any], if_revision: int | None,
    order: Order, records: Any,
) -> UUID:  # fmt: skip
    """Update a row. Raises Refused, Denied, Conflict."""
    locked = await lock(kit, connection, scope, entity, row, "update")
    check_revision(locked, if_revision)
    draft = _patched(kit, entity, locked, Asked(0, row, patch), kit.now())
    await finish(kit, connection, scope, [draft], {row: locked}, order, records, kind="update", action="update")
    return row


async def change_all(
    kit: Kit, connection: Any, scope: Scope, entity: str, asked: Sequence[Asked], order: Order, records: Any,
    unfit_as: str | None = None,
) -> list[Draft]:  # fmt: skip
    """Update rows; a row that is missing, or at another revision, is a fault of its input. Raises Refused, Denied.

    `unfit_as` is the code of such a fault when the caller did not ask for a change by id.
    """
    locked = await lock_all(kit, connection, scope, entity, [one.id for one in asked], "update")
    drafts: list[Draft] = []
    seen: set[UUID] = set()
    now = kit.now()
    for one in asked:
        found = locked.get(one.id)
        fault = unfit(one, found, seen)
        fault = Fault(unfit_as) if fault is not None and unfit_as is not None else fault
        drafts.append(
            faulty(entity, one, fault, now)
            if found is None or fault is not None
            else _patched(kit, entity, found, one, now)
        )
        seen.add(one.id)
    await finish(kit, connection, scope, drafts, locked, order, records, kind="update", action="update")
    return drafts


def _patched(kit: Kit, entity: str, locked: Locked, asked: Asked, now: dt.datetime) -> Draft:
    """A locked row with what is to be changed."""
    fields = kit.rows.tables(entity).fields
    kind = kit.model.root_scope(entity).kind
    parsed = parse_input(fields, kind, asked.patch, lambda name: settable(locked.grants, name), now)
    parsed.id = None
    draft = draft_of(entity, asked.id, locked, parsed, now, asked.index)
    draft.faults += missing(kit, draft)
    return draft


async def finish(
    kit: Kit, connection: Any, scope: Scope, drafts: Sequence[Draft], locked: Mapping[UUID, Locked], order: Order,
    records: Any, *, kind: str, action: str,
) -> None:  # fmt: skip
    """Check changed rows, ask the modules, store them, and see that they stay within reach."""
    kept = sift(kit, drafts, order)
    for draft in kept if action == "update" else ():
        draft.faults += not_settable(locked[draft.id].grants, draft)
    await _place(kit, connection, scope, kept)
    await check_targets(kit, connection, scope, kept, {draft.id: draft.changed() for draft in kept})
    await check_files(kit, connection, scope, kept)
    await check_required(kit, connection, scope, kept)
    kept = sift(kit, kept, order)
    if kept and kit.hooks.writes_of(kit.concerned(kept[0].entity, scope.shape.modules)):
        await call_hooks(kit, scope, kept, records, order)
        kept = sift(kit, kept, order)
    await check_rules(kit, connection, scope, kept)
    kept = sift(kit, kept, order)
    await _claim(kit, connection, scope, kept, order)
    refuse(kit, kept, order)  # claims were given up: what is wrong now has to be undone
    stored = {draft.id: locked[draft.id].stored for draft in kept}
    kept = [d for d in kept if kind != "update" or d.changed() or _moved(d, stored[d.id])]
    if kept:
        await update(kit, connection, kept, stored, scope.actor, order, kind=kind, action=action)
        await raise_flags_again(connection, kept)
        await take(kit, connection, scope, kept, order)
        await _follow(kit, connection, kept)
        await check_after(kit, connection, scope, kept, action, order)


def _moved(draft: Draft, stored: Mapping[str, Any]) -> bool:
    """Whether a row is put into another area or unit."""
    place = draft.place
    return place.area_id != _uuid(stored.get("area_id")) or place.unit_id != _uuid(stored.get("unit_id"))


def _uuid(text: str | None) -> UUID | None:
    return UUID(text) if text else None


async def _place(kit: Kit, connection: Any, scope: Scope, drafts: Sequence[Draft]) -> None:
    """Where rows lie after the change: they move only when their area, or what it is derived from, was changed."""
    moving = [draft for draft in drafts if _may_move(kit, draft)]
    if not moving:
        return
    entity = moving[0].entity
    grants = (scope.shape.entity(entity) or NOTHING).grants("update")
    places = await kit.places.find_all(connection, scope, entity, [(d.values, d.given) for d in moving])
    for draft, place in zip(moving, places, strict=True):
        if isinstance(place, Fault):
            draft.faults.append(place)
            continue
        draft.place = place
        if draft.given and not any(reaches(kit.model, scope, g, entity, place, draft.values) for g in grants):
            name = next(iter(draft.given))
            draft.faults.append(Fault(f"{name}.unknown", (name,)))  # as if it did not exist


def _may_move(kit: Kit, draft: Draft) -> bool:
    """Whether a change says anew where a row lies."""
    if draft.given:
        return True
    derived = kit.places.derives(draft.entity)
    return bool(set(derived) & set(draft.changed())) and any(draft.values.get(name) is not None for name in derived)


async def _claim(kit: Kit, connection: Any, scope: Scope, drafts: Sequence[Draft], order: Order) -> None:
    """Give up the claims of old values and take those of new ones."""
    if not drafts or not kit.claims.uniques(drafts[0].entity):
        return
    old = {d.id: {claim.key_hash for claim in kit.claims.of(d.entity, d.before or {})} for d in drafts}
    wanted = {d.id: {claim.key_hash for claim in kit.claims.of(d.entity, d.values)} for d in drafts}
    changed = [draft for draft in drafts if wanted[draft.id] != old[draft.id]]
    if not changed:
        return
    gone = [(d.id, key) for d in changed for key in sorted(old[d.id] - wanted[d.id])]
    await kit.claims.give_up(connection, gone)
    claims = await claim(kit, connection, scope, changed, kept=old)
    refuse(kit, changed, order)
    await enter_candidates(connection, [(d, holder, one.name) for d, one, _, holder in claims])
    if claims:
        await connection.executemany(CLAIM, [(one.name, one.key_hash, d.id, x) for d, one, x, _ in claims])


async def _follow(kit: Kit, connection: Any, drafts: Sequence[Draft]) -> None:
    """What the rows linked before, and link now, is placed again."""
    for link in kit.following.links(drafts[0].entity) if drafts else ():
        name = link.ref.id
        both = [row for d in drafts for row in ((d.before or {}).get(name), d.values.get(name)) if row is not None]
        await kit.following.relink(connection, link.upper.name, both)


async def put_away(
    kit: Kit, connection: Any, scope: Scope, entity: str, row: UUID, order: Order, *, removed: bool
) -> UUID:
    """Remove a row, or restore it. Raises Denied."""
    try:
        await put_away_all(kit, connection, scope, entity, [Asked(0, row)], order, removed=removed)
    except Refused:
        raise Denied("row.unknown", "there is no such record for the caller") from None
    return row


async def put_away_all(
    kit: Kit, connection: Any, scope: Scope, entity: str, asked: Sequence[Asked], order: Order, *, removed: bool
) -> list[Draft]:
    """Remove rows, or restore them; a row that is missing is a fault of its input. Raises Refused, Denied."""
    action = "remove" if removed else "restore"
    rows = [one.id for one in asked]
    locked = await lock_all(kit, connection, scope, entity, rows, action, removed=not removed)
    drafts = located(entity, asked, locked, kit.now())
    kept = sift(kit, drafts, order)
    if kept:
        stored = {draft.id: locked[draft.id].stored for draft in kept}
        await update(kit, connection, kept, stored, scope.actor, order, kind=action, action=action, removed=removed)
        await _follow(kit, connection, kept)
    return drafts


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
    draft = draft_of(entity, row, locked, Parsed(writes, {}, parsed.faults), kit.now())
    if operation.guard is not None and not draft.faults:
        context = kit.checks.context(scope, locked.values, locked.values, draft.now)
        if not await kit.checks.holds(connection, scope, context, operation.guard, entity):
            draft.faults.append(Fault("operation.not_now"))
    await finish(kit, connection, scope, [draft], {row: locked}, order, records, kind="operation", action=f"do:{name}")
    return row


def operation_of(kit: Kit, entity: str, name: str) -> Operation:
    """A declared operation of an entity or of what it is a kind of. Raises Denied."""
    for level in kit.model.chain(entity) if entity in kit.model.entities else ():
        for operation in level.operations:
            if operation.name == name:
                return operation
    raise Denied("operation.unknown", f"{entity} has no operation {name}", entity=entity, operation=name)
