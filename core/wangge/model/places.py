"""Points and polygons in degrees of CGCS2000/WGS-84: distance and containment, as the SQL compiler computes them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

EARTH_DIAMETER = 12742017.6


def metres_between(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """The great-circle distance of two points `{lon, lat}` in metres (haversine)."""
    lat1, lat2 = math.radians(float(one["lat"])), math.radians(float(other["lat"]))
    lon = math.radians(float(one["lon"]) - float(other["lon"]))
    half = math.sin((lat1 - lat2) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin(lon / 2) ** 2
    return EARTH_DIAMETER * math.asin(math.sqrt(min(1.0, half)))


def inside(point: Mapping[str, Any], polygon: Mapping[str, Any]) -> bool:
    """Whether a point lies in a GeoJSON Polygon or MultiPolygon, outside its holes (even-odd rule)."""
    x, y = float(point["lon"]), float(point["lat"])
    return any(sum(_in_ring(x, y, ring) for ring in rings) % 2 == 1 for rings in polygons(polygon))


def polygons(polygon: Mapping[str, Any]) -> list[Any]:
    """The polygons of a Polygon or MultiPolygon, each a list of rings, the outer one first."""
    parts: list[Any] = polygon["coordinates"]
    return parts if polygon.get("type") == "MultiPolygon" else [parts]


def _in_ring(x: float, y: float, positions: Sequence[Sequence[float]]) -> bool:
    """Whether a position lies in a closed ring."""
    ring = [(float(c[0]), float(c[1])) for c in positions]
    within = False
    for (x1, y1), (x2, y2) in zip(ring, ring[1:] + ring[:1], strict=True):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            within = not within
    return within
