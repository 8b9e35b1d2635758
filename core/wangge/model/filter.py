"""The one filter language as a typed tree: of queries, row conditions, required/visible conditions, checks and guards.

In YAML and JSON it is a mapping (API.md 1): `{state: {ne: CLOSED}, or: [...], not: {...}, room: {area: {within: ...}},
parts: {some: {...}}}`. Keys of one mapping are joined by AND. Semantics are two-valued (PERMISSIONS.md 5).
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Quantifier = Literal["some", "every", "none"]
OPERATORS = frozenset(
    "eq ne in notIn lt lte gt gte contains startsWith isNull under has hasAny hasAll within near".split()
)
SELF = ""
"""The `field` of a `Compare` that speaks of the row itself: `{within: ID}` on an area."""


class Given(msgspec.Struct, frozen=True, tag=True):
    """A constant, already of the field's wire type (JSON value)."""

    value: Any


class Param(msgspec.Struct, frozen=True, tag=True):
    """The n-th value that the request brings; part of a compiled plan, where the value itself is not known."""

    index: int


class FromActor(msgspec.Struct, frozen=True, tag=True):
    """`{$actor: account|person|post|units|areas}`; `units` and `areas` are lists, `post` and they are per post."""

    name: Literal["account", "person", "post", "units", "areas"]


class FromArea(msgspec.Struct, frozen=True, tag=True):
    """`$area`: the area of the post whose grant is evaluated."""


class FromNow(msgspec.Struct, frozen=True, tag=True):
    """`$now`, or `{$now: "-P30D"}`: the database's time plus an ISO 8601 duration."""

    offset: str | None = None


class FromRow(msgspec.Struct, frozen=True, tag=True):
    """`{$new: path}` or `{$old: path}`: a value of the row that is being written; only in checks and guards."""

    which: Literal["new", "old"]
    path: tuple[str, ...]


Operand = Given | Param | FromActor | FromArea | FromNow | FromRow


class Every(msgspec.Struct, frozen=True, tag=True):
    """All items hold; true when empty."""

    items: tuple[Filter, ...]


class Some(msgspec.Struct, frozen=True, tag=True):
    """At least one item holds; false when empty."""

    items: tuple[Filter, ...]


class Not(msgspec.Struct, frozen=True, tag=True):
    """The complement."""

    item: Filter


class Compare(msgspec.Struct, frozen=True, tag=True):
    """`field` (its id, or `id`, `revision`, `createdAt`, `updatedAt`, or SELF) against an operand; lists are one operand."""

    field: str
    operator: str
    operand: Operand


class Refers(msgspec.Struct, frozen=True, tag=True):
    """The reference `field` is present, visible, and its target meets `inner`; `target` names the entity of a union."""

    field: str
    inner: Filter
    target: str | None = None


class Many(msgspec.Struct, frozen=True, tag=True):
    """`some`, `every` or `none` of the visible rows behind a children, refs, list, photos or files field."""

    field: str
    quantifier: Quantifier
    inner: Filter


Filter = Every | Some | Not | Compare | Refers | Many
TRUE = Every(())
FALSE = Some(())
