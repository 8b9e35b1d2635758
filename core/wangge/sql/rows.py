"""Rows inside a statement: an alias with its joins, and what the caller may see of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ..model import names
from ..model.filter import Operand
from ..model.types import Field, Model
from ..policy.scope import NOTHING, Grant, Level, Shape
from .ast import Noted
from .binder import Binder
from .catalog import SYSTEM, Catalog

TRUE = "TRUE"
FALSE = "FALSE"


class Build:
    """One statement while it is made: its parameters, its aliases, whose rights it obeys."""

    def __init__(self, catalog: Catalog, shape: Shape) -> None:
        self.catalog = catalog
        self.shape = shape
        self.binder = Binder()
        self.marks = False
        self.reads: set[str] = set()
        self.noted: list[Noted] = []
        self.matches: dict[tuple[str, str], list[Operand]] = {}
        self._aliases = 0

    @property
    def model(self) -> Model:
        """The model that the statement speaks of."""
        return self.catalog.model

    def alias(self, letter: str = "t") -> str:
        """A new alias."""
        self._aliases += 1
        return f"{letter}{self._aliases}"

    def note(self, noted: Noted) -> int:
        """The number of a kind of note."""
        if noted not in self.noted:
            self.noted.append(noted)
        return self.noted.index(noted)

    def kinds(self, entity: str, action: str) -> list[str]:
        """The concrete entities behind a name of which the caller may see rows under `action`."""
        return [k for k in self.catalog.kinds(entity) if self.grants(k, action)]

    def grants(self, entity: str, action: str) -> tuple[Grant, ...]:
        """The grants of one concrete entity."""
        return (self.shape.entity(entity) or NOTHING).grants(action)


def any_of(predicates: Sequence[str]) -> str:
    """The disjunction, simplified."""
    kept = list(dict.fromkeys(p for p in predicates if p != FALSE))
    if TRUE in kept:
        return TRUE
    if not kept:
        return FALSE
    return kept[0] if len(kept) == 1 else "(" + " OR ".join(kept) + ")"


def all_of(predicates: Sequence[str]) -> str:
    """The conjunction, simplified."""
    kept = list(dict.fromkeys(p for p in predicates if p != TRUE))
    if FALSE in kept:
        return FALSE
    if not kept:
        return TRUE
    return kept[0] if len(kept) == 1 else "(" + " AND ".join(kept) + ")"


def case(branches: Sequence[tuple[str, str]]) -> str:
    """CASE over the branches that can be; null otherwise."""
    kept = [(when, then) for when, then in branches if when != FALSE and then != "NULL"]
    if not kept:
        return "NULL"
    return "CASE " + " ".join(f"WHEN {when} THEN {then}" for when, then in kept) + " END"


def computed(row: Cells, field: Field) -> str:
    """A declared expression over fields of the row, each as the caller sees it: `{fieldId}`."""
    out, rest = [], field.expression or ""
    while "{" in rest:
        before, _, tail = rest.partition("{")
        name, _, rest = tail.partition("}")
        clear = row.clear(name)
        out += [before, f"({row.column(name) if clear == TRUE else case([(clear, row.column(name))])})"]
    return "(" + "".join(out) + rest + ")"


class Cells(Protocol):
    """A row whose columns can be named."""

    def column(self, field_id: str, suffix: str = "") -> str:
        """A column of a field."""

    def clear(self, field_id: str) -> str:
        """Whether the cell is in clear."""


class Held:
    """The field of a row that holds a file: entity, field (`parts.file` of a list), the SQL of the row's id."""

    def __init__(self, entity: str, field: str, row: str) -> None:
        self.entity = entity
        self.field = field
        self.row = row


