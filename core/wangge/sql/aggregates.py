"""Aggregates of a connection: its rows in groups, counted and measured over what the caller may see (API.md 1).

A row counts when the caller may list it and some grant of the action `aggregate` holds it. A cell counts where both show
it in clear, elsewhere as absent. Groups over areas are made in two steps: rows by the area that they lie in, then that
area's ancestor of the wanted kind, which is looked up once for all areas.
"""

from __future__ import annotations

from collections.abc import Callable

from ..errors import Invalid
from ..model.dimensions import DISTRICT_KINDS
from ..model.filter import Compare, Every, Filter, Given, Not, Some
from ..model.types import Field
from . import cells
from .ast import (
    Aggregate,
    Constant,
    GroupTerm,
    KeyArea,
    KeyCell,
    KeyItem,
    KeyLabel,
    KeyObject,
    Measure,
    Measured,
    Measures,
    Noted,
    measure_of,
)
from .binder import TYPES
from .catalog import AREA, SYSTEM
from .conditions import negated
from .notes import NOTHING, Made, aggregated_fields, aggregated_kinds
from .reach import grant_predicate, prohibited, source, visible
from .rows import FALSE, TRUE, Build, Source, all_of, any_of, case

MOST_GROUPS = 10_000
DISTRICT = "district"
BUCKETS = {
    "DAY": "YYYY-MM-DD",
    "ISO_WEEK": 'IYYY-"W"IW',
    "MONTH": "YYYY-MM",
    "QUARTER": 'YYYY-"Q"Q',
    "YEAR": "YYYY",
}
KNOWN = {"DAY": ("day",), "ISO_WEEK": ("day",), "MONTH": ("day", "month"), "QUARTER": ("day", "month")}
"""unit -> how well a date must be known to fall into one."""
COUNTS = ("count", "countDistinct")
COMPARED = {"eq": "=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
NO_ROW = f"'\\x{'00' * 16}'::bytea"
"""stands in a note for the id of a row: the number of rows follows (audit/reads.py)."""
AggregateItem = Constant | KeyObject | Measured | Measures


def empty(part: Aggregate) -> str:
    """The aggregate of no rows: no group, or, without groupBy, one row that counts nothing."""
    if part.terms:
        return "'[]'::json"
    pairs = [(item.key, _of_nothing(item)) for item in part.items]
    return f"json_build_array({cells.json_object(pairs)})"


def _of_nothing(item: AggregateItem) -> str:
    """The value of an item over no rows."""
    if isinstance(item, Constant):
        return cells.literal(item.value)
    if isinstance(item, Measured):
        return "0" if item.measure.function in COUNTS else "NULL"
    if isinstance(item, KeyObject):
        return "NULL"
    return cells.json_object([(inner.key, _of_nothing(inner)) for inner in item.items])


def aggregated(build: Build, entity: str, part: Aggregate, branches: list[tuple[Source, list[str]]]) -> Made:
    """The JSON array of the groups over the rows of `entity`: (row, its conditions) of each kind that may be aggregated."""
    measures = part.measures()
    terms = [_grouped(build, term, at) for at, term in enumerate(part.terms)]
    found = _groups(build, entity, part, measures, branches, terms)
    return shown(build, entity, part, measures, found, kinds=aggregated_kinds(build, entity))


def shown(build: Build, entity: str, part: Aggregate, measures: list[Measure], found: str, *, kinds: list[str]) -> Made:
    """The JSON array of groups that `found` selects (g0.., a0.., total), with notes of what they show of rows of `kinds`."""
    pairs = [(item.key, _item(build, part, measures, entity, item)) for item in part.items]
    made = f"coalesce(json_agg({cells.json_object(pairs)}), '[]'::json)"
    fields = aggregated_fields(build, entity, part, kinds)
    if not fields:
        return Made(f"(SELECT {made} FROM ({found}) y)")
    numbers = [build.note(Noted(of, shown, counted=True)) for of, shown in fields.items()]
    notes = " || ".join(f"'\\x{n:02x}'::bytea || {NO_ROW} || int4send(max(y.total)::integer)" for n in numbers)
    notes = f"CASE WHEN max(y.total) > 0 THEN {notes} ELSE {NOTHING} END"
    return Made(f"(SELECT ROW({made}, {notes})::wangge.noted FROM ({found}) y)", noted=True)


def _groups(
    build: Build,
    entity: str,
    part: Aggregate,
    measures: list[Measure],
    branches: list[tuple[Source, list[str]]],
    terms: list[tuple[str, str]],
) -> str:
    """The groups: terms g0.., measures a0.., and `total`, the number of rows in all groups."""
    rows = " UNION ALL ".join(_branch(build, part, measures, row, where) for row, where in branches)
    columns = [f"{sql} AS g{at}" for at, (sql, _) in enumerate(terms)]
    columns += [f"min(v{at}.ord) AS o{at}" for at, (_, join) in enumerate(terms) if join]
    columns += [f"{_measure(m, at)} AS a{at}" for at, m in enumerate(measures)]
    columns.append("sum(count(*)) OVER () AS total")
    groups = f" GROUP BY {', '.join(str(at) for at in range(1, len(terms) + 1))}" if terms else ""
    met = having(build, entity, part, measures, _measure)
    kept = f" HAVING {met}" if met != TRUE else ""
    keys = [f"o{at}" if join else f"g{at}" for at, (_, join) in enumerate(terms)]
    ordered = f" ORDER BY {', '.join(order(part, measures, keys))}" if terms else ""
    limit = build.binder.operand(part.first or Given(MOST_GROUPS), "bigint")
    joins = "".join(join for _, join in terms)
    return f"SELECT {', '.join(columns)} FROM ({rows}) x{joins}{groups}{kept}{ordered} LIMIT {limit}"


def _branch(build: Build, part: Aggregate, measures: list[Measure], row: Source, where: list[str]) -> str:
    """The rows of one kind: what they are grouped by and what is measured."""
    may = any_of([grant_predicate(row, grant) for grant in build.grants(row.entity, "aggregate")])
    columns = [
        f"{_value(build, term.path, term.unit, row, nested=False)} AS g{at}" for at, term in enumerate(part.terms)
    ]
    columns += [f"{_cell(row, m.field)} AS m{at}" for at, m in enumerate(measures) if m.field]
    conditions = all_of([*where, may, *prohibited(row, "aggregate")])
    return f"SELECT {', '.join(columns) or '1'} FROM {row.from_clause()} WHERE {conditions}"


def _clear(row: Source, field_id: str, *, nested: bool) -> str:
    """Where a cell counts: in clear under `list`, and, in a row that is aggregated, under `aggregate` too."""
    seen = row.clear(field_id)
    return seen if nested else all_of([seen, row.clear_for("aggregate", field_id)])


def _cell(row: Source, field_id: str, *, nested: bool = False) -> str:
    """The stored value of a cell, null where it does not count."""
    clear = _clear(row, field_id, nested=nested)
    if clear == FALSE:
        raise Invalid("aggregate.not_allowed", f'"{field_id}" cannot be aggregated', field=field_id)
    column = row.column(field_id)
    return column if clear == TRUE else case([(clear, column)])


def _value(build: Build, path: tuple[str, ...], unit: str, row: Source, *, nested: bool) -> str:
    """What a row is grouped by; of areas, the area that the row itself names."""
    if len(path) > 1:
        return _behind(build, path, unit, row, nested=nested)
    value = _cell(row, path[0], nested=nested)
    field = None if path[0] in SYSTEM else row.field(path[0])
    if unit in BUCKETS:
        return bucket(row, field, value, unit)
    return f"{value}::text" if field is not None and field.kind == "integer" and cells.is_big(field) else value


def bucket(row: Source, field: Field | None, value: str, unit: str) -> str:
    """The day, week, month, quarter or year of a date or moment, in fixed +08:00."""
    local = value if field is not None and field.kind == "date" else f"({value} AT TIME ZONE INTERVAL '+08:00')"
    made = f"to_char({local}, '{BUCKETS[unit]}')"
    if field is None or not field.precision or unit not in KNOWN:
        return made
    known = ", ".join(f"'{precision}'" for precision in KNOWN[unit])
    return f"CASE WHEN coalesce({row.column(field.id, '_precision')}, 'day') IN ({known}) THEN {made} END"


def _behind(build: Build, path: tuple[str, ...], unit: str, row: Source, *, nested: bool) -> str:
    """A value behind references, each of which must be seen."""
    clear = _clear(row, path[0], nested=nested)
    options = []
    for kind in [k for target in row.field(path[0]).to for k in build.kinds(target, "list")]:
        target = source(build, kind, "list")
        inner = _value(build, path[1:], unit, target, nested=True)
        there = f"{target.own('id')} = {row.column(path[0])}"
        where = all_of([there, f"{target.own('removed_at')} IS NULL", visible(target), clear])
        options.append(f"(SELECT {inner} FROM {target.from_clause()} WHERE {where})")
    if not options or clear == FALSE:
        raise Invalid("aggregate.not_allowed", f'"{path[0]}" cannot be aggregated', field=path[0])
    return options[0] if len(options) == 1 else f"coalesce({', '.join(options)})"


def _grouped(build: Build, term: GroupTerm, at: int) -> tuple[str, str]:
    """(what the rows `x` are grouped by, the join that it needs: areas with their ancestors of a kind, as far as they are seen)."""
    if term.unit == "VALUE" or term.unit in BUCKETS:
        return f"x.g{at}", ""
    level, inner = source(build, AREA, "list"), build.alias("s")
    kinds = DISTRICT_KINDS if term.unit == DISTRICT else (term.unit,)
    named = ", ".join(cells.text(kind) for kind in kinds)
    where = all_of([f"{level.own('kind')} IN ({named})", visible(level)])
    found = (
        f"SELECT {inner}.id AS area, {level.own('id')} AS level, {level.own('ord')} AS ord FROM {level.from_clause()} "
        f"JOIN wangge.area {inner} ON {inner}.ord BETWEEN {level.own('ord')} AND {level.own('ord_end')} WHERE {where}"
    )
    return f"v{at}.level", f" LEFT JOIN ({found}) v{at} ON v{at}.area = x.g{at}"


def _measure(measure: Measure, at: int) -> str:
    """The aggregate function over the rows `x`."""
    if measure.function == "count":
        return "count(*)"
    if measure.function == "countDistinct":
        return f"count(DISTINCT x.m{at})"
    return f"{measure.function}(x.m{at})"


def having(
    build: Build, entity: str, part: Aggregate, measures: list[Measure], sql_of: Callable[[Measure, int], str]
) -> str:
    """The condition on groups; `sql_of` gives a measure and its number as SQL."""

    def met(found: Filter) -> str:
        if isinstance(found, Every):
            return all_of([met(item) for item in found.items])
        if isinstance(found, Some):
            return any_of([met(item) for item in found.items])
        if isinstance(found, Not):
            return negated(met(found.item))
        assert isinstance(found, Compare)
        return compared(found)

    def compared(found: Compare) -> str:
        measure = measure_of(found.field)
        made, type_ = sql_of(measure, measures.index(measure)), _type(build, entity, measure)
        if found.operator == "isNull":
            assert isinstance(found.operand, Given)
            return FALSE if found.operand.value is None else f"{made} IS {'' if found.operand.value else 'NOT '}NULL"
        if found.operator in ("ne", "notIn"):
            return negated(compared(Compare(found.field, "eq" if found.operator == "ne" else "in", found.operand)))
        if found.operator == "in":
            return f"{made} = ANY({build.binder.operand(found.operand, type_ + '[]')})"
        return f"{made} {COMPARED[found.operator]} {build.binder.operand(found.operand, type_)}"

    return met(part.having)


def _type(build: Build, entity: str, measure: Measure) -> str:
    """The PostgreSQL type that a measure is compared as."""
    if measure.function in COUNTS:
        return "bigint"
    if measure.function in ("sum", "avg"):
        return "numeric"
    return "timestamptz" if measure.field in SYSTEM else TYPES[build.catalog.field(entity, measure.field).kind]


def order(part: Aggregate, measures: list[Measure], keys: list[str], prefix: str = "") -> list[str]:
    """Groups as asked, then by their keys; areas in the order of their tree."""
    asked = []
    for one in part.order:
        by = keys[one.by] if isinstance(one.by, int) else f"{prefix}a{measures.index(one.by)}"
        asked.append(f"{by} DESC" if one.descending else by)
    return [*asked, *keys]


def _item(build: Build, part: Aggregate, measures: list[Measure], entity: str, item: AggregateItem) -> str:
    """One item of a group over `y`."""
    if isinstance(item, Constant):
        return cells.literal(item.value)
    if isinstance(item, KeyObject):
        return _key(build, part, entity, item)
    if isinstance(item, Measured):
        return _shown(build, entity, item.measure, f"y.a{measures.index(item.measure)}")
    return cells.json_object([(inner.key, _item(build, part, measures, entity, inner)) for inner in item.items])


def _shown(build: Build, entity: str, measure: Measure, column: str) -> str:
    """A measure on the wire: sums and means as decimal texts, the least and greatest value as the field itself."""
    if measure.function == "avg":
        return f"trim_scale(round({column}, 6))::text"
    if measure.function == "sum":
        return f"{column}::text"
    if measure.function in ("min", "max") and measure.field not in SYSTEM:
        field = build.catalog.field(entity, measure.field)
        if field.kind in ("decimal", "money") or (field.kind == "integer" and cells.is_big(field)):
            return f"{column}::text"
    return column


def _key(build: Build, part: Aggregate, entity: str, item: KeyItem) -> str:
    """One item of a group's key; without groupBy there is none."""
    if isinstance(item, Constant):
        return cells.literal(item.value)
    if isinstance(item, KeyCell):
        return f"y.g{item.term}"
    if isinstance(item, KeyLabel):
        return cells.label(_last(build, entity, part.terms[item.term].path), item.language, f"y.g{item.term}")
    if isinstance(item, KeyArea):
        area = source(build, AREA, None if item.whole else "list")
        shown = {"id": area.own("id"), "__typename": cells.text(item.type)}
        pairs = [(key, shown.get(what) or cells.cell(area, what)) for key, what in item.items]
        return cells.json_object(pairs, f"FROM {area.from_clause()} WHERE {area.own('id')} = y.g{item.term}")
    if not part.terms:
        return "NULL"
    return cells.json_object([(inner.key, _key(build, part, entity, inner)) for inner in item.items])


def _last(build: Build, entity: str, path: tuple[str, ...]) -> Field:
    """The field at the end of a path."""
    for name in path[:-1]:
        entity = build.catalog.field(entity, name).to[0]
    return build.catalog.field(entity, path[-1])
