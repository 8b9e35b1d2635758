"""The `records` handle that hooks receive: writes inside the running transaction, under the rights of its Scope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from ..errors import Invalid
from ..policy.scope import Scope
from .changing import carry_out, change
from .creating import draft_all, settle, store
from .draft import Order
from .kit import Kit

DEPTH = 5
"""how many writes of modules may stand inside one another."""


class Handle:
    """Writes of a module while a write runs; what is refused raises `Refused` and ends the whole transaction."""

    def __init__(self, kit: Kit, connection: Any, scope: Scope, order: Order, depth: int = 0) -> None:
        self._kit = kit
        self._depth = depth
        self._connection = connection
        self._scope = scope
        self._order = order

    def _inner(self) -> Handle:
        """The handle for the hooks of what this one writes. Raises Invalid when modules answer each other without end."""
        if self._depth >= DEPTH:
            raise Invalid(
                "module.too_deep", f"modules wrote {DEPTH} times inside one another: one of them does not end"
            )
        return Handle(self._kit, self._connection, self._scope, self._order, self._depth + 1)

    async def create(self, entity: str, inputs: Sequence[Mapping[str, Any]]) -> list[UUID]:
        """Store new rows; their ids."""
        drafts = draft_all(self._kit, self._scope, entity, inputs)
        claims = await settle(self._kit, self._connection, self._scope, drafts, self._order, self._inner())
        await store(self._kit, self._connection, self._scope, drafts, claims, self._order)
        return [draft.id for draft in drafts]

    async def update(self, entity: str, row: UUID, patch: Mapping[str, Any], if_revision: int | None = None) -> UUID:
        """Change one row."""
        return await change(
            self._kit, self._connection, self._scope, entity, row, patch, if_revision, self._order, self._inner()
        )

    async def perform(self, entity: str, row: UUID, operation: str, wire: Mapping[str, Any]) -> UUID:
        """Carry out a declared operation on one row."""
        return await carry_out(
            self._kit, self._connection, self._scope, entity, row, operation, wire, None, self._order, self._inner()
        )
