"""Read the stored policy and the facts of one account: the only SQL that the Scope rests on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Container
from typing import Any
from uuid import UUID

import msgspec

from ..errors import PolicyError
from ..model.filter import Filter
from ..model.types import Dimension, Model
from ..policy.world import Enabled, Facts, HeldPost, StoredRule, World
from ..values import Actor, Post

RULES = """SELECT id, role, entity, actions, fields, condition, purpose, effect, via, dimensions, district
FROM wangge.rule WHERE removed_at IS NULL ORDER BY id"""
RULES_OF = f"""SELECT r.*, c.counters FROM (SELECT jsonb_object_agg(kind, value) AS counters FROM wangge.change_counter) c
LEFT JOIN ({RULES.replace("ORDER BY id", "AND role = ANY($1)")}) r ON TRUE"""
"""in one statement, so in one snapshot; without rules there is one row."""
ROLES = "SELECT code, inherits, limits, own_limits FROM wangge.role WHERE removed_at IS NULL"
ENABLED = """SELECT m.code AS module, e.district, e.valid_from, e.valid_to
FROM wangge.enablement e JOIN wangge.module m ON m.id = e.module
WHERE e.removed_at IS NULL AND m.removed_at IS NULL AND m.state = 'INSTALLED' ORDER BY e.id"""
DISTRICTS = (
    "SELECT id, ord, ord_end FROM wangge.area WHERE kind IN ('district', 'functional_zone') AND removed_at IS NULL"
)
COUNTERS = "SELECT kind, value, clock_timestamp() AS now FROM wangge.change_counter"
ACCOUNT = """SELECT id, login, name, state, person, area_id, expires_at, clock_timestamp() AS now
FROM wangge.account WHERE id = $1 AND removed_at IS NULL
  AND ($2::uuid IS NULL OR EXISTS (SELECT 1 FROM wangge.token t WHERE t.id = $2 AND t.revoked_at IS NULL))
  AND ($3::uuid IS NULL OR EXISTS (SELECT 1 FROM wangge.session s WHERE s.id = $3 AND s.ended_at IS NULL))"""
POSTS = """SELECT p.id, p.role, p.area_id, p.district_id, p.valid_from, p.valid_to, p.unit,
  a.ord, a.ord_end, a.parent AS area_parent, u.ord AS unit_ord, u.ord_end AS unit_ord_end,
  ARRAY(SELECT x.id FROM wangge.unit x WHERE x.ord BETWEEN u.ord AND u.ord_end ORDER BY x.ord) AS units
FROM wangge.post p JOIN wangge.area a ON a.id = p.area_id JOIN wangge.unit u ON u.id = p.unit
WHERE p.account = $1 AND p.removed_at IS NULL AND (p.valid_to IS NULL OR p.valid_to > clock_timestamp())
ORDER BY p.valid_from, p.id"""


async def load_world(connection: Any, model: Model, absent: Container[str] = ()) -> World:
    """The stored policy in one snapshot, without what switches on the `absent` modules.

    Raises PolicyError when a stored rule cannot be read: then nothing is granted.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        frame = await _frame(connection, model, absent)
        rules = tuple([rule_of(row) for row in await connection.fetch(RULES)])
    return msgspec.structs.replace(frame, rules=rules)


