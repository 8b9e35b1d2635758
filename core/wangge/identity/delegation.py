"""Delegated administration: what a holder of posts may give to others (PERMISSIONS.md 6, decisions/0005).

A role says in `delegated_by` whose holders may give it. One post of the grantor must cover the whole of what is given:
its role is named there, its area and its unit contain those of the new post, and it ends no earlier.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import msgspec

from ..errors import Denied, Invalid
from ..policy.world import Span

KEPT = ("system_admin", "security_admin", "audit_admin", "city_admin", "district_admin")
"""the administrators of which each area keeps one."""
SEPARATE = frozenset(("system_admin", "security_admin", "audit_admin"))
"""no account holds two of these."""
COLUMNS = """p.id, p.role, p.area_id, p.district_id, p.valid_from, p.valid_to, least(p.valid_to, c.expires_at) AS until,
  a.ord, a.ord_end, u.ord AS unit_ord, u.ord_end AS unit_ord_end, p.valid_from <= clock_timestamp() AS begun, c.state"""
FROM = """wangge.post p JOIN wangge.area a ON a.id = p.area_id JOIN wangge.unit u ON u.id = p.unit
JOIN wangge.account c ON c.id = p.account
WHERE p.removed_at IS NULL AND (p.valid_to IS NULL OR p.valid_to > clock_timestamp())"""
OWN = f"SELECT {COLUMNS} FROM {FROM} AND p.id = ANY($1) AND p.valid_from <= clock_timestamp()"
OF_ACCOUNT = f"SELECT {COLUMNS} FROM {FROM} AND p.account = $1 ORDER BY p.id"
ONE = f"SELECT {COLUMNS} FROM {FROM} AND p.id = $1"
ROLES = "SELECT code, module, inherits, delegated_by FROM wangge.role WHERE removed_at IS NULL"
PLACE = """SELECT a.ord, a.ord_end, a.district_id, u.ord AS unit_ord, u.ord_end AS unit_ord_end
FROM wangge.area a, wangge.unit u WHERE a.id = $1 AND u.id = $2 AND a.removed_at IS NULL AND u.removed_at IS NULL"""
SUPPLIER = """SELECT EXISTS (SELECT 1 FROM wangge.unit u, wangge.account a
WHERE u.id = $2 AND u.kind = 'partner' AND a.id = $1 AND a.expires_at IS NULL)"""
MODULE = """SELECT EXISTS (SELECT 1 FROM wangge.enablement e JOIN wangge.module m ON m.id = e.module
WHERE m.code = $1 AND m.state = 'INSTALLED' AND e.removed_at IS NULL AND e.valid_from <= now()
  AND (e.valid_to IS NULL OR e.valid_to > now()) AND (e.district IS NULL OR $2::uuid IS NULL OR e.district = $2))"""
ANOTHER = """SELECT EXISTS (SELECT 1 FROM wangge.post p JOIN wangge.account c ON c.id = p.account
WHERE p.role = $1 AND p.area_id = $2 AND p.id <> ALL($3::uuid[]) AND p.removed_at IS NULL AND c.removed_at IS NULL
  AND c.state = 'ACTIVE' AND p.valid_from <= clock_timestamp()
  AND coalesce(least(p.valid_to, c.expires_at), 'infinity') > clock_timestamp()
  AND coalesce(least(p.valid_to, c.expires_at), 'infinity') >= coalesce($4::timestamptz, 'infinity'))"""


class Given(msgspec.Struct, frozen=True):
    """A post as delegation sees it: a role, intervals of area and unit, and when it ends."""

    role: str
    area: Span
    unit: Span
    until: dt.datetime | None


class Roles(msgspec.Struct, frozen=True):
    """The stored roles: what each takes over, by whom each is given, whose it is."""

    inherits: Mapping[str, tuple[str, ...]]
    delegated_by: Mapping[str, tuple[str, ...]]
    module: Mapping[str, str]

    def upper(self, role: str) -> frozenset[str]:
        """A role and all that it takes over."""
        found: set[str] = set()
        pending = [role]
        while pending:
            one = pending.pop()
            if one not in found:
                found.add(one)
                pending += self.inherits.get(one, ())
        return frozenset(found)

    def gives(self, giver: str, role: str) -> bool:
        """Whether a holder of `giver` may give `role`, and every role inside it that is given by somebody at all."""
        mine = self.upper(giver)
        wanted = [r for r in self.upper(role) if r == role or self.delegated_by.get(r)]
        return all(mine.intersection(self.delegated_by.get(r, ())) for r in wanted)


class Delegation(msgspec.Struct, frozen=True):
    """What one grantor may give."""

    own: tuple[Given, ...]
    roles: Roles

    def check(self, wanted: Given, *, timed: bool = True) -> None:
        """Raises Denied or Invalid unless one post covers what is wanted; `timed=False` for what only takes rights away."""
        giving = [post for post in self.own if self.roles.gives(post.role, wanted.role)]
        if not giving:
            raise Denied("post.role_not_yours", "this role does not exist or is not yours to give", path=["role"])
        placed = [p for p in giving if _inside(wanted.area, p.area) and _inside(wanted.unit, p.unit)]
        if not placed:
            raise place_unknown()
        if timed and not any(_not_longer(wanted.until, post.until) for post in placed):
            ends = [post.until for post in placed if post.until is not None]
            raise Invalid(
                "post.longer_than_yours",
                "name an end that is not later than that of your own post",
                path=["validTo"],
                until=max(ends).isoformat(),
            )

    def covers(self, wanted: Given, *, timed: bool) -> bool:
        """Whether `check` lets it pass."""
        try:
            self.check(wanted, timed=timed)
        except (Denied, Invalid):
            return False
        return True


def place_unknown() -> Denied:
    """One answer for an area or unit that does not exist and for one that is not inside the grantor's own."""
    return Denied("post.place_unknown", "the area or the unit does not exist or is not inside yours", path=["area"])


