"""Why a cell is shown or not: every rule of an account's posts that speaks of it, and what each of its parts comes to.

`chain` collects the rules, `probe` is a Scope whose grants ask the database for the verdicts on one row, `judge` says
what they come to. None of it uses the grants of the account's own Scope, so that the two can be compared.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgspec

from ..model.filter import Filter
from ..model.types import Model
from .build import SHOWN, names_post
from .consent import counted
from .levels import levels, taken, unraised
from .places import CORE, module_reach
from .roles import Roles
from .scope import EntityShape, Form, Grant, Level, PostReach, Scope, Shape, Slot
from .world import Facts, HeldPost, StoredRule, World

ACTION = "explain"
"""the action under which the probe asks."""
NUMBERS = 2**31 - 2
WHOLE = Slot(Form.CITY, unit_spans=((0, NUMBERS),))
"""every row, those of units too."""
IMPLICIT = frozenset(("id", "revision", "createdAt", "updatedAt", "area", "district", "unit"))
"""what is clear in every row that is seen."""


class Question(msgspec.Struct, frozen=True):
    """One cell under one action; no field asks for the row itself."""

    entity: str
    action: str
    field: str | None = None
    """a field id, or `<list>.<field>`."""
    self_scoped: bool = False
    """whether rows of the entity belong to a person and to no area."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One rule as one post has it."""

    post: HeldPost
    path: tuple[str, ...]
    """from the post's role to the rule's: one name, or the inheritance between them."""
    rule: StoredRule
    level: Level
    """what the rule gives to the field, or, of a deny, CLEAR when it takes the field or the row."""
    replaced: bool
    """a default in whose place a district has rules of its own."""
    module: bool
    """whether the entity's module is on in the post's area."""
    casbin: bool
    """what Casbin says of the role and the rule."""
    raisable: bool = False
    """whether the rule gives less in rows in which the class of the field is raised."""
    area_at: int | None = None
    """the grant of the probe that says whether the row lies in the post's area; None when nothing is to be asked."""
    condition_at: int | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A step with what the row makes of it; None where that was not asked."""

    step: Step
    area: bool | None
    condition: bool | None
    holds: bool


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What all steps come to."""

    question: Question
    found: bool
    """whether there is such a row."""
    level: Level
    verdicts: tuple[Verdict, ...]


def chain(world: World, roles: Roles, facts: Facts, question: Question) -> tuple[tuple[Step, ...], Scope]:
    """The steps of an account, and the Scope that asks for their verdicts."""
    asked = _Probe(world, question)
    steps = [
        asked.step(roles, facts, post, path, rule)
        for post in facts.posts
        for path, rule in _rules(world, post, question)
    ]
    return tuple(steps), asked.scope(facts)


def field_id(model: Model, entity: str, name: str | None) -> str | None:
    """The id of a field by its present name, parts of lists included; a name that is none stays as it is."""
    if name is None:
        return None
    head, _, rest = name.partition(".")
    for field in model.fields_of(entity).values():
        if head in (field.name, field.id):
            part = next((p.id for p in field.fields if rest in (p.name, p.id)), rest)
            return f"{field.id}.{part}" if rest else field.id
    return name


def _rules(world: World, post: HeldPost, question: Question) -> list[tuple[tuple[str, ...], StoredRule]]:
    """The rules of the post's role and of those that it inherits, where the post is; each with the way to it."""
    ways: dict[str, tuple[str, ...]] = {}
    pending: list[tuple[str, ...]] = [(post.role,)]
    while pending:
        way = pending.pop(0)
        if way[-1] not in ways:
            ways[way[-1]] = way
            pending += [(*way, upper) for upper in world.inherits.get(way[-1], ())]
    return [
        (ways[rule.role], rule)
        for rule in sorted(world.rules, key=lambda r: (r.role not in ways or len(ways[r.role]), r.id))
        if rule.role in ways
        and rule.entity == question.entity
        and question.action in rule.actions
        and rule.district in (None, post.district)
    ]


