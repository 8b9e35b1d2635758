"""New rows: from inputs to stored rows, step by step, all or nothing."""

from __future__ import annotations

import functools
from collections.abc import Container, Mapping, Sequence
from typing import Any
from uuid import UUID

from ..errors import Denied
from ..policy.scope import NOTHING, Grant, Scope
from ..surface import Rejected, Warn
from ..values import Change, uuid7
from .attaching import check_files, take
from .claims import Claim
from .draft import (
    REFUSALS,
    Draft,
    Item,
    Order,
    check_required,
    check_rules,
    check_targets,
    hook_fault,
    missing,
    not_settable,
    refuse,
    settable,
    sift,
    take_patch,
)
from .inputs import fill_defaults, parse_input
from .keeping import check_keys
from .kit import Kit
from .numbers import issue_all
from .outcome import Fault
from .placing import reaches
from .rows import EXACT
from .storing import enter_candidates, insert, raise_flags

Claimed = tuple[Draft, Claim, bool, UUID | None]
NONE_KEPT: Mapping[UUID, Container[bytes]] = {}
CODE_OF = "SELECT id, code FROM wangge.area WHERE id = ANY($1::uuid[])"


def draft_all(kit: Kit, scope: Scope, entity: str, items: Sequence[Item]) -> list[Draft]:
    """Parse the inputs. Raises Denied when the caller may not create such rows anywhere."""
    grants = create_grants(kit, scope, entity)
    fields = kit.rows.tables(entity).fields
    kind = kit.model.root_scope(entity).kind
    now = kit.now()
    drafts = []
    may = functools.cache(lambda name: settable(grants, name))
    for item in items:
        parsed = parse_input(fields, kind, item.wire, may, now)
        drafts.append(
            Draft(
                index=item.index,
                at=item.at,
                chosen=parsed.id is not None,
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


async def prepare(kit: Kit, reader: Any, scope: Scope, drafts: Sequence[Draft]) -> None:
    """Place the rows, check what they point to and what must be there."""
    if not drafts:
        return
    placed = await kit.places.find_all(reader, scope, drafts[0].entity, [(d.values, d.given) for d in drafts])
    for draft, place in zip(drafts, placed, strict=True):
        if isinstance(place, Fault):
            draft.faults.append(place)
        else:
            draft.place = place
    grants = create_grants(kit, scope, drafts[0].entity)
    there, held = [], {}
    for draft in (draft for draft in drafts if not draft.faults):
        held[draft.id] = tuple(
            n for n, g in enumerate(grants) if reaches(kit.model, scope, g, draft.entity, draft.place, draft.values)
        )
        if draft.given and not held[draft.id]:  # at once, like an area or a unit that does not exist
            given = next(iter(draft.given))
            draft.faults.append(Fault(f"{given}.unknown", (given,)))
        else:
            there.append(draft)
    await check_targets(kit, reader, scope, there)
    await check_files(kit, reader, scope, there)
    for draft in there:
        draft.faults += missing(kit, draft)
    there = [draft for draft in there if not draft.faults]
    may = functools.cache(lambda held, name: settable([grants[n] for n in held], name))
    for draft in there:
        if held[draft.id]:
            wrong = (name for name in sorted(draft.named) if not may(held[draft.id], name))
            draft.faults += [Fault("field.not_settable", (name,), field=name) for name in wrong]
        elif draft.place.area_id is not None or draft.place.unit_id is not None:
            draft.faults.append(Fault("row.out_of_reach"))
    await check_required(kit, reader, scope, there)
    for draft in there:
        if not held[draft.id] and not draft.faults:
            draft.faults.append(Fault("row.out_of_reach"))


async def number(kit: Kit, drafts: Sequence[Draft], reader: Any) -> None:
    """Issue the numbers of rows, as the last thing before they are stored: the next writer of a prefix waits for the commit."""
    fields = kit.rows.tables(drafts[0].entity).fields.values() if drafts else ()
    for field in (field for field in fields if field.kind == "number"):
        wanted = [draft for draft in drafts if draft.values.get(field.id) is None]
        areas = [draft.place.district_id or draft.place.area_id for draft in wanted]
        ids = sorted({area for area in areas if area is not None})
        codes = {row["id"]: row["code"] for row in await reader.fetch(CODE_OF, ids)} if ids else {}
        rows = [(draft.now, codes.get(area) or "") for draft, area in zip(wanted, areas, strict=True)]
        issued = await issue_all(reader, field.owner or drafts[0].entity, field, rows)
        for draft, made in zip(wanted, issued, strict=True):
            draft.values[field.id] = made


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
    modules = kit.concerned(drafts[0].entity, scope.shape.modules)
    try:
        answer = await kit.hooks.before_write(changes, records, modules, order.confirm)
    except REFUSALS as error:
        if len(drafts) > 1 and order.policy == "PER_ROW":
            raise OfNoRow from error
        _note(drafts[0], error)
        return
    for row, said in (*answer.refused, *answer.confirmed):
        if row in by_id:
            _note(by_id[row], said)
    for draft in drafts:
        try:
            take_patch(kit, draft, answer.patches.get(draft.id, {}))
        except Fault as fault:
            draft.faults.append(fault)


def _note(draft: Draft, error: Rejected | Warn) -> None:
    """What a module said of a row."""
    (draft.warnings if isinstance(error, Warn) else draft.faults).append(hook_fault(error))


class OfNoRow(Exception):
    """A module refused several rows without saying which one: they are asked for anew in halves."""


async def claim(
    kit: Kit, reader: Any, scope: Scope, drafts: Sequence[Draft], kept: Mapping[UUID, Container[bytes]] = NONE_KEPT
) -> list[Claimed]:
    """The claims that rows take anew, which of them are contested, and who holds those; `kept` are theirs already.

    A holder that the caller sees refuses the row; a hidden one does where the key says `refuse`.
    """
    wanted = [
        (d, [c for c in kit.claims.of(d.entity, d.values) if c.key_hash not in kept.get(d.id, ())]) for d in drafts
    ]
    every = [one for _, claims in wanted for one in claims]
    for draft, claims in wanted:
        draft.tried, draft.held = sum(kit.claims.is_sealed(draft.entity, one.unique) for one in claims), 0
    holders, rivals, seen = await _known(kit, reader, scope, drafts, every)
    found: list[Claimed] = []
    own: dict[bytes, UUID] = {}
    for draft, claims in wanted:
        taken: list[Claimed] = []
        for one in claims:
            holder = holders.get(one.key_hash)
            path = (one.unique.fields[0],)
            known = ({holder, *rivals.get(one.key_hash, ())} & seen) - {draft.id}
            if one.key_hash in own:
                draft.faults.append(Fault("unique.taken", path, id=str(own[one.key_hash])))
            elif holder is None or holder == draft.id:
                taken.append((draft, one, False, None))
            elif known:
                draft.held += kit.claims.is_sealed(draft.entity, one.unique)
                draft.faults.append(Fault("unique.taken", path, id=str(min(row for row in known if row is not None))))
            elif one.unique.on_hidden == "refuse":
                draft.faults.append(Fault("unique.taken", path))
            else:
                taken.append((draft, one, True, holder))
        if not draft.faults:
            found += taken
            own |= {one.key_hash: draft.id for one in claims}
    return found


async def _known(
    kit: Kit, reader: Any, scope: Scope, drafts: Sequence[Draft], claims: list[Claim]
) -> tuple[dict[bytes, UUID], dict[bytes, set[UUID]], set[UUID]]:
    """(who holds each key, who would, which of them the caller sees).

    All three are asked whatever the first says, so that a key that a hidden row holds takes as long as a free one.
    """
    if not claims:
        return {}, {}, set()
    holders = await kit.claims.holders(reader, claims)
    rivals = await kit.claims.contested(reader, claims)
    rows = set(holders.values()).union(*rivals.values()) - {draft.id for draft in drafts}
    seen = await kit.references.visible(reader, scope, drafts[0].entity, rows or {drafts[0].id})
    return holders, rivals, seen


async def settle(
    kit: Kit, reader: Any, scope: Scope, drafts: Sequence[Draft], order: Order, records: Any
) -> tuple[list[Draft], list[Claimed]]:
    """Everything between parsing and storing; the rows that are right, and their claims. Raises Refused."""
    kept = sift(kit, drafts, order)
    await prepare(kit, reader, scope, kept)
    kept = sift(kit, kept, order)
    if kept and kit.hooks.writes_of(kit.concerned(kept[0].entity, scope.shape.modules)):
        await call_hooks(kit, scope, kept, records, order)
        kept = sift(kit, kept, order)
    await check_rules(kit, reader, scope, kept)
    kept = sift(kit, kept, order)
    if len(drafts) > 1:
        await check_keys(kit, reader, scope, kept)
    claims = await claim(kit, reader, scope, kept) if kept else []
    kept = sift(kit, kept, order)
    await number(kit, kept, reader)
    ids = {draft.id for draft in kept}
    return kept, [one for one in claims if one[0].id in ids]


async def store(
    kit: Kit, connection: Any, scope: Scope, drafts: Sequence[Draft], claims: Sequence[Claimed], order: Order
) -> None:
    """Store settled rows inside a transaction, then look whether they are where the caller may create. Raises Refused."""
    if not drafts:
        return
    await insert(kit, connection, drafts, [(d, c, x) for d, c, x, _ in claims], scope.actor, order, None)
    await enter_candidates(connection, [(d, holder, c.name) for d, c, _, holder in claims])
    await raise_flags(connection, drafts)
    await take(kit, connection, scope, drafts, order)
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


def may_be_plain(kit: Kit, scope: Scope, entity: str) -> bool:
    """Whether a create of one row may be one statement in autocommit: no hook, link, condition, flag or claim."""
    return (
        not kit.hooks.writes_of(kit.concerned(entity, scope.shape.modules))
        and not kit.following.links(entity)
        and not is_conditional(kit, scope, entity)
        and not kit.claims.uniques(entity)
        and not any(check.grade == "flag" for level in kit.model.chain(entity) for check in level.checks)
    )
