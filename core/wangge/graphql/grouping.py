"""An `aggregate` field of a document -> the compiler's tree: its groups, what is shown of them, conditions and ordering."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphql import FieldNode, GraphQLObjectType, SelectionSetNode, get_named_type

from ..errors import Invalid
from ..model.filter import TRUE, Compare, Every, Filter, Given, Not, Some
from ..model.types import Field
from ..sql.aggregates import MOST_GROUPS
from ..sql.ast import (
    Aggregate,
    Constant,
    GroupOrder,
    GroupTerm,
    KeyArea,
    KeyCell,
    KeyItem,
    KeyLabel,
    KeyObject,
    Measure,
    Measured,
    Measures,
    measure_of,
)
from ..sql.catalog import AREA, SYSTEM
from .aggregates import Aggregates
from .arguments import Leaf, arguments

if TYPE_CHECKING:
    from .cubes import CubeTypes
    from .select import Selector

MOST_TERMS = 8
Path = tuple[str, ...]


class Grouping:
    """Reads the aggregates of one plan."""

    def __init__(self, selector: Selector, types: Aggregates | CubeTypes | None = None) -> None:
        self._selector = selector
        self._catalog = selector.catalog
        self._types = types or selector.builder.aggregates

    def aggregate(self, key: str, nodes: list[FieldNode], entity: str) -> Aggregate:
        """One field `aggregate` of a connection of `entity`."""
        field = self._types.field(entity)
        given = arguments(nodes[0].arguments, field.args, self._selector.variables)
        terms = self._terms(given.get("groupBy"), entity)
        sets = [node.selection_set for node in nodes if node.selection_set]
        return Aggregate(
            key,
            terms,
            tuple(self._items(sets, entity, terms)),
            having=self._having(given.get("having"), entity),
            order=self._orders(given.get("orderBy"), entity, terms),
            first=self._selector.bounded(given.get("first"), "first", MOST_GROUPS),
        )

    # --- groupBy ---

    def _terms(self, trees: Any, entity: str) -> tuple[GroupTerm, ...]:
        """The terms of groupBy, each once."""
        if trees is None or isinstance(trees, Leaf):
            return ()
        found = tuple(self._term(tree, entity) for tree in trees)
        if len(found) > MOST_TERMS:
            raise Invalid("limit.groups", f"groupBy has at most {MOST_TERMS} terms", limit=MOST_TERMS)
        paths = [term.path for term in found]
        for path in paths:
            if paths.count(path) > 1:
                name = ".".join(path)
                raise Invalid("aggregate.twice", f'"{name}" stands twice in groupBy: once is enough', field=name)
        return found

    def _term(self, tree: Any, entity: str, path: Path = ()) -> GroupTerm:
        """One term: an object with one key."""
        name, item = _only(tree, "groupBy")
        if name in SYSTEM:
            return GroupTerm((*path, name), item.value)
        field = self._named(entity, name)
        if isinstance(item, Leaf):
            return GroupTerm((*path, field.id), item.value)
        return self._term(item, field.to[0], (*path, field.id))

    def _named(self, entity: str, name: str) -> Field:
        """The field of a present name."""
        return next(f for f in self._catalog.fields(entity).values() if f.name == name)

    # --- what is shown ---

    def _items(
        self, sets: list[SelectionSetNode], entity: str, terms: tuple[GroupTerm, ...]
    ) -> list[Constant | KeyObject | Measured | Measures]:
        """The items of one group."""
        type_ = self._types.result(entity)
        items: list[Constant | KeyObject | Measured | Measures] = []
        for key, nodes in self._selector.collect(sets, type_).items():
            name, inner = nodes[0].name.value, [n.selection_set for n in nodes if n.selection_set]
            if name == "__typename":
                items.append(Constant(key, type_.name))
            elif name in ("count", "suppressed"):
                items.append(Measured(key, Measure("count" if name == "count" else "suppressed")))
            elif name == "key":
                items.append(KeyObject(key, tuple(self._key(inner, entity, terms, ()))))
            else:
                items.append(self._measures(key, name, inner, type_, entity))
        return items

    def _measures(
        self, key: str, function: str, sets: list[SelectionSetNode], type_: GraphQLObjectType, entity: str
    ) -> Measures:
        """`sum { employees }` and the like."""
        named = get_named_type(type_.fields[function].type)
        assert isinstance(named, GraphQLObjectType)
        items: list[Measured | Constant] = []
        for inner, nodes in self._selector.collect(sets, named).items():
            name = nodes[0].name.value
            if name == "__typename":
                items.append(Constant(inner, named.name))
            else:
                measure = measure_of(f"{function}.{self._named(entity, name).id}")
                items.append(Measured(inner, measure))
        return Measures(key, tuple(items))

    def _key(
        self, sets: list[SelectionSetNode], entity: str, terms: tuple[GroupTerm, ...], path: Path
    ) -> list[KeyItem]:
        """The items of a key, or of a reference in it."""
        type_ = self._types.key(entity)
        items: list[KeyItem] = []
        for key, nodes in self._selector.collect(sets, type_).items():
            name = nodes[0].name.value
            if name == "__typename":
                items.append(Constant(key, type_.name))
                continue
            inner = [n.selection_set for n in nodes if n.selection_set]
            items.append(self._key_item(key, nodes[0], inner, entity, terms, path))
        return items

    def _key_item(
        self,
        key: str,
        node: FieldNode,
        sets: list[SelectionSetNode],
        entity: str,
        terms: tuple[GroupTerm, ...],
        path: Path,
    ) -> KeyItem:
        """One field of a key: it stands in groupBy, or leads to what does."""
        name = node.name.value
        if name in SYSTEM:
            return KeyCell(key, _term_of(terms, (*path, name)))
        label = name.removesuffix("Label") if name.endswith("Label") else ""
        known = {f.name: f for f in self._catalog.fields(entity).values()}
        field = known.get(name) or known[label]
        here = (*path, field.id)
        if name not in known:
            language = self._selector.language(node, self._types.key(entity).fields[name])
            return KeyLabel(key, _term_of(terms, here), language)
        if field.kind != "ref":
            return KeyCell(key, _term_of(terms, here))
        if field.to == (AREA,):
            type_, whole = self._types.area(), self._types is self._selector.builder.cubes
            items = self._selector.plain_items(sets, type_)
            return KeyArea(key, _term_of(terms, here), items, type_.name, whole)
        if not any(term.path[: len(here)] == here for term in terms):
            raise _not_grouped(here)
        return KeyObject(key, tuple(self._key(sets, field.to[0], terms, here)))

    # --- having and orderBy ---

    def _having(self, tree: Any, entity: str) -> Filter:
        """The condition on groups."""
        if tree is None or isinstance(tree, Leaf):
            return TRUE
        return Every(tuple(self._condition(name, item, entity) for name, item in tree.items()))

    def _condition(self, name: str, item: Any, entity: str) -> Filter:
        """and, or, not, count, or the measures of a function."""
        if isinstance(item, Leaf):
            return TRUE
        if name in ("and", "or"):
            items = tuple(self._having(sub, entity) for sub in item)
            return Every(items) if name == "and" else Some(items)
        if name == "not":
            return Not(self._having(item, entity))
        if name == "count":
            return self._compares("count", item)
        fields = ((f"{name}.{self._named(entity, field).id}", operators) for field, operators in item.items())
        return Every(tuple(self._compares(measure, operators) for measure, operators in fields))

    def _compares(self, measure: str, operators: Any) -> Filter:
        """The comparisons of one measure; a null object is no condition."""
        if isinstance(operators, Leaf):
            return TRUE
        add = self._selector.params.add
        return Every(
            tuple(
                Compare(measure, name, Given(leaf.value) if name == "isNull" else add(leaf.take))
                for name, leaf in operators.items()
            )
        )

    def _orders(self, trees: Any, entity: str, terms: tuple[GroupTerm, ...]) -> tuple[GroupOrder, ...]:
        """The terms of orderBy."""
        if trees is None or isinstance(trees, Leaf):
            return ()
        return tuple(self._order(tree, entity, terms) for tree in trees)

    def _order(self, tree: Any, entity: str, terms: tuple[GroupTerm, ...]) -> GroupOrder:
        """One term: a measure, or a term of the key."""
        name, item = _only(tree, "orderBy")
        if isinstance(item, Leaf):
            return GroupOrder(Measure("count"), item.value == "DESC")
        if name != "key":
            field, leaf = _only(item, "orderBy")
            return GroupOrder(measure_of(f"{name}.{self._named(entity, field).id}"), leaf.value == "DESC")
        path: Path = ()
        while not isinstance(item, Leaf):
            field, item = _only(item, "orderBy")
            known = None if field in SYSTEM else self._named(entity, field)
            path = (*path, known.id if known else field)
            entity = known.to[0] if known and known.to else entity
        return GroupOrder(_term_of(terms, path), item.value == "DESC")


def _only(tree: Any, argument: str) -> tuple[str, Any]:
    """The one key of an object and its value."""
    if isinstance(tree, Leaf) or len(tree) != 1:
        raise Invalid(
            "aggregate.one_key",
            f"an object of {argument} names one field: write [{{a: ...}}, {{b: ...}}]",
            argument=argument,
        )
    ((name, item),) = tree.items()
    if isinstance(item, Leaf) and item.value is None:
        raise Invalid("aggregate.one_key", f'"{name}" of {argument} is null: name how', argument=argument)
    return name, item


def _term_of(terms: tuple[GroupTerm, ...], path: Path) -> int:
    """The number of the term of a path. Raises Invalid."""
    for at, term in enumerate(terms):
        if term.path == path:
            return at
    raise _not_grouped(path)


def _not_grouped(path: Path) -> Invalid:
    name = ".".join(path)
    return Invalid("aggregate.not_grouped", f'"{name}" does not stand in groupBy: add it there', field=name)
