"""The operator inputs that all `where` types share: one per group of kinds."""

from __future__ import annotations

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLString,
)

from ..model.types import Field
from ..sql.cells import is_big

RANGE = ("eq", "ne", "in", "notIn", "lt", "lte", "gt", "gte", "isNull")
SET = ("eq", "ne", "in", "notIn", "isNull")
LISTS = frozenset(("in", "notIn", "hasAny", "hasAll"))
GROUPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "TextWhere": ("String", (*RANGE, "contains", "startsWith")),
    "CodeWhere": ("String", (*SET, "under", "startsWith")),
    "CodesWhere": ("String", ("has", "hasAny", "hasAll", "under", "isNull")),
    "SealedWhere": ("String", SET),
    "MatchWhere": ("String", ("eq", "in")),
    "IDWhere": ("ID", RANGE),
    "IntWhere": ("Int", RANGE),
    "BigIntWhere": ("BigInt", RANGE),
    "DecimalWhere": ("Decimal", RANGE),
    "BooleanWhere": ("Boolean", ("eq", "ne", "isNull")),
    "DateWhere": ("Date", RANGE),
    "TimeWhere": ("Time", RANGE),
    "DateTimeWhere": ("DateTime", RANGE),
    "PresenceWhere": ("Boolean", ("isNull",)),
}
KINDS = {
    "code": "CodeWhere",
    "codes": "CodesWhere",
    "duration": "IntWhere",
    "decimal": "DecimalWhere",
    "money": "DecimalWhere",
    "boolean": "BooleanWhere",
    "date": "DateWhere",
    "time": "TimeWhere",
    "datetime": "DateTimeWhere",
    "point": "PointWhere",
    "polygon": "PresenceWhere",
    "json": "PresenceWhere",
    "file": "PresenceWhere",
    "signature": "PresenceWhere",
}
"""kind -> group; what is not here is text."""


def group_of(field: Field) -> str:
    """The operator input of a field that is no enum, reference or list."""
    if field.sealed:
        return "SealedWhere"
    if field.kind == "integer":
        return "BigIntWhere" if is_big(field) else "IntWhere"
    return KINDS.get(field.kind, "TextWhere")


class Operators:
    """The operator inputs of one schema, made when first used."""

    def __init__(self, scalars: dict[str, GraphQLScalarType]) -> None:
        self._leaf = {
            **scalars,
            "String": GraphQLString,
            "ID": GraphQLID,
            "Int": GraphQLInt,
            "Boolean": GraphQLBoolean,
        }
        self._made: dict[str, GraphQLInputObjectType] = {}
        self.point_input = GraphQLInputObjectType(
            "PointInput",
            {
                "lon": GraphQLInputField(GraphQLNonNull(GraphQLFloat)),
                "lat": GraphQLInputField(GraphQLNonNull(GraphQLFloat)),
            },
            description="Degrees, WGS-84.",
        )

    def of(self, name: str) -> GraphQLInputObjectType:
        """The input by name."""
        if name not in self._made:
            self._made[name] = self._point() if name == "PointWhere" else self._group(name)
        return self._made[name]

    def _group(self, name: str) -> GraphQLInputObjectType:
        leaf, operators = GROUPS[name]
        return GraphQLInputObjectType(name, {o: self._operator(o, self._leaf[leaf]) for o in operators})

    def of_enum(self, enum: GraphQLEnumType) -> GraphQLInputObjectType:
        """The operators of one enum."""
        name = f"{enum.name}Where"
        if name not in self._made:
            self._made[name] = GraphQLInputObjectType(name, {o: self._operator(o, enum) for o in SET})
        return self._made[name]

    def _operator(self, operator: str, leaf: GraphQLScalarType | GraphQLEnumType) -> GraphQLInputField:
        """One operator."""
        if operator == "isNull":
            return GraphQLInputField(GraphQLBoolean)
        return GraphQLInputField(GraphQLList(GraphQLNonNull(leaf)) if operator in LISTS else leaf)

    def _point(self) -> GraphQLInputObjectType:
        """`near` and `within` of a point."""
        near = GraphQLInputObjectType(
            "NearInput",
            {
                "point": GraphQLInputField(GraphQLNonNull(self.point_input)),
                "metres": GraphQLInputField(GraphQLNonNull(GraphQLFloat)),
            },
        )
        fields = {
            "near": GraphQLInputField(near),
            "within": GraphQLInputField(self._leaf["GeoJSON"], description="A polygon."),
            "isNull": GraphQLInputField(GraphQLBoolean),
        }
        return GraphQLInputObjectType("PointWhere", fields)
