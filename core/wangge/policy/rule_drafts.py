"""What an author may publish (PERMISSIONS.md 6), and when a second person must agree.

Nobody grants more than the author has: only in the own area, only modules that are on there, conditions only over fields
that the author may filter by there, rights on the core's own objects only as far as the author has them, nothing more for
a role that the author holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from ..model.filter import SELF, Compare, Every, Filter, Many, Not, Refers, Some
from ..model.rule_checks import PERSONAL
from .build import Found, grants_of_post
from .explain import IMPLICIT
from .levels import levels
from .nominal import nominal_facts, nominal_post
from .places import CORE
from .roles import Roles
from .rule_sets import Problem, RuleSet, content, fields_by_path
from .scope import EntityShape, Form, Level, Scope, Slot
from .world import Enabled, Span, StoredRule, World

Gain = tuple[str, str, str | None]
"""(role, entity, field that more is shown of; None for rows)."""
IDS = frozenset(("id", "revision", "createdAt", "updatedAt", "createdBy", "removedAt"))
PLACES = {"area": "wangge.area", "district": "wangge.area", "unit": "wangge.unit"}


def check(world: World, after: World, scope: Scope, right: tuple[str, str], sets: Sequence[RuleSet]) -> list[Problem]:
    """What the author may not publish; `right` is the (entity, action) by which the author may."""
    author = _Author(world, scope, right)
    found = [problem for n, each in enumerate(sets) for problem in author.problems(each, ("changes", str(n)))]
    own = _closure(world, scope.roles)
    gains = {(role, entity) for role, entity, _ in widened(world, after) if role in scope.roles}
    for n, each in enumerate(sets):
        if each.role in own and any(entity == each.entity for _, entity in gains):
            found.append(Problem(("changes", str(n), "role"), "draft.own_role", {"role": each.role}))
    return found


def outside(world: World, scope: Scope, right: tuple[str, str], sets: Sequence[RuleSet]) -> list[Problem]:
    """The sets that hold where the caller does not have the right."""
    author = _Author(world, scope, right)
    return [
        Problem(("changes", str(n), "district"), "draft.outside_area")
        for n, each in enumerate(sets)
        if not author.in_area(each.district)
    ]


class _Author:
    """What one author has."""

    def __init__(self, world: World, scope: Scope, right: tuple[str, str]) -> None:
        self._world = world
        self._scope = scope
        self._slots = [scope.slots[g.slot] for g in _rights(scope, right[0]).grants(right[1])]
        self._known = {content(rule) for rule in world.rules}
        """a rule that stands somewhere is no news: a district may take it over."""

    def problems(self, each: RuleSet, path: tuple[str, ...]) -> list[Problem]:
        """What is not the author's to publish in one set."""
        if each.district is not None and each.district not in self._world.districts:
            return [Problem((*path, "district"), "draft.unknown_district")]
        if not self.in_area(each.district):
            return [Problem((*path, "district"), "draft.outside_area")]
        found = [
            problem
            for n, rule in enumerate(each.rules)
            if content(rule) not in self._known
            for problem in self._of_rule(rule, (*path, "rules", str(n)))
        ]
        module = self._world.model.entities[each.entity].module
        if module not in self._scope.shape.modules and module != CORE:
            found.append(Problem((*path, "entity"), "draft.module_off", {"module": module}))
        return found

    def in_area(self, district: UUID | None) -> bool:
        """Whether the right holds in a whole district, or the whole city."""
        if district is not None and district not in self._world.districts:
            return False
        span = self._world.districts[district] if district is not None else None
        return any(_covers(slot, span) for slot in self._slots)

    def _of_rule(self, rule: StoredRule, path: tuple[str, ...]) -> Iterable[Problem]:
        """A rule that is new or changed."""
        span = self._world.districts[rule.district] if rule.district is not None else None
        if rule.condition is not None:
            for name in sorted(self._unfilterable(rule.entity, rule.condition, span)):
                yield Problem((*path, "where"), "draft.condition_not_yours", {"field": name})
        if rule.effect == "ALLOW" and self._world.model.entities[rule.entity].module == CORE:
            for action in rule.actions:
                if not self._has(rule, action, span):
                    yield Problem((*path, "actions"), "draft.more_than_yours", {"action": action})

    def _has(self, rule: StoredRule, action: str, span: Span | None) -> bool:
        """Whether the author holds an action on a core object with at least these levels."""
        modules = frozenset(self._world.model.modules)
        wanted = dict(levels(self._world.model, rule.entity, rule.fields, modules))
        return any(
            grant.condition is None
            and self._reaches(rule.entity, grant.slot, span)
            and all(grant.level(field) >= level for field, level in wanted.items())
            for grant in _rights(self._scope, rule.entity).grants(action)
        )

    def _unfilterable(self, entity: str, found: Filter, span: Span | None) -> set[str]:
        """The fields of a condition that the author may not filter by in the whole area of the rule."""
        if isinstance(found, Every | Some):
            return {name for item in found.items for name in self._unfilterable(entity, item, span)}
        if isinstance(found, Not):
            return self._unfilterable(entity, found.item, span)
        if isinstance(found, Compare):
            return set() if self._filters(entity, found.field, span) else {_shown(entity, found.field)}
        own = set() if self._filters(entity, found.field, span) else {_shown(entity, found.field)}
        return own | self._behind(entity, found, span)

    def _behind(self, entity: str, found: Refers | Many, span: Span | None) -> set[str]:
        """What stands behind a hop: the parts of a list, or rows of another entity."""
        field = self._world.model.fields_of(entity).get(found.field)
        if field is not None and field.kind in ("list", "photos", "files"):
            paths = _paths(found.inner)
            return {
                _shown(entity, f"{field.id}.{p}") for p in paths if not self._filters(entity, f"{field.id}.{p}", span)
            }
        named = found.target if isinstance(found, Refers) and found.target else None
        targets = (named,) if named else field.to if field is not None else (PLACES[found.field],)
        model = self._world.model
        kinds = [kind for target in targets for kind in (model.kinds_of(target) or (target,))]
        return {name for kind in kinds for name in self._unfilterable(kind, found.inner, span)}

    def _filters(self, entity: str, field: str, span: Span | None) -> bool:
        """Whether some unconditional grant of `list` shows the field in clear everywhere in the rule's area."""
        return any(
            grant.condition is None
            and grant.via is None
            and not grant.own
            and (field in IMPLICIT | IDS | {SELF} or grant.level(field) is Level.CLEAR)
            and self._reaches(entity, grant.slot, span)
            for grant in _rights(self._scope, entity).grants("list")
        )

    def _reaches(self, entity: str, slot: int, span: Span | None) -> bool:
        """Whether a slot holds all rows of the entity that lie in an area."""
        return self._world.model.root_scope(entity).kind == "city" or _covers(self._scope.slots[slot], span)


