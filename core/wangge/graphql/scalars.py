"""The wire types: what GraphQL's own scalars cannot say (API.md 1). Values are checked here, converted where they are bound."""

from __future__ import annotations

import datetime as dt
import decimal
import re
from collections.abc import Callable
from typing import Any

from graphql import GraphQLError, GraphQLScalarType

DATE = re.compile(r"[0-9]{4}(-[0-9]{2}){0,2}")


def _text(name: str, check: Callable[[str], Any]) -> Callable[[Any], Any]:
    """A parser of a scalar that is a text on the wire."""

    def parse(value: Any) -> Any:
        if not isinstance(value, str):
            raise GraphQLError(f"{name} is a string on the wire")
        try:
            check(value)
        except (ValueError, ArithmeticError):
            raise GraphQLError(f"not a valid {name}: see its description") from None
        return value

    return parse


def _decimal(value: str) -> None:
    """A finite decimal number of at most 1,000 digits."""
    if not decimal.Decimal(value).is_finite() or len(value) > 1000:
        raise ValueError


def _datetime(value: str) -> None:
    """RFC 3339 with an offset."""
    if dt.datetime.fromisoformat(value).tzinfo is None:
        raise ValueError


def _date(value: str) -> None:
    """A day, or, where a field keeps its precision, a month or a year."""
    if not DATE.fullmatch(value):
        raise ValueError
    dt.date.fromisoformat(f"{value}-01-01"[:10])


def _bigint(value: str) -> None:
    """A signed integer of 64 bits."""
    if not -(2**63) <= int(value) < 2**63:
        raise ValueError


def _scalar(name: str, description: str, check: Callable[[str], Any]) -> GraphQLScalarType:
    """A scalar that is a checked text."""
    return GraphQLScalarType(name, parse_value=_text(name, check), description=description)


def scalars() -> dict[str, GraphQLScalarType]:
    """The scalars of one schema, by name."""
    made = [
        _scalar("Decimal", 'A decimal number as a string: `"12.50"`.', _decimal),
        _scalar("BigInt", "A 64-bit integer as a string.", _bigint),
        _scalar("Date", 'A day `"2026-11-23"`; `"2026-11"` or `"2026"` where a field keeps its precision.', _date),
        _scalar("Time", 'A time of day `"08:30:00"`.', dt.time.fromisoformat),
        _scalar("DateTime", 'A moment, RFC 3339 with an offset: `"2026-11-23T08:30:00+08:00"`.', _datetime),
        GraphQLScalarType("JSON", description="Any JSON value."),
        GraphQLScalarType("GeoJSON", description="A GeoJSON geometry, WGS-84 degrees."),
    ]
    return {scalar.name: scalar for scalar in made}
