"""Checks and conditions over the row that is being written; rows behind references are those that the caller may see."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec

from ..model.evaluate import Context, Target, evaluate
from ..model.filter import Filter
from ..model.types import Check, Field, Model
from ..policy.scope import Scope
from ..sql.binder import actor_value
from .outcome import Fault
from .references import Codes, References
from .rows import Rows

ROUNDS = 10
"""How many hops of references a condition may make."""


def must_be_given(field: Field) -> bool:
    """Whether a caller can be asked for the field: nobody else sets it."""
    return not field.computed and field.kind not in ("number", "children")


class Found(msgspec.Struct):
    """The checks that a row meets, by grade."""

    refuse: list[Check]
    confirm: list[Check]
    flag: list[Check]


class Checks:
    """Evaluates the conditions of one model."""

    def __init__(self, model: Model, rows: Rows, references: References, codes: Codes) -> None:
        self._model = model
        self._rows = rows
        self._references = references
        self._codes = codes

    def context(
        self, scope: Scope | None, new: Mapping[str, Any], old: Mapping[str, Any] | None, now: dt.datetime
    ) -> Context:
        """What the conditions of one row may name."""
        actor = {name: actor_value(scope, name) for name in ("account", "person", "units", "areas")} if scope else {}
        return Context(
            self._model,
            now,
            new=new,
            old=old,
            actor=actor,
            parents=self._codes.parents,
            fields_of=lambda entity: self._rows.tables(entity).fields,
        )

    async def holds(self, reader: Any, scope: Scope | None, context: Context, found: Filter, entity: str) -> bool:
        """Whether the new row meets a condition; loads what it asks for."""
        assert context.new is not None
        for _ in range(ROUNDS):
            context.missing.clear()
            context.missing_children.clear()
            answer = evaluate(found, context.new, context, entity)
            if not context.missing and not context.missing_children:
                return answer
            await self._load(reader, scope, context)
        return False

    async def _load(self, reader: Any, scope: Scope | None, context: Context) -> None:
        """Fetch what an evaluation missed."""
        for entity in {name for name, _ in context.missing}:
            ids = {row for name, row in context.missing if name == entity}
            rows: dict[Any, dict[str, Any]] = {}
            if entity in self._model.entities:
                open_to_all = entity == "wangge.area"
                seen = ids if open_to_all else await self._references.visible(reader, scope, entity, ids)
                rows = await self._rows.load(reader, entity, seen)
            for row in ids:
                context.rows[entity, row] = Target(entity, rows[row]) if row in rows else None
        for entity, field, row in list(context.missing_children):
            behind = await self._rows.children(reader, entity, field, row)
            kept = []
            for target, found in behind.items():
                seen = await self._references.visible(reader, scope, target, set(found))
                kept += [Target(target, values) for key, values in found.items() if key in seen]
            context.children[entity, field, row] = kept

    async def required(self, reader: Any, scope: Scope | None, context: Context, entity: str) -> list[Fault]:
        """A fault for each field that must have a value and has none."""
        assert context.new is not None
        faults = []
        for field in self._rows.tables(entity).fields.values():
            if not must_be_given(field) or context.new.get(field.id) not in (None, []):
                continue
            needed = field.required
            if not needed and field.required_when is not None:
                needed = await self.holds(reader, scope, context, field.required_when, entity)
            if needed:
                faults.append(Fault("field.required", (field.id,), field=field.id))
        return faults

    async def met(self, reader: Any, scope: Scope | None, context: Context, entity: str) -> Found:
        """The checks of the entity and of what it is a kind of that the row meets."""
        found = Found([], [], [])
        for level in self._model.chain(entity):
            for check in level.checks:
                if await self.holds(reader, scope, context, check.when, entity):
                    getattr(found, check.grade).append(check)
        return found
