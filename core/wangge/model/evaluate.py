"""The filter language over rows in memory: checks, guards and `required: {when: ...}` while a row is being written.

Two-valued (PERMISSIONS.md 5): a comparison with null is false except isNull; `not` is the complement; `every` over nothing
is true. Rows behind references are not fetched here: a row that is needed and unknown is noted in `Context.missing` and
counts as absent, so that the caller loads what was noted and evaluates again, until nothing is missing.
"""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

import msgspec

from ..values import Row
from .durations import SHANGHAI, shift
from .filter import (
    SELF,
    Compare,
    Every,
    Filter,
    FromActor,
    FromArea,
    FromNow,
    FromRow,
    Given,
    Many,
    Not,
    Operand,
    Param,
    Refers,
    Some,
)
from .places import inside, metres_between
from .types import Field, Model

Key = tuple[str, UUID]
AREA = "wangge.area"


class Target(msgspec.Struct, frozen=True):
    """A row behind a reference: its concrete entity and its values."""

    entity: str
    row: Row


class Context:
    """What an evaluation knows besides the row: the time, who acts, the row before and after, rows behind references.

    `rows` maps (referenced entity, id) to the target, or to None when it is absent for the caller; `children` maps
    (entity, field id, row id) to the rows behind a children field. `missing` collects what was asked for and not known.
    """

    def __init__(
        self,
        model: Model,
        now: dt.datetime,
        *,
        new: Row | None = None,
        old: Row | None = None,
        actor: Mapping[str, Any] | None = None,
        area: UUID | None = None,
        parents: Callable[[str], Mapping[str, str]] | None = None,
        fields_of: Callable[[str], Mapping[str, Field]] | None = None,
    ) -> None:
        self.model = model
        self.now = now
        self.new = new
        self.old = old
        self.actor = actor or {}
        self.area = area
        self.parents = parents
        """code table -> {code: its parent}, for `under`."""
        self.fields_of = fields_of or model.fields_of
        self.rows: dict[Key, Target | None] = {}
        self.children: dict[tuple[str, str, UUID], list[Target]] = {}
        self.missing: set[Key] = set()
        self.missing_children: set[tuple[str, str, UUID]] = set()

    def target(self, entities: Iterable[str], row_id: Any) -> Target | None:
        """The row with this id of the first of `entities` that has it."""
        known = row_id if isinstance(row_id, UUID) else UUID(str(row_id))
        for entity in entities:
            key = (entity, known)
            if key not in self.rows:
                self.missing.add(key)
            elif (found := self.rows[key]) is not None:
                return found
        return None


def evaluate(found: Filter, row: Row, context: Context, entity: str) -> bool:
    """Whether `row` of `entity` (field id -> Python value, implicit fields included) meets a filter."""
    return _holds(found, row, context, entity, context.fields_of(entity))


def _holds(found: Filter, row: Row, context: Context, entity: str, fields: Mapping[str, Field]) -> bool:
    """Whether a row, or a part of a list, meets a filter."""
    if isinstance(found, Every):
        return all(_holds(item, row, context, entity, fields) for item in found.items)
    if isinstance(found, Some):
        return any(_holds(item, row, context, entity, fields) for item in found.items)
    if isinstance(found, Not):
        return not _holds(found.item, row, context, entity, fields)
    if isinstance(found, Refers):
        return _refers(found, row, context, fields)
    if isinstance(found, Many):
        return _many(found, row, context, entity, fields)
    return _compare(found, row, context, fields.get(found.field))


def _compare(found: Compare, row: Row, context: Context, field: Field | None) -> bool:
    """One comparison."""
    if found.field == SELF:
        return _within_area(row, context, _operand(found.operand, context))
    value = row.get(found.field)
    wanted = _operand(found.operand, context)
    if found.operator == "isNull":
        return wanted is not None and (value is None) is bool(wanted)
    if found.operator in ("ne", "notIn"):
        positive = Compare(found.field, "eq" if found.operator == "ne" else "in", found.operand)
        return not _compare(positive, row, context, field)
    if value is None or wanted is None:
        return False
    if found.operator == "near":
        return metres_between(value, wanted["point"]) <= float(wanted["metres"])
    if found.operator == "within":
        return inside(value, wanted)
    if found.operator == "under":
        return any(
            _under(code, str(wanted), context, field) for code in (value if isinstance(value, list) else [value])
        )
    return _test(found.operator, value, wanted)


def _test(operator: str, value: Any, wanted: Any) -> bool:
    """A comparison of two values that are there."""
    if operator == "in":
        return any(value == alike(item, value) for item in wanted if item is not None)
    if operator == "has":
        return wanted in value
    if operator == "hasAny":
        return bool(set(value) & set(wanted))
    if operator == "hasAll":
        return set(wanted) <= set(value)
    if operator == "contains":
        return str(wanted) in str(value)
    if operator == "startsWith":
        return str(value).startswith(str(wanted))
    other = alike(wanted, value)
    if operator == "eq":
        return bool(value == other)
    if operator in ("lt", "lte"):
        return bool(value < other or (operator == "lte" and value == other))
    if operator in ("gt", "gte"):
        return bool(value > other or (operator == "gte" and value == other))
    raise ValueError(f"{operator} is no operator")


