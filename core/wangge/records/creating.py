"""New rows: from inputs to stored rows, step by step, all or nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Container, Mapping, Sequence
from typing import Any
from uuid import UUID

from ..errors import Denied
from ..policy.scope import NOTHING, Grant, Scope
from ..surface import Warn
from ..values import Change, uuid7
from .claims import Claim
from .draft import (
    REFUSALS,
    Draft,
    Order,
    check_required,
    check_rules,
    check_targets,
    hook_fault,
    missing,
    not_settable,
    refuse,
    settable,
    take_patch,
)
from .inputs import fill_defaults, parse_input
from .kit import Kit
from .numbers import issue
from .outcome import Fault
from .placing import reaches
from .rows import EXACT
from .storing import enter_candidate, insert, raise_flags

Claimed = tuple[Draft, Claim, bool, UUID | None]


def draft_all(kit: Kit, scope: Scope, entity: str, inputs: Sequence[Mapping[str, Any]]) -> list[Draft]:
    """Parse the inputs. Raises Denied when the caller may not create such rows anywhere."""
    grants = create_grants(kit, scope, entity)
    fields = kit.rows.tables(entity).fields
    kind = kit.model.root_scope(entity).kind
    now = dt.datetime.now(dt.UTC)
    drafts = []
    for index, wire in enumerate(inputs):
        parsed = parse_input(fields, kind, wire, lambda name: settable(grants, name))
        drafts.append(
            Draft(
                index=index,
                entity=entity,
                id=parsed.id or uuid7(),
                now=now,
                values=parsed.values,
                given=parsed.given,
                named=frozenset(parsed.values),
                faults=parsed.faults,
                warnings=[],
                flags=[],
            )
        )
        fill_defaults(kit.rows.defaults(entity), parsed.values, now)
        drafts[-1].faults += missing(kit, drafts[-1])
    return drafts


def create_grants(kit: Kit, scope: Scope, entity: str) -> tuple[Grant, ...]:
    """The grants of creating. Raises Denied, also for an entity that the caller must not know of."""
    shape = scope.shape.entity(entity) or NOTHING
    grants = shape.grants("create")
    if not grants or entity not in kit.model.entities or kit.model.entities[entity].writes != "generated":
        raise Denied("write.not_allowed", "this cannot be created with the caller's rights", entity=entity)
    return grants


async def prepare(kit: Kit, reader: Any, scope: Scope, draft: Draft) -> None:
    """Place the row, check what it points to and what must be there."""
    try:
        draft.place = await kit.places.find(reader, scope, draft.entity, draft.values, draft.given)
    except Fault as fault:
        draft.faults.append(fault)
        return
    if draft.given and not covering(kit, scope, draft):  # at once, like an area or a unit that does not exist
        given = next(iter(draft.given))
        draft.faults.append(Fault(f"{given}.unknown", (given,)))
        return
    await check_targets(kit, reader, scope, draft, list(draft.values))
    if draft.faults:
        draft.faults += missing(kit, draft)
        return
    held = covering(kit, scope, draft)
    if held:
        draft.faults += not_settable(held, draft)
    elif draft.place.area_id is not None or draft.place.unit_id is not None:
        draft.faults.append(Fault("row.out_of_reach"))
    await check_required(kit, reader, scope, draft)
    if not held and not draft.faults:
        draft.faults.append(Fault("row.out_of_reach"))


def covering(kit: Kit, scope: Scope, draft: Draft) -> list[Grant]:
    """The grants whose slot holds the row."""
    grants = create_grants(kit, scope, draft.entity)
    return [g for g in grants if reaches(kit.model, scope, g, draft.entity, draft.place, draft.values)]


async def number(kit: Kit, draft: Draft, reader: Any) -> None:
    """Issue the numbers of a row, as the last thing before it is stored: the next writer of the prefix waits for the commit."""
    for field in kit.rows.tables(draft.entity).fields.values():
        if field.kind == "number" and draft.values.get(field.id) is None:
            area = draft.place.district_id or draft.place.area_id
            code = await reader.fetchval("SELECT code FROM wangge.area WHERE id = $1", area) if area else ""
            owner = field.owner or draft.entity
            draft.values[field.id] = await issue(reader, owner, field, draft.now, code or "")


async def call_hooks(kit: Kit, scope: Scope, drafts: Sequence[Draft], records: Any, order: Order) -> None:
    """Ask the modules, take their patches; what one refuses becomes a fault of its row."""
    changes = [
        Change(
            entity=draft.entity,
            kind="create" if draft.before is None else "operation" if order.operation else "update",
            id=draft.id,
            actor=scope.actor,
            before=draft.before,
            after=kit.rows.whole(draft.entity, draft.row()),
            operation=order.operation,
        )
        for draft in drafts
    ]
    by_id = {draft.id: draft for draft in drafts}
    try:
        patches, asked = await kit.hooks.before_write(
            changes, records, kit.concerned(drafts[0].entity, scope.shape.modules), order.confirm
        )
    except REFUSALS as error:
        draft = by_id.get(error.row, drafts[0]) if error.row else drafts[0]
        (draft.warnings if isinstance(error, Warn) else draft.faults).append(hook_fault(error))
        return
    for row, warning in asked:
        by_id[row].warnings.append(hook_fault(warning))
    for draft in drafts:
        try:
            take_patch(kit, draft, patches.get(draft.id, {}))
        except Fault as fault:
            draft.faults.append(fault)


async def claim(
    kit: Kit, reader: Any, scope: Scope, drafts: Sequence[Draft], kept: Container[bytes] = ()
) -> list[Claimed]:
    """The claims that rows take anew, which of them are contested, and who holds those; `kept` are theirs already.

    A holder that the caller sees refuses the row; a hidden one does where the key says `refuse`.
    """
    found: list[Claimed] = []
    own: dict[bytes, UUID] = {}
    for draft in drafts:
        claims = [one for one in kit.claims.of(draft.entity, draft.values) if one.key_hash not in kept]
        draft.tried += sum(kit.claims.is_sealed(draft.entity, one.unique) for one in claims)
        holders, rivals, seen = await _known(kit, reader, scope, draft, claims)
        for one in claims:
            holder = holders.get(one.key_hash)
            path = (one.unique.fields[0],)
            if one.key_hash in own:
                draft.faults.append(Fault("unique.taken", path, id=str(own[one.key_hash])))
                continue
            own[one.key_hash] = draft.id
            if holder is None or holder == draft.id:
                found.append((draft, one, False, None))
                continue
            visible = seen & {holder, *rivals.get(one.key_hash, ())}
            if visible:
                draft.faults.append(Fault("unique.taken", path, id=str(min(visible))))
            elif one.unique.on_hidden == "refuse":
                draft.faults.append(Fault("unique.taken", path))
            else:
                found.append((draft, one, True, holder))
    return found


async def _known(
    kit: Kit, reader: Any, scope: Scope, draft: Draft, claims: list[Claim]
) -> tuple[dict[bytes, UUID], dict[bytes, set[UUID]], set[UUID]]:
    """(who holds each key, who would, which of them the caller sees).

    All three are asked whatever the first says, so that a key that a hidden row holds takes as long as a free one.
    """
    if not claims:
        return {}, {}, set()
    holders = await kit.claims.holders(reader, claims)
    rivals = await kit.claims.contested(reader, claims)
    rows = set(holders.values()).union(*rivals.values()) - {draft.id}
    seen = await kit.references.visible(reader, scope, draft.entity, rows or {draft.id})
    return holders, rivals, seen - {draft.id}


async def settle(
    kit: Kit, reader: Any, scope: Scope, drafts: Sequence[Draft], order: Order, records: Any
) -> list[Claimed]:
    """Everything between parsing and storing. Raises Refused."""
    refuse(kit, drafts, order)
    for draft in drafts:
        await prepare(kit, reader, scope, draft)
    refuse(kit, drafts, order)
    if kit.hooks.writes_of(kit.concerned(drafts[0].entity, scope.shape.modules)):
        await call_hooks(kit, scope, drafts, records, order)
        refuse(kit, drafts, order)
    for draft in drafts:
        await check_rules(kit, reader, scope, draft)
    claims = await claim(kit, reader, scope, drafts)
    refuse(kit, drafts, order)
    for draft in drafts:
        await number(kit, draft, reader)
    return claims


async def store(
    kit: Kit, connection: Any, scope: Scope, drafts: Sequence[Draft], claims: Sequence[Claimed], order: Order
) -> None:
    """Store settled rows inside a transaction, then look whether they are where the caller may create. Raises Refused."""
    await insert(kit, connection, drafts, [(d, c, x) for d, c, x, _ in claims], scope.actor, order, None)
    for draft, one, _, holder in claims:
        await enter_candidate(connection, draft, holder, one.name)
    for draft in drafts:
        await raise_flags(kit, connection, draft)
    for link in kit.following.links(drafts[0].entity):
        rows = [draft.values.get(link.ref.id) for draft in drafts]
        await kit.following.relink(connection, link.upper.name, [row for row in rows if row is not None])
    if is_conditional(kit, scope, drafts[0].entity):
        await check_after(kit, connection, scope, drafts, "create", order)


def is_conditional(kit: Kit, scope: Scope, entity: str) -> bool:
    """Whether a row condition or a prohibition decides about creating: only the stored row can be asked."""
    shape = scope.shape.entity(entity) or NOTHING
    return bool(shape.prohibits.get("create")) or any(g.condition is not None or g.via for g in shape.grants("create"))


async def check_after(
    kit: Kit, connection: Any, scope: Scope, drafts: Sequence[Draft], action: str, order: Order
) -> None:
    """The rows as stored are inside grants of the action that let their fields be set. Raises Refused."""
    guard = kit.guard(scope, drafts[0].entity, action, lock=False)
    ids = sorted(draft.id for draft in drafts)
    rows = [EXACT.decode(row[0]) for row in await connection.fetch(guard.sql, *guard.bind(scope, [ids]))]
    held = {UUID(row["id"]): row["grants"] for row in rows}
    grants = (scope.shape.entity(drafts[0].entity) or NOTHING).grants(action)
    for draft in drafts:
        if draft.id not in held:
            draft.faults.append(Fault("row.out_of_reach"))
        else:
            draft.faults += not_settable([grants[n] for n in held[draft.id]], draft)
    refuse(kit, drafts, order)


def is_plain(kit: Kit, scope: Scope, drafts: Sequence[Draft]) -> bool:
    """Whether a create may be one statement in autocommit: one row, no hook, link, condition, flag, claim or parent."""
    entity = drafts[0].entity
    return (
        len(drafts) == 1
        and not kit.hooks.writes_of(kit.concerned(drafts[0].entity, scope.shape.modules))
        and not kit.following.links(entity)
        and not is_conditional(kit, scope, entity)
        and not kit.claims.uniques(entity)
        and not kit.places.is_derived(entity, drafts[0].values, drafts[0].given)
        and not any(check.grade == "flag" for level in kit.model.chain(entity) for check in level.checks)
    )
