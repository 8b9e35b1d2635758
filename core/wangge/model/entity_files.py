"""One entity file: everything but its conditions, which are kept as nodes until all entities are known."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from ..values import Label
from .fields import FieldDraft, read_field, read_retired
from .kinds_of_fields import read_order
from .mistakes import Mistakes, nearest
from .reader import Reader
from .sentences import read_sentence
from .types import Entity, Layout, Operation, Retention, RowScope, Source, Unique
from .words import CODE_NAME, ENTITY_NAME, FIELD_NAME, TYPE_NAME
from .yaml import Node, read_yaml

KEYS = (
    "entity type plural label description kind_of scope fields checks unique order search retention history writes operations "
    "layout retired managed"
).split()
GRADES = ("refuse", "confirm", "flag")
GENERATED = ("create", "update", "remove", "restore", "erase")
SCOPES = ("area", "city", "unit")
SCOPE_FORMS = ("parent", "through", "self")
MOST_FIELDS = 500


@dataclass
class CheckDraft:
    """A check whose condition is not read yet; `message` is None when messages.yaml has it."""

    reader: Reader
    code: str
    grade: str
    with_module: str | None
    when: Node | None
    message: Label | None


@dataclass
class EntityDraft:
    """An entity whose conditions are not read yet."""

    entity: Entity
    reader: Reader
    fields: list[FieldDraft] = field(default_factory=list)
    checks: list[CheckDraft] = field(default_factory=list)
    guards: dict[str, Node] = field(default_factory=dict)
    chosen: list[bool] = field(default_factory=list)
    """key by key: whether the file says on_hidden."""
    incomplete: bool = False
    """some field could not be read at all."""


def read_entity(path: Path, file: str, module: str, mistakes: Mistakes, *, single: bool = False) -> EntityDraft | None:
    """The entity of a file; None when it has no usable name. A `single` file, in no module's folder, has any file name."""
    node = read_yaml(path, file, mistakes)
    if node is None:
        return None
    reader = Reader(node, file, mistakes, "the entity")
    if not reader.ok:
        return None
    if reader.has("extend"):
        reader.wrong("extension", "an extension stands under extends/, not under entities/", reader.line_of("extend"))
        return None
    reader.only(KEYS)
    name = _name(reader, path, module, single=single)
    if not name:
        return None
    draft = EntityDraft(_head(reader, name), reader)
    draft.fields = _fields(reader, module)
    draft.incomplete = len(draft.fields) != len(reader.items["fields"].value) if reader.has_list("fields") else True
    draft.checks = [
        _check(r, module) for r in reader.each("checks", "a check", ("code", "grade", "when", "message", "with"))
    ]
    operations = _operations(reader, draft, module)
    keys = _unique(reader)
    draft.chosen = [chosen for _, chosen in keys]
    draft.entity = msgspec.structs.replace(
        draft.entity,
        fields=tuple(f.field for f in draft.fields),
        unique=tuple(key for key, _ in keys),
        order=read_order(reader),
        search=reader.texts("search"),
        retention=_retention(reader),
        history=_history(reader),
        operations=operations,
        layout=_layout(reader),
        retired=reader.texts("retired"),
    )
    return draft


def _name(reader: Reader, path: Path, module: str, *, single: bool) -> str:
    """`<module>.<entity>`, as the folder and the file say."""
    name = reader.text("entity", required=True)
    if not name:
        return ""
    line = reader.line_of("entity")
    if not re.fullmatch(ENTITY_NAME, name):
        reader.wrong(
            "entity_name", f'"{name}" is no name of an entity: small letters, like "{module}.{path.stem}"', line
        )
        return ""
    owner, _, local = name.partition(".")
    if owner != module:
        reader.wrong("other_module", f'"{name}" stands in the module "{module}": name it "{module}.{local}"', line)
        return ""
    if local != path.stem and not single:
        reader.wrong("file_name", f'"{name}" stands in "{path.name}": rename the file to "{local}.yaml"', line)
    reader.what = f'the entity "{name}"'
    return name


