"""Which person at the OpenID provider is which account: an administrator's decision, stored in the caller's transaction."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ..errors import Invalid
from ..values import Actor, uuid7
from .sessions import end_session
from .trail import OPERATOR, note

IDENTITY = "wangge.identity"
LINK = """INSERT INTO wangge.identity AS i (id, revision, created_at, updated_at, created_by, account, issuer, subject,
  area_id, area_ord, district_id)
SELECT $1, 1, now(), now(), $2, a.id, $3, $4, a.area_id, a.area_ord, a.district_id FROM wangge.account a WHERE a.id = $5
ON CONFLICT (issuer, subject) DO UPDATE SET account = excluded.account, removed_at = NULL, updated_at = now(),
  revision = i.revision + 1, area_id = excluded.area_id, area_ord = excluded.area_ord, district_id = excluded.district_id
WHERE i.removed_at IS NOT NULL
RETURNING id, district_id"""
"""a person who was linked before is the same row again."""
UNLINK = """UPDATE wangge.identity SET removed_at = now(), updated_at = now(), revision = revision + 1
WHERE id = $1 AND removed_at IS NULL RETURNING account, district_id, revision, removed_at"""
OPENED = "SELECT id FROM wangge.session WHERE identity = $1 AND ended_at IS NULL ORDER BY id"


async def link_identity(
    connection: Any, account: UUID, issuer: str, subject: str, *, by: UUID | None = None, actor: Actor = OPERATOR
) -> UUID:
    """Let a person at the provider sign in as an account. Raises Invalid when the person is linked already."""
    row = await connection.fetchrow(LINK, uuid7(), by, issuer, subject, account)
    if row is None:
        raise Invalid("identity.taken", "this subject is linked to an account already: check it", path=["subject"])
    made: UUID = row["id"]
    await note(connection, actor, "link_identity", IDENTITY, made, district=row["district_id"])
    return made


async def unlink_identity(connection: Any, identity: UUID, *, actor: Actor = OPERATOR) -> bool:
    """End it, and the sessions that were opened by it, in every process within a second. False when it had ended."""
    row = await connection.fetchrow(UNLINK, identity)
    if row is None:
        return False
    changes = {"removedAt": (None, row["removed_at"].isoformat())}
    await note(
        connection, actor, "unlink_identity", IDENTITY, identity,
        district=row["district_id"], revision=row["revision"], changes=changes,
    )  # fmt: skip
    for session in await connection.fetch(OPENED, identity):
        await end_session(connection, session["id"], "end_session", actor=actor)
    return True
