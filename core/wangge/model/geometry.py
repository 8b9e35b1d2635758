"""Positions and areas on the wire: points `{lon, lat}` and GeoJSON polygons, inside the bounds of China."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

from .bad_value import BadValue

LON = (73.0, 136.0)
LAT = (3.0, 54.0)
SYSTEMS = ("WGS84", "CGCS2000", "GCJ02", "BD09")
"""crs: the system in which the device gave the position; stored positions are WGS-84 / CGCS2000."""
MOST_POINTS = 10_000


def parse_point(value: Any) -> dict[str, Any]:
    """`{lon, lat}` with `crs` and `accuracy` (metres) where they are known."""
    if not isinstance(value, Mapping) or set(value) - {"lon", "lat", "crs", "accuracy"}:
        raise BadValue("value.bad_point")
    lon, lat = _number(value.get("lon")), _number(value.get("lat"))
    if lon is None or lat is None:
        raise BadValue("value.bad_point")
    check_place(lon, lat)
    made: dict[str, Any] = {"lon": lon, "lat": lat}
    if value.get("crs") is not None:
        if value["crs"] not in SYSTEMS:
            raise BadValue("value.not_in_list", {"values": ", ".join(SYSTEMS)}, ("crs",))
        made["crs"] = value["crs"]
    if value.get("accuracy") is not None:
        accuracy = _number(value["accuracy"])
        if accuracy is None or not 0 <= accuracy <= 1_000_000:
            raise BadValue("value.too_small", {"min": 0}, ("accuracy",))
        made["accuracy"] = accuracy
    return made


def check_place(lon: float, lat: float) -> None:
    """Refuse what is not in China."""
    if lon == 0 and lat == 0:
        raise BadValue("value.null_point")
    if not _inside(lon, lat):
        raise BadValue("value.swapped_point" if _inside(lat, lon) else "value.outside_china")


def parse_polygon(value: Any) -> dict[str, Any]:
    """A GeoJSON Polygon or MultiPolygon of closed rings."""
    if not isinstance(value, Mapping) or value.get("type") not in ("Polygon", "MultiPolygon"):
        raise _polygon("the type is Polygon or MultiPolygon")
    if set(value) - {"type", "coordinates", "bbox"}:
        raise _polygon("it has type and coordinates only")
    parts = value.get("coordinates")
    if value["type"] == "Polygon":
        parts = [parts]
    if not isinstance(parts, list) or not parts:
        raise _polygon("it has no coordinates")
    made = [_rings(part) for part in parts]
    if sum(len(ring) for part in made for ring in part) > MOST_POINTS:
        raise BadValue("value.too_many", {"max": MOST_POINTS})
    return {"type": value["type"], "coordinates": made[0] if value["type"] == "Polygon" else made}


def _rings(part: Any) -> list[list[list[float]]]:
    """The rings of one polygon: the outer first, then holes."""
    if not isinstance(part, list | tuple) or not part:
        raise _polygon("a polygon is a list of rings")
    return [_ring(ring) for ring in part]


def _ring(ring: Any) -> list[list[float]]:
    """A closed ring of at least four positions with an area."""
    if not isinstance(ring, list | tuple) or len(ring) < 4:
        raise _polygon("a ring has at least four positions")
    made = []
    for position in ring:
        if not isinstance(position, list | tuple) or len(position) not in (2, 3):
            raise _polygon("a position is [lon, lat]")
        lon, lat = _number(position[0]), _number(position[1])
        if lon is None or lat is None:
            raise _polygon("a position is two numbers")
        check_place(lon, lat)
        made.append([lon, lat])
    if made[0] != made[-1]:
        raise _polygon("a ring ends where it begins")
    if abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in itertools.pairwise(made))) < 1e-14:
        raise _polygon("a ring has an area")
    return made


def _polygon(reason: str) -> BadValue:
    return BadValue("value.bad_polygon", {"reason": reason})


def _inside(lon: float, lat: float) -> bool:
    return LON[0] <= lon <= LON[1] and LAT[0] <= lat <= LAT[1]


def _number(value: Any) -> float | None:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
