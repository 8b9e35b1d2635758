"""Wire values of cells (API.md 1) and masks (MODEL.md 1)."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from .filters import SHANGHAI
from .policy import CLEAR, MASKED
from .rows import Raw
from .schema import Field

ANY = object()
"""A value that an expression or a module makes: whether it is there is known, what it is is not."""
BUILDING = re.compile(r"^.*?(?:栋|幢|号楼|座|号|村|路|街)", re.DOTALL)


def cell(field: Field, row: Raw, level: int) -> Any:
    """What a caller with a level reads of a cell."""
    if level < MASKED:
        return None
    if field.sealed:
        return row[f"{field.column}_mask"]
    if level < CLEAR:
        return None if field.derived else masked(field, row[field.column])
    return ANY if field.derived else shown(field, row)


def shown(field: Field, row: Raw) -> Any:
    """A clear value as JSON has it."""
    value = row[field.column]
    if value is None:
        return None
    if field.kind in ("decimal", "money"):
        return format(value, "f")
    if field.kind == "integer" and field.big:
        return str(value)
    if field.kind == "date":
        precision = row[f"{field.column}_precision"] if field.precision else None
        return value.isoformat()[: {"year": 4, "month": 7}.get(precision or "", 10)]
    return moment(value) if isinstance(value, dt.datetime) else clock(value) if isinstance(value, dt.time) else value


def moment(value: dt.datetime) -> str:
    """RFC 3339 in +08:00, without zeros that say nothing."""
    text = value.astimezone(SHANGHAI).isoformat()
    return _short(text[:-6]) + text[-6:]


def clock(value: dt.time) -> str:
    """A time of day."""
    return _short(value.isoformat())


def _short(text: str) -> str:
    return text.rstrip("0") if "." in text else text


def masked(field: Field, value: Any) -> str | None:
    """A value that is not sealed, masked; a field without a mask shows nothing."""
    mask = field.mask
    if value is None or not mask:
        return None
    if mask.get("to") == "year":
        return str(value)[:4]
    if mask.get("to") == "month":
        return str(value)[:7]
    if mask.get("to") == "building":
        found = BUILDING.match(value)
        return found[0] + "***" if found else None
    first, last = int(mask.get("first", 0)), int(mask.get("last", 0))
    middle = len(value) - first - last
    if middle <= 0:
        return "*" * max(len(value), 1)
    return str(value[:first] + "*" * middle + value[len(value) - last :])


def label(field: Field, value: Any, codes: list[Raw], language: str) -> Any:
    """The label of a code, of codes, or of an enum value."""
    if value is None:
        return None
    if field.kind == "enum":
        return field.values[value][language] if value in field.values else None
    districts = sorted((c for c in codes if c["district"] is not None), key=lambda c: c["district"], reverse=True)
    known = {c["code"]: c[language] for c in (*districts, *(c for c in codes if c["district"] is None))}
    return [known.get(v) for v in value] if field.kind == "codes" else known.get(value)