def alike(wanted: Any, value: Any) -> Any:
    """An operand (wire value or value of another kind of time) as the type of the value that it is compared with."""
    if isinstance(wanted, dt.datetime) and isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return wanted.astimezone(SHANGHAI).date()
    if isinstance(value, dt.datetime):
        made = dt.datetime.fromisoformat(wanted) if isinstance(wanted, str) else wanted
        if isinstance(made, dt.date) and not isinstance(made, dt.datetime):
            made = dt.datetime(made.year, made.month, made.day)
        return made if made.tzinfo else made.replace(tzinfo=SHANGHAI)
    if isinstance(wanted, str) and not isinstance(value, str):
        if isinstance(value, dt.date | dt.time):
            return type(value).fromisoformat(wanted)
        if isinstance(value, UUID):
            return UUID(wanted)
        if isinstance(value, int | decimal.Decimal) and not isinstance(value, bool):
            return decimal.Decimal(wanted)
    if isinstance(value, decimal.Decimal) and isinstance(wanted, float):
        return decimal.Decimal(str(wanted))
    if isinstance(wanted, UUID) and isinstance(value, str):
        return str(wanted)
    return wanted


def _operand(operand: Operand, context: Context) -> Any:
    """The value of an operand; None for what the context does not have."""
    if isinstance(operand, Given):
        return operand.value
    if isinstance(operand, FromNow):
        return shift(context.now, operand.offset) if operand.offset else context.now
    if isinstance(operand, FromRow):
        return _path(context.new if operand.which == "new" else context.old, operand.path)
    if isinstance(operand, FromActor):
        return context.actor.get(operand.name)
    if isinstance(operand, FromArea):
        return context.area
    assert isinstance(operand, Param)
    raise TypeError("a check has no parameters of a request")


def _path(row: Row | None, path: tuple[str, ...]) -> Any:
    """A value of the row that is being written, or inside one of its structured values (`location.lon`)."""
    value: Any = row
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _within_area(row: Row, context: Context, area: Any) -> bool:
    """Whether an area (the row itself) lies in the subtree of another."""
    if area is None or row.get("ord") is None:
        return False
    upper = context.target((AREA,), area)
    return upper is not None and bool(upper.row["ord"] <= row["ord"] <= upper.row["ordEnd"])


def _under(code: str, root: str, context: Context, field: Field | None) -> bool:
    """Whether a code is `root` or stands below it in its table."""
    parents = context.parents(field.table) if context.parents and field and field.table else {}
    seen: set[str] = set()
    while code and code not in seen:
        if code == root:
            return True
        seen.add(code)
        code = parents.get(code, "")
    return False


def _targets(field: Field | None, name: str) -> tuple[str, ...]:
    """The entities that a reference may point to; those of the implicit references are fixed."""
    if field is not None:
        return field.to or ("wangge.file",)
    return {"area": (AREA,), "district": (AREA,), "unit": ("wangge.unit",)}.get(name, ())


def _refers(found: Refers, row: Row, context: Context, fields: Mapping[str, Field]) -> bool:
    """The reference is there, its target is seen and meets the inner filter."""
    value = row.get(found.field)
    if value is None:
        return False
    entities = (found.target,) if found.target else _targets(fields.get(found.field), found.field)
    target = context.target(entities, value)
    return target is not None and evaluate(found.inner, target.row, context, target.entity)


def _many(found: Many, row: Row, context: Context, entity: str, fields: Mapping[str, Field]) -> bool:
    """some, every, none of the parts or rows behind a field."""
    field = fields[found.field]
    if field.kind == "list":
        inner = {f.id: f for f in field.fields}
        met = [_holds(found.inner, part, context, entity, inner) for part in row.get(found.field) or ()]
    else:
        met = [evaluate(found.inner, t.row, context, t.entity) for t in _behind(field, row, context, entity)]
    if found.quantifier == "every":
        return all(met)
    return any(met) if found.quantifier == "some" else not any(met)


def _behind(field: Field, row: Row, context: Context, entity: str) -> list[Target]:
    """The known rows behind children, refs, files and photos."""
    if field.kind == "children":
        key = (entity, field.id, row["id"])
        if key not in context.children:
            context.missing_children.add(key)
        return context.children.get(key, [])
    ids = [item["file"] if isinstance(item, Mapping) else item for item in row.get(field.id) or ()]
    found = [context.target(_targets(field, field.id), item) for item in ids]
    return [target for target in found if target is not None]
