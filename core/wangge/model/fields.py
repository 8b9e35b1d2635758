"""One field of an entity, a list part, an input or a code table's column, as it stands in a file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from ..values import Label
from .kinds import BOUNDED, NOT_UNIQUE, SEALABLE, SEALED_BY_DEFAULT
from .mistakes import nearest
from .reader import Reader
from .types import FIELD_KINDS, SENSITIVITIES, EnumValue, Field, Mask, Sensitivity
from .values_of_kinds import BadValue, parse_value
from .yaml import Node

KEYS = (
    "name id type label description table required visible computed expression inputs written_by default sensitivity raise "
    "purposes sealed mask with max min pattern unit multiline pinyin precision values to inverse fields order roles max_age retired"
).split()
NAME = r"[a-z][a-zA-Z0-9]*"
NAME_FORM = "a name begins with a small letter and has letters and digits only, like dueAt"
LONGEST_NAME = 48
RESERVED = frozenset(
    "id nodeId revision createdAt updatedAt removedAt createdBy batchId area district unit and or not some every none".split()
)
PART_KINDS = frozenset(FIELD_KINDS) - {"list", "children", "refs", "files", "photos", "polygon", "number"}
SEQUENCE = re.compile(r"\{seq:(\d+)\}")
NUMBER_PARTS = re.compile(r"\{(?:yyyyMMdd|yyyyMM|yyyy|division6|division9|division12|seq:\d+)\}")
DEFAULT_MASKS = {"id_number": Mask(first=2, last=1), "phone": Mask(first=3, last=4), "email": Mask(first=1)}
SENSITIVE = ("personal", "sensitive")


class Pending:
    """Conditions of fields that can only be read when all entities are known."""

    def __init__(self) -> None:
        self.required: dict[str, Node] = {}
        self.visible: dict[str, Node] = {}
        self.raises: dict[str, tuple[Sensitivity, Node]] = {}


def read_field(
    reader: Reader, module: str, pending: Pending, *, part_of: str = "", reserved: bool = True
) -> Field | None:
    """The field of one mapping; None when it has no usable name or type."""
    name = reader.text("name", required=True, pattern=NAME, form=NAME_FORM)
    kind = reader.text("type", required=True)
    if not name or not kind:
        return None
    own_id = reader.text("id", name, pattern=NAME, form=NAME_FORM) or name
    if kind not in FIELD_KINDS:
        reader.wrong("unknown_type", f'"{kind}" is no field type.{nearest(kind, FIELD_KINDS)}', reader.line_of("type"))
        return None
    reader.what = f'the field "{name}"'
    if len(name) > LONGEST_NAME or len(own_id) > LONGEST_NAME:
        reader.wrong("name_too_long", f'"{name}" is longer than {LONGEST_NAME} characters', reader.line_of("name"))
    if reserved and not part_of and (name in RESERVED or own_id in RESERVED):
        reader.wrong(
            "reserved_name", f'"{name}" is a field that every entity has: choose another name', reader.line_of("name")
        )
    if part_of and kind not in PART_KINDS:
        reader.wrong(
            "not_in_list", f"a part of a list cannot be {kind}: make it an entity of its own", reader.line_of("type")
        )
        return None
    return _field(reader, module, pending, name, own_id, kind, part_of)


def _field(reader: Reader, module: str, pending: Pending, name: str, own_id: str, kind: str, part_of: str) -> Field:
    """The rest of a field."""
    sensitivity = reader.choice("sensitivity", SENSITIVITIES, "internal")
    sealed = _sealed(reader, kind, sensitivity)
    to = _targets(reader, kind)
    values = _values(reader, kind)
    low, high = _bounds(reader, kind)
    inputs = tuple(reader.texts("inputs")) if reader.has("inputs") else None
    made = Field(
        id=own_id,
        name=name,
        kind=kind,
        label=reader.label(),
        description=reader.label("description", required=False) if reader.has("description") else None,
        table=_table(reader, kind, module),
        required=_condition(reader, "required", own_id, pending.required),
        computed=reader.flag("computed"),
        expression=reader.text("expression") or None,
        inputs=inputs,
        written_by=reader.text("written_by") or None,
        sensitivity=sensitivity,  # type: ignore[arg-type] # one of SENSITIVITIES
        purposes=tuple(reader.texts("purposes")),
        sealed=sealed,
        mask=_mask(reader, kind, sealed),
        with_module=reader.text("with") or None,
        max=high,
        min=low,
        pattern=_pattern(reader, kind),
        unit=reader.text("unit") or None,
        multiline=reader.flag("multiline"),
        pinyin=reader.flag("pinyin"),
        precision=reader.flag("precision"),
        values=values,
        to=to,
        inverse=_inverse(reader, kind),
        fields=_parts(reader, module, kind, name, pending),
        roles=tuple(reader.texts("roles")),
        max_age=reader.duration("max_age") or None,
        retired=tuple(reader.texts("retired")),
        source=reader.source(),
    )
    _condition(reader, "visible", own_id, pending.visible)
    _raise(reader, own_id, pending)
    _together(reader, made, part_of)
    return _with_default(reader, made)


def _sealed(reader: Reader, kind: str, sensitivity: str) -> bool:
    """Whether the value is stored encrypted."""
    default = kind in SEALED_BY_DEFAULT or (kind == "text" and sensitivity == "sensitive")
    sealed = reader.flag("sealed", default)
    if sealed and kind not in SEALABLE:
        choices = ", ".join(sorted(SEALABLE))
        reader.wrong(
            "cannot_seal", f"{kind} cannot be sealed: only {choices}; protect it by rules", reader.line_of("sealed")
        )
        return False
    return sealed


def _targets(reader: Reader, kind: str) -> tuple[str, ...]:
    """`to:` of a reference: one entity or several."""
    if kind not in ("ref", "refs", "children"):
        if reader.has("to"):
            reader.wrong(
                "not_for_kind", f'"to" does not belong to {kind}: only to ref, refs and children', reader.line_of("to")
            )
        return ()
    if not reader.has("to"):
        reader.wrong("missing", f'{reader.what} needs "to": the entity that it points to')
        return ()
    several = isinstance(reader.items["to"].value, list)
    targets = reader.texts("to") if several else (reader.text("to"),)
    if several and kind != "ref":
        reader.wrong("one_target", f"{kind} points to one entity", reader.line_of("to"))
    return targets


def _inverse(reader: Reader, kind: str) -> str | None:
    """The field of the target that points here."""
    if kind == "children" and not reader.has("inverse"):
        reader.wrong("missing", f'{reader.what} needs "inverse": the field of the target that points here')
    return reader.text("inverse") or None


def _values(reader: Reader, kind: str) -> tuple[EnumValue, ...]:
    """The values of an enum, as words or with labels."""
    if kind != "enum":
        if reader.has("values"):
            reader.wrong("not_for_kind", f'"values" belong to enum, not to {kind}', reader.line_of("values"))
        return ()
    nodes = reader.nodes("values")
    if not nodes:
        reader.wrong("missing", f'{reader.what} needs "values": [A, B]')
    found: list[EnumValue] = []
    for node in nodes:
        value = _enum_value(reader, node)
        if value is None:
            continue
        if value.value in {v.value for v in found}:
            reader.wrong("duplicate_value", f'the value "{value.value}" stands twice', node.line)
        found.append(value)
    return tuple(found)


def _enum_value(reader: Reader, node: Node) -> EnumValue | None:
    """One value of an enum."""
    if isinstance(node.value, dict):
        inner = Reader(node, reader.file, reader.mistakes, f"a value of {reader.what}", ("value", "label"))
        word, label = inner.text("value", required=True), inner.label(required=False)
    else:
        word, label = str(node.value), Label(str(node.value), str(node.value))
    if not re.fullmatch(r"[A-Z][A-Z0-9_]*", word) or word in ("TRUE", "FALSE", "NULL"):
        reader.wrong(
            "enum_form", f'"{word}" is no enum value: write capitals, digits and _, like IN_HANDLING', node.line
        )
        return None
    return EnumValue(word, label)


def _bounds(reader: Reader, kind: str) -> tuple[Any, Any]:
    """min and max."""
    found = []
    for key in ("min", "max"):
        node = reader.items.get(key)
        value = node.value if node is not None else None
        if node is not None and kind not in BOUNDED:
            reader.wrong("not_for_kind", f'"{key}" does not belong to {kind}', node.line)
            value = None
        elif node is not None:
            try:
                number = float(str(value))
            except (TypeError, ValueError):
                reader.wrong("type", f'"{key}" of {reader.what} is a number, not "{value}"', node.line)
                value = None
            else:
                whole = kind in ("text", "integer", "duration")
                value = int(number) if whole and number == int(number) else str(value) if not whole else value
        found.append(value)
    low, high = found
    if low is not None and high is not None and float(low) > float(high):
        reader.wrong("min_over_max", f"min {low} is greater than max {high}: swap them", reader.line_of("min"))
    if kind == "text" and high is not None and not 1 <= float(high) <= 1_000_000:
        reader.wrong("max_out_of_range", "max of a text lies between 1 and 1,000,000 characters", reader.line_of("max"))
    return low, high


def _pattern(reader: Reader, kind: str) -> str | None:
    """A regular expression of a text, or the form of a number."""
    pattern = reader.text("pattern") or None
    if kind == "number":
        if pattern is None:
            reader.wrong("missing", f'{reader.what} needs "pattern", like "{{yyyyMMdd}}{{seq:5}}"')
        elif len(SEQUENCE.findall(pattern)) != 1:
            reader.wrong("one_sequence", f'"{pattern}" needs exactly one {{seq:n}}', reader.line_of("pattern"))
        elif "{" in NUMBER_PARTS.sub("", pattern):
            reader.wrong(
                "unknown_part",
                f'"{pattern}": use {{yyyyMMdd}}, {{yyyyMM}}, {{yyyy}}, {{division6}}, {{seq:n}}',
                reader.line_of("pattern"),
            )
    elif pattern is not None and kind != "text":
        reader.wrong("not_for_kind", f'"pattern" belongs to text and number, not to {kind}', reader.line_of("pattern"))
        return None
    elif pattern is not None:
        try:
            re.compile(pattern)
        except re.error as error:
            reader.wrong("bad_pattern", f'"{pattern}" is no regular expression: {error}', reader.line_of("pattern"))
            return None
    return pattern


def _table(reader: Reader, kind: str, module: str) -> str:
    """The full name of a code table."""
    if kind not in ("code", "codes"):
        if reader.has("table"):
            reader.wrong("not_for_kind", f'"table" belongs to code and codes, not to {kind}', reader.line_of("table"))
        return ""
    name = reader.text("table", required=True)
    return name if "." in name or not name else f"{module}.{name}"


def _condition(reader: Reader, key: str, field: str, pending: dict[str, Node]) -> bool:
    """`true`, `false` or `{when: ...}`."""
    node = reader.items.get(key)
    if node is None:
        return False
    if isinstance(node.value, bool):
        return node.value
    inner = Reader(node, reader.file, reader.mistakes, f"{key} of {reader.what}", ("when",))
    if inner.ok and not inner.has("when"):
        inner.wrong("missing", f"{inner.what} is true, false or {{when: condition}}")
    if inner.has("when"):
        pending[field] = inner.items["when"]
    return False


def _raise(reader: Reader, field: str, pending: Pending) -> None:
    """`raise: {to, when}`."""
    inner = reader.below("raise", f"raise of {reader.what}", ("to", "when"))
    if inner is None or not inner.ok:
        return
    level = inner.choice("to", SENSITIVITIES, "sensitive", required=True)
    if inner.has("when"):
        pending.raises[field] = (level, inner.items["when"])  # type: ignore[assignment] # one of SENSITIVITIES
    else:
        inner.wrong("missing", f'{inner.what} needs "when"')


def _mask(reader: Reader, kind: str, sealed: bool) -> Mask | None:
    """How a value is shown masked."""
    inner = reader.below("mask", f"mask of {reader.what}", ("first", "last", "to"))
    if inner is None:
        return DEFAULT_MASKS.get(kind, Mask()) if sealed else None
    made = Mask(
        first=inner.get("first", int, 0),
        last=inner.get("last", int, 0),
        to=inner.choice("to", ("year", "month", "building"), ""),  # type: ignore[arg-type] # one of them or ""
    )
    if made.first < 0 or made.last < 0 or made.first + made.last > 12:
        inner.wrong("mask", "a mask keeps between 0 and 12 characters in all")
    if made.to in ("year", "month") and kind != "date":
        inner.wrong("mask", f"a mask to {made.to} belongs to a date: use {{first: n}}")
    return made


def _parts(reader: Reader, module: str, kind: str, name: str, pending: Pending) -> tuple[Field, ...]:
    """The fields of a list's parts."""
    if kind != "list":
        if reader.has("fields"):
            reader.wrong("not_for_kind", f'"fields" belong to list, not to {kind}', reader.line_of("fields"))
        return ()
    readers = reader.each("fields", f'a field of "{name}"', KEYS)
    if not readers:
        reader.wrong("missing", f'{reader.what} needs "fields"')
    made = [read_field(r, module, Pending(), part_of=name) for r in readers]
    found = [f for f in made if f is not None]
    unique_names(reader, found)
    return tuple(found)


