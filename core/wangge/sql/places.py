"""The operands of `near` and `within`, as PostgreSQL's own geometric types take them; a null operand stays null."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import Invalid
from ..model.bad_value import BadValue
from ..model.geometry import parse_polygon
from ..model.places import polygons


def lon(value: Any) -> float | None:
    """The longitude of `near`."""
    return None if value is None else float(value["point"]["lon"])


def lat(value: Any) -> float | None:
    """The latitude of `near`."""
    return None if value is None else float(value["point"]["lat"])


def metres(value: Any) -> float | None:
    """The distance of `near`."""
    return None if value is None else float(value["metres"])


def _parts(value: Any) -> list[Any]:
    """The polygons of a GeoJSON operand, each a list of rings; raises Invalid."""
    try:
        return polygons(parse_polygon(value))
    except BadValue as bad:
        raise Invalid("filter.bad_polygon", "within takes a GeoJSON Polygon or MultiPolygon of closed rings") from bad


def outer_rings(value: Any) -> list[str] | None:
    """The outer ring of every polygon."""
    return None if value is None else [_ring(rings[0]) for rings in _parts(value)]


def holes(value: Any) -> list[str] | None:
    """The holes of all polygons."""
    return None if value is None else [_ring(hole) for rings in _parts(value) for hole in rings[1:]]


def holes_of(value: Any) -> list[int] | None:
    """For each of `holes` the number of its polygon, counted from 1."""
    return None if value is None else [at for at, rings in enumerate(_parts(value), 1) for _ in rings[1:]]


def box(value: Any) -> str | None:
    """What encloses all of it: an index of points serves this."""
    if value is None:
        return None
    positions = [position for rings in _parts(value) for position in rings[0]]
    xs, ys = [x for x, _ in positions], [y for _, y in positions]
    return f"({min(xs)!r},{min(ys)!r}),({max(xs)!r},{max(ys)!r})"


def _ring(positions: Sequence[Sequence[float]]) -> str:
    """A ring as the text of a `polygon`."""
    return "(" + ",".join(f"({x!r},{y!r})" for x, y in positions) + ")"
