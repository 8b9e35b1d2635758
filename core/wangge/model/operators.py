"""Which operators a field of a kind has (API.md 1)."""

from __future__ import annotations

from .types import Field

_SET = ("eq", "ne", "in", "notIn", "isNull")
_RANGE = ("eq", "ne", "in", "notIn", "lt", "lte", "gt", "gte", "isNull")
_TEXT = (*_RANGE, "contains", "startsWith")
_RANGED = frozenset("id integer duration decimal money date time datetime".split())
_PRESENCE = frozenset("polygon json file signature".split())


def operators_of(field: Field) -> tuple[str, ...]:
    """The operators of a field that is no reference and has no many rows."""
    if field.sealed or field.kind == "enum":
        return _SET
    if field.kind in _RANGED:
        return _RANGE
    if field.kind in _PRESENCE:
        return ("isNull",)
    if field.kind == "code":
        return (*_SET, "under", "startsWith")
    if field.kind == "codes":
        return ("has", "hasAny", "hasAll", "under", "isNull")
    if field.kind == "boolean":
        return ("eq", "ne", "isNull")
    return ("near", "within", "isNull") if field.kind == "point" else _TEXT
