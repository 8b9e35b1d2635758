"""World + facts of a caller -> Scope: grants per post, united over posts, in canonical form."""

from __future__ import annotations

import bisect
import datetime as dt
import hashlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from ..model.dimensions import AREA_FIELD
from ..model.filter import Compare, Every, Filter, FromActor, FromArea, Many, Not, Refers, Some
from ..model.types import Dimension
from .canonical import canonical, text
from .consent import counted
from .levels import levels, taken, unraised
from .places import joined, reaches_of, slot_of
from .recipes import Group, Memory, Part, Recipe
from .roles import Roles
from .scope import CUBE, EntityShape, Form, Grant, Level, Prohibition, Scope, Shape, Slot
from .world import Facts, HeldPost, StoredRule, World

PER_POST = frozenset(("post", "units", "areas"))
Levels = tuple[tuple[str, Level], ...]
Prohibited = dict[str, dict[str, dict[str, tuple[Filter, list[HeldPost]]]]]
"""entity -> action -> canonical text of a condition -> the condition and the posts that hold it."""
READS = ("list", "get")
KEYS = "keys"
"""the subject of every Scope that a renewed key of seals ends."""
MODULES = "modules"
"""the subject of every Scope that any module's being switched ends: what is on decides what every caller may see."""
SHOWN = (*READS, "aggregate", "export", "subscribe")
"""the actions that show cells, of which a raised class takes something."""


class Found(msgspec.Struct, frozen=True):
    """One grant of one post before union: what it is, apart from where."""

    entity: str
    action: str
    condition: Filter | None
    via: str | None
    fields: Levels
    post: HeldPost
    reach: Slot
    purpose: str | None = None
    dimensions: tuple[Dimension, ...] = ()


Narrow = Callable[[list[Found]], list[Found]]


def build_scope(
    world: World, roles: Roles, facts: Facts, *, narrow: Narrow | None = None, memory: Memory | None = None
) -> Scope:
    """The Scope of a caller; without posts nothing is granted. `narrow` makes fewer grants of those of all posts."""
    memory = memory if memory is not None and narrow is None else Memory()
    reaches = {(n, m): r for n, post in enumerate(facts.posts) for m, r in reaches_of(world, facts, post).items()}
    rules = [roles.effective(post.role, post.district) for post in facts.posts]
    modules = [frozenset(m for at, m in reaches if at == n) for n in range(len(facts.posts))]
    recipe = memory.recipe(rules, modules, lambda: _recipe(world, roles, facts, narrow))
    slots: list[Slot] = []
    placed = tuple([_place(slots, joined(world, _parts(parts, reaches), keep_posts=k)) for parts, k in recipe.joins])
    holders = _holders(recipe, facts, slots)
    shape = memory.shape(
        recipe, slots, (*placed, *holders.values()), lambda: _shape(world, recipe, slots, placed, holders)
    )
    return Scope(
        actor=facts.actor,
        shape=shape,
        slots=memory.one(tuple(slots)),
        valid_until=_valid_until(world, facts),
        subjects=_subjects(world, facts),
        counters=world.counters,
        roles=memory.one(frozenset(post.role for post in facts.posts)),
        home_area=facts.home_area,
        home_unit=facts.home_unit,
        home_district=facts.posts[0].district if facts.posts else None,
    )


def _recipe(world: World, roles: Roles, facts: Facts, narrow: Narrow | None) -> Recipe:
    """What the rules of all posts come to, apart from where."""
    found: list[Found] = []
    prohibits: Prohibited = {}
    for post in facts.posts:
        rules = roles.effective(post.role, post.district)
        found += grants_of_post(world, facts, post, rules)
        _collect_prohibits(prohibits, post, rules)
    if narrow is not None:
        found = narrow(found)
    numbers = {post.id: n for n, post in enumerate(facts.posts)}
    modules = frozenset(m for post in facts.posts for m in reaches_of(world, facts, post))

    def part(grant: Found) -> Part:
        module = world.model.entities[grant.entity].module
        return grant.reach if narrow is not None else (numbers[grant.post.id], module)

    return _united(world, found, prohibits, modules, numbers, part)


def _parts(parts: Sequence[Part], reaches: Mapping[tuple[int, str], Slot]) -> list[Slot]:
    """The places of a join."""
    return [part if isinstance(part, Slot) else reaches[part] for part in parts]


