"""What a read record needs: which rows of an answer show personal fields in clear (PERMISSIONS.md 3).

A node that needs notes is compiled to `wangge.noted`, its JSON `j` beside the notes `i`: 21 bytes a row, the number of a
`Noted`, the row's id, and its revision where it is revealed. Notes of nested nodes are collected upward by the same statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ..model.types import Field
from ..policy.scope import Level
from .ast import (
    Aggregate,
    Batch,
    Cell,
    CodeLabel,
    Connection,
    EdgeNode,
    Edges,
    Item,
    Nodes,
    Noted,
    Parts,
    Selection,
    ToMany,
    ToOne,
)
from .catalog import SYSTEM
from .rows import FALSE, TRUE, Build, Part, Source, all_of, any_of

if TYPE_CHECKING:
    from .ast import Part as ConnectionPart

RECORDED = ("personal", "sensitive")
NOTHING = "''::bytea"
SIZE = 21
"""bytes of one note."""
NO_REVISION = r"'\x00000000'::bytea"


class Made:
    """The SQL of one JSON value, or, when `noted`, of a `wangge.noted`."""

    def __init__(self, sql: str, noted: bool = False) -> None:
        self.sql = sql
        self.noted = noted

    def as_noted(self) -> str:
        """The value with notes, none where it has none."""
        return self.sql if self.noted else f"ROW({self.sql}, NULL)::wangge.noted"


class Frame:
    """The nested noted values of one node: computed once below it, their JSON and their notes used above."""

    def __init__(self, build: Build) -> None:
        self.alias = build.alias("s")
        self.columns: list[str] = []
        self.reveals: dict[str, list[str]] = {}
        """where -> the fields that are revealed there."""

    def reveal(self, where: str, path: str) -> None:
        """Note that a field is revealed in the rows that meet `where`."""
        paths = self.reveals.setdefault(where, [])
        if path not in paths:
            paths.append(path)

    def add(self, made: Made) -> str:
        """Take a nested value in; its JSON."""
        if not made.noted:
            return made.sql
        self.columns.append(made.sql)
        return f"({self.alias}.c{len(self.columns)}).j"

    def notes(self) -> list[str]:
        """The notes of all nested values."""
        return [f"coalesce(({self.alias}.c{n}).i, {NOTHING})" for n in range(1, len(self.columns) + 1)]

    def from_clause(self) -> str:
        """The subselect that computes them; "" when there are none."""
        columns = ", ".join(f"{sql} AS c{n}" for n, sql in enumerate(self.columns, start=1))
        return f" FROM (SELECT {columns} OFFSET 0) {self.alias}" if columns else ""


def is_noted(build: Build, selection: Selection, action: str) -> bool:
    """Whether some row of a selection, or of one below it, may show a personal field in clear."""
    return bool(own_fields(build, selection, action)) or any(
        nested(build, item) or _reveals(item) for item in selection.items
    )


def _reveals(item: Item) -> bool:
    """Whether an item of the row itself, or of its parts, is to be revealed."""
    if isinstance(item, Parts):
        return any(_reveals(inner) for inner in item.items)
    return isinstance(item, Cell) and item.reveal


def nested(build: Build, item: Item) -> bool:
    """Whether what is below an item needs notes."""
    if isinstance(item, ToOne):
        return any(is_noted(build, target, "get") for target in item.targets if build.grants(target.entity, "get"))
    if isinstance(item, ToMany):
        return connection_noted(build, item.connection)
    return isinstance(item, Parts) and any(nested(build, inner) for inner in item.items)


def connection_noted(build: Build, found: Connection) -> bool:
    """Whether a connection's nodes or aggregates need notes."""
    aggregates, kinds = [p for p in found.parts if isinstance(p, Aggregate)], aggregated_kinds(build, found.entity)
    return nodes_noted(build, found) or any(aggregated_fields(build, found.entity, part, kinds) for part in aggregates)


def nodes_noted(build: Build, found: Connection) -> bool:
    """Whether a connection's nodes need notes."""
    kinds = build.kinds(found.entity, "list")
    return any(
        is_noted(build, selection, "list")
        for selections in node_selections(found.parts)
        for selection in selections
        if selection.entity in kinds
    )


