"""What a query asks for, free of GraphQL's syntax and of SQL: `graphql/` makes it, `sql/` compiles it to one statement.

Everything here is hashable data; values that the request brings are `Param(index)` operands (model/filter.py), so that
one compiled statement serves every request with the same skeleton. Field names are field ids. Keys are response keys.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from ..model.filter import TRUE, Filter, Operand

Removed = Literal["EXCLUDE", "ONLY", "INCLUDE"]


class Cell(msgspec.Struct, frozen=True):
    """A stored or expression field, or `id`, `revision`, `createdAt`, `updatedAt`, `removedAt`, shown at its level per row.

    `reveal`: in clear where a grant of the action `reveal` for the request's purpose says so (PERMISSIONS.md 3).
    """

    key: str
    field: str
    reveal: bool = False


class Absent(msgspec.Struct, frozen=True):
    """`_absent`: why cells of these fields are not shown in clear, as {present name: reason}."""

    key: str
    fields: tuple[tuple[str, str], ...]
    """(present name, field id)."""


class CodeLabel(msgspec.Struct, frozen=True):
    """`<field>Label(lang:)` of a code (text), codes (list) or enum; missing codes give null."""

    key: str
    field: str
    language: Literal["zh", "en"]


class Constant(msgspec.Struct, frozen=True):
    """`__typename` and whatever else is known when the plan is made; a JSON value."""

    key: str
    value: Any


class NodeId(msgspec.Struct, frozen=True):
    """The global id: base64 of `<type>:<uuid>`."""

    key: str


class ToOne(msgspec.Struct, frozen=True):
    """A reference: null when absent, removed, or not visible under `get`. One selection per possible target entity."""

    key: str
    field: str
    targets: tuple[Selection, ...]


class ToMany(msgspec.Struct, frozen=True):
    """children or refs: a connection under `list`."""

    key: str
    field: str
    connection: Connection


class Parts(msgspec.Struct, frozen=True):
    """A list, photos or files field, or a point/polygon's parts: plain array of objects in stored order."""

    key: str
    field: str
    items: tuple[Item, ...]


class Batch(msgspec.Struct, frozen=True):
    """A field that Python computes once per response from declared cells; spliced in where the statement left a mark."""

    key: str
    field: str
    inputs: tuple[str, ...]


Item = Cell | Absent | CodeLabel | Constant | NodeId | ToOne | ToMany | Parts | Batch


class Selection(msgspec.Struct, frozen=True):
    """Fields of one node of one concrete entity, in response order."""

    entity: str
    items: tuple[Item, ...]


class Order(msgspec.Struct, frozen=True):
    """One ordering term over a path of field ids (the last is a value, the others are references)."""

    path: tuple[str, ...]
    descending: bool = False


class Nodes(msgspec.Struct, frozen=True):
    """`nodes`: one selection per concrete entity of the connection."""

    key: str
    selections: tuple[Selection, ...]


class Edges(msgspec.Struct, frozen=True):
    """`edges`: objects of constants, cursors and nodes, in response order."""

    key: str
    items: tuple[EdgeItem, ...]


class EdgeCursor(msgspec.Struct, frozen=True):
    """`cursor` of an edge."""

    key: str


class EdgeNode(msgspec.Struct, frozen=True):
    """`node` of an edge."""

    key: str
    selections: tuple[Selection, ...]


class PageInfo(msgspec.Struct, frozen=True):
    """`pageInfo`: (key, what) with what of hasNextPage, hasPreviousPage, startCursor, endCursor, __typename."""

    key: str
    items: tuple[tuple[str, str], ...]


class TotalCount(msgspec.Struct, frozen=True):
    """`totalCount(limit)`: (key, what) with what of value, exact, __typename; no limit is exact."""

    key: str
    limit: Operand | None
    items: tuple[tuple[str, str], ...]


EdgeItem = Constant | EdgeCursor | EdgeNode
Part = Nodes | Edges | PageInfo | TotalCount | Constant


class Connection(msgspec.Struct, frozen=True):
    """A list of an entity's rows (for an upper entity: of all visible kinds), filtered, ordered, cut into pages."""

    entity: str
    parts: tuple[Part, ...]
    where: Filter = TRUE
    order: tuple[Order, ...] = ()
    """as asked; the compiler adds the entity's default and the id."""
    first: Operand | None = None
    """None: 50."""
    after: tuple[Operand, ...] | None = None
    """values of the complete ordering (the id last) that the opened cursor holds; None: from the start."""
    offset: Operand | None = None
    removed: Removed = "EXCLUDE"


class ById(msgspec.Struct, frozen=True):
    """`person(id:)`: the node under `get`, or null. `selections`: one per concrete entity that the id may be."""

    id: Operand
    selections: tuple[Selection, ...]
    removed: Removed = "EXCLUDE"


class ByIds(msgspec.Struct, frozen=True):
    """The nodes behind ids that Python holds (`Ref`, the answer of a write): an array in the order of `ids`, null where unseen."""

    ids: Operand
    selections: tuple[Selection, ...]


Root = ById | ByIds | Connection


class Noted(msgspec.Struct, frozen=True):
    """Rows of an answer that a read record names: their entity, and its personal fields that are shown in clear."""

    entity: str
    fields: tuple[str, ...]
    reveal: bool = False
    """the fields are revealed: each row gets an entry in the ledger."""


class Value(msgspec.Struct, frozen=True):
    """One bound parameter of a statement: how to take it from the request and the scope.

    `take(scope, params)` gives the Python value for asyncpg; `params` is the request's list that `Param.index` counts.
    """

    name: str
    take: Callable[[Any, list[Any]], Any]


class Statement(msgspec.Struct, frozen=True):
    """One SQL statement with its parameters; it returns one row with one column of type json (SQL NULL: `null`).

    `marks`: the JSON holds marks (cursors, batch fields) that must be resolved before it is sent (sql/marks.py).
    With `noted` there is a second column: the notes of rows that show personal fields, each by its number (sql/notes.py).
    """

    sql: str
    values: tuple[Value, ...]
    marks: bool = False
    reads: frozenset[str] = frozenset()
    """the entities that it reads."""
    noted: tuple[Noted, ...] = ()
    """what a note's number means."""
    matches: tuple[tuple[str, str], ...] = ()
    """(entity, path) of sealed fields that are compared under the action `match`: each use stands in the ledger."""

    @property
    def reveals(self) -> bool:
        """Whether it writes reveals into the ledger; the last two request parameters are then purpose and document."""
        return any(noted.reveal for noted in self.noted)

    def bind(self, scope: Any, params: list[Any]) -> list[Any]:
        """The parameters in the order of `$1`..."""
        return [value.take(scope, params) for value in self.values]
