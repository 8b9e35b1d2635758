"""Drafts of all modules as one Model, without conditions and rules: what each name stands for, and names that clash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from ..values import Purpose
from .cycles import cycles
from .mistakes import Mistakes, nearest
from .module_draft import ModuleDraft
from .types import CodeTable, Entity, Model, Role


def assemble(drafts: Sequence[ModuleDraft], mistakes: Mistakes) -> Model:
    """The first of what stands twice is kept."""
    entities: dict[str, Entity] = {}
    tables: dict[str, CodeTable] = {}
    purposes: dict[str, Purpose] = {}
    roles: dict[str, Role] = {}
    for draft in drafts:
        for entity in list(draft.entities):
            name = entity.entity.name
            if name in entities:
                text = f'"{name}" is declared in {entities[name].source.file} too: remove one'
                entity.reader.wrong("duplicate_entity", text, entity.reader.line_of("entity"))
                draft.entities.remove(entity)
                continue
            entities[name] = entity.entity
        tables.update({table.name: table for table in draft.tables})
        for purpose, reader in list(draft.purposes):
            if purpose.id in purposes:
                text = f'the purpose "{purpose.id}" is declared already: use it, or choose another id'
                reader.wrong("duplicate_purpose", text, reader.line_of("id"))
                draft.purposes.remove((purpose, reader))
                continue
            purposes[purpose.id] = purpose
        for role, reader in list(draft.roles):
            if role.id in roles:
                text = f'the role "{role.id}" is declared in {roles[role.id].source.file} too: only add rules to it'
                reader.wrong("duplicate_role", text, reader.line_of("id"))
                draft.roles.remove((role, reader))
                continue
            roles[role.id] = role
    modules = {draft.id: draft.made() for draft in drafts}
    return Model(version="", modules=modules, entities=entities, tables=tables, purposes=purposes, roles=roles)


def without_broken_chains(model: Model, mistakes: Mistakes) -> Model:
    """The model in which `kind_of` always leads to an end, so that fields can be looked up."""
    entities = dict(model.entities)
    known = {name: (e.kind_of,) for name, e in entities.items() if e.kind_of in entities}
    for cycle in cycles(known):
        entity = entities[cycle[0]]
        text = f"entities are kinds of each other: {' -> '.join([*cycle, cycle[0]])}: remove one kind_of"
        mistakes.add("kind_of_cycle", text, entity.source.file, entity.source.line)
        for name in cycle:
            entities[name] = msgspec.structs.replace(entities[name], kind_of=None)
    for name, entity in entities.items():
        if entity.kind_of is not None and entity.kind_of not in entities:
            entities[name] = msgspec.structs.replace(entity, kind_of=None)
    return msgspec.structs.replace(model, entities=entities)


def unknown(name: str, known: Mapping[str, object]) -> str:
    """`which no file declares. Did you mean ...?`"""
    return f"which no file declares.{nearest(name, known)}"
