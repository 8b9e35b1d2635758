"""One row on its way through the door: what was given, what it comes to, what is wrong with it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

import msgspec

from ..errors import RequestError
from ..model.types import Check
from ..policy.scope import Grant, Level, Scope
from ..surface import Flag, Rejected, Warn
from ..values import Actor
from .checks import must_be_given
from .inputs import coerce_patch
from .kit import Kit
from .outcome import Fault, InputError, Outcome
from .placing import Place
from .references import coded, is_valid, pointed

FILES = frozenset(("file", "signature", "files", "photos"))
Policy = Literal["ALL_OR_NOTHING", "PER_ROW"]
"""What one wrong row means for the others of its call."""
OnConflict = Literal["ERROR", "IGNORE", "UPDATE"]
"""What becomes of a new row whose unique key is held by a row that the caller sees."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller says of a write besides the rows."""

    confirm: frozenset[str] = frozenset()
    reason: str | None = None
    operation: str | None = None
    purpose: str | None = None
    document: str | None = None
    language: str = "zh"
    policy: Policy = "ALL_OR_NOTHING"
    on_conflict: OnConflict = "ERROR"


def strict(order: Order) -> Order:
    """The order of what is written together with a row: it stands or falls with it."""
    return msgspec.structs.replace(order, policy="ALL_OR_NOTHING", on_conflict="ERROR")


class Item(msgspec.Struct, frozen=True):
    """One new row as it was sent: field id -> wire value; `at` is where in its input a child stands (`("rooms", 3)`)."""

    index: int
    wire: Mapping[str, Any]
    at: tuple[str | int, ...] = ()
    repeated: bool = False
    """the row that it stands in was stored by an earlier call."""


class Draft(msgspec.Struct, kw_only=True):
    """A row to be written; `values` holds all fields after the write, `before` the row as it is (None: a create)."""

    index: int
    """which input of the call; a child has that of the input that it stands in."""
    entity: str
    id: UUID
    now: dt.datetime
    values: dict[str, Any]
    given: dict[str, UUID] = {}
    named: frozenset[str] = frozenset()
    """field ids that the caller set."""
    at: tuple[str | int, ...] = ()
    """where in its input a child stands."""
    chosen: bool = False
    """its id is the caller's own."""
    before: dict[str, Any] | None = None
    place: Place = Place()
    faults: list[Fault] = []
    warnings: list[Fault] = []
    flags: list[Flag] = []
    tried: int = 0
    """sealed keys that were compared with those of other rows."""
    held: int = 0
    """those of them that a row in sight holds."""

    def row(self) -> dict[str, Any]:
        """The row after the write with its implicit fields, as hooks and conditions see it."""
        base = {"revision": 1, "createdAt": self.now, "updatedAt": self.now, "removedAt": None}
        if self.before is not None:
            base = {name: self.before.get(name) for name in base}
        return {
            **base,
            **self.values,
            "id": self.id,
            "area": self.place.area_id,
            "district": self.place.district_id,
            "unit": self.place.unit_id,
        }

    def changed(self) -> list[str]:
        """Field ids that differ from before, sorted."""
        before = self.before or {}
        return sorted(name for name, value in self.values.items() if not same(before.get(name), value))


def same(one: Any, other: Any) -> bool:
    """Whether two values of a field are equal; an empty list is an absent one, a date known better is another."""
    if one == other:
        return getattr(one, "precision", None) == getattr(other, "precision", None)
    return one in (None, []) and other in (None, [])


class Refused(RequestError):
    """Ends a transaction with an answer: nothing is stored. It passes through the hook in which it is raised."""

    def __init__(self, outcome: Outcome) -> None:
        """`outcome.tried`: sealed keys that were compared with those of other rows, which the answer tells something of."""
        super().__init__("write.refused", "nothing was stored")
        self.outcome = outcome
        self.inner = False
        """whether a module's own write was refused: then the indexes are not those of the call."""


def sift(kit: Kit, drafts: Sequence[Draft], order: Order) -> list[Draft]:
    """The rows that nothing is wrong with; raises Refused for the others, unless each row stands for itself."""
    problem = problems(kit, drafts, order)
    if not problem.errors and not problem.warnings:
        return list(drafts)
    if order.policy == "ALL_OR_NOTHING":
        raise Refused(problem)
    return [draft for draft in drafts if not draft.faults and all(w.code in order.confirm for w in draft.warnings)]


def refuse(kit: Kit, drafts: Sequence[Draft], order: Order) -> None:
    """Raise Refused when anything is wrong with any row: what is stored already has to be undone."""
    problem = problems(kit, drafts, order)
    if problem.errors or problem.warnings:
        raise Refused(problem)


