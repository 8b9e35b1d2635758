"""Bound parameters of one statement: equal ones are sent once; a constant never becomes part of the text."""

from __future__ import annotations

import datetime as dt
import decimal
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

from ..errors import Invalid
from ..model.filter import FromActor, FromNow, Given, Operand, Param
from .ast import Value

Convert = Callable[[Any], Any]
MARK = "\x01"
"""encloses the number of a parameter while the text is made: no constant can hold it."""
PLACE = re.compile(f"{MARK}(\\d+){MARK}")
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
}
"""kind -> PostgreSQL type of an operand; every other kind is text."""


def plain(value: Any) -> Any:
    """The value as it is."""
    return value


def _date(value: Any) -> Any:
    """A date; a year or a month is its first day, as it is stored."""
    return dt.date.fromisoformat(f"{value}-01-01"[:10]) if isinstance(value, str) else value


def _time(value: Any) -> Any:
    return dt.time.fromisoformat(value) if isinstance(value, str) else value


def _datetime(value: Any) -> Any:
    return dt.datetime.fromisoformat(value) if isinstance(value, str) else value


def _number(value: Any) -> Any:
    return value if value is None else decimal.Decimal(str(value))


def _integer(value: Any) -> Any:
    return int(value) if isinstance(value, str) else value


def _uuid(value: Any) -> Any:
    """A UUID; a text that is none is the id of nothing."""
    if not isinstance(value, str):
        return value
    try:
        return UUID(value)
    except ValueError:
        return None


def _text(value: Any) -> Any:
    """A text that PostgreSQL can hold."""
    if isinstance(value, str) and "\0" in value:
        raise Invalid("value.not_text", "a text cannot hold the character U+0000")
    return value


CONVERT: dict[str, Convert] = {
    "uuid": _uuid,
    "text": _text,
    "date": _date,
    "time": _time,
    "timestamptz": _datetime,
    "numeric": _number,
    "bigint": _integer,
    "integer": _integer,
}
"""PostgreSQL type -> what makes a wire value into what asyncpg takes."""


def listed(convert: Convert) -> Convert:
    """`convert` over the items of a list; null stays null."""
    return lambda value: None if value is None else [convert(item) for item in value]


class Binder:
    """Collects the parameters of one statement in the order of `$1`..."""

    def __init__(self) -> None:
        self.values: list[Value] = []
        self._types: list[str] = []
        self._known: dict[Any, int] = {}

    def bind(self, key: Any, name: str, take: Callable[[Any, list[Any]], Any], type_: str) -> str:
        """The placeholder of a value that `take(scope, params)` gives; the same key and type share one."""
        at = self._known.get((key, type_))
        if at is None:
            self.values.append(Value(name, take))
            self._types.append(type_)
            at = self._known[(key, type_)] = len(self.values)
        return f"{MARK}{at}{MARK}::{type_}"

    def finish(self, sql: str) -> tuple[str, tuple[Value, ...]]:
        """The text with `$1`... in the order of use, and the values that it does use: simplifying may have dropped some."""
        text, used = _numbered(sql, "$")
        return text, tuple(self.values[at - 1] for at in used)

    def spread(self, sql: str, prefix: str) -> tuple[str, tuple[Value, ...], tuple[str, ...]]:
        """The text with `<prefix>1`... where parameters stand, their values, and their PostgreSQL types.

        One statement then serves many callers at once: each is a row of a table that has these columns.
        """
        text, used = _numbered(sql, prefix)
        return text, tuple(self.values[at - 1] for at in used), tuple(self._types[at - 1] for at in used)

    def operand(self, operand: Operand, type_: str, convert: Convert | None = None, *, whole: bool = False) -> str:
        """The SQL of an operand of a comparison, cast to `type_` (`uuid`, `date`, `text[]`, ...).

        `convert` takes one item of a list, or the `whole` operand.

        FromArea and per-post values are handled where the grant is compiled, not here.
        """
        base = type_.removesuffix("[]")
        one = convert or CONVERT.get(base, plain)
        made = listed(one) if type_.endswith("[]") and not whole else one
        if isinstance(operand, Param):
            index = operand.index
            return self.bind(("param", index, id(convert)), f"p{index}", lambda _, p: made(p[index]), type_)
        if isinstance(operand, Given):
            value = made(operand.value)
            return self.bind(("given", repr(value)), "given", lambda _s, _p: value, type_)
        if isinstance(operand, FromActor):
            name = operand.name
            return self.bind(("actor", name), f"actor.{name}", lambda s, _: actor_value(s, name), type_)
        if isinstance(operand, FromNow):
            return now(operand, base)
        raise TypeError(f"{type(operand).__name__} has no value in a statement")


def _numbered(sql: str, prefix: str) -> tuple[str, list[int]]:
    """The text with the parameters numbered in the order of use, and which these are."""
    used: list[int] = []

    def number(found: re.Match[str]) -> str:
        at = int(found[1])
        if at not in used:
            used.append(at)
        return f"{prefix}{used.index(at) + 1}"

    return PLACE.sub(number, sql), used


def now(operand: FromNow, type_: str) -> str:
    """The database's time, moved by an ISO 8601 duration, as a date or timestamp."""
    moved = "now()"
    if operand.offset:
        sign, text = ("-", operand.offset[1:]) if operand.offset.startswith("-") else ("+", operand.offset)
        moved = f"(now() {sign} interval '{_duration(text)}')"
    return f"{moved}::{type_}"


def _duration(text: str) -> str:
    """An ISO 8601 duration that holds nothing but its letters and digits."""
    if not text.startswith("P") or not text.isalnum():
        raise ValueError(f"not an ISO 8601 duration: {text}")
    return text


def actor_value(scope: Any, name: str) -> Any:
    """A value of `$actor` in a scope."""
    actor = scope.actor
    if name == "account":
        return actor.account
    if name == "person":
        return actor.person
    if name == "units":
        return sorted({u for slot in scope.slots for p in slot.posts for u in p.units})
    if name == "areas":
        return sorted({p.area for slot in scope.slots for p in slot.posts})
    raise KeyError(name)
