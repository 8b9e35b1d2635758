"""Ask the database what the rules of an account make of one row, and compare it with what the compiler makes of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from ..errors import Invalid
from ..policy.build import build_scope
from ..policy.explain import (
    ACTION,
    Question,
    as_told,
    chain,
    compiled_level,
    field_id,
    judge,
    raise_of,
    raised_probe,
    reached,
)
from ..policy.roles import Roles
from ..policy.scope import EntityShape, Level, Scope
from ..policy.world import Facts, World
from ..sql.catalog import Catalog
from ..sql.compile import compile_guard
from .loading import load_facts

ACCOUNT = "SELECT id FROM wangge.account WHERE login = $1 AND removed_at IS NULL"
EXPLAINS = ("wangge.rule", "do:explain")
"""the right to be told why others see something."""
NOWHERE = UUID(int=0)
"""the id of no row."""
REMOVED = ("list_removed", "restore", "erase")
"""actions that are for removed rows."""


class Explainer:
    """Explains over one loaded policy; `connection` is anything that fetches."""

    def __init__(self, connection: Any, catalog: Catalog, world: World, roles: Roles) -> None:
        self._connection = connection
        self._catalog = catalog
        self._world = world
        self._roles = roles

    def question(self, entity: str, action: str, field: str | None) -> Question:
        """The question with the id of its field."""
        model = self._catalog.model
        return Question(entity, action, field_id(model, entity, field), model.root_scope(entity).kind == "self")

    async def account(self, login: str, reader: Scope | None = None) -> Facts:
        """Who an account is and which posts it holds. Raises Invalid for one that may not act, or that `reader` does not see."""
        id_ = await self._connection.fetchval(ACCOUNT, login)
        if id_ is not None and reader is not None and not await self._held(reader, "wangge.account", "get", id_):
            id_ = None
        facts = await load_facts(self._connection, id_) if id_ is not None else None
        if facts is None:
            raise Invalid("access.unknown_account", f'there is no active account "{login}"', account=login)
        return facts

    async def whole(self, facts: Facts, question: Question, row: UUID, reader: Scope | None = None) -> dict[str, Any]:
        """The whole chain with the verdicts on the row, and the level that the compiled Scope gives.

        A row that lies where `reader` may explain nothing is answered as one that does not exist.
        """
        if reader is not None:
            reach = reached(reader, question, EXPLAINS)
            if reach is None or not await self._held(reach, question.entity, ACTION, row):
                row = NOWHERE
        steps, probe = chain(self._world, self._roles, facts, question)
        removed = question.action in REMOVED
        raised = await self._raised(probe, question, row)
        found = judge(
            question, steps, await self._held(probe, question.entity, ACTION, row, removed=removed), raised=raised
        )
        scope = build_scope(self._world, self._roles, facts)
        held = await self._held(scope, question.entity, question.action, row, removed=removed)
        return as_told(found, compiled_level(scope.shape, question, held, raised=raised))

    async def own(self, scope: Scope, question: Question, row: UUID) -> tuple[bool, Level]:
        """Whether the caller has the row under the action, and the level of the cell there."""
        removed = question.action in REMOVED
        held = await self._held(scope, question.entity, question.action, row, removed=removed)
        raised = bool(held) and await self._raised(scope, question, row)
        return bool(held), compiled_level(scope.shape, question, held, raised=raised)

    async def _raised(self, scope: Scope, question: Question, row: UUID) -> bool:
        """Whether the class of the field is raised in the row."""
        when = raise_of(self._catalog.model, question)
        return when is not None and bool(
            await self._held(raised_probe(scope, question, when), question.entity, ACTION, row)
        )

    async def _held(
        self, scope: Scope, entity: str, action: str, row: UUID, *, removed: bool | None = None
    ) -> frozenset[int]:
        """The grants of an action that hold in a row; none when there is no such row. `removed` None: either will do."""
        if not (scope.shape.entity(entity) or EntityShape({})).grants(action):
            return frozenset()
        statement = compile_guard(self._catalog, scope.shape, entity, action)
        found = await self._connection.fetch(statement.sql, *statement.bind(scope, [[row]]))
        return frozenset(n for each in found for n in _grants(each, removed=removed))


def _grants(record: Any, *, removed: bool | None) -> list[int]:
    """The numbers of a guard's row; a removed row is there only for the actions that are for it."""
    row = msgspec.json.decode(record[0])
    held: list[int] = row["grants"]
    return held if removed in (None, row["row"]["removed_at"] is not None) else []
