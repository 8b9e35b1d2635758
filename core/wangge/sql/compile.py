"""The compiler's doors: a root field of a query, a guard of a write, a condition, each as one statement."""

from __future__ import annotations

from ..model.filter import Filter
from ..policy.scope import Shape
from . import cells, cubes, lists
from .ast import ById, ByIds, Connection, Match, Root, Selection, Statement
from .catalog import Catalog
from .conditions import condition
from .notes import NOTHING, Made
from .reach import grant_predicate, prohibited, source, visible
from .reveals import revealing
from .rows import Build, Source, all_of, any_of


def compile_root(catalog: Catalog, shape: Shape, root: Root) -> Statement:
    """One root field as one statement; raises `Invalid` for what the caller may not filter or order by."""
    build = Build(catalog, shape)
    if isinstance(root, Connection):
        made = cubes.connection(build, root) if root.cube else lists.connection(build, root)
    elif isinstance(root, ById):
        made = _by_id(build, root)
    else:
        made = _by_ids(build, root)
    if any(noted.reveal for noted in build.noted):
        return _statement(build, revealing(build, made))
    if made.noted:
        return _statement(build, f"SELECT (x.n).j, (x.n).i FROM (SELECT {made.sql} AS n OFFSET 0) x")
    return _statement(build, f"SELECT ({made.sql})::json")


def _statement(build: Build, sql: str) -> Statement:
    """The finished statement."""
    text, values = build.binder.finish(sql)
    matches = tuple(Match(*named, tuple(build.matches[named])) for named in sorted(build.matches))
    return Statement(text, values, build.marks, frozenset(build.reads), tuple(build.noted), matches)


def _by_id(build: Build, root: ById) -> Made:
    """The node behind an id under `get`, or null."""
    wanted = build.binder.operand(root.id, "uuid")
    return _first(build, root.selections, wanted)


def _first(build: Build, selections: tuple[Selection, ...], wanted: str) -> Made:
    """The first of the concrete entities that has the id."""
    options = [_node(build, s, wanted) for s in selections if build.grants(s.entity, "get")]
    return cells.first_of(options) if options else Made("NULL")


def _node(build: Build, selection: Selection, wanted: str) -> Made:
    """The node of one concrete entity."""
    row = source(build, selection.entity, "get")
    conditions = [f"{row.own('id')} = {wanted}", f"{row.own('removed_at')} IS NULL", visible(row)]
    return cells.found_node(build, selection, row, conditions)


def _by_ids(build: Build, root: ByIds) -> Made:
    """The nodes in the order of the ids, null where unseen."""
    ids = build.binder.operand(root.ids, "uuid[]")
    node = _first(build, root.selections, "i.id")
    rows = f"SELECT {node.sql} AS n FROM unnest({ids}) WITH ORDINALITY i(id, ord) ORDER BY i.ord"
    if node.noted:
        made = f"ROW(coalesce(json_agg((x.n).j), '[]'::json), string_agg((x.n).i, {NOTHING}))::wangge.noted"
        return Made(f"(SELECT {made} FROM ({rows}) x)", noted=True)
    return Made(f"(SELECT coalesce(json_agg(x.n), '[]'::json) FROM ({rows}) x)")


def compile_guard(catalog: Catalog, shape: Shape, entity: str, action: str, *, lock: bool = False) -> Statement:
    """Rows of ($1 uuid[]) that some grant of `action` covers and none prohibits, one JSON value each, in order of id.

    `{"id", "grants": [indexes of the grants that hold], "row": {column: value, ...}}`; `lock` takes the rows FOR UPDATE.
    """
    build = Build(catalog, shape)
    ids = build.binder.bind(("ids",), "ids", lambda _s, p: p[0], "uuid[]")
    row = Source(build, entity, action, grant_predicate)
    levels = [row.alias, *(row.table_alias(n) for n in range(1, len(row.chain)))]
    merged = " || ".join(f"to_jsonb({alias}.*)" for alias in reversed(levels))
    held = ", ".join(f"CASE WHEN {p} THEN {n} END" for n, p in enumerate(row.predicates))
    where = all_of([f"{row.own('id')} = ANY({ids})", any_of(row.predicates), *prohibited(row, action)])
    grants = f"array_remove(ARRAY[{held or 'NULL'}]::int[], NULL)"
    made = f"json_build_object('id', {row.own('id')}, 'grants', {grants}, 'row', {merged})"
    tail = f" FOR UPDATE OF {', '.join(levels)}" if lock else ""
    sql = f"SELECT {made} FROM {row.from_clause()} WHERE {where} ORDER BY {row.own('id')}{tail}"
    return _statement(build, sql)


def compile_visible(catalog: Catalog, shape: Shape, entity: str, action: str = "get") -> Statement:
    """The ids of ($1 uuid[]) that the caller may see under `action`: what a written reference may point to."""
    build = Build(catalog, shape)
    ids = build.binder.bind(("ids",), "ids", lambda _s, p: p[0], "uuid[]")
    options = []
    for kind in build.kinds(entity, action):
        row = source(build, kind, action)
        where = all_of([f"{row.own('id')} = ANY({ids})", f"{row.own('removed_at')} IS NULL", visible(row)])
        options.append(f"SELECT {row.own('id')} FROM {row.from_clause()} WHERE {where}")
    sql = " UNION ALL ".join(options) or f"SELECT id FROM unnest({ids}) u(id) WHERE FALSE"
    return _statement(build, sql)


def compile_own(catalog: Catalog, shape: Shape, entity: str, subject: str) -> Statement:
    """The ids of the rows that the caller may list and whose `subject` is the caller's person, shown or not, in order of id."""
    build = Build(catalog, shape)
    options = []
    for kind in build.kinds(entity, "list"):
        row = source(build, kind, "list")
        person = build.binder.bind(("actor", "person"), "actor.person", lambda s, _: s.actor.person, "uuid")
        own = f"{row.column(subject)} = {person}"
        where = all_of([own, f"{row.own('removed_at')} IS NULL", visible(row)])
        options.append(f"SELECT {row.own('id')} FROM {row.from_clause()} WHERE {where}")
    sql = " UNION ALL ".join(options) or "SELECT NULL::uuid WHERE FALSE"
    return _statement(build, f"SELECT x.id FROM ({sql}) x(id) ORDER BY x.id")


def compile_find(catalog: Catalog, shape: Shape, entity: str, found: Filter, action: str = "list") -> Statement:
    """The ids of the rows that the caller may see and that meet a filter, in order of id."""
    build = Build(catalog, shape)
    options = []
    for kind in build.kinds(entity, action):
        row = source(build, kind, action)
        where = all_of([f"{row.own('removed_at')} IS NULL", visible(row), condition(row, found)])
        options.append(f"SELECT {row.own('id')} FROM {row.from_clause()} WHERE {where}")
    sql = " UNION ALL ".join(options) or "SELECT NULL::uuid WHERE FALSE"
    return _statement(build, sql)
