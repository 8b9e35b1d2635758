"""A filter as SQL over a row: over the visible projection of a caller, or over the whole row for the policy itself.

Semantics: PERMISSIONS.md 5. The SQL may be NULL where it is not true; whoever negates it uses IS NOT TRUE.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from ..errors import Invalid
from ..model import names
from ..model.filter import (
    SELF,
    Compare,
    Every,
    Filter,
    FromActor,
    FromArea,
    Given,
    Many,
    Not,
    Operand,
    Refers,
    Some,
)
from ..model.types import Field
from . import places
from .binder import TYPES
from .catalog import SYSTEM
from .rows import FALSE, TRUE, Build, Part, Source, all_of, any_of, computed

MATCHED = ("eq", "ne", "in", "notIn")
"""The operators that the action `match` allows on a sealed field."""


class Seen(Protocol):
    """A row that a condition reads: a Source, a Part, or a row without blinkers."""

    build: Build
    entity: str
    alias: str

    @property
    def action(self) -> str | None:
        """Whose grants decide what is visible; None: everything."""

    def field(self, field_id: str) -> Field:
        """A field by id."""

    def column(self, field_id: str, suffix: str = "") -> str:
        """A column of a field."""

    def clear(self, field_id: str) -> str:
        """Whether the cell is in clear."""

    def matched(self, path: str) -> str:
        """Whether the caller may ask whether the sealed cell equals a value."""


class Posts:
    """The posts of a slot as rows of the statement, for conditions that speak of the post's own area or unit."""

    def __init__(self, build: Build, slot: int) -> None:
        alias = build.alias("p")
        bind = build.binder.bind

        def column(what: str, type_: str) -> str:
            return bind(
                ("posts", slot, what),
                f"slot{slot}.{what}",
                lambda s, _: [getattr(p, what) for p in s.slots[slot].posts],
                type_,
            )

        columns = ", ".join(
            (column("post", "uuid[]"), column("area", "uuid[]"), column("lo", "integer[]"), column("hi", "integer[]"))
        )
        self.table = f"unnest({columns}) AS {alias}(post, area, lo, hi)"
        self.post, self.area, self.lo, self.hi = (f"{alias}.{name}" for name in ("post", "area", "lo", "hi"))
        pairs = bind(
            ("posts", slot, "of_units"),
            "units.post",
            lambda s, _: [p.post for p in s.slots[slot].posts for _u in p.units],
            "uuid[]",
        )
        units = bind(
            ("posts", slot, "units"), "units", lambda s, _: [u for p in s.slots[slot].posts for u in p.units], "uuid[]"
        )
        self.units = f"ARRAY(SELECT u.unit FROM unnest({pairs}, {units}) AS u(post, unit) WHERE u.post = {self.post})"


def condition(row: Seen, found: Filter, posts: Posts | None = None) -> str:
    """The SQL of a filter over `row`; `posts` gives `$area`, `$actor.post`, `$actor.units` of each post."""
    if isinstance(found, Every):
        return all_of([condition(row, item, posts) for item in found.items])
    if isinstance(found, Some):
        return any_of([condition(row, item, posts) for item in found.items])
    if isinstance(found, Not):
        return negated(condition(row, found.item, posts))
    if isinstance(found, Refers):
        return _refers(row, found, posts)
    if isinstance(found, Many):
        return _many(row, found, posts)
    return _compare(row, found, posts)


def negated(sql: str) -> str:
    """The complement of a condition that may be null; an EXISTS never is, and its plain NOT becomes an anti-join."""
    return f"NOT {sql}" if _is_exists(sql) else f"({sql}) IS NOT TRUE"


def _is_exists(sql: str) -> bool:
    """Whether a condition is one EXISTS and nothing else."""
    if not sql.startswith("EXISTS ("):
        return False
    depth, quote = 0, ""
    for at, letter in enumerate(sql):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in "()":
            depth += 1 if letter == "(" else -1
            if letter == ")" and depth == 0:
                return at == len(sql) - 1
    return False


