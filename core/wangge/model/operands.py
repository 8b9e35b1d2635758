"""The right side of a comparison: constants of the field's kind, and `$new`, `$old`, `$actor`, `$area`, `$now`."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

from .bad_value import BadValue
from .durations import shift
from .filter import FromActor, FromArea, FromNow, FromRow, Given, Operand
from .mistakes import nearest
from .moments import parse_date
from .types import Field
from .values_of_kinds import parse_form
from .vocabulary import AREA, SYSTEM
from .yaml import Node

if TYPE_CHECKING:
    from .conditions import ConditionReader

ALL_SOURCES = frozenset(("new", "old", "actor", "area", "now"))
LISTS = frozenset(("in", "notIn", "hasAny", "hasAll"))
ACTOR = ("account", "person", "post", "units", "areas")
NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
FAMILIES = {
    **dict.fromkeys("text url credit_code month phone id_number email number enum code".split(), "text"),
    **dict.fromkeys("integer decimal money duration".split(), "number"),
    **dict.fromkeys("date datetime".split(), "moment"),
    **dict.fromkeys("ref id file signature".split(), "id"),
}
"""kind -> what it can be compared with; kinds that are not here only with themselves."""
UUID_FORM = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Operands:
    """Reads operands for one ConditionReader."""

    def __init__(self, reader: ConditionReader, sources: frozenset[str]) -> None:
        self._reader = reader
        self._sources = sources

    def flag(self, node: Node, line: int) -> Given:
        """The operand of isNull."""
        if not isinstance(node.value, bool):
            self._wrong("operand", "isNull takes true or false", line)
        return Given(bool(node.value))

    def read(self, field: Field, operator: str, node: Node, line: int) -> Operand:
        """The operand of an operator of a field."""
        if operator == "isNull":
            return self.flag(node, line)
        if operator == "near":
            return self._near(node, line)
        if operator == "within":
            return self._polygon(node, line)
        if (source := self._source(node, field)) is not None:
            return self._from(source, node, field, operator, line)
        if operator in LISTS:
            return self._list(field, operator, node, line)
        return Given(self._constant(field, operator, node, line))

    def area(self, node: Node, line: int) -> Operand:
        """The operand of `within` over areas: an id, `$area`, `{$actor: areas}`, or a reference of the row to an area."""
        found = self._source(node, SYSTEM["id"])
        if found is None:
            if not isinstance(node.value, str) or not UUID_FORM.fullmatch(node.value):
                text = "within takes the id of an area, $area, {$actor: areas} or {$new: district}"
                self._wrong("operand", text, line)
            return Given(node.value)
        if found == "now":
            self._wrong("operand", "within takes an area, not a time", line)
        return self._from(
            found, node, Field(id="id", name="area", kind="id", label=SYSTEM["id"].label, to=(AREA,)), "within", line
        )

    def _wrong(self, code: str, message: str, line: int) -> None:
        self._reader.wrong(code, message, line)

    def _source(self, node: Node, field: Field) -> str | None:
        """The `$` word of an operand; None for a constant."""
        if isinstance(node.value, dict):
            first = next(iter(node.value), "")
            return first[1:] if len(node.value) == 1 and first.startswith("$") else None
        if isinstance(node.value, str) and node.value.startswith("$"):
            fits = {"$now": field.kind in ("date", "datetime"), "$area": field.kind == "id"}
            return node.value[1:] if self._reader.strict or fits.get(node.value, False) else None
        return None

    def _from(self, source: str, node: Node, field: Field, operator: str, line: int) -> Operand:
        """The operand of a `$` word."""
        if source not in ALL_SOURCES:
            self._wrong(
                "operand", f'there is no "${source}".{nearest("$" + source, ["$" + s for s in ALL_SOURCES])}', line
            )
            return Given(None)
        if source not in self._sources:
            allowed = ", ".join(f"${name}" for name in sorted(self._sources))
            self._wrong("operand", f'"${source}" has no meaning here; known are {allowed}', line)
        argument = next(iter(node.value.values())).value if isinstance(node.value, dict) else None
        if source == "now":
            return self._now(argument, field, line)
        if source == "area":
            if argument is not None or field.kind != "id":
                self._wrong("operand", "$area stands alone and is compared with areas: {area: {within: $area}}", line)
            return FromArea()
        if source == "actor":
            return self._actor(argument, field, operator, line)
        return self._row(source, argument, field, operator, line)

    def _now(self, offset: Any, field: Field, line: int) -> Operand:
        """`$now` with an offset."""
        if field.kind not in ("date", "datetime"):
            self._wrong("operand", f'$now is a time, "{field.name}" is {field.kind}', line)
        if offset is None:
            return FromNow()
        try:
            shift(NOON, str(offset))
        except (ValueError, OverflowError):
            self._wrong("duration", f'"{offset}" is no duration: write {{$now: -P30D}} or {{$now: PT2H}}', line)
        return FromNow(str(offset))

    def _actor(self, name: Any, field: Field, operator: str, line: int) -> Operand:
        """`{$actor: ...}`."""
        if name not in ACTOR:
            self._wrong("operand", f'$actor has no "{name}".{nearest(str(name), ACTOR)}', line)
            return Given(None)
        many = name in ("units", "areas")
        if field.kind != "id":
            self._wrong(
                "operand", f"$actor gives ids: compare an id, like {{person: {{id: {{eq: {{$actor: {name}}}}}}}}}", line
            )
        elif many != (operator in ("in", "notIn")) and operator != "within":
            self._wrong("operand", f"{{$actor: {name}}} is {'a list: use in' if many else 'one id: use eq'}", line)
        return FromActor(name)

    def _row(self, which: str, path: Any, field: Field, operator: str, line: int) -> Operand:
        """`{$new: path}` or `{$old: path}`."""
        steps = str(path).split(".") if isinstance(path, str) and path else [""]
        found = self._row_field(steps[0])
        if found is None and self._reader.words.partial(self._reader.entity):
            return Given(None)
        if found is None:
            known = self._known_names()
            self._wrong("unknown_field", f'"${which}" has no field "{steps[0]}".{nearest(steps[0], known)}', line)
            return Given(None)
        inside = found.kind == "point" and steps[1:] in (["lon"], ["lat"], ["accuracy"])
        if len(steps) > 1 and not inside:
            self._wrong("operand", f'"{path}" leads out of the row: ${which} names values of the row itself', line)
        kind = "decimal" if inside else found.kind
        if not kind:
            return Given(None)
        if operator == "within":
            if AREA not in found.to:
                self._wrong(
                    "operand", f'"{steps[0]}" is no area: within takes area, district or a reference to one', line
                )
        elif FAMILIES.get(kind, kind) != FAMILIES.get(field.kind, field.kind):
            self._wrong("operand", f'"{field.name}" ({field.kind}) cannot be compared with "{path}" ({kind})', line)
        return FromRow(which, (found.id, *steps[1:]))  # type: ignore[arg-type] # new or old

    def _row_field(self, name: str) -> Field | None:
        """A field of the row that is written; inside a list also of the part."""
        part = self._reader.part
        if part is not None and (own := self._reader.words.named({f.id: f for f in part.fields}, name)) is not None:
            return own
        return SYSTEM.get(name) or self._reader.words.named(self._reader.words.fields(self._reader.entity), name)

    def _known_names(self) -> list[str]:
        return [f.name for f in self._reader.words.fields(self._reader.entity).values()]

    def _list(self, field: Field, operator: str, node: Node, line: int) -> Given:
        """A list of constants."""
        if not isinstance(node.value, list):
            self._wrong("operand", f'"{operator}" takes a list: [a, b]', line)
            return Given([])
        if not node.value and self._reader.strict:
            self._wrong("operand", f'the list of "{operator}" is empty: name values', line)
        return Given([self._constant(field, operator, item, item.line) for item in node.value])

    def _constant(self, field: Field, operator: str, node: Node, line: int) -> Any:
        """A constant as the wire value of its kind."""
        if node.value is None:
            if self._reader.strict:
                self._wrong("operand", f'"{field.name}" is compared with nothing: write {{isNull: true}}', line)
            return None
        if isinstance(node.value, dict | list):
            self._wrong("operand", f'"{operator}" takes one value of "{field.name}"', line)
            return None
        if operator in ("contains", "startsWith"):
            return str(node.raw)
        if self._reader.strict and field.kind in ("integer", "duration") and isinstance(node.value, str):
            self._wrong("operand", f'"{field.name}" is a whole number: write it without quotes, not "{node.raw}"', line)
            return None
        wire = _wire(field, node)
        try:
            made = self._checked(field, wire)
        except BadValue as bad:
            code = "unknown_value" if bad.code == "value.not_in_list" else "operand"
            near = nearest(str(wire), [v.value for v in field.values]) if field.values else ""
            self._wrong(code, f'"{node.raw}" is no value of "{field.name}": {bad}.{near}', line)
            return None
        if field.kind in ("code", "codes"):
            self._known_code(field, made, line)
        return made

    def _checked(self, field: Field, wire: Any) -> Any:
        """The constant, canonical, as a JSON value."""
        if field.kind == "id":
            if not isinstance(wire, str) or not UUID_FORM.fullmatch(wire):
                raise BadValue("value.bad_id")
            return wire
        if field.kind == "number":
            return str(wire)
        if field.kind == "codes":
            wire = [wire]
        if field.kind == "datetime" and isinstance(wire, str) and len(wire) == 10:
            return f"{parse_date(wire).isoformat()}T00:00:00+08:00"
        made = parse_form(field, wire)
        if field.kind == "codes":
            return made[0]
        if field.kind in ("date", "time", "datetime"):
            return made.isoformat()
        return str(made) if field.kind in ("decimal", "money") else made

    def _known_code(self, field: Field, code: str, line: int) -> None:
        """Note a code that its table does not have; a district's own codes are not in files, so only files are held to it."""
        table = self._reader.words.table(field)
        if table is None or not self._reader.strict:
            return
        codes = [c.code for c in table.codes]
        if codes and code not in codes:
            near = nearest(code, codes)
            self._wrong("unknown_code", f'the table "{table.name}" has no code "{code}".{near}', line)

    def _near(self, node: Node, line: int) -> Given:
        """`{point: {lon, lat}, metres: 200}`."""
        plain = node.plain()
        point = Field(id="point", name="point", kind="point", label=SYSTEM["id"].label)
        try:
            if not isinstance(plain, dict) or set(plain) != {"point", "metres"}:
                raise BadValue("value.wrong_type", {"expected": "{point: {lon, lat}, metres: 200}"})
            metres = plain["metres"]
            if isinstance(metres, bool) or not isinstance(metres, int | float) or not 0 < metres <= 1_000_000:
                raise BadValue("value.wrong_type", {"expected": "metres above 0, at most 1000000"})
            return Given({"point": parse_form(point, plain["point"]), "metres": metres})
        except BadValue as bad:
            self._wrong("operand", f"near is wrong: {bad}", line)
            return Given(None)

    def _polygon(self, node: Node, line: int) -> Given:
        """A GeoJSON polygon."""
        polygon = Field(id="polygon", name="polygon", kind="polygon", label=SYSTEM["id"].label)
        try:
            return Given(parse_form(polygon, node.plain()))
        except BadValue as bad:
            self._wrong("operand", f"within takes a GeoJSON polygon: {bad}", line)
            return Given(None)


def _wire(field: Field, node: Node) -> Any:
    """The scalar as the wire value of a kind: what is text stays as it is written."""
    if field.kind in ("boolean", "integer", "duration"):
        return node.value
    return node.raw if not isinstance(node.value, bool) or field.kind in ("text", "enum", "code") else node.value
