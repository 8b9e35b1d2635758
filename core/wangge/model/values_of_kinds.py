"""Wire values of every field kind: parse one into its Python value, or say what is wrong with it.

Python values: text kinds str; integer, duration int; decimal, money Decimal; boolean bool; date `date` (a `PartialDate`
where the field keeps its precision); time `time`; datetime `datetime` with offset; codes list[str]; ref, file, signature
UUID; refs, files list[UUID]; photos list of {file, role}; point {lon, lat[, crs, accuracy]}; polygon GeoJSON; json any.
"""

from __future__ import annotations

import datetime as dt
import decimal
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from .types import Field

DEFAULT_TEXT = 500
LONGEST_JSON = 100_000
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CREDIT_LETTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
CREDIT_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
PHONE = re.compile(r"(?:\+86)?1[3-9]\d{9}|(?:0\d{2,3}-?)?[2-9]\d{6,7}(?:-\d{1,6})?|400\d{7}")
EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}")
CHINA = (73.0, 3.0, 136.0, 54.0)
"""west, south, east, north."""


class BadValue(ValueError):
    """A wire value that its field cannot hold: `code` is `value.*`, `facts` fill the sentence."""

    def __init__(self, code: str, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts


class PartialDate(dt.date):
    """A date that is known to the year or the month only: the first day of it, and `precision`."""

    precision: str

    @classmethod
    def of(cls, day: dt.date, precision: str) -> PartialDate:
        """A date with its precision: `day`, `month` or `year`."""
        made = cls(day.year, day.month, day.day)
        made.precision = precision
        return made


def parse_value(field: Field, wire: Any) -> Any:
    """The Python value of a wire value that is not null. Raises BadValue."""
    parser = PARSERS.get(field.kind)
    if parser is None:
        raise BadValue("value.not_stored", kind=field.kind)
    return parser(field, wire)


def _text(field: Field, wire: Any) -> str:
    """A text within its length and pattern, without control characters."""
    if not isinstance(wire, str):
        raise BadValue("value.wrong_type", expected="text")
    if CONTROL.search(wire) or any(0xD800 <= ord(c) <= 0xDFFF for c in wire):
        raise BadValue("value.control_character")
    if not field.multiline and ("\n" in wire or "\r" in wire):
        raise BadValue("value.line_break")
    longest = int(field.max) if field.max is not None else DEFAULT_TEXT
    if len(wire) > longest:
        raise BadValue("value.too_long", max=longest)
    if field.min is not None and len(wire) < int(field.min):
        raise BadValue("value.too_short", min=int(field.min))
    if field.pattern and field.kind == "text" and not re.fullmatch(field.pattern, wire):
        raise BadValue("value.pattern", pattern=field.pattern)
    return wire


def _matched(code: str, form: re.Pattern[str]) -> Callable[[Field, Any], str]:
    """A text of one form."""

    def parse(field: Field, wire: Any) -> str:
        value = _text(field, wire)
        if not form.fullmatch(value):
            raise BadValue(code)
        return value

    return parse


def _number(wire: Any) -> decimal.Decimal:
    """A finite decimal from a string or an integer."""
    if isinstance(wire, bool) or not isinstance(wire, str | int | float | decimal.Decimal):
        raise BadValue("value.wrong_type", expected="number")
    try:
        value = decimal.Decimal(str(wire))
    except decimal.InvalidOperation:
        raise BadValue("value.wrong_type", expected="number") from None
    if not value.is_finite() or len(value.as_tuple().digits) > 100 or abs(value.adjusted()) > 100:
        raise BadValue("value.out_of_range")
    return value


def _bounded(field: Field, value: Any) -> None:
    """min and max."""
    if field.min is not None and value < decimal.Decimal(str(field.min)):
        raise BadValue("value.too_small", min=str(field.min))
    if field.max is not None and value > decimal.Decimal(str(field.max)):
        raise BadValue("value.too_large", max=str(field.max))


def _integer(field: Field, wire: Any) -> int:
    """A whole number; a string where it may exceed 53 bits."""
    if (
        isinstance(wire, bool)
        or not isinstance(wire, int | str)
        or (isinstance(wire, str) and not re.fullmatch(r"-?\d{1,19}", wire))
    ):
        raise BadValue("value.wrong_type", expected="integer")
    value = int(wire)
    _bounded(field, value)
    low, high = (-(2**63), 2**63 - 1) if field.max is not None or field.min is not None else (-(2**31), 2**31 - 1)
    if not low <= value <= high:
        raise BadValue("value.out_of_range")
    return value


def _decimal(field: Field, wire: Any) -> decimal.Decimal:
    """A decimal number."""
    value = _number(wire)
    _bounded(field, value)
    return value


def _money(field: Field, wire: Any) -> decimal.Decimal:
    """An amount in yuan with at most two decimals."""
    value = _number(wire)
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -2 and value != value.quantize(decimal.Decimal("0.01")):
        raise BadValue("value.too_precise", decimals=2)
    if abs(value) >= decimal.Decimal(10) ** 16:
        raise BadValue("value.out_of_range")
    _bounded(field, value)
    return value


def _boolean(_: Field, wire: Any) -> bool:
    """true or false."""
    if not isinstance(wire, bool):
        raise BadValue("value.wrong_type", expected="boolean")
    return wire


def _date(field: Field, wire: Any) -> dt.date:
    """A day; a month or a year where the field keeps its precision."""
    if isinstance(wire, dt.date) and not isinstance(wire, dt.datetime):
        return wire
    if not isinstance(wire, str):
        raise BadValue("value.wrong_type", expected="date")
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", wire):
            day = dt.date.fromisoformat(wire)
            return PartialDate.of(day, "day") if field.precision else day
        if field.precision and re.fullmatch(r"\d{4}(-\d{2})?", wire):
            day = dt.date.fromisoformat(wire + ("-01-01" if len(wire) == 4 else "-01"))
            return PartialDate.of(day, "year" if len(wire) == 4 else "month")
    except ValueError:
        raise BadValue("value.no_such_date") from None
    raise BadValue("value.wrong_type", expected="date")


def _time(_: Field, wire: Any) -> dt.time:
    """A time of day without offset."""
    if isinstance(wire, str) and re.fullmatch(r"\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?", wire):
        try:
            return dt.time.fromisoformat(wire)
        except ValueError:
            pass
    raise BadValue("value.wrong_type", expected="time")


def _month(field: Field, wire: Any) -> str:
    """`2026-11`."""
    value = _text(field, wire)
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", value):
        raise BadValue("value.wrong_type", expected="month")
    return value


def _datetime(_: Field, wire: Any) -> dt.datetime:
    """RFC 3339 with an offset."""
    if isinstance(wire, dt.datetime) and wire.tzinfo is not None:
        return wire
    if isinstance(wire, str) and re.fullmatch(
        r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})", wire
    ):
        try:
            return dt.datetime.fromisoformat(wire)
        except ValueError:
            raise BadValue("value.no_such_date") from None
    raise BadValue("value.wrong_type", expected="datetime")