def grants_of_post(world: World, facts: Facts, post: HeldPost, rules: tuple[StoredRule, ...]) -> list[Found]:
    """The grants of one post: its role's allows minus its denies."""
    reaches = reaches_of(world, facts, post)
    modules = frozenset(reaches)
    found: list[Found] = []
    for rule in rules:
        entity = world.model.entities.get(rule.entity)
        if rule.effect != "ALLOW" or entity is None:
            continue
        reach = reaches.get(entity.module)
        if reach is None:
            continue
        fields = levels(world.model, rule.entity, rule.fields, modules)
        allowed = counted(world.model, rule).condition
        for action in rule.actions:
            denies = [d for d in rules if d.effect == "DENY" and d.entity == rule.entity and action in d.actions]
            denies.sort(key=lambda d: text((d.condition, d.fields)))
            for condition, kept in _denied(world, allowed, fields, denies):
                said = condition and canonical(condition)
                made = Found(rule.entity, action, said, rule.via, kept, post, reach, rule.purpose)
                found += _from_cube(world, made, rule) if rule.dimensions else [made]
    return found


def _from_cube(world: World, made: Found, rule: StoredRule) -> list[Found]:
    """The grant of a rule with dimensions; none where only some rows are meant, which a cube cannot leave out."""
    if made.condition is not None or made.via is not None or made.action != "aggregate":
        return []
    usual = unraised(world.model, made.entity, made.fields, made.purpose)
    shown = {name for name, level in made.fields if level is Level.CLEAR and name not in usual}
    kept = tuple(one for one in rule.dimensions if one.field == AREA_FIELD or one.field in shown)
    ordered = tuple(sorted(kept, key=lambda one: one.field))
    return [msgspec.structs.replace(made, action=CUBE, dimensions=ordered)]


def _denied(
    world: World, condition: Filter | None, fields: Levels, denies: list[StoredRule]
) -> list[tuple[Filter | None, Levels]]:
    """What is left of an allow: a deny takes rows, or fields, or fields in some rows."""
    kept = [(condition, fields)]
    for deny in denies:
        gone = taken(world.model, deny.entity, deny.fields) if deny.fields else None
        left: list[tuple[Filter | None, Levels]] = []
        for where, have in kept:
            rest = () if gone is None else tuple(pair for pair in have if pair[0] not in gone)
            if deny.condition is not None:
                left.append((_and(where, Not(deny.condition)), have))
                if gone is not None:
                    left.append((_and(where, deny.condition), rest))
            elif gone is not None:
                left.append((where, rest))
        kept = left
    return kept


def _and(first: Filter | None, second: Filter) -> Filter:
    """Both."""
    return second if first is None else Every((first, second))


def _collect_prohibits(prohibits: Prohibited, post: HeldPost, rules: Iterable[StoredRule]) -> None:
    """Conditions that are subtracted last, whatever else the caller holds."""
    for rule in rules:
        if rule.effect == "PROHIBIT":
            for action in rule.actions:
                conditions = prohibits.setdefault(rule.entity, {}).setdefault(action, {})
                condition = canonical(rule.condition or Every(()))
                conditions.setdefault(text(condition), (condition, []))[1].append(post)


def _united(
    world: World,
    found: list[Found],
    prohibits: Prohibited,
    modules: frozenset[str],
    numbers: Mapping[UUID, int],
    part: Callable[[Found], Part],
) -> Recipe:
    """Grants that are equal but for where become one; all in canonical order."""
    found = [f for f in found if f.action != CUBE or "aggregate" not in prohibits.get(f.entity, {})]
    groups: dict[tuple[Any, ...], list[Found]] = {}
    for grant in found:
        reveals = grant.purpose if grant.action == "reveal" else None
        usual = (
            unraised(world.model, grant.entity, grant.fields, grant.purpose) if grant.action in (*SHOWN, CUBE) else ()
        )
        key = (
            grant.entity,
            grant.action,
            text(grant.condition),
            grant.via or "",
            grant.fields,
            reveals or "",
            grant.dimensions,
            usual,
        )
        groups.setdefault(key, []).append(grant)
    joins: dict[tuple[tuple[Part, ...], bool], int] = {}
    made = []
    for key in sorted(groups, key=repr):
        first = groups[key][0]
        per_post = first.condition is not None and names_post(first.condition)
        parts = tuple(dict.fromkeys(part(g) for g in groups[key]))
        own = world.model.root_scope(first.entity).kind == "self"
        purpose = first.purpose if first.action == "reveal" else None
        united = Grant(-1, first.condition, first.via, first.fields, per_post, own, purpose, key[-1], first.dimensions)
        made.append(Group(first.entity, first.action, united, joins.setdefault((parts, per_post), len(joins))))
    granted = sorted({group.entity for group in made})
    gone = {
        entity: {a: _prohibited(f, numbers) for a, f in sorted(prohibits.get(entity, {}).items())} for entity in granted
    }
    return Recipe(tuple(made), tuple(joins), gone, _purposes(found), modules)