class _Probe:
    """Collects what is to be asked of the row."""

    def __init__(self, world: World, question: Question) -> None:
        self._world = world
        self._question = question
        self._own = question.self_scoped
        self._slots: list[Slot] = [WHOLE]
        self._grants: list[Grant] = [Grant(0)]

    def step(self, roles: Roles, facts: Facts, post: HeldPost, path: tuple[str, ...], rule: StoredRule) -> Step:
        """One rule as one post has it."""
        rule = counted(self._world.model, rule)
        module = self._world.model.entities[rule.entity].module
        reach = module_reach(self._world, facts, post, module)
        effective = any(r.id == rule.id for r in roles.effective(post.role, post.district))
        asked = effective and (reach is not None or rule.effect == "PROHIBIT")
        level = _level(self._world, facts, post, rule, self._question.field)
        raisable = _raisable(self._world, rule, self._question, level)
        anywhere = rule.effect == "PROHIBIT"
        return Step(
            post=post,
            path=path,
            rule=rule,
            level=Level.MASKED if raisable and "." in (self._question.field or "") else level,
            raisable=raisable,
            replaced=not effective,
            module=module == CORE or reach is not None,
            casbin=roles.explains(post.role, post.district, rule),
            area_at=self._area(reach, rule.via) if asked and reach is not None and not anywhere else None,
            condition_at=self._condition(post, rule.condition, anywhere=anywhere) if asked and rule.condition else None,
        )

    def _area(self, reach: Slot, via: str | None) -> int:
        """Whether the row lies where the post may act."""
        return self._ask(Grant(self._slot(reach), None, via, own=self._own))

    def _condition(self, post: HeldPost, condition: Filter, *, anywhere: bool) -> int:
        """Whether the row meets the condition, for the post when it speaks of that."""
        lo, hi = (0, NUMBERS) if anywhere else post.span
        reach = PostReach(post.id, post.area, post.unit, post.units, lo, hi)
        slot = self._slot(Slot(Form.CITY, unit_spans=((0, NUMBERS),), posts=(reach,)))
        return self._ask(Grant(slot, condition, per_post=names_post(condition)))

    def _slot(self, slot: Slot) -> int:
        self._slots.append(slot)
        return len(self._slots) - 1

    def _ask(self, grant: Grant) -> int:
        self._grants.append(grant)
        return len(self._grants) - 1

    def scope(self, facts: Facts) -> Scope:
        """The Scope that asks."""
        entities = {self._question.entity: EntityShape({ACTION: tuple(self._grants)})}
        forms = tuple(slot.form for slot in self._slots)
        shape = Shape("", self._world.model.version, forms, entities, frozenset())
        return Scope(facts.actor, shape, tuple(self._slots), None, frozenset(), self._world.counters)


def _raisable(world: World, rule: StoredRule, question: Question, level: Level) -> bool:
    """Whether a raised class takes something of what an allow gives to the field (core/decisions/0008)."""
    asked = question.field is not None and question.action in SHOWN and rule.effect == "ALLOW"
    return asked and bool(unraised(world.model, rule.entity, ((question.field or "", level),), rule.purpose))


def raise_of(model: Model, question: Question) -> Filter | None:
    """What a row meets in which the class of the field is raised; None where it never is, or for all rows alike."""
    field = model.fields_of(question.entity).get(question.field or "")
    return field.raises.when if field is not None and field.raises is not None and question.action in SHOWN else None


def raised_probe(scope: Scope, question: Question, when: Filter) -> Scope:
    """A Scope that asks, under `ACTION`, whether a row meets a condition, wherever it lies."""
    everywhere = Slot(Form.CITY, unit_spans=((0, NUMBERS),))
    entities = {question.entity: EntityShape({ACTION: (Grant(0, when),)})}
    shape = msgspec.structs.replace(scope.shape, key="", slots=(everywhere.form,), entities=entities)
    return msgspec.structs.replace(scope, shape=shape, slots=(everywhere,))


def _level(world: World, facts: Facts, post: HeldPost, rule: StoredRule, field: str | None) -> Level:
    """What the rule says of the field: of an allow the level that it gives, of a deny whether it takes it."""
    if rule.effect == "PROHIBIT" or (rule.effect == "DENY" and not rule.fields):
        return Level.CLEAR
    if rule.effect == "DENY":
        return Level.CLEAR if field in taken(world.model, rule.entity, rule.fields) else Level.HIDDEN
    if field is None or field in IMPLICIT:
        return Level.CLEAR
    modules = frozenset(m for m in world.model.modules if module_reach(world, facts, post, m) is not None)
    return dict(levels(world.model, rule.entity, rule.fields, modules)).get(field, Level.HIDDEN)


