"""A field's values as columns and back: what model/types.py says of storage, over JSON records that PostgreSQL types.

Writes hand rows to PostgreSQL as one JSON text (`json_to_recordset`): one row and ten thousand are one statement.
"""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import msgspec

from ..model import names
from ..model.pinyin import spelt
from ..model.specs import spelt_columns
from ..model.types import Field
from ..model.values_of_kinds import PartialDate
from .sealing import Sealer

SIDE_KINDS = frozenset(("list", "refs", "files", "photos"))
TYPES = {
    "integer": "bigint",
    "duration": "bigint",
    "decimal": "numeric",
    "money": "numeric",
    "boolean": "boolean",
    "date": "date",
    "time": "time",
    "datetime": "timestamptz",
    "ref": "uuid",
    "file": "uuid",
    "signature": "uuid",
    "codes": "text[]",
    "json": "jsonb",
}
"""kind -> PostgreSQL type of its only column; every other kind is text."""
POINT = (
    ("_lon", "double precision"),
    ("_lat", "double precision"),
    ("_crs", "text"),
    ("_accuracy", "double precision"),
)
SEALED = (("_enc", "bytea"), ("_hash", "bytea"), ("_mask", "text"))


def is_stored(field: Field) -> bool:
    """Whether the field has columns or a table of its own: not the inverse of a reference, not an expression."""
    return field.kind != "children" and field.expression is None and field.inputs is None


def columns_of(field: Field) -> tuple[tuple[str, str], ...]:
    """(column, PostgreSQL type) of a field in its row's table; () for what has a table of its own."""
    stem = names.column(field)
    if not is_stored(field) or field.kind in SIDE_KINDS:
        return ()
    if field.sealed:
        return tuple((stem + suffix, type_) for suffix, type_ in SEALED)
    if field.kind == "point":
        return tuple((stem + suffix, type_) for suffix, type_ in POINT)
    if field.kind == "polygon":
        return ((stem, "jsonb"), (f"{stem}_box", "box"))
    own = (stem, TYPES.get(field.kind, "text"))
    if field.kind == "date" and field.precision:
        return (own, (f"{stem}_precision", "text"))
    if field.kind == "ref" and len(field.to) > 1:
        return (own, (f"{stem}_entity", "text"))
    return (own, *((name, "text") for name in spelt_columns(field)))


Put = Callable[[dict[str, Any], Any, UUID], None]
"""Puts a value that is there into a record: (record, value, id of the row)."""


def encoder(field: Field, sealer: Sealer, prefix: str = "") -> Put:
    """What puts values of one field into records (column -> JSON value); `prefix` is `<list>.` for a field of a part."""
    stem = names.column(field)
    if field.sealed:
        return lambda record, value, row: record.update(sealer.seal(field, value, row, prefix))
    if field.kind == "point":
        return lambda record, value, _: record.update(_point_columns(stem, value))
    if field.kind == "polygon":
        return lambda record, value, _: record.update({stem: value, f"{stem}_box": _box(value)})
    if field.kind == "ref" and len(field.to) > 1:
        return lambda record, value, _: record.update(
            {stem: _ref(value), f"{stem}_entity": value["entity"] if isinstance(value, Mapping) else None}
        )
    if field.kind == "date" and field.precision:
        return lambda record, value, _: record.update(
            {stem: value.isoformat(), f"{stem}_precision": getattr(value, "precision", "day")}
        )

    if field.pinyin:
        return lambda record, value, _: record.update({stem: value, **spelt(value).columns(stem)})

    def put(record: dict[str, Any], value: Any, _: UUID) -> None:
        record[stem] = value

    return put


def _point_columns(stem: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a point."""
    return {
        f"{stem}_lon": value["lon"],
        f"{stem}_lat": value["lat"],
        f"{stem}_crs": value.get("crs"),
        f"{stem}_accuracy": value.get("accuracy"),
    }


def _ref(value: Any) -> Any:
    """The id of a reference that may be given with its entity."""
    return value["id"] if isinstance(value, Mapping) else value


def _box(polygon: Mapping[str, Any]) -> str:
    """The bounding box of a GeoJSON polygon as PostgreSQL writes one."""
    ring = [point for ring in polygon["coordinates"] for point in ring]
    if polygon.get("type") == "MultiPolygon":
        ring = [point for part in polygon["coordinates"] for inner in part for point in inner]
    lons, lats = [float(p[0]) for p in ring], [float(p[1]) for p in ring]
    return f"({max(lons)},{max(lats)}),({min(lons)},{min(lats)})"


def decode(field: Field, stored: Mapping[str, Any], sealer: Sealer, row: UUID, prefix: str = "") -> Any:
    """The Python value of a field from its columns as PostgreSQL's JSON gives them; None when absent."""
    stem = names.column(field)
    if field.sealed:
        return sealer.open(field, stored.get(f"{stem}_enc"), row, prefix)
    if field.kind == "point":
        return _point(stem, stored)
    value = stored.get(stem)
    if value is None:
        return None
    if field.kind == "ref" and len(field.to) > 1:
        return {"id": UUID(value), "entity": stored.get(f"{stem}_entity")}
    if field.kind in ("json", "polygon"):
        return plain_numbers(value)
    if field.kind == "date" and field.precision:
        return PartialDate.of(dt.date.fromisoformat(value), stored.get(f"{stem}_precision") or "day")
    return _typed(field.kind, value)


def _typed(kind: str, value: Any) -> Any:
    """A JSON value as the Python type of its kind."""
    if kind in ("ref", "file", "signature"):
        return UUID(value)
    if kind in ("decimal", "money"):
        return decimal.Decimal(str(value))
    if kind == "date":
        return dt.date.fromisoformat(value)
    if kind == "time":
        return dt.time.fromisoformat(value)
    if kind == "datetime":
        return dt.datetime.fromisoformat(value)
    return int(value) if kind in ("integer", "duration") else value


def _point(stem: str, stored: Mapping[str, Any]) -> dict[str, Any] | None:
    """`{lon, lat}`, with crs and accuracy when they are known."""
    if stored.get(f"{stem}_lon") is None:
        return None
    point = {"lon": float(stored[f"{stem}_lon"]), "lat": float(stored[f"{stem}_lat"])}
    if stored.get(f"{stem}_crs") is not None:
        point["crs"] = stored[f"{stem}_crs"]
    if stored.get(f"{stem}_accuracy") is not None:
        point["accuracy"] = float(stored[f"{stem}_accuracy"])
    return point


def json_text(value: Any) -> bytes:
    """Values by field id as wire JSON: decimals as text, partial dates as far as they are known."""
    return WIRE.encode(value)


def _partial(value: Any) -> str:
    """A partial date on the wire; msgspec asks for what it does not know."""
    if isinstance(value, PartialDate):
        return value.isoformat()[: {"year": 4, "month": 7}.get(value.precision, 10)]
    raise TypeError(f"{type(value).__name__} has no JSON form")


WIRE = msgspec.json.Encoder(enc_hook=_partial)
SORTED = msgspec.json.Encoder(enc_hook=_partial, order="deterministic")
"""The same bytes for the same input, in whatever order its fields came."""
STORED = msgspec.json.Encoder(decimal_format="number")
"""What came out of the database's JSON, back into JSON."""


def plain_numbers(value: Any) -> Any:
    """A JSON value with floats where the exact reader made decimals."""
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, dict):
        return {key: plain_numbers(item) for key, item in value.items()}
    return [plain_numbers(item) for item in value] if isinstance(value, list) else value
