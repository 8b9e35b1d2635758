"""Two policies compared: which roles, entities, actions and fields can differ, and the posts over which rows are counted.

For each role that a change touches there is a nominal post per district and one for the city; where a rule speaks of the
actor, real posts are asked too. What the rows make of them is counted by `sql/levels`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec

from ..model.filter import Compare, Every, Filter, FromActor, FromArea, Many, Not, Refers, Some
from .build import build_scope
from .nominal import nominal_facts, nominal_post
from .roles import Roles
from .scope import EntityShape, Level, Scope
from .world import Facts, World


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A change of level of one field (None: of the row itself) for a role, and over how many rows in how many districts."""

    role: str
    entity: str
    action: str
    field: str | None
    purpose: str | None
    was: Level
    now: Level
    rows: int
    districts: int
    ids: tuple[UUID, ...] = ()
    """some of the rows, to choose witnesses from."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One count that is to be made."""

    role: str
    entity: str
    action: str
    purpose: str | None
    fields: tuple[str | None, ...]


class Pair(msgspec.Struct, frozen=True):
    """A post's Scopes before and after."""

    before: Scope
    after: Scope
    district: UUID | None
    rest: bool = False
    """a nominal post of the city, beside those of all districts: it counts only what lies in none."""


class Comparison:
    """A policy before and after."""

    def __init__(self, before: World, after: World) -> None:
        self.before = before
        self.after = after
        self._roles = (Roles(before), Roles(after))
        kept = {rule.id for rule in before.rules} & {rule.id for rule in after.rules}
        self._changed = [rule for rule in (*before.rules, *after.rules) if rule.id not in kept]

    def touched(self) -> tuple[str, ...]:
        """The roles that have or inherit a rule that changed."""
        names = {rule.role for rule in self._changed}
        roles = names | set(self.before.inherits) | set(self.before.model.roles)
        return tuple(sorted(role for role in roles if self._closure(role) & names))

    def _closure(self, role: str) -> set[str]:
        found = {role}
        for upper in self.before.inherits.get(role, ()):
            found |= self._closure(upper)
        return found

    def entities(self) -> tuple[str, ...]:
        """The entities of which a rule changed."""
        return tuple(sorted({rule.entity for rule in self._changed if rule.entity in self.before.model.entities}))

    def nominal(self, role: str) -> list[Pair]:
        """The posts of a role that nobody holds: one per district, one for the city."""
        places = [*sorted(self.before.districts, key=str), None]
        return [
            self.pair(nominal_facts(nominal_post(self.before, role, place)), place, rest=place is None)
            for place in places
        ]

    def pair(self, facts: Facts, district: UUID | None, *, rest: bool = False) -> Pair:
        """The Scopes of a post."""
        before, after = (build_scope(w, r, facts) for w, r in zip((self.before, self.after), self._roles, strict=True))
        return Pair(before, after, district, rest)

    def asked(self, role: str, entity: str, pairs: Sequence[Pair]) -> list[Asked]:
        """What has to be counted: the actions under which some grant or prohibition differs."""
        found = []
        for action in sorted({a for p in pairs for s in (p.before, p.after) for a in _shape(s, entity).actions}):
            for purpose in _purposes(entity, action, pairs):
                if any(_rights(p.before, entity, action) != _rights(p.after, entity, action) for p in pairs):
                    fields = {f for p in pairs for s in (p.before, p.after) for f in _fields(s, entity, action)}
                    every = (None, *sorted(fields))
                    found.append(Asked(role=role, entity=entity, action=action, purpose=purpose, fields=every))
        return found

    def personal(self, role: str, entity: str) -> bool:
        """Whether some rule of the role for the entity speaks of the actor, so that nominal posts do not say all."""
        if self.before.model.root_scope(entity).kind == "self":
            return True
        names = self._closure(role)
        rules = (*self.before.rules, *self.after.rules)
        return any(
            rule.role in names and rule.entity == entity and rule.condition is not None and _of_actor(rule.condition)
            for rule in rules
        )


def differing(pairs: Iterable[Pair], entity: str, action: str) -> list[Pair]:
    """The posts whose rights differ at all."""
    return [p for p in pairs if _rights(p.before, entity, action) != _rights(p.after, entity, action)]


def _shape(scope: Scope, entity: str) -> EntityShape:
    return scope.shape.entity(entity) or EntityShape({})


def _purposes(entity: str, action: str, pairs: Sequence[Pair]) -> Sequence[str | None]:
    """The purposes of a reveal, each of which is a right of its own; else none."""
    if action != "reveal":
        return [None]
    scopes = [scope for p in pairs for scope in (p.before, p.after)]
    return sorted({g.purpose for s in scopes for g in _shape(s, entity).grants(action) if g.purpose is not None})


def _fields(scope: Scope, entity: str, action: str) -> set[str]:
    return {name for grant in _shape(scope, entity).grants(action) for name, _ in grant.fields}


def _rights(scope: Scope, entity: str, action: str) -> tuple[Any, ...]:
    """The grants with their slots, in no order, and the prohibitions: equal rights show equal cells."""
    shape = _shape(scope, entity)
    grants = {
        msgspec.json.encode((scope.slots[g.slot], msgspec.structs.replace(g, slot=0)), order="sorted")
        for g in shape.grants(action)
    }
    return frozenset(grants), msgspec.json.encode(shape.prohibits.get(action, ()), order="sorted")


def _of_actor(found: Filter) -> bool:
    """Whether a condition speaks of the actor."""
    if isinstance(found, Every | Some):
        return any(_of_actor(item) for item in found.items)
    if isinstance(found, Not):
        return _of_actor(found.item)
    if isinstance(found, Refers | Many):
        return _of_actor(found.inner)
    assert isinstance(found, Compare)
    return isinstance(found.operand, FromActor | FromArea)


def told(line: Line, rows: str, language: str) -> str:
    """A line as a sentence; `rows` is what the entity's rows are called in the language."""
    gains = line.now > line.was
    if language.startswith("en"):
        verb, what = "gains" if gains else "loses", line.field or "the record"
        shown = f" {_level(line).name.lower()}" if line.field else ""
        places = f" in {line.districts} district{'' if line.districts == 1 else 's'}" if line.districts else ""
        return f"{line.role} {verb} {what}{shown} ({line.action}) on {line.rows:,} {rows}{places}"
    verb, what = "增加" if gains else "减少", line.field or "整条记录"
    shown = "" if not line.field else "（明文）" if _level(line) is Level.CLEAR else "（已脱敏）"
    places = f"，涉及 {line.districts} 个区(县)" if line.districts else ""
    return f"{line.role}（{line.action}）{verb} {what}{shown}：{rows} {line.rows:,} 条{places}"


def _level(line: Line) -> Level:
    """The level that comes or goes."""
    return max(line.was, line.now)
