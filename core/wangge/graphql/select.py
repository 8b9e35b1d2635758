"""A selection set of a document -> the compiler's tree, for each concrete entity that a node may be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLBoolean,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
    get_named_type,
)

from ..errors import Invalid
from ..model.filter import Operand
from ..policy.scope import Shape
from ..sql.ast import (
    Absent,
    Batch,
    Cell,
    CodeLabel,
    Connection,
    Constant,
    EdgeCursor,
    EdgeItem,
    EdgeNode,
    Edges,
    FileLink,
    Item,
    NodeId,
    Nodes,
    PageInfo,
    Part,
    Parts,
    Selection,
    ToMany,
    ToOne,
    TotalCount,
)
from ..sql.catalog import Catalog
from ..sql.lists import decisive, default_order, is_ranked, mark
from ..sql.reach import source
from ..sql.rows import Build
from .arguments import Leaf, Variables, arguments, from_ast
from .filters import Filters, Params
from .grouping import Grouping
from .schema import META, SchemaBuilder
from .searching import Searching

MAX_FIRST = 1000
MAX_OFFSET = 10_000
MAX_LIMIT = 2**31 - 1
MAX_DEPTH = 24
MAX_NESTED = 500
"""objects and lists that one root field may ask for, fragments opened: each is a subselect of its statement."""
MAX_KEYS = 1600
"""keys of one object: what PostgreSQL takes in one row."""
Fields = dict[str, list[FieldNode]]
OpenCursor = Callable[[str, Any, int, Variables], list[Any]]
"""(binding, cursor, number of values, variables) -> values."""


class Selector:
    """Reads the selections of one plan."""

    def __init__(
        self,
        builder: SchemaBuilder,
        fragments: dict[str, FragmentDefinitionNode],
        variables: Variables,
        params: Params,
        open_cursor: OpenCursor,
    ) -> None:
        self.builder = builder
        self.catalog: Catalog = builder.catalog
        self.shape: Shape = builder.shape
        self.fragments = fragments
        self.variables = variables
        self.params = params
        self.filters = Filters(builder.catalog, params)
        self.searching = Searching(builder, params)
        self.open_cursor = open_cursor
        self._depth = 0
        self._nested_objects = 0

    # --- collecting ---

    def collect(self, sets: list[SelectionSetNode], type_: GraphQLObjectType) -> Fields:
        """Response key -> field nodes that apply to a concrete type, fragments opened, in order."""
        found: Fields = {}
        opened: set[str] = set()
        for selections in sets:
            self._collect(selections.selections, type_, found, opened)
        if len(found) > MAX_KEYS:
            raise Invalid("limit.keys", f"an object has at most {MAX_KEYS} fields", limit=MAX_KEYS)
        return found

    def _collect(
        self, selections: tuple[SelectionNode, ...], type_: GraphQLObjectType, found: Fields, opened: set[str]
    ) -> None:
        """`opened`: the fragments that need no second look."""
        for node in selections:
            if not self.included(node):
                continue
            if isinstance(node, FieldNode):
                key = node.alias.value if node.alias else node.name.value
                found.setdefault(key, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                if node.type_condition is None or self._applies(node.type_condition.name.value, type_):
                    self._collect(node.selection_set.selections, type_, found, opened)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in opened:
                opened.add(node.name.value)
                fragment = self.fragments[node.name.value]
                if self._applies(fragment.type_condition.name.value, type_):
                    self._collect(fragment.selection_set.selections, type_, found, opened)

    def _applies(self, condition: str, type_: GraphQLObjectType) -> bool:
        """Whether a type condition holds for a concrete type."""
        if condition == type_.name or any(i.name == condition for i in type_.interfaces):
            return True
        return type_.name in self.builder.members(condition)

    def included(self, node: SelectionNode) -> bool:
        """@skip and @include."""
        for directive in node.directives or ():
            if directive.name.value in ("skip", "include"):
                tree = from_ast((directive.arguments or ())[0].value, GraphQLBoolean, self.variables)
                if bool(tree.value) == (directive.name.value == "skip"):
                    return False
        return True

    # --- nodes ---

    def selections(self, sets: list[SelectionSetNode], entity: str, action: str) -> tuple[Selection, ...]:
        """One selection for each concrete entity behind `entity` that the caller may see under `action`."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Invalid("limit.depth", f"a query nests at most {MAX_DEPTH} deep", limit=MAX_DEPTH)
        self._count()
        made = tuple(self._selection(sets, kind) for kind in self.builder.kinds(entity, action))
        self._depth -= 1
        return made

    def _count(self) -> None:
        """One more object or list; raises Invalid beyond what one statement may hold."""
        self._nested_objects += 1
        if self._nested_objects > MAX_NESTED:
            raise Invalid(
                "limit.nested", f"a root field asks for at most {MAX_NESTED} nested objects", limit=MAX_NESTED
            )

    def _selection(self, sets: list[SelectionSetNode], kind: str) -> Selection:
        node = self.builder.node(kind)
        assert isinstance(node, GraphQLObjectType)
        return Selection(kind, tuple(self.items(sets, node, kind)))

    def items(self, sets: list[SelectionSetNode], type_: GraphQLObjectType, entity: str) -> list[Item]:
        """The items of one object type in response order."""
        return [self._item(key, nodes, type_, entity) for key, nodes in self.collect(sets, type_).items()]

    def _item(self, key: str, nodes: list[FieldNode], type_: GraphQLObjectType, entity: str) -> Item:
        name = nodes[0].name.value
        if name == "__typename":
            return Constant(key, type_.name)
        field = type_.fields[name]
        facts = field.extensions[META]
        kind = facts["kind"]
        if kind == "cell":
            return Cell(key, facts["field"], self._revealed(nodes, field))
        if kind == "absent":
            return Absent(key, self._absentable(type_, entity))
        if kind == "label":
            return CodeLabel(key, facts["field"], self.language(nodes[0], field))
        if kind == "link":
            size = arguments(nodes[0].arguments, field.args, self.variables).get("size")
            return FileLink(key, isinstance(size, Leaf) and bool(size.value))
        if kind == "node_id":
            return NodeId(key)
        if kind == "batch":
            inputs = self.catalog.field(entity, facts["field"]).inputs or ()
            return Batch(key, facts["field"], inputs)
        return self._nested(key, kind, facts["field"], nodes, field, entity)

    def _revealed(self, nodes: list[FieldNode], field: GraphQLField) -> bool:
        """Whether a cell is asked for in clear."""
        given = arguments(nodes[0].arguments, field.args, self.variables).get("reveal")
        return isinstance(given, Leaf) and bool(given.value)

    def _absentable(self, type_: GraphQLObjectType, entity: str) -> tuple[tuple[str, str], ...]:
        """The plain fields and references of a type that `_absent` may speak of."""
        fields = self.catalog.fields(entity)
        facts = ((name, field.extensions.get(META, {})) for name, field in type_.fields.items())
        return tuple(
            (name, f["field"]) for name, f in facts if f.get("kind") in ("cell", "to_one") and f["field"] in fields
        )

    def _nested(
        self, key: str, kind: str, field_id: str, nodes: list[FieldNode], field: GraphQLField, entity: str
    ) -> Item:
        """A field with a selection of its own."""
        sets = _sets(nodes)
        if kind == "parts":
            part = get_named_type(field.type)
            assert isinstance(part, GraphQLObjectType)
            return Parts(key, field_id, tuple(self.items(sets, part, entity)))
        if kind == "to_one":
            targets = self._targets(field)
            return ToOne(key, field_id, tuple(s for t in targets for s in self.selections(sets, t, "get")))
        target = self._targets(field)[0]
        return ToMany(key, field_id, self.connection(nodes, target, field))

    def _targets(self, field: GraphQLField) -> list[str]:
        """The entities behind a field's type."""
        named = get_named_type(field.type)
        if facts := named.extensions.get(META):
            return [facts["entity"]]
        if isinstance(named, GraphQLObjectType | GraphQLInterfaceType):
            return [self.builder.entity_of_type[named.name]]
        assert isinstance(named, GraphQLUnionType)
        return [self.builder.entity_of_type[t.name] for t in named.types]

    def language(self, node: FieldNode, field: GraphQLField) -> Any:
        """The language of a label."""
        given = arguments(node.arguments, field.args, self.variables).get("lang")
        return given.value if isinstance(given, Leaf) and given.value else self.builder.language

    # --- connections ---

    def connection(self, nodes: list[FieldNode], entity: str, field: GraphQLField) -> Connection:
        """A connection with its arguments and parts."""
        self._count()
        given = arguments(nodes[0].arguments, field.args, self.variables)
        where = self.filters.where(given.get("where", {}), entity)
        order = self.filters.orders(given.get("orderBy"), entity)
        removed = given.get("removed")
        made = Connection(
            entity,
            tuple(self._parts(_sets(nodes), entity)),
            where=where,
            search=self.searching.asked(given.get("search"), entity),
            order=order,
            first=self.bounded(given.get("first"), "first", MAX_FIRST),
            offset=self.bounded(given.get("offset"), "offset", MAX_OFFSET),
            removed=removed.value if isinstance(removed, Leaf) and removed.value else "EXCLUDE",
        )
        after = given.get("after")
        if not isinstance(after, Leaf) or after.value is None:
            return made
        if made.offset is not None:
            raise Invalid("page.offset_and_after", "offset and after cannot stand together: use one of them")
        return self._after(made, after)

    def _after(self, made: Connection, after: Leaf) -> Connection:
        """The values behind a cursor as parameters: one for each term of the complete ordering."""
        build = Build(self.catalog, self.shape)
        row = source(build, self.builder.kinds(made.entity, "list")[0], "list")
        terms, _ = decisive(made.order or default_order(build, made.entity, row))
        count, binding, take = len(terms) + 1 + is_ranked(made), mark(made), after.take
        operands = tuple(
            self.params.add(lambda v, at=at: self.open_cursor(binding, take(v), count, v)[at])  # type: ignore[misc] # bound now
            for at in range(count)
        )
        return msgspec.structs.replace(made, after=operands)

    def bounded(self, leaf: Any, name: str, limit: int) -> Operand | None:
        """`first`, `offset` or `limit` within its bounds, checked in every request."""
        if not isinstance(leaf, Leaf) or leaf.value is None:
            return None

        def take(variables: Variables) -> int:
            value = leaf.take(variables)
            if not 0 <= value <= limit:
                raise Invalid(
                    "page.out_of_bounds", f"{name} lies between 0 and {limit}, not {value}", argument=name, limit=limit
                )
            return int(value)

        take(self.variables)
        return self.params.add(take)

    def _parts(self, sets: list[SelectionSetNode], entity: str) -> list[Part]:
        """nodes, edges, pageInfo, totalCount, aggregate."""
        type_ = self.builder.connection(entity)
        parts: list[Part] = []
        for key, nodes in self.collect(sets, type_).items():
            name = nodes[0].name.value
            if name == "__typename":
                parts.append(Constant(key, type_.name))
            elif name == "nodes":
                parts.append(Nodes(key, self.selections(_sets(nodes), entity, "list")))
            elif name == "edges":
                parts.append(Edges(key, tuple(self._edge(_sets(nodes), entity))))
            elif name == "pageInfo":
                parts.append(PageInfo(key, self._simple(nodes, type_, name)))
            elif name == "aggregate":
                self._count()
                parts.append(Grouping(self).aggregate(key, nodes, entity))
            else:
                given = arguments(nodes[0].arguments, type_.fields[name].args, self.variables).get("limit")
                limit = self.bounded(given, "limit", MAX_LIMIT)
                parts.append(TotalCount(key, limit, self._simple(nodes, type_, name)))
        return parts

    def _simple(self, nodes: list[FieldNode], type_: GraphQLObjectType, name: str) -> tuple[tuple[str, str], ...]:
        """(key, field) of an object of plain fields."""
        named = get_named_type(type_.fields[name].type)
        assert isinstance(named, GraphQLObjectType)
        return self.plain_items(_sets(nodes), named)

    def plain_items(self, sets: list[SelectionSetNode], type_: GraphQLObjectType) -> tuple[tuple[str, str], ...]:
        """(key, field) of an object of plain fields."""
        return tuple((key, found[0].name.value) for key, found in self.collect(sets, type_).items())

    def _edge(self, sets: list[SelectionSetNode], entity: str) -> list[EdgeItem]:
        """The items of an edge."""
        type_ = get_named_type(self.builder.connection(entity).fields["edges"].type)
        assert isinstance(type_, GraphQLObjectType)
        items: list[EdgeItem] = []
        for key, nodes in self.collect(sets, type_).items():
            name = nodes[0].name.value
            if name == "cursor":
                items.append(EdgeCursor(key))
            elif name == "node":
                items.append(EdgeNode(key, self.selections(_sets(nodes), entity, "list")))
            else:
                items.append(Constant(key, type_.name))
        return items


def _sets(nodes: list[FieldNode]) -> list[SelectionSetNode]:
    """The selection sets of fields with one response key."""
    return [node.selection_set for node in nodes if node.selection_set]
