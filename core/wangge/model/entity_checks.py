"""One entity against the model: what it is a kind of, its scope, keys, orderings, search, retention, layout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from .cycles import cycles
from .entity_files import EntityDraft
from .mistakes import nearest
from .module_checks import required
from .module_draft import ModuleDraft
from .types import Entity, Field, Model, Unique
from .vocabulary import SYSTEM, Vocabulary

NOT_UNIQUE = frozenset("list children refs point polygon file files photos signature json codes".split())
UNORDERED = NOT_UNIQUE
SEARCHED = ("text", "number", "url", "credit_code")
PERSON = "base.person"
PERSONAL = ("personal", "sensitive")


def check_entity(draft: EntityDraft, module: ModuleDraft, words: Vocabulary) -> None:
    """All checks of the entity apart from its fields."""
    fields = words.fields(draft.entity.name)
    _check_kind_of(draft, module, words)
    _check_scope(draft, words, fields)
    _check_unique(draft, words, fields)
    _check_order(draft, words, fields)
    _check_search(draft, words, fields)
    _check_retention(draft, words, fields)
    _check_history(draft, words, fields)
    _check_layout(draft, words, fields)


def find(
    draft: EntityDraft, words: Vocabulary, fields: Mapping[str, Field], name: str, key: str, line: int
) -> Field | None:
    """The field that a key names; a mistake when there is none."""
    field = words.named(fields, name) or SYSTEM.get(name)
    if field is None and not words.partial(draft.entity.name):
        known = [f.name for f in fields.values()]
        draft.reader.wrong("unknown_field", f'{key} names "{name}", which is no field.{nearest(name, known)}', line)
    return field if field is None or field.kind else None


def _check_once(draft: EntityDraft, names: Sequence[str], key: str, line: int) -> None:
    """A name stands once in a list."""
    for n, name in enumerate(names):
        if name in names[:n]:
            draft.reader.wrong("duplicate_item", f'{key} names "{name}" twice: remove one', line)


def _check_kind_of(draft: EntityDraft, module: ModuleDraft, words: Vocabulary) -> None:
    """The upper entity exists in a required module; fields and scope agree with it."""
    entity, reader = draft.entity, draft.reader
    if entity.kind_of is None:
        return
    line = reader.line_of("kind_of")
    upper = words.model.entities.get(entity.kind_of)
    if upper is None:
        if not words.gone(entity.kind_of):
            near = nearest(entity.kind_of, words.model.entities)
            text = f'"{entity.name}" is a kind of "{entity.kind_of}", which no file declares.{near}'
            reader.wrong("unknown_entity", text, line)
        return
    if words.model.entities[entity.name].kind_of is None:
        return
    if upper.module not in required(module, words.model):
        text = f'"{entity.kind_of}" belongs to a module that is not required: add "{upper.module}" to requires'
        reader.wrong("not_required", text, line)
    inherited = words.model.fields_of(upper.name)
    names = {f.name: f for f in inherited.values()} | dict(inherited)
    for field in draft.fields:
        if field.field.name in names or field.field.id in names:
            text = f'"{field.field.name}" is inherited from "{upper.name}": remove it, or choose another name'
            field.reader.wrong("duplicate_field", text, field.reader.line_of("name"))
    root = words.model.root_scope(upper.name)
    if entity.scope.kind != root.kind:
        text = f'a kind of "{upper.name}" has its scope: write scope: {root.kind}'
        reader.wrong("scope_of_kind", text, reader.line_of("scope"))


def _check_scope(draft: EntityDraft, words: Vocabulary, fields: Mapping[str, Field]) -> None:
    """parent and self name a reference, through names children; parents lead to an end."""
    entity, reader = draft.entity, draft.reader
    line = reader.line_of("scope")
    for name in entity.scope.fields:
        field = find(draft, words, fields, name, "scope", line)
        if field is None:
            continue
        kind = "children" if entity.scope.kind == "through" else "ref"
        if entity.scope.kind == "self" and field.to and field.to != (PERSON,):
            text = f'scope self names a reference to {PERSON} alone; "{name}" refers to {", ".join(field.to)}'
            reader.wrong("scope_field", text, line)
        elif field.kind != kind or len(field.to) != 1:
            shown = f"{field.kind} to {', '.join(field.to)}" if len(field.to) > 1 else field.kind
            text = f'scope {entity.scope.kind} names a field of type {kind} to one entity; "{name}" is {shown}'
            reader.wrong("scope_field", text, line)
        elif entity.scope.kind == "parent" and words.model.entities.get(field.to[0]) is not None:
            _check_parents(draft, words.model, line)


def _check_parents(draft: EntityDraft, model: Model, line: int) -> None:
    """A circle of parents is told at its first entity."""
    edges: dict[str, tuple[str, ...]] = {}
    for name in model.entities:
        scope = model.root_scope(name)
        if scope.kind == "parent" and scope.fields:
            own = model.fields_of(name)
            field = own.get(scope.fields[0]) or next((f for f in own.values() if f.name == scope.fields[0]), None)
            edges[name] = tuple(to for to in field.to if to in model.entities) if field else ()
    for circle in cycles(edges):
        if circle[0] == draft.entity.name:
            text = f"scopes follow each other: {' -> '.join([*circle, circle[0]])}: give one of them scope: area"
            draft.reader.wrong("parent_cycle", text, line)


def _check_unique(draft: EntityDraft, words: Vocabulary, fields: Mapping[str, Field]) -> None:
    """Keys are over single values; a refusal may not tell of a hidden person."""
    for key, chosen in zip(draft.entity.unique, draft.chosen, strict=True):
        line = key.source.line
        if chosen and key.on_hidden == "refuse" and is_personal(words, fields, key):
            text = "to refuse a personal key tells that a hidden person has it: write on_hidden: review"
            draft.reader.wrong("unique_refuse", text, line)
        for n, name in enumerate(key.fields):
            field = find(draft, words, fields, name, "unique", line)
            if name in key.fields[:n]:
                draft.reader.wrong("duplicate_item", f'the key names "{name}" twice: remove one', line)
            if field is not None and field.kind in NOT_UNIQUE:
                text = f'"{name}" ({field.kind}) cannot be unique: use a text, number, date, code or reference'
                draft.reader.wrong("unique_type", text, line)


def is_personal(words: Vocabulary, fields: Mapping[str, Field], key: Unique) -> bool:
    """Whether a key has a personal or sensitive field."""
    found = [words.named(fields, name) for name in key.fields]
    return any(field is not None and field.sensitivity in PERSONAL for field in found)


def _check_order(draft: EntityDraft, words: Vocabulary, fields: Mapping[str, Field]) -> None:
    """Orderings are over single, open values."""
    line = draft.reader.line_of("order")
    _check_once(draft, [name for name, _ in draft.entity.order], "order", line)
    for name, _ in draft.entity.order:
        field = find(draft, words, fields, name, "order", line)
        if field is None:
            continue
        if field.sealed:
            draft.reader.wrong("sealed_order", f'"{name}" is sealed and has no order: order by another field', line)
        elif field.kind in UNORDERED or field.kind == "ref":
            draft.reader.wrong(
                "order_type", f'"{name}" ({field.kind}) has no order: order by a text, number or date', line
            )
        elif field.inputs is not None:
            text = f'"{name}" is computed by a module: order by a stored field or an expression'
            draft.reader.wrong("order_type", text, line)


def _check_search(draft: EntityDraft, words: Vocabulary, fields: Mapping[str, Field]) -> None:
    """Search is over open texts."""
    line = draft.reader.line_of("search")
    _check_once(draft, draft.entity.search, "search", line)
    for name in draft.entity.search:
        field = find(draft, words, fields, name, "search", line)
        if field is None:
            continue
        if field.sealed:
            draft.reader.wrong("sealed_search", f'"{name}" is sealed and cannot be searched: ask for it with eq', line)
        elif field.kind not in SEARCHED:
            draft.reader.wrong(
                "search_type", f'"{name}" ({field.kind}) cannot be searched: only {", ".join(SEARCHED)}', line
            )


def _check_retention(draft: EntityDraft, words: Vocabulary, fields: Mapping[str, Field]) -> None:
    """Retention counts from a date."""
    retention = draft.entity.retention
    if retention is None or not retention.after:
        return
    line = draft.reader.line_of("retention")
    field = find(draft, words, fields, retention.after, "retention", line)
    if field is not None and field.kind not in ("date", "datetime"):
        text = f'retention counts from a date; "{retention.after}" is {field.kind}: name a date, like removedAt'
        draft.reader.wrong("retention_field", text, line)


def _check_history(draft: EntityDraft, words: Vocabulary, fields: Mapping[str, Field]) -> None:
    """The key of a bitemporal entity."""
    for name in draft.entity.history or ():
        field = find(draft, words, fields, name, "history", draft.reader.line_of("history"))
        if field is not None and field.kind in NOT_UNIQUE:
            text = f'"{name}" ({field.kind}) cannot be part of a key: use a text, code or reference'
            draft.reader.wrong("unique_type", text, draft.reader.line_of("history"))


def _check_layout(draft: EntityDraft, words: Vocabulary, fields: Mapping[str, Field]) -> None:
    """Hints name fields."""
    node = draft.reader.items.get("layout")
    for key in ("list", "query", "form"):
        names = [name for k, name in _layout_names(draft.entity) if k == key]
        _check_once(draft, names, f"layout.{key}", node.keys.get(key, node.line) if node is not None else 1)
    for key, name in _layout_names(draft.entity):
        line = node.keys.get(key, node.line) if node is not None else draft.reader.line
        find(draft, words, fields, name, f"layout.{key}", line)


def _layout_names(entity: Entity) -> Iterator[tuple[str, str]]:
    """(key, field name) of all hints."""
    yield from (("list", name) for name in entity.layout.list)
    yield from (("query", name) for name in entity.layout.query)
    yield from (("form", name) for row in entity.layout.form for name in row)