class Source:
    """A row of one concrete entity under an alias; tables above its own are joined when a field of theirs is used.

    `action` is whose grants decide what is visible; None: a row as the policy itself sees it, all of it.
    """

    def __init__(self, build: Build, entity: str, action: str | None, predicate: Predicate | None = None) -> None:
        self.build = build
        self.entity = entity
        self.action = action
        self.alias = build.alias()
        self.chain = build.catalog.chain(entity)
        self._joined: set[int] = set()
        self._predicate = predicate
        self.allowed: Allowed = lambda row, action: []
        """the conditions that no prohibition of an action holds; set by `reach.source`."""
        self._lateral = False
        self.held: Held | None = None
        """of a file that is reached through a field"""
        build.reads.add(entity)
        self.grants = build.grants(entity, action) if action else ()
        self.predicates = tuple(predicate(self, grant) for grant in self.grants) if predicate else ()

    def table_alias(self, level: int) -> str:
        """The alias of a table of the chain; joins it when it is not the own one."""
        if level == 0:
            return self.alias
        self._joined.add(level)
        return f"{self.alias}u{level}"

    def field(self, field_id: str) -> Field:
        """The field; KeyError for a system column."""
        return self.build.catalog.field(self.entity, field_id)

    def column(self, field_id: str, suffix: str = "") -> str:
        """The qualified column of a field (`suffix`: `_lon`, `_mask`, ...)."""
        level = self.build.catalog.level_of(self.entity, field_id)
        name = self.build.catalog.column(self.entity, field_id)
        if suffix:
            name = name[:-1] + suffix + '"'
        return f"{self.table_alias(level)}.{name}"

    def own(self, column: str) -> str:
        """A column of the own table that every level has: id, removed_at, district_id, area_ord, ..."""
        return f"{self.alias}.{column}"

    def links(self) -> str:
        """The table of the areas where a row of scope `through` lies."""
        return names.area_table(self.chain[-1])

    def from_clause(self) -> str:
        """`schema.table alias` and the joins that were needed; call it last."""
        parts = [f"{names.table(self.chain[0])} {self.alias}"]
        for level in sorted(self._joined):
            upper = f"{self.alias}u{level}"
            parts.append(f"JOIN {names.table(self.chain[level])} {upper} ON {upper}.id = {self.alias}.id")
        return " ".join(parts)

    def visible(self) -> str:
        """Whether the row is visible at all under the action."""
        return TRUE if self.action is None else any_of(self.predicates)

    def clear(self, field_id: str) -> str:
        """Whether the cell is shown in clear, given that the row is visible."""
        return self._at_least(field_id, Level.CLEAR)

    def shown(self, field_id: str) -> str:
        """Whether the cell is shown at all, given that the row is visible."""
        return self._at_least(field_id, Level.MASKED)

    def matched(self, path: str) -> str:
        """Whether the caller may ask in this row whether a sealed field equals a value (action `match`)."""
        return self.granted("match", path)

    def granted(self, action: str, path: str) -> str:
        """Whether some grant of another action names the field in clear in this row."""
        if self._predicate is None:
            return FALSE
        grants = [g for g in self.build.grants(self.entity, action) if g.level(path) == Level.CLEAR]
        held = any_of([self._predicate(self, grant) for grant in grants])
        return held if held == FALSE else all_of([held, *self.allowed(self, action)])

    def revealed(self, path: str) -> str:
        """Whether a grant of `reveal` for the purpose of the request names the field in this row."""
        if self._predicate is None:
            return FALSE
        purpose = self.build.binder.bind(("purpose",), "purpose", lambda _s, p: p[-2], "text")
        found = []
        for grant in self.build.grants(self.entity, "reveal"):
            if grant.level(path) == Level.CLEAR and grant.purpose is not None:
                named = grant.purpose.replace("'", "''")
                found.append(all_of([f"{purpose} = '{named}'", self._predicate(self, grant)]))
        return all_of([any_of(found), *self.allowed(self, "reveal")]) if found else FALSE

    def clear_for(self, action: str, field_id: str) -> str:
        """Whether the grants of another action give the cell in clear, given that one of them holds."""
        if self._predicate is None:
            return FALSE
        grants = self.build.grants(self.entity, action)
        return self._held(field_id, Level.CLEAR, [(self._predicate(self, grant), grant) for grant in grants])

    def _at_least(self, field_id: str, level: Level) -> str:
        if self.action is None:
            return TRUE
        return self._held(field_id, level, list(zip(self.predicates, self.grants, strict=True)))

    def _held(self, field_id: str, level: Level, grants: list[tuple[str, Grant]]) -> str:
        """Where some of the grants gives a field at least so much."""
        if field_id in SYSTEM or field_id in self.build.catalog.implicit(self.entity):
            return TRUE
        held = [(p, g) for p, g in grants if g.level(field_id) >= level]
        bound = [g for _, g in held if level is Level.CLEAR and field_id in g.unraised]
        if held and len(held) == len(grants) and not bound:
            return TRUE
        return any_of([all_of([p, self._usual(field_id)]) if g in bound else p for p, g in held])

    def _usual(self, field_id: str) -> str:
        """The rows in which the class of a field is not raised; of the parts of a list none, which is stricter."""
        from .reach import plain_condition  # reach needs rows for its predicates

        raises = None if "." in field_id else self.field(field_id).raises
        return FALSE if raises is None else f"{plain_condition(self, raises.when)} IS NOT TRUE"


class Part:
    """A part of a list field: its cells are visible as the row's grants say of `<list>.<field>`."""

    def __init__(self, parent: Source, field: Field) -> None:
        self.build = parent.build
        self.parent = parent
        self.list = field
        self.entity = parent.entity
        self.action = parent.action
        self.alias = parent.build.alias("q")
        self._fields = {f.id: f for f in field.fields}

    def field(self, field_id: str) -> Field:
        """A field of the part."""
        return self._fields[field_id]

    def column(self, field_id: str, suffix: str = "") -> str:
        """The qualified column of a field of the part."""
        name = "id" if field_id == "id" else names.column(self._fields[field_id]) + suffix
        return f"{self.alias}.{names.quote(name)}"

    def from_clause(self) -> str:
        """The part table, bound to its row."""
        return f"{self.build.catalog.side_table(self.entity, self.list)} {self.alias}"

    def joined(self) -> str:
        """The condition that binds parts to their row."""
        return f"{self.alias}.row_id = {self.parent.own('id')}"

    def clear(self, field_id: str) -> str:
        """Whether the part's cell is shown in clear, given that the list is."""
        return TRUE if field_id == "id" else self.parent.clear(f"{self.list.id}.{field_id}")

    def matched(self, path: str) -> str:
        """As the row's grants of `match` say of `<list>.<field>`."""
        return self.parent.matched(f"{self.list.id}.{path}")

    def revealed(self, path: str) -> str:
        """As the row's grants of `reveal` say of `<list>.<field>`."""
        return self.parent.revealed(f"{self.list.id}.{path}")

    def granted(self, action: str, path: str) -> str:
        """As the row's grants say of `<list>.<field>`."""
        return self.parent.granted(action, f"{self.list.id}.{path}")

    def shown(self, field_id: str) -> str:
        """Whether the part's cell is shown at all."""
        return TRUE if field_id == "id" else self.parent.shown(f"{self.list.id}.{field_id}")


Predicate = Callable[[Source, Grant], str]
Allowed = Callable[[Source, str], list[str]]
Row = Source | Part
