"""Variables from a query string: each named once, or once for each item of a list, in the form of its type."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from graphql import (
    GraphQLEnumType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLType,
)

from ..errors import Invalid

MOST = 200
"""parameters of one request."""
PLAIN = {
    "Int": ("a whole number", int),
    "Float": ("a number", float),
    "Boolean": ("true or false", {"true": True, "false": False}.__getitem__),
    "JSON": ("JSON", msgspec.json.decode),
    "GeoJSON": ("JSON", msgspec.json.decode),
}
"""scalars that are no strings on the wire."""


def variables_of(text: str, types: Mapping[str, GraphQLType]) -> dict[str, Any]:
    """The variables of a query string. Raises Invalid for a parameter that the document has not, stands twice or is no value."""
    given: dict[str, list[str]] = {}
    for name, value in _pairs(text):
        given.setdefault(name, []).append(value)
    return {name: _variable(name, values, types) for name, values in given.items()}


def _pairs(text: str) -> Sequence[tuple[str, str]]:
    """The parameters in their order."""
    try:
        return urllib.parse.parse_qsl(text, keep_blank_values=True, max_num_fields=MOST, errors="strict")
    except ValueError:
        raise Invalid(
            "parameter.malformed", f"the query string is not valid: UTF-8, and at most {MOST} parameters"
        ) from None


def _variable(name: str, values: Sequence[str], types: Mapping[str, GraphQLType]) -> Any:
    """The value of one variable."""
    if name not in types:
        known = ", ".join(types) or "none"
        raise Invalid(
            "parameter.unknown", f'there is no parameter "{name}": this document has {known}', name=name, known=known
        )
    type_ = _bare(types[name])
    if isinstance(type_, GraphQLList):
        return [_value(name, value, _bare(type_.of_type)) for value in values]
    if len(values) > 1:
        raise Invalid(
            "parameter.twice", f'"{name}" stands {len(values)} times, and is no list: give it once', name=name
        )
    return _value(name, values[0], type_)


def _value(name: str, text: str, type_: GraphQLInputType) -> Any:
    """One value in the form of a type that is no list: text for scalars and enums, JSON for all else."""
    form, read = ("JSON", msgspec.json.decode)
    if isinstance(type_, GraphQLEnumType) or (isinstance(type_, GraphQLScalarType) and type_.name not in PLAIN):
        return text
    if isinstance(type_, GraphQLScalarType):
        form, read = PLAIN[type_.name]  # type: ignore[assignment] # each reads a text
    try:
        return read(text)
    except (KeyError, ValueError, RecursionError, msgspec.DecodeError):
        raise Invalid("parameter.wrong", f'"{name}" is not {form}', name=name, form=form) from None


def _bare(type_: Any) -> Any:
    """A type without its NonNull."""
    return type_.of_type if isinstance(type_, GraphQLNonNull) else type_
