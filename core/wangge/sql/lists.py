"""Connections: one ordered, limited branch per visible kind, merged, aggregated into nodes, edges, page info and counts."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import Invalid
from ..model.filter import Given
from ..model.pinyin import SUFFIXES
from . import aggregates, cells, search
from .ast import (
    Aggregate,
    Connection,
    Constant,
    EdgeCursor,
    EdgeNode,
    Edges,
    Nodes,
    Order,
    PageInfo,
    Selection,
    TotalCount,
)
from .binder import TYPES
from .catalog import SYSTEM
from .conditions import condition
from .notes import NOTHING, Made, aggregated_kinds, is_noted, node_selections, nodes_noted
from .reach import grant_predicate, prohibited, source, visible
from .rows import FALSE, TRUE, Build, Source, all_of, any_of

Link = Callable[[Source], str]
DEFAULT_FIRST = 50


class Term:
    """One term of an ordering over a row: its SQL, direction, and whether it may be null."""

    def __init__(self, sql: str, type_: str, descending: bool, nullable: bool) -> None:
        self.sql = sql
        self.type = type_
        self.descending = descending
        self.nullable = nullable

    def order(self) -> str:
        """As an item of ORDER BY; PostgreSQL's own place of nulls is ours: last ascending, first descending."""
        return f"{self.sql} DESC" if self.descending else self.sql


def empty(found: Connection) -> str:
    """A connection without rows, for a field that the caller may not see in this row."""
    pairs = []
    for part in found.parts:
        if isinstance(part, Constant):
            pairs.append((part.key, cells.literal(part.value)))
        elif isinstance(part, PageInfo):
            flags = {"hasNextPage": False, "hasPreviousPage": False, "__typename": "PageInfo"}
            pairs.append((part.key, cells.literal({key: flags.get(what) for key, what in part.items})))
        elif isinstance(part, TotalCount):
            facts = {"value": 0, "exact": True, "__typename": "TotalCount"}
            pairs.append((part.key, cells.literal({key: facts[what] for key, what in part.items})))
        elif isinstance(part, Aggregate):
            pairs.append((part.key, aggregates.empty(part)))
        else:
            pairs.append((part.key, "'[]'::json"))
    return cells.json_object(pairs)


def connection(build: Build, found: Connection, link: Link | None = None) -> Made:
    """A connection as one JSON value, with the notes of its rows; `link` binds the rows to an outer row."""
    kinds = build.kinds(found.entity, "list")
    if not kinds:
        return Made(empty(found))
    page = [p for p in found.parts if isinstance(p, Nodes | Edges | PageInfo)]
    pairs: list[tuple[str, str]] = []
    rows = [f"({_page(build, found, page, kinds, link)}) a"] if page else []
    notes = ["a.notes"] if nodes_noted(build, found) else []
    for part in found.parts:
        if isinstance(part, Constant):
            pairs.append((part.key, cells.literal(part.value)))
        elif isinstance(part, TotalCount):
            pairs.append((part.key, _count(build, found, part, kinds, link)))
        elif isinstance(part, Aggregate):
            made, alias = _aggregate(build, found, part, link), build.alias("b")
            if made.noted:
                rows.append(f"(SELECT {made.sql} AS noted OFFSET 0) {alias}")
                notes.append(f"({alias}.noted).i")
            pairs.append((part.key, f"({alias}.noted).j" if made.noted else made.sql))
        elif isinstance(part, PageInfo):
            facts = [(key, _info(build, what, found)) for key, what in part.items]
            pairs.append((part.key, cells.json_object(facts)))
        else:
            pairs.append((part.key, f"a.c{page.index(part)}"))
    tail = f"FROM {', '.join(rows)}" if rows else ""
    if notes:
        every = " || ".join(f"coalesce({each}, {NOTHING})" for each in notes)
        return Made(f"(SELECT ROW({cells.json_object(pairs)}, {every})::wangge.noted {tail})", noted=True)
    return Made(cells.json_object(pairs, tail))


def _aggregate(build: Build, found: Connection, part: Aggregate, link: Link | None) -> Made:
    """The rows of a connection in groups."""
    kinds = aggregated_kinds(build, found.entity)
    if not kinds:
        return Made(aggregates.empty(part))
    rows = [source(build, kind, "list") for kind in kinds]
    return aggregates.aggregated(build, found.entity, part, [(row, _where(build, found, row, link)) for row in rows])


