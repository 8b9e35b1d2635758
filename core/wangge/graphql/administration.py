"""Accounts, posts, tokens and sessions by GraphQL: the core's own mutations, and what everyone may see of the own sign-ins."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable
from typing import Any, Literal, TypeVar
from uuid import UUID

import strawberry

from ..errors import Conflict, Denied, Invalid, RequestError
from ..identity.passwords import checked_password
from ..surface import Ref
from .administering import Administrator
from .sentences import Refusals

T = TypeVar("T")
AccountRef = Ref[Literal["wangge.account"]]
PostRef = Ref[Literal["wangge.post"]]
TokenRef = Ref[Literal["wangge.token"]]
SessionRef = Ref[Literal["wangge.session"]]


@strawberry.type(name="InputError")
class Problem:
    """What is wrong with an input; the type that generated writes answer too."""

    index: int
    path: list[str]
    code: str
    message: str


@strawberry.type(description="What became of an account.")
class AccountPayload:
    """The account, or what is wrong."""

    node: AccountRef | None = None
    password: str | None = strawberry.field(
        default=None, description="A first password that was made; shown this once."
    )
    errors: list[Problem] = strawberry.field(default_factory=list)


@strawberry.type(description="What became of a post.")
class PostPayload:
    """The post, or what is wrong."""

    node: PostRef | None = None
    errors: list[Problem] = strawberry.field(default_factory=list)


@strawberry.type(description="What became of a token.")
class TokenPayload:
    """The token's row and, when it was made, the token itself; or what is wrong."""

    node: TokenRef | None = None
    token: str | None = strawberry.field(default=None, description="The new token; shown this once.")
    errors: list[Problem] = strawberry.field(default_factory=list)


@strawberry.type(description="What became of a session.")
class SessionPayload:
    """The session, or what is wrong."""

    node: SessionRef | None = None
    errors: list[Problem] = strawberry.field(default_factory=list)


@strawberry.input(description="A new account.")
class CreateAccountInput:
    """What an account needs."""

    login: str
    name: str
    area: strawberry.ID
    expires_at: dt.datetime | None = strawberry.field(
        default=None, description="When it stops working: for suppliers and others whose contract ends."
    )


@strawberry.input(description="What changes of an account; `expiresAt: null` lets it work without end.")
class UpdateAccountInput:
    """What may change."""

    name: str | None = strawberry.UNSET
    expires_at: dt.datetime | None = strawberry.UNSET


@strawberry.input(description="A role at a unit for an area.")
class CreatePostInput:
    """What a post needs."""

    account: strawberry.ID
    role: str
    unit: strawberry.ID
    area: strawberry.ID
    valid_from: dt.datetime | None = strawberry.field(default=None, description="Now, when not given.")
    valid_to: dt.datetime | None = None


@strawberry.input(description="Who stands in for a post, and until when.")
class SubstitutePostInput:
    """What a substitution needs."""

    post: strawberry.ID
    account: strawberry.ID
    valid_from: dt.datetime | None = strawberry.field(default=None, description="Now, when not given.")
    valid_to: dt.datetime


ADDRESSES = "The only addresses and networks it works from, such as 203.0.113.7 or 203.0.113.0/24; any, when not given."
PURPOSE = "The only purpose of its requests, which need not name it then."


@strawberry.input(
    description="A token for programs: of the caller's own account, or of one that the caller administers."
)
class CreateTokenInput:
    """What a token needs."""

    account: strawberry.ID | None = strawberry.field(default=None, description="The caller's own, when not given.")
    posts: list[strawberry.ID] | None = strawberry.field(default=None, description="Only these posts of the account.")
    label: str | None = None
    expires_at: dt.datetime | None = strawberry.field(
        default=None, description="In 90 days, when not given; in a year at the latest."
    )
    addresses: list[str] | None = strawberry.field(default=None, description=ADDRESSES)
    purpose: str | None = strawberry.field(default=None, description=PURPOSE)


@strawberry.type(description="A session of the caller that works.")
class MySession:
    """One browser in which the caller is signed in."""

    id: strawberry.ID
    created_at: str
    seen_at: str | None
    expires_at: str
    address: str | None
    current: bool = strawberry.field(description="The session of this request.")


@strawberry.type(description="A token of the caller that works; its secret is stored nowhere.")
class MyToken:
    """One token."""

    id: strawberry.ID
    public_id: str
    label: str | None
    addresses: list[str] | None
    purpose: str | None
    created_at: str
    expires_at: str | None


