"""One field of a file: its keys by kind, its form, its defaults; conditions stay nodes until all entities are known."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, get_args

import msgspec

from ..values import Label
from .mistakes import nearest
from .reader import Reader
from .types import FIELD_KINDS, SENSITIVITIES, EnumValue, Field, Mask, Sensitivity
from .words import ENUM_VALUE, FIELD_NAME, LOCAL_NAME, RESERVED_FIELDS
from .yaml import Node

COMMON = (
    "name id type label description required visible computed expression inputs written_by default sensitivity raise "
    "purposes sealed mask with"
).split()
_NUMBERS = ("min", "max", "unit")
EXTRA: Mapping[str, tuple[str, ...]] = {
    "text": ("max", "pattern", "multiline", "pinyin"),
    "integer": _NUMBERS,
    "decimal": _NUMBERS,
    "money": _NUMBERS,
    "duration": ("min", "max"),
    "date": ("precision",),
    "enum": ("values",),
    "code": ("table",),
    "codes": ("table",),
    "ref": ("to",),
    "refs": ("to",),
    "children": ("to", "inverse", "order"),
    "list": ("fields", "retired"),
    "photos": ("roles", "max_age"),
    "number": ("pattern",),
    "url": ("max",),
}
"""kind -> keys that only some kinds have."""
ALL_KEYS = frozenset(COMMON).union(*EXTRA.values())
SEALABLE = frozenset("text url phone id_number email credit_code".split())
SEALED_BY_DEFAULT = frozenset("phone id_number email".split())
DEFAULT_MASKS: Mapping[str, Mask] = {"id_number": Mask(first=2, last=1), "phone": Mask(first=3, last=4)}
NO_DEFAULT = frozenset("ref refs children list point polygon file files photos signature json number".split())
TEXTS = frozenset("text url credit_code month phone id_number email".split())


@dataclasses.dataclass
class FieldDraft:
    """A field whose conditions are not read yet: `required`, `visible`, `raise`."""

    field: Field
    reader: Reader
    conditions: dict[str, Node] = dataclasses.field(default_factory=dict)
    parts: list[FieldDraft] = dataclasses.field(default_factory=list)
    raise_to: Sensitivity = "internal"


def read_field(node: Node, reader_of: Reader, module: str, *, part: bool = False) -> FieldDraft | None:
    """The field of a mapping; None when it has no usable name."""
    reader = Reader(node, reader_of.file, reader_of.mistakes, "a field")
    if not reader.ok:
        return None
    name = reader.text("name", required=True)
    if not name:
        return None
    reader.what = f'the field "{name}"'
    _check_name(reader, name, "name", part=part)
    kind = _kind(reader)
    _check_keys(reader, kind)
    draft = FieldDraft(Field(id=name, name=name, kind=kind, label=reader.label()), reader)
    values: dict[str, Any] = {"id": _id(reader, name, part=part)}
    _read_common(reader, draft, values, kind)
    _read_kind(reader, draft, values, kind, module)
    draft.field = _with(draft.field, values)
    return draft


def _with(made: Field, values: dict[str, Any]) -> Field:
    """The field with values set."""
    return msgspec.structs.replace(made, **values)


def _check_name(reader: Reader, name: str, key: str, *, part: bool) -> None:
    """camelCase, not reserved."""
    line = reader.line_of(key)
    if not re.fullmatch(FIELD_NAME, name):
        reader.wrong(
            "name", f'"{name}" is no name of a field: letters and digits in camelCase, like "{camel(name)}"', line
        )
    elif name in RESERVED_FIELDS and not (part and name in ("kind", "entity")):
        reader.wrong("reserved_name", f'"{name}" is a name of the platform: choose another, like "{name}Of"', line)


def camel(name: str) -> str:
    """The nearest camelCase name."""
    words = [w for w in re.split(r"[^A-Za-z0-9]+", name) if w]
    made = "".join(w[0].upper() + w[1:] for w in words)
    made = made[:1].lower() + made[1:]
    return made if re.fullmatch(FIELD_NAME, made) else "permitNo"


def _id(reader: Reader, name: str, *, part: bool) -> str:
    """The stable id: the first name."""
    if not reader.has("id"):
        return name
    found = reader.text("id", name)
    _check_name(reader, found, "id", part=part)
    return found or name


def _kind(reader: Reader) -> str:
    """The type; text where it is wrong."""
    kind = reader.text("type", required=True)
    if kind in FIELD_KINDS:
        return kind
    if kind:
        aliases = {"string": "text", "int": "integer", "float": "decimal", "number": "decimal", "bool": "boolean"}
        known = [*FIELD_KINDS, *aliases]
        near = f' Did you mean "{aliases[kind]}"?' if kind in aliases else nearest(kind, FIELD_KINDS)
        reader.wrong("unknown_type", f'there is no field type "{kind}".{near if known else ""}', reader.line_of("type"))
    return ""


def _check_keys(reader: Reader, kind: str) -> None:
    """Unknown keys, and keys of other kinds."""
    own = {*COMMON, *EXTRA.get(kind, ())}
    for key, line in reader.keys.items():
        if key in own or (key in ALL_KEYS and not kind):
            continue
        if key in ALL_KEYS:
            kinds = ", ".join(k for k, keys in EXTRA.items() if key in keys)
            reader.wrong("key_of_other_type", f'"{key}" is not for the type {kind}, only for {kinds}: remove it', line)
        else:
            reader.wrong("unknown_key", f'{reader.what} has no key "{key}".{nearest(key, own)}', line)


def _read_common(reader: Reader, draft: FieldDraft, values: dict[str, Any], kind: str) -> None:
    """What every field may have."""
    if reader.has("description"):
        values["description"] = reader.label("description")
    values["required"] = _required(reader, draft)
    if (visible := reader.below("visible", f"visible of {reader.what}", ("when",))) is not None:
        _when(visible, draft, "visible")
    values["computed"] = reader.flag("computed")
    if reader.has("expression"):
        values["expression"] = reader.text("expression", required=True)
    if reader.has("inputs"):
        values["inputs"] = reader.texts("inputs")
    if reader.has("written_by"):
        values["written_by"] = reader.text("written_by", required=True) or None
    if reader.has("with"):
        values["with_module"] = reader.text("with", required=True) or None
    sensitivity = reader.choice("sensitivity", SENSITIVITIES, "internal")
    values["sensitivity"] = sensitivity
    values["purposes"] = reader.texts("purposes")
    _read_raise(reader, draft)
    _read_sealed(reader, values, kind, sensitivity)
    values["mask"] = _mask(reader, kind) or DEFAULT_MASKS.get(kind)
    _read_default(reader, values, kind)


def _required(reader: Reader, draft: FieldDraft) -> bool:
    """`required: true` or `{when: ...}`."""
    node = reader.items.get("required")
    if node is None:
        return False
    if isinstance(node.value, dict):
        below = reader.below("required", f"required of {reader.what}", ("when",))
        assert below is not None
        _when(below, draft, "required")
        return False
    return reader.flag("required")


def _when(reader: Reader, draft: FieldDraft, which: str) -> None:
    """Keep the condition for later."""
    node = reader.items.get("when")
    if reader.ok and node is None:
        reader.wrong("missing", f'{reader.what} needs "when": {{when: {{state: {{eq: CLOSED}}}}}}')
    elif node is not None:
        draft.conditions[which] = node


def _read_raise(reader: Reader, draft: FieldDraft) -> None:
    """`raise: {to: sensitive, when: ...}`."""
    below = reader.below("raise", f"raise of {reader.what}", ("to", "when"))
    if below is None or not below.ok:
        return
    to = below.choice("to", SENSITIVITIES, "sensitive", required=True)
    draft.raise_to = next((s for s in get_args(Sensitivity) if s == to), "sensitive")
    _when(below, draft, "raise")


def _read_sealed(reader: Reader, values: dict[str, Any], kind: str, sensitivity: str) -> None:
    """Sealed by default: id numbers, phones, mail addresses, sensitive text."""
    by_default = kind in SEALED_BY_DEFAULT or (kind == "text" and sensitivity == "sensitive")
    sealed = reader.flag("sealed", by_default)
    if sealed and kind and kind not in SEALABLE:
        text = f"a field of type {kind} cannot be sealed: protect it by rules; sealed are {', '.join(sorted(SEALABLE))}"
        reader.wrong("sealed_type", text, reader.line_of("sealed"))
        sealed = False
    values["sealed"] = sealed


def _mask(reader: Reader, kind: str) -> Mask | None:
    """`{first: 1, last: 2}` of texts, `{to: year|month}` of dates, `{to: building}` of addresses."""
    below = reader.below("mask", f"mask of {reader.what}", ("first", "last", "to"))
    if below is None or not below.ok:
        return None
    first, last = below.get("first", int, 0), below.get("last", int, 0)
    to = below.choice("to", ("year", "month", "building"), "")
    line = reader.line_of("mask")
    if first < 0 or last < 0 or first + last > 100 or not (first or last or to) or (to and (first or last)):
        reader.wrong("mask", "a mask keeps {first: 1} or {last: 4} characters, or cuts {to: year}", line)
        return None
    fits = {"": kind in TEXTS or kind == "number", "building": kind == "text"}.get(to, kind == "date")
    if kind and not fits:
        shown = (
            "dates are cut with {to: year}" if kind == "date" else "it is for texts (first, last) and dates (to: year)"
        )
        reader.wrong("mask", f"this mask is not for the type {kind}: {shown}", line)
        return None
    return Mask(first, last, to)  # type: ignore[arg-type] # checked by choice


def _read_default(reader: Reader, values: dict[str, Any], kind: str) -> None:
    """A default is a wire value, or $now."""
    node = reader.items.get("default")
    if node is None or not kind:
        return
    line = reader.line_of("default")
    if kind in NO_DEFAULT or (kind == "codes" and not isinstance(node.value, list)):
        reader.wrong(
            "default", f"a field of type {kind} has no default: remove it, or set the value in before_write", line
        )
    elif kind in ("integer", "duration") and isinstance(node.value, str):
        reader.wrong(
            "default", f'the default of {reader.what} is a whole number without quotes, not "{node.raw}"', line
        )
    elif isinstance(node.value, list):
        values["default"] = [str(item.raw) for item in node.value]
    elif node.raw is None or node.value is None:
        reader.wrong("default", f"the default of {reader.what} is one value of the type {kind}", line)
    else:
        values["default"] = node.value if kind in ("boolean", "integer", "duration") else node.raw


def _read_kind(reader: Reader, draft: FieldDraft, values: dict[str, Any], kind: str, module: str) -> None:
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
    elif kind == "list":
        draft.parts = _parts(reader, module)
        values["fields"] = tuple(p.field for p in draft.parts)
        values["retired"] = reader.texts("retired")
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
            bounds[key] = Decimal(str(node.raw)) if not isinstance(node.value, bool) else Decimal("x")
            if not bounds[key].is_finite() or (kind in ("integer", "duration") and bounds[key] != int(bounds[key])):
                raise InvalidOperation
        except (InvalidOperation, ValueError):
            what = "a whole number" if kind in ("integer", "duration") else "a number"
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


def _parts(reader: Reader, module: str) -> list[FieldDraft]:
    """The fields of the parts of a list."""
    nodes = reader.get("fields", list, required=True) or []
    if reader.has("fields") and not nodes:
        reader.wrong("missing", f"{reader.what} has no fields: name what its parts have", reader.line_of("fields"))
    found: list[FieldDraft] = []
    for node in nodes:
        part = read_field(node, reader, module, part=True)
        if part is None:
            continue
        if part.field.kind in ("list", "children", "refs", "files", "photos", "number"):
            text = f"a part of a list has no {part.field.kind}: make an entity with a ref to this one"
            part.reader.wrong("part_type", text, part.reader.line_of("type"))
            continue
        found.append(part)
    return found


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
