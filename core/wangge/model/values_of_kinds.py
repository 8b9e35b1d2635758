"""Wire values into Python values, kind by kind: what a field takes, and why it refuses the rest.

Python values: text-like kinds str, integer and duration int, decimal and money Decimal, boolean bool, date date (a
PartialDate where the field has `precision`), time time, datetime an aware datetime, codes list[str], ref, file and signature
UUID (a reference to several entities `{entity, id}`), refs and files list[UUID], photos a list of `{role, file}`, point
`{lon, lat, crs?, accuracy?}`, polygon GeoJSON, json any JSON value, list a list of dicts.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID

from .bad_value import BadValue
from .geometry import parse_point, parse_polygon
from .identifiers import parse_credit_code, parse_email, parse_id_number, parse_phone, parse_url
from .moments import PartialDate, parse_date, parse_datetime, parse_month, parse_time
from .types import Field

__all__ = ["BadValue", "PartialDate", "check_value", "parse_form", "parse_value", "wire_of_text"]

TEXT_MAX = 500
URL_MAX = 2000
JSON_MAX = 65_536
MOST_ITEMS = 1000
INT32 = 2**31 - 1
INT64 = 2**63 - 1
CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,20})?")
_CONTROLS = "\x7f-\x9f\ud800-\udfff\u2028-\u202e\u2066-\u2069\ufeff"
_UNWANTED = re.compile(f"[\x00-\x08\x0b-\x1f{_CONTROLS}]")
_UNWANTED_IN_LINE = re.compile(f"[\x00-\x1f{_CONTROLS}]")


def parse_value(field: Field, wire: Any, *, reserved: bool = True) -> Any:
    """The Python value of a wire value that is not None. Raises BadValue.

    `reserved=False` refuses the id numbers of demonstration people, as a real deployment does.
    """
    if field.kind == "id_number":
        return parse_id_number(_text(wire).strip(), reserved=reserved)
    value = parse_form(field, wire)
    check = LIMITS.get(field.kind)
    if check is not None:
        check(field, value)
    return value


def parse_form(field: Field, wire: Any) -> Any:
    """The Python value of the kind, whatever the limits of the field: for conditions, which may compare with anything."""
    parse = PARSERS.get(field.kind)
    if parse is None:
        raise BadValue("value.issued")
    return parse(field, wire)


def check_value(field: Field, value: Any) -> str | None:
    """Why a wire value is none of the field, as an English sentence; None when it is right."""
    try:
        parse_value(field, value)
    except BadValue as bad:
        return str(bad)
    return None


def wire_of_text(field: Field, text: str) -> Any:
    """The wire value of a cell of a CSV file; None for an empty one."""
    if text == "":
        return None
    if field.kind == "boolean":
        return {"true": True, "false": False}.get(text.strip().lower(), text)
    if field.kind in ("codes", "refs", "files"):
        return [part.strip() for part in text.split(";")]
    if field.kind in ("point", "polygon", "json", "list", "photos"):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _text(wire: Any) -> str:
    """A text without characters that no text has."""
    if not isinstance(wire, str):
        raise BadValue("value.wrong_type", {"expected": "text"})
    return wire


def _clean(text: str, *, breaks: bool = False) -> str:
    """Refuse control characters, but for line breaks and tabs where they are wanted, and halves of surrogate pairs."""
    if found := (_UNWANTED if breaks else _UNWANTED_IN_LINE).search(text):
        raise BadValue("value.control_character", {"position": found.start() + 1})
    return text


def _parse_text(field: Field, wire: Any) -> str:
    text = _text(wire)
    if field.multiline:
        return _clean(text.replace("\r\n", "\n"), breaks=True)
    return _clean(text)


def _limit_text(field: Field, value: str) -> None:
    if not value.strip():
        raise BadValue("value.empty")
    most = int(field.max) if field.max is not None else URL_MAX if field.kind == "url" else TEXT_MAX
    if len(value) > most:
        raise BadValue("value.too_long", {"max": most, "length": len(value)})
    if field.pattern is not None and re.fullmatch(field.pattern, value) is None:
        raise BadValue("value.pattern", {"pattern": field.pattern})


def _parse_integer(field: Field, wire: Any) -> int:
    if isinstance(wire, str) and re.fullmatch(r"[+-]?[0-9]{1,19}", wire):
        wire = int(wire)
    if isinstance(wire, float) and math.isfinite(wire) and wire.is_integer():
        wire = int(wire)
    if isinstance(wire, bool) or not isinstance(wire, int):
        raise BadValue("value.wrong_type", {"expected": "a whole number"})
    if abs(wire) > INT64:
        raise BadValue("value.too_great", {"max": INT64})
    return wire


def _limit_integer(field: Field, value: int) -> None:
    least, most = field.min, field.max
    low = int(least) if least is not None else 0 if field.kind == "duration" else -INT32 - 1
    high = int(most) if most is not None else max(INT32, low)
    _between(value, min(low, high), high)


def _between(value: Any, least: Any, most: Any) -> None:
    """Within bounds, both inclusive; a bound of None does not bind."""
    if least is not None and value < least:
        raise BadValue("value.too_small", {"min": str(least)})
    if most is not None and value > most:
        raise BadValue("value.too_great", {"max": str(most)})


def _parse_decimal(field: Field, wire: Any) -> Decimal:
    if isinstance(wire, float):
        wire = format(Decimal(repr(wire)), "f") if math.isfinite(wire) else "NaN"
    elif isinstance(wire, Decimal):
        wire = format(wire, "f") if wire.is_finite() else "NaN"
    elif isinstance(wire, int) and not isinstance(wire, bool):
        wire = str(wire)
    if not isinstance(wire, str):
        raise BadValue("value.wrong_type", {"expected": "a decimal number as text"})
    if not _DECIMAL.fullmatch(wire):
        raise BadValue("value.not_a_number")
    return Decimal(wire)


def _limit_decimal(field: Field, value: Decimal) -> None:
    digits = 2 if field.kind == "money" else 10
    exponent = value.normalize().as_tuple().exponent
    if isinstance(exponent, int) and -exponent > digits:
        raise BadValue("value.too_precise", {"digits": digits})
    top = Decimal("9999999999999999.99") if field.kind == "money" else None
    _between(
        value,
        Decimal(str(field.min)) if field.min is not None else -top if top is not None else None,
        Decimal(str(field.max)) if field.max is not None else top,
    )


def _parse_boolean(field: Field, wire: Any) -> bool:
    if not isinstance(wire, bool):
        raise BadValue("value.wrong_type", {"expected": "true or false"})
    return wire


def _parse_enum(field: Field, wire: Any) -> str:
    if not isinstance(wire, str):
        raise BadValue("value.wrong_type", {"expected": "a value of the list"})
    for value in field.values:
        if value.value == wire:
            return wire
    raise BadValue("value.not_in_list", {"values": ", ".join(value.value for value in field.values)})


def _parse_code(field: Field, wire: Any) -> str:
    if not CODE.fullmatch(_text(wire)):
        raise BadValue("value.bad_code")
    return str(wire)


def _items(wire: Any, read: Callable[[Any], Any]) -> list[Any]:
    """The items of a list, none of them twice."""
    if not isinstance(wire, list | tuple):
        raise BadValue("value.wrong_type", {"expected": "a list"})
    if len(wire) > MOST_ITEMS:
        raise BadValue("value.too_many", {"max": MOST_ITEMS})
    found: list[Any] = []
    for n, item in enumerate(wire):
        try:
            made = read(item)
        except BadValue as bad:
            raise BadValue(bad.code, bad.facts, (n, *bad.path)) from None
        if made in found:
            raise BadValue("value.duplicate", {"value": item}, (n,))
        found.append(made)
    return found


def _parse_codes(field: Field, wire: Any) -> list[str]:
    return _items(wire, lambda item: _parse_code(field, item))


def _id(wire: Any) -> UUID:
    """A UUID in its usual form."""
    if isinstance(wire, UUID):
        return wire
    if not isinstance(wire, str) or len(wire) != 36:
        raise BadValue("value.bad_id")
    try:
        return UUID(wire)
    except ValueError:
        raise BadValue("value.bad_id") from None


def _parse_ref(field: Field, wire: Any) -> Any:
    """An id; of a reference to several entities `{entity, id}`."""
    if len(field.to) < 2:
        return _id(wire)
    if not isinstance(wire, Mapping) or set(wire) != {"entity", "id"}:
        raise BadValue("value.wrong_type", {"expected": "{entity, id}"})
    if wire["entity"] not in field.to:
        raise BadValue("value.bad_target", {"values": ", ".join(field.to)}, ("entity",))
    return {"entity": wire["entity"], "id": _id(wire["id"])}


def _parse_refs(field: Field, wire: Any) -> list[Any]:
    return _items(wire, lambda item: _parse_ref(field, item))


def _parse_ids(field: Field, wire: Any) -> list[UUID]:
    return _items(wire, _id)


def _parse_photos(field: Field, wire: Any) -> list[dict[str, Any]]:
    """Files with their roles; where the field has roles, each photo names one."""

    def read(item: Any) -> dict[str, Any]:
        made = item if isinstance(item, Mapping) else {"file": item}
        if set(made) - {"role", "file"} or "file" not in made:
            raise BadValue("value.wrong_type", {"expected": "{role, file}"})
        role = made.get("role")
        if role not in field.roles if field.roles else role is not None:
            raise BadValue("value.bad_role", {"values": ", ".join(field.roles) or "null"}, ("role",))
        return {"role": role, "file": _id(made["file"])}

    return _items(wire, read)


def _parse_json(field: Field, wire: Any) -> Any:
    try:
        text = json.dumps(wire, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise BadValue("value.wrong_type", {"expected": "a JSON value"}) from None
    if "\\u0000" in text or any(0xD800 <= ord(c) < 0xE000 for c in text):
        raise BadValue("value.control_character", {"position": 1})
    if len(text.encode()) > JSON_MAX:
        raise BadValue("value.too_large", {"max": JSON_MAX})
    return wire


def _parse_list(field: Field, wire: Any) -> list[dict[str, Any]]:
    """The parts, each field by field; a field that a part does not name gets its default."""
    if not isinstance(wire, list | tuple):
        raise BadValue("value.wrong_type", {"expected": "a list"})
    if len(wire) > MOST_ITEMS:
        raise BadValue("value.too_many", {"max": MOST_ITEMS})
    return [_part(field, item, n) for n, item in enumerate(wire)]


def _part(field: Field, item: Any, n: int) -> dict[str, Any]:
    """One part of a list."""
    inner = {part.id: part for part in field.fields}
    if not isinstance(item, Mapping) or set(item) - set(inner):
        raise BadValue("value.wrong_type", {"expected": "{" + ", ".join(inner) + "}"}, (n,))
    made: dict[str, Any] = {}
    for part in field.fields:
        given = item.get(part.id, part.default if part.id not in item else None)
        if given is None:
            if part.required:
                raise BadValue("field.required", {"field": part.id}, (n, part.id))
            continue
        try:
            made[part.id] = parse_value(part, given)
        except BadValue as bad:
            raise BadValue(bad.code, bad.facts, (n, part.id, *bad.path)) from None
    return made


PARSERS: Mapping[str, Callable[[Field, Any], Any]] = MappingProxyType(
    {
        "text": _parse_text,
        "url": lambda field, wire: parse_url(_clean(_text(wire).strip())),
        "email": lambda field, wire: parse_email(_text(wire).strip()),
        "phone": lambda field, wire: parse_phone(_text(wire)),
        "id_number": lambda field, wire: parse_id_number(_text(wire).strip()),
        "credit_code": lambda field, wire: parse_credit_code(_text(wire).strip()),
        "month": lambda field, wire: parse_month(wire),
        "integer": _parse_integer,
        "duration": _parse_integer,
        "decimal": _parse_decimal,
        "money": _parse_decimal,
        "boolean": _parse_boolean,
        "date": lambda field, wire: parse_date(wire, partial=field.precision),
        "time": lambda field, wire: parse_time(wire),
        "datetime": lambda field, wire: parse_datetime(wire),
        "enum": _parse_enum,
        "code": _parse_code,
        "codes": _parse_codes,
        "ref": _parse_ref,
        "refs": _parse_refs,
        "file": lambda field, wire: _id(wire),
        "signature": lambda field, wire: _id(wire),
        "files": _parse_ids,
        "photos": _parse_photos,
        "point": lambda field, wire: parse_point(wire),
        "polygon": lambda field, wire: parse_polygon(wire),
        "json": _parse_json,
        "list": _parse_list,
    }
)
"""kind -> parser; `number` and `children` are not here: the server issues the one, the other is an inverse."""
LIMITS: Mapping[str, Callable[[Field, Any], None]] = MappingProxyType(
    {
        "text": _limit_text,
        "url": _limit_text,
        "integer": _limit_integer,
        "duration": _limit_integer,
        "decimal": _limit_decimal,
        "money": _limit_decimal,
    }
)
"""kind -> check of min, max, pattern and length."""
