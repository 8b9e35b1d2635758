"""What one document may ask for, counted before anything is executed (API.md 5): its text, its lists, and its cost.

How much is allowed is a setting of the caller's roles (model/role_limits.py). The cost is the number of objects that an
answer may hold: one for each object, the page size times its inside for each connection, and a fixed number for counts and
aggregates, which look at every row. Fields that the caller may not see have no cost, since they are not in the compiled tree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
)

from ..errors import Invalid
from ..model.filter import Given, Operand, Param
from ..model.role_limits import RoleLimits
from ..sql.ast import (
    Aggregate,
    ById,
    ByIds,
    Connection,
    EdgeNode,
    Edges,
    Item,
    Nodes,
    Parts,
    Root,
    Selection,
    ToMany,
    ToOne,
    TotalCount,
)
from ..sql.lists import DEFAULT_FIRST

MAX_DIRECTIVES_OF_ONE = 4
ALL_ROWS, SOME_ROWS = 1_000, 10
"""cost of a count or an aggregate: of a root field's rows, of the rows below one row."""


class Amount(msgspec.Struct, frozen=True):
    """What one request asks for: objects, the rows of all lists, and those of the longest."""

    cost: int = 0
    rows: int = 0
    page: int = 0

    def plus(self, other: Amount, times: int = 1) -> Amount:
        """Both, the other so many times."""
        return Amount(
            self.cost + times * other.cost, self.rows + times * other.rows, max(self.page, other.page if times else 0)
        )


class Cost(msgspec.Struct, frozen=True):
    """The cost of a compiled tree; page sizes come with each request."""

    fixed: int = 0
    lists: tuple[tuple[Operand, Cost], ...] = ()
    """(page size, cost of one row)."""

    def total(self, value: Callable[[int], int]) -> Amount:
        """What a request asks for; `value` gives a parameter by its number."""
        found = Amount(self.fixed)
        for size, inner in self.lists:
            given = value(size.index) if isinstance(size, Param) else size.value if isinstance(size, Given) else 1
            pages = int(given or 0)
            found = found.plus(inner.total(value), pages).plus(Amount(0, pages, pages))
        return found


def cost_of(root: Root) -> Cost:
    """The cost of a root field."""
    if isinstance(root, Connection):
        return _connection(root, ALL_ROWS)
    if isinstance(root, ById | ByIds):
        return _most(root.selections)
    raise TypeError(f"{type(root).__name__} is no root")


def check_amount(asked: Amount, limits: RoleLimits) -> None:
    """Raises Invalid beyond what one document may cost, and the rows that its lists may have."""
    if asked.cost > limits.cost:
        raise Invalid(
            "limit.cost",
            f"the document asks for up to {asked.cost} objects, {limits.cost} are allowed: take smaller pages (first), "
            "nest less, or split it",
            cost=asked.cost,
            limit=limits.cost,
        )
    if asked.page > limits.page:
        _refuse("page", asked.page, limits.page, f"a list has at most {limits.page} rows, not {asked.page} (first)")
    if asked.rows > limits.rows:
        _refuse("rows", asked.rows, limits.rows, f"the lists of an answer have at most {limits.rows} rows in all")


def check_roots(count: int, limits: RoleLimits) -> None:
    """Raises Invalid beyond the root fields that one document may have."""
    if count > limits.roots:
        _refuse("roots", count, limits.roots, f"a document has at most {limits.roots} root fields, not {count}")


def _refuse(name: str, asked: int, limit: int, sentence: str) -> None:
    raise Invalid(f"limit.{name}", sentence, limit=limit, asked=asked)


class Measures(msgspec.Struct, frozen=True):
    """The text of a document in numbers."""

    tokens: int
    depth: int
    aliases: int
    directives: int