def _rights(scope: Scope, entity: str) -> EntityShape:
    return scope.shape.entity(entity) or EntityShape({})


def _covers(slot: Slot, span: Span | None) -> bool:
    """Whether a slot holds a whole area; None is the city."""
    if slot.form is Form.CITY:
        return True
    return span is not None and any(lo <= span[0] and span[1] <= hi for lo, hi in slot.spans)


def _shown(entity: str, field: str) -> str:
    return f"{entity}.{field or 'within'}"


def _paths(found: Filter) -> set[str]:
    """The fields that a condition over parts names."""
    if isinstance(found, Every | Some):
        return {name for item in found.items for name in _paths(item)}
    if isinstance(found, Not):
        return _paths(found.item)
    return {found.field}


def needs_second(world: World, after: World) -> tuple[Gain, ...]:
    """The personal and sensitive fields of which some role is shown more: for these a second person must agree."""
    models = [world.model] if world.model is after.model else [world.model, after.model]
    known: dict[str, list[Mapping[str, Any]]] = {}
    found = []
    for gain in widened(world, after):
        _, entity, field = gain
        fields = known.setdefault(entity, [fields_by_path(m, entity) for m in models if entity in m.entities])
        if field is not None and any(field in each and each[field].sensitivity in PERSONAL for each in fields):
            found.append(gain)
    return tuple(found)


