"""JSON Schema (2020-12) of GraphQL types: of inputs by their names, of answers by what a document selects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graphql.pyutils import Undefined

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLScalarType,
    InlineFragmentNode,
    SelectionSetNode,
)

Schema = dict[str, Any]
SCALARS: Mapping[str, Schema] = {
    "Int": {"type": "integer", "format": "int32"},
    "Float": {"type": "number"},
    "Boolean": {"type": "boolean"},
    "ID": {"type": "string"},
    "String": {"type": "string"},
    "DateTime": {"type": "string", "format": "date-time"},
    "Date": {"type": "string", "pattern": "^[0-9]{4}(-[0-9]{2}){0,2}$"},
    "Time": {"type": "string", "pattern": "^[0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,6})?)?$"},
    "Decimal": {"type": "string", "pattern": "^-?[0-9]+(\\.[0-9]+)?$"},
    "BigInt": {"type": "string", "pattern": "^-?[0-9]{1,19}$"},
    "GeoJSON": {"type": "object"},
    "JSON": {},
}


class Shapes:
    """Makes schemas; named input types and enums are collected once, under `named`."""

    def __init__(
        self, fragments: Mapping[str, FragmentDefinitionNode], named: dict[str, Schema], types: Mapping[str, Any]
    ) -> None:
        """`named` is shared by the documents of one description, `types` are those of the caller's schema by name."""
        self._fragments = fragments
        self._named = named
        self._types = types

    def of_input(self, type_: Any) -> Schema:
        """The schema of an input type."""
        if isinstance(type_, GraphQLNonNull):
            return self._present(type_.of_type)
        return nullable(self._present(type_))

    def _present(self, type_: Any) -> Schema:
        """The schema of a value that is there."""
        if isinstance(type_, GraphQLList):
            return {"type": "array", "items": self.of_input(type_.of_type)}
        if isinstance(type_, GraphQLInputObjectType | GraphQLEnumType):
            return self._reference(type_)
        return described(scalar(type_), type_)

    def _reference(self, type_: GraphQLInputObjectType | GraphQLEnumType) -> Schema:
        """A reference to a named type, which is described once."""
        if type_.name not in self._named:
            self._named[type_.name] = {}
            self._named[type_.name] = enumerated(type_) if isinstance(type_, GraphQLEnumType) else self._object(type_)
        return {"$ref": f"#/components/schemas/{type_.name}"}

    def _object(self, type_: GraphQLInputObjectType) -> Schema:
        """An input object: no other keys."""
        properties = {name: described(self.of_input(field.type), field) for name, field in type_.fields.items()}
        required = [
            name
            for name, field in type_.fields.items()
            if isinstance(field.type, GraphQLNonNull) and field.default_value is Undefined
        ]
        made: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
        if required:
            made["required"] = required
        return described(made, type_)

    def of_answer(self, selections: Iterable[SelectionSetNode], type_: Any) -> Schema:
        """The schema of an object with what is selected of it."""
        properties: dict[str, Schema] = {}
        required: list[str] = []
        for key, (nodes, always) in self._collected(selections, type_).items():
            node, owner = nodes[0]
            if node.name.value == "__typename":
                properties[key] = {"type": "string"}
            else:
                field = owner.fields[node.name.value]
                inner = [node.selection_set for node, _ in nodes if node.selection_set is not None]
                properties[key] = described(self._answer(field.type, inner), field)
            if always:
                required.append(key)
        made: Schema = {"type": "object", "properties": properties}
        if required:
            made["required"] = required
        return made

    def _answer(self, type_: Any, inner: list[SelectionSetNode]) -> Schema:
        """The schema of a value in an answer."""
        if isinstance(type_, GraphQLNonNull):
            return self._value(type_.of_type, inner)
        return nullable(self._value(type_, inner))

    def _value(self, type_: Any, inner: list[SelectionSetNode]) -> Schema:
        """The schema of a value that is there."""
        if isinstance(type_, GraphQLList):
            return {"type": "array", "items": self._answer(type_.of_type, inner)}
        if isinstance(type_, GraphQLScalarType):
            return scalar(type_)
        if isinstance(type_, GraphQLEnumType):
            return self._reference(type_)
        return self.of_answer(inner, type_)

    def _collected(
        self, selections: Iterable[SelectionSetNode], type_: Any
    ) -> dict[str, tuple[list[tuple[FieldNode, Any]], bool]]:
        """Response key -> (its nodes with the type that each is a field of, whether it is in every answer)."""
        found: dict[str, tuple[list[tuple[FieldNode, Any]], bool]] = {}
        pending = [(selection, type_, True) for selection in selections]
        while pending:
            selection, owner, always = pending.pop(0)
            for node in selection.selections:
                there = always and not node.directives
                if isinstance(node, FieldNode):
                    key = (node.alias or node.name).value
                    nodes, before = found.get(key, ([], False))
                    found[key] = ([*nodes, (node, owner)], before or there)
                elif isinstance(node, InlineFragmentNode | FragmentSpreadNode):
                    inner, condition = self._fragment(node)
                    narrower = self._types[condition] if condition is not None else owner
                    pending.append((inner, narrower, there and narrower is owner))
        return found

    def _fragment(self, node: InlineFragmentNode | FragmentSpreadNode) -> tuple[SelectionSetNode, str | None]:
        """(the selection, the type that it is for)."""
        if isinstance(node, InlineFragmentNode):
            return node.selection_set, node.type_condition.name.value if node.type_condition else None
        fragment = self._fragments[node.name.value]
        return fragment.selection_set, fragment.type_condition.name.value


def scalar(type_: GraphQLNamedType) -> Schema:
    """The schema of a scalar; any JSON value for one that is not known."""
    return dict(SCALARS.get(type_.name, {}))


def enumerated(type_: GraphQLEnumType) -> Schema:
    """The schema of an enum."""
    return described({"type": "string", "enum": list(type_.values)}, type_)


def nullable(schema: Schema) -> Schema:
    """The schema, or null."""
    if not schema:
        return schema
    if isinstance(schema.get("type"), str) and "enum" not in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def described(schema: Schema, what: Any) -> Schema:
    """The schema with the description and the deprecation of a type or field."""
    made = dict(schema)
    if getattr(what, "description", None):
        made["description"] = what.description
    if getattr(what, "deprecation_reason", None):
        made["deprecated"] = True
    return made
