"""What one document may ask for, counted before anything is executed (API.md 5): root fields, directives, and its cost.

The cost is the number of objects that an answer may hold: one for each object, the page size times its inside for each
connection, and a fixed number for counts and aggregates, which look at every row. Fields that the caller may not see have
no cost, since they are not in the compiled tree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from graphql import DocumentNode, Node

from ..errors import Invalid
from ..model.filter import Given, Operand, Param
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

MAX_COST = 500_000
NO_LIMIT = 2**62
"""for commands that look at everything, such as the proof of the permissions."""
MAX_ROOTS = 50
MAX_DIRECTIVES = 500
MAX_DIRECTIVES_OF_ONE = 4
ALL_ROWS, SOME_ROWS = 1_000, 10
"""cost of a count or an aggregate: of a root field's rows, of the rows below one row."""


class Cost(msgspec.Struct, frozen=True):
    """The cost of a compiled tree; page sizes come with each request."""

    fixed: int = 0
    lists: tuple[tuple[Operand, Cost], ...] = ()
    """(page size, cost of one row)."""

    def total(self, value: Callable[[int], int]) -> int:
        """The cost of a request; `value` gives a parameter by its number."""
        found = self.fixed
        for size, inner in self.lists:
            pages = value(size.index) if isinstance(size, Param) else size.value if isinstance(size, Given) else 1
            found += int(pages or 0) * inner.total(value)
        return found


def cost_of(root: Root) -> Cost:
    """The cost of a root field."""
    if isinstance(root, Connection):
        return _connection(root, ALL_ROWS)
    if isinstance(root, ById | ByIds):
        return _most(root.selections)
    raise TypeError(f"{type(root).__name__} is no root")


def check_cost(cost: int, limit: int) -> None:
    """Raises Invalid beyond what one document may cost."""
    if cost > limit:
        raise Invalid(
            "limit.cost",
            f"the document asks for up to {cost} objects, {limit} are allowed: take smaller pages (first), "
            "nest less, or split it",
            cost=cost,
            limit=limit,
        )


def check_roots(count: int) -> None:
    """Raises Invalid beyond the root fields that one document may have."""
    if count > MAX_ROOTS:
        raise Invalid("limit.roots", f"a document has at most {MAX_ROOTS} root fields, not {count}", limit=MAX_ROOTS)


def check_directives(document: DocumentNode) -> None:
    """Raises Invalid for a document that is full of directives."""
    count, open_ = 0, list[Node](document.definitions)
    while open_:
        node = open_.pop()
        here = len(getattr(node, "directives", None) or ())
        count += here
        if here > MAX_DIRECTIVES_OF_ONE or count > MAX_DIRECTIVES:
            raise Invalid(
                "limit.directives",
                f"a place has at most {MAX_DIRECTIVES_OF_ONE} directives, a document {MAX_DIRECTIVES}",
                limit=MAX_DIRECTIVES_OF_ONE,
                all=MAX_DIRECTIVES,
            )
        selections = getattr(node, "selection_set", None)
        open_ += selections.selections if selections is not None else ()


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
    return max(kinds, key=lambda cost: cost.total(lambda _: 50), default=Cost())


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