def _page(
    build: Build, found: Connection, parts: list[Nodes | Edges | PageInfo], kinds: list[str], link: Link | None
) -> str:
    """One row with a column per part: the aggregated page."""
    asked = list(dict.fromkeys(node_selections(parts)))
    wants = {what for p in parts if isinstance(p, PageInfo) for _, what in p.items}
    probe = "hasNextPage" in wants
    cursors = bool(wants & {"startCursor", "endCursor"}) or any(
        isinstance(i, EdgeCursor) for p in parts if isinstance(p, Edges) for i in p.items
    )
    first = build.binder.operand(found.first or Given(DEFAULT_FIRST), "bigint")
    rows = _rows(build, found, kinds, link, asked, cursors, f"{first} + 1" if probe else first)
    numbered = f"SELECT r.*, row_number() OVER () AS rn FROM ({rows}) r" if probe or cursors else rows
    kept = f" FILTER (WHERE p.rn <= {first})" if probe else ""
    noted = [any(is_noted(build, s, "list") for s in selections if s.entity in kinds) for selections in asked]
    json = [f"(p.n{at}).j" if noted[at] else f"p.n{at}" for at in range(len(asked))]
    columns = [f"{_part(p, asked, json, kept)} AS c{at}" for at, p in enumerate(parts) if not isinstance(p, PageInfo)]
    if any(noted):
        notes = " || ".join(f"coalesce((p.n{at}).i, {NOTHING})" for at in range(len(asked)) if noted[at])
        columns.append(f"string_agg({notes}, {NOTHING}){kept} AS notes")
    if wants:
        columns.append("count(*) AS rows")
    if wants & {"startCursor", "endCursor"}:
        columns.append("array_agg(p.kc ORDER BY p.rn) AS cursors")
    return f"SELECT {', '.join(columns)} FROM ({numbered}) p"


def _part(part: Nodes | Edges, asked: list[tuple[Selection, ...]], json: list[str], kept: str) -> str:
    """The aggregate of one part over the page `p`; `json` is the JSON of each node selection."""
    if isinstance(part, Nodes):
        return f"coalesce(json_agg({json[asked.index(part.selections)]}){kept}, '[]'::json)"
    pairs = []
    for item in part.items:
        if isinstance(item, EdgeCursor):
            pairs.append((item.key, "p.kc"))
        elif isinstance(item, EdgeNode):
            pairs.append((item.key, json[asked.index(item.selections)]))
        else:
            pairs.append((item.key, cells.literal(item.value)))
    return f"coalesce(json_agg({cells.json_object(pairs)}){kept}, '[]'::json)"


def _info(build: Build, what: str, found: Connection) -> str:
    """One fact of the page info over the aggregated page `a`."""
    first = build.binder.operand(found.first or Given(DEFAULT_FIRST), "bigint")
    if what == "hasNextPage":
        return f"a.rows > {first}"
    if what == "hasPreviousPage":
        if found.offset is not None:
            return f"coalesce({build.binder.operand(found.offset, 'bigint')} > 0, FALSE)"
        return "TRUE" if found.after is not None else "FALSE"
    if what == "startCursor":
        return "a.cursors[1]"
    if what == "endCursor":
        return f"a.cursors[least(a.rows, {first})]"
    return "'PageInfo'"


def _rows(
    build: Build,
    found: Connection,
    kinds: list[str],
    link: Link | None,
    asked: list[tuple[Selection, ...]],
    cursors: bool,
    limit: str,
) -> str:
    """The rows of a page in order: node columns n0.., and the cursor's values kc."""
    offset = f" OFFSET {build.binder.operand(found.offset, 'bigint')}" if found.offset is not None else ""
    if len(kinds) == 1:
        sql, _ = _branch(build, found, kinds[0], link, asked, cursors, f"LIMIT {limit}{offset}", keys=False)
        return sql
    reach = f"LIMIT {limit}" + (
        f" + {build.binder.operand(found.offset, 'bigint')}" if found.offset is not None else ""
    )
    branches: list[str] = []
    terms: list[Term] = []
    for kind in kinds:
        sql, terms = _branch(build, found, kind, link, asked, cursors, reach, keys=True)
        branches.append(f"({sql})")
    order = ", ".join(f"u.k{at}" + (" DESC" if t.descending else "") for at, t in enumerate(terms))
    union = " UNION ALL ".join(branches)
    return f"SELECT u.* FROM ({union}) u ORDER BY {order} LIMIT {limit}{offset}"


