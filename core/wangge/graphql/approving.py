"""Approving what a module's default rules give, as a difference, before it can be switched on anywhere (PERMISSIONS.md 6)."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import strawberry

from ..errors import Denied, Invalid
from ..identity.accounts import approve_module
from ..identity.differences import Differences
from ..model.types import Model
from ..policy.rule_drafts import needs_second, widened
from ..policy.rule_sets import field_name, module_defaults
from ..policy.scope import Form
from ..policy.world import World
from ..surface import Ref
from .administering import Administrator, text
from .administration import Problem, needs, outcome
from .differences import RuleDifference, difference_line
from .rules import check_right

APPROVE = ("wangge.module", "do:approve")
ModuleRef = Ref[Literal["wangge.module"]]


@strawberry.type(description="What became of a module.")
class ModulePayload:
    """The module, or what is wrong."""

    node: ModuleRef | None = None
    errors: list[Problem] = strawberry.field(default_factory=list)


@strawberry.type(description="More for a role, whatever rows there are.")
class ModuleGain:
    """One thing that the rules give."""

    role: str
    entity: str
    field: str | None = strawberry.field(description="Null: rows.")
    personal: bool = strawberry.field(description="Whether the field is personal or sensitive.")


@strawberry.type(description="What the default rules of a module give where it is on.")
class ModuleDifference:
    """By the rules alone, and counted."""

    gains: list[ModuleGain]
    counted: list[RuleDifference] = strawberry.field(description="Over the rows that are there now.")


@strawberry.type
class Query:
    """What waits for approval."""

    @strawberry.field(
        description="What the default rules of a module give to each role where it is on; nothing once they are approved.",
        metadata={"needs": APPROVE},
    )
    async def module_difference(self, info: strawberry.Info, module: str) -> ModuleDifference:
        """Over the policy without and with them, counted by SQL. Raises Invalid."""
        context: Any = info.context
        _check(context)
        world: World = await context.scopes.policy()
        async with context.pool.transaction(isolation="repeatable_read", readonly=True) as connection:
            after = await _after(connection, context.model, world, module)
            differences = Differences(connection, context.records.kit.catalog)
            lines = await differences.lines(world, after)
            counted = [
                difference_line(context, line, await differences.witnesses(context.scope, line)) for line in lines
            ]
        personal = set(needs_second(world, after))
        gains = [
            ModuleGain(
                role=role,
                entity=entity,
                field=field_name(context.model, entity, field) if field is not None else None,
                personal=(role, entity, field) in personal,
            )
            for role, entity, field in widened(world, after)
        ]
        return ModuleDifference(gains=gains, counted=counted)


@strawberry.type
class Mutation:
    """Approvals."""

    @strawberry.mutation(
        description="Approve the default rules of a module that is installed; it can be switched on then.",
        metadata=needs("module", "approve"),
    )
    async def approve_module(self, info: strawberry.Info, module: str, reason: str) -> ModulePayload:
        """By a security administrator; `moduleDifference` shows what they give."""
        made, errors = await outcome(info, Approving(info.context).approve(module, reason))
        return ModulePayload(node=Ref("wangge.module", made) if made else None, errors=errors)


class Approving(Administrator):
    """One caller's approvals."""

    async def approve(self, module: str, reason: str) -> Any:
        """Store the approval and the rules. Raises Denied or Invalid."""

        async def work(connection: Any) -> Any:
            _check(self._context)
            world: World = await self._context.scopes.policy()
            after = await _after(connection, self._context.model, world, module)
            if any(role in self._scope.roles for role, _, _ in needs_second(world, after)):
                raise Denied("module.own_role", "this module shows personal fields to a role of yours", path=["module"])
            why = text("reason", reason, 200)
            if not await approve_module(connection, self._context.model, module, why, actor=self._actor):
                raise Invalid("module.approved", "the rules of this module are approved already", path=["module"])
            return await connection.fetchval("SELECT id FROM wangge.module WHERE code = $1", module)

        return await self._change("approve_module", "module", None, work)


def _check(context: Any) -> None:
    """A module is the whole city's: raises Denied for who may approve in a part of it only."""
    check_right(context, APPROVE)
    scope = context.scope
    grants = scope.shape.entity(APPROVE[0]).grants(APPROVE[1])
    if not any(scope.slots[grant.slot].form is Form.CITY for grant in grants):
        raise Denied("module.city_only", "modules are approved for the whole city", path=["module"])


async def _after(connection: Any, model: Model, world: World, module: str) -> World:
    """The policy with the module's rules. Raises Invalid for what is not installed; approved rules are stored already."""
    known = "SELECT EXISTS (SELECT 1 FROM wangge.module_approval WHERE module = $1)"
    found = model.modules.get(module)
    if found is None:
        raise Invalid("module.unknown", "no such module is installed", path=["module"])
    if await connection.fetchval(known, module):
        return world
    mine = module_defaults(msgspec.structs.replace(model, modules={module: found}))
    return msgspec.structs.replace(world, rules=tuple(sorted((*world.rules, *mine), key=lambda rule: rule.id)))