def unique_names(reader: Reader, fields: Iterable[Field]) -> None:
    """No name and no id stands twice."""
    names: dict[str, Field] = {}
    ids: dict[str, Field] = {}
    for field in fields:
        for known, key, what in ((names, field.name, "name"), (ids, field.id, "id")):
            if key in known:
                line = known[key].source.line
                reader.wrong(
                    "duplicate_field",
                    f'the {what} "{key}" stands twice, first on line {line}: rename one',
                    field.source.line,
                )
            known.setdefault(key, field)


def _together(reader: Reader, field: Field, part_of: str) -> None:
    """What must go together."""
    if field.sensitivity in SENSITIVE and not field.purposes and not (part_of and field.computed):
        reader.wrong(
            "no_purposes", f'the {field.sensitivity} field "{field.name}" names no purposes: add purposes: [...]'
        )
    if field.required and field.with_module:
        reader.wrong(
            "required_with",
            f'"{field.name}" belongs to an optional module and cannot be required',
            reader.line_of("required"),
        )
    if field.required and field.kind == "children":
        reader.wrong("not_for_kind", "children cannot be required", reader.line_of("required"))
    if field.pinyin and field.kind != "text":
        reader.wrong("not_for_kind", f'"pinyin" belongs to text, not to {field.kind}', reader.line_of("pinyin"))
    if field.precision and field.kind != "date":
        reader.wrong("not_for_kind", f'"precision" belongs to date, not to {field.kind}', reader.line_of("precision"))
    if field.multiline and field.kind != "text":
        reader.wrong("not_for_kind", f'"multiline" belongs to text, not to {field.kind}', reader.line_of("multiline"))
    if field.mask is not None and reader.has("mask") and field.kind in NOT_UNIQUE:
        reader.wrong("mask", f"{field.kind} has no mask", reader.line_of("mask"))


def _with_default(reader: Reader, field: Field) -> Field:
    """The field with its default, if it fits."""
    node = reader.items.get("default")
    if node is None:
        return field
    value = node.plain()
    if value == "$now" and field.kind in ("date", "datetime"):
        return _replaced(field, value)
    if field.kind in ("list", "refs", "children", "files", "photos", "number", "ref"):
        reader.wrong("default", f"{field.kind} has no default", node.line)
        return field
    try:
        parse_value(field, value)
    except BadValue as bad:
        choices = nearest(str(value), [v.value for v in field.values])
        reader.wrong("default", f'the default "{value}" is no value of {field.kind} ({bad.code}).{choices}', node.line)
        return field
    return _replaced(field, value)


def _replaced(field: Field, default: Any) -> Field:
    """The field with a default."""
    return msgspec.structs.replace(field, default=default)