def _head(reader: Reader, name: str) -> Entity:
    """The keys that are no lists."""
    type_ = reader.text("type", required=True)
    if type_ and not re.fullmatch(TYPE_NAME, type_):
        better = "".join(w[:1].upper() + w[1:] for w in re.split(r"[^A-Za-z0-9]+", type_)) or "Dog"
        reader.wrong("type_name", f'"{type_}" is no GraphQL type: PascalCase, like "{better}"', reader.line_of("type"))
    plural = reader.text("plural", required=True)
    if plural and not re.fullmatch(FIELD_NAME, plural):
        reader.wrong("plural_name", f'"{plural}" is no plural: camelCase, like "incidents"', reader.line_of("plural"))
    return Entity(
        name=name,
        type=type_,
        plural=plural,
        label=reader.label(),
        description=reader.label("description") if reader.has("description") else None,
        kind_of=reader.text("kind_of") or None,
        scope=_scope(reader),
        writes=reader.choice("writes", ("generated", "operations"), "generated"),  # type: ignore[arg-type] # by choice
        managed=reader.flag("managed"),
        source=Source(reader.file, reader.line_of("entity")),
    )


def _scope(reader: Reader) -> RowScope:
    """area, city, unit, or `{parent|through|self: ...}`."""
    node = reader.items.get("scope")
    if node is None:
        reader.wrong(
            "missing",
            f'{reader.what} needs "scope": area, city, unit, {{parent: ref}}, {{through: [...]}}, {{self: ref}}',
        )
        return RowScope("city")
    line = reader.line_of("scope")
    if isinstance(node.value, dict):
        kind, inner = next(iter(node.value.items()), ("", node))
        if len(node.value) == 1 and kind in SCOPE_FORMS:
            items = inner.value if isinstance(inner.value, list) else [inner]
            names = tuple(str(item.raw) for item in items if item.raw is not None)
            if names and len(names) == len(items) and (kind == "through" or len(names) == 1):
                return RowScope(kind, names)  # type: ignore[arg-type] # one of SCOPE_FORMS
            shown = "{through: [residences]}" if kind == "through" else f"{{{kind}: person}}"
            reader.wrong("scope", f"the scope names {'fields' if kind == 'through' else 'one field'}: {shown}", line)
            return RowScope("city")
    elif node.value in SCOPES:
        return RowScope(node.value)
    shown = str(node.raw) if node.raw is not None else str(node.plain())
    near = nearest(shown, (*SCOPES, *SCOPE_FORMS))
    reader.wrong(
        "scope",
        f'"{shown}" is no scope: area, city, unit, {{parent: ref}}, {{through: [...]}} or {{self: ref}}.{near}',
        line,
    )
    return RowScope("city")


def _fields(reader: Reader, module: str) -> list[FieldDraft]:
    """The fields, each name and id once."""
    nodes: list[Node] = reader.get("fields", list, required=True) or []
    if len(nodes) > MOST_FIELDS:
        text = f"{reader.what} has {len(nodes)} fields; at most {MOST_FIELDS}: split it"
        reader.wrong("too_many_fields", text, reader.line_of("fields"))
        return []
    drafts = [d for d in (read_field(node, reader, module) for node in nodes) if d is not None]
    found = unique_fields(drafts, read_retired(reader))
    if not nodes and reader.has_list("fields") and not reader.has("kind_of"):
        reader.wrong("missing", f"{reader.what} has no fields: name what its rows have", reader.line_of("fields"))
    if found and all(draft.field.kind == "json" for draft in found) and not reader.has("kind_of"):
        text = f"{reader.what} has nothing but json: json is for what has no fields; name the fields"
        reader.wrong("json_only", text, found[0].reader.line_of("type"))
    for draft in found:
        if draft.parts:
            draft.parts = unique_fields(draft.parts, draft.field.retired)
            draft.field = msgspec.structs.replace(draft.field, fields=tuple(p.field for p in draft.parts))
    return found


def unique_fields(drafts: list[FieldDraft], retired: tuple[str, ...]) -> list[FieldDraft]:
    """The fields without those whose name or id is taken, or was."""
    kept: list[FieldDraft] = []
    taken: dict[str, int] = {}
    for draft in drafts:
        reader, names = draft.reader, {draft.field.name, draft.field.id}
        clash = next((n for n in sorted(names) if n in taken), None)
        gone = next((n for n in sorted(names) if n in retired), None)
        if clash is not None:
            text = f'"{clash}" is a field or the id of one already, on line {taken[clash]}: choose another name'
            reader.wrong("duplicate_field", text, reader.line_of("name"))
            continue
        if gone is not None:
            text = f'"{gone}" is retired and its column may hold old values: choose another id'
            reader.wrong(
                "retired_id", text, reader.line_of("id" if gone == draft.field.id and reader.has("id") else "name")
            )
        taken.update(dict.fromkeys(names, reader.line_of("name")))
        kept.append(draft)
    return kept