def problems(kit: Kit, drafts: Sequence[Draft], order: Order) -> Outcome:
    """What is wrong with rows, and what has to be confirmed, in the caller's language.

    The answer tells something of every sealed key that was tried when nothing is stored, else of those of the wrong rows, of
    which those that are held are told apart (core/decisions/0014).
    """
    errors: list[InputError] = []
    warnings: list[InputError] = []
    for draft in drafts:
        errors += [kit.error(draft.index, fault, order.language, draft.at) for fault in draft.faults]
        asked = (fault for fault in draft.warnings if fault.code not in order.confirm)
        warnings += [kit.error(draft.index, fault, order.language, draft.at) for fault in asked]
    wrong = {one.index for one in (*errors, *warnings)}
    if not wrong:
        return Outcome(alone=order.policy == "PER_ROW")
    if order.policy == "ALL_OR_NOTHING":
        return Outcome((), tuple(errors), tuple(warnings), sum(d.tried for d in drafts))
    told = [d for d in drafts if d.index in wrong]
    held = sum(d.held for d in told)
    return Outcome((), tuple(errors), tuple(warnings), sum(d.tried for d in told) - held, held, alone=True)


def settable(grants: Iterable[Grant], field: str) -> bool:
    """Whether some of the grants lets the caller set a field."""
    return any(grant.level(field) is Level.CLEAR for grant in grants)


def not_settable(grants: Iterable[Grant], draft: Draft) -> list[Fault]:
    """A fault for each field that the caller set and none of the grants lets be set."""
    held = list(grants)
    return [Fault("field.not_settable", (n,), field=n) for n in sorted(draft.named) if not settable(held, n)]


async def check_targets(
    kit: Kit,
    reader: Any,
    scope: Scope | None,
    drafts: Sequence[Draft],
    names: Mapping[UUID, Iterable[str]] | None = None,
) -> None:
    """References lead to rows that the caller sees, codes are valid today; `names` says which fields of which row to look at."""
    if not drafts:
        return
    pointing, held = kit.pointing(drafts[0].entity)
    chosen = [({n: d.values.get(n) for n in names[d.id]} if names is not None else d.values) for d in drafts]
    found = [list(pointed(pointing, values)) for values in chosen]
    if scope is not None:  # what a caller may put into files, `attaching` says
        found = [[item for item in items if item[1].kind not in FILES] for items in found]
    unseen = await kit.references.unseen(reader, scope, [item for items in found for item in items])
    valid: dict[tuple[str, str, UUID | None], bool] = {}
    for draft, values, items in zip(drafts, chosen, found, strict=True):
        draft.faults += [
            Fault("ref.unknown", path, field=field.id) for path, field, row in items if (field.to, row) in unseen
        ]
        for path, field, code in coded(held, values):
            key = (field.table, code, draft.place.district_id)
            if key not in valid:
                table = await kit.codes.table(reader, field.table, draft.now.timestamp())
                valid[key] = is_valid(table.get(code), draft.place.district_id, draft.now)
            if not valid[key]:
                draft.faults.append(Fault("code.unknown", path, field=field.id, value=code))


async def check_rules(kit: Kit, reader: Any, scope: Scope | None, drafts: Sequence[Draft]) -> None:
    """The entity's checks: refused, to be confirmed, or flagged."""
    if not drafts:
        return
    contexts = kit.checks.contexts(scope, [(draft.row(), draft.before, draft.now) for draft in drafts])
    for draft, found in zip(drafts, await kit.checks.met(reader, scope, contexts, drafts[0].entity), strict=True):
        draft.faults += [_fault(check) for check in found.refuse]
        draft.warnings += [_fault(check) for check in found.confirm]
        draft.flags += [Flag(check.code) for check in found.flag]


def missing(kit: Kit, draft: Draft) -> list[Fault]:
    """Of a row with faults: one more for each field that always must have a value and has none, so that all are told at once."""
    if not draft.faults:
        return []
    wrong = {fault.path[0] for fault in draft.faults if fault.path}
    return [
        Fault("field.required", (field.id,), field=field.id)
        for field in kit.rows.tables(draft.entity).fields.values()
        if field.required
        and must_be_given(field)
        and field.id not in wrong
        and draft.values.get(field.id) in (None, [])
    ]


async def check_required(kit: Kit, reader: Any, scope: Scope | None, drafts: Sequence[Draft]) -> None:
    """Fields that must have a value have one."""
    if not drafts:
        return
    contexts = kit.checks.contexts(scope, [(draft.row(), draft.before, draft.now) for draft in drafts])
    needed = await kit.checks.required(reader, scope, contexts, drafts[0].entity)
    for draft, faults in zip(drafts, needed, strict=True):
        draft.faults += faults


def _fault(check: Check) -> Fault:
    return Fault(check.code)


def hook_fault(error: RequestError) -> Fault:
    """What a hook raised, as a fault."""
    field = getattr(error, "field", None)
    return Fault(error.code, (field,) if field else (), **error.facts)


def take_patch(kit: Kit, draft: Draft, patch: Mapping[str, Any]) -> None:
    """Set what the hooks set; `$flags` are kept for review. Raises Fault."""
    flags = patch.get("$flags") or ()
    draft.flags += list(flags)
    fields = kit.rows.tables(draft.entity).fields
    draft.values.update(coerce_patch(fields, {k: v for k, v in patch.items() if k != "$flags"}))


REFUSALS = (Rejected, Warn)


def actor_of(scope: Scope | None, actor: Actor | None) -> Actor:
    """Who is named in the ledger."""
    if scope is not None:
        return scope.actor
    assert actor is not None
    return actor
