"""The answer that an account must get to a selection: the same JSON values as the API gives, worked out row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as default
from typing import Any

from . import wire
from .filters import CODES, Filters, Tree
from .policy import CLEAR, HIDDEN
from .rows import Raw, ordered
from .schema import SYSTEM, Field
from .sight import Sight

Levels = Mapping[str, int]
ERASED = '"wangge"."erased"'
FIRST = 1000
"""rows of a connection inside a node: the API's maximum."""


@dataclass(frozen=True)
class Ask:
    """What is selected of the nodes of one concrete entity; fields by id, below a reference one `Ask` per entity."""

    cells: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    parts: Mapping[str, tuple[str, ...]] = default(default_factory=dict)
    ones: Mapping[str, Mapping[str, Ask]] = default(default_factory=dict)
    many: Mapping[str, Mapping[str, Ask]] = default(default_factory=dict)
    files: tuple[str, ...] = ()
    page: int = FIRST
    """rows of each connection in it."""


class Answers:
    """The answers to one account."""

    def __init__(self, sight: Sight, language: str = "zh") -> None:
        self.sight = sight
        self.schema = sight.schema
        self.rows = sight.rows
        self.language = language

    def node(self, entity: str, row: Raw, action: str, ask: Ask) -> dict[str, Any]:
        """A visible row as JSON: response keys are field names."""
        fields, levels = self.schema.fields(entity), self.sight.levels(entity, action, row)
        made: dict[str, Any] = {"__typename": self.schema.entities[entity].type}
        for name in ask.cells:
            made[fields[name].name if name in fields else name] = self._cell(entity, row, levels, name)
        for name in ask.labels:
            made[f"{fields[name].name}Label"] = self._label(fields[name], row, levels.get(name, HIDDEN))
        for name, parts in ask.parts.items():
            made[fields[name].name] = self._parts(entity, row, levels, fields[name], parts)
        for name, below in ask.ones.items():
            made[fields[name].name] = self._one(entity, row, levels.get(name, HIDDEN), fields[name], below)
        for name, below in ask.many.items():
            made[fields[name].name] = self._many(entity, row, levels.get(name, HIDDEN), fields[name], below, ask.page)
        for name in ask.files:
            made[fields[name].name] = self._files(entity, row, levels.get(name, HIDDEN), fields[name])
        return made

    def _cell(self, entity: str, row: Raw, levels: Levels, name: str) -> Any:
        """One cell."""
        if name in SYSTEM:
            value = row[SYSTEM[name]]
            return value if isinstance(value, int) or value is None else _plain(value)
        field = self.schema.fields(entity)[name]
        return self._stored(field, row, levels.get(name, HIDDEN))

    def _stored(self, field: Field, row: Raw, level: int) -> Any:
        """A field of a row or part at a level."""
        if field.kind == "point":
            return self._point(field, row) if level == CLEAR else None
        return wire.cell(field, row, level)

    def _point(self, field: Field, row: Raw) -> Any:
        lon, lat = row[f"{field.column}_lon"], row[f"{field.column}_lat"]
        return None if lon is None else {"lon": lon, "lat": lat}

    def _label(self, field: Field, row: Raw, level: int) -> Any:
        """The label of a cell, which is seen as the cell is: in clear or not at all."""
        if level < CLEAR:
            return None
        codes = self.rows.find(CODES, "table_name", field.table) if field.table else []
        return wire.label(field, row[field.column], codes, self.language)

    def _parts(self, entity: str, row: Raw, levels: Levels, field: Field, parts: tuple[str, ...]) -> list[Any]:
        """The parts of a list in stored order; none where the list itself is not clear."""
        if levels.get(field.id, HIDDEN) < CLEAR:
            return []
        chosen = [(p, levels.get(f"{field.id}.{p.id}", HIDDEN)) for p in field.parts if p.id in parts]
        return [
            {p.name: self._stored(p, part, level) for p, level in chosen}
            for part in ordered(self.sight.seen.parts(entity, row, field))
        ]

    def _one(self, entity: str, row: Raw, level: int, field: Field, below: Mapping[str, Ask]) -> Any:
        """The node behind a reference; null when absent, removed or unseen."""
        found = self.sight.target(entity, row, field)
        if found is None or level < CLEAR:
            return None
        kind, target = found
        return self.node(kind, target, "get", below[kind]) if kind in below and self._get(kind, target) else None

    def _get(self, kind: str, row: Raw) -> bool:
        return self.sight.visible(kind, "get", row)

    def _many(
        self, entity: str, row: Raw, level: int, field: Field, below: Mapping[str, Ask], page: int
    ) -> dict[str, Any]:
        """The connection behind children or refs, in order of id."""
        behind = self.sight.behind(entity, row, field) if level == CLEAR else ()
        found = [pair for pair in behind if self._listed(*pair, field)]
        found.sort(key=lambda pair: pair[1]["id"])
        nodes = [self.node(kind, each, "list", below[kind]) for kind, each in found[:page]]
        return {"nodes": nodes, "totalCount": {"value": len(found)}}

    def _listed(self, kind: str, row: Raw, field: Field) -> bool:
        """Whether a row behind a field is seen, and seen to belong here."""
        if not self.sight.visible(kind, "list", row):
            return False
        return field.kind != "children" or self.sight.level(kind, "list", row, field.inverse) == CLEAR

    def _files(self, entity: str, row: Raw, level: int, field: Field) -> list[Any]:
        """The files of a files or photos field with their roles."""
        if level < CLEAR:
            return []
        links = self.rows.find(self.schema.entities[field.owner or entity].side(field), "row_id", row["id"])
        made = []
        for link in ordered(links):
            file = self.rows.get("wangge.file", link["target_id"])
            seen = file is not None and self._get("wangge.file", file)
            made.append({"role": link.get("role"), "file": {"id": str(link["target_id"])} if seen else None})
        return made

    # --- cells on paths of their own ---

    def revealed(self, entity: str, row: Raw, field: Field, part: Field | None, purpose: str) -> Any:
        """A cell, or the cells of a part, asked for in clear for a purpose: clear where a rule reveals it, else as always."""
        levels = self.sight.levels(entity, "list", row)
        if part is None:
            return self._revealed(entity, row, row, field, field.id, levels, purpose)
        if levels.get(field.id, HIDDEN) < CLEAR:
            return []
        held = ordered(self.sight.seen.parts(entity, row, field))
        path = f"{field.id}.{part.id}"
        return [self._revealed(entity, row, each, part, path, levels, purpose) for each in held]

    def _revealed(
        self, entity: str, row: Raw, cells: Raw, field: Field, path: str, levels: Levels, purpose: str
    ) -> Any:
        """One cell of a row or of a part of it."""
        if not self.sight.named("reveal", entity, row, path, purpose):
            return self._stored(field, cells, levels.get(path, HIDDEN))
        return self.sight.whole.value(field, path, cells) if field.sealed else wire.shown(field, cells)

    def absence(self, entity: str, row: Raw, field: Field) -> str | None:
        """Why a cell that the caller may know of is not in clear; None where it is, or must not be known."""
        level = self.sight.level(entity, "list", row, field.id)
        if level == HIDDEN:
            return None
        if not field.open and self.rows.find(ERASED, "row_id", row["id"]):
            return "ERASED"
        if field.kind == "ref":
            gone = level == CLEAR and row[field.column] is not None and self._erased(field, row)
            return "ERASED" if gone else None
        if not field.open and row[f"{field.column}_enc" if field.sealed else field.column] is None:
            return "NOT_COLLECTED"
        if level == CLEAR and not field.sealed:
            return None
        return "PURPOSE_REQUIRED" if self.sight.named("reveal", entity, row, field.id) else "MASKED"

    def _erased(self, field: Field, row: Raw) -> bool:
        """Whether a reference leads to the stub of an erased row, where rows of its area are seen whatever they hold."""
        stubs = self.rows.find(ERASED, "row_id", row[field.column])
        return any(stub["kind"] == "erase" and self.sight.reaches_stub(stub) for stub in stubs)

    # --- lists ---

    def matching(self, candidates: list[tuple[str, Raw]], tree: Tree | None = None) -> list[tuple[str, Raw]]:
        """The rows that are listed and meet a filter of the caller."""
        seen = [(kind, row) for kind, row in candidates if self.sight.visible(kind, "list", row)]
        filters: Filters = self.sight.seen
        return [pair for pair in seen if tree is None or filters.holds(tree, *pair)]

    def ordered(self, found: list[tuple[str, Raw]], terms: list[tuple[tuple[str, ...], bool]]) -> list[tuple[str, Raw]]:
        """Rows by terms (path of field ids, descending), ties by id ascending; nulls last ascending, first descending."""
        made = sorted(found, key=lambda pair: pair[1]["id"])
        for path, down in reversed(terms):
            keys = {row["id"]: self.sort_value(kind, row, path) for kind, row in made}
            there = [pair for pair in made if keys[pair[1]["id"]] is not None]
            absent = [pair for pair in made if keys[pair[1]["id"]] is None]
            by_value = sorted(there, key=lambda pair: keys[pair[1]["id"]], reverse=down)
            made = [*absent, *by_value] if down else [*by_value, *absent]
        return made

    def sort_value(self, kind: str, row: Raw, path: tuple[str, ...]) -> Any:
        """The value behind a path of references that are all seen."""
        if len(path) == 1:
            value = self.sight.seen.cell(kind, row, path[0])
            field = self.schema.fields(kind).get(path[0])
            if value is not None and field is not None and field.pinyin:
                value = row[f"{field.column}_sort"]
            return value.encode() if isinstance(value, str) else value
        field = self.schema.fields(kind)[path[0]]
        target = self.sight.target(kind, row, field)
        if target is None or self.sight.level(kind, "list", row, path[0]) < CLEAR:
            return None
        return self.sort_value(*target, path[1:]) if self.sight.visible(target[0], "list", target[1]) else None


def _plain(value: Any) -> Any:
    """A system column on the wire."""
    return wire.moment(value) if hasattr(value, "astimezone") else str(value)
