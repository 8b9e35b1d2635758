"""One row on its way through the door: what was given, what it comes to, what is wrong with it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
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


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller says of a write besides the rows."""

    confirm: frozenset[str] = frozenset()
    reason: str | None = None
    operation: str | None = None
    purpose: str | None = None
    document: str | None = None
    language: str = "zh"


class Draft(msgspec.Struct, kw_only=True):
    """A row to be written; `values` holds all fields after the write, `before` the row as it is (None: a create)."""

    index: int
    entity: str
    id: UUID
    now: dt.datetime
    values: dict[str, Any]
    given: dict[str, UUID] = {}
    named: frozenset[str] = frozenset()
    """field ids that the caller set."""
    before: dict[str, Any] | None = None
    place: Place = Place()
    faults: list[Fault] = []
    warnings: list[Fault] = []
    flags: list[Flag] = []
    tried: int = 0
    """sealed keys that were compared with those of other rows."""

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


class Refused(Exception):
    """Ends a transaction with an answer: nothing is stored."""

    def __init__(self, outcome: Outcome, tried: int = 0) -> None:
        """`tried`: sealed keys that were compared with those of other rows, which the answer tells something of."""
        super().__init__("refused")
        self.outcome = outcome
        self.tried = tried


def refuse(kit: Kit, drafts: Sequence[Draft], order: Order) -> None:
    """Raise Refused when anything is wrong with any row, or has to be confirmed."""
    errors: list[InputError] = []
    warnings: list[InputError] = []
    for draft in drafts:
        errors += [kit.error(draft.index, fault, order.language) for fault in draft.faults]
        warnings += [
            kit.error(draft.index, fault, order.language) for fault in draft.warnings if fault.code not in order.confirm
        ]
    if errors or warnings:
        tried = sum(draft.tried for draft in drafts)
        raise Refused(Outcome((), tuple(errors), tuple(warnings)), tried)


def settable(grants: Iterable[Grant], field: str) -> bool:
    """Whether some of the grants lets the caller set a field."""
    return any(grant.level(field) is Level.CLEAR for grant in grants)


def not_settable(grants: Iterable[Grant], draft: Draft) -> list[Fault]:
    """A fault for each field that the caller set and none of the grants lets be set."""
    held = list(grants)
    return [Fault("field.not_settable", (n,), field=n) for n in sorted(draft.named) if not settable(held, n)]


async def check_targets(kit: Kit, reader: Any, scope: Scope | None, draft: Draft, names: Iterable[str]) -> None:
    """References of the named fields lead to rows that the caller sees, their codes are valid today."""
    every = kit.rows.tables(draft.entity).fields
    fields = {name: every[name] for name in names if name in every}
    values = draft.values
    draft.faults += await kit.references.unknown(reader, scope, pointed(fields, values))
    clock = draft.now.timestamp()
    for path, field, code in coded(fields, values):
        table = await kit.codes.table(reader, field.table, clock)
        if not is_valid(table.get(code), draft.place.district_id, draft.now):
            draft.faults.append(Fault("code.unknown", path, field=field.id, value=code))


async def check_rules(kit: Kit, reader: Any, scope: Scope | None, draft: Draft) -> None:
    """The entity's checks: refused, to be confirmed, or flagged."""
    context = kit.checks.context(scope, draft.row(), draft.before, draft.now)
    found = await kit.checks.met(reader, scope, context, draft.entity)
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


async def check_required(kit: Kit, reader: Any, scope: Scope | None, draft: Draft) -> None:
    """Fields that must have a value have one."""
    context = kit.checks.context(scope, draft.row(), draft.before, draft.now)
    draft.faults += await kit.checks.required(reader, scope, context, draft.entity)


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