def aggregated_fields(build: Build, entity: str, part: Aggregate, kinds: list[str]) -> dict[str, tuple[str, ...]]:
    """The personal fields whose values an aggregate shows, as keys or as least and greatest value, by entity."""
    if not kinds:
        return {}
    paths = [term.path for term in part.terms]
    paths += [(measure.field,) for measure in part.measures() if measure.function in ("min", "max")]
    found: dict[str, set[str]] = {}
    for path in paths:
        at = entity
        for name in path:
            field = None if name in SYSTEM else build.catalog.field(at, name)
            if field is not None and field.sensitivity in RECORDED:
                found.setdefault(at, set()).add(field.id)
            at = field.to[0] if field is not None and field.to else at
    return {of: tuple(sorted(fields)) for of, fields in sorted(found.items())}


def aggregated_kinds(build: Build, entity: str) -> list[str]:
    """The concrete entities behind a name whose rows the caller may list and aggregate."""
    return [kind for kind in build.kinds(entity, "list") if build.grants(kind, "aggregate")]


def node_selections(parts: Iterable[ConnectionPart]) -> Iterator[tuple[Selection, ...]]:
    """The node selections of a connection's parts."""
    for part in parts:
        if isinstance(part, Nodes):
            yield part.selections
        elif isinstance(part, Edges):
            yield from (item.selections for item in part.items if isinstance(item, EdgeNode))


def own_fields(build: Build, selection: Selection, action: str) -> tuple[str, ...]:
    """The personal fields that a selection asks of its own row and that some grant of `action` shows in clear."""
    shape = build.shape.entity(selection.entity)
    if shape is None:
        return ()
    fields = build.catalog.fields(selection.entity)
    found = {path for item in selection.items for path in _paths(item, fields)}
    return tuple(sorted(path for path in found if shape.best(action, path) == Level.CLEAR))


def _paths(item: Item, fields: object) -> Iterator[str]:
    """The paths of the recorded fields behind one item: `name`, `phones.number`."""
    known: dict[str, Field] = fields  # type: ignore[assignment] # a mapping of fields
    if isinstance(item, Cell | CodeLabel | ToOne | ToMany | Parts | Batch):
        field = known.get(item.field)
        if field is None or item.field in SYSTEM:
            return
        if field.sensitivity in RECORDED and not field.sealed:
            yield field.id
        if isinstance(item, Parts) and field.kind == "list":
            parts = {part.id: part for part in field.fields}
            for inner in item.items:
                yield from (f"{field.id}.{path}" for path in _paths(inner, parts))
        if isinstance(item, Batch):
            for name in item.inputs:
                if known[name].sensitivity in RECORDED and not known[name].sealed:
                    yield name


def note(build: Build, row: Source | Part, selection: Selection, frame: Frame) -> str:
    """The notes of one row: its own, where it shows a personal field of somebody else, and those below it."""
    found = frame.notes()
    if isinstance(row, Source):
        fields = own_fields(build, selection, row.action or "")
        shown = all_of([any_of([row.clear(path) for path in fields]), _foreign(build, row)])
        if fields and shown != FALSE:
            number = build.note(Noted(selection.entity, fields))
            made = f"'\\x{number:02x}'::bytea || uuid_send({row.own('id')}) || {NO_REVISION}"
            found.insert(0, made if shown == TRUE else f"CASE WHEN {shown} THEN {made} ELSE {NOTHING} END")
        for where, paths in frame.reveals.items():
            number = build.note(Noted(selection.entity, tuple(sorted(paths)), reveal=True))
            revision = f"int4send({row.column('revision')}::integer)"
            made = f"'\\x{number:02x}'::bytea || uuid_send({row.own('id')}) || {revision}"
            found.append(f"CASE WHEN {where} THEN {made} ELSE {NOTHING} END")
    return " || ".join(found) or "NULL::bytea"


def _foreign(build: Build, row: Source) -> str:
    """Whether a row is not the caller's own: the person behind the account, or a row of scope `self`."""
    account = build.model.entities.get("wangge.account")
    person = next((f.to for f in account.fields if f.id == "person"), ()) if account else ()
    scope = build.model.root_scope(row.entity)
    if row.entity in person:
        column = row.own("id")
    elif scope.kind == "self":
        column = row.column(scope.fields[0])
    else:
        return TRUE
    own = build.binder.bind(("actor", "person"), "actor.person", lambda s, _: s.actor.person, "uuid")
    return f"{column} IS DISTINCT FROM {own}"
