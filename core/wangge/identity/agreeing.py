"""A security administrator who agrees on the server, by login and password: tries count as those of a sign-in do."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from ..audit.entries import append
from ..crypto import Keys, check_password
from ..errors import PlanError
from ..values import Actor
from .logins import form_of
from .tries import Tries

ROLE = "security_admin"
"""Who may agree (PERMISSIONS.md 6): the security administrators of the whole city, who cannot change the system themselves."""
ACCOUNT = """SELECT a.id, s.value, EXISTS (SELECT 1 FROM wangge.post p WHERE p.account = a.id AND p.role = $2
  AND p.removed_at IS NULL AND p.valid_from <= now() AND (p.valid_to IS NULL OR p.valid_to > now())
  AND EXISTS (SELECT 1 FROM wangge.area r WHERE r.id = p.area_id AND r.parent IS NULL)) AS may
FROM wangge.account a LEFT JOIN wangge.secret s ON s.owner_id = a.id AND s.kind = 'password'
WHERE a.login = $1 AND a.state = 'ACTIVE' AND a.removed_at IS NULL AND (a.expires_at IS NULL OR a.expires_at > now())"""
NOBODY = "unknown login"


async def agreeing_account(pool: Any, keys: Keys, login: str, password: str, action: str) -> tuple[UUID, str]:
    """(id, login) of the account that agrees to `action`; one answer for all that is wrong.

    Counted and entered in transactions of their own, so that nothing undoes it. Raises PlanError, and Throttled after too
    many tries, whether of a sign-in or here.
    """
    login, tries = form_of(login), Tries(pool, keys)
    await tries.begin_login(login)
    row = await pool.fetchrow(ACCOUNT, login, ROLE) if "\0" not in login else None
    stored = bytes(row["value"]) if row is not None and row["value"] is not None else None
    if not await asyncio.to_thread(check_password, password, stored) or row is None or not row["may"]:
        who = login if row is not None else NOBODY
        actor = Actor("account", who, account=row["id"] if row is not None else None, origin="command")
        await append(pool, actor, f"denied:{action}", entity="wangge.account", row=actor.account)
        raise PlanError(
            "plan.consent_refused",
            f"login or password is wrong, or the account has no post as {ROLE}: a security administrator must agree",
            login=login,
        )
    async with pool.transaction() as connection:
        await tries.forget(connection, login)
    return row["id"], login
