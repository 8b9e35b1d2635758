"""Erase (PIPL art. 47) and anonymise: the content of rows ends everywhere at once, a stub and a ledger entry stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from ..audit.entries import actor_values
from ..errors import Denied
from ..model import names
from ..model.names import quote
from ..policy.scope import Scope
from ..values import Actor
from .claims import MOVE_UP
from .draft import Draft, Order, sift
from .kit import Kit
from .locking import Asked, located, lock, lock_all
from .wiping import Wipe, unheld_files_sql

FORGET = "SELECT wangge.forget($1::uuid[])"
CLAIMS = (
    "DELETE FROM wangge.claim WHERE row_id = ANY($1::uuid[]) AND ($2::text[] IS NULL OR constraint_name = ANY($2)) "
    "RETURNING key_hash, contested"
)
KEYS = "DELETE FROM wangge.row_key WHERE row_id = ANY($1::uuid[])"
FLAGS = 'DELETE FROM wangge.flag WHERE entity = $1 AND "row" = ANY($2::text[])'
CANDIDATES = (
    "DELETE FROM wangge.duplicate_candidate WHERE entity = $1 AND (first = ANY($2::text[]) OR second = ANY($2::text[]))"
)


async def erase(kit: Kit, connection: Any, scope: Scope, entity: str, row: UUID, order: Order) -> UUID:
    """End one row under the caller's right `erase`, removed or not. Raises Denied."""
    if kit.model.entities.get(entity) is None or kit.model.entities[entity].writes != "generated":
        raise Denied("write.not_allowed", "the caller may not do this", entity=entity)
    await lock(kit, connection, scope, entity, row, "erase", removed=None)
    await end(kit, connection, entity, [row], scope.actor, order, whole=True)
    return row


async def erase_all(
    kit: Kit, connection: Any, scope: Scope, entity: str, asked: Sequence[Asked], order: Order
) -> list[Draft]:
    """End rows under the caller's right `erase`; one that is missing is a fault of its input. Raises Denied."""
    if kit.model.entities.get(entity) is None or kit.model.entities[entity].writes != "generated":
        raise Denied("write.not_allowed", "the caller may not do this", entity=entity)
    locked = await lock_all(kit, connection, scope, entity, [one.id for one in asked], "erase", removed=None)
    drafts = located(entity, asked, locked, kit.now())
    kept = sift(kit, drafts, order)
    if kept:
        await end(kit, connection, entity, [draft.id for draft in kept], scope.actor, order, whole=True)
    return drafts


async def end(
    kit: Kit, connection: Any, entity: str, rows: Sequence[UUID], actor: Actor, order: Order, *, whole: bool
) -> None:
    """Empty rows that are locked, everything that was kept of their past, and what is derived from them."""
    ids, wipe = sorted(rows), kit.wipe(entity, whole=whole)
    uppers = [(link.upper.name, await _linked(connection, link, ids)) for link in kit.following.links(entity)]
    files = [row[0] for row in await connection.fetch(wipe.files, ids)] if wipe.files else []
    for statement in wipe.statements:
        await connection.execute(statement, ids)
    await _give_up(kit, connection, entity, ids, wipe, whole=whole)
    args = [*actor_values(actor), order.reason or actor.reason, order.purpose, order.document, list(wipe.fields)]
    await connection.execute(wipe.trail, ids, *args)
    await connection.execute(FORGET, ids)
    if files:
        await connection.execute(unheld_files_sql(kit.model), files)
    for upper, linked in uppers:
        await kit.following.relink(connection, upper, linked)


async def _linked(connection: Any, link: Any, ids: list[UUID]) -> list[UUID]:
    """The rows that the rows in `ids` link."""
    column = quote(names.column(link.ref))
    sql = (
        f"SELECT DISTINCT {column} FROM {names.table(link.entity)} WHERE id = ANY($1::uuid[]) AND {column} IS NOT NULL"
    )
    return [row[0] for row in await connection.fetch(sql, ids)]


async def _give_up(kit: Kit, connection: Any, entity: str, ids: list[UUID], wipe: Wipe, *, whole: bool) -> None:
    """Keys of rows and of unique values, flags and candidates go; who contested a value holds it now."""
    constraints = None if wipe.claims is None else list(wipe.claims)
    freed = await connection.fetch(CLAIMS, ids, constraints)
    held = sorted({bytes(row["key_hash"]) for row in freed if not row["contested"]})
    if held:
        await connection.execute(MOVE_UP, held)
    await connection.execute(KEYS, ids)
    texts = [str(row) for row in ids]
    await connection.execute(FLAGS, entity, texts)
    if whole:
        await connection.execute(CANDIDATES, entity, texts)