def measures(document: DocumentNode) -> Measures:
    """Measure a document, whose fragments may still be spread in circles. Raises Invalid for a place full of directives."""
    directives = aliases = 0
    open_ = list[Node](document.definitions)
    while open_:
        node = open_.pop()
        here = len(getattr(node, "directives", None) or ())
        directives += here
        aliases += getattr(node, "alias", None) is not None
        if here > MAX_DIRECTIVES_OF_ONE:
            most = MAX_DIRECTIVES_OF_ONE
            raise Invalid("limit.directives", f"a place has at most {most} directives", limit=most, asked=here)
        selections = getattr(node, "selection_set", None)
        open_ += selections.selections if selections is not None else ()
    return Measures(document.token_count, Depth(document).deepest, aliases, directives)


class Depth:
    """How deep the fields of a document stand inside each other."""

    def __init__(self, document: DocumentNode) -> None:
        self._fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        self._known: dict[str, int] = {}
        found = (d.selection_set for d in document.definitions if isinstance(d, OperationDefinitionNode))
        self.deepest = max(map(self._of, found), default=0)

    def _of(self, selections: SelectionSetNode | None) -> int:
        """The depth below one selection."""
        return max(map(self._node, selections.selections), default=0) if selections is not None else 0

    def _node(self, node: Node) -> int:
        if isinstance(node, FieldNode):
            return 1 + self._of(node.selection_set)
        if isinstance(node, InlineFragmentNode):
            return self._of(node.selection_set)
        assert isinstance(node, FragmentSpreadNode)
        return self._fragment(node.name.value)

    def _fragment(self, name: str) -> int:
        """Of a fragment; one that holds itself is refused later, when the document is validated."""
        if name not in self._known:
            self._known[name] = 0
            found = self._fragments.get(name)
            self._known[name] = self._of(found.selection_set) if found is not None else 0
        return self._known[name]


def check_measures(found: Measures, limits: RoleLimits) -> None:
    """Raises Invalid for a document that is too long, too deep, or has too many aliases or directives."""
    if found.tokens > limits.tokens:
        _refuse("tokens", found.tokens, limits.tokens, f"a document has at most {limits.tokens} tokens")
    if found.depth > limits.depth:
        _refuse("depth", found.depth, limits.depth, f"fields stand at most {limits.depth} deep, not {found.depth}")
    if found.aliases > limits.aliases:
        _refuse("aliases", found.aliases, limits.aliases, f"a document has at most {limits.aliases} aliases")
    if found.directives > limits.directives:
        most = limits.directives
        _refuse("directives", found.directives, most, f"a document has at most {most} directives")


def _sum(costs: Iterable[Cost]) -> Cost:
    """All of them."""
    fixed, lists = 0, list[tuple[Operand, Cost]]()
    for cost in costs:
        fixed += cost.fixed
        lists += cost.lists
    return Cost(fixed, tuple(lists))


def _most(selections: tuple[Selection, ...]) -> Cost:
    """The cost of one node, which may be of any of these kinds: the kind that asks for most."""
    kinds = [_sum([Cost(1), *map(_item, selection.items)]) for selection in selections]
    return max(kinds, key=lambda cost: cost.total(lambda _: 50).cost, default=Cost())


def _item(item: Item) -> Cost:
    """The cost of one item of a node beside the node itself."""
    if isinstance(item, ToOne):
        return _most(item.targets)
    if isinstance(item, ToMany):
        return _connection(item.connection, SOME_ROWS)
    if isinstance(item, Parts):
        return _sum([Cost(1), *map(_item, item.items)])
    return Cost()


def _connection(found: Connection, rows: int) -> Cost:
    """A connection: its page, and what looks at all its rows."""
    size = found.first or Given(DEFAULT_FIRST)
    costs = [Cost(1)]
    for part in found.parts:
        if isinstance(part, TotalCount | Aggregate):
            costs.append(Cost(rows))
        elif isinstance(part, Nodes):
            costs.append(Cost(0, ((size, _most(part.selections)),)))
        elif isinstance(part, Edges):
            inner = [_most(item.selections) for item in part.items if isinstance(item, EdgeNode)]
            costs.append(Cost(0, ((size, _sum([Cost(1), *inner])),)))
    return _sum(costs)
