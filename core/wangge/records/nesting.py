"""New rows with their children: an input may hold the rows behind a `children` field, which are stored with it or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from ..model.types import Field, Model
from ..policy.scope import NOTHING, Scope, Shape
from .aside import aside
from .changing import change_all
from .creating import draft_all, settle, store
from .draft import Draft, Item, Order, Refused, settable, strict
from .keeping import visible_holders
from .kit import Kit
from .locking import Asked
from .outcome import Fault
from .repeats import same_rows


class Nest(msgspec.Struct, frozen=True):
    """A children field whose rows an input may hold."""

    field: Field
    child: str
    inverse: str


def nests(model: Model, shape: Shape, entity: str) -> dict[str, Nest]:
    """The children that a caller may create together with a row of `entity`, by field id."""
    found: dict[str, Nest] = {}
    if not (shape.entity(entity) or NOTHING).grants("get"):
        return found
    for field in model.fields_of(entity).values():
        if field.kind != "children" or len(field.to) != 1 or field.inverse is None:
            continue
        child = field.to[0]
        if child not in model.entities or model.kinds_of(child) or model.entities[child].writes != "generated":
            continue
        if settable((shape.entity(child) or NOTHING).grants("create"), field.inverse):
            found[field.id] = Nest(field, child, field.inverse)
    return found


def nests_of(kit: Kit, shape: Shape, entity: str) -> dict[str, Nest]:
    """`nests`, worked out once per shape."""
    found: dict[str, Nest] | None = kit.nests.find((shape.key, entity))
    if found is None:
        found = nests(kit.model, shape, entity)
        kit.nests.keep((shape.key, entity), found)
    return found


def count_of(model: Model, entity: str, inputs: Sequence[Any]) -> int:
    """How many rows inputs hold: themselves and what is nested in them."""
    count = len(inputs)
    for field in model.fields_of(entity).values() if entity in model.entities and inputs else ():
        if field.kind == "children" and len(field.to) == 1:
            found = (wire.get(field.id) for wire in inputs if isinstance(wire, Mapping))
            below = [child for children in found if isinstance(children, list) for child in children]
            count += count_of(model, field.to[0], below)
    return count


async def create_all(
    kit: Kit, connection: Any, scope: Scope, entity: str, items: Sequence[Item], order: Order, records: Any
) -> list[Draft]:
    """Store new rows and what is nested in them, inside a transaction; a draft for each. Raises Refused, Denied."""
    nested = nests_of(kit, scope.shape, entity)
    own = [msgspec.structs.replace(item, wire=_own(nested, item.wire)) for item in items]
    drafts = await aside(len(own), partial(draft_all, kit, scope, entity, own))
    repeated = await same_rows(kit, connection, scope, drafts, own)
    below = {draft.id: item for draft, item in zip(drafts, items, strict=True)}
    fresh = [draft for draft in drafts if draft.id not in repeated]
    if order.on_conflict != "ERROR":
        full = {d.id for d, item in zip(drafts, items, strict=True) if any(item.wire.get(name) for name in nested)}
        wires = {draft.id: item.wire for draft, item in zip(drafts, own, strict=True)}
        replaced = await _conflicting(kit, connection, scope, entity, fresh, wires, full, order, records)
        fresh = [draft for draft in fresh if draft.id not in replaced]
        drafts = [replaced.get(draft.id, draft) for draft in drafts]
    if nested:
        await aside(len(fresh), partial(_look_below, kit, scope, nested, fresh, below))
    kept, claims = await settle(kit, connection, scope, fresh, order, records)
    await store(kit, connection, scope, kept, claims, order)
    there = [*kept, *(draft for draft in drafts if draft.id in repeated and not draft.faults)]
    for name, nest in nested.items():
        children = [
            Item(d.index, {**wire, nest.inverse: d.id}, (*d.at, name, n), d.id in repeated)
            for d in there
            if d.id in below
            for n, wire in enumerate(below[d.id].wire.get(name) or ())
        ]
        if children:
            try:
                await create_all(kit, connection, scope, nest.child, children, strict(order), records)
            except Refused as refused:
                raise _with_parents(refused, drafts, order) from None
    return drafts


def _with_parents(refused: Refused, drafts: Sequence[Draft], order: Order) -> Refused:
    """What is wrong with children, and the sealed keys of the rows that go with them: theirs were free."""
    told = refused.outcome
    wrong = {one.index for one in (*told.errors, *told.warnings)}
    gone = (d.tried for d in drafts if order.policy == "ALL_OR_NOTHING" or d.index in wrong)
    made = Refused(msgspec.structs.replace(told, tried=told.tried + sum(gone)))
    made.inner = refused.inner
    return made


def _look_below(
    kit: Kit, scope: Scope, nested: Mapping[str, Nest], drafts: Sequence[Draft], items: Mapping[UUID, Item]
) -> None:
    """What is wrong with the form of children is wrong with their parent, before any of its keys is compared (decisions/0014)."""
    sound = [draft for draft in drafts if not draft.faults]
    for name, nest in nested.items():
        deeper = nests_of(kit, scope.shape, nest.child)
        for draft in sound:
            wires = items[draft.id].wire.get(name)
            if not wires or not _is_rows(wires):
                continue
            children = [Item(n, _own(deeper, {**wire, nest.inverse: draft.id})) for n, wire in enumerate(wires)]
            for child in draft_all(kit, scope, nest.child, children):
                draft.faults += [Fault(f.code, (name, child.index, *f.path), **f.facts) for f in child.faults]


def _own(nested: Mapping[str, Nest], wire: Mapping[str, Any]) -> Mapping[str, Any]:
    """An input without what is nested in it."""
    if not any(name in nested for name in wire):
        return wire
    return {name: value for name, value in wire.items() if name not in nested or not _is_rows(value)}


def _is_rows(value: Any) -> bool:
    """Whether a value is a list of inputs, or nothing."""
    return value is None or (isinstance(value, list) and all(isinstance(item, Mapping) for item in value))


async def _conflicting(
    kit: Kit, connection: Any, scope: Scope, entity: str, fresh: Sequence[Draft], wires: Mapping[UUID, Mapping[str, Any]],
    full: Set[UUID], order: Order, records: Any,
) -> dict[UUID, Draft]:  # fmt: skip
    """New rows whose unique key a row holds that the caller sees, and that row for each: left as it is, or updated.

    `full` are those with children, which are stored with new rows only.
    """
    sound = {draft.id: draft for draft in fresh if not draft.faults}
    held = await visible_holders(kit, connection, scope, list(sound.values())) if sound else {}
    replaced: dict[UUID, Draft] = {}
    changes: dict[int, UUID] = {}
    may_update = bool((scope.shape.entity(entity) or NOTHING).grants("update"))
    asked = []
    for row, holders in held.items():
        draft, holder = sound[row], min(holders)
        if len(holders) > 1:
            draft.faults.append(Fault("conflict.several"))
        elif order.on_conflict == "UPDATE" and not may_update:
            draft.faults.append(Fault("unique.taken"))
        elif order.on_conflict == "UPDATE" and row in full:
            draft.faults.append(Fault("conflict.children"))
        else:
            replaced[row] = msgspec.structs.replace(draft, id=holder)
            changes[draft.index] = row
            asked.append(Asked(draft.index, holder, {n: v for n, v in wires[row].items() if n != "id"}))
    if asked and order.on_conflict == "UPDATE":
        for changed in await change_all(kit, connection, scope, entity, asked, order, records, "unique.taken"):
            replaced[changes[changed.index]] = changed
    return replaced
