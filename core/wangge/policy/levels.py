"""The field levels of a rule, by field id: what `*` covers, what must be named, what a list's parts have."""

from __future__ import annotations

from collections.abc import Mapping

from ..model.types import Field, Model
from .scope import Level

LEVELS = {"hidden": Level.HIDDEN, "masked": Level.MASKED, "clear": Level.CLEAR}
OPEN = ("public", "internal")


def levels(
    model: Model, entity: str, named: Mapping[str, str], modules: frozenset[str]
) -> tuple[tuple[str, Level], ...]:
    """(field id, level) of a rule's `fields`, sorted, hidden left out; fields of a module that is not in `modules` are hidden.

    `*` covers public and internal fields only. A part of a list has its own entry (`phones.number`); a public or
    internal part that is not named has the level of its list.
    """
    found: dict[str, Level] = {}
    every = LEVELS[named.get("*", "hidden")]
    for field in model.fields_of(entity).values():
        if field.with_module is not None and field.with_module not in modules:
            continue
        found[field.id] = level = _level(named, field, every)
        for part in field.fields:
            own = named.get(f"{field.name}.{part.name}", named.get(f"{field.id}.{part.id}"))
            inherited = level if part.sensitivity in OPEN else Level.HIDDEN
            found[f"{field.id}.{part.id}"] = min(level, LEVELS[own]) if own else inherited
    return tuple(sorted((name, level) for name, level in found.items() if level > Level.HIDDEN))


def unraised(model: Model, entity: str, fields: tuple[tuple[str, Level], ...], purpose: str | None) -> tuple[str, ...]:
    """The clear fields whose class is raised in some rows, but not for this purpose (core/decisions/0008)."""
    raised: dict[str, tuple[str, ...]] = {}
    for field in model.fields_of(entity).values():
        if field.raises is not None:
            raised[field.id] = field.raises.purposes
        raised.update(
            {f"{field.id}.{part.id}": part.raises.purposes for part in field.fields if part.raises is not None}
        )
    return tuple(
        name for name, level in fields if level is Level.CLEAR and name in raised and purpose not in raised[name]
    )


def taken(model: Model, entity: str, named: Mapping[str, str]) -> frozenset[str]:
    """The field ids that a deny with `fields` takes: those that it names, whatever level it writes; a list with its parts."""
    found: set[str] = set()
    for field in model.fields_of(entity).values():
        whole = not named.keys().isdisjoint((field.name, field.id)) or ("*" in named and field.sensitivity in OPEN)
        found |= {field.id} if whole else set()
        for part in field.fields:
            keys = (f"{field.name}.{part.name}", f"{field.id}.{part.id}")
            if whole or not named.keys().isdisjoint(keys):
                found.add(f"{field.id}.{part.id}")
    return frozenset(found)


def _level(named: Mapping[str, str], field: Field, every: Level) -> Level:
    """The level of one field: named, else that of `*` where it covers the field."""
    own = named.get(field.name, named.get(field.id))
    if own is not None:
        return LEVELS[own]
    return every if field.sensitivity in OPEN else Level.HIDDEN
