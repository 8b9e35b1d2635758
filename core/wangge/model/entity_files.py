"""`entities/*.yaml`: an entity without its conditions, and what is still to be read when all entities are known."""

from __future__ import annotations

from typing import Any

from .fields import KEYS as FIELD_KEYS
from .fields import NAME, Pending, read_field, unique_names
from .reader import Reader
from .types import Entity, Field, Layout, Retention, RowScope, Unique
from .yaml import Node

KEYS = (
    "entity type plural label description kind_of scope fields checks unique order search retention history writes operations "
    "layout retired managed"
).split()
ENTITY = r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*"
TYPE = r"[A-Z][A-Za-z0-9]*"
GENERAL = frozenset(
    "Activity Decision Item Record Plan Clue Data Object Entity Thing Info Detail Event Entry Type".split()
)
BUILT_IN = frozenset(
    "Query Mutation Subscription Int Float String Boolean ID JSON GeoJSON Date Time DateTime Decimal BigInt Point PageInfo "
    "TotalCount InputError Language Removed SortDirection Me Node FileLink".split()
)
MAX_FIELDS = 500
LONGEST_TABLE = 40
CORE = "wangge"
SCOPES = ("area", "city", "unit")


class Draft:
    """An entity as read from its file, with the nodes of its conditions."""

    def __init__(self, entity: Entity, pending: Pending, checks: list[Reader], reader: Reader) -> None:
        self.entity = entity
        self.pending = pending
        self.checks = checks
        self.reader = reader


def read_entity(node: Node, file: str, stem: str, module: str, mistakes: Any, *, first_party: bool) -> Draft | None:
    """The entity of one file; None when nothing of it is usable."""
    reader = Reader(node, file, mistakes, "an entity", KEYS)
    if not reader.ok:
        return None
    name = reader.text("entity", required=True, pattern=ENTITY, form="<module>.<entity> in small letters, digits and _")
    if not name:
        return None
    reader.what = f'the entity "{name}"'
    _name(reader, name, stem, module)
    pending = Pending()
    fields = _fields(reader, module, pending)
    made = Entity(
        name=name,
        type=_type(reader, module, first_party),
        plural=_plural(reader, module, first_party),
        label=reader.label(),
        description=reader.label("description") if reader.has("description") else None,
        kind_of=reader.text("kind_of", pattern=ENTITY, form="<module>.<entity>") or None,
        scope=_scope(reader),
        fields=fields,
        unique=_unique(reader),
        order=_order(reader),
        search=reader.texts("search"),
        retention=_retention(reader),
        history=_history(reader),
        writes=reader.choice("writes", ("generated", "operations"), "generated"),  # type: ignore[arg-type] # one of them
        layout=_layout(reader),
        retired=reader.texts("retired"),
        managed=reader.flag("managed"),
        source=reader.source("entity"),
    )
    checks = reader.each("checks", "a check", ("code", "grade", "when", "message", "with"))
    return Draft(made, pending, checks, reader)


def _name(reader: Reader, name: str, stem: str, module: str) -> None:
    """The name agrees with the module and the file."""
    owner, _, local = name.partition(".")
    if owner != module:
        reader.wrong(
            "other_module",
            f'"{name}" stands in the module "{module}": call it "{module}.{local}"',
            reader.line_of("entity"),
        )
    if local != stem:
        reader.wrong(
            "file_name", f'"{name}" stands in {stem}.yaml: name the file {local}.yaml', reader.line_of("entity")
        )
    if len(local) > LONGEST_TABLE:
        reader.wrong("name_too_long", f'"{local}" is longer than {LONGEST_TABLE} characters', reader.line_of("entity"))
    if local.endswith(("_area", "_ext")):
        reader.wrong(
            "reserved_name", f'"{local}" ends like a table of the core: choose another name', reader.line_of("entity")
        )


def _type(reader: Reader, module: str, first_party: bool) -> str:
    """The GraphQL type."""
    found = reader.text("type", required=True, pattern=TYPE, form="a type is PascalCase, like RentalRoom")
    if not found:
        return ""
    if module != CORE and (found in BUILT_IN or found.startswith("__")):
        reader.wrong(
            "type_taken", f"the type \"{found}\" is GraphQL's or the core's: choose another", reader.line_of("type")
        )
    if module != CORE and found in GENERAL:
        reader.wrong(
            "general_type",
            f'"{found}" says too little for a whole platform: say of what, like Dog{found}',
            reader.line_of("type"),
        )
    for ending in ("Connection", "Edge", "Where", "Order", "Input", "Payload"):
        if found.endswith(ending) and found != ending:
            reader.wrong(
                "type_taken", f"a type that ends in {ending} would clash with generated ones", reader.line_of("type")
            )
    prefix = "".join(word.capitalize() for word in module.split("_"))
    if not first_party and not found.startswith(prefix):
        reader.wrong("no_prefix", f'types of "{module}" begin with {prefix}: {prefix}{found}', reader.line_of("type"))
    return found