def judge(question: Question, steps: Iterable[Step], held: frozenset[int], *, raised: bool) -> Explanation:
    """What the steps come to when the grants `held` of the probe hold; `raised`: whether the field's class is raised there."""
    found = 0 in held
    given = (
        msgspec.structs.replace(s, level=min(s.level, Level.MASKED)) if raised and s.raisable else s for s in steps
    )
    verdicts = tuple(_verdict(step, held, found=found) for step in given)
    return Explanation(question=question, found=found, level=_total(question, verdicts), verdicts=verdicts)


def _verdict(step: Step, held: frozenset[int], *, found: bool) -> Verdict:
    area = step.area_at in held if step.area_at is not None and found else None
    condition = step.condition_at in held if step.condition_at is not None and found and area is not False else None
    anywhere = step.rule.effect == "PROHIBIT"
    holds = found and not step.replaced and (anywhere or (step.module and area is True)) and condition is not False
    return Verdict(step=step, area=area, condition=condition, holds=holds)


def _total(question: Question, verdicts: tuple[Verdict, ...]) -> Level:
    """The best of the allows, each without what the denies of its post take, unless a prohibition holds."""
    holding = [v.step for v in verdicts if v.holds]
    if any(step.rule.effect == "PROHIBIT" for step in holding):
        return Level.HIDDEN
    denied = {step.post.id for step in holding if step.rule.effect == "DENY" and step.level is Level.CLEAR}
    allows = [step for step in holding if step.rule.effect == "ALLOW" and step.post.id not in denied]
    return max((step.level for step in allows), default=Level.HIDDEN)


def own_rules(world: World, roles: Roles, facts: Facts, question: Question) -> tuple[Step, ...]:
    """The allows of the account's posts that show the cell in some row: what a caller may know without any row."""
    steps, _ = chain(world, roles, facts, question)
    return tuple(
        step
        for step in steps
        if step.rule.effect == "ALLOW" and step.module and not step.replaced and step.level > Level.HIDDEN
    )


def reached(scope: Scope, question: Question, right: tuple[str, str]) -> Scope | None:
    """A Scope that asks, under `ACTION`, whether a row lies where the caller holds a right; None where nothing does."""
    held = (scope.shape.entity(right[0]) or EntityShape({})).grants(right[1])
    slots = [grant.slot for grant in held]
    if question.self_scoped and not any(scope.slots[slot].form is Form.CITY for slot in slots):
        return None
    entities = {question.entity: EntityShape({ACTION: tuple(Grant(slot) for slot in slots)})}
    return msgspec.structs.replace(scope, shape=msgspec.structs.replace(scope.shape, key="", entities=entities))


def compiled_level(shape: Shape, question: Question, held: Iterable[int], *, raised: bool) -> Level:
    """The level of the cell in an account's own Scope, when these grants of the action hold in the row.

    `raised`: whether the class of the field is raised there.
    """
    grants = (shape.entity(question.entity) or EntityShape({})).grants(question.action)
    field = question.field
    if field is None or field in IMPLICIT:
        return Level.CLEAR if any(True for _ in held) else Level.HIDDEN
    lowered = (grants[n].level(field) if not raised or field not in grants[n].unraised else Level.MASKED for n in held)
    return max(lowered, default=Level.HIDDEN)


def as_told(explanation: Explanation, compiled: Level) -> dict[str, Any]:
    """The explanation as JSON values, the levels by name."""
    return {
        "found": explanation.found,
        "level": explanation.level.name,
        "compiled": compiled.name,
        "agrees": compiled is explanation.level and all(v.step.casbin for v in explanation.verdicts),
        "steps": [_told(verdict) for verdict in explanation.verdicts],
    }


def _told(verdict: Verdict) -> dict[str, Any]:
    step = verdict.step
    condition = msgspec.to_builtins(step.rule.condition) if step.rule.condition is not None else None
    return {
        "post": str(step.post.id),
        "role": step.post.role,
        "path": list(step.path),
        "rule": str(step.rule.id),
        "effect": step.rule.effect,
        "district": _text(step.rule.district),
        "purpose": step.rule.purpose,
        "via": step.rule.via,
        "replaced": step.replaced,
        "module": step.module,
        "area": verdict.area,
        "where": condition,
        "condition": verdict.condition,
        "level": step.level.name,
        "holds": verdict.holds,
        "casbin": step.casbin,
    }


def _text(value: UUID | None) -> str | None:
    return str(value) if value is not None else None
