"""Inputs as callers send them (field id -> wire value) into Python values: what may be set, its form, defaults."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

import msgspec

from ..model.durations import SHANGHAI
from ..model.types import Field
from ..model.values_of_kinds import LIMITS, PARSERS, BadValue, parse_value
from .columns import is_stored
from .outcome import Fault

GIVEN = {"parent": (), "area": ("area",), "through": ("area",), "unit": ("unit",)}
"""scope kind -> what an input may name beside the fields."""
NOW, TODAY = object(), object()
"""Defaults that are the moment of the write."""
AHEAD = 86_400.0
"""seconds that a client's clock may be ahead: an id from further on would stand behind all that is still to come."""
Settable = Callable[[str], bool]


class Parsed(msgspec.Struct):
    """One input: values by field id, the area or unit that it names, its own id, and what is wrong with it."""

    values: dict[str, Any]
    given: dict[str, UUID]
    faults: list[Fault]
    id: UUID | None = None


def may_be_given(field: Field) -> bool:
    """Whether an input may hold the field at all: stored, not computed, not issued, not kept for an operation."""
    return is_stored(field) and not field.computed and field.written_by is None and field.kind != "number"


def parse_input(
    fields: Mapping[str, Field], scope_kind: str, wire: Mapping[str, Any], settable: Settable, now: dt.datetime
) -> Parsed:
    """Parse one input; a field that may not be set is answered like one that does not exist."""
    parsed = Parsed({}, {}, [])
    for name, value in wire.items():
        field = fields.get(name)
        try:
            if name in GIVEN.get(scope_kind, ()) and field is None:
                if value is not None:
                    parsed.given[name] = parse_id(value, name)
            elif name == "id" and field is None:
                parsed.id = parse_own_id(value, now)
            elif field is None or not may_be_given(field) or not settable(name):
                parsed.faults.append(Fault("field.not_settable", (name,), field=name))
            else:
                parsed.values[name] = parse_field(field, value, settable)
        except Fault as fault:
            parsed.faults.append(fault)
    return parsed


def parse_field(field: Field, value: Any, settable: Settable | None = None) -> Any:
    """The Python value of one field; None stays None. Raises Fault with the path inside the field."""
    if value is None:
        return None
    if field.kind == "list":
        return _parse_list(field, value, settable)
    if field.kind in ("ref", "file", "signature"):
        value = quick_id(value)
    try:
        return parse_value(field, value)
    except BadValue as bad:
        raise Fault(bad.code, (field.id, *getattr(bad, "path", ())), **bad.facts) from None


def reader_of(field: Field) -> Callable[[Any], Any]:
    """`parse_field` of one field that is no list, made once for many rows. Its function raises BadValue."""
    parse, check = PARSERS.get(field.kind), LIMITS.get(field.kind)
    if field.kind in ("ref", "file", "signature"):
        return lambda wire: None if wire is None else parse_value(field, quick_id(wire))
    if field.kind == "id_number" or parse is None:
        return lambda wire: None if wire is None else parse_value(field, wire)
    if check is None:
        return lambda wire: None if wire is None else parse(field, wire)

    def read(wire: Any) -> Any:
        if wire is None:
            return None
        value = parse(field, wire)
        check(field, value)
        return value

    return read


def _parse_list(field: Field, value: Any, settable: Settable | None) -> list[dict[str, Any]]:
    """The parts of a list, each field by field, with defaults and required fields."""
    if not isinstance(value, list):
        raise Fault("value.wrong_type", (field.id,), expected="list")
    inner = {part.id: part for part in field.fields}
    parts = []
    for n, item in enumerate(value):
        if not isinstance(item, Mapping):
            raise Fault("value.wrong_type", (field.id, n), expected="object")
        part: dict[str, Any] = {}
        for name, wire in item.items():
            known = inner.get(name)
            if known is None or (settable and not settable(f"{field.id}.{name}")):
                raise Fault("field.not_settable", (field.id, n, name), field=name)
            try:
                part[name] = parse_field(known, wire)
            except Fault as fault:
                raise Fault(fault.code, (field.id, n, *fault.path), **fault.facts) from None
        for known in field.fields:
            if part.get(known.id) is None and known.default is not None and known.id not in part:
                part[known.id] = parse_field(known, known.default)
            if known.required and part.get(known.id) is None:
                raise Fault("field.required", (field.id, n, known.id), field=known.id)
            part.setdefault(known.id, None)
        parts.append(part)
    return parts


def quick_id(value: Any) -> Any:
    """A text in the usual form of an id as UUID, ten times as fast as UUID itself; anything else as it is."""
    if type(value) is not str or len(value) != 36:
        return value
    try:
        return msgspec.convert(value, UUID)
    except msgspec.ValidationError:
        return value


def parse_id(value: Any, name: str) -> UUID:
    """An id. Raises Fault."""
    value = quick_id(value)
    try:
        return value if isinstance(value, UUID) else UUID(str(value))
    except ValueError:
        raise Fault("value.bad_id", (name,)) from None


def parse_own_id(value: Any, now: dt.datetime) -> UUID:
    """A client's own id: a uuidv7 in its usual form, of a clock that is at most a day ahead. Raises Fault `id.unusable`."""
    found = quick_id(value)
    if not isinstance(found, UUID) or found.version != 7 or (found.int >> 80) / 1000 > now.timestamp() + AHEAD:
        raise Fault("id.unusable", ("id",))
    return found


def defaults_of(fields: Iterable[Field]) -> tuple[tuple[str, Any], ...]:
    """(field id, value) of the fields with a default; `$now` as NOW or TODAY."""
    found: list[tuple[str, Any]] = []
    for field in fields:
        if field.default == "$now":
            found.append((field.id, TODAY if field.kind == "date" else NOW))
        elif field.default is not None and is_stored(field):
            found.append((field.id, parse_field(field, field.default)))
    return tuple(found)


def fill_defaults(defaults: Iterable[tuple[str, Any]], values: dict[str, Any], now: dt.datetime) -> None:
    """Set the defaults of fields that the input does not name."""
    for name, value in defaults:
        if name not in values:
            values[name] = now if value is NOW else now.astimezone(SHANGHAI).date() if value is TODAY else value


def coerce_patch(fields: Mapping[str, Field], patch: Mapping[str, Any]) -> dict[str, Any]:
    """What a hook sets, by field id; a text for a date, decimal or id is parsed as on the wire. Raises Fault."""
    made: dict[str, Any] = {}
    for name, value in patch.items():
        field = fields.get(name)
        if field is None or not is_stored(field):
            raise Fault("module.unknown_field", (name,), field=name)
        made[name] = parse_field(field, value) if isinstance(value, str | list) else value
    return made
