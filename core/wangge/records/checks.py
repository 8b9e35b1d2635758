"""Checks and conditions over the row that is being written; rows behind references are those that the caller may see."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
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


def actor_of(scope: Scope | None) -> dict[str, Any]:
    """What conditions may ask of `$actor`."""
    return {name: actor_value(scope, name) for name in ("account", "person", "units", "areas")} if scope else {}


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
        return self._context(actor_of(scope), new, old, now)

    def _context(
        self, actor: Mapping[str, Any], new: Mapping[str, Any], old: Mapping[str, Any] | None, now: dt.datetime
    ) -> Context:
        return Context(
            self._model,
            now,
            new=new,
            old=old,
            actor=actor,
            parents=self._codes.parents,
            fields_of=lambda entity: self._rows.tables(entity).fields,
        )

    def contexts(
        self,
        scope: Scope | None,
        rows: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None, dt.datetime]],
    ) -> list[Context]:
        """The contexts of (row after, row before, moment); rows behind references are loaded once for all of them."""
        actor = actor_of(scope)
        made = [self._context(actor, new, old, now) for new, old, now in rows]
        for other in made[1:]:
            other.rows, other.children = made[0].rows, made[0].children
        return made

    async def holds(self, reader: Any, scope: Scope | None, context: Context, found: Filter, entity: str) -> bool:
        """Whether the new row meets a condition; loads what it asks for."""
        return (await self.hold(reader, scope, [context], found, entity))[0]

    async def hold(
        self, reader: Any, scope: Scope | None, contexts: Sequence[Context], found: Filter, entity: str
    ) -> list[bool]:
        """Which of the new rows meet a condition; what they ask for is loaded for all at once."""
        answers, waiting = [False] * len(contexts), list(range(len(contexts)))
        for _ in range(ROUNDS):
            asking = []
            for n in waiting:
                context = contexts[n]
                assert context.new is not None
                context.missing.clear()
                context.missing_children.clear()
                answers[n] = evaluate(found, context.new, context, entity)
                if context.missing or context.missing_children:
                    asking.append(n)
            if not asking:
                return answers
            await self._load(reader, scope, [contexts[n] for n in asking])
            waiting = asking
        for n in waiting:
            answers[n] = False
        return answers

    async def _load(self, reader: Any, scope: Scope | None, contexts: Sequence[Context]) -> None:
        """Fetch what evaluations missed; the contexts share what they know."""
        known = contexts[0]
        missing = set().union(*(context.missing for context in contexts))
        for entity in {name for name, _ in missing}:
            ids = {row for name, row in missing if name == entity}
            rows: dict[Any, dict[str, Any]] = {}
            if entity in self._model.entities:
                open_to_all = entity == "wangge.area"
                seen = ids if open_to_all else await self._references.visible(reader, scope, entity, ids)
                rows = await self._rows.load(reader, entity, seen)
            for row in ids:
                known.rows[entity, row] = Target(entity, rows[row]) if row in rows else None
        for entity, field, row in set().union(*(context.missing_children for context in contexts)):
            behind = await self._rows.children(reader, entity, field, row)
            kept = []
            for target, found in behind.items():
                seen = await self._references.visible(reader, scope, target, set(found))
                kept += [Target(target, values) for key, values in found.items() if key in seen]
            known.children[entity, field, row] = kept

    async def required(
        self, reader: Any, scope: Scope | None, contexts: Sequence[Context], entity: str
    ) -> list[list[Fault]]:
        """For each row, a fault for each field that must have a value and has none."""
        faults: list[list[Fault]] = [[] for _ in contexts]
        for field in self._rows.tables(entity).fields.values():
            if not must_be_given(field) or not (field.required or field.required_when is not None):
                continue
            empty = [n for n, c in enumerate(contexts) if (c.new or {}).get(field.id) in (None, [])]
            if empty and not field.required and field.required_when is not None:
                asked = [contexts[n] for n in empty]
                needed = await self.hold(reader, scope, asked, field.required_when, entity)
                empty = [n for n, one in zip(empty, needed, strict=True) if one]
            for n in empty:
                faults[n].append(Fault("field.required", (field.id,), field=field.id))
        return faults

    async def met(self, reader: Any, scope: Scope | None, contexts: Sequence[Context], entity: str) -> list[Found]:
        """For each row, the checks of the entity and of what it is a kind of that it meets."""
        found = [Found([], [], []) for _ in contexts]
        for level in self._model.chain(entity):
            for check in level.checks:
                answers = await self.hold(reader, scope, contexts, check.when, entity)
                for one, met in zip(found, answers, strict=True):
                    if met:
                        getattr(one, check.grade).append(check)
        return found