def _compare(row: Seen, found: Compare, posts: Posts | None) -> str:
    """One comparison; a cell that is not in clear counts as absent."""
    if found.field == SELF:
        return f"({row.column('ord')} BETWEEN {subtree_of(row.build, found.operand, posts)})"
    seen = _comparable(row, found)
    if seen == FALSE:
        raise Invalid("filter.not_allowed", f'"{found.field}" cannot be filtered by', field=found.field)
    if found.operator == "isNull":
        return _is_null(row, found, seen)
    if found.operator in ("ne", "notIn"):
        positive = Compare(found.field, "eq" if found.operator == "ne" else "in", found.operand)
        return negated(_compare(row, positive, posts))
    return all_of([_test(row, found, posts), seen])


def _comparable(row: Seen, found: Compare) -> str:
    """Where the cell may be compared: in clear, or, sealed and for equality, where the action `match` is granted."""
    seen = row.clear(found.field)
    if seen == TRUE or found.field in SYSTEM or found.operator not in MATCHED or not row.field(found.field).sealed:
        return seen
    matched = row.matched(found.field)
    if matched == FALSE:
        return seen
    path = f"{row.list.id}.{found.field}" if isinstance(row, Part) else found.field
    asked = row.build.matches.setdefault((row.entity, path), [])
    if found.operand not in asked:
        asked.append(found.operand)
    return any_of([seen, matched])


def _is_null(row: Seen, found: Compare, seen: str) -> str:
    """Whether the cell is absent, or not seen."""
    empty = f"{_presence(row, found.field)} IS NULL"
    hidden = FALSE if seen == TRUE else f"({seen}) IS NOT TRUE"
    absent = any_of([empty, hidden])
    if not isinstance(found.operand, Given):
        raise TypeError("isNull takes a constant")
    if found.operand.value is None:
        return FALSE
    return absent if found.operand.value else f"NOT ({absent})"


def _presence(row: Seen, field_id: str) -> str:
    """The column that is null when the field is absent."""
    if field_id in SYSTEM:
        return row.column(field_id)
    field = row.field(field_id)
    if field.expression is not None:
        return computed(row, field)
    return row.column(field_id, "_lon" if field.kind == "point" else "_enc" if field.sealed else "")