def _inside(inner: Span, outer: Span) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def _not_longer(wanted: dt.datetime | None, own: dt.datetime | None) -> bool:
    return own is None or (wanted is not None and wanted <= own)


def given_of(row: Any) -> Given:
    """A stored post, which ends with its account at the latest."""
    return Given(row["role"], (row["ord"], row["ord_end"]), (row["unit_ord"], row["unit_ord_end"]), row["until"])


def given_until(row: Any, expires_at: dt.datetime | None) -> Given:
    """A stored post as it would be if its account ended at `expires_at`."""
    ends = [end for end in (row["valid_to"], expires_at) if end is not None]
    return msgspec.structs.replace(given_of(row), until=min(ends, default=None))


async def load_delegation(connection: Any, posts: Iterable[UUID]) -> Delegation:
    """What the holder of these posts may give, read inside the caller's transaction."""
    stored = await connection.fetch(ROLES)
    roles = Roles(
        {row["code"]: tuple(row["inherits"] or ()) for row in stored},
        {row["code"]: tuple(row["delegated_by"] or ()) for row in stored},
        {row["code"]: row["module"] for row in stored},
    )
    own = await connection.fetch(OWN, list(posts))
    return Delegation(tuple(given_of(row) for row in own), roles)


async def wanted_post(
    connection: Any, delegation: Delegation, role: str, area: UUID, unit: UUID, until: dt.datetime | None
) -> Given:
    """A post that is to be given; raises Denied when it is not the grantor's to give or its module is off there."""
    place = await connection.fetchrow(PLACE, area, unit)
    if place is None:
        raise place_unknown()
    wanted = Given(role, (place["ord"], place["ord_end"]), (place["unit_ord"], place["unit_ord_end"]), until)
    delegation.check(wanted)
    module = delegation.roles.module.get(role, "")
    if module != "wangge" and not await connection.fetchval(MODULE, module, place["district_id"]):
        raise Denied("post.module_off", "the module that this role belongs to is off in that area", path=["role"])
    return wanted


async def check_separate(connection: Any, account: UUID, role: str, roles: Roles) -> None:
    """Raises Denied when an account would hold two administrations that are kept apart, by what its roles take over too."""
    held = {row["role"] for row in await connection.fetch(OF_ACCOUNT, account)}
    kept_apart = {one for each in (role, *held) for one in roles.upper(each)} & SEPARATE
    if len(kept_apart) > 1 and roles.upper(role) & SEPARATE:
        raise Denied(
            "post.separate_duties",
            "system, security and audit administration are held by different accounts",
            path=["role"],
        )


async def check_supplier(connection: Any, account: UUID, unit: UUID, until: dt.datetime | None) -> None:
    """Raises Invalid for a post without end at a partner's unit, of an account without end: contracts end."""
    if until is None and await connection.fetchval(SUPPLIER, account, unit):
        raise Invalid(
            "post.supplier_without_end",
            "somebody of a partner gets a post until a date, or an account that ends",
            path=["validTo"],
        )


async def check_not_last(connection: Any, posts: Iterable[Any], *, ends: dt.datetime | None = None) -> None:
    """Raises Denied when ending these posts, at once or at `ends`, leaves an area without an administrator of a kind."""
    posts = list(posts)
    going = [row["id"] for row in posts]
    for row in posts:
        in_force = row["begun"] and row["state"] == "ACTIVE" and row["role"] in KEPT
        shortened = ends is None or row["until"] is None or row["until"] > ends
        if (
            in_force
            and shortened
            and not await connection.fetchval(ANOTHER, row["role"], row["area_id"], going, row["until"])
        ):
            raise Denied("post.last_of_its_kind", "this is the last administrator of its kind: name another one first")
