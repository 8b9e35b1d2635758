"""What a draft of rules would give and take, over GraphQL: counts, and witnesses that show their reader nothing new."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import strawberry
from strawberry.scalars import JSON

from ..errors import Invalid
from ..identity.differences import Differences, Witness
from ..policy.difference import Line, told
from ..policy.rule_sets import field_name, read
from ..policy.world import World
from .access import AccessLevel
from .access import told as told_level
from .rules import EDIT, Id, after_of, check_right, error_of, open_draft


@strawberry.type(name="RuleWitness", description="A row that changes, with cells that the reader sees anyway.")
class RowWitness:
    """Shows nothing new."""

    id: strawberry.ID
    cells: JSON


@strawberry.type(name="RuleDifference", description="A change of level for a role, counted over the rows.")
class RuleDifference:
    """One line of a difference."""

    role: str
    entity: str
    action: str
    field: str | None = strawberry.field(description="Null: the row itself.")
    purpose: str | None = strawberry.field(description="The purpose of a reveal.")
    was: AccessLevel
    now: AccessLevel
    rows: int
    districts: int
    text: str = strawberry.field(description="The line as a sentence.")
    witnesses: list[RowWitness] = strawberry.field(description="Some of the rows, where the reader may see any.")


@strawberry.type
class Query:
    """The core's root fields on drafts of rules."""

    @strawberry.field(description="What a draft would give to and take from each role.", metadata={"needs": EDIT})
    async def rule_draft_difference(self, info: strawberry.Info, id: Id) -> list[RuleDifference]:
        """Counted over all rows, by SQL over both policies. Raises Denied or Conflict."""
        context: Any = info.context
        check_right(context, EDIT)
        async with context.pool.transaction() as connection:
            draft = await open_draft(connection, id, None)
        sets, wrong = read(context.model, draft.changes)
        if wrong:
            raise Invalid(wrong[0].code, error_of(context, wrong[0]).message, **wrong[0].facts)
        world: World = await context.scopes.policy()
        async with context.pool.transaction(isolation="repeatable_read", readonly=True) as connection:
            differences = Differences(connection, context.records.kit.catalog)
            lines = await differences.lines(world, after_of(world, sets))
            return [difference_line(context, line, await differences.witnesses(context.scope, line)) for line in lines]


def difference_line(context: Any, line: Line, witnesses: Sequence[Witness]) -> RuleDifference:
    """A line on the wire, fields by their present names."""
    entity = context.model.entities[line.entity]
    english = context.language.startswith("en")
    named = msgspec.structs.replace(line, field=field_name(context.model, line.entity, line.field))
    return RuleDifference(
        role=line.role,
        entity=line.entity,
        action=line.action,
        field=named.field,
        purpose=line.purpose,
        was=told_level(line.was),
        now=told_level(line.now),
        rows=line.rows,
        districts=line.districts,
        text=told(named, entity.plural if english else entity.label.zh, context.language),
        witnesses=[_witness(each) for each in witnesses],
    )


def _witness(found: Witness) -> RowWitness:
    """A witness on the wire."""
    cells: Any = found.cells
    return RowWitness(id=strawberry.ID(str(found.id)), cells=cells)
