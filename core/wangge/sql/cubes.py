"""Aggregates of callers who may aggregate and not list: answered from a cube, never from rows (PERMISSIONS.md 3).

A group is a sum of cells that the cube shows; when one of them is not shown, nothing of the group is. Areas are those of the
caller's posts that are whole in the cube, each once however many posts hold it; an area that is whole is one cell.
"""

from __future__ import annotations

import msgspec

from ..errors import Invalid
from ..model.dimensions import AREA_FIELD, AREA_LEVELS, DISTRICT_KINDS
from ..model.filter import TRUE as TRUE_FILTER
from ..model.filter import Compare, Every, Filter, Given
from ..policy.scope import CUBE, Form, Grant, Level, Scope
from . import cells
from .aggregates import MOST_GROUPS, having, order, shown
from .ast import Aggregate, Connection, Constant, GroupTerm, Measure
from .notes import NOTHING, Made
from .rows import TRUE, Build, all_of, any_of

KINDS = {0: ("city",), 1: DISTRICT_KINDS, 2: ("township",), 3: ("community",)}
RANK = {level: rank for rank, level in enumerate(AREA_LEVELS)}
NOWHERE = "'00000000-0000-0000-0000-000000000000'::uuid"


def connection(build: Build, found: Connection) -> Made:
    """The answer of a connection that has nothing but aggregates."""
    pairs: list[tuple[str, str]] = []
    rows: list[str] = []
    notes: list[str] = []
    for part in found.parts:
        if isinstance(part, Constant):
            pairs.append((part.key, cells.literal(part.value)))
            continue
        assert isinstance(part, Aggregate)
        made, alias = _Question(build, found, part).answer(), build.alias("b")
        if made.noted:
            rows.append(f"(SELECT {made.sql} AS noted OFFSET 0) {alias}")
            notes.append(f"coalesce(({alias}.noted).i, {NOTHING})")
        pairs.append((part.key, f"({alias}.noted).j" if made.noted else made.sql))
    if not notes:
        return Made(cells.json_object(pairs))
    tail = f"FROM {', '.join(rows)}"
    return Made(f"(SELECT ROW({cells.json_object(pairs)}, {' || '.join(notes)})::wangge.noted {tail})", noted=True)