def _test(row: Seen, found: Compare, posts: Posts | None) -> str:
    """The comparison itself."""
    type_, convert, column = _typed(row, found.field)
    build = row.build

    def operand(suffix: str = "") -> str:
        return _operand(build, found.operand, type_ + suffix, posts, convert)

    plain = {"eq": "=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">=", "startsWith": "^@"}
    if found.operator in plain:
        return f"{column} {plain[found.operator]} {operand()}"
    if found.operator == "in":
        return f"{column} = ANY({operand('[]')})"
    if found.operator == "contains":
        return f"strpos({column}, {operand()}) > 0"
    if found.operator == "has":
        return f"{column} @> ARRAY[{operand()}]"
    if found.operator in ("hasAny", "hasAll"):
        return f"{column} {'&&' if found.operator == 'hasAny' else '@>'} {operand('[]')}"
    if found.operator == "under":
        return _under(row, found, operand())
    if found.operator in ("within", "near"):
        return _place(row, found)
    raise Invalid("filter.unknown_operator", f'"{found.operator}" is no operator', operator=found.operator)


def _typed(row: Seen, field_id: str) -> tuple[str, Callable[[Any], Any] | None, str]:
    """(PostgreSQL type of the operand, its conversion, the column) of a field."""
    if field_id in SYSTEM:
        type_ = {"id": "uuid", "createdBy": "uuid", "revision": "bigint"}.get(field_id, "timestamptz")
        return type_, None, row.column(field_id)
    field = row.field(field_id)
    if field.sealed:
        hash_of, entity = row.build.catalog.hash_of, field.owner or row.entity
        if hash_of is None:
            raise Invalid("filter.not_allowed", f'"{field_id}" cannot be filtered by', field=field_id)
        list_id = f"{row.list.id}." if isinstance(row, Part) else ""
        return (
            "bytea",
            lambda v: None if v is None else hash_of(entity, list_id + field_id, v),
            row.column(field_id, "_hash"),
        )
    column = row.column(field_id) if field.expression is None else computed(row, field)
    return TYPES.get(field.kind, "text"), None, column


def _operand(
    build: Build, operand: Operand, type_: str, posts: Posts | None, convert: Callable[[Any], Any] | None = None
) -> str:
    """The SQL of an operand; those of a post come from its row."""
    if isinstance(operand, FromArea):
        return posts.area if posts else "NULL::uuid"
    if isinstance(operand, FromActor) and posts:
        named = {"post": posts.post, "units": posts.units, "areas": f"ARRAY[{posts.area}]"}
        if operand.name in named:
            return named[operand.name]
    return build.binder.operand(operand, type_, convert)


def _under(row: Seen, found: Compare, operand: str) -> str:
    """The code itself or one below it, by the parents in the code table."""
    field = row.field(found.field)
    table = names.quote(field.table).replace('"', "'")
    below = (
        f'ARRAY(WITH RECURSIVE d(code) AS (SELECT {operand} COLLATE "C" UNION SELECT v.code COLLATE "C" FROM wangge.code_value v '
        f"JOIN d ON v.parent = d.code WHERE v.table_name = {table}) SELECT code FROM d)"
    )
    column = row.column(found.field)
    return f"{column} && {below}" if field.kind == "codes" else f"{column} = ANY({below})"


def _place(row: Seen, found: Compare) -> str:
    """`near` (a box, then haversine) and `within` (a polygon) of a point."""
    lon, lat = row.column(found.field, "_lon"), row.column(found.field, "_lat")
    build, operand = row.build, found.operand
    part = build.binder.operand
    if found.operator == "within":
        box = part(operand, "text", places.box)
        outer = part(operand, "text[]", places.outer_rings, whole=True)
        inner = part(operand, "text[]", places.holes, whole=True)
        of = part(operand, "integer[]", places.holes_of, whole=True)
        at, polygon, hole = f"point({lon}, {lat})", build.alias("o"), build.alias("h")
        holes = (
            f"SELECT 1 FROM unnest({inner}, {of}) {hole}(ring, part) "
            f"WHERE {hole}.part = {polygon}.part AND {at} <@ {hole}.ring::polygon"
        )
        return (
            f"({at} <@ ({box})::box AND EXISTS (SELECT 1 FROM unnest({outer}) WITH ORDINALITY {polygon}(ring, part) "
            f"WHERE {at} <@ {polygon}.ring::polygon AND NOT EXISTS ({holes})))"
        )
    x = part(operand, "float8", places.lon)
    y = part(operand, "float8", places.lat)
    metres = part(operand, "float8", places.metres)
    box = (
        f"point({lon}, {lat}) <@ box(point({x} - {metres} / (111320.0 * cos(radians({y}))), {y} - {metres} / 110540.0), "
        f"point({x} + {metres} / (111320.0 * cos(radians({y}))), {y} + {metres} / 110540.0))"
    )
    distance = (
        f"12742017.6 * asin(sqrt(least(1, power(sin(radians({lat} - {y}) / 2), 2) "
        f"+ cos(radians({y})) * cos(radians({lat})) * power(sin(radians({lon} - {x}) / 2), 2)))) <= {metres}"
    )
    return f"({box} AND {distance})"


def subtree_of(build: Build, operand: Operand, posts: Posts | None = None) -> str:
    """`<first> AND <last>` of the numbers of an area's subtree; nothing is within an area that does not exist."""
    if isinstance(operand, FromArea) and posts:
        return f"{posts.lo} AND {posts.hi}"
    area = _operand(build, operand, "uuid", posts)
    return f"(SELECT a.ord FROM wangge.area a WHERE a.id = {area}) AND (SELECT a.ord_end FROM wangge.area a WHERE a.id = {area})"


def _refers(row: Seen, found: Refers, posts: Posts | None) -> str:
    """The reference is there, seen, and its target, if seen, meets the inner filter."""
    build = row.build
    seen = row.clear(found.field)
    if seen == FALSE:
        raise Invalid("filter.not_allowed", f'"{found.field}" cannot be filtered by', field=found.field)
    field = row.field(found.field)
    column = row.column(found.field)
    targets = (found.target,) if found.target else field.to or ("wangge.file",)
    options = []
    for target in targets:
        action = None if row.action is None else "list"
        for kind in build.catalog.kinds(target) if action is None else build.kinds(target, "list"):
            options.append(_exists(build, kind, action, f"= {column}", found.inner, posts))
    return all_of([_shortcut(row, found, column, posts), any_of(options), seen])


def _shortcut(row: Seen, found: Refers, column: str, posts: Posts | None) -> str:
    """What the inner filter says of the target's id or area, said of the row itself, so that an index of it serves."""
    parts = []
    for item in _conjuncts(found.inner):
        if not isinstance(item, Compare):
            continue
        if item.field == "id" and item.operator == "eq":
            parts.append(f"{column} = {_operand(row.build, item.operand, 'uuid', posts)}")
        if item.field == "id" and item.operator == "in":
            parts.append(f"{column} = ANY({_operand(row.build, item.operand, 'uuid[]', posts)})")
        if item.field == SELF and found.field == "area" and not isinstance(row, Part):
            parts.append(f"{row.alias}.area_ord BETWEEN {subtree_of(row.build, item.operand, posts)}")
    return all_of(parts)


def _conjuncts(found: Filter) -> Iterator[Filter]:
    """What must hold for a filter to hold, however its conjunctions nest."""
    if isinstance(found, Every):
        for item in found.items:
            yield from _conjuncts(item)
    else:
        yield found


def _exists(
    build: Build, entity: str, action: str | None, join: str, inner: Filter, posts: Posts | None, more: str = TRUE
) -> str:
    """`EXISTS` of a row of `entity` whose id meets `join`, visible under `action`, meeting `inner`."""
    from .reach import source, visible  # reach needs conditions for grants, conditions need reach for hops

    target = source(build, entity, action)
    parts = [f"{target.own('id')} {join}", f"{target.own('removed_at')} IS NULL", more]
    if action is not None:
        parts.append(visible(target))
    parts.append(condition(target, inner, posts))
    where = all_of(parts)
    return f"EXISTS (SELECT 1 FROM {target.from_clause()} WHERE {where})"


def _many(row: Seen, found: Many, posts: Posts | None) -> str:
    """some, every, none of the rows or parts behind a field."""
    seen = row.clear(found.field)
    if seen == FALSE:
        raise Invalid("filter.not_allowed", f'"{found.field}" cannot be filtered by', field=found.field)
    wanted: Filter = Not(found.inner) if found.quantifier == "every" else found.inner
    exists = _some(row, row.field(found.field), wanted, posts)
    held = all_of([exists, seen])
    return held if found.quantifier == "some" else negated(held)


def _some(row: Seen, field: Field, inner: Filter, posts: Posts | None) -> str:
    """Whether some row or part behind a field meets `inner`."""
    build = row.build
    action = None if row.action is None else "list"
    if field.kind == "list":
        assert isinstance(row, Source) or row.action is None
        part = Part(row, field)  # type: ignore[arg-type] # a row without blinkers has all that a part asks of its parent
        return f"EXISTS (SELECT 1 FROM {part.from_clause()} WHERE {all_of([part.joined(), condition(part, inner, posts)])})"
    options = []
    for target in field.to:
        for kind in build.catalog.kinds(target) if action is None else build.kinds(target, "list"):
            if field.kind == "children":
                options.append(_child(row, field, kind, action, inner, posts))
            else:
                link = build.alias("k")
                table = build.catalog.side_table(row.entity, field)
                inside = _exists(build, kind, action, f"= {link}.target_id", inner, posts)
                options.append(
                    f"EXISTS (SELECT 1 FROM {table} {link} WHERE {link}.row_id = {row.column('id')} AND {inside})"
                )
    return any_of(options)


def _child(row: Seen, field: Field, kind: str, action: str | None, inner: Filter, posts: Posts | None) -> str:
    """Whether some child of `kind` meets `inner`: it must be seen to point here."""
    from .reach import source, visible  # see _exists

    child = source(row.build, kind, action)
    inverse = field.inverse or ""
    parts = [f"{child.column(inverse)} = {row.column('id')}", f"{child.own('removed_at')} IS NULL"]
    if action is not None:
        parts += [visible(child), child.clear(inverse)]
    parts.append(condition(child, inner, posts))
    where = all_of(parts)
    return f"EXISTS (SELECT 1 FROM {child.from_clause()} WHERE {where})"
