"""What the named operations on accounts, posts, tokens and modules leave behind: a ledger entry, and of a change a revision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from ..audit.entries import append
from ..values import Actor

OPERATOR = Actor("system", "operator", reason="a command on the server", origin="command")
"""Who acts when nobody is signed in: whoever may run commands on the server."""
REVISION = """INSERT INTO wangge.revision (row_id, revision, entity, kind, operation, actor_kind, actor_name, account_id, fields,
  changes, reason) VALUES ($1, $2, $3, 'operation', $4, $5, $6, $7, $8, $9, $10)"""


async def note(
    connection: Any,
    actor: Actor,
    action: str,
    entity: str,
    row: UUID | None,
    *,
    district: UUID | None = None,
    reason: str | None = None,
    revision: int | None = None,
    changes: Mapping[str, tuple[Any, Any]] | None = None,
) -> None:
    """Append the entry in the transaction of `connection`; with `changes` (field -> from, to) the row's revision too."""
    fields = sorted(changes or ())
    await append(connection, actor, action, entity=entity, row=row, district=district, fields=fields, reason=reason)
    if changes is not None:
        told = {name: {"from": before, "to": after} for name, (before, after) in changes.items()}
        who = (actor.kind, actor.name, actor.account)
        why = reason or actor.reason
        await connection.execute(REVISION, row, revision, entity, action, *who, fields, told, why)