def _branch(
    build: Build,
    found: Connection,
    kind: str,
    link: Link | None,
    asked: list[tuple[Selection, ...]],
    cursors: bool,
    limit: str,
    *,
    keys: bool,
) -> tuple[str, list[Term]]:
    """The rows of one kind, ordered and limited."""
    row = source(build, kind, "list")
    terms = ordering(build, found, row)
    columns = []
    for at, selections in enumerate(asked):
        mine = next((s for s in selections if s.entity == kind), None)
        made = cells.node(build, mine, row) if mine else Made("'{}'::json")
        noted = any(is_noted(build, s, "list") for s in selections if build.grants(s.entity, "list"))
        columns.append(f"{made.as_noted() if noted else made.sql} AS n{at}")
    if cursors:
        build.marks = True
        columns.append(
            f"""json_build_array('"\\u0000c"'::json, {cells.text(mark(found))}, {", ".join(_keys(terms))}) AS kc"""
        )
    if keys:
        columns += [f"{t.sql} AS k{at}" for at, t in enumerate(terms)]
    where = all_of([*_where(build, found, row, link), keyset(build, found, terms)])
    order = ", ".join(t.order() for t in terms)
    return f"SELECT {', '.join(columns) or '1'} FROM {row.from_clause()} WHERE {where} ORDER BY {order} {limit}", terms


def mark(found: Connection) -> str:
    """What a cursor is bound to besides the account: the entity and the ordering as asked."""
    terms = ",".join(("-" if o.descending else "") + ".".join(o.path) for o in found.order)
    return f"{found.entity}|{'?' if is_ranked(found) else ''}{terms}"


def _keys(terms: list[Term]) -> list[str]:
    """The values of a cursor, as they come back through JSON without loss."""
    return [f"({t.sql})::text" if t.type in ("numeric", "bigint") else t.sql for t in terms]


def _where(build: Build, found: Connection, row: Source, link: Link | None) -> list[str]:
    """Link, presence, rights and filter of the rows."""
    parts = [link(row)] if link else []
    if found.removed == "EXCLUDE":
        parts.append(f"{row.own('removed_at')} IS NULL")
    else:
        parts.append(_removed(build, found, row))
    if found.search is not None:
        parts.append(search.matching(build, row, found.entity, found.search))
    return [*parts, visible(row), condition(row, found.where)]


def _removed(build: Build, found: Connection, row: Source) -> str:
    """Removed rows: a right of its own, over rows that the caller may list; stubs of erased ones are in no list."""
    may = [any_of([grant_predicate(row, g) for g in build.grants(row.entity, "list_removed")])]
    may += prohibited(row, "list_removed")
    stub = f"EXISTS (SELECT 1 FROM wangge.erased e WHERE e.row_id = {row.own('id')} AND e.kind = 'erase')"
    gone = all_of([f"{row.own('removed_at')} IS NOT NULL", f"NOT {stub}", *may])
    return gone if found.removed == "ONLY" else any_of([f"{row.own('removed_at')} IS NULL", gone])


def ordering(build: Build, found: Connection, row: Source) -> list[Term]:
    """The complete ordering: as asked, or the entity's own, and the id."""
    asked, descending = decisive(found.order or default_order(build, found.entity, row))
    terms = [*(_term(build, o, row) for o in asked), Term(row.own("id"), "uuid", descending, False)]
    if is_ranked(found):
        assert found.search is not None
        return [Term(search.rank(build, row, found.entity, found.search), "integer", False, False), *terms]
    if found.search is not None:
        terms[0].sql = f"coalesce({terms[0].sql}, {terms[0].sql})"  # found rows are few: no walk along an ordering
    return terms


def is_ranked(found: Connection) -> bool:
    """Whether the rows that fit best come first."""
    return found.search is not None and not found.order


def decisive(asked: tuple[Order, ...]) -> tuple[tuple[Order, ...], bool]:
    """The terms before the id, and whether the id goes down: it leaves no ties, so that what stands after it says nothing."""
    for at, order in enumerate(asked):
        if order.path == ("id",):
            return asked[:at], order.descending
    return asked, False


def default_order(build: Build, entity: str, row: Source) -> tuple[Order, ...]:
    """The entity's `order:`, as far as the caller may order by it in every row."""
    declared = build.catalog.entity(entity).order
    if not declared and entity == row.entity and (upper := build.catalog.entity(entity).kind_of):
        declared = build.catalog.entity(upper).order
    return tuple(Order((field,), down) for field, down in declared if orderable(build, entity, field))


def orderable(build: Build, entity: str, field: str) -> bool:
    """Whether a field is in clear in some row of every kind that is listed."""
    return all(listable(build, kind, field) for kind in build.kinds(entity, "list"))


def listable(build: Build, kind: str, field: str) -> bool:
    """Whether some grant of `list` gives the field in clear."""
    shape = build.shape.entity(kind)
    implicit = field in ("id", "createdAt", "updatedAt", "revision")
    return implicit or (
        shape is not None and shape.best("list", field) == 2 and not build.catalog.field(kind, field).sealed
    )


