"""What a query asks for, free of GraphQL's syntax and of SQL: `graphql/` makes it, `sql/` compiles it to one statement.

Everything here is hashable data; values that the request brings are `Param(index)` operands (model/filter.py), so that
one compiled statement serves every request with the same skeleton. Field names are field ids. Keys are response keys.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec

from ..model.filter import TRUE, Compare, Every, Filter, Not, Operand, Param, Some

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


class FileLink(msgspec.Struct, frozen=True):
    """`link` of a file that is reached through a field of a row: a mark that Python makes a link of; else null."""

    key: str
    small: bool


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


Item = Cell | Absent | CodeLabel | Constant | NodeId | FileLink | ToOne | ToMany | Parts | Batch


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


class GroupTerm(msgspec.Struct, frozen=True):
    """One term of `groupBy`: a path of field ids (the last is a value or a reference to an area) and its unit.

    `unit`: VALUE; DAY, ISO_WEEK, MONTH, QUARTER or YEAR of a date or moment; the kind of an area (`community`).
    """

    path: tuple[str, ...]
    unit: str = "VALUE"


class KeyCell(msgspec.Struct, frozen=True):
    """The value of a term in `key`."""

    key: str
    term: int


class KeyLabel(msgspec.Struct, frozen=True):
    """The label of a term's code or enum value."""

    key: str
    term: int
    language: Literal["zh", "en"]


class KeyArea(msgspec.Struct, frozen=True):
    """The area that a term of areas stands for: (key, what) with what of id, code, name, kind, __typename; null without one."""

    key: str
    term: int
    items: tuple[tuple[str, str], ...]
    type: str
    """what `__typename` says."""
    whole: bool = False
    """whether its cells are shown without asking what the caller sees of areas, as of a cube."""


class KeyObject(msgspec.Struct, frozen=True):
    """`key`, or a reference in it: an object that is never null."""

    key: str
    items: tuple[KeyItem, ...]


KeyItem = Constant | KeyCell | KeyLabel | KeyArea | KeyObject


class Measure(msgspec.Struct, frozen=True):
    """What is measured over the rows of a group: `count`, or countDistinct, sum, avg, min, max of one field.

    `suppressed`, of a cube: whether the count is not shown.
    """

    function: Literal["count", "countDistinct", "sum", "avg", "min", "max", "suppressed"]
    field: str = ""


class Measured(msgspec.Struct, frozen=True):
    """A measure under its response key."""

    key: str
    measure: Measure


class Measures(msgspec.Struct, frozen=True):
    """`sum { employees }` and the like: an object of measures and constants."""

    key: str
    items: tuple[Measured | Constant, ...]


class GroupOrder(msgspec.Struct, frozen=True):
    """One ordering term of groups: a measure, or the term of a number."""

    by: Measure | int
    descending: bool = False


class Aggregate(msgspec.Struct, frozen=True):
    """`aggregate(groupBy, having, orderBy, first)` of a connection: its rows in groups, one object a group.

    Compares of `having` name a measure: `count`, `sum.employees`.
    """

    key: str
    terms: tuple[GroupTerm, ...]
    items: tuple[Constant | KeyObject | Measured | Measures, ...]
    having: Filter = TRUE
    order: tuple[GroupOrder, ...] = ()
    """as asked; the terms in their order follow."""
    first: Operand | None = None
    """None: 10,000."""

    def measures(self) -> list[Measure]:
        """Every measure that is shown, compared or ordered by, once."""
        found: list[Measure] = []
        for item in self.items:
            if isinstance(item, Measured):
                found.append(item.measure)
            elif isinstance(item, Measures):
                found += [inner.measure for inner in item.items if isinstance(inner, Measured)]
        found += [measure_of(compare.field) for compare in _compares(self.having)]
        found += [order.by for order in self.order if isinstance(order.by, Measure)]
        return list(dict.fromkeys(found))


def measure_of(name: str) -> Measure:
    """The measure that `count` or `sum.employees` names."""
    function, _, field = name.partition(".")
    return Measure(function, field)  # type: ignore[arg-type] # graphql/aggregates.py makes only these


def _compares(found: Filter) -> list[Compare]:
    """The comparisons of a having."""
    if isinstance(found, Every | Some):
        return [compare for item in found.items for compare in _compares(item)]
    if isinstance(found, Not):
        return _compares(found.item)
    return [found] if isinstance(found, Compare) else []


EdgeItem = Constant | EdgeCursor | EdgeNode
Part = Nodes | Edges | PageInfo | TotalCount | Aggregate | Constant


class Search(msgspec.Struct, frozen=True):
    """What is searched for: the text as typed, its words, and, where they may be pinyin, its letters and digits (else null).

    `ending`: a list of the last digits of a phone that were typed, empty for any other text; None: nobody may ask.
    """

    text: Operand
    words: Operand
    letters: Operand
    ending: Operand | None = None


class Connection(msgspec.Struct, frozen=True):
    """A list of an entity's rows (for an upper entity: of all visible kinds), filtered, ordered, cut into pages."""

    entity: str
    parts: tuple[Part, ...]
    where: Filter = TRUE
    search: Search | None = None
    order: tuple[Order, ...] = ()
    """as asked; the compiler adds the entity's default and the id; a search without one begins with how well rows fit."""
    first: Operand | None = None
    """None: 50."""
    after: tuple[Operand, ...] | None = None
    """values of the complete ordering (the id last) that the opened cursor holds; None: from the start."""
    offset: Operand | None = None
    removed: Removed = "EXCLUDE"
    cube: bool = False
    """aggregates alone, of a caller who may not list: from the cube (sql/cubes.py)."""


class ById(msgspec.Struct, frozen=True):
    """`person(id:)`: the node under `get`, or null. `selections`: one per concrete entity that the id may be."""

    id: Operand
    selections: tuple[Selection, ...]
    removed: Removed = "EXCLUDE"
    cube: bool = False
    """aggregates alone, of a caller who may not list: from the cube (sql/cubes.py)."""


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
    counted: bool = False
    """the rows stand behind an aggregate: its note holds their number instead of an id."""


class Value(msgspec.Struct, frozen=True):
    """One bound parameter of a statement: how to take it from the request and the scope.

    `take(scope, params)` gives the Python value for asyncpg; `params` is the request's list that `Param.index` counts.
    """

    name: str
    take: Callable[[Any, list[Any]], Any]


class Match(msgspec.Struct, frozen=True):
    """A sealed field that is compared under the action `match`, and with what."""

    entity: str
    path: str
    operands: tuple[Operand, ...]

    def values(self, params: Sequence[Any]) -> int:
        """How many values are tried: each item of a list is one."""
        return sum(_tried(each, params) for each in self.operands)


def _tried(operand: Operand, params: Sequence[Any]) -> int:
    value = params[operand.index] if isinstance(operand, Param) else getattr(operand, "value", "")
    return len(value) if isinstance(value, list | tuple) else 1


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
    matches: tuple[Match, ...] = ()
    """sealed fields that are compared under the action `match`: each use stands in the ledger."""

    @property
    def reveals(self) -> bool:
        """Whether it writes reveals into the ledger; the last two request parameters are then purpose and document."""
        return any(noted.reveal for noted in self.noted)

    def bind(self, scope: Any, params: list[Any]) -> list[Any]:
        """The parameters in the order of `$1`..."""
        return [value.take(scope, params) for value in self.values]