MOMENT = "to_char({}, 'YYYY-MM-DD\"T\"HH24:MI:SSTZH:TZM')"
SESSIONS = f"""SELECT id, {MOMENT.format("created_at")} AS created_at, {MOMENT.format("seen_at")} AS seen_at,
  {MOMENT.format("expires_at")} AS expires_at, address FROM wangge.session s
WHERE account = $1 AND ended_at IS NULL AND expires_at > now()
  AND coalesce(seen_at, created_at) > now() - interval '30 minutes' AND removed_at IS NULL ORDER BY s.created_at DESC, id"""
TOKENS = f"""SELECT id, public_id, label, addresses, purpose, {MOMENT.format("created_at")} AS created_at,
  {MOMENT.format("expires_at")} AS expires_at FROM wangge.token t
WHERE account = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) AND removed_at IS NULL
ORDER BY t.created_at DESC, id"""


@strawberry.type
class Query:
    """What everyone may see of the own sign-ins."""

    @strawberry.field(description="The browsers in which the caller is signed in.")
    async def my_sessions(self, info: strawberry.Info) -> list[MySession]:
        """Sessions that work, the newest first."""
        credential = info.context.credential
        rows = await info.context.pool.fetch(SESSIONS, info.context.scope.actor.account)
        current = credential.session if credential is not None else None
        return [
            MySession(**{**row, "id": strawberry.ID(str(row["id"])), "current": row["id"] == current}) for row in rows
        ]

    @strawberry.field(description="The caller's tokens that work.")
    async def my_tokens(self, info: strawberry.Info) -> list[MyToken]:
        """Tokens that work, the newest first."""
        rows = await info.context.pool.fetch(TOKENS, info.context.scope.actor.account)
        return [MyToken(**{**row, "id": strawberry.ID(str(row["id"]))}) for row in rows]


def needs(entity: str, operation: str) -> dict[str, Any]:
    """The metadata of a field that is there only for those who may do an operation."""
    return {"needs": (f"wangge.{entity}", f"do:{operation}")}