def _term(build: Build, order: Order, row: Source) -> Term:
    """One asked term; a value that is not in clear counts as absent."""
    if len(order.path) > 1:
        return Term(_hop(build, order.path, row), _type(build, order.path, row.entity), order.descending, True)
    field = order.path[0]
    clear = row.clear(field)
    if clear == FALSE:
        raise Invalid("order.not_allowed", f'"{field}" cannot be ordered by', field=field)
    column = _sorted_by(row, field)
    type_ = _type(build, order.path, row.entity)
    if clear != TRUE:
        return Term(f"(CASE WHEN {clear} THEN {column} END)", type_, order.descending, True)
    return Term(column, type_, order.descending, not build.catalog.required(row.entity, field))


def _sorted_by(row: Source, field: str) -> str:
    """The column that a field is ordered by: how a text with `pinyin: true` is read, which tells all texts apart."""
    read = field not in SYSTEM and row.field(field).pinyin
    return row.column(field, SUFFIXES[0]) if read else row.column(field)


def _type(build: Build, path: tuple[str, ...], entity: str) -> str:
    """The PostgreSQL type of the last field of a path."""
    for name in path[:-1]:
        entity = build.catalog.field(entity, name).to[0]
    last = path[-1]
    if last in ("createdAt", "updatedAt", "removedAt"):
        return "timestamptz"
    if last in ("id", "revision"):
        return "uuid" if last == "id" else "bigint"
    return TYPES.get(build.catalog.field(entity, last).kind, "text")


def _hop(build: Build, path: tuple[str, ...], row: Source) -> str:
    """A value behind references, each of which must be seen."""
    field = row.field(path[0])
    clear = row.clear(path[0])
    options = []
    for kind in [k for target in field.to for k in build.kinds(target, "list")]:
        target = source(build, kind, "list")
        inner = _term(build, Order(path[1:]), target).sql
        where = all_of(
            [
                f"{target.own('id')} = {row.column(path[0])}",
                f"{target.own('removed_at')} IS NULL",
                visible(target),
                clear,
            ]
        )
        options.append(f"(SELECT {inner} FROM {target.from_clause()} WHERE {where})")
    if not options or clear == FALSE:
        raise Invalid("order.not_allowed", f'"{path[0]}" cannot be ordered by', field=path[0])
    return options[0] if len(options) == 1 else f"coalesce({', '.join(options)})"


def keyset(build: Build, found: Connection, terms: list[Term]) -> str:
    """The rows after a cursor: a row comparison where nothing is null and all go one way, else a chain with a leading bound."""
    if found.after is None:
        return TRUE
    after = [build.binder.operand(o, t.type) for o, t in zip(found.after, terms, strict=True)]
    one_way = len({t.descending for t in terms}) == 1
    if one_way and not any(t.nullable for t in terms):
        sign = "<" if terms[0].descending else ">"
        return f"({', '.join(t.sql for t in terms)}) {sign} ({', '.join(after)})"
    options: list[str] = []
    equal: list[str] = []
    for term, bound in zip(terms, after, strict=True):
        options.append(all_of([*equal, _beyond(term, bound)]))
        equal.append(f"{term.sql} IS NOT DISTINCT FROM {bound}" if term.nullable else f"{term.sql} = {bound}")
    first = terms[0]
    leading = TRUE if first.nullable else f"{first.sql} {'<=' if first.descending else '>='} {after[0]}"
    return all_of([leading, any_of(options)])


def _beyond(term: Term, bound: str) -> str:
    """Whether a value comes after a bound in the term's direction; nulls come last ascending, first descending."""
    if not term.nullable:
        return f"{term.sql} {'<' if term.descending else '>'} {bound}"
    if term.descending:
        return f"({term.sql} < {bound} OR ({bound} IS NULL AND {term.sql} IS NOT NULL))"
    return f"({term.sql} > {bound} OR ({bound} IS NOT NULL AND {term.sql} IS NULL))"


def _count(build: Build, found: Connection, part: TotalCount, kinds: list[str], link: Link | None) -> str:
    """The number of rows, exact or up to a limit."""
    limit = f" LIMIT {build.binder.operand(part.limit, 'bigint')} + 1" if part.limit is not None else ""
    branches = []
    for kind in kinds:
        row = source(build, kind, "list")
        where = all_of(_where(build, found, row, link))
        branches.append(f"SELECT 1 FROM {row.from_clause()} WHERE {where}{limit}")
    union = branches[0] if len(branches) == 1 else " UNION ALL ".join(f"({b})" for b in branches) + limit
    if part.limit is None:
        facts = {"value": "x.n", "exact": "TRUE"}
    else:
        bound = build.binder.operand(part.limit, "bigint")
        facts = {"value": f"least(x.n, {bound})", "exact": f"x.n <= {bound}"}
    facts["__typename"] = "'TotalCount'"
    pairs = [(key, facts[what]) for key, what in part.items]
    return cells.json_object(pairs, f"FROM (SELECT count(*) AS n FROM ({union}) u) x") if pairs else "'{}'::json"
