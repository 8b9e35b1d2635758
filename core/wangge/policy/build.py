"""World + facts of a caller -> Scope: grants per post, united over posts, in canonical form."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from ..model.filter import Compare, Every, Filter, FromActor, FromArea, Many, Not, Refers, Some
from .consent import counted
from .levels import levels, taken, unraised
from .roles import Roles
from .scope import EntityShape, Form, Grant, Level, PostReach, Prohibition, Scope, Shape, Slot
from .world import Facts, HeldPost, Span, StoredRule, World

PER_POST = frozenset(("post", "units", "areas"))
Levels = tuple[tuple[str, Level], ...]
Prohibited = dict[str, dict[str, dict[str, tuple[Filter, list[HeldPost]]]]]
"""entity -> action -> canonical text of a condition -> the condition and the posts that hold it."""
CORE = "wangge"
READS = ("list", "get")


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


Narrow = Callable[[list[Found]], list[Found]]


def build_scope(world: World, roles: Roles, facts: Facts, *, narrow: Narrow | None = None) -> Scope:
    """The Scope of a caller; without posts nothing is granted. `narrow` makes fewer grants of those of all posts."""
    found: list[Found] = []
    prohibits: Prohibited = {}
    for post in facts.posts:
        rules = roles.effective(post.role, post.district)
        found += grants_of_post(world, facts, post, rules)
        _collect_prohibits(prohibits, post, rules)
    if narrow is not None:
        found = narrow(found)
    slots, entities = _united(world, found, prohibits)
    modules = frozenset(m for post in facts.posts for m in _modules(world, facts, post))
    names = frozenset(post.role for post in facts.posts)
    shape = _shape(world, slots, entities, modules, names)
    return Scope(
        actor=facts.actor,
        shape=shape,
        slots=tuple(slots),
        valid_until=_valid_until(world, facts),
        subjects=_subjects(world, facts),
        counters=world.counters,
        home_area=facts.home_area,
        home_unit=facts.home_unit,
        home_district=facts.posts[0].district if facts.posts else None,
    )


def grants_of_post(world: World, facts: Facts, post: HeldPost, rules: tuple[StoredRule, ...]) -> list[Found]:
    """The grants of one post: its role's allows minus its denies."""
    modules = _modules(world, facts, post)
    found: list[Found] = []
    for rule in rules:
        entity = world.model.entities.get(rule.entity)
        if rule.effect != "ALLOW" or entity is None:
            continue
        reach = module_reach(world, facts, post, entity.module)
        if reach is None:
            continue
        fields = levels(world.model, rule.entity, rule.fields, modules)
        allowed = counted(world.model, rule).condition
        for action in rule.actions:
            denies = [d for d in rules if d.effect == "DENY" and d.entity == rule.entity and action in d.actions]
            for condition, kept in _denied(world, allowed, fields, denies):
                found.append(Found(rule.entity, action, condition, rule.via, kept, post, reach, rule.purpose))
    return found


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
                condition = rule.condition or Every(())
                conditions.setdefault(_text(condition), (condition, []))[1].append(post)


def _modules(world: World, facts: Facts, post: HeldPost) -> frozenset[str]:
    """The modules that are on somewhere in the post's area."""
    return frozenset(m for m in world.model.modules if module_reach(world, facts, post, m) is not None)


def module_reach(world: World, facts: Facts, post: HeldPost, module: str) -> Slot | None:
    """Where a post's rows of a module lie; None when the module is off everywhere there."""
    rows = [e for e in world.enabled if e.module == module and e.holds(facts.now)]
    if module == CORE or any(e.district is None for e in rows):
        form = Form.CITY if post.whole_city else Form.DISTRICT if post.whole_district else Form.SPAN
        return _slot(post, form, (post.span,))
    on = {e.district for e in rows if e.district is not None}
    if post.district is not None:
        form = Form.DISTRICT if post.whole_district else Form.SPAN
        return _slot(post, form, (post.span,)) if post.district in on else None
    spans = merged(world.districts[d] for d in on if d in world.districts and _inside(world.districts[d], post.span))
    return _slot(post, Form.SPANS, spans) if spans else None


def _slot(post: HeldPost, form: Form, spans: tuple[Span, ...]) -> Slot:
    """A slot of one post."""
    lo, hi = post.span
    reach = PostReach(post.id, post.area, post.unit, post.units, lo, hi)
    district = post.district if form is Form.DISTRICT else None
    return Slot(form, district, () if form is Form.CITY else spans, (post.unit_span,), (reach,))


