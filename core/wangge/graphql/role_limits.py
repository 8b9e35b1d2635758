"""The city's own limits of a role's requests: set by a security administrator of the whole city, obeyed within a second."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

import strawberry

from ..errors import Denied, Invalid
from ..identity.trail import note
from ..model.role_limits import NAMES, wrong
from ..policy.scope import Form
from ..surface import Ref
from .administering import Administrator
from .administration import Problem, needs, outcome

ENTITY, ACTION = "wangge.role", "do:setLimits"
RoleRef = Ref[Literal["wangge.role"]]
FIND = "SELECT id, own_limits FROM wangge.role WHERE code = $1 AND removed_at IS NULL FOR UPDATE"
SET = """UPDATE wangge.role SET own_limits = $2::jsonb, revision = revision + 1, updated_at = now() WHERE id = $1
RETURNING revision"""


@strawberry.input(
    description="The limits of a role's requests; what is not given is as the module says, or the default."
)
class RoleLimitsInput:
    """What core/wangge/model/role_limits.py names."""

    tokens: int | None = None
    depth: int | None = None
    aliases: int | None = None
    directives: int | None = None
    roots: int | None = None
    page: int | None = None
    rows: int | None = None
    cost: int | None = None
    requests: int | None = strawberry.field(
        default=None, description="A minute, for each token or account, counted by each server process for itself."
    )


@strawberry.type(description="What became of a role.")
class RolePayload:
    """The role, or what is wrong."""

    node: RoleRef | None = None
    errors: list[Problem] = strawberry.field(default_factory=list)


@strawberry.type
class Mutation:
    """Settings of roles."""

    @strawberry.mutation(
        description="Set the limits of a role's requests; who holds several roles has the highest of each kind.",
        metadata=needs("role", "setLimits"),
    )
    async def set_role_limits(self, info: strawberry.Info, role: str, limits: RoleLimitsInput) -> RolePayload:
        """By a security administrator of the whole city."""
        given = {name: getattr(limits, name) for name in NAMES if getattr(limits, name) is not None}
        made, errors = await outcome(info, Limiting(info.context).limit(role, given))
        return RolePayload(node=Ref(ENTITY, made) if made else None, errors=errors)


class Limiting(Administrator):
    """One caller's settings of roles."""

    async def limit(self, role: str, limits: dict[str, int]) -> UUID:
        """Store the limits. Raises Denied or Invalid."""
        for name, value in limits.items():
            told = wrong(name, value)
            if told is not None:
                raise Invalid("role.bad_limit", told, path=["limits", name], reason=told)

        async def work(connection: Any) -> UUID:
            self._check()
            row = await connection.fetchrow(FIND, role)
            if row is None:
                raise Invalid("role.unknown", f'there is no role "{role}"', path=["role"], role=role)
            revision = await connection.fetchval(SET, row["id"], limits or None)
            changes = {"ownLimits": (row["own_limits"], limits or None)}
            await note(
                connection, self._actor, "set_limits", ENTITY, row["id"],
                reason=role, revision=revision, changes=changes,
            )  # fmt: skip
            await connection.fetchval("SELECT wangge.touch('rule', $1)", f"role:{role}")
            found: UUID = row["id"]
            return found

        return await self._change("set_limits", "role", None, work)

    def _check(self) -> None:
        """A role is the whole city's: raises Denied for who may set it in a part of it only."""
        shape = self._scope.shape.entity(ENTITY)
        grants = shape.grants(ACTION) if shape is not None else ()
        if not any(self._scope.slots[grant.slot].form is Form.CITY for grant in grants):
            raise Denied("role.city_only", "limits of roles are set for the whole city", path=["role"])
