"""The root connection of callers who may aggregate and not list: nothing but `aggregate`, by the dimensions of their grants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLString,
)

from ..model.dimensions import AREA_FIELD, AREA_LEVELS, NUMBERS
from ..model.types import Dimension, Field
from ..policy.scope import CUBE, Level
from ..sql.aggregates import MOST_GROUPS
from ..sql.catalog import implicit_ref
from .aggregates import AREA_CELLS

if TYPE_CHECKING:
    from .schema import SchemaBuilder


class CubeTypes:
    """Makes the types of cubes of one schema, each once."""

    def __init__(self, builder: SchemaBuilder) -> None:
        self._b = builder
        self._made: dict[str, Any] = {}

    def may(self, entity: str) -> bool:
        """Whether the caller has a cube of an entity, and no list that shows more."""
        rights = self._b.rights(entity)
        return bool(rights.grants(CUBE)) and not rights.grants("list")

    def dimensions(self, entity: str) -> dict[str, Dimension]:
        """Field id -> dimension; of areas the finest kind of all grants."""
        found: dict[str, Dimension] = {}
        for grant in self._b.rights(entity).grants(CUBE):
            for one in grant.dimensions:
                known = found.get(one.field)
                finer = known is not None and one.field == AREA_FIELD and _rank(one) > _rank(known)
                if known is None or finer:
                    found[one.field] = one
        return dict(sorted(found.items()))

    def fields(self, entity: str) -> list[tuple[Field, Dimension]]:
        """The dimensions with their fields."""
        known = self._b.catalog.model.fields_of(entity)
        area = implicit_ref(AREA_FIELD, "wangge.area")
        return [(known.get(name, area), one) for name, one in self.dimensions(entity).items()]

    def measurable(self, entity: str) -> list[Field]:
        """The stored numbers that some grant shows in clear, and that are no dimension."""
        grants, found = self._b.rights(entity).grants(CUBE), []
        for field in self._b.catalog.model.fields_of(entity).values():
            stored = not field.sealed and field.inputs is None and field.expression is None and field.raises is None
            clear = any(g.level(field.id) is Level.CLEAR and field.id not in g.unraised for g in grants)
            if field.kind in NUMBERS and stored and clear and field.id not in self.dimensions(entity):
                found.append(field)
        return found

    # --- output ---

    def area(self) -> GraphQLObjectType:
        """The area that a group lies in, whatever the caller sees of areas elsewhere: it lies in the area of a post."""
        fields = {name: GraphQLField(GraphQLNonNull(GraphQLString)) for name in AREA_CELLS}
        return self._object("CubeAreaKey", {"id": GraphQLField(GraphQLNonNull(GraphQLID)), **fields})

    def root(self, entity: str) -> GraphQLField:
        """The root field."""
        from .schema import meta

        stem = self._b.catalog.entity(entity).type
        arguments = {"where": GraphQLArgument(self._where(entity))} if self.dimensions(entity) else {}
        type_ = GraphQLObjectType(f"{stem}Connection", {"aggregate": self.field(entity)})
        return GraphQLField(GraphQLNonNull(type_), args=arguments, extensions=meta(kind="cube", entity=entity))

    def field(self, entity: str) -> GraphQLField:
        """`aggregate`, as of a connection, as far as a cube answers it."""
        stem = self._b.catalog.entity(entity).type
        arguments = {
            "having": GraphQLArgument(self._having(stem)),
            "orderBy": GraphQLArgument(GraphQLList(GraphQLNonNull(self._order(entity)))),
            "first": GraphQLArgument(GraphQLInt, description=f"Groups at most, {MOST_GROUPS} when not given."),
        }
        if self.dimensions(entity):
            arguments["groupBy"] = GraphQLArgument(
                GraphQLList(GraphQLNonNull(self._group_by(entity))), description="Each object names one dimension."
            )
        text = "Counted once a night. Groups of fewer than ten, and what would give them away, are suppressed."
        type_ = GraphQLNonNull(GraphQLList(GraphQLNonNull(self.result(entity))))
        return GraphQLField(type_, args=dict(sorted(arguments.items())), description=text)

    def result(self, entity: str) -> GraphQLObjectType:
        """`<Type>Aggregate`: one group; the count is null where it is suppressed."""
        stem = self._b.catalog.entity(entity).type
        if f"{stem}Aggregate" in self._made:
            return self._object(f"{stem}Aggregate", {})
        fields = {
            "count": GraphQLField(GraphQLInt, description="Null where it is suppressed."),
            "suppressed": GraphQLField(GraphQLNonNull(GraphQLBoolean), description="Whether the group is not shown."),
        }
        if self.dimensions(entity):
            fields["key"] = GraphQLField(self.key(entity), description="What the group shares; null without groupBy.")
        if measured := self.measurable(entity):
            for function in ("sum", "avg"):
                typed = {f.name: GraphQLField(self._measure(function, f)) for f in measured}
                fields[function] = GraphQLField(GraphQLNonNull(self._object(f"{stem}{function.title()}", typed)))
        return self._object(f"{stem}Aggregate", fields)

    def _measure(self, function: str, field: Field) -> Any:
        whole = function == "sum" and field.kind in ("integer", "duration")
        return self._b.scalars["BigInt" if whole else "Decimal"]

    def key(self, entity: str) -> GraphQLObjectType:
        """`<Type>Key`: the values of the dimensions."""
        name = f"{self._b.catalog.entity(entity).type}Key"
        if name in self._made:
            return self._object(name, {})
        fields: dict[str, GraphQLField] = {}
        for field, one in self.fields(entity):
            text = field.label.of(self._b.language)
            if one.field == AREA_FIELD:
                fields[field.name] = GraphQLField(self.area(), description=text)
                continue
            coded = one.unit == "VALUE"
            type_ = self._b.wire_type(self._b.declaring_type(entity, field), field) if coded else GraphQLString
            fields[field.name] = GraphQLField(type_, description=text)
            if field.kind in ("code", "enum"):
                language = {"lang": GraphQLArgument(self._b.language_enum())}
                fields[f"{field.name}Label"] = GraphQLField(GraphQLString, args=language)
        return self._object(name, fields)

    def _object(self, name: str, fields: dict[str, GraphQLField]) -> GraphQLObjectType:
        made: GraphQLObjectType = self._made.setdefault(name, GraphQLObjectType(name, fields))
        return made

    # --- input ---

    def _input(self, name: str, fields: dict[str, GraphQLInputType]) -> GraphQLInputObjectType:
        if name not in self._made:
            self._made[name] = GraphQLInputObjectType(name, {n: GraphQLInputField(t) for n, t in fields.items()})
        made: GraphQLInputObjectType = self._made[name]
        return made

    def _group_by(self, entity: str) -> GraphQLInputObjectType:
        """`<Type>GroupBy`: one dimension an object, in its unit."""
        units = {field.name: self._unit(one) for field, one in self.fields(entity)}
        return self._input(f"{self._b.catalog.entity(entity).type}GroupBy", dict(units))

    def _unit(self, one: Dimension) -> GraphQLEnumType:
        """The unit of a dimension; of areas the kinds down to the finest."""
        if one.field == AREA_FIELD:
            levels = AREA_LEVELS[: _rank(one) + 1]
            return self._enum(f"{one.unit.title()}Level", {level.upper(): level for level in levels})
        if one.unit == "VALUE":
            return self._b.aggregates.value
        return self._enum(f"{one.unit.title()}Unit", {one.unit: one.unit})

    def _enum(self, name: str, values: dict[str, str]) -> GraphQLEnumType:
        if name not in self._made:
            self._made[name] = GraphQLEnumType(name, {key: GraphQLEnumValue(value) for key, value in values.items()})
        made: GraphQLEnumType = self._made[name]
        return made

    def _where(self, entity: str) -> GraphQLInputObjectType:
        """`<Type>Where`: dimensions alone; all that are named hold."""
        found = {field.name: self._compared(entity, field, one) for field, one in self.fields(entity)}
        return self._input(f"{self._b.catalog.entity(entity).type}Where", dict(found))

    def _compared(self, entity: str, field: Field, one: Dimension) -> GraphQLInputType:
        """What a dimension is compared by."""
        if one.field == AREA_FIELD:
            return self._input("WithinWhere", {"within": GraphQLID})
        if field.kind == "boolean":
            return self._input("FlagWhere", {"eq": GraphQLBoolean})
        leaf: Any = GraphQLString
        name = "ValueWhere"
        if field.kind == "enum":
            leaf = self._b.enum(self._b.declaring_type(entity, field), field)
            name = f"{leaf.name}ValueWhere"
        return self._input(name, {"eq": leaf, "in": GraphQLList(GraphQLNonNull(leaf))})

    def _having(self, stem: str) -> GraphQLInputObjectType:
        """`<Type>Having`: conditions on the count that is shown."""
        return self._input(f"{stem}Having", {"count": self._b.operators.of("IntWhere")})

    def _order(self, entity: str) -> GraphQLInputObjectType:
        """`<Type>AggregateOrder`."""
        stem, direction = self._b.catalog.entity(entity).type, self._b.inputs.direction
        fields: dict[str, GraphQLInputType] = {"count": direction}
        if found := self.fields(entity):
            fields["key"] = self._input(f"{stem}KeyOrder", {field.name: direction for field, _ in found})
        return self._input(f"{stem}AggregateOrder", fields)


def _rank(one: Dimension) -> int:
    """How fine an area is."""
    return AREA_LEVELS.index(one.unit)
