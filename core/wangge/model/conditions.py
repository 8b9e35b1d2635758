"""The filter language as mappings (YAML, JSON) into the typed tree, checked against fields, kinds, codes and operands."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from ..errors import Invalid
from .filter import FALSE, OPERATORS, SELF, TRUE, Compare, Every, Filter, Many, Not, Quantifier, Refers, Some
from .mistakes import Mistakes, nearest
from .operands import ALL_SOURCES, Operands
from .operators import operators_of
from .types import Field, Model
from .vocabulary import AREA, FILE, SYSTEM, Vocabulary
from .yaml import DEEPEST, Node

QUANTIFIERS: tuple[Quantifier, ...] = ("some", "every", "none")
TO_MANY = ("refs", "children", "files", "photos", "list")


def parse_filter(model: Model, entity: str, mapping: Mapping[str, Any]) -> Filter:
    """The filter of a mapping over an entity's fields (ids or present names). Raises Invalid `filter.invalid`.

    Values are checked by kind, operators by field; `$new`, `$old`, `$actor`, `$area`, `$now` are operands.
    """
    mistakes = Mistakes()
    found = ConditionReader(Vocabulary(model), mistakes, "", entity, strict=False).read(as_node(mapping, 1))
    if mistakes.found:
        first = mistakes.found[0]
        raise Invalid("filter.invalid", first.message, reason=first.code)
    return found


def as_node(value: Any, line: int, depth: int = 0) -> Node:
    """A plain JSON or Python value as a node of one line."""
    if depth > DEEPEST:
        return Node(None, line)
    if isinstance(value, Mapping):
        items = {str(k): as_node(v, line, depth + 1) for k, v in value.items()}
        return Node(items, line, dict.fromkeys(items, line))
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, str | bytes):
        return Node([as_node(v, line, depth + 1) for v in value], line)
    if isinstance(value, UUID | Decimal):
        value = str(value)
    elif isinstance(value, dt.date | dt.time):
        value = value.isoformat()
    return Node(value, line, raw=str(value))


class ConditionReader:
    """Reads the conditions of one entity; `sources` are the `$` operands that may stand here.

    `strict` is for files, where a comparison with null or an empty condition is a slip of the pen.
    """

    def __init__(
        self,
        words: Vocabulary,
        mistakes: Mistakes,
        file: str,
        entity: str,
        *,
        sources: frozenset[str] = ALL_SOURCES,
        strict: bool = True,
        part: Field | None = None,
    ) -> None:
        self.words = words
        self.mistakes = mistakes
        self.file = file
        self.entity = entity
        self.strict = strict
        self.part = part
        """a list field: the condition speaks of one of its parts."""
        self.operands = Operands(self, sources)

    def wrong(self, code: str, message: str, line: int) -> None:
        """Note a mistake."""
        self.mistakes.add(code, message, self.file, line)

    def read(self, node: Node) -> Filter:
        """The filter of a mapping; TRUE where it is wrong."""
        if self.strict and node.value == {}:
            self.wrong("condition", "the condition is empty and always true: name a field, or remove it", node.line)
        if self.part is not None:
            return self._all(node, None, {f.id: f for f in self.part.fields})
        if self.entity not in self.words.model.entities:
            self.wrong("unknown_entity", f'there is no entity "{self.entity}"', node.line)
            return TRUE
        return self._all(node, self.entity, self.words.fields(self.entity))

    def _all(self, node: Node, entity: str | None, fields: Mapping[str, Field]) -> Filter:
        """All keys of one mapping."""
        if not isinstance(node.value, dict):
            self.wrong("condition", "a condition is a mapping like {state: {eq: CLOSED}}", node.line)
            return TRUE
        items = [self._item(key, node.keys.get(key, node.line), sub, entity, fields) for key, sub in node.value.items()]
        return items[0] if len(items) == 1 else Every(tuple(items))

    def _item(self, key: str, line: int, node: Node, entity: str | None, fields: Mapping[str, Field]) -> Filter:
        """and, or, not, the area itself, or a field."""
        if key in ("and", "or"):
            if not isinstance(node.value, list):
                self.wrong("condition", f'"{key}" takes a list of conditions: [{{...}}, {{...}}]', line)
                return TRUE
            found = tuple(self._all(sub, entity, fields) for sub in node.value)
            return Every(found) if key == "and" else Some(found)
        if key == "not":
            return Not(self._all(node, entity, fields))
        if key == "within" and entity == AREA:
            return Compare(SELF, "within", self.operands.area(node, line))
        if entity is not None and key in SYSTEM:
            return self._compare(SYSTEM[key], node, line)
        field = self.words.named(fields, key)
        if field is None:
            self._unknown(key, line, entity, fields)
            return TRUE
        return self._field(field, node, line)

    def _unknown(self, key: str, line: int, entity: str | None, fields: Mapping[str, Field]) -> None:
        """Note a field that nobody declares, or a stray operator."""
        if self.words.partial(entity):
            return
        of = f'"{entity}"' if entity else "a part of the list"
        if key in OPERATORS:
            self.wrong(
                "condition", f'"{key}" is an operator: name the field first, like {{state: {{{key}: ...}}}}', line
            )
            return
        known = [*(f.name for f in fields.values()), *(SYSTEM if entity else ())]
        self.wrong("unknown_field", f'{of} has no field "{key}".{nearest(key, known)}', line)

    def _field(self, field: Field, node: Node, line: int) -> Filter:
        """The condition on one field; one of an unknown type is told where it is declared."""
        if not field.kind:
            return TRUE
        if field.kind in TO_MANY:
            return self._many(field, node, line)
        if field.kind == "ref":
            return self._ref(field, node, line)
        return self._compare(field, node, line)

    def _ref(self, field: Field, node: Node, line: int) -> Filter:
        """`{isNull: ...}`, conditions on the target, or `{<Type>: {...}}` for one entity of several."""
        if not isinstance(node.value, dict):
            self.wrong("condition", f'"{field.name}" is a reference: write {{{field.name}: {{id: {{eq: ...}}}}}}', line)
            return TRUE
        found: list[Filter] = []
        inner = dict(node.value)
        if "isNull" in inner:
            at = node.keys.get("isNull", line)
            found.append(Compare(field.id, "isNull", self.operands.flag(inner.pop("isNull"), at)))
        for operator in sorted(OPERATORS & set(inner) - {"within"}):
            text = f'"{field.name}" is a reference without "{operator}": write {{id: {{{operator}: ...}}}}'
            self.wrong("operator_of_kind", text, node.keys.get(operator, line))
            del inner[operator]
        for key in list(inner):
            target = self.words.entity_of_type(key) if len(field.to) > 1 else None
            if target in field.to:
                found.append(Refers(field.id, self._target(str(target), inner.pop(key)), target))
        if inner or not node.value:
            found.append(self._refers(field, Node(inner, node.line, node.keys), line))
        return found[0] if len(found) == 1 else Every(tuple(found))

    def _refers(self, field: Field, node: Node, line: int) -> Filter:
        """The target meets a condition; of a reference to several entities only the id can be asked without a type."""
        if len(field.to) > 1:
            other = set(node.value) - {"id"}
            if other:
                types = [self.words.type_of(name) for name in field.to]
                self.wrong(
                    "union", f'"{field.name}" points to several entities: name one, like {{{types[0]}: {{...}}}}', line
                )
                return TRUE
            return Refers(field.id, self._all(node, None, {"id": SYSTEM["id"]}))
        if not field.to or field.to[0] not in self.words.model.entities:
            return FALSE
        return Refers(field.id, self._target(field.to[0], node))

    def _target(self, entity: str, node: Node) -> Filter:
        """A condition over the rows of another entity."""
        if entity not in self.words.model.entities:
            return FALSE
        return self._all(node, entity, self.words.fields(entity))

    def _many(self, field: Field, node: Node, line: int) -> Filter:
        """some, every, none."""
        form = f"{{{field.name}: {{some: {{...}}}}}}"
        if not isinstance(node.value, dict) or not node.value:
            self.wrong("condition", f'"{field.name}" has many rows: write {form}', line)
            return TRUE
        found: list[Filter] = []
        for key, sub in node.value.items():
            at = node.keys.get(key, line)
            if key not in QUANTIFIERS:
                self.wrong("unknown_operator", f'"{key}" is none of some, every, none: write {form}', at)
                continue
            found.append(Many(field.id, key, self._inner(field, sub)))
        return found[0] if len(found) == 1 else Every(tuple(found))

    def _inner(self, field: Field, node: Node) -> Filter:
        """A condition over the parts or rows behind a field."""
        if field.kind == "list":
            return self._all(node, None, {f.id: f for f in field.fields})
        entity = FILE if field.kind in ("files", "photos") else field.to[0] if field.to else ""
        return self._target(entity, node)

    def _compare(self, field: Field, node: Node, line: int) -> Filter:
        """The operators of one field."""
        if not isinstance(node.value, dict):
            shown = node.raw if node.raw is not None else "..."
            self.wrong("condition", f"write {{{field.name}: {{eq: {shown}}}}}: a field is followed by operators", line)
            return TRUE
        if not node.value and self.strict:
            self.wrong("condition", f'the condition on "{field.name}" is empty: name an operator', line)
        found: list[Filter] = []
        known = operators_of(field)
        for operator, sub in node.value.items():
            at = node.keys.get(operator, line)
            if operator not in OPERATORS:
                text = f'"{operator}" is no operator of "{field.name}".{nearest(operator, known)}'
                self.wrong("unknown_operator", text, at)
            elif operator not in known:
                what = "sealed" if field.sealed else field.kind
                text = f'"{operator}" is not for "{field.name}" ({what}). Possible: {", ".join(known)}.'
                self.wrong("operator_of_kind", text, at)
            else:
                found.append(Compare(field.id, operator, self.operands.read(field, operator, sub, at)))
        return found[0] if len(found) == 1 else Every(tuple(found))
