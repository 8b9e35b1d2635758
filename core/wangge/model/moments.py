"""Dates, times and months on the wire, and dates that are known to the month or year only."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, Literal, Self

from .bad_value import BadValue

Precision = Literal["year", "month", "day"]
YEARS = range(1000, 3000)
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_PARTIAL = re.compile(r"([0-9]{4})(?:-([0-9]{2}))?")
_TIME = re.compile(r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?")
_DATETIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)


class PartialDate(dt.date):
    """A date of which only the year or the month is known; it stands on the first day."""

    precision: Precision

    @classmethod
    def of(cls, day: dt.date, precision: str) -> Self:
        """The date with its precision."""
        made = cls(day.year, day.month, day.day)
        made.precision = precision  # type: ignore[assignment] # a column's text
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return PartialDate.of, (dt.date(self.year, self.month, self.day), self.precision)


def parse_date(value: Any, *, partial: bool = False) -> dt.date:
    """`2026-11-23`; with `partial` also `2026-11` and `2026`, and always a PartialDate."""
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value if isinstance(value, PartialDate) or not partial else PartialDate.of(value, "day")
    form = "2026-11-23, 2026-11 or 2026" if partial else "2026-11-23"
    if not isinstance(value, str):
        raise BadValue("value.bad_date", {"form": form})
    try:
        if partial and (found := _PARTIAL.fullmatch(value)):
            year, month = found.groups()
            day = _of_years(dt.date(int(year), int(month or 1), 1))
            return PartialDate.of(day, "month" if month else "year")
        if not _DATE.fullmatch(value):
            raise ValueError
        day = _of_years(dt.date.fromisoformat(value))
    except ValueError:
        raise BadValue("value.bad_date", {"form": form}) from None
    return PartialDate.of(day, "day") if partial else day


def _of_years(day: dt.date) -> dt.date:
    """The date, if it lies in years that people write; raises ValueError."""
    if day.year not in YEARS:
        raise ValueError
    return day


def parse_month(value: Any) -> str:
    """`2026-11`, kept as text."""
    if not isinstance(value, str) or not re.fullmatch(r"[1-2][0-9]{3}-(0[1-9]|1[0-2])", value):
        raise BadValue("value.bad_month")
    return value


def parse_time(value: Any) -> dt.time:
    """`08:30` or `08:30:00`, without offset."""
    if isinstance(value, dt.time) and value.tzinfo is None:
        return value
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise BadValue("value.bad_time")
    try:
        return dt.time.fromisoformat(value)
    except ValueError:
        raise BadValue("value.bad_time") from None


def parse_datetime(value: Any) -> dt.datetime:
    """RFC 3339 with an offset; a time without one is refused."""
    if isinstance(value, str):
        found = _DATETIME.fullmatch(value)
        if not found:
            raise BadValue("value.bad_datetime")
        if found[3] is None:
            raise BadValue("value.no_offset")
        try:
            value = dt.datetime.fromisoformat(value.upper())
        except ValueError:
            raise BadValue("value.bad_datetime") from None
    if not isinstance(value, dt.datetime):
        raise BadValue("value.bad_datetime")
    if value.tzinfo is None:
        raise BadValue("value.no_offset")
    if value.year not in YEARS:
        raise BadValue("value.bad_datetime")
    return value
