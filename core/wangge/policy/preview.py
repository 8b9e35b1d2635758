"""Preview as a role: what a caller sees who holds, at the own places, the role too, and only what both let be seen.

Whoever prepares rules looks through them without seeing more than before: every grant is the intersection of one of the
caller's own and one of the role's (PERMISSIONS.md 6).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from ..model.filter import Every, Filter
from ..values import uuid7
from .build import Found, build_scope, grants_of_post, names_post
from .places import merged
from .roles import Roles
from .scope import Form, Level, Scope, Slot
from .world import Facts, HeldPost, Span, World

READS = frozenset(("list", "get", "list_removed", "aggregate"))
"""what can be previewed: nothing that writes, reveals, matches or exports."""


def preview_scope(world: World, roles: Roles, facts: Facts, role: str, right: tuple[str, str]) -> Scope:
    """The Scope of a preview; where the caller does not hold `right` (entity, action) there is nothing to see."""
    places = [post for post in facts.posts if _holds(world, roles, facts, post, right)]
    shown = tuple(msgspec.structs.replace(post, id=uuid7(), role=role) for post in places)
    own = frozenset(post.id for post in facts.posts)
    both = msgspec.structs.replace(facts, posts=(*facts.posts, *shown))
    made = build_scope(world, roles, both, narrow=lambda found: _intersected(found, own))
    key = hashlib.sha256(f"preview {made.shape.key}".encode()).hexdigest()
    return msgspec.structs.replace(made, shape=msgspec.structs.replace(made.shape, key=key), roles=frozenset())


def _holds(world: World, roles: Roles, facts: Facts, post: HeldPost, right: tuple[str, str]) -> bool:
    """Whether a post gives the right to preview."""
    grants = grants_of_post(world, facts, post, roles.effective(post.role, post.district))
    return any((grant.entity, grant.action) == right for grant in grants)


def _intersected(found: Sequence[Found], own: frozenset[UUID]) -> list[Found]:
    """Each grant of the caller with each of the role for the same entity and action."""
    mine = [grant for grant in found if grant.post.id in own and grant.action in READS]
    theirs = [grant for grant in found if grant.post.id not in own]
    pairs = [_both(a, b) for a in mine for b in theirs if (a.entity, a.action) == (b.entity, b.action) and _joins(a, b)]
    return [pair for pair in pairs if pair is not None]


def _joins(mine: Found, theirs: Found) -> bool:
    """Whether the intersection can be said as one grant; what cannot is left out."""
    if mine.via is not None and theirs.via is not None and mine.via != theirs.via:
        return False
    speaks = any(grant.condition is not None and names_post(grant.condition) for grant in (mine, theirs))
    return not speaks or (mine.post.area, mine.post.unit) == (theirs.post.area, theirs.post.unit)


def _both(mine: Found, theirs: Found) -> Found | None:
    """The rows of both, each field at the lower level; None where they have no area in common.

    It is for a purpose only where both are: else a class that is raised would stay clear for the purpose of one of them.
    """
    reach = _meet(mine.reach, theirs.reach)
    if reach is None:
        return None
    levels = dict(theirs.fields)
    fields = tuple((name, min(level, levels.get(name, Level.HIDDEN))) for name, level in mine.fields)
    return msgspec.structs.replace(
        mine,
        condition=_and(mine.condition, theirs.condition),
        via=mine.via or theirs.via,
        purpose=mine.purpose if mine.purpose == theirs.purpose else None,
        fields=tuple((name, level) for name, level in fields if level > Level.HIDDEN),
        reach=reach,
    )


def _and(first: Filter | None, second: Filter | None) -> Filter | None:
    """Both conditions."""
    if first is None or second is None:
        return second if first is None else first
    return Every((first, second))


def _meet(first: Slot, second: Slot) -> Slot | None:
    """What two slots have in common; None for nothing. The posts are the caller's."""
    units = _common(first.unit_spans, second.unit_spans)
    made: dict[str, Any] = {"unit_spans": units, "posts": first.posts}
    if Form.CITY in (first.form, second.form):
        other = second if first.form is Form.CITY else first
        return msgspec.structs.replace(other, **made)
    spans = _common(first.spans, second.spans)
    if not spans:
        return None
    for each in (first, second):
        if each.spans == spans:
            return msgspec.structs.replace(each, **made)
    return Slot(Form.SPAN if len(spans) == 1 else Form.SPANS, None, spans, units, first.posts)


def _common(first: Sequence[Span], second: Sequence[Span]) -> tuple[Span, ...]:
    """The numbers that stand in both."""
    pairs = [(max(a[0], b[0]), min(a[1], b[1])) for a in first for b in second]
    return merged((lo, hi) for lo, hi in pairs if lo <= hi)
