"""Accounts, posts and enablements: the named operations that store them, each inside the caller's transaction."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

import msgspec

from ..errors import Invalid
from ..model.types import Model
from ..store.seeding import stored_rules, write_seed
from ..values import Actor, uuid7
from .logins import ALIKE, checked_login
from .trail import OPERATOR, note

ACCOUNT = """INSERT INTO wangge.account (id, revision, created_at, updated_at, created_by, area_id, area_ord, district_id,
  login, name, state, person, expires_at)
SELECT $1, 1, now(), now(), $2, a.id, a.ord, a.district_id, $3, $4, 'ACTIVE', $5, $7 FROM wangge.area a WHERE a.id = $6
RETURNING district_id"""
TAKEN = "SELECT EXISTS (SELECT 1 FROM wangge.account WHERE translate(login, $2, $3) = translate($1, $2, $3))"
POST = """INSERT INTO wangge.post (id, revision, created_at, updated_at, created_by, area_id, area_ord, district_id,
  account, role, unit, valid_from, valid_to, substitutes)
SELECT $1, 1, now(), now(), $2, a.id, a.ord, a.district_id, $3, $4, $5, coalesce($6, now()), $7, $9 FROM wangge.area a
WHERE a.id = $8 RETURNING district_id"""
ENABLE = """INSERT INTO wangge.enablement (id, revision, created_at, updated_at, created_by, module, district, valid_from)
SELECT $1, 1, now(), now(), $2, m.id, $3, now() FROM wangge.module m WHERE m.code = $4 AND NOT EXISTS
  (SELECT 1 FROM wangge.enablement e WHERE e.module = m.id AND e.district IS NOT DISTINCT FROM $3
   AND e.removed_at IS NULL AND (e.valid_to IS NULL OR e.valid_to > now()))
RETURNING id"""
DISABLE = """UPDATE wangge.enablement e SET valid_to = now(), updated_at = now(), revision = e.revision + 1
FROM wangge.module m WHERE m.id = e.module AND m.code = $1 AND e.district IS NOT DISTINCT FROM $2
  AND (e.valid_to IS NULL OR e.valid_to > now()) RETURNING e.id, e.revision, now() AS ended"""


async def create_account(
    connection: Any,
    login: str,
    name: str,
    area: UUID,
    *,
    person: UUID | None = None,
    expires_at: dt.datetime | None = None,
    by: UUID | None = None,
    actor: Actor = OPERATOR,
) -> UUID:
    """Store an account of an area; it may do nothing until it holds a post.

    Raises Invalid for what is no login, and when it is taken or looks like one that is.

    At `expires_at` it stops working by itself: for suppliers and others whose contract ends.
    """
    login = checked_login(login)
    if await connection.fetchval(TAKEN, login, *ALIKE):
        raise Invalid(
            "account.login_taken", f'the login "{login}" is taken: choose another', login=login, path=["login"]
        )
    account = uuid7()
    district = await connection.fetchval(ACCOUNT, account, by, login, name, person, area, expires_at)
    await note(connection, actor, "create_account", "wangge.account", account, district=district)
    return account


async def create_post(
    connection: Any,
    account: UUID,
    role: str,
    unit: UUID,
    area: UUID,
    *,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
    substitutes: UUID | None = None,
    by: UUID | None = None,
    actor: Actor = OPERATOR,
) -> UUID:
    """Give an account a role at a unit for an area; obeyed by every process within a second.

    `substitutes` names the post for whose holder this one stands in; it ends with that one at the latest.
    """
    post = uuid7()
    district = await connection.fetchval(POST, post, by, account, role, unit, since, until, area, substitutes)
    await note(connection, actor, "create_post", "wangge.post", post, district=district)
    await connection.fetchval("SELECT wangge.touch('post', $1)", f"account:{account}")
    return post


END = """UPDATE wangge.post p SET valid_to = now(), updated_at = now(), revision = p.revision + 1 FROM wangge.post o
WHERE p.id = $1 AND o.id = p.id AND (p.valid_to IS NULL OR p.valid_to > now())
RETURNING p.account, p.revision, p.district_id, o.valid_to AS before, p.valid_to AS after"""
SUBSTITUTES = """SELECT id FROM wangge.post WHERE substitutes = $1 AND removed_at IS NULL
AND (valid_to IS NULL OR valid_to > now()) ORDER BY id"""


async def end_post(connection: Any, post: UUID, *, actor: Actor = OPERATOR) -> bool:
    """End a post now, and those that stand in for it; obeyed by every process within a second. False when it had ended."""
    row = await connection.fetchrow(END, post)
    if row is None:
        return False
    changes = {"validTo": (_moment(row["before"]), _moment(row["after"]))}
    await note(
        connection, actor, "end_post", "wangge.post", post,
        district=row["district_id"], revision=row["revision"], changes=changes,
    )  # fmt: skip
    await connection.fetchval("SELECT wangge.touch('post', $1)", f"account:{row['account']}")
    for other in await connection.fetch(SUBSTITUTES, post):
        await end_post(connection, other["id"], actor=actor)
    return True


def _moment(at: dt.datetime | None) -> str | None:
    return at.isoformat() if at is not None else None


UPDATE = """UPDATE wangge.account a SET name = $2, expires_at = $3, state = $4, updated_at = now(), revision = a.revision + 1
FROM wangge.account o WHERE a.id = $1 AND o.id = a.id
RETURNING a.revision, a.district_id, o.name AS old_name, o.expires_at AS old_expires_at, o.state AS old_state"""


async def change_account(
    connection: Any,
    account: UUID,
    action: str,
    *,
    name: str,
    expires_at: dt.datetime | None,
    state: str,
    actor: Actor = OPERATOR,
) -> None:
    """Store an account's name, end and state; one that is disabled loses its sessions. Obeyed within a second."""
    row = await connection.fetchrow(UPDATE, account, name, expires_at, state)
    told = {
        "name": (row["old_name"], name),
        "expiresAt": (_moment(row["old_expires_at"]), _moment(expires_at)),
        "state": (row["old_state"], state),
    }
    changes = {field: (old, new) for field, (old, new) in told.items() if old != new}
    await note(
        connection, actor, action, "wangge.account", account,
        district=row["district_id"], revision=row["revision"], changes=changes,
    )  # fmt: skip
    if state == "DISABLED":
        await connection.execute(
            "UPDATE wangge.session SET ended_at = now() WHERE account = $1 AND ended_at IS NULL", account
        )
    await connection.fetchval("SELECT wangge.touch('account', $1)", f"account:{account}")


