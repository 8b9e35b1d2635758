"""Two policies over the same rows: the cells whose level differs, counted by one statement for any number of posts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import msgspec

from ..policy.scope import EntityShape, Scope, Shape
from .ast import Statement
from .binder import Binder
from .catalog import Catalog
from .reach import source, visible
from .rows import FALSE, TRUE, Build, all_of

CANDIDATES = 200
"""ids that a group names, from which witnesses are chosen."""


class Sight(msgspec.Struct, frozen=True):
    """One post before and after; `district` is where it stands; with `rest` only rows that lie in no district count."""

    before: Scope
    after: Scope
    district: UUID | None
    rest: bool = False


class Half(Binder):
    """Binds what one of several Scopes gives: `take` is asked with that Scope."""

    def __init__(self, shared: Binder, number: int) -> None:
        super().__init__()
        self._shared = shared
        self._number = number

    def bind(self, key: Any, name: str, take: Callable[[Any, list[Any]], Any], type_: str) -> str:
        """The placeholder in the shared statement."""
        number = self._number
        return self._shared.bind(
            (number, key), f"{number}.{name}", lambda scopes, params: take(scopes[number], params), type_
        )


def compile_changes(
    catalog: Catalog,
    sights: Sequence[Sight],
    entity: str,
    action: str,
    fields: Sequence[str | None],
    purpose: str | None = None,
) -> Statement:
    """(n, was, now, rows, districts, ids) of each field and pair of levels that differ; a field None is the row itself.

    The Scopes of `Statement.bind` are those of the sights, before and after by turns; `purpose` is that of a reveal.
    """
    shared = Binder()
    parts = []
    for n, sight in enumerate(sights):
        sides = [
            _side(catalog, scope, Half(shared, 2 * n + side), entity, action, fields, purpose, rest=sight.rest)
            for side, scope in enumerate((sight.before, sight.after))
        ]
        none = f"ARRAY[{', '.join('0' for _ in fields)}]::smallint[]"
        district = shared.bind(("district", n), "district", lambda _s, _p, d=sight.district: d, "uuid")  # type: ignore[misc] # bound now
        parts.append(
            f"SELECT id, {district} AS district, coalesce(b.levels, {none}) AS was, coalesce(a.levels, {none}) AS now "
            f"FROM ({sides[0]}) b FULL JOIN ({sides[1]}) a USING (id) WHERE b.levels IS DISTINCT FROM a.levels"
        )
    sql = (
        "SELECT f.n::int AS n, f.was, f.now, count(DISTINCT u.id) AS rows, count(DISTINCT u.district) AS districts, "
        f"(array_agg(DISTINCT u.id))[1:{CANDIDATES}] AS ids FROM ({' UNION ALL '.join(parts)}) u "
        "CROSS JOIN LATERAL unnest(u.was, u.now) WITH ORDINALITY f(was, now, n) "
        "WHERE f.was <> f.now GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    )
    text, values = shared.finish(sql)
    return Statement(text, values, False, frozenset((entity,)), (), ())


def _side(
    catalog: Catalog,
    scope: Scope,
    binder: Binder,
    entity: str,
    action: str,
    fields: Sequence[str | None],
    purpose: str | None,
    *,
    rest: bool,
) -> str:
    """(id, levels) of the rows that one Scope has under an action."""
    build = Build(catalog, _shape(scope.shape, entity, action, purpose))
    build.binder = binder
    row = source(build, entity, action)
    levels = ", ".join(_level(row, field) for field in fields)
    conditions = [f"{row.own('removed_at')} IS NULL", visible(row)]
    if rest and catalog.model.root_scope(entity).kind in ("area", "parent", "through"):
        conditions.append(f"{row.own('district_id')} IS NULL")
    where = all_of(conditions)
    return f"SELECT {row.own('id')} AS id, ARRAY[{levels}]::smallint[] AS levels FROM {row.from_clause()} WHERE {where}"


def _shape(shape: Shape, entity: str, action: str, purpose: str | None) -> Shape:
    """The shape with the grants of one purpose, where the action is for one."""
    found = shape.entity(entity) or EntityShape({})
    grants = found.grants(action)
    if purpose is not None:
        grants = tuple(grant for grant in grants if grant.purpose == purpose)
    kept = EntityShape({action: grants}, found.prohibits)
    return msgspec.structs.replace(shape, entities={entity: kept})


def _level(row: Any, field: str | None) -> str:
    """The level of a cell of a visible row."""
    if field is None:
        return "2"
    clear, shown = row.clear(field), row.shown(field)
    if clear == TRUE:
        return "2"
    if shown == FALSE:
        return "0"
    return f"CASE WHEN {clear} THEN 2 WHEN {shown} THEN 1 ELSE 0 END"
