"""Accounts, posts and enablements: the named operations that store them, each inside the caller's transaction."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from ..errors import Invalid
from ..values import uuid7

ACCOUNT = """INSERT INTO wangge.account (id, revision, created_at, updated_at, created_by, area_id, area_ord, district_id,
  login, name, state, person)
SELECT $1, 1, now(), now(), $2, a.id, a.ord, a.district_id, $3, $4, 'ACTIVE', $5 FROM wangge.area a WHERE a.id = $6"""
POST = """INSERT INTO wangge.post (id, revision, created_at, updated_at, created_by, area_id, area_ord, district_id,
  account, role, unit, valid_from, valid_to)
SELECT $1, 1, now(), now(), $2, a.id, a.ord, a.district_id, $3, $4, $5, coalesce($6, now()), $7 FROM wangge.area a WHERE a.id = $8"""
ENABLE = """INSERT INTO wangge.enablement (id, revision, created_at, updated_at, created_by, module, district, valid_from)
SELECT $1, 1, now(), now(), $2, m.id, $3, now() FROM wangge.module m WHERE m.code = $4 AND NOT EXISTS
  (SELECT 1 FROM wangge.enablement e WHERE e.module = m.id AND e.district IS NOT DISTINCT FROM $3
   AND e.removed_at IS NULL AND (e.valid_to IS NULL OR e.valid_to > now()))"""
DISABLE = """UPDATE wangge.enablement e SET valid_to = now(), updated_at = now(), revision = e.revision + 1
FROM wangge.module m WHERE m.id = e.module AND m.code = $1 AND e.district IS NOT DISTINCT FROM $2
  AND (e.valid_to IS NULL OR e.valid_to > now())"""


async def create_account(
    connection: Any, login: str, name: str, area: UUID, *, person: UUID | None = None, by: UUID | None = None
) -> UUID:
    """Store an account of an area; it may do nothing until it holds a post. Raises Invalid when the login is taken."""
    taken = await connection.fetchval("SELECT true FROM wangge.account WHERE login = $1", login)
    if taken:
        raise Invalid("account.login_taken", f'the login "{login}" is taken: choose another', login=login)
    account = uuid7()
    await connection.execute(ACCOUNT, account, by, login, name, person, area)
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
    by: UUID | None = None,
) -> UUID:
    """Give an account a role at a unit for an area; obeyed by every process within a second."""
    post = uuid7()
    await connection.execute(POST, post, by, account, role, unit, since, until, area)
    await connection.fetchval("SELECT wangge.touch('post', $1)", f"account:{account}")
    return post


async def end_post(connection: Any, post: UUID) -> bool:
    """End a post now; obeyed by every process within a second. False when it had ended."""
    account = await connection.fetchval(
        "UPDATE wangge.post SET valid_to = now(), updated_at = now(), revision = revision + 1 "
        "WHERE id = $1 AND (valid_to IS NULL OR valid_to > now()) RETURNING account",
        post,
    )
    if account is not None:
        await connection.fetchval("SELECT wangge.touch('post', $1)", f"account:{account}")
    return account is not None


async def enable_module(connection: Any, module: str, district: UUID | None, *, by: UUID | None = None) -> None:
    """Switch a module on in a district, or city-wide (None); nothing when it is on."""
    await connection.execute(ENABLE, uuid7(), by, district, module)
    await connection.fetchval("SELECT wangge.touch('module', $1)", f"module:{module}")


async def disable_module(connection: Any, module: str, district: UUID | None) -> None:
    """Switch a module off in a district, or what was switched on city-wide (None); its data is kept."""
    await connection.execute(DISABLE, module, district)
    await connection.fetchval("SELECT wangge.touch('module', $1)", f"module:{module}")


async def quarantine_module(connection: Any, module: str) -> None:
    """Take a module out of service everywhere, as a fault of its code demands."""
    await _set_state(connection, module, "QUARANTINED")


async def release_module(connection: Any, module: str) -> bool:
    """Put a quarantined module back into service; False when it was not quarantined."""
    return await _set_state(connection, module, "INSTALLED")


async def _set_state(connection: Any, module: str, state: str) -> bool:
    """Change the state of a module; False when it has it already."""
    changed = await connection.fetchval(
        "UPDATE wangge.module SET state = $2, updated_at = now(), revision = revision + 1 "
        "WHERE code = $1 AND state <> $2 AND state <> 'MISSING' RETURNING id",
        module,
        state,
    )
    await connection.fetchval("SELECT wangge.touch('module', $1)", f"module:{module}")
    return changed is not None
