"""A root field that is answered from a cube -> the compiler's tree: its conditions on dimensions and its aggregates."""

from __future__ import annotations

from typing import Any

from graphql import FieldNode, GraphQLField, GraphQLObjectType, get_named_type

from ..model.dimensions import AREA_FIELD
from ..model.filter import Compare, Every, Filter
from ..sql.ast import Connection, Constant, Part
from .arguments import Leaf, Take, Variables, arguments
from .grouping import Grouping
from .select import Selector

OPERATORS = {"eq": "eq", "in": "in", "within": "eq"}


def question(selector: Selector, nodes: list[FieldNode], entity: str, field: GraphQLField) -> Connection:
    """One root field."""
    given = arguments(nodes[0].arguments, field.args, selector.variables)
    type_ = get_named_type(field.type)
    assert isinstance(type_, GraphQLObjectType)
    parts: list[Part] = []
    sets = [node.selection_set for node in nodes if node.selection_set]
    for key, found in selector.collect(sets, type_).items():
        if found[0].name.value == "__typename":
            parts.append(Constant(key, type_.name))
        else:
            parts.append(Grouping(selector, selector.builder.cubes).aggregate(key, found, entity))
    return Connection(entity, tuple(parts), where=_where(selector, given.get("where"), entity), cube=True)


def _where(selector: Selector, tree: Any, entity: str) -> Filter:
    """The conditions, each on one dimension; those that are null are none."""
    if tree is None or isinstance(tree, Leaf):
        return Every(())
    known = {f.name: one for f, one in selector.builder.cubes.fields(entity)}
    found: list[Filter] = []
    for name, operators in tree.items():
        for operator, leaf in () if isinstance(operators, Leaf) else operators.items():
            take = leaf.take if known[name].field == AREA_FIELD else _texts(leaf.take)
            operand = selector.params.add(take)
            found.append(Compare(known[name].field, OPERATORS[operator], operand))
    return Every(tuple(found))


def _texts(take: Take) -> Take:
    """Values as a cube stores them."""

    def text(value: Any) -> Any:
        return str(value).lower() if isinstance(value, bool) else value

    def taken(variables: Variables) -> Any:
        found = take(variables)
        return [text(item) for item in found] if isinstance(found, list) else text(found)

    return taken