@strawberry.type
class Mutation:
    """Administration, delegated: nobody gives what is not theirs to give."""

    @strawberry.mutation(description="Make an account.", metadata=needs("account", "createAccount"))
    async def create_account(self, info: strawberry.Info, input: CreateAccountInput) -> AccountPayload:
        """An account in an area; it may do nothing until it holds a post."""
        area = row_id(input.area)
        work = Administrator(info.context).create_account(input.login, input.name, area, input.expires_at)
        made, errors = await outcome(info, work)
        return AccountPayload(node=Ref("wangge.account", made) if made else None, errors=errors)

    @strawberry.mutation(description="Change an account.", metadata=needs("account", "updateAccount"))
    async def update_account(
        self, info: strawberry.Info, id: strawberry.ID, patch: UpdateAccountInput
    ) -> AccountPayload:
        """Another name or end."""
        keep = patch.expires_at is strawberry.UNSET
        name = None if patch.name is strawberry.UNSET else patch.name
        until = None if keep else patch.expires_at
        work = Administrator(info.context).update_account(row_id(id), name, until, keep_expiry=keep)
        made, errors = await outcome(info, work)
        return AccountPayload(node=Ref("wangge.account", made) if made else None, errors=errors)

    @strawberry.mutation(description="Stop an account at once.", metadata=needs("account", "disableAccount"))
    async def disable_account(self, info: strawberry.Info, id: strawberry.ID) -> AccountPayload:
        """Its sessions and tokens stop within a second."""
        made, errors = await outcome(info, Administrator(info.context).set_state(row_id(id), "DISABLED"))
        return AccountPayload(node=Ref("wangge.account", made) if made else None, errors=errors)

    @strawberry.mutation(description="Let an account work again.", metadata=needs("account", "enableAccount"))
    async def enable_account(self, info: strawberry.Info, id: strawberry.ID) -> AccountPayload:
        """Its posts and tokens work again; its sessions had ended."""
        made, errors = await outcome(info, Administrator(info.context).set_state(row_id(id), "ACTIVE"))
        return AccountPayload(node=Ref("wangge.account", made) if made else None, errors=errors)

    @strawberry.mutation(
        description="Set a first password, which its owner must change at the next sign-in; one is made when none is given. "
        "`resetSecondFactor` is for owners who lost theirs.",
        metadata=needs("account", "setInitialPassword"),
    )
    async def set_initial_password(
        self,
        info: strawberry.Info,
        account: strawberry.ID,
        password: str | None = None,
        reset_second_factor: bool = False,
    ) -> AccountPayload:
        """A first password."""
        id_ = row_id(account)
        work = Administrator(info.context).set_initial_password(
            id_, checked_password, password, reset=reset_second_factor
        )
        made, errors = await outcome(info, work)
        shown = made if password is None else None
        return AccountPayload(node=Ref("wangge.account", id_) if made else None, password=shown, errors=errors)

    @strawberry.mutation(description="Give a post.", metadata=needs("post", "createPost"))
    async def create_post(self, info: strawberry.Info, input: CreatePostInput) -> PostPayload:
        """A role at a unit for an area."""
        account, unit, area = row_id(input.account), row_id(input.unit), row_id(input.area)
        work = Administrator(info.context).create_post(
            account, input.role, unit, area, input.valid_from, input.valid_to
        )
        made, errors = await outcome(info, work)
        return PostPayload(node=Ref("wangge.post", made) if made else None, errors=errors)

    @strawberry.mutation(description="End a post now.", metadata=needs("post", "endPost"))
    async def end_post(self, info: strawberry.Info, id: strawberry.ID) -> PostPayload:
        """Those who stand in for it go with it."""
        made, errors = await outcome(info, Administrator(info.context).end_post(row_id(id)))
        return PostPayload(node=Ref("wangge.post", made) if made else None, errors=errors)

    @strawberry.mutation(
        description="Let somebody stand in for a post; it ends by itself.", metadata=needs("post", "substitutePost")
    )
    async def substitute_post(self, info: strawberry.Info, input: SubstitutePostInput) -> PostPayload:
        """The same role, unit and area for somebody else, for a time."""
        post, account = row_id(input.post), row_id(input.account)
        work = Administrator(info.context).substitute(post, account, input.valid_from, input.valid_to)
        made, errors = await outcome(info, work)
        return PostPayload(node=Ref("wangge.post", made) if made else None, errors=errors)

    @strawberry.mutation(description="Make a token.")
    async def create_token(self, info: strawberry.Info, input: CreateTokenInput) -> TokenPayload:
        """Shown this once."""
        account = row_id(input.account) if input.account is not None else None
        posts = [row_id(post) for post in input.posts or ()]
        work = Administrator(info.context).create_token(
            account, posts, input.label or "", input.expires_at, input.addresses, input.purpose
        )
        made, errors = await outcome(info, work)
        return TokenPayload(node=Ref("wangge.token", made[0]) if made else None, token=made and made[1], errors=errors)

    @strawberry.mutation(
        description="Limit a token to addresses and a purpose, or, with neither, no more; obeyed everywhere within a second."
    )
    async def limit_token(
        self,
        info: strawberry.Info,
        id: strawberry.ID,
        addresses: list[str] | None = None,
        purpose: str | None = None,
    ) -> TokenPayload:
        """An own one, or one of an account that the caller administers; never wider than the token the caller came with."""
        made, errors = await outcome(
            info, Administrator(info.context).limit_token(row_id(id), addresses or (), purpose)
        )
        return TokenPayload(node=Ref("wangge.token", made) if made else None, errors=errors)

    @strawberry.mutation(description="End a token now.")
    async def revoke_token(self, info: strawberry.Info, id: strawberry.ID) -> TokenPayload:
        """An own one, or one of an account that the caller administers."""
        made, errors = await outcome(info, Administrator(info.context).revoke_token(row_id(id)))
        return TokenPayload(node=Ref("wangge.token", made) if made else None, errors=errors)

    @strawberry.mutation(description="End a session now.")
    async def end_session(self, info: strawberry.Info, id: strawberry.ID) -> SessionPayload:
        """An own one, or one of an account that the caller administers."""
        made, errors = await outcome(info, Administrator(info.context).end_session(row_id(id)))
        return SessionPayload(node=Ref("wangge.session", made) if made else None, errors=errors)


def row_id(given: str) -> UUID:
    """An id; one that is none belongs to no row, which is told in one way for both."""
    try:
        return UUID(given)
    except ValueError:
        return UUID(int=0)


async def outcome(info: strawberry.Info, work: Awaitable[T]) -> tuple[T | None, list[Problem]]:
    """What was made, or what is wrong with the input, in the caller's language; other refusals are the request's."""
    try:
        return await work, []
    except (Conflict, Denied, Invalid) as error:
        if "path" not in error.facts and error.code.partition(".")[0] not in ("account", "post", "token"):
            raise
        return None, [_problem(info, error)]


def _problem(info: strawberry.Info, error: RequestError) -> Problem:
    told = Refusals(info.context.records.kit.sentences)(error, info.context.language)
    return Problem(index=0, path=list(error.facts.get("path", ())), code=error.code, message=told["message"])
