"""ISO 8601 durations (`P14Y`, `-P30D`, `PT24H`) as calendar arithmetic in Asia/Shanghai."""

from __future__ import annotations

import calendar
import datetime as dt
import re

SHANGHAI = dt.timezone(dt.timedelta(hours=8))
"""Asia/Shanghai has had no other offset since 1991."""
_FORM = re.compile(
    r"(?P<sign>[+-]?)P(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?"
)


def shift(moment: dt.datetime, duration: str) -> dt.datetime:
    """The moment moved by a duration; a day that a month lacks becomes its last. Raises ValueError for another form."""
    found = _FORM.fullmatch(duration)
    if found is None or duration.lstrip("+-") in ("P", "PT"):
        raise ValueError(f'"{duration}" is no ISO 8601 duration: write it like P30D, PT24H, -P14Y')
    part = {name: int(text) for name, text in found.groupdict().items() if name != "sign" and text}
    sign = -1 if found["sign"] == "-" else 1
    local = moment.astimezone(SHANGHAI)
    months = local.year * 12 + local.month - 1 + sign * (part.pop("years", 0) * 12 + part.pop("months", 0))
    year, month = divmod(months, 12)
    day = min(local.day, calendar.monthrange(year, month + 1)[1])
    return local.replace(year=year, month=month + 1, day=day) + sign * dt.timedelta(**part)
