"""Points and polygons in degrees of CGCS2000/WGS-84: distance and containment, as the SQL compiler computes them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

EARTH_DIAMETER = 12742017.6


def metres_between(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """The great-circle distance of two points `{lon, lat}` in metres (haversine)."""
    lat1, lat2 = math.radians(float(one["lat"])), math.radians(float(other["lat"]))
    lon = math.radians(float(one["lon"]) - float(other["lon"]))
    half = math.sin((lat1 - lat2) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin(lon / 2) ** 2
    return EARTH_DIAMETER * math.asin(math.sqrt(min(1.0, half)))


def inside(point: Mapping[str, Any], polygon: Mapping[str, Any]) -> bool:
    """Whether a point lies in the outer ring of a GeoJSON polygon (even-odd rule)."""
    x, y = float(point["lon"]), float(point["lat"])
    ring = [(float(c[0]), float(c[1])) for c in polygon["coordinates"][0]]
    within = False
    for (x1, y1), (x2, y2) in zip(ring, ring[1:] + ring[:1], strict=True):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            within = not within
    return within
