"""Arguments as trees: their structure is part of the plan, their values are taken anew from the variables of each request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphql.type import GraphQLBoolean
from graphql.utilities import value_from_ast

from graphql import (
    ArgumentNode,
    GraphQLArgument,
    GraphQLInputObjectType,
    GraphQLInputType,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    Undefined,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_enum_type,
    is_input_object_type,
    is_list_type,
)

Variables = Mapping[str, Any]
Take = Callable[[Variables], Any]
MISSING: Any = object()
OF_WRITES = "written"
"""marks the input types of writes."""


class Leaf:
    """A value: what it is in this request, and how to take it from any request with the same skeleton."""

    def __init__(self, value: Any, take: Take) -> None:
        self.value = value
        self.take = take


Tree = Leaf | dict[str, Any] | list[Any]


def arguments(
    nodes: tuple[ArgumentNode, ...] | None, defined: Mapping[str, GraphQLArgument], variables: Variables
) -> dict[str, Any]:
    """The given arguments of a field as trees; a variable that is not given leaves its argument out."""
    found: dict[str, Any] = {}
    for node in nodes or ():
        tree = from_ast(node.value, defined[node.name.value].type, variables)
        if tree is not MISSING:
            found[node.name.value] = tree
    return found


def from_ast(node: ValueNode, type_: Any, variables: Variables) -> Any:
    """The tree of a value in the document."""
    type_ = get_nullable_type(type_)
    if isinstance(node, VariableNode):
        name = node.name.value
        return from_value(variables[name], type_, lambda v: v[name]) if name in variables else MISSING
    if isinstance(node, NullValueNode):
        return Leaf(None, lambda _: None)
    if is_list_type(type_):
        return _list(node, type_.of_type, variables)
    if is_input_object_type(type_) and isinstance(node, ObjectValueNode):
        pairs = ((f.name.value, from_ast(f.value, type_.fields[f.name.value].type, variables)) for f in node.fields)
        return {name: tree for name, tree in pairs if tree is not MISSING}
    value = value_from_ast(node, type_)
    return Leaf(value, lambda _: value)


def _list(node: ValueNode, item: GraphQLInputType, variables: Variables) -> Any:
    """A list in the document; a single value stands for a list of it."""
    nodes = node.values if isinstance(node, ListValueNode) else (node,)
    trees = [from_ast(n, item, variables) for n in nodes]
    trees = [Leaf(None, lambda _: None) if t is MISSING else t for t in trees]
    if is_input_object_type(get_nullable_type(item)):
        return trees
    return Leaf([t.value for t in trees], lambda v: [t.take(v) for t in trees])


def from_value(value: Any, type_: Any, take: Take) -> Any:
    """The tree of a coerced variable value."""
    type_ = get_nullable_type(type_)
    if value is None:
        return Leaf(None, take)
    if is_list_type(type_):
        item = get_nullable_type(type_.of_type)
        if is_input_object_type(item):
            return [from_value(v, item, _at(take, i)) for i, v in enumerate(value)]
        return Leaf(value, take)
    if is_input_object_type(type_):
        return {name: from_value(v, type_.fields[name].type, _at(take, name)) for name, v in value.items()}
    return Leaf(value, take)


def _at(take: Take, key: Any) -> Take:
    """What takes one item of what `take` takes."""
    return lambda variables: take(variables)[key]


def skeleton(value: Any, type_: Any) -> Any:
    """The structure of a variable value: keys, nullness, enum values and booleans; other values and list lengths left out."""
    type_ = get_nullable_type(type_)
    if value is None:
        return None
    named = get_named_type(type_)
    if OF_WRITES in getattr(named, "extensions", ()):
        return "written"
    if is_list_type(type_):
        if is_input_object_type(named) or is_enum_type(named):
            return tuple([skeleton(v, type_.of_type) for v in value])
        return "list"
    if isinstance(type_, GraphQLInputObjectType):
        return tuple([(name, skeleton(value[name], type_.fields[name].type)) for name in sorted(value)])
    if is_enum_type(type_) or type_ is GraphQLBoolean:
        return ("is", value)
    return "value"


def values(
    nodes: tuple[ArgumentNode, ...] | None, defined: Mapping[str, GraphQLArgument], variables: Variables
) -> dict[str, Any]:
    """The given arguments of a field as values of this request, for what no plan is compiled from."""
    found: dict[str, Any] = {}
    for node in nodes or ():
        value = value_from_ast(node.value, defined[node.name.value].type, dict(variables))
        if value is not Undefined:
            found[node.name.value] = value
    return found