def _plural(reader: Reader, module: str, first_party: bool) -> str:
    """The root field of the connection."""
    found = reader.text("plural", required=True, pattern=NAME, form="a plural is camelCase, like rentalRooms")
    words = module.split("_")
    prefix = words[0] + "".join(word.capitalize() for word in words[1:])
    if found and not first_party and not found.startswith(prefix):
        reader.wrong("no_prefix", f'plurals of "{module}" begin with {prefix}', reader.line_of("plural"))
    single = reader.text("type")
    if found and single and found == single[:1].lower() + single[1:]:
        reader.wrong(
            "plural_is_single",
            f'"{found}" is also the field of one {single}: use another plural',
            reader.line_of("plural"),
        )
    return found


def _fields(reader: Reader, module: str, pending: Pending) -> tuple[Field, ...]:
    """The own fields."""
    readers = reader.each("fields", "a field", FIELD_KEYS)
    if len(readers) > MAX_FIELDS:
        reader.wrong(
            "too_many_fields",
            f"an entity has at most {MAX_FIELDS} fields, not {len(readers)}: split it",
            reader.line_of("fields"),
        )
        readers = readers[:MAX_FIELDS]
    if not readers and not reader.has("kind_of"):
        reader.wrong("missing", f'{reader.what} needs "fields"')
    reserved = module != CORE
    found = [f for f in (read_field(r, module, pending, reserved=reserved) for r in readers) if f is not None]
    unique_names(reader, found)
    gone = {n.value: n.line for n in reader.nodes("retired")}
    for field in found:
        if field.id in gone:
            reader.wrong(
                "retired_id", f'the id "{field.id}" is retired and never used again: choose another', field.source.line
            )
    return tuple(found)


def _scope(reader: Reader) -> RowScope:
    """`area | city | unit | {parent: f} | {through: [f]} | {self: f}`."""
    node = reader.items.get("scope")
    if node is None:
        if not reader.has("kind_of"):
            reader.wrong(
                "missing", f'{reader.what} needs "scope": area, city, unit, {{parent: field}}, {{through: [field]}}'
            )
        return RowScope("area")
    if isinstance(node.value, str):
        return RowScope(reader.choice("scope", SCOPES, "area"))  # type: ignore[arg-type] # one of SCOPES
    inner = Reader(node, reader.file, reader.mistakes, "scope", ("parent", "through", "self"))
    for kind in ("parent", "self"):
        if inner.has(kind):
            return RowScope(kind, (inner.text(kind, required=True),))
    if inner.has("through"):
        fields = inner.texts("through")
        if not fields:
            inner.wrong("missing", "through names at least one field")
        return RowScope("through", fields)
    inner.wrong("scope", "scope is area, city, unit, {parent: field}, {through: [field]} or {self: field}")
    return RowScope("area")


def _unique(reader: Reader) -> tuple[Unique, ...]:
    """The unique keys."""
    found = []
    for one in reader.each("unique", "a unique key", ("fields", "on_hidden")):
        fields = one.texts("fields")
        if not fields:
            one.wrong("missing", 'a unique key needs "fields": [a, b]')
            continue
        given = one.choice("on_hidden", ("refuse", "review"), "")
        found.append(Unique(fields, given or "refuse", one.source()))  # type: ignore[arg-type] # one of them
    return tuple(found)


def _order(reader: Reader) -> tuple[tuple[str, bool], ...]:
    """`[{name: ASC}]`."""
    found = []
    for node in reader.nodes("order"):
        if not isinstance(node.value, dict) or len(node.value) != 1:
            reader.wrong("order", "an ordering is written [{name: ASC}]", node.line)
            continue
        ((field, direction),) = node.value.items()
        if direction.value not in ("ASC", "DESC"):
            reader.wrong("order", f'"{field}" is ordered ASC or DESC, not "{direction.value}"', node.line)
            continue
        found.append((field, direction.value == "DESC"))
    return tuple(found)


def _retention(reader: Reader) -> Retention | None:
    """`{after, keep, then}`."""
    inner = reader.below("retention", "retention", ("after", "keep", "then"))
    if inner is None or not inner.ok:
        return None
    then = inner.choice("then", ("anonymise", "erase"), "anonymise", required=True)
    return Retention(inner.text("after", required=True), inner.duration("keep", required=True), then)  # type: ignore[arg-type] # one of them


def _history(reader: Reader) -> tuple[str, ...] | None:
    """`{valid: true, key: [...]}`."""
    inner = reader.below("history", "history", ("valid", "key"))
    if inner is None or not inner.ok:
        return None
    if not inner.flag("valid"):
        return None
    key = inner.texts("key")
    if not key:
        inner.wrong("missing", 'history needs "key": the fields that may not overlap in time')
    return key


def _layout(reader: Reader) -> Layout:
    """list, query, form."""
    inner = reader.below("layout", "layout", ("list", "query", "form"))
    if inner is None or not inner.ok:
        return Layout()
    form = []
    for row in inner.nodes("form"):
        if isinstance(row.value, list):
            form.append(tuple(str(item.value) for item in row.value))
        else:
            inner.wrong("type", "form is a list of rows: [[a, b], [c]]", row.line)
    return Layout(inner.texts("list"), inner.texts("query"), tuple(form))