def widened(world: World, after: World) -> tuple[Gain, ...]:
    """(role, entity, field) of which a role may be shown more afterwards, by the rules alone, whatever rows there are.

    Nothing is compared but conditions that are written alike: an equal condition in other words counts as more.
    """
    roles, later = Roles(world), Roles(after)
    before_rules, after_rules = ({rule.id: rule for rule in w.rules} for w in (world, after))
    changed = [r for id_, r in before_rules.items() if id_ not in after_rules]
    changed += [r for id_, r in after_rules.items() if id_ not in before_rules]
    both = {*world.inherits, *after.inherits}
    moved = {role for role in both if world.inherits.get(role, ()) != after.inherits.get(role, ())}
    touched = {rule.role for rule in changed} | moved
    entities = {rule.entity for rule in (after.rules if moved else changed)}
    places = {rule.district for rule in changed if rule.district in world.districts}
    names = {r for r in {*both, *touched} if (_closure(world, {r}) | _closure(after, {r})) & touched}
    gains: set[Gain] = set()
    for role in sorted(names):
        for district in (None, *sorted(places, key=str)):
            was, will = (_nominal(w, r, role, district, entities) for w, r in ((world, roles), (after, later)))
            gains |= {(role, entity, field) for entity, field in _more(was, will)}
            gains |= {(role, entity, field) for entity, field in _released(was, will, roles, later, role, district)}
    return tuple(sorted(gains, key=str))


def _nominal(world: World, roles: Roles, role: str, district: UUID | None, entities: set[str]) -> list[Found]:
    """The grants of a post of the role in a district, or for the whole city, with every module on."""
    post = nominal_post(world, role, district)
    on = tuple(Enabled(module, None, None, None) for module in world.model.modules)
    everything = msgspec.structs.replace(world, enabled=on)
    rules = tuple(rule for rule in roles.effective(role, district) if rule.entity in entities)
    return grants_of_post(everything, nominal_facts(post), post, rules)


def _more(was: Sequence[Found], will: Sequence[Found]) -> set[tuple[str, str | None]]:
    """(entity, field) of grants that no earlier grant covers."""
    found: set[tuple[str, str | None]] = set()
    for grant in will:
        covering = [old for old in was if _covering(old, grant)]
        if not covering:
            found.add((grant.entity, None))
        best: dict[str, Level] = {}
        for old in covering:
            best |= {name: max(level, best.get(name, level)) for name, level in old.fields}
        found |= {(grant.entity, name) for name, level in grant.fields if level > best.get(name, Level.HIDDEN)}
    return found


def _covering(old: Found, new: Found) -> bool:
    """Whether every row of the new grant is one of the old."""
    return (
        (old.entity, old.action) == (new.entity, new.action)
        and old.via in (None, new.via)
        and (old.condition is None or old.condition == new.condition)
        and (new.action != "reveal" or old.purpose == new.purpose)
        and set(old.dimensions) >= set(new.dimensions)
    )


def _released(
    was: Sequence[Found], will: Sequence[Found], roles: Roles, later: Roles, role: str, district: UUID | None
) -> set[tuple[str, str | None]]:
    """(entity, field) that a prohibition took from everybody and no longer takes."""
    kept = {key for rule in later.effective(role, district) for key in _taken(rule)}
    gone = {key for rule in roles.effective(role, district) for key in _taken(rule)} - kept
    grants = [grant for grant in (*was, *will) if any((grant.entity, grant.action) == key[:2] for key in gone)]
    return {(g.entity, name) for g in grants for name, _ in g.fields} | {(entity, None) for entity, _, _ in gone}


def _taken(rule: StoredRule) -> Iterable[tuple[str, str, Filter | None]]:
    return [(rule.entity, action, rule.condition) for action in rule.actions] if rule.effect == "PROHIBIT" else []


def _closure(world: World, roles: Iterable[str]) -> frozenset[str]:
    """Roles with all that they inherit."""
    found: set[str] = set()
    pending = list(roles)
    while pending:
        role = pending.pop()
        if role not in found:
            found.add(role)
            pending += world.inherits.get(role, ())
    return frozenset(found)