class _Question:
    """One `aggregate` of a cube."""

    def __init__(self, build: Build, found: Connection, part: Aggregate) -> None:
        self._build = build
        self._entity = found.entity
        self._part = part
        self._where = {each.field: each for each in _compares(found.where)}
        self._measures = part.measures()
        self._grants = self._answering()
        terms = {term.path[0] for term in part.terms}
        used = (terms | self._where.keys()) - {AREA_FIELD}
        self._fields = sorted(used)
        """the value dimensions of the cells that are needed."""

    def _answering(self) -> list[Grant]:
        """The grants whose dimensions hold all that is asked by. Raises Invalid when there is none."""
        asked = {term.path[0]: term.unit for term in self._part.terms}
        names = {*asked, *self._where}
        measured = {m.field for m in self._measures if m.field}
        found = []
        for grant in self._build.grants(self._entity, CUBE):
            known = {one.field: one.unit for one in grant.dimensions}
            deep = AREA_FIELD not in asked or RANK[asked[AREA_FIELD]] <= RANK.get(known.get(AREA_FIELD, ""), -1)
            clear = {name for name, level in grant.fields if level is Level.CLEAR and name not in grant.unraised}
            if names <= known.keys() and deep and measured <= clear:
                found.append(grant)
        if not found:
            together = ", ".join(sorted(names | measured))
            raise Invalid(
                "aggregate.not_together", f"no grant of the caller holds {together} together", fields=together
            )
        return found

    def answer(self) -> Made:
        """The groups as JSON, with their notes."""
        build, part, measures = self._build, self._part, self._measures
        columns = [f"x.g{at}" for at in range(len(part.terms))] + [f"x.a{at}" for at in range(len(measures))]
        columns.append("coalesce(sum(x.n) OVER (), 0) AS total")
        met = having(build, self._entity, part, measures, lambda m, at: f"x.a{at}")
        kept = f" WHERE {met}" if met != TRUE else ""
        keys = [f"x.o{at}" for at in range(len(part.terms))]
        asked = [_last(term) for term in order(part, measures, keys, "x.")]
        ordered = f" ORDER BY {', '.join(asked)}" if part.terms else ""
        limit = build.binder.operand(part.first or Given(MOST_GROUPS), "bigint")
        found = f"SELECT {', '.join(columns)} FROM ({self._groups()}) x{kept}{ordered} LIMIT {limit}"
        return shown(build, self._entity, part, measures, found, kinds=[self._entity])

    def _groups(self) -> str:
        """Every group: terms g0.. with their order o0.., measures a0.., and the count n."""
        count = len(self._part.terms)
        columns = [f"k.{letter}{at}" for at in range(count) for letter in "go"]
        columns += [f"{self._measure(m)} AS a{at}" for at, m in enumerate(self._measures)]
        columns.append(f"{COUNT} AS n")
        by = f" GROUP BY {', '.join(str(n) for n in range(1, 2 * count + 1))}" if count else ""
        summed = [at for at in range(len(self._fields)) if at not in self._told()]
        key = ", ".join(
            f"{'v' if at in summed else 'k.w'}{at}{'.value' if at in summed else ''}" for at in range(len(self._fields))
        )
        values = "".join(f" JOIN {self._values(at, 'k')}" for at in summed)
        here = all_of(
            [
                "c.generation = k.generation",
                f"c.fields = {cells.text(','.join(self._fields))}",
                "c.area = n.area AND c.direct = n.direct",
                f"c.key = ARRAY[{key}]::text[]",
            ]
        )
        return (
            f"WITH u AS MATERIALIZED ({self._cube()}), n AS MATERIALIZED (SELECT n.* FROM u CROSS JOIN LATERAL ({self._nodes()}) n), "
            f"k AS MATERIALIZED ({self._keys()}) SELECT {', '.join(columns)} FROM k JOIN n ON n.place = k.place{values} "
            f"LEFT JOIN wangge.cube_cell c ON {here}{by}"
        )

    def _told(self) -> list[int]:
        """The numbers of the dimensions that groups are told by."""
        return [self._fields.index(term.path[0]) for term in self._part.terms if term.path[0] != AREA_FIELD]

    def _keys(self) -> str:
        """The groups, in order and no more than are wanted: w0.. as the cube has them. Their cells are looked up afterwards."""
        terms = [self._term(term, at) for at, term in enumerate(self._part.terms)]
        columns = ["u.generation", "a.place", *(sql for pair in terms for sql in pair)]
        columns += [f"v{at}.value AS w{at}" for at in self._told()]
        values = "".join(f" JOIN {self._values(at, 'u')}" for at in self._told())
        places = "(SELECT DISTINCT place, key, ord FROM n) a" if self._part.terms else "(SELECT 1 AS place) a"
        free = self._part.having == TRUE_FILTER and not any(isinstance(each.by, Measure) for each in self._part.order)
        cut = ""
        if free and terms:
            keys = [f"o{at}" for at in range(len(terms))]
            limit = self._build.binder.operand(self._part.first or Given(MOST_GROUPS), "bigint")
            cut = f" ORDER BY {', '.join(_last(term) for term in order(self._part, [], keys))} LIMIT {limit}"
        return f"SELECT {', '.join(columns)} FROM u CROSS JOIN {places}{values}{cut}"

    def _cube(self) -> str:
        """The cube, when it was built by the same dimensions."""
        known = {one.field: one for grant in self._grants for one in grant.dimensions}
        used = [msgspec.to_builtins(known[name]) for name in self._fields]
        entity = cells.text(self._entity)
        wanted = self._build.binder.operand(Given(used), "jsonb")
        return f"SELECT generation FROM wangge.cube WHERE entity = {entity} AND dimensions @> {wanted}"

    def _term(self, term: GroupTerm, at: int) -> tuple[str, str]:
        """What groups are told by, and its order."""
        if term.path[0] == AREA_FIELD:
            return f"a.key AS g{at}", f"a.ord AS o{at}"
        name = f"v{self._fields.index(term.path[0])}"
        boolean = self._build.catalog.field(self._entity, term.path[0]).kind == "boolean"
        return f"{name}.value{'::boolean' if boolean else ''} AS g{at}", f"{name}.ord AS o{at}"

    def _values(self, at: int, beside: str) -> str:
        """The values of a dimension that are asked for."""
        name, value = self._fields[at], f"v{at}.value"
        parts = [f"v{at}.generation = {beside}.generation", f"v{at}.field = {cells.text(name)}"]
        if name in self._where:
            parts.append(self._met(value, self._where[name], "text"))
        return f"wangge.cube_value v{at} ON {all_of(parts)}"

    def _met(self, column: str, found: Compare, type_: str) -> str:
        """eq or in."""
        if found.operator == "in":
            return f"{column} = ANY({self._build.binder.operand(found.operand, type_ + '[]')})"
        return f"{column} = {self._build.binder.operand(found.operand, type_)}"

    def _measure(self, measure: Measure) -> str:
        """A measure over the cells of a group, null when one of them is not shown."""
        if measure.function == "count":
            return COUNT
        if measure.function == "suppressed":
            return f"({COUNT}) IS NULL"
        told = f"c.measures -> {cells.text(measure.field)}"
        total = f"sum(({told} ->> 0)::numeric)"
        made = total if measure.function == "sum" else f"{total} / nullif(sum(({told} ->> 1)::numeric), 0)"
        return f"CASE WHEN bool_and({told} IS NOT NULL) THEN {made} END"

    # --- areas ---

    def _nodes(self) -> str:
        """The areas that are summed, each for the group of its `place`: (place, key, ord, area, direct)."""
        level = next((term.unit for term in self._part.terms if term.path[0] == AREA_FIELD), None)
        if self._build.model.root_scope(self._entity).kind == "city":
            return f"SELECT 1 AS place, NULL::uuid AS key, NULL::integer AS ord, {NOWHERE} AS area, FALSE AS direct"
        top = self._top()
        if level is None:
            return f"SELECT 1 AS place, NULL::uuid AS key, NULL::integer AS ord, t.id AS area, FALSE AS direct FROM ({top}) t"
        rank = RANK[level]
        named = _kinds([rank])
        inside = (
            f"SELECT y.id, y.ord, y.id, FALSE FROM ({top}) t JOIN wangge.area y "
            f"ON y.ord BETWEEN t.ord AND t.ord_end AND y.kind IN ({named})"
        )
        above = (
            f"SELECT y.id, y.ord, t.id, FALSE FROM ({top}) t JOIN wangge.area y "
            f"ON t.ord BETWEEN y.ord AND y.ord_end AND y.kind IN ({named}) AND y.id <> t.id"
        )
        parts = [inside, above]
        if rank:
            parts.append(
                f"SELECT NULL::uuid, NULL::integer, y.id, TRUE FROM ({top}) t JOIN wangge.area y "
                f"ON y.ord BETWEEN t.ord AND t.ord_end AND y.kind IN ({_kinds(range(rank))}) "
                "JOIN wangge.cube_direct d ON d.generation = u.generation AND d.area = y.id"
            )
        if rank and rank + 1 < len(KINDS):  # such as a community of a zone that has no townships
            parts.append(
                f"SELECT NULL::uuid, NULL::integer, y.id, FALSE FROM ({top}) t JOIN wangge.area y "
                f"ON y.ord BETWEEN t.ord AND t.ord_end AND y.kind IN ({_kinds(range(rank + 1, len(KINDS)))}) "
                f"JOIN wangge.area p ON p.id = y.parent AND p.kind IN ({_kinds(range(rank))})"
            )
        every = " UNION ALL ".join(parts)
        return f"SELECT coalesce(p.key, {NOWHERE}) AS place, p.* FROM ({every}) AS p(key, ord, area, direct)"

    def _top(self) -> str:
        """The areas of the caller, and of the question, that do not lie in another of them."""
        within = f"EXISTS (SELECT 1 FROM wangge.area p WHERE p.id = a.parent AND {self._inside('p')})"
        return f"SELECT a.id, a.ord, a.ord_end FROM wangge.area a WHERE {self._inside('a')} AND NOT {within}"

    def _inside(self, alias: str) -> str:
        """Whether an area lies whole in a post's area, and in that of the question."""
        return all_of([self._granted(alias), self._asked(alias)])

    def _granted(self, alias: str) -> str:
        """Whether an area lies whole in the area of a grant, and is no finer than its rule goes."""
        return any_of([all_of([self._reached(alias, grant.slot), _coarse(alias, grant)]) for grant in self._grants])

    def _reached(self, alias: str, slot: int) -> str:
        if self._build.shape.slots[slot] is Form.CITY:
            return TRUE

        def take(scope: Scope, _: list[object]) -> str:
            return "{" + ",".join(f"[{lo},{hi}]" for lo, hi in scope.slots[slot].spans) + "}"

        ranges = self._build.binder.bind(("spans", slot), "spans", take, "text")
        return f"int4range({alias}.ord, {alias}.ord_end, '[]') <@ {ranges}::int4multirange"

    def _asked(self, alias: str) -> str:
        found = self._where.get(AREA_FIELD)
        if found is None:
            return TRUE
        return f"EXISTS (SELECT 1 FROM wangge.area w WHERE {self._met('w.id', found, 'uuid')} AND {alias}.ord BETWEEN w.ord AND w.ord_end)"


COUNT = "CASE WHEN bool_and(c.count IS NOT NULL) THEN sum(c.count) END"


def _coarse(alias: str, grant: Grant) -> str:
    """Whether an area is of a kind that the rule of a grant goes down to: the community where it names none."""
    finest = next((one.unit for one in grant.dimensions if one.field == AREA_FIELD), AREA_LEVELS[-1])
    return f"{alias}.kind IN ({_kinds(range(RANK[finest] + 1))})"


def _kinds(ranks: range | list[int]) -> str:
    """The kinds of areas of some ranks, as a list of texts."""
    return ", ".join(cells.text(kind) for rank in ranks for kind in KINDS[rank])


def _compares(found: Filter) -> list[Compare]:
    """The comparisons of a question: one for each dimension."""
    if isinstance(found, Every):
        return [compare for item in found.items for compare in _compares(item)]
    assert isinstance(found, Compare)
    return [found]


def _last(term: str) -> str:
    """A term of an ordering; what is not shown stands last, whichever way it goes."""
    return f"{term} NULLS LAST"
