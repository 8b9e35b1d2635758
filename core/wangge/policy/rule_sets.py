"""A draft of rules as data: for a role and an entity, city-wide or in one district, the rules that are to hold there.

Pure over a loaded World: `read` makes typed rules of the JSON, `applied` is the World after publishing. Whether an author
may publish them is `rule_drafts`; what they come to is `difference`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from ..errors import Invalid
from ..model.conditions import parse_filter
from ..model.dimensions import AGGREGATE, read_dimensions
from ..model.role_files import ACTIONS, LEVELS
from ..model.rule_checks import GENERATED, PERSONAL, covering_purposes
from ..model.types import Dimension, Field, Model
from ..model.words import FIELD_NAME
from ..values import uuid7
from .world import StoredRule, World

EFFECTS = ("ALLOW", "DENY", "PROHIBIT")
KEYS = frozenset(("effect", "actions", "fields", "where", "purpose", "via", "dimensions"))
Pair = tuple[str, str, UUID | None]
"""(role, entity, district)."""


class Problem(msgspec.Struct, frozen=True):
    """What is wrong with one place of a draft; `facts` fill the sentence of `code`."""

    path: tuple[str, ...]
    code: str
    facts: Mapping[str, Any] = {}


class RuleSet(msgspec.Struct, frozen=True):
    """The rules of one role for one entity, whole; `reset` takes back what was published for the pair."""

    role: str
    entity: str
    district: UUID | None
    rules: tuple[StoredRule, ...] = ()
    reset: bool = False

    @property
    def pair(self) -> Pair:
        """What it is about."""
        return (self.role, self.entity, self.district)


def read(model: Model, changes: Sequence[Mapping[str, Any]]) -> tuple[tuple[RuleSet, ...], tuple[Problem, ...]]:
    """The sets of a draft, and what is wrong with them by themselves."""
    problems: list[Problem] = []
    sets = [_set(model, change, ("changes", str(n)), problems) for n, change in enumerate(changes)]
    pairs = [each.pair for each in sets]
    for n, pair in enumerate(pairs):
        if pair in pairs[:n]:
            problems.append(Problem(("changes", str(n)), "draft.pair_twice", {"role": pair[0], "entity": pair[1]}))
    return tuple(sets), tuple(problems)


def _set(model: Model, change: Mapping[str, Any], path: tuple[str, ...], problems: list[Problem]) -> RuleSet:
    """One set; problems are noted."""
    role, entity, given = change["role"], change["entity"], change.get("rules") or []
    district = _uuid(change.get("district"))
    reset = bool(change.get("reset"))
    if change.get("district") is not None and district is None:
        problems.append(Problem((*path, "district"), "draft.unknown_district", {}))
    if role not in model.roles:
        problems.append(Problem((*path, "role"), "draft.unknown_role", {"role": role}))
    if entity not in model.entities or model.kinds_of(entity):
        problems.append(Problem((*path, "entity"), "draft.unknown_entity", {"entity": entity}))
        return RuleSet(role, entity, district, (), reset)
    if reset and given:
        problems.append(Problem((*path, "rules"), "draft.reset_with_rules", {}))
    rules = [
        _Rule(model, role, entity, district, rule, (*path, "rules", str(n)), problems).made()
        for n, rule in enumerate(given)
    ]
    return RuleSet(role, entity, district, tuple(rule for rule in rules if rule is not None), reset)


class _Rule:
    """Reads one rule."""

    def __init__(
        self,
        model: Model,
        role: str,
        entity: str,
        district: UUID | None,
        given: Mapping[str, Any],
        path: tuple[str, ...],
        problems: list[Problem],
    ) -> None:
        self._model = model
        self._role = role
        self._entity = entity
        self._district = district
        self._given = given
        self._path = path
        self._problems = problems

    def wrong(self, place: str, code: str, **facts: Any) -> None:
        """Note a problem."""
        self._problems.append(Problem((*self._path, place), code, facts))

    def made(self) -> StoredRule | None:
        """The rule; None when it is wrong."""
        before = len(self._problems)
        given = self._given
        effect: Any = given.get("effect") or "ALLOW"
        for key in given.keys() - KEYS:
            self.wrong(key, "draft.unknown_key", key=key)
        if effect not in EFFECTS:
            self.wrong("effect", "draft.unknown_effect", effect=effect)
        if effect == "PROHIBIT" and self._district is not None:
            self.wrong("effect", "draft.prohibit_in_district")
        actions, purpose, via = self._actions(), given.get("purpose"), given.get("via")
        if purpose is not None and purpose not in self._model.purposes:
            self.wrong("purpose", "draft.unknown_purpose", purpose=purpose)
        if "reveal" in actions and purpose is None:
            self.wrong("purpose", "draft.reveal_without_purpose")
        if via is not None and self._model.root_scope(self._entity).kind != "through":
            self.wrong("via", "draft.no_links", entity=self._entity)
        fields = self._fields(effect, purpose)
        condition = self._condition()
        dimensions = self._dimensions(effect, actions, fields)
        if len(self._problems) > before:
            return None
        return StoredRule(
            id=uuid7(),
            role=self._role,
            entity=self._entity,
            actions=actions,
            fields=fields,
            condition=condition,
            purpose=purpose,
            effect=effect,
            via=via,
            dimensions=dimensions,
            district=self._district,
        )

    def _dimensions(self, effect: str, actions: tuple[str, ...], fields: dict[str, str]) -> tuple[Dimension, ...]:
        """What a rule for aggregates alone may be asked by."""
        given = self._given.get("dimensions")
        if not given:
            return ()
        alone = effect == "ALLOW" and actions == (AGGREGATE,)
        plain = self._given.get("where") is None and self._given.get("via") is None
        try:
            return read_dimensions(self._model, self._entity, given, fields, alone=alone, plain=plain)
        except Invalid as error:
            self.wrong("dimensions", "draft.dimensions", reason=error.message)
            return ()

    def _actions(self) -> tuple[str, ...]:
        """The actions, each known and once."""
        entity = self._model.entities[self._entity]
        operations = [o.name for level in self._model.chain(self._entity) for o in level.operations]
        found = tuple(dict.fromkeys(self._given.get("actions") or ()))
        if not found:
            self.wrong("actions", "draft.no_actions")
        for action in found:
            known = action in ACTIONS or (re.fullmatch(rf"do:{FIELD_NAME}", action) and action[3:] in operations)
            if not known or (action in GENERATED and entity.writes == "operations"):
                self.wrong("actions", "draft.unknown_action", action=action)
        return found

    def _fields(self, effect: str, purpose: str | None) -> dict[str, str]:
        """Field -> level, each known; clear personal ones covered by the purpose."""
        known = fields_by_path(self._model, self._entity)
        found: dict[str, str] = {}
        for name, level in (self._given.get("fields") or {}).items():
            if level not in LEVELS:
                self.wrong("fields", "draft.unknown_level", field=name, level=level)
            elif name != "*" and name not in known:
                self.wrong("fields", "draft.unknown_field", field=name)
            elif name != "*" and level == "clear" and effect == "ALLOW" and known[name].sensitivity in PERSONAL:
                covering = covering_purposes(self._model, self._role, known[name])
                if purpose not in covering:
                    self.wrong("purpose", "draft.clear_without_purpose", field=name, possible=", ".join(covering))
            found[name] = level
        return found

    def _condition(self) -> Any:
        """The parsed condition."""
        where = self._given.get("where")
        if where is None:
            return None
        try:
            return parse_filter(self._model, self._entity, where)
        except Invalid as error:
            self.wrong("where", "draft.condition", reason=error.message)
            return None


def fields_by_path(model: Model, entity: str) -> dict[str, Field]:
    """Field by each name that a rule may write, parts as `<list>.<part>`."""
    known: dict[str, Field] = {}
    for field in model.fields_of(entity).values():
        for name in (field.id, field.name):
            known[name] = field
            for part in field.fields:
                known |= {f"{name}.{part.id}": part, f"{name}.{part.name}": part}
    return known


def field_name(model: Model, entity: str, field: str | None) -> str | None:
    """The present name of a field id, parts as `<list>.<part>`."""
    head, _, rest = (field or "").partition(".")
    found = model.fields_of(entity).get(head)
    if found is None:
        return field
    part = next((p.name for p in found.fields if p.id == rest), rest)
    return f"{found.name}.{part}" if rest else found.name


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text is not None else None
    except ValueError:
        return None


def content(rule: StoredRule) -> tuple[Any, ...]:
    """What a rule says, apart from its id and where it holds."""
    condition = msgspec.json.encode(rule.condition, order="sorted") if rule.condition is not None else None
    return (
        rule.role,
        rule.entity,
        tuple(sorted(rule.actions)),
        tuple(sorted(rule.fields.items())),
        condition,
        rule.purpose,
        rule.effect,
        rule.via,
        tuple(sorted(rule.dimensions, key=lambda one: one.field)),
    )


def applied(world: World, sets: Sequence[RuleSet], defaults: Sequence[StoredRule] = ()) -> World:
    """The World after publishing; a city-wide reset brings the modules' `defaults` of its pair back."""
    touched = {each.pair for each in sets}
    kept = [rule for rule in world.rules if (rule.role, rule.entity, rule.district) not in touched]
    made = [rule for each in sets for rule in each.rules]
    back = {each.pair for each in sets if each.reset and each.district is None}
    made += [rule for rule in defaults if (rule.role, rule.entity, None) in back]
    return msgspec.structs.replace(world, rules=tuple(sorted((*kept, *made), key=lambda rule: rule.id)))


def module_defaults(model: Model) -> tuple[StoredRule, ...]:
    """The default rules of the modules, as if they were stored."""
    return tuple(
        StoredRule(
            id=uuid7(),
            role=rule.role,
            entity=rule.entity,
            actions=rule.actions,
            fields=rule.fields,
            condition=rule.where,
            purpose=rule.purpose,
            effect=rule.effect.upper(),  # type: ignore[arg-type] # of the three effects
            via=rule.via,
            dimensions=rule.dimensions,
        )
        for module in model.modules.values()
        for rule in module.rules
    )
