"""The `records` handle that hooks receive: writes inside the running transaction, under the rights of its Scope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import msgspec

from ..errors import Invalid
from ..policy.scope import Scope
from .changing import carry_out, change
from .draft import Item, Order, Refused, strict
from .kit import Kit
from .nesting import create_all
from .outcome import Outcome

DEPTH = 5
"""how many writes of modules may stand inside one another."""


class Handle:
    """Writes of a module while a write runs; what is refused raises `Refused` and ends the whole transaction."""

    def __init__(self, kit: Kit, connection: Any, scope: Scope, order: Order, depth: int = 0) -> None:
        self._kit = kit
        self._depth = depth
        self._connection = connection
        self._scope = scope
        self._order = strict(order)

    def _inner(self) -> Handle:
        """The handle for the hooks of what this one writes. Raises Invalid when modules answer each other without end."""
        if self._depth >= DEPTH:
            raise Invalid(
                "module.too_deep", f"modules wrote {DEPTH} times inside one another: one of them does not end"
            )
        return Handle(self._kit, self._connection, self._scope, self._order, self._depth + 1)

    async def create(self, entity: str, inputs: Sequence[Mapping[str, Any]]) -> list[UUID]:
        """Store new rows; their ids."""
        items = [Item(index, wire) for index, wire in enumerate(inputs)]
        with _inner():
            made = await create_all(self._kit, self._connection, self._scope, entity, items, self._order, self._inner())
        return [draft.id for draft in made]

    async def update(self, entity: str, row: UUID, patch: Mapping[str, Any], if_revision: int | None = None) -> UUID:
        """Change one row."""
        with _inner():
            return await change(
                self._kit, self._connection, self._scope, entity, row, patch, if_revision, self._order, self._inner()
            )

    async def perform(self, entity: str, row: UUID, operation: str, wire: Mapping[str, Any]) -> UUID:
        """Carry out a declared operation on one row."""
        with _inner():
            return await carry_out(
                self._kit, self._connection, self._scope, entity, row, operation, wire, None, self._order, self._inner()
            )


@contextmanager
def _inner() -> Iterator[None]:
    """What is refused here is a row of the module's own: its fields are none of the input."""
    try:
        yield
    except Refused as refused:
        inner, told = Refused(_apart(refused.outcome)), refused
        inner.inner = True
        raise inner from told


def _apart(outcome: Outcome) -> Outcome:
    """What is wrong with a module's own rows, as something wrong with the whole input."""
    errors, warnings = (
        tuple(msgspec.structs.replace(one, index=0, path=()) for one in found)
        for found in (outcome.errors, outcome.warnings)
    )
    return msgspec.structs.replace(outcome, ids=(), errors=errors, warnings=warnings)
