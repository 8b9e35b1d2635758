"""Filters as the schema files write them, read into the trees that `filters` evaluates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Find = Callable[[str, str], Any]
"""(entity, field name or id) -> the field."""
LOGIC = {"and": "Every", "or": "Some"}
QUANTIFIERS = ("some", "every", "none")
NOTHING: Mapping[str, Any] = {"type": "Every", "items": []}


def tree(words: Mapping[str, Any], entity: str, find: Find) -> dict[str, Any]:
    """`{birthDate: {gt: {$now: -P14Y}}}` over rows of an entity; every value is text, as the file has it."""
    items = [_item(name, value, entity, find) for name, value in words.items()]
    return items[0] if len(items) == 1 else {"type": "Every", "items": items}


def _item(name: str, value: Any, entity: str, find: Find) -> dict[str, Any]:
    """One key of a filter."""
    if name in LOGIC:
        return {"type": LOGIC[name], "items": [tree(each, entity, find) for each in value]}
    if name == "not":
        return {"type": "Not", "item": tree(value, entity, find)}
    if name == "within":
        return _compare("", "within", value)
    field = find(entity, name)
    if field.kind in ("children", "refs", "list"):
        below = field.to[0] if field.to else entity
        inner: Find = find if field.to else lambda _, part: _part(field, part)
        return _all(
            {"type": "Many", "field": field.id, "quantifier": word, "inner": tree(each, below, inner)}
            for word, each in value.items()
        )
    if field.kind == "ref" and "isNull" not in value:
        return {"type": "Refers", "field": field.id, "inner": tree(value, field.to[0], find) if value else NOTHING}
    return _all(_compare(field.id, operator, operand, field.kind) for operator, operand in value.items())


def _all(items: Any) -> dict[str, Any]:
    found = list(items)
    return found[0] if len(found) == 1 else {"type": "Every", "items": found}


def _part(field: Any, name: str) -> Any:
    """A part of a list by name or id."""
    return next(part for part in field.parts if name in (part.name, part.id))


def _compare(field: str, operator: str, operand: Any, kind: str = "") -> dict[str, Any]:
    return {"type": "Compare", "field": field, "operator": operator, "operand": _operand(operator, operand, kind)}


def _operand(operator: str, operand: Any, kind: str) -> dict[str, Any]:
    """A value, or what a word that begins with $ stands for."""
    if operand == "$area":
        return {"type": "FromArea"}
    if operand == "$now":
        return {"type": "FromNow"}
    if isinstance(operand, Mapping) and "$now" in operand:
        return {"type": "FromNow", "offset": operand["$now"]}
    if isinstance(operand, Mapping) and "$actor" in operand:
        return {"type": "FromActor", "name": operand["$actor"]}
    truth = operator == "isNull" or kind == "boolean"
    return {"type": "Given", "value": operand == "true" if truth else operand}
