"""Modules among each other: requirements, what they say they touch, purposes, roles, pages."""

from __future__ import annotations

from collections.abc import Sequence

from .cycles import cycles
from .mistakes import nearest
from .module_draft import CORE, ModuleDraft
from .reader import Reader
from .types import Model, Page
from .vocabulary import Vocabulary


def check_modules(drafts: Sequence[ModuleDraft], words: Vocabulary) -> None:
    """Requirements are installed and new enough, without circle; declared entities exist."""
    by_id = {draft.id: draft for draft in drafts}
    for draft in drafts:
        reader = draft.reader
        for name, least in draft.requires.items():
            line = reader.item_line("requires", name)
            if name == draft.id:
                continue
            if name not in by_id:
                if words.gone(name):
                    continue
                near = nearest(name, by_id)
                reader.wrong("unknown_module", f'"{draft.id}" requires "{name}", which is not installed.{near}', line)
            elif least and _numbers(by_id[name].version) < _numbers(least):
                text = (
                    f'"{draft.id}" requires {name} >= {least}, installed is {by_id[name].version}: install a newer one'
                )
                reader.wrong("module_too_old", text, line)
        for name in draft.optional:
            line = reader.item_line("optional", name)
            if name in draft.requires or name == draft.id:
                reader.wrong("optional", f'"{name}" is required already: remove it from optional', line)
            elif name not in by_id and (near := nearest(name, by_id)).startswith(" Did"):
                reader.wrong("unknown_module", f'"{name}" is not installed.{near}', line)
        _check_touched(draft, words)
    circles = cycles({draft.id: tuple(draft.requires) for draft in drafts})
    for circle in circles:
        draft = by_id[circle[0]]
        text = f"modules require each other: {' -> '.join([*circle, circle[0]])}: make one of them optional"
        draft.reader.wrong("requires_cycle", text, draft.reader.line_of("requires"))


def _numbers(version: str) -> tuple[int, ...]:
    """The three numbers of a version."""
    numbers = [int(part) for part in version.partition("-")[0].partition("+")[0].split(".")]
    return (*numbers, 0, 0)[:3]


def reach(draft: ModuleDraft) -> set[str]:
    """The modules that a module may point into without `with`, by its own words."""
    return {CORE, draft.id, *draft.requires}


def required(draft: ModuleDraft, model: Model) -> set[str]:
    """The same, with what its requirements require."""
    found: set[str] = set()
    waiting = [CORE, draft.id, *draft.requires]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        if name in model.modules:
            waiting.extend(model.modules[name].requires)
    return found


def _check_touched(draft: ModuleDraft, words: Vocabulary) -> None:
    """`reads`, `writes` name entities of modules that are required or optional."""
    model = words.model
    for key in ("reads", "writes"):
        for name in draft.reads if key == "reads" else draft.writes:
            line = draft.reader.item_line(key, name)
            owner = name.partition(".")[0]
            if words.gone(name) or (owner in draft.optional and owner not in model.modules):
                continue
            if name not in model.entities:
                near = nearest(name, model.entities)
                draft.reader.wrong("unknown_entity", f'{key} names "{name}", which no file declares.{near}', line)
            elif owner not in required(draft, model) and owner not in draft.optional:
                text = f'{key} names "{name}" of a module that is not required: add "{owner}" to requires or optional'
                draft.reader.wrong("not_required", text, line)


def check_purposes(drafts: Sequence[ModuleDraft], words: Vocabulary) -> None:
    """Purposes name roles that exist; modules name purposes that exist."""
    for draft in drafts:
        for name in draft.uses_purposes:
            if name not in words.model.purposes and not words.unread("purposes.yaml"):
                line = draft.reader.item_line("purposes", name)
                text = f'"{name}" is no purpose.{nearest(name, words.model.purposes)}'
                draft.reader.wrong("unknown_purpose", text, line)
        for purpose, reader in draft.purposes:
            for role in purpose.roles:
                if role not in words.model.roles and not words.unread("roles.yaml"):
                    near = nearest(role, words.model.roles)
                    text = f'the purpose "{purpose.id}" names the role "{role}", which no file declares.{near}'
                    reader.wrong("unknown_role", text, reader.item_line("roles", role))


def check_roles(drafts: Sequence[ModuleDraft], words: Vocabulary) -> None:
    """Roles inherit from roles that exist, without circle, and are given by roles that exist."""
    for draft in drafts:
        for role, reader in draft.roles:
            for upper in role.inherits:
                if upper not in words.model.roles and not words.unread("roles.yaml"):
                    text = f'"{role.id}" inherits from "{upper}", which no file declares.{nearest(upper, words.model.roles)}'
                    reader.wrong("unknown_role", text, reader.item_line("inherits", upper))
            for giver in role.delegated_by:
                if giver not in words.model.roles and not words.unread("roles.yaml"):
                    near = nearest(giver, words.model.roles)
                    text = f'"{role.id}" is delegated by "{giver}", which no file declares.{near}'
                    reader.wrong("unknown_role", text, reader.item_line("delegated_by", giver))
    readers = {role.id: reader for draft in drafts for role, reader in draft.roles}
    for circle in cycles({role.id: role.inherits for role in words.model.roles.values()}):
        text = f"roles inherit from each other: {' -> '.join([*circle, circle[0]])}: remove one of them"
        readers[circle[0]].wrong("role_cycle", text, readers[circle[0]].line_of("inherits"))


def _check_map(page: Page, reader: Reader, model: Model) -> None:
    """A map shows rows that have a place."""
    if page.kind != "map" or page.entity is None:
        return
    if not any(field.kind in ("point", "polygon") for field in model.fields_of(page.entity).values()):
        text = f'the page "{page.id}" is a map, but "{page.entity}" has no point and no polygon: use kind: list'
        reader.wrong("page_map", text, reader.line_of("kind"))


def check_pages(draft: ModuleDraft, words: Vocabulary) -> None:
    """Pages show entities that exist."""
    for page, reader in draft.pages:
        if page.entity in words.model.entities:
            _check_map(page, reader, words.model)
        if page.entity is None or page.entity in words.model.entities or words.gone(page.entity):
            continue
        owner = page.entity.partition(".")[0]
        if owner in draft.optional and owner not in words.model.modules:
            continue
        text = f'the page "{page.id}" shows "{page.entity}", which no file declares.{nearest(page.entity, words.model.entities)}'
        reader.wrong("unknown_entity", text, reader.line_of("entity"))