def _purposes(found: Iterable[Found]) -> dict[str, tuple[str, ...]]:
    """The purposes for which each entity is read."""
    purposes: dict[str, set[str]] = {}
    for reading in (f for f in found if f.action in READS and f.purpose):
        purposes.setdefault(reading.entity, set()).add(reading.purpose or "")
    return {entity: tuple(sorted(names)) for entity, names in purposes.items()}


def _place(slots: list[Slot], slot: Slot) -> int:
    """The index of a slot, which is added when it is new."""
    if slot not in slots:
        slots.append(slot)
    return slots.index(slot)


def _prohibited(
    found: Mapping[str, tuple[Filter, list[HeldPost]]], numbers: Mapping[UUID, int]
) -> tuple[tuple[Filter, tuple[int, ...]], ...]:
    """The conditions in canonical order; one that speaks of the post with the posts that hold it."""
    return tuple(
        (condition, tuple(numbers[post.id] for post in holders) if names_post(condition) else ())
        for _, (condition, holders) in sorted(found.items())
    )


def _holders(recipe: Recipe, facts: Facts, slots: list[Slot]) -> dict[tuple[int, ...], int]:
    """The slot of each set of posts that hold a prohibition."""
    sets = [numbers for actions in recipe.prohibits.values() for each in actions.values() for _, numbers in each]
    found: dict[tuple[int, ...], int] = {}
    for numbers in sets:
        if numbers and numbers not in found:
            posts = tuple(reach for n in numbers for reach in slot_of(facts.posts[n], Form.CITY, ()).posts)
            found[numbers] = _place(slots, Slot(Form.CITY, posts=posts))
    return found


def names_post(found: Filter) -> bool:
    """Whether a condition speaks of the post's own area, unit or id."""
    if isinstance(found, Every | Some):
        return any(names_post(item) for item in found.items)
    if isinstance(found, Not):
        return names_post(found.item)
    if isinstance(found, Refers | Many):
        return names_post(found.inner)
    assert isinstance(found, Compare)
    operand = found.operand
    return isinstance(operand, FromArea) or (isinstance(operand, FromActor) and operand.name in PER_POST)


def _shape(
    world: World, recipe: Recipe, slots: Sequence[Slot], placed: Sequence[int], holders: Mapping[tuple[int, ...], int]
) -> Shape:
    """The shape with its key, which names neither roles nor places."""
    grants: dict[str, dict[str, list[Grant]]] = {}
    for group in recipe.groups:
        grant = msgspec.structs.replace(group.grant, slot=placed[group.join])
        grants.setdefault(group.entity, {}).setdefault(group.action, []).append(grant)
    entities = {
        entity: EntityShape(
            {action: tuple(each) for action, each in sorted(actions.items())},
            {a: tuple(Prohibition(c, holders.get(n)) for c, n in p) for a, p in recipe.prohibits[entity].items()},
            recipe.purposes.get(entity, ()),
        )
        for entity, actions in sorted(grants.items())
    }
    forms = tuple(slot.form for slot in slots)
    content = (world.model.version, forms, entities, sorted(recipe.modules))
    key = hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()
    return Shape(key, world.model.version, forms, entities, recipe.modules)


def _valid_until(world: World, facts: Facts) -> dt.datetime | None:
    """The nearest moment at which a date may change the Scope."""
    ends = [post.until for post in facts.posts] + [facts.until, facts.next_change]
    ends += world.moments[bisect.bisect_right(world.moments, facts.now) :][:1]
    return min((end for end in ends if end is not None and end > facts.now), default=None)


def _subjects(world: World, facts: Facts) -> frozenset[str]:
    """What a change must name to end this Scope."""
    found = {f"account:{facts.actor.account}"} if facts.actor.account else set()
    found |= {f"token:{each}" for each in (facts.actor.token, facts.session) if each is not None}
    for post in facts.posts:
        pending = [post.role]
        while pending:
            role = pending.pop()
            if f"role:{role}" not in found:
                found.add(sys.intern(f"role:{role}"))
                pending += world.inherits.get(role, ())
        found |= {sys.intern(f"area:{area}") for area in (post.area, post.district) if area} | {f"post:{post.id}"}
    return frozenset(found | {MODULES, KEYS})
