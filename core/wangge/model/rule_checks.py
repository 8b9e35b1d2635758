"""Default rules against the model: role, entity, actions, fields with levels, and the purpose that covers clear ones."""

from __future__ import annotations

import msgspec

from ..errors import Invalid
from .dimensions import AGGREGATE, read_dimensions
from .mistakes import nearest
from .module_draft import ModuleDraft
from .role_files import RuleDraft
from .types import Entity, Field, Model, Rule
from .vocabulary import Vocabulary

PERSONAL = ("personal", "sensitive")
GENERATED = ("create", "update", "remove", "restore")


def check_rule(draft: RuleDraft, module: ModuleDraft, words: Vocabulary, rule: Rule) -> Rule | None:
    """The rule with its condition, or None when its role, entity or optional module is not there."""
    reader, model = draft.reader, words.model
    if rule.role and rule.role not in model.roles and not words.unread("roles.yaml"):
        text = f'there is no role "{rule.role}".{nearest(rule.role, model.roles)}'
        reader.wrong("unknown_role", text, reader.line_of("role"))
    if rule.purpose is not None and rule.purpose not in model.purposes and not words.unread("purposes.yaml"):
        text = f'"{rule.purpose}" is no purpose.{nearest(rule.purpose, model.purposes)}'
        reader.wrong("unknown_purpose", text, reader.line_of("purpose"))
    entity = model.entities.get(rule.entity)
    owner = rule.entity.partition(".")[0]
    if entity is None and owner in module.optional and owner not in model.modules:
        return None
    if entity is None:
        if rule.entity and not words.gone(rule.entity):
            near = nearest(rule.entity, model.entities)
            text = f'there is no entity "{rule.entity}".{near}'
            reader.wrong("unknown_entity", text, reader.line_of("entity"))
        return None
    kinds = model.kinds_of(rule.entity)
    strangers = [k for k in map(model.entities.__getitem__, kinds) if k.module != module.id]
    if kinds and owner == module.id and strangers:
        for kind in strangers:
            text = (
                f'rules of "{owner}" name "{rule.entity}", so nothing is a kind of it: point to it with a ref instead'
            )
            reader.mistakes.add("kind_of_ruled", text, kind.source.file, kind.source.line)
    elif kinds:
        text = f'"{rule.entity}" is not named by rules: name its kinds, {", ".join(kinds)}'
        reader.wrong("rule_of_upper", text, reader.line_of("entity"))
    _check_actions(draft, entity, model)
    if rule.via is not None and model.root_scope(rule.entity).kind != "through":
        text = f'"{rule.entity}" has no links to areas: remove via, it is for entities with scope through'
        reader.wrong("via", text, reader.line_of("via"))
    if not words.unread("purposes.yaml"):
        _check_fields(draft, words, rule)
    rule = _with_dimensions(draft, words, rule)
    return rule if rule.role in model.roles else None


def _with_dimensions(draft: RuleDraft, words: Vocabulary, rule: Rule) -> Rule:
    """The rule with its dimensions."""
    node = draft.dimensions
    if node is None or words.partial(rule.entity):
        return rule
    alone = rule.effect == "allow" and rule.actions == (AGGREGATE,)
    plain = draft.where is None and rule.via is None
    try:
        found = read_dimensions(words.model, rule.entity, node.plain(), rule.fields, alone=alone, plain=plain)
    except Invalid as error:
        draft.reader.wrong("dimensions", error.message, draft.reader.line_of("dimensions"))
        return rule
    return msgspec.structs.replace(rule, dimensions=found)


def _check_actions(draft: RuleDraft, entity: Entity, model: Model) -> None:
    """Operations exist; what is written by operations only has no generated writes."""
    operations = [o.name for e in model.chain(entity.name) for o in e.operations]
    reader = draft.reader
    for action in draft.rule.actions:
        if action.startswith("do:") and action[3:] not in operations:
            text = f'"{entity.name}" has no operation "{action[3:]}".{nearest(action[3:], operations)}'
            reader.wrong("unknown_operation", text, reader.line_of("actions"))
        elif action == "reveal" and draft.rule.purpose is None:
            text = "a rule with reveal names the purpose for which values are shown in clear: purpose: <id>"
            reader.wrong("reveal_without_purpose", text, reader.line_of("actions"))
        elif action in GENERATED and entity.writes == "operations":
            text = f'"{entity.name}" is written by operations only: remove "{action}"'
            reader.wrong("no_such_action", text, reader.line_of("actions"))


def _check_fields(draft: RuleDraft, words: Vocabulary, rule: Rule) -> None:
    """Named fields exist, and clear personal ones are covered by the purpose."""
    fields = words.fields(rule.entity)
    known: dict[str, Field] = {}
    for field in fields.values():
        for name in (field.id, field.name):
            known[name] = field
            known.update({f"{name}.{part.name}": part for part in field.fields})
            known.update({f"{name}.{part.id}": part for part in field.fields})
    for name, level in rule.fields.items():
        if name == "*":
            continue
        line = draft.fields.line_of(name) if draft.fields is not None else draft.reader.line
        if name not in known:
            if words.partial(rule.entity):
                continue
            text = f'"{rule.entity}" has no field "{name}".{nearest(name, known)}'
            draft.reader.wrong("unknown_field", text, line)
        elif level == "clear" and rule.effect == "allow" and known[name].sensitivity in PERSONAL:
            _check_purpose(draft, words.model, rule, name, known[name], line)


def _check_purpose(draft: RuleDraft, model: Model, rule: Rule, name: str, field: Field, line: int) -> None:
    """The rule's purpose is one of the field's, and names the role."""
    covering = covering_purposes(model, rule.role, field)
    if rule.purpose in covering or (rule.purpose is not None and rule.purpose not in model.purposes):
        return
    shown = ", ".join(covering) or f'none yet: add "{rule.role}" to the roles of one of {", ".join(field.purposes)}'
    text = (
        f'"{name}" is {field.sensitivity} and clear for "{rule.role}"; a purpose has to cover that. Possible: {shown}.'
    )
    draft.reader.wrong("clear_without_purpose", text, line)


def covering_purposes(model: Model, role: str, field: Field) -> list[str]:
    """The purposes of a field that name a role; inheritance does not widen them."""
    return [p for p in field.purposes if p in model.purposes and role in model.purposes[p].roles]
