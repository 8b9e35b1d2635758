"""Issued numbers: `{yyyyMMdd}{division6}{seq:5}`; never reused, not gapless (MODEL.md 1)."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from ..model.durations import SHANGHAI
from ..model.types import Field

_PIECE = re.compile(r"\{([a-zA-Z]+[0-9]*)(?::([0-9]+))?\}")
DATES = {"yyyy": "%Y", "yyyyMM": "%Y%m", "yyyyMMdd": "%Y%m%d", "yy": "%y"}
ISSUE = "SELECT wangge.issue_numbers($1, $2, $3, $4)"


def split(pattern: str, now: dt.datetime, area_code: str) -> tuple[str, int, str]:
    """The pattern as (prefix, digits of the sequence, suffix) on a day, for an area.

    `{division6}` is the code of the area as shown on paper, its first six digits; zeros where there is none.
    """
    local = now.astimezone(SHANGHAI)
    digits = 1

    def fill(found: re.Match[str]) -> str:
        nonlocal digits
        name, length = found[1], found[2]
        if name == "seq":
            digits = int(length or 1)
            return "\0"
        if name.startswith("division"):
            size = int(name.removeprefix("division") or 6)
            return area_code[:size].ljust(size, "0")
        return local.strftime(DATES[name])

    prefix, _, suffix = _PIECE.sub(fill, pattern).partition("\0")
    return prefix, digits, suffix


async def issue(reader: Any, entity: str, field: Field, now: dt.datetime, area_code: str) -> str:
    """The next number of a field; inside a transaction it is given back when that fails."""
    prefix, digits, suffix = split(field.pattern or "{seq:1}", now, area_code)
    number = await reader.fetchval(ISSUE, entity, field.id, prefix + suffix, 1)
    return f"{prefix}{number:0{digits}d}{suffix}"
