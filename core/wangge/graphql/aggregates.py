"""The types of `aggregate`: what rows may be grouped by, what may be measured, compared and ordered, as far as the caller may."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLString,
)

from ..model.dimensions import AREA_LEVELS, NUMBERS
from ..model.types import Field
from ..policy.scope import Level
from ..sql.aggregates import BUCKETS, MOST_GROUPS
from ..sql.catalog import AREA
from .operators import group_of

if TYPE_CHECKING:
    from .schema import SchemaBuilder

MOMENTS = ("createdAt", "updatedAt")
AREA_CELLS = ("code", "name", "kind")
"""what a group shows of the area that it lies in."""
VALUES = frozenset("text code enum boolean integer duration number month credit_code url email phone".split())
"""kinds whose values group as they are."""
ORDERED = frozenset((*NUMBERS, "date", "datetime"))
LEVELS = (*AREA_LEVELS, "grid", "micro_grid")
ENDS = {"countDistinct": "CountDistinct", "sum": "Sum", "avg": "Avg", "min": "Min", "max": "Max"}
"""function -> the end of its type's name."""


class Aggregates:
    """Makes the types of aggregates of one schema, each once."""

    def __init__(self, builder: SchemaBuilder) -> None:
        self._b = builder
        self._inputs: dict[str, GraphQLInputObjectType] = {}
        self._objects: dict[str, GraphQLObjectType] = {}
        self.value = GraphQLEnumType("GroupValue", {"VALUE": GraphQLEnumValue("VALUE")})
        self._unit = GraphQLEnumType("DateUnit", {unit: GraphQLEnumValue(unit) for unit in BUCKETS})
        self._level = GraphQLEnumType("AreaLevel", {level.upper(): GraphQLEnumValue(level) for level in LEVELS})

    # --- what the caller may ---

    def may(self, entity: str) -> bool:
        """Whether some kind behind `entity` may be listed and aggregated."""
        return bool(self._kinds(entity))

    def _kinds(self, entity: str) -> list[str]:
        return [kind for kind in self._b.kinds(entity, "list") if self._b.rights(kind).grants("aggregate")]

    def _measurable(self, entity: str) -> list[Field]:
        """The own fields that `list` and `aggregate` give in clear in some rows of every kind."""
        kinds = self._kinds(entity)
        fields = self._b.catalog.model.fields_of(entity).values()
        return [field for field in fields if _is_plain(field) and all(self._clear(kind, field.id) for kind in kinds)]

    def _clear(self, kind: str, field: str) -> bool:
        return all(self._b.rights(kind).best(action, field) == Level.CLEAR for action in ("list", "aggregate"))

    def fields_of(self, entity: str, function: str) -> list[Field]:
        """The fields that a function may measure."""
        kinds = {"countDistinct": VALUES | ORDERED, "sum": NUMBERS, "avg": NUMBERS}.get(function, ORDERED)
        return [field for field in self._measurable(entity) if field.kind in kinds]

    # --- output ---

    def field(self, entity: str) -> GraphQLField:
        """`aggregate` of a connection."""
        text = f"Groups at most, {MOST_GROUPS} when not given."
        arguments = {
            "groupBy": GraphQLArgument(
                GraphQLList(GraphQLNonNull(self.group_by(entity))), description="Each object names one field."
            ),
            "having": GraphQLArgument(self.having(entity)),
            "orderBy": GraphQLArgument(
                GraphQLList(GraphQLNonNull(self._order(entity))), description="By default the keys, ascending."
            ),
            "first": GraphQLArgument(GraphQLInt, description=text),
        }
        type_ = GraphQLNonNull(GraphQLList(GraphQLNonNull(self.result(entity))))
        description = "The rows of this connection in groups; without groupBy one row."
        return GraphQLField(type_, args=arguments, description=description)

    def _object(self, name: str, fields: dict[str, GraphQLField]) -> GraphQLObjectType:
        if name not in self._objects:
            self._objects[name] = GraphQLObjectType(name, fields)
        return self._objects[name]

    def result(self, entity: str) -> GraphQLObjectType:
        """`<Type>Aggregate`: one group."""
        stem = self._b.catalog.entity(entity).type
        if (made := self._objects.get(f"{stem}Aggregate")) is not None:
            return made
        fields = {
            "key": GraphQLField(
                self.key(entity), description="What the rows of the group share; null without groupBy."
            ),
            "count": GraphQLField(GraphQLNonNull(GraphQLInt)),
        }
        for function, end in ENDS.items():
            if found := self.fields_of(entity, function):
                typed = {f.name: GraphQLField(self._measured(entity, function, f)) for f in found}
                fields[function] = GraphQLField(GraphQLNonNull(self._object(f"{stem}{end}", typed)))
        return self._object(f"{stem}Aggregate", fields)

    def _measured(self, entity: str, function: str, field: Field) -> GraphQLOutputType:
        """The type of a measure."""
        if function == "countDistinct":
            return GraphQLNonNull(GraphQLInt)
        if function == "avg":
            return self._b.scalars["Decimal"]
        if function == "sum":
            return self._b.scalars["BigInt" if field.kind in ("integer", "duration") else "Decimal"]
        return self._b.wire_type(self._b.declaring_type(entity, field), field)

    def key(self, entity: str) -> GraphQLObjectType:
        """`<Type>Key`: the values of the terms."""
        name = f"{self._b.catalog.entity(entity).type}Key"
        if name not in self._objects:
            self._objects[name] = GraphQLObjectType(name, lambda: self._key_fields(entity))
        return self._objects[name]

    def _key_fields(self, entity: str) -> dict[str, GraphQLField]:
        fields = {"id": GraphQLField(GraphQLID)} | {name: GraphQLField(GraphQLString) for name in MOMENTS}
        for field in self._groupable(entity):
            text = field.label.of(self._b.language)
            if field.kind == "ref":
                target = self.area() if field.to == (AREA,) else self.key(field.to[0])
                fields[field.name] = GraphQLField(target, description=text)
            elif field.kind in ("date", "datetime"):
                fields[field.name] = GraphQLField(GraphQLString, description=text)
            else:
                type_ = self._b.wire_type(self._b.declaring_type(entity, field), field)
                fields[field.name] = GraphQLField(type_, description=text)
            if field.kind in ("code", "enum"):
                language = {"lang": GraphQLArgument(self._b.language_enum())}
                fields[f"{field.name}Label"] = GraphQLField(GraphQLString, args=language)
        return fields

    def area(self) -> GraphQLObjectType:
        """The area that a group lies in, as far as the caller's list of areas shows it."""
        fields = {"id": GraphQLField(GraphQLNonNull(GraphQLID))}
        for field in self._b.catalog.model.fields_of(AREA).values():
            if field.id in AREA_CELLS and self._b.inputs.clear(AREA, field.id):
                fields[field.name] = GraphQLField(GraphQLString)
        return self._object("AreaLevelKey", fields)

    # --- input ---

    def group_by(self, entity: str) -> GraphQLInputObjectType:
        """`<Type>GroupBy`: one key an object."""
        return self._input(f"{self._b.catalog.entity(entity).type}GroupBy", entity)

    def _input(self, name: str, entity: str) -> GraphQLInputObjectType:
        if name not in self._inputs:
            self._inputs[name] = GraphQLInputObjectType(name, lambda: self._group_fields(entity))
        return self._inputs[name]

    def _groupable(self, entity: str) -> list[Field]:
        """Fields that `list` shows in clear in some rows of every kind, and that have values to group by."""
        declared = self._b.catalog.model.fields_of(entity)
        found = []
        for field_id, field in self._b.catalog.fields(entity).items():
            if field_id in declared and not self._b.inputs.clear(entity, field_id):
                continue
            behind = field.kind == "ref" and len(field.to) == 1 and bool(self._b.kinds(field.to[0], "list"))
            if behind or (_is_plain(field) and field.kind in VALUES | {"date", "datetime"}):
                found.append(field)
        return found

    def _group_fields(self, entity: str) -> dict[str, GraphQLInputField]:
        fields = {"id": GraphQLInputField(self.value)} | {name: GraphQLInputField(self._unit) for name in MOMENTS}
        for field in self._groupable(entity):
            if field.kind == "ref":
                type_ = self._level if field.to == (AREA,) else self.group_by(field.to[0])
                fields[field.name] = GraphQLInputField(type_)
            else:
                fields[field.name] = GraphQLInputField(self._unit if field.kind in ("date", "datetime") else self.value)
        return fields

    def having(self, entity: str) -> GraphQLInputObjectType:
        """`<Type>Having`: conditions on measures."""
        stem = self._b.catalog.entity(entity).type
        name = f"{stem}Having"
        if name not in self._inputs:
            self._inputs[name] = GraphQLInputObjectType(name, lambda: self._having_fields(entity, stem))
        return self._inputs[name]

    def _having_fields(self, entity: str, stem: str) -> dict[str, GraphQLInputField]:
        operators, own = self._b.operators, self._inputs[f"{stem}Having"]
        fields = {"count": GraphQLInputField(operators.of("IntWhere"))}
        for function, end in ENDS.items():
            if found := self.fields_of(entity, function):
                made = {f.name: GraphQLInputField(operators.of(_compared(function, f))) for f in found}
                fields[function] = GraphQLInputField(GraphQLInputObjectType(f"{stem}{end}Where", made))
        many = GraphQLList(GraphQLNonNull(own))
        return fields | {"and": GraphQLInputField(many), "or": GraphQLInputField(many), "not": GraphQLInputField(own)}

    def _order(self, entity: str) -> GraphQLInputObjectType:
        """`<Type>AggregateOrder`: one measure, or one term of the key, an object."""
        stem = self._b.catalog.entity(entity).type
        name = f"{stem}AggregateOrder"
        if name not in self._inputs:
            direction = self._b.inputs.direction
            fields = {
                "count": GraphQLInputField(direction),
                "key": GraphQLInputField(self._key_order(entity), description="A term of groupBy."),
            }
            for function, end in ENDS.items():
                if found := self.fields_of(entity, function):
                    made = {f.name: GraphQLInputField(direction) for f in found}
                    fields[function] = GraphQLInputField(GraphQLInputObjectType(f"{stem}{end}Order", made))
            self._inputs[name] = GraphQLInputObjectType(name, fields)
        return self._inputs[name]

    def _key_order(self, entity: str) -> GraphQLInputObjectType:
        """`<Type>KeyOrder`: the direction of a term."""
        name = f"{self._b.catalog.entity(entity).type}KeyOrder"
        if name not in self._inputs:
            self._inputs[name] = GraphQLInputObjectType(name, lambda: self._key_order_fields(entity))
        return self._inputs[name]

    def _key_order_fields(self, entity: str) -> dict[str, GraphQLInputField]:
        direction = self._b.inputs.direction
        fields = {name: GraphQLInputField(direction) for name in ("id", *MOMENTS)}
        for field in self._groupable(entity):
            behind = field.kind == "ref" and field.to != (AREA,)
            fields[field.name] = GraphQLInputField(self._key_order(field.to[0]) if behind else direction)
        return fields


def _is_plain(field: Field) -> bool:
    """Whether a field has one stored value of its own."""
    return not field.sealed and field.inputs is None and field.expression is None


def _compared(function: str, field: Field) -> str:
    """The operators that compare a measure."""
    if function == "countDistinct":
        return "IntWhere"
    if function == "avg" or (function == "sum" and field.kind in ("decimal", "money")):
        return "DecimalWhere"
    return "BigIntWhere" if function == "sum" else group_of(field)