def _enum(field: Field, wire: Any) -> str:
    """One of the values in the file."""
    known = [v.value for v in field.values]
    if wire not in known:
        raise BadValue("value.not_a_choice", choices=", ".join(known))
    return str(wire)


def _code(field: Field, wire: Any) -> str:
    """A code; whether the table has it is asked where the rows are."""
    if not isinstance(wire, str) or not wire or len(wire) > 80 or CONTROL.search(wire):
        raise BadValue("value.wrong_type", expected="code")
    return wire


def _codes(field: Field, wire: Any) -> list[str]:
    """Codes, each once."""
    return list(dict.fromkeys(_code(field, item) for item in _items(wire)))


def _items(wire: Any) -> list[Any]:
    """A list of at most 1,000 items."""
    if not isinstance(wire, list | tuple):
        raise BadValue("value.wrong_type", expected="list")
    if len(wire) > 1000:
        raise BadValue("value.too_long", max=1000)
    return list(wire)


def _id(_: Field, wire: Any) -> UUID:
    """The id of a row."""
    if isinstance(wire, UUID):
        return wire
    try:
        return UUID(wire)
    except (ValueError, AttributeError, TypeError):
        raise BadValue("value.bad_id") from None


def _ref(field: Field, wire: Any) -> Any:
    """An id; `{id, entity}` where the field points to several entities."""
    if isinstance(wire, Mapping) and len(field.to) > 1:
        if wire.get("entity") not in field.to:
            raise BadValue("value.not_a_choice", choices=", ".join(field.to))
        return {"id": _id(field, wire.get("id")), "entity": wire["entity"]}
    return _id(field, wire)


def _ids(field: Field, wire: Any) -> list[UUID]:
    """Ids, each once."""
    return list(dict.fromkeys(_id(field, item) for item in _items(wire)))


def _photos(field: Field, wire: Any) -> list[dict[str, Any]]:
    """Files with their role."""
    found = []
    for item in _items(wire):
        given = item if isinstance(item, Mapping) else {"file": item}
        role = given.get("role")
        if role is not None and role not in field.roles:
            raise BadValue("value.not_a_choice", choices=", ".join(field.roles))
        found.append({"file": _id(field, given.get("file")), "role": role})
    return found


