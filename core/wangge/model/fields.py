"""One field of a file: its keys by kind, its form, its defaults; conditions stay nodes until all entities are known."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, get_args

import msgspec

from .kinds_of_fields import read_kind
from .mistakes import nearest
from .reader import Reader
from .sealed import DEFAULT_MASKS, DIVISION, LEAST, left_open
from .types import FIELD_KINDS, SENSITIVITIES, Field, Mask, Sensitivity
from .words import FIELD_NAME, RESERVED_FIELDS
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
    raise_purposes: tuple[str, ...] = ()


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
    draft = FieldDraft(Field(id=name, name=name, kind=kind, label=reader.label(), source=reader.source()), reader)
    values: dict[str, Any] = {"id": _id(reader, name, part=part)}
    _read_common(reader, draft, values, kind)
    read_kind(reader, values, kind, module)
    if kind == "list":
        draft.parts = _parts(reader, module)
        values |= {"fields": tuple(p.field for p in draft.parts), "retired": read_retired(reader)}
    draft.field = _with(draft.field, values)
    return draft


def read_retired(reader: Reader) -> tuple[str, ...]:
    """The ids that were fields once: as a field writes them, each once."""
    found = reader.texts("retired")
    for n, name in enumerate(found):
        line = reader.item_line("retired", name)
        if not re.fullmatch(FIELD_NAME, name):
            reader.wrong("name", f'"{name}" is no id of a field: write it as it stood in the file, in camelCase', line)
        elif name in found[:n]:
            reader.wrong("duplicate_item", f'"{name}" stands twice in retired: remove one', line)
    return found


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
    """`raise: {to: sensitive, when: ..., purposes: [...]}`."""
    below = reader.below("raise", f"raise of {reader.what}", ("to", "when", "purposes"))
    if below is None or not below.ok:
        return
    to = below.choice("to", SENSITIVITIES, "sensitive", required=True)
    draft.raise_to = next((s for s in get_args(Sensitivity) if s == to), "sensitive")
    draft.raise_purposes = below.texts("purposes")
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
    made = Mask(first, last, to)  # type: ignore[arg-type] # checked by choice
    if told := _told(kind, made):
        reader.wrong("mask_tells", told, line)
        return None
    return made


def _told(kind: str, mask: Mask) -> str:
    """What a mask gives away to who knows the other fields of a person; "" when that is nothing."""
    if kind == "id_number" and mask.first > DIVISION:
        return f"this mask shows the date of birth inside the number: show at most the division, {{first: {DIVISION}}}"
    left = left_open(kind, mask)
    if left is None or left >= LEAST:
        return ""
    instead = "{first: 2}" if kind == "id_number" else "{first: 3, last: 4}"
    return (
        f"this mask leaves {left} numbers to who knows what other fields tell, and {LEAST} must remain: "
        f"hide the end of an id number and three digits of a phone, as {instead} does"
    )


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