def _check(reader: Reader, module: str) -> CheckDraft:
    """One check."""
    code = reader.text("code", required=True)
    if code and (not re.fullmatch(CODE_NAME, code) or code.partition(".")[0] != module):
        text = f'"{code}" is no code of this module: small letters, like "{module}.ends_before_start"'
        reader.wrong("check_code", text, reader.line_of("code"))
    reader.what = f'the check "{code}"'
    grade = reader.text("grade", required=True)
    if grade and grade not in GRADES:
        reader.wrong("grade", f'"{grade}" is no grade of a check.{nearest(grade, GRADES)}', reader.line_of("grade"))
        grade = "refuse"
    if not reader.has("when"):
        reader.wrong("missing", f'{reader.what} needs "when": the condition of a wrong row')
    message = read_sentence(reader, "message") if reader.has("message") else None
    return CheckDraft(reader, code, grade, reader.text("with") or None, reader.items.get("when"), message)


def _unique(reader: Reader) -> list[tuple[Unique, bool]]:
    """The keys, each with whether it says on_hidden."""
    found = []
    for key in reader.each("unique", f"a key of {reader.what}", ("fields", "on_hidden")):
        names = key.texts("fields") if key.has("fields") else ()
        if not names:
            key.wrong("missing", 'a key needs "fields": {fields: [licenceNo]}')
        on_hidden = key.choice("on_hidden", ("refuse", "review"), "refuse")
        made = Unique(names, on_hidden, Source(key.file, key.line))  # type: ignore[arg-type] # checked by choice
        found.append((made, key.has("on_hidden")))
    return found


def _retention(reader: Reader) -> Retention | None:
    """`{after: closedAt, keep: P5Y, then: anonymise}`."""
    below = reader.below("retention", f"retention of {reader.what}", ("after", "keep", "then"))
    if below is None or not below.ok:
        return None
    then = below.choice("then", ("anonymise", "erase"), "anonymise", required=True)
    return Retention(below.text("after", required=True), below.duration("keep", required=True), then)  # type: ignore[arg-type]


def _history(reader: Reader) -> tuple[str, ...] | None:
    """`{valid: true, key: [person, kind]}`."""
    below = reader.below("history", f"history of {reader.what}", ("valid", "key"))
    if below is None or not below.ok:
        return None
    if not below.flag("valid"):
        below.wrong("history", "history is {valid: true, key: [...]}: write it, or remove history")
    return below.texts("key")


def _operations(reader: Reader, draft: EntityDraft, module: str) -> tuple[Operation, ...]:
    """Named writes with their input."""
    found: dict[str, Operation] = {}
    for each in reader.each("operations", f"an operation of {reader.what}", ("name", "label", "input", "guard")):
        name = each.text("name", required=True, pattern=FIELD_NAME, form="camelCase, like merge")
        if not name:
            continue
        if name in GENERATED:
            text = f'"{name}" is a write that every entity has: choose another name, like "{name}Again"'
            each.wrong("operation_name", text, each.line_of("name"))
        if name in found:
            each.wrong("duplicate_operation", f'the operation "{name}" stands twice: remove one')
        inputs = [
            d for d in (read_field(node, each, module, part=True) for node in each.nodes("input")) if d is not None
        ]
        found[name] = Operation(name, each.label(), tuple(d.field for d in unique_fields(inputs, ())))
        if each.has("guard"):
            draft.guards[name] = each.items["guard"]
    return tuple(found.values())


def _layout(reader: Reader) -> Layout:
    """Hints for lists, queries and forms."""
    below = reader.below("layout", f"layout of {reader.what}", ("list", "query", "form"))
    if below is None or not below.ok:
        return Layout()
    rows: list[tuple[str, ...]] = []
    for node in below.nodes("form"):
        items: list[Any] = node.value if isinstance(node.value, list) else [node]
        if any(item.raw is None for item in items):
            below.wrong("layout", "a form is a list of rows of field names: [[name, sex], [phones]]", node.line)
            continue
        rows.append(tuple(str(item.raw) for item in items))
    return Layout(below.texts("list"), below.texts("query"), tuple(rows))
