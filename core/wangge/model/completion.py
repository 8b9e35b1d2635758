"""The conditions of fields, checks, guards and rules, read when all entities are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from ..values import Label
from .by_ids import entity_by_ids
from .conditions import ConditionReader
from .entity_checks import is_personal
from .entity_files import CheckDraft, EntityDraft
from .fields import FieldDraft
from .filter import TRUE
from .mistakes import Mistakes, nearest
from .module_draft import ModuleDraft
from .role_files import RuleDraft
from .rule_checks import check_rule
from .types import Check, Entity, Field, Model, Operation, Raise, Rule, Source, Unique
from .vocabulary import Vocabulary

Make = Callable[[frozenset[str], Field | None], ConditionReader]
OF_FIELDS = frozenset(("now", "new", "old"))
OF_CHECKS = frozenset(("now", "new", "old", "actor"))
OF_RULES = frozenset(("now", "actor", "area"))


def complete(drafts: Sequence[ModuleDraft], words: Vocabulary, mistakes: Mistakes) -> Model:
    """The model with every condition and rule."""
    model = words.model
    entities = dict(model.entities)
    modules = dict(model.modules)
    for draft in drafts:
        sentences = dict(draft.messages)
        for entity in draft.entities:
            name = entity.entity.name
            entity.checks = [check for check in entity.checks if _is_installed(check, draft, words)]
            entities[name] = _entity(entities[name], entity, words, sentences, mistakes)
        rules = [r for r in (check_rule(rule, draft, words, _rule(rule, words, mistakes)) for rule in draft.rules) if r]
        modules[draft.id] = msgspec.structs.replace(modules[draft.id], rules=tuple(rules))
    return msgspec.structs.replace(model, entities=entities, modules=modules)


def _is_installed(check: CheckDraft, module: ModuleDraft, words: Vocabulary) -> bool:
    """Whether the module that a check stands `with` is there; a check of one that is not does not exist."""
    name = check.with_module
    if name is None:
        return True
    if name not in module.optional:
        text = f'with names "{name}", which is no optional module of module.yaml.{nearest(name, module.optional)}'
        check.reader.wrong("unknown_module", text, check.reader.line_of("with"))
    return name in words.model.modules


def _rule(draft: RuleDraft, words: Vocabulary, mistakes: Mistakes) -> Rule:
    """A rule with its condition."""
    if draft.where is None or draft.rule.entity not in words.model.entities:
        return draft.rule
    reader = ConditionReader(words, mistakes, draft.reader.file, draft.rule.entity, sources=OF_RULES)
    return msgspec.structs.replace(draft.rule, where=reader.read(draft.where))


def _entity(
    entity: Entity, draft: EntityDraft, words: Vocabulary, sentences: dict[str, Label], mistakes: Mistakes
) -> Entity:
    """An entity with the conditions of its fields, checks and operations."""

    def reader(sources: frozenset[str], part: Field | None = None) -> ConditionReader:
        return ConditionReader(words, mistakes, draft.reader.file, entity.name, sources=sources, part=part)

    fields = tuple(_field(f, reader(OF_FIELDS), reader) for f in draft.fields)
    seen: set[str] = set()
    checks = []
    for each in draft.checks:
        if each.code in seen:
            each.reader.wrong(
                "duplicate_check",
                f'the check "{each.code}" stands twice: choose another code',
                each.reader.line_of("code"),
            )
        seen.add(each.code)
        checks.append(_check(each, reader(OF_CHECKS), sentences))
    operations = tuple(_operation(o, draft, reader(OF_CHECKS)) for o in entity.operations)
    made = msgspec.structs.replace(
        entity,
        fields=fields,
        checks=tuple(checks),
        operations=operations,
        unique=tuple(
            _unique(key, words, entity.name, chosen) for key, chosen in zip(entity.unique, draft.chosen, strict=True)
        ),
    )
    return entity_by_ids(made, words)


def _unique(key: Unique, words: Vocabulary, entity: str, chosen: bool) -> Unique:
    """A key; a personal one is reviewed where the file does not say."""
    if not chosen and is_personal(words, words.fields(entity), key):
        return msgspec.structs.replace(key, on_hidden="review")
    return key


def _field(draft: FieldDraft, reader: ConditionReader, make: Make) -> Field:
    """A field with its conditions; those of a part speak of the part."""
    changes: dict[str, object] = {}
    for which, node in draft.conditions.items():
        found = reader.read(node)
        if which == "raise":
            changes["raises"] = Raise(draft.raise_to, found, draft.raise_purposes)
        else:
            changes["required_when" if which == "required" else "visible_when"] = found
    if draft.parts:
        changes["fields"] = tuple(_field(p, make(OF_FIELDS, draft.field), make) for p in draft.parts)
    return msgspec.structs.replace(draft.field, **changes)


def _check(draft: CheckDraft, reader: ConditionReader, sentences: dict[str, Label]) -> Check:
    """A check with its condition and its sentence, which stands in one place."""
    when = reader.read(draft.when) if draft.when is not None else TRUE
    elsewhere = sentences.get(draft.code)
    if draft.message is None and elsewhere is None and draft.code:
        text = (
            f"{draft.reader.what} has no sentence: add message: {{zh: ..., en: ...}}, or {draft.code} to messages.yaml"
        )
        draft.reader.wrong("no_message", text, draft.reader.line_of("code"))
    if draft.message is not None and elsewhere is not None:
        text = f"the sentence of {draft.code} stands here and in messages.yaml: remove one"
        draft.reader.wrong("two_messages", text, draft.reader.line_of("message"))
    message = draft.message or elsewhere or Label("", "")
    source = Source(draft.reader.file, draft.reader.line_of("code"))
    return Check(draft.code, draft.grade, when, message, source)  # type: ignore[arg-type] # one of GRADES


def _operation(operation: Operation, draft: EntityDraft, reader: ConditionReader) -> Operation:
    """An operation with its guard."""
    node = draft.guards.get(operation.name)
    return operation if node is None else msgspec.structs.replace(operation, guard=reader.read(node))
