"""The rows of a cube counted by area and dimensions, summed into all margins, and what of them may be shown."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID

import msgspec

from ..model.types import Dimension
from ..policy.scope import Shape
from ..sql.aggregates import bucket
from ..sql.catalog import Catalog
from ..sql.rows import Build, Source
from .lattice import Lattice
from .places import Places
from .suppression import SMALLEST, suppress
from .wanted import Wanted

MONTHS = {"YEAR": 12, "QUARTER": 3, "MONTH": 1}


class Row(msgspec.Struct, frozen=True):
    """Rows of one area with the same values: their number, and of each measure the sum and how many have a value."""

    area: UUID | None
    values: list[str | None]
    count: int
    measures: list[list[Decimal | None]]


class Counted(msgspec.Struct, frozen=True):
    """The cells that may be shown, as rows of `wangge.cube_cell`."""

    rows: int
    shown: list[dict[str, Any]]
    hidden: int
    direct: frozenset[int]
    """nodes of areas in which rows lie directly."""


def statement(catalog: Catalog, cube: Wanted) -> tuple[Any, ...]:
    """The statement that counts the rows, with its parameters."""
    build = Build(catalog, Shape("", catalog.model.version, (), {}, frozenset()))
    row = Source(build, cube.entity, None)
    values = ", ".join(f"({_value(row, one)})::text" for one in cube.dimensions)
    measures = ", ".join(
        f"ARRAY[sum({row.column(name)})::numeric, count({row.column(name)})::numeric]" for name in cube.measures
    )
    area = row.own("area_id") if catalog.model.root_scope(cube.entity).kind != "city" else "NULL::uuid"
    sql = (
        f"SELECT {area} AS area, ARRAY[{values}]::text[] AS found, count(*) AS n, ARRAY[{measures}]::numeric[] AS m "
        f"FROM {row.from_clause()} WHERE {row.own('removed_at')} IS NULL GROUP BY 1, 2"
    )
    text, bound = build.binder.finish(sql)
    return (text, *(value.take(None, []) for value in bound))


def _value(row: Source, one: Dimension) -> str:
    """The value of a dimension."""
    field = row.field(one.field)
    if one.unit in MONTHS:
        return bucket(row, field, row.column(one.field), one.unit)
    if one.unit == "BAND":
        edges = ", ".join(_number(n) for n in one.bands)
        return f"width_bucket({row.column(one.field)}::numeric, ARRAY[{edges}]::numeric[])"
    return row.column(one.field)


def bands(one: Dimension) -> list[str]:
    """The names of bands, from the lowest: `..50`, `50..90`, `90..`."""
    edges = ["", *(_number(n) for n in one.bands), ""]
    return [f"{low}..{high}" for low, high in pairwise(edges)]


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(Decimal(str(value)))


def domain(catalog: Catalog, cube: Wanted, n: int, rows: Sequence[Row], codes: Sequence[str]) -> list[str | None]:
    """The values of a dimension, whether rows have them or not, so that a group that is listed says nothing.

    Of dates those between the first and the last that at least ten rows of all areas have; others count as without one.
    """
    one, field = cube.dimensions[n], catalog.field(cube.entity, cube.dimensions[n].field)
    if one.unit == "BAND":
        return [*bands(one), None]
    if one.unit in MONTHS:
        return [*_dates(n, one.unit, rows), None]
    if field.kind == "boolean":
        return ["false", "true", None]
    known = [value.value for value in field.values] if field.kind == "enum" else list(codes)
    return [*known, *sorted({v for row in rows if (v := row.values[n]) is not None} - set(known)), None]


def _dates(n: int, unit: str, rows: Sequence[Row]) -> list[str]:
    """Every unit from the first to the last that is not small."""
    held: dict[int, int] = {}
    for row in rows:
        if (value := row.values[n]) is not None:
            held[_step(value, unit)] = held.get(_step(value, unit), 0) + row.count
    steps = [step for step, count in held.items() if count >= SMALLEST]
    return [_name(step, unit) for step in range(min(steps), max(steps) + 1)] if steps else []


def _step(value: str, unit: str) -> int:
    """The number of a year, quarter or month."""
    year, _, part = value.partition("-")
    return int(year) * (12 // MONTHS[unit]) + (int(part.removeprefix("Q")) - 1 if part else 0)


def _name(step: int, unit: str) -> str:
    year, part = divmod(step, 12 // MONTHS[unit])
    return {"YEAR": f"{year:04d}", "QUARTER": f"{year:04d}-Q{part + 1}", "MONTH": f"{year:04d}-{part + 1:02d}"}[unit]


def count(
    cube: Wanted,
    where: Places,
    domains: Sequence[Sequence[str | None]],
    rows: Sequence[Row],
    last: Collection[tuple[Any, ...]] | None = None,
) -> Counted:
    """Sum the rows into all margins and leave out what may not be shown; `last` are the cells that are shown now."""
    lattice = Lattice(where.parents, [len(values) for values in domains], cube.families)
    at = [{value: n for n, value in enumerate(values, 1)} for values in domains]
    base: dict[int, int] = {}
    sums: list[dict[int, Any]] = [{} for _ in cube.measures]
    numbers: list[dict[int, int]] = [{} for _ in cube.measures]
    for row in rows:
        values = {d: at[d].get(_named(cube.dimensions[d], value), at[d][None]) for d, value in enumerate(row.values)}
        cell = lattice.cell(where.leaf(row.area), values)
        base[cell] = base.get(cell, 0) + row.count
        for n, (total, known) in enumerate(row.measures):
            if known:
                sums[n][cell] = sums[n].get(cell, 0) + (total or 0)
                numbers[n][cell] = numbers[n].get(cell, 0) + int(known)
    counts = lattice.sums(base)
    before = [] if last is None else [c for c in counts if _place(cube, where, lattice, domains, c) not in last]
    hidden = suppress(lattice, counts, before=frozenset(before))
    shown = {cell: number for cell, number in counts.items() if cell not in hidden}
    measures = [_measured(lattice, counts, hidden, lattice.sums(n)) for n in numbers]
    totals = [lattice.sums(s) for s in sums]
    cells = []
    for cell, number in sorted(shown.items()):
        told = {
            name: [str(totals[n][cell]), measures[n][cell]]
            for n, name in enumerate(cube.measures)
            if cell in measures[n]
        }
        cells.append(_cell(cube, where, lattice, domains, cell) | {"count": number, "measures": told or None})
    direct = frozenset(node for node, alone in enumerate(where.direct) if alone and lattice.cell(node, {}) in counts)
    return Counted(sum(base.values()), cells, len(hidden), direct)


def _named(one: Dimension, value: str | None) -> str | None:
    """The name of a band; other values are themselves."""
    return bands(one)[int(value)] if one.unit == "BAND" and value is not None else value


def _measured(
    lattice: Lattice, counts: dict[int, int], hidden: frozenset[int], numbers: dict[int, int]
) -> dict[int, int]:
    """The cells whose sum may be shown: enough rows have the number, and not nearly all; the same protects it again."""
    small = [c for c in numbers if c in hidden or 0 < counts[c] - numbers[c] < SMALLEST]
    gone = suppress(lattice, numbers, small)
    return {cell: number for cell, number in numbers.items() if cell not in gone}


def _place(
    cube: Wanted, where: Places, lattice: Lattice, domains: Sequence[Sequence[str | None]], cell: int
) -> tuple[str, str, bool, tuple[str | None, ...]]:
    """Where a cell stands: its fields, its area, whether only what lies directly there, its values."""
    node = lattice.node(cell)
    values = [(d, lattice.value(cell, d)) for d in range(len(domains))]
    named = [(cube.dimensions[d].field, domains[d][value - 1]) for d, value in values if value]
    fields = ",".join(field for field, _ in named)
    return fields, str(where.ids[node]), where.direct[node], tuple(value for _, value in named)


def _cell(
    cube: Wanted, where: Places, lattice: Lattice, domains: Sequence[Sequence[str | None]], cell: int
) -> dict[str, Any]:
    """A cell without its numbers."""
    return dict(zip(("fields", "area", "direct", "key"), _place(cube, where, lattice, domains, cell), strict=True))
