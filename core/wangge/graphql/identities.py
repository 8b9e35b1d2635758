"""Who an account is at the OpenID provider, linked by administrators: whoever may let somebody in by a first password."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

import strawberry

from ..errors import Denied
from ..identity.linked import link_identity, unlink_identity
from ..surface import Ref
from .administering import Administrator, text
from .administration import Problem, needs, outcome, row_id

IdentityRef = Ref[Literal["wangge.identity"]]


@strawberry.type(description="What became of a linked identity.")
class LinkedIdentityPayload:
    """The link, or what is wrong."""

    node: IdentityRef | None = None
    errors: list[Problem] = strawberry.field(default_factory=list)


@strawberry.type
class Mutation:
    """Links: no account is made and none is taken over by signing in at the provider."""

    @strawberry.mutation(
        description="Let a person at the identity provider sign in as an account; `subject` is what the provider calls the person.",
        metadata=needs("identity", "linkIdentity"),
    )
    async def link_identity(self, info: strawberry.Info, account: strawberry.ID, subject: str) -> LinkedIdentityPayload:
        """Asks for what setting a first password asks for."""
        made, errors = await outcome(info, Linking(info.context).link(row_id(account), subject))
        return LinkedIdentityPayload(node=Ref("wangge.identity", made) if made else None, errors=errors)

    @strawberry.mutation(
        description="End a link and the sessions that were opened by it.", metadata=needs("identity", "unlinkIdentity")
    )
    async def unlink_identity(self, info: strawberry.Info, id: strawberry.ID) -> LinkedIdentityPayload:
        """Of an account that the caller administers."""
        _, errors = await outcome(info, Linking(info.context).unlink(row_id(id)))
        return LinkedIdentityPayload(errors=errors)


class Linking(Administrator):
    """One caller's links."""

    async def link(self, account: UUID, subject: str) -> UUID:
        """A new link to an account whose posts the caller could give."""
        issuer = self._context.issuer

        async def work(connection: Any) -> UUID:
            if issuer is None:
                raise Denied("identity.no_provider", "there is no identity provider here", path=["subject"])
            stored = await self._account(connection, account, "linkIdentity", entity="identity")
            await self._check_gains(connection, stored)
            by, subject_ = self._actor.account, text("subject", subject, 200)
            return await link_identity(connection, account, issuer, subject_, by=by, actor=self._actor)

        return await self._naming("link_identity", "identity", work)

    async def unlink(self, identity: UUID) -> UUID:
        """End a link, an own one too."""

        async def work(connection: Any) -> UUID:
            await self._of_other(connection, "identity", identity, "unlinkIdentity")
            await unlink_identity(connection, identity, actor=self._actor)
            return identity

        return await self._change("unlink_identity", "identity", identity, work)