def _point(_: Field, wire: Any) -> dict[str, Any]:
    """Degrees inside China; (0, 0) and swapped axes are refused."""
    if not isinstance(wire, Mapping) or not all(_is_number(wire.get(axis)) for axis in ("lon", "lat")):
        raise BadValue("value.wrong_type", expected="point")
    lon, lat = float(wire["lon"]), float(wire["lat"])
    west, south, east, north = CHINA
    if not (west <= lon <= east and south <= lat <= north):
        swapped = west <= lat <= east and south <= lon <= north
        raise BadValue("value.point_swapped" if swapped else "value.point_outside")
    return {"lon": lon, "lat": lat, **{k: wire[k] for k in ("crs", "accuracy") if wire.get(k) is not None}}


def _is_number(value: Any) -> bool:
    """A finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9


def _polygon(_: Field, wire: Any) -> Any:
    """A GeoJSON Polygon or MultiPolygon of closed rings."""
    if not isinstance(wire, Mapping) or wire.get("type") not in ("Polygon", "MultiPolygon"):
        raise BadValue("value.wrong_type", expected="polygon")
    polygons = [wire.get("coordinates")] if wire["type"] == "Polygon" else wire.get("coordinates")
    try:
        rings = [ring for polygon in polygons for ring in polygon]  # type: ignore[union-attr] # checked by what it raises
        right = rings and all(
            len(r) >= 4 and list(r[0]) == list(r[-1]) and all(_is_number(x) for p in r for x in p) for r in rings
        )
    except TypeError:
        right = False
    if not right:
        raise BadValue("value.ring_not_closed")
    return dict(wire)


def _json(_: Field, wire: Any) -> Any:
    """Any JSON value of bounded size."""
    try:
        size = len(msgspec.json.encode(wire))
    except (TypeError, ValueError, RecursionError):
        raise BadValue("value.wrong_type", expected="json") from None
    if size > LONGEST_JSON:
        raise BadValue("value.too_long", max=LONGEST_JSON)
    return wire


def _id_number(field: Field, wire: Any) -> str:
    """A resident identity number, GB 11643: division, birth date, sequence, check character."""
    value = _text(field, wire).upper()
    if not re.fullmatch(r"[1-9]\d{16}[\dX]", value):
        raise BadValue("value.id_number")
    try:
        dt.datetime.strptime(value[6:14], "%Y%m%d")
    except ValueError:
        raise BadValue("value.id_number_date") from None
    if check_character(value) != value[17]:
        raise BadValue("value.id_number_check")
    return value


def check_character(number: str) -> str:
    """The check character of the first 17 digits of an identity number (GB 11643, ISO 7064 MOD 11-2)."""
    return "10X98765432"[sum(int(d) * w for d, w in zip(number[:17], WEIGHTS, strict=True)) % 11]


def _credit_code(field: Field, wire: Any) -> str:
    """A unified social credit code, GB 32100."""
    value = _text(field, wire).upper()
    if len(value) != 18 or any(c not in CREDIT_LETTERS for c in value):
        raise BadValue("value.credit_code")
    total = sum(CREDIT_LETTERS.index(c) * w for c, w in zip(value[:17], CREDIT_WEIGHTS, strict=True))
    if CREDIT_LETTERS[(31 - total % 31) % 31] != value[17]:
        raise BadValue("value.credit_code")
    return value


def _url(field: Field, wire: Any) -> str:
    """An http or https address."""
    value = _text(field, wire)
    try:
        parts = urlsplit(value)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and " " not in value
    except ValueError:
        right = False
    if not right:
        raise BadValue("value.url")
    return value


PARSERS: Mapping[str, Callable[[Field, Any], Any]] = {
    "text": _text,
    "integer": _integer,
    "duration": _integer,
    "decimal": _decimal,
    "money": _money,
    "boolean": _boolean,
    "date": _date,
    "time": _time,
    "month": _month,
    "datetime": _datetime,
    "enum": _enum,
    "code": _code,
    "codes": _codes,
    "ref": _ref,
    "refs": _ids,
    "file": _id,
    "signature": _id,
    "files": _ids,
    "photos": _photos,
    "point": _point,
    "polygon": _polygon,
    "json": _json,
    "phone": _matched("value.phone", PHONE),
    "email": _matched("value.email", EMAIL),
    "id_number": _id_number,
    "credit_code": _credit_code,
    "url": _url,
    "number": _text,
}
