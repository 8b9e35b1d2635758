"""Which cubes there have to be: one for each entity of which some rule gives aggregates without rows.

All rules of an entity share one cube, so that what one of them hides does not follow from another: its families are the
sets of dimensions that may be asked together, its areas go to the finest kind that any of them names.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ..model.dimensions import AREA_FIELD, AREA_LEVELS, NUMBERS
from ..model.types import Dimension, Model
from ..policy.world import StoredRule


class Wanted(msgspec.Struct, frozen=True):
    """The cube of one entity."""

    entity: str
    dimensions: tuple[Dimension, ...]
    """without areas, in order of their fields."""
    families: tuple[frozenset[int], ...]
    """which of them may be asked together."""
    level: str
    """the finest kind of its areas; `city` for an entity without areas."""
    measures: tuple[str, ...]
    """the number fields that some rule shows."""


def wanted(model: Model, rules: Iterable[StoredRule]) -> tuple[Wanted, ...]:
    """The cubes of stored rules."""
    by_entity: dict[str, list[StoredRule]] = {}
    for rule in rules:
        if rule.dimensions and rule.effect == "ALLOW" and rule.entity in model.entities:
            by_entity.setdefault(rule.entity, []).append(rule)
    return tuple(_cube(model, entity, found) for entity, found in sorted(by_entity.items()))


def _cube(model: Model, entity: str, rules: list[StoredRule]) -> Wanted:
    """The cube that all rules of an entity are answered from."""
    known = model.fields_of(entity)
    banded: dict[str, Dimension] = {}
    for rule in rules:
        for one in rule.dimensions:
            if one.field in known:
                banded.setdefault(one.field, one)
    dimensions = tuple(banded[name] for name in sorted(banded))
    families = {frozenset(dimensions.index(one) for one in rule.dimensions if one in dimensions) for rule in rules}
    return Wanted(
        entity,
        dimensions,
        tuple(sorted(families, key=sorted)),
        _level(model, entity, rules),
        _measures(model, entity, rules),
    )


def _level(model: Model, entity: str, rules: list[StoredRule]) -> str:
    """The finest kind of area: also that of posts, where a rule names none, down to the community."""
    if model.root_scope(entity).kind == "city":
        return AREA_LEVELS[0]
    named = [next((one.unit for one in rule.dimensions if one.field == AREA_FIELD), AREA_LEVELS[-1]) for rule in rules]
    return max(named, key=AREA_LEVELS.index)


def _measures(model: Model, entity: str, rules: list[StoredRule]) -> tuple[str, ...]:
    """The stored numbers that some rule names in clear, or by `*`."""
    found = []
    for field in model.fields_of(entity).values():
        plain = field.kind in NUMBERS and not field.sealed and field.inputs is None and field.expression is None
        if (
            plain
            and field.raises is None
            and any(_shown(rule, field.name, field.id, field.sensitivity) for rule in rules)
        ):
            found.append(field.id)
    return tuple(sorted(found))


def _shown(rule: StoredRule, name: str, id_: str, sensitivity: str) -> bool:
    every = rule.fields.get("*") if sensitivity in ("public", "internal") else None
    return rule.fields.get(name, rule.fields.get(id_, every)) == "clear"
