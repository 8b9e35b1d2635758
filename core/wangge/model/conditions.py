"""The filter language as it stands in YAML and in stored rules -> typed filters; every name, operator and value is checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import Invalid
from ..values import Label
from .filter import (
    OPERATORS,
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
    Refers,
    Some,
)
from .kinds import LIST_OPERATORS, MANY, operators
from .mistakes import nearest
from .reader import DURATION
from .types import Field, Model
from .values_of_kinds import BadValue, parse_value
from .yaml import Node

Wrong = Callable[[str, str, int], None]
"""(code, message, line)."""
AREA = "wangge.area"
SYSTEM = {"id": "ref", "revision": "integer", "createdAt": "datetime", "updatedAt": "datetime", "removedAt": "datetime"}
ACTOR = ("account", "person", "post", "units", "areas")
QUANTIFIERS = ("some", "every", "none")


def parse_filter(model: Model, entity: str, found: Any) -> Filter:
    """A filter from plain data; raises Invalid `filter.invalid` with the first mistake."""

    def wrong(code: str, message: str, _line: int) -> None:
        raise Invalid("filter.invalid", message, reason=code)

    return Conditions(model, wrong).read(entity, to_node(found))


def to_node(value: Any, line: int = 0) -> Node:
    """Plain data as nodes."""
    if isinstance(value, Mapping):
        return Node({str(k): to_node(v, line) for k, v in value.items()}, line)
    if isinstance(value, list | tuple):
        return Node([to_node(v, line) for v in value], line)
    return Node(value, line)


class Conditions:
    """Reads conditions over entities of a model."""

    def __init__(self, model: Model, wrong: Wrong) -> None:
        self._model = model
        self._wrong = wrong

    def read(self, entity: str, node: Node) -> Filter:
        """All keys of one mapping."""
        return self._all(node, lambda name, item, line: self._field(entity, name, item, line))

    def _all(self, node: Node, read: Callable[[str, Node, int], Filter]) -> Filter:
        """and, or, not, and fields."""
        if not isinstance(node.value, dict):
            self._wrong("condition", "a condition is a mapping: {field: {eq: value}}", node.line)
            return Every(())
        found: list[Filter] = []
        for name, item in node.value.items():
            line = node.keys.get(name, node.line)
            if name in ("and", "or"):
                if not isinstance(item.value, list):
                    self._wrong("condition", f'"{name}" holds a list of conditions', line)
                    continue
                items = tuple(self._all(sub, read) for sub in item.value)
                found.append(Every(items) if name == "and" else Some(items))
            elif name == "not":
                found.append(Not(self._all(item, read)))
            else:
                found.append(read(name, item, line))
        return found[0] if len(found) == 1 else Every(tuple(found))

    def _implicit(self, entity: str) -> dict[str, str]:
        """Implicit references of an entity."""
        kind = self._model.root_scope(entity).kind
        if kind in ("area", "parent", "through"):
            return {"area": AREA, "district": AREA}
        return {"unit": "wangge.unit"} if kind == "unit" else {}

    def _field(self, entity: str, name: str, item: Node, line: int) -> Filter:
        """The condition on one field of an entity."""
        if entity == AREA and name == "within":
            return Compare(SELF, "within", self._operand(item, None, line, "within"))
        if name in SYSTEM:
            kind = Field(id=name, name=name, kind=SYSTEM[name], label=Label("", ""))
            return self._compares(kind, item, line, name)
        fields = self._model.fields_of(entity)
        field = fields.get(name) or next((f for f in fields.values() if f.name == name), None)
        implicit = self._implicit(entity)
        if field is None and name in implicit:
            return Refers(name, self.read(implicit[name], item))
        if field is None:
            known = [f.name for f in fields.values()] + list(implicit) + list(SYSTEM)
            self._wrong("unknown_field", f'"{name}" is no field of {entity}.{nearest(name, known)}', line)
            return Every(())
        if field.kind == "ref" and not self._is_presence(item):
            return (
                Refers(field.id, self.read(field.to[0], item))
                if field.to and field.to[0] in self._model.entities
                else Every(())
            )
        if field.kind in MANY and not self._is_presence(item):
            return self._many(field, item, line)
        return self._compares(field, item, line, field.id)

    def _is_presence(self, item: Node) -> bool:
        """Whether it is `{isNull: ...}`."""
        return isinstance(item.value, dict) and set(item.value) == {"isNull"}

    def _many(self, field: Field, item: Node, line: int) -> Filter:
        """some, every, none."""
        if not isinstance(item.value, dict) or not item.value or any(q not in QUANTIFIERS for q in item.value):
            self._wrong(
                "condition",
                f'"{field.name}" has several rows: write {{some: ...}}, {{every: ...}} or {{none: ...}}',
                line,
            )
            return Every(())
        found: list[Filter] = []
        for quantifier, inner in item.value.items():
            if field.kind == "list":
                parts = {p.name: p for p in field.fields} | {p.id: p for p in field.fields}
                made = self._all(inner, lambda name, sub, at, known=parts: self._part(field, known, name, sub, at))  # type: ignore[misc] # bound now
            elif field.kind in ("files", "photos"):
                made = self._all(inner, lambda name, sub, at: self._no_part(field, name, at))
            else:
                made = self.read(field.to[0], inner) if field.to and field.to[0] in self._model.entities else Every(())
            found.append(Many(field.id, quantifier, made))
        return found[0] if len(found) == 1 else Every(tuple(found))

    def _part(self, field: Field, known: Mapping[str, Field], name: str, item: Node, line: int) -> Filter:
        """The condition on a field of a part."""
        part = known.get(name)
        if part is None:
            self._wrong("unknown_field", f'"{name}" is no field of {field.name}.{nearest(name, known)}', line)
            return Every(())
        return self._compares(part, item, line, part.id)

    def _no_part(self, field: Field, name: str, line: int) -> Filter:
        """Files have no fields to compare."""
        self._wrong("unknown_field", f'"{name}" cannot be compared in {field.name}: use {{some: {{}}}}', line)
        return Every(())

    def _compares(self, field: Field, item: Node, line: int, name: str) -> Filter:
        """The operators of one field."""
        if not isinstance(item.value, dict) or not item.value:
            self._wrong("condition", f'"{field.name}" needs an operator: write {{{field.name}: {{eq: ...}}}}', line)
            return Every(())
        found: list[Filter] = []
        allowed = (
            operators(field)
            if field.id not in SYSTEM or field.id != "id"
            else operators(field) | {"eq", "ne", "in", "notIn"}
        )
        for operator, operand in item.value.items():
            at = item.keys.get(operator, line)
            if operator not in OPERATORS:
                self._wrong("unknown_operator", f'"{operator}" is no operator.{nearest(operator, OPERATORS)}', at)
            elif operator not in allowed:
                choices = ", ".join(sorted(allowed))
                self._wrong(
                    "operator_not_for_kind",
                    f'"{operator}" does not fit "{field.name}" ({field.kind}): use {choices}',
                    at,
                )
            else:
                found.append(Compare(name, operator, self._operand(operand, field, at, operator)))
        return found[0] if len(found) == 1 else Every(tuple(found))

    def _operand(self, node: Node, field: Field | None, line: int, operator: str) -> Operand:
        """A constant, or a value of the actor, the area, the moment or the row."""
        value = node.value
        if value == "$now":
            return FromNow()
        if value == "$area":
            return FromArea()
        if isinstance(value, dict) and len(value) == 1 and next(iter(value)).startswith("$"):
            return self._named(next(iter(value)), value[next(iter(value))], line)
        plain = node.plain()
        if field is not None and operator not in ("isNull", "near", "within") and plain is not None:
            self._check(field, plain, operator, line)
        if operator == "isNull" and not isinstance(plain, bool):
            self._wrong("condition", "isNull takes true or false", line)
        return Given(plain)

    def _named(self, name: str, node: Node, line: int) -> Operand:
        """`{$actor: ...}`, `{$now: ...}`, `{$new: ...}`, `{$old: ...}`."""
        value = str(node.value)
        if name == "$actor" and value in ACTOR:
            return FromActor(value)  # type: ignore[arg-type] # one of ACTOR
        if name == "$now" and DURATION.fullmatch(value.lstrip("+-")):
            return FromNow(value)
        if name in ("$new", "$old"):
            return FromRow("new" if name == "$new" else "old", tuple(value.split(".")))
        self._wrong(
            "unknown_operand",
            f"{{{name}: {value}}} is no value: use $now, {{$now: -P30D}}, $area, {{$actor: person}}, {{$new: field}}",
            line,
        )
        return Given(None)

    def _check(self, field: Field, value: Any, operator: str, line: int) -> None:
        """Whether a constant fits the field: enum values and codes must exist."""
        values = value if operator in LIST_OPERATORS else [value]
        if not isinstance(values, list):
            self._wrong("condition", f'"{operator}" takes a list', line)
            return
        for one in values:
            if field.kind in ("code", "codes"):
                self._check_code(field, one, line)
                continue
            if operator in ("contains", "startsWith") or field.kind in (
                "number",
                "phone",
                "id_number",
                "email",
                "credit_code",
                "url",
            ):
                right = isinstance(one, str)
            else:
                right = _fits(field, one)
            if not right:
                known = [v.value for v in field.values]
                self._wrong(
                    "value_not_for_kind",
                    f'"{one}" is no value of "{field.name}" ({field.kind}).{nearest(str(one), known)}',
                    line,
                )

    def _check_code(self, field: Field, value: Any, line: int) -> None:
        """A code must stand in its table."""
        table = self._model.tables.get(field.table)
        if table is not None and str(value) not in {c.code for c in table.codes}:
            known = [c.code for c in table.codes]
            self._wrong("unknown_code", f'"{value}" is no code of {field.table}.{nearest(str(value), known)}', line)


def _fits(field: Field, value: Any) -> bool:
    """Whether a wire value parses."""
    try:
        parse_value(field, value)
    except BadValue:
        return False
    return True
