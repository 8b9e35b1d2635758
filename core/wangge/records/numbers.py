"""Issued numbers: `{yyyyMMdd}{division6}{seq:5}`; never reused, not gapless (MODEL.md 1)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
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


async def issue_all(reader: Any, entity: str, field: Field, rows: Sequence[tuple[dt.datetime, str]]) -> list[str]:
    """The next numbers of a field for rows of (moment, code of the area), one range for each prefix.

    Inside a transaction they are given back when that fails; prefixes are taken in their order, so that writers never wait for
    each other in a circle.
    """
    groups: dict[tuple[str, int, str], list[int]] = {}
    for n, (now, area_code) in enumerate(rows):
        groups.setdefault(split(field.pattern or "{seq:1}", now, area_code), []).append(n)
    made = [""] * len(rows)
    for prefix, digits, suffix in sorted(groups):
        group = groups[prefix, digits, suffix]
        first = await reader.fetchval(ISSUE, entity, field.id, prefix + suffix, len(group))
        for place, n in enumerate(group):
            made[n] = f"{prefix}{first + place:0{digits}d}{suffix}"
    return made
