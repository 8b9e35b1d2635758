"""The stored policy as loaded: rules, role graph, enablement, districts. A World is immutable; a change makes a new one."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterable, Mapping
from typing import Literal
from uuid import UUID

import msgspec

from ..model.filter import Filter
from ..model.role_limits import RoleLimits, widest
from ..model.types import Dimension, Model
from ..values import Actor

Span = tuple[int, int]


class StoredRule(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `wangge.rule`."""

    id: UUID
    role: str
    entity: str
    actions: tuple[str, ...]
    fields: Mapping[str, str] = {}
    condition: Filter | None = None
    purpose: str | None = None
    effect: Literal["ALLOW", "DENY", "PROHIBIT"] = "ALLOW"
    via: str | None = None
    dimensions: tuple[Dimension, ...] = ()
    district: UUID | None = None


class Enabled(msgspec.Struct, frozen=True):
    """One row of `wangge.enablement`: a module in a district, or city-wide, within dates."""

    module: str
    district: UUID | None
    since: dt.datetime | None
    until: dt.datetime | None

    def holds(self, now: dt.datetime) -> bool:
        """Whether it holds at `now`."""
        return (self.since is None or self.since <= now) and (self.until is None or now < self.until)


class HeldPost(msgspec.Struct, frozen=True, kw_only=True):
    """A post of the caller with the numbers of its area and unit."""

    id: UUID
    role: str
    area: UUID
    span: Span
    district: UUID | None
    whole_city: bool
    whole_district: bool
    unit: UUID
    unit_span: Span
    units: tuple[UUID, ...]
    until: dt.datetime | None = None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a caller when a Scope is built, in database time."""

    actor: Actor
    posts: tuple[HeldPost, ...]
    now: dt.datetime
    session: UUID | None = None
    """by which the caller came, if by one."""
    until: dt.datetime | None = None
    """end of the token or session's own limits."""
    next_change: dt.datetime | None = None
    """a post of the caller that begins later."""
    home_area: UUID | None = None
    home_unit: UUID | None = None


class World(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Everything that all Scopes share."""

    model: Model
    rules: tuple[StoredRule, ...]
    """of all roles; () where a `RuleBook` beside it holds those of the roles that are in use."""
    inherits: Mapping[str, tuple[str, ...]]
    """role -> roles whose rules it takes over."""
    enabled: tuple[Enabled, ...]
    districts: Mapping[UUID, Span]
    counters: Mapping[str, int]
    """the change counters at which it was loaded."""
    limits: Mapping[str, Mapping[str, int]] = {}
    """role -> the limits of its requests that are not the default (model/role_limits.py)."""

    def limits_of(self, roles: Iterable[str], default: RoleLimits) -> RoleLimits:
        """The limits of who holds these roles."""
        if not self.limits:
            return default
        return widest([self.limits.get(role, {}) for role in roles], default)

    @functools.cached_property
    def switched(self) -> Mapping[str, tuple[Enabled, ...]]:
        """What switches each module on."""
        found: dict[str, tuple[Enabled, ...]] = {}
        for each in self.enabled:
            found[each.module] = (*found.get(each.module, ()), each)
        return found

    @functools.cached_property
    def moments(self) -> tuple[dt.datetime, ...]:
        """When modules begin or end, ascending."""
        return tuple(sorted({moment for e in self.enabled for moment in (e.since, e.until) if moment is not None}))

    @functools.cached_property
    def whole(self) -> Mapping[Span, UUID]:
        """The district that is exactly a range."""
        return {span: district for district, span in self.districts.items()}
