"""Which rows a grant reaches: the area of its slot and its row condition, as one SQL predicate per grant."""

from __future__ import annotations

from typing import Any

from ..model.filter import Filter
from ..policy.scope import Form, Grant, Prohibition, Slot
from .conditions import Posts, condition
from .rows import FALSE, TRUE, Build, Part, Source, all_of, any_of

PLACED = ("area", "parent", "through")
"""the scopes of entities whose rows lie in areas."""


def source(build: Build, entity: str, action: str | None) -> Source:
    """A row of `entity` of which `action` decides what is visible."""
    row = Source(build, entity, action, grant_predicate)
    row.allowed = prohibited
    return row


def visible(row: Source) -> str:
    """The rows that the caller may see: some grant holds, and no prohibition."""
    return all_of([row.visible(), *prohibited(row, row.action or "")])


def known_by_area(build: Build, entity: str, alias: str) -> str:
    """Whether the area under `alias` is one whose rows of an entity the caller may see whatever they hold."""
    shape = build.shape.entity(entity)
    if shape is None or shape.prohibits.get("list") or build.model.root_scope(entity).kind not in PLACED:
        return FALSE
    plain = [g for g in build.grants(entity, "list") if g.condition is None and not g.via and not g.own]
    return any_of([area_predicate(build, grant.slot, alias) for grant in plain])


def erased_target(row: Source | Part, path: str) -> str:
    """Whether a reference leads to the stub of an erased row, in an area whose rows the caller may see whatever they hold."""
    build, field, stub = row.build, row.field(path), row.build.alias("e")
    options = []
    written = (t for t in field.to if t in build.model.entities and build.model.entities[t].writes == "generated")
    for kind in (k for target in written for k in build.catalog.kinds(target)):
        plain = [g for g in build.grants(kind, "get") if g.condition is None and not g.via and not g.own]
        if build.model.root_scope(kind).kind in PLACED:
            where = any_of([area_predicate(build, grant.slot, stub) for grant in plain])
            options.append(all_of([f"{stub}.entity = '{kind}'", where]))
    known = any_of(options)
    if known == FALSE:
        return FALSE
    gone = [f"{stub}.row_id = {row.column(path)}", f"{stub}.kind = 'erase'", known]
    return f"EXISTS (SELECT 1 FROM wangge.erased {stub} WHERE {all_of(gone)})"


def prohibited(row: Source, action: str) -> list[str]:
    """The conditions that no prohibition of `action` holds."""
    shape = row.build.shape.entity(row.entity)
    found = shape.prohibits.get(action, ()) if shape else ()
    return [_not_prohibited(row, each) for each in found]


def _not_prohibited(row: Source, found: Prohibition) -> str:
    """That one prohibition does not hold, for none of the posts that it speaks of."""
    if found.slot is None:
        return f"{plain_condition(row, found.condition)} IS NOT TRUE"
    posts = Posts(row.build, found.slot)
    return f"NOT EXISTS (SELECT 1 FROM {posts.table} WHERE {plain_condition(row, found.condition, posts)})"


def grant_predicate(row: Source, grant: Grant) -> str:
    """The rows of one grant: in its slot, and meeting its condition."""
    if grant.per_post:
        return _per_post(row, grant)
    where = slot_predicate(row, grant)
    return all_of([where, plain_condition(row, grant.condition)]) if grant.condition else where


def plain_condition(row: Source, found: Filter, posts: Posts | None = None) -> str:
    """A row condition of the policy: it sees the whole row, whatever the caller sees of it."""
    return f"({condition(Whole(row), found, posts)})"


class Whole:
    """The same row without the caller's blinkers, for conditions of the policy."""

    def __init__(self, row: Source) -> None:
        self.build = row.build
        self.entity = row.entity
        self.action = None
        self.alias = row.alias
        self.field = row.field
        self.column = row.column
        self.own = row.own

    def clear(self, field_id: str) -> str:
        """Always."""
        return TRUE

    def matched(self, path: str) -> str:
        """Not needed: everything is in clear."""
        return FALSE


