"""The `records` handle that hooks receive: writes inside the running transaction, under the rights of its Scope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from ..policy.scope import Scope
from .changing import carry_out, change
from .creating import draft_all, settle, store
from .draft import Order
from .kit import Kit


class Handle:
    """Writes of a module while a write runs; what is refused raises `Refused` and ends the whole transaction."""

    def __init__(self, kit: Kit, connection: Any, scope: Scope, order: Order) -> None:
        self._kit = kit
        self._connection = connection
        self._scope = scope
        self._order = order

    async def create(self, entity: str, inputs: Sequence[Mapping[str, Any]]) -> list[UUID]:
        """Store new rows; their ids."""
        drafts = draft_all(self._kit, self._scope, entity, inputs)
        claims = await settle(self._kit, self._connection, self._scope, drafts, self._order, self)
        await store(self._kit, self._connection, self._scope, drafts, claims, self._order)
        return [draft.id for draft in drafts]

    async def update(self, entity: str, row: UUID, patch: Mapping[str, Any], if_revision: int | None = None) -> UUID:
        """Change one row."""
        return await change(
            self._kit, self._connection, self._scope, entity, row, patch, if_revision, self._order, self
        )

    async def perform(self, entity: str, row: UUID, operation: str, wire: Mapping[str, Any]) -> UUID:
        """Carry out a declared operation on one row."""
        return await carry_out(
            self._kit, self._connection, self._scope, entity, row, operation, wire, None, self._order, self
        )