async def load_frame(connection: Any, model: Model, absent: Container[str] = ()) -> World:
    """The stored policy in one snapshot without its rules, which `load_rules` reads for the roles that are in use."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        return await _frame(connection, model, absent)


async def load_rules(connection: Any, roles: Collection[str]) -> tuple[dict[str, int], dict[str, list[StoredRule]]]:
    """The rules of roles, a list for each, and the change counters in the same snapshot.

    Raises PolicyError when a stored rule cannot be read: then nothing is granted to these roles.
    """
    found: dict[str, list[StoredRule]] = {role: [] for role in roles}
    counters: dict[str, int] = {}
    for row in await connection.fetch(RULES_OF, sorted(roles)):
        counters = counters or dict(row["counters"])
        if row["id"] is not None:
            found[row["role"]].append(rule_of(row))
    return counters, found


async def _frame(connection: Any, model: Model, absent: Container[str]) -> World:
    """The World without rules, in the caller's transaction."""
    counters = {row["kind"]: row["value"] for row in await connection.fetch(COUNTERS)}
    roles = await connection.fetch(ROLES)
    inherits = {row["code"]: tuple(row["inherits"] or ()) for row in roles}
    limits = {row["code"]: {**(row["limits"] or {}), **(row["own_limits"] or {})} for row in roles}
    stored = [Enabled(*row.values()) for row in await connection.fetch(ENABLED)]
    enabled = tuple(one for one in stored if one.module not in absent)
    districts = {row["id"]: (row["ord"], row["ord_end"]) for row in await connection.fetch(DISTRICTS)}
    return World(
        model=model,
        rules=(),
        inherits=inherits,
        enabled=enabled,
        districts=districts,
        counters=counters,
        limits={role: own for role, own in limits.items() if own},
    )


def rule_of(row: Any) -> StoredRule:
    """One stored rule, typed."""
    try:
        condition = msgspec.convert(row["condition"], Filter) if row["condition"] is not None else None
        return StoredRule(
            id=row["id"],
            role=row["role"],
            entity=row["entity"],
            actions=tuple(row["actions"]),
            fields=row["fields"] or {},
            condition=condition,
            purpose=row["purpose"],
            effect=row["effect"],
            via=row["via"],
            dimensions=msgspec.convert(row["dimensions"] or [], tuple[Dimension, ...]),
            district=row["district"],
        )
    except (msgspec.ValidationError, TypeError) as error:
        raise PolicyError(
            "policy.broken_rule", f"the stored rule {row['id']} cannot be read: {error}", rule=str(row["id"])
        ) from error


async def load_facts(
    connection: Any,
    account: UUID,
    *,
    token: UUID | None = None,
    session: UUID | None = None,
    only_posts: frozenset[UUID] | None = None,
    until: dt.datetime | None = None,
) -> Facts | None:
    """Who the account is and which posts it holds now, limited to `only_posts` when given.

    None when it may not act, or the token or session that it came with has ended.
    """
    row = await connection.fetchrow(ACCOUNT, account, token, session)
    if row is None or row["state"] != "ACTIVE":
        return None
    now: dt.datetime = row["now"]
    if row["expires_at"] is not None and row["expires_at"] <= now:
        return None
    found = [p for p in await connection.fetch(POSTS, account) if only_posts is None or p["id"] in only_posts]
    held = [p for p in found if p["valid_from"] <= now]
    later = [p["valid_from"] for p in found if p["valid_from"] > now]
    posts = tuple(Post(p["id"], p["role"], p["unit"], p["area_id"], p["valid_from"], p["valid_to"]) for p in held)
    actor = Actor("account", row["login"], account=account, person=row["person"], posts=posts, token=token)
    return Facts(
        actor=actor,
        session=session,
        posts=tuple(_held(p) for p in held),
        now=now,
        until=min((end for end in (until, row["expires_at"]) if end is not None), default=None),
        next_change=min(later, default=None),
        home_area=held[0]["area_id"] if held else row["area_id"],
        home_unit=held[0]["unit"] if held else None,
    )


def _held(row: Any) -> HeldPost:
    """One post with its numbers."""
    return HeldPost(
        id=row["id"],
        role=row["role"],
        area=row["area_id"],
        span=(row["ord"], row["ord_end"]),
        district=row["district_id"],
        whole_city=row["area_parent"] is None,
        whole_district=row["area_id"] == row["district_id"],
        unit=row["unit"],
        unit_span=(row["unit_ord"], row["unit_ord_end"]),
        units=tuple(row["units"]),
        until=row["valid_to"],
    )