def _inside(inner: Span, outer: Span) -> bool:
    """Whether one range lies in another."""
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Disjoint, ascending ranges that cover the same numbers."""
    out: list[Span] = []
    for lo, hi in sorted(spans):
        if out and lo <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(out[-1][1], hi))
        else:
            out.append((lo, hi))
    return tuple(out)


def _united(world: World, found: list[Found], prohibits: Prohibited) -> tuple[list[Slot], dict[str, EntityShape]]:
    """Grants that are equal but for where become one; slots in canonical order."""
    groups: dict[tuple[Any, ...], list[Found]] = {}
    for grant in found:
        reveals = grant.purpose if grant.action == "reveal" else None
        usual = () if reveals else unraised(world.model, grant.entity, grant.fields, grant.purpose)
        key = (grant.entity, grant.action, _text(grant.condition), grant.via or "", grant.fields, reveals or "", usual)
        groups.setdefault(key, []).append(grant)
    slots: list[Slot] = []
    grants: dict[str, dict[str, list[Grant]]] = {}
    for key in sorted(groups, key=repr):
        first = groups[key][0]
        per_post = first.condition is not None and names_post(first.condition)
        slot = _join(world, [g.reach for g in groups[key]], keep_posts=per_post)
        at = _place(slots, slot)
        own = world.model.root_scope(first.entity).kind == "self"
        purpose = first.purpose if first.action == "reveal" else None
        united = Grant(at, first.condition, first.via, first.fields, per_post, own, purpose, key[-1])
        grants.setdefault(first.entity, {}).setdefault(first.action, []).append(united)
    purposes: dict[str, set[str]] = {}
    for reading in (f for f in found if f.action in READS and f.purpose):
        purposes.setdefault(reading.entity, set()).add(reading.purpose or "")
    entities = {}
    for entity, actions in sorted(grants.items()):
        gone = {a: _prohibitions(f, slots) for a, f in sorted(prohibits.get(entity, {}).items())}
        reasons = tuple(sorted(purposes.get(entity, ())))
        entities[entity] = EntityShape({a: tuple(g) for a, g in sorted(actions.items())}, gone, reasons)
    return slots, entities


def _place(slots: list[Slot], slot: Slot) -> int:
    """The index of a slot, which is added when it is new."""
    if slot not in slots:
        slots.append(slot)
    return slots.index(slot)


def _prohibitions(found: Mapping[str, tuple[Filter, list[HeldPost]]], slots: list[Slot]) -> tuple[Prohibition, ...]:
    """The conditions in canonical order; one that speaks of the post with the posts that hold it."""
    made = []
    for _, (condition, holders) in sorted(found.items()):
        posts = tuple(reach for post in holders for reach in _slot(post, Form.CITY, ()).posts)
        slot = Slot(Form.CITY, posts=posts)
        made.append(Prohibition(condition, _place(slots, slot) if names_post(condition) else None))
    return tuple(made)


def _join(world: World, parts: list[Slot], *, keep_posts: bool) -> Slot:
    """One slot for several posts: the union of their areas, in its simplest form."""
    posts = tuple(dict.fromkeys(p for s in parts for p in s.posts)) if keep_posts else ()
    units = merged(span for s in parts for span in s.unit_spans)
    if any(s.form is Form.CITY for s in parts):
        return Slot(Form.CITY, None, (), units, posts)
    spans = merged(span for s in parts for span in s.spans)
    whole = [district for district, span in world.districts.items() if spans == (span,)]
    if whole:
        return Slot(Form.DISTRICT, whole[0], spans, units, posts)
    return Slot(Form.SPAN if len(spans) == 1 else Form.SPANS, None, spans, units, posts)


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


def _text(value: Any) -> str:
    """A canonical text of a filter."""
    return msgspec.json.encode(value, order="sorted").decode()


def _shape(
    world: World, slots: list[Slot], entities: dict[str, EntityShape], modules: frozenset[str], roles: frozenset[str]
) -> Shape:
    """The shape with its key."""
    forms = tuple(slot.form for slot in slots)
    content = (world.model.version, forms, entities, sorted(modules), sorted(roles))
    key = hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()
    return Shape(key, world.model.version, forms, entities, modules, roles)


def _valid_until(world: World, facts: Facts) -> dt.datetime | None:
    """The nearest moment at which a date may change the Scope."""
    ends = [post.until for post in facts.posts] + [facts.until, facts.next_change]
    ends += [moment for e in world.enabled for moment in (e.since, e.until)]
    return min((end for end in ends if end is not None and end > facts.now), default=None)


def _subjects(world: World, facts: Facts) -> frozenset[str]:
    """What a change must name to end this Scope."""
    found = {f"account:{facts.actor.account}"} if facts.actor.account else set()
    if facts.actor.token:
        found.add(f"token:{facts.actor.token}")
    for post in facts.posts:
        pending = [post.role]
        while pending:
            role = pending.pop()
            if f"role:{role}" not in found:
                found.add(f"role:{role}")
                pending += world.inherits.get(role, ())
        found |= {f"area:{post.area}", f"post:{post.id}"}
        if post.district:
            found.add(f"area:{post.district}")
    return frozenset(found | {f"module:{name}" for name in world.model.modules})