APPROVED = """SELECT EXISTS (SELECT 1 FROM wangge.module_approval WHERE module = $1)"""
APPROVE = """INSERT INTO wangge.module_approval (module, account_id, login, reason) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING RETURNING module"""


async def approve_module(connection: Any, model: Model, module: str, reason: str, *, actor: Actor) -> bool:
    """Approve a module's default rules, which are stored then; False when they were approved already."""
    if not await connection.fetchval(APPROVE, module, actor.account, actor.name, reason):
        return False
    mine = await stored_rules(connection, model, frozenset((module,)))
    await write_seed(connection, msgspec.structs.replace(mine, within="false"))
    row = await connection.fetchval("SELECT id FROM wangge.module WHERE code = $1", module)
    await note(connection, actor, "approve_module", "wangge.module", row, reason=f"{module}: {reason}")
    for role in sorted({rule["role"] for rule in mine.rows}):
        await connection.execute("SELECT wangge.touch('rule', $1)", f"role:{role}")
    await connection.fetchval("SELECT wangge.touch('module', $1)", f"module:{module}")
    return True


async def enable_module(
    connection: Any, module: str, district: UUID | None, *, by: UUID | None = None, actor: Actor = OPERATOR
) -> None:
    """Switch a module on in a district, or city-wide (None); nothing when it is on. Raises Invalid before it is approved."""
    if not await connection.fetchval(APPROVED, module):
        raise Invalid(
            "module.not_approved",
            f"the default rules of {module} are not approved yet: a security administrator does that first",
            module=module,
        )
    made = await connection.fetchval(ENABLE, uuid7(), by, district, module)
    if made is not None:
        await note(connection, actor, "enable_module", "wangge.enablement", made, district=district, reason=module)
    await connection.fetchval("SELECT wangge.touch('module', $1)", f"module:{module}")


async def disable_module(connection: Any, module: str, district: UUID | None, *, actor: Actor = OPERATOR) -> None:
    """Switch a module off in a district, or what was switched on city-wide (None); its data is kept."""
    for row in await connection.fetch(DISABLE, module, district):
        changes = {"validTo": (None, _moment(row["ended"]))}
        await note(
            connection, actor, "disable_module", "wangge.enablement", row["id"],
            district=district, reason=module, revision=row["revision"], changes=changes,
        )  # fmt: skip
    await connection.fetchval("SELECT wangge.touch('module', $1)", f"module:{module}")


async def quarantine_module(connection: Any, module: str) -> None:
    """Take a module out of service everywhere, as a fault of its code demands."""
    await _set_state(connection, module, "QUARANTINED", Actor("system", "supervisor", reason="its code stood still"))


async def release_module(connection: Any, module: str, *, actor: Actor = OPERATOR) -> bool:
    """Put a quarantined module back into service; False when it was not quarantined."""
    return await _set_state(connection, module, "INSTALLED", actor)


STATE = """UPDATE wangge.module m SET state = $2, updated_at = now(), revision = m.revision + 1 FROM wangge.module o
WHERE m.code = $1 AND o.id = m.id AND m.state <> $2 AND m.state <> 'MISSING' RETURNING m.id, m.revision, o.state AS before"""


async def _set_state(connection: Any, module: str, state: str, actor: Actor) -> bool:
    """Change the state of a module; False when it has it already."""
    row = await connection.fetchrow(STATE, module, state)
    if row is not None:
        action = "quarantine_module" if state == "QUARANTINED" else "release_module"
        changes = {"state": (row["before"], state)}
        await note(
            connection, actor, action, "wangge.module", row["id"], revision=row["revision"], changes=changes
        )  # fmt: skip
    await connection.fetchval("SELECT wangge.touch('module', $1)", f"module:{module}")
    return row is not None