def slot_predicate(row: Source, grant: Grant) -> str:
    """The area, unit or person condition of a grant."""
    model = row.build.model
    scope = model.root_scope(row.entity)
    if grant.own:
        person = row.build.binder.bind(("actor", "person"), "actor.person", lambda s, _: s.actor.person, "uuid")
        return f"{row.column(scope.fields[0])} = {person}" if scope.kind == "self" else FALSE
    form = row.build.shape.slots[grant.slot]
    if scope.kind == "unit":
        return f"coalesce({row.own('unit_ord')} <@ {_ranges(row.build, grant.slot, 'unit_spans')}, FALSE)"
    if scope.kind == "city" or (form is Form.CITY and not grant.via):
        return TRUE
    if scope.kind == "through":
        return _through(row, grant, form)
    return area_predicate(row.build, grant.slot, row.alias)


def _through(row: Source, grant: Grant, form: Form) -> str:
    """Some link of the row lies in the slot."""
    link = row.build.alias("l")
    parts = [f"{link}.row_id = {row.own('id')}", area_predicate(row.build, grant.slot, link)]
    parts += _of_relation(row, grant, link)
    table = row.links()
    return f"EXISTS (SELECT 1 FROM {table} {link} WHERE {all_of(parts)})"


def _of_relation(row: Source, grant: Grant, link: str) -> list[str]:
    """The condition that a link is of the relation that the rule names."""
    if not grant.via:
        return []
    via = row.build.binder.bind(("via", grant.via), "via", lambda _s, _p, v=grant.via: v, "text")  # type: ignore[misc] # bound now
    return [f"{link}.via = {via}"]


def area_predicate(build: Build, slot: int, alias: str) -> str:
    """Whether the area columns under `alias` lie in a slot."""
    form = build.shape.slots[slot]
    if form is Form.CITY:
        return TRUE
    if form is Form.DISTRICT:
        return f"{alias}.district_id = {_slot(build, slot, 'district', 'uuid')}"
    if form is Form.SPAN:
        return (
            f"{alias}.area_ord BETWEEN {_slot(build, slot, 'lo', 'integer')} AND {_slot(build, slot, 'hi', 'integer')}"
        )
    return f"coalesce({alias}.area_ord <@ {_ranges(build, slot, 'spans')}, FALSE)"


def _slot(build: Build, slot: int, what: str, type_: str) -> str:
    """A parameter of a slot: its district, or the ends of its only range."""

    def take(scope: Any, _: list[Any]) -> Any:
        found: Slot = scope.slots[slot]
        return found.district if what == "district" else found.spans[0][0 if what == "lo" else 1]

    return build.binder.bind(("slot", slot, what), f"slot{slot}.{what}", take, type_)


def _ranges(build: Build, slot: int, what: str) -> str:
    """The ranges of a slot as a multirange."""

    def take(scope: Any, _: list[Any]) -> str:
        found: Slot = scope.slots[slot]
        spans = found.spans if what == "spans" else found.unit_spans
        return "{" + ",".join(f"[{lo},{hi}]" for lo, hi in spans) + "}"

    return build.binder.bind(("slot", slot, what), f"slot{slot}.{what}", take, "text") + "::int4multirange"


def _per_post(row: Source, grant: Grant) -> str:
    """The condition names `$area` or a value of the post: it is tried for each post of the slot whose area holds the row."""
    posts = Posts(row.build, grant.slot)
    scope = row.build.model.root_scope(row.entity).kind
    inside = TRUE if scope in ("city", "self") else f"{row.own('area_ord')} BETWEEN {posts.lo} AND {posts.hi}"
    if scope == "unit":
        inside = f"{row.own('unit_id')} = ANY({posts.units})"
    if scope == "through":
        link = row.build.alias("l")
        table = row.links()
        here = f"{link}.row_id = {row.own('id')} AND {link}.area_ord BETWEEN {posts.lo} AND {posts.hi}"
        inside = f"EXISTS (SELECT 1 FROM {table} {link} WHERE {all_of([here, *_of_relation(row, grant, link)])})"
    met = plain_condition(row, grant.condition, posts) if grant.condition else TRUE
    return f"EXISTS (SELECT 1 FROM {posts.table} WHERE {all_of([slot_predicate(row, grant), inside, met])})"
