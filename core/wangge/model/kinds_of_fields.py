"""What only some kinds of fields have: bounds, patterns, values, targets, numbers."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from ..values import Label
from .reader import Reader
from .types import EnumValue
from .words import ENUM_VALUE, LOCAL_NAME
from .yaml import Node


def read_kind(reader: Reader, values: dict[str, Any], kind: str, module: str) -> None:
    """What only some kinds have."""
    if kind in ("integer", "duration", "decimal", "money"):
        _read_bounds(reader, values, kind)
    elif kind in ("text", "url"):
        _read_text(reader, values)
    elif kind == "enum":
        values["values"] = _enum_values(reader)
    elif kind in ("code", "codes"):
        table = reader.text("table", required=True)
        values["table"] = table if "." in table or not table else f"{module}.{table}"
    elif kind in ("ref", "refs", "children"):
        _read_target(reader, values, kind)
    elif kind == "photos":
        values["roles"] = _photo_roles(reader)
        values["max_age"] = reader.duration("max_age") or None
    elif kind == "number":
        values["pattern"] = _number_pattern(reader)
    elif kind == "date":
        values["precision"] = reader.flag("precision")


def _photo_roles(reader: Reader) -> tuple[str, ...]:
    """What photos are of: small letters, each once."""
    roles = reader.texts("roles") if reader.has("roles") else ()
    for n, role in enumerate(roles):
        if not re.fullmatch(LOCAL_NAME, role) or role in roles[:n]:
            text = f'"{role}" is no role of photos, or stands twice: small letters, like near, far, before, after'
            reader.wrong("photo_role", text, reader.line_of("roles"))
    return roles


def _read_bounds(reader: Reader, values: dict[str, Any], kind: str) -> None:
    """min and max: integers, or decimals as text."""
    bounds: dict[str, Decimal] = {}
    for key in ("min", "max"):
        node = reader.items.get(key)
        if node is None:
            continue
        try:
            quoted = kind in ("integer", "duration") and isinstance(node.value, str)
            bounds[key] = Decimal("x" if quoted or isinstance(node.value, bool) else str(node.raw))
            if not bounds[key].is_finite() or (kind in ("integer", "duration") and bounds[key] != int(bounds[key])):
                raise InvalidOperation
        except (InvalidOperation, ValueError):
            what = "a whole number without quotes" if kind in ("integer", "duration") else "a number"
            reader.wrong("type", f'"{key}" of {reader.what} is {what}, not "{node.raw}"', reader.line_of(key))
            bounds.pop(key, None)
            continue
        if abs(bounds[key]) > 2**63 - 1:
            reader.wrong(
                "bounds",
                f'"{key}" of {reader.what} does not fit into 64 bits: choose a nearer bound',
                reader.line_of(key),
            )
            bounds.pop(key)
            continue
        values[key] = int(bounds[key]) if kind in ("integer", "duration") else format(bounds[key], "f")
    if len(bounds) == 2 and bounds["min"] > bounds["max"]:
        reader.wrong("bounds", f"min of {reader.what} is above max: swap them", reader.line_of("min"))
    if reader.has("unit"):
        values["unit"] = reader.text("unit", required=True)


def _read_text(reader: Reader, values: dict[str, Any]) -> None:
    """Length, form, lines, pinyin."""
    most = reader.get("max", int)
    if most is not None and not 1 <= most <= 100_000:
        reader.wrong("bounds", f"max of {reader.what} is a length of 1 to 100000 characters", reader.line_of("max"))
        most = None
    values["max"] = most
    values["multiline"] = reader.flag("multiline")
    values["pinyin"] = reader.flag("pinyin")
    pattern = reader.text("pattern") or None
    if pattern is not None:
        values["pattern"] = _regex(reader, pattern)


def _regex(reader: Reader, pattern: str) -> str | None:
    """A regular expression that Python and browsers read alike."""
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        reader.wrong("pattern", f'"{pattern}" is no regular expression: {error}', reader.line_of("pattern"))
        return None
    if len(pattern) > 500 or re.search(r"\(\?(?!:|=|!)|\\[AZzpP]|[*+]\)[*+]", pattern):
        text = "keep to what browsers know too: no (?P<name>), (?i), \\A, \\Z and no nested repeats like (a+)+"
        reader.wrong("pattern", f'"{pattern}" is not allowed: {text}', reader.line_of("pattern"))
        return None
    return pattern


def _enum_values(reader: Reader) -> tuple[EnumValue, ...]:
    """`[{value, label}]`, or plain words that are their own label."""
    found: dict[str, EnumValue] = {}
    if not reader.get("values", list, required=True):
        if reader.has("values") and reader.items["values"].value == []:
            reader.wrong("enum", f"{reader.what} has no values: list at least one", reader.line_of("values"))
        return ()
    for node in reader.nodes("values"):
        made = _enum_value(reader, node)
        if made is None:
            continue
        if made.value in found:
            reader.wrong("duplicate_value", f'"{made.value}" stands twice in {reader.what}: remove one', node.line)
        found.setdefault(made.value, made)
    return tuple(found.values())


def _enum_value(reader: Reader, node: Node) -> EnumValue | None:
    """One value."""
    if isinstance(node.value, dict):
        below = Reader(node, reader.file, reader.mistakes, f"a value of {reader.what}", ("value", "label"))
        value = below.text("value", required=True)
        made = EnumValue(value, below.label())
    elif isinstance(node.value, list) or node.raw is None:
        reader.wrong("type", f"a value of {reader.what} is {{value: OPEN, label: {{zh: ..., en: ...}}}}", node.line)
        return None
    else:
        value = node.raw
        made = EnumValue(value, Label(value, value))
    if value and (not re.fullmatch(ENUM_VALUE, value) or len(value) > 63):
        better = re.sub(r"[^A-Z0-9]+", "_", value.upper()).strip("_") or "OPEN"
        reader.wrong("enum_value", f'"{value}" is no enum value: capitals, digits and _, like "{better}"', node.line)
        return None
    return made if value else None


def _read_target(reader: Reader, values: dict[str, Any], kind: str) -> None:
    """`to`, `inverse`, `order`."""
    node = reader.items.get("to")
    if node is None or not isinstance(node.value, list):
        to = reader.text("to", required=True)
        values["to"] = (to,) if to else ()
    else:
        values["to"] = reader.texts("to")
        if len(values["to"]) != len(set(values["to"])) or not values["to"] or (kind != "ref" and len(values["to"]) > 1):
            text = f"{reader.what} names {'each entity once' if kind == 'ref' else 'one entity'} in to"
            reader.wrong("target", text, reader.line_of("to"))
            values["to"] = values["to"][:1]
    if kind == "children":
        values["inverse"] = reader.text("inverse", required=True) or None
        values["order"] = read_order(reader)


def read_order(reader: Reader) -> tuple[tuple[str, bool], ...]:
    """`[{name: ASC}, {code: DESC}]` as (name, descending)."""
    found: list[tuple[str, bool]] = []
    for node in reader.nodes("order"):
        if not isinstance(node.value, dict) or len(node.value) != 1:
            reader.wrong("order", "an order is a list of one field each: [{name: ASC}, {code: DESC}]", node.line)
            continue
        name, direction = next(iter(node.value.items()))
        if direction.value not in ("ASC", "DESC"):
            reader.wrong("order", f'"{direction.raw}" is no direction of "{name}": ASC or DESC', direction.line)
            continue
        found.append((name, direction.value == "DESC"))
    return tuple(found)


_TOKEN = re.compile(r"\{([^{}]*)\}")
_TOKENS = re.compile(r"yyyyMMdd|yyyyMM|yyyy|division6|division12|seq:(?:[1-9]|1[0-8])")


def _number_pattern(reader: Reader) -> str | None:
    """Literals and `{yyyyMMdd}`, `{division6}`, `{seq:5}`; exactly one seq."""
    pattern = reader.text("pattern", required=True)
    if not pattern:
        return None
    line = reader.line_of("pattern")
    tokens = _TOKEN.findall(pattern)
    for token in tokens:
        if not _TOKENS.fullmatch(token):
            known = ("{yyyyMMdd}", "{yyyyMM}", "{yyyy}", "{division6}", "{division12}", "{seq:5}")
            reader.wrong("number_pattern", f'"{{{token}}}" is no part of a number. Possible: {", ".join(known)}.', line)
            return None
    if "{" in _TOKEN.sub("", pattern) or "}" in _TOKEN.sub("", pattern):
        reader.wrong("number_pattern", f'the braces of "{pattern}" do not match', line)
    elif sum(token.startswith("seq:") for token in tokens) != 1:
        reader.wrong("number_pattern", f'"{pattern}" has exactly one {{seq:n}}, like {{yyyyMMdd}}{{seq:5}}', line)
    return pattern
