"""The administrators' writes: each in one transaction under the exclusive lock of the policy, with every check of its own.

Reach comes from the caller's Scope (`do:<operation>`), what may be given from delegation (identity/delegation.py).
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from ..audit.entries import append
from ..errors import Denied, Invalid, Unavailable
from ..identity.accounts import change_account, create_account, create_post, end_post
from ..identity.delegation import (
    OF_ACCOUNT,
    ONE,
    Delegation,
    check_not_last,
    check_separate,
    check_supplier,
    given_of,
    given_until,
    load_delegation,
    wanted_post,
)
from ..identity.second_factor import SecondFactor
from ..identity.sessions import end_session, set_password
from ..identity.tokens import create_token, end_token, limit_token
from ..identity.tries import Tries
from ..policy.scope import Scope
from ..records.locking import lock
from ..records.storing import check_fresh
from ..values import Actor
from .token_limits import wanted_limits

EXCLUSIVE = "SELECT pg_advisory_xact_lock(7146001)"
WAITS = "SET LOCAL lock_timeout = '1500ms'"
TRIES = 4
LONGEST_TOKEN = dt.timedelta(days=366)
USUAL_TOKEN = dt.timedelta(days=90)
NOW = "SELECT clock_timestamp()"
ACCOUNT = "SELECT id, login, name, state, person, expires_at, revision FROM wangge.account WHERE id = $1"
TAKEN = ("account.login_taken", "identity.taken")
OWN_SESSION = "SELECT id FROM wangge.session WHERE id = $1 AND account = $2 AND removed_at IS NULL"
OWN_TOKEN = "SELECT id FROM wangge.token WHERE id = $1 AND account = $2 AND removed_at IS NULL"
T = TypeVar("T")


class Administrator:
    """One caller's administration."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self._scope: Scope = context.scope
        self._actor: Actor = context.scope.actor
        self._kit = context.records.kit

    # --- accounts ---

    async def create_account(self, login: str, name: str, area: UUID, expires_at: dt.datetime | None) -> UUID:
        """A new account in an area of the caller's."""

        async def work(connection: Any) -> UUID:
            name_ = text("name", name, 60)
            later("expiresAt", expires_at, await connection.fetchval(NOW))
            try:
                by = self._actor.account
                made = await create_account(
                    connection, login, name_, area, expires_at=expires_at, by=by, actor=self._actor
                )
                await self._reach(connection, "account", made, "createAccount")
            except Denied:
                raise Denied("area.unknown", "the area does not exist", path=["area"]) from None
            return made

        return await self._naming("create_account", "account", work)

    async def update_account(
        self, account: UUID, name: str | None, expires_at: dt.datetime | None, *, keep_expiry: bool
    ) -> UUID:
        """Another name, another end; what makes an account last longer is given like its posts."""

        async def work(connection: Any) -> UUID:
            stored = await self._account(connection, account, "updateAccount")
            until = stored["expires_at"] if keep_expiry else expires_at
            if not keep_expiry:
                later("expiresAt", until, await connection.fetchval(NOW))
            posts = await connection.fetch(OF_ACCOUNT, account)
            delegation = await self._delegation(connection)
            for row in posts:
                delegation.check(given_of(row), timed=False)
                if not keep_expiry and _longer(until, stored["expires_at"]):
                    delegation.check(given_until(row, until))
            if not keep_expiry and until is not None:
                await check_not_last(connection, posts, ends=until)
            await change_account(
                connection,
                account,
                "update_account",
                name=text("name", name, 60) if name is not None else stored["name"],
                expires_at=until,
                state=stored["state"],
                actor=self._actor,
            )
            return account

        return await self._change("update_account", "account", account, work)

    async def set_state(self, account: UUID, state: str) -> UUID:
        """Disable or enable an account."""
        operation, action = (
            ("enableAccount", "enable_account") if state == "ACTIVE" else ("disableAccount", "disable_account")
        )

        async def work(connection: Any) -> UUID:
            stored = await self._account(connection, account, operation)
            posts = await connection.fetch(OF_ACCOUNT, account)
            delegation = await self._delegation(connection)
            for row in posts:
                delegation.check(given_of(row), timed=state == "ACTIVE")
            if state == "DISABLED":
                await check_not_last(connection, posts)
            if stored["state"] != state:
                facts = {"name": stored["name"], "expires_at": stored["expires_at"], "state": state}
                await change_account(connection, account, action, actor=self._actor, **facts)
            return account

        return await self._change(action, "account", account, work)

    async def set_initial_password(
        self, account: UUID, check: Callable[[str, str], str], given: str | None, *, reset: bool
    ) -> str:
        """A first password, which its owner must change; returns it. With `reset` the second factor is gone too."""

        async def work(connection: Any) -> str:
            stored = await self._account(connection, account, "setInitialPassword")
            await self._check_gains(connection, stored)
            password = check(given, stored["login"]) if given is not None else secrets.token_urlsafe(12)
            await set_password(connection, account, password, first=True, actor=self._actor)
            if reset:
                await SecondFactor(self._kit.keys).remove(connection, account, actor=self._actor)
            return password

        return await self._change("set_password", "account", account, work)

    # --- posts ---

    async def create_post(
        self,
        account: UUID,
        role: str,
        unit: UUID,
        area: UUID,
        since: dt.datetime | None,
        until: dt.datetime | None,
    ) -> UUID:
        """A role at a unit for an area, inside what the caller may give."""

        async def work(connection: Any) -> UUID:
            await self._account(connection, account, "updateAccount")
            await _check_dates(connection, since, until)
            delegation = await self._delegation(connection)
            await wanted_post(connection, delegation, role, area, unit, until)
            await check_separate(connection, account, role, delegation.roles)
            await check_supplier(connection, account, unit, until)
            made = await create_post(
                connection, account, role, unit, area,
                since=since, until=until, by=self._actor.account, actor=self._actor,
            )  # fmt: skip
            await self._reach(connection, "post", made, "createPost")
            return made

        return await self._change("create_post", "post", account, work)

    async def end_post(self, post: UUID) -> UUID:
        """End a post that the caller could give."""

        async def work(connection: Any) -> UUID:
            row = await self._post(connection, post, "endPost")
            (await self._delegation(connection)).check(given_of(row), timed=False)
            await check_not_last(connection, [row])
            await end_post(connection, post, actor=self._actor)
            return post

        return await self._change("end_post", "post", post, work)

    async def substitute(self, post: UUID, account: UUID, since: dt.datetime | None, until: dt.datetime) -> UUID:
        """The same post for somebody else, for a time."""

        async def work(connection: Any) -> UUID:
            row = await self._post(connection, post, "substitutePost")
            await self._account(connection, account, "updateAccount")
            await _check_dates(connection, since, until)
            if row["valid_to"] is not None and until > row["valid_to"]:
                raise Invalid(
                    "post.longer_than_the_post",
                    "a substitute's post ends with the post at the latest",
                    path=["validTo"],
                    until=row["valid_to"].isoformat(),
                )
            delegation = await self._delegation(connection)
            at = await connection.fetchrow("SELECT unit, area_id FROM wangge.post WHERE id = $1", post)
            await wanted_post(connection, delegation, row["role"], at["area_id"], at["unit"], until)
            await check_separate(connection, account, row["role"], delegation.roles)
            by = self._actor.account
            return await create_post(
                connection, account, row["role"], at["unit"], at["area_id"],
                since=since, until=until, substitutes=post, by=by, actor=self._actor,
            )  # fmt: skip

        return await self._change("substitute_post", "post", post, work)

    # --- tokens and sessions ---

    async def create_token(
        self,
        account: UUID | None,
        posts: Sequence[UUID],
        label: str,
        expires_at: dt.datetime | None,
        addresses: Sequence[str] | None = None,
        purpose: str | None = None,
    ) -> tuple[UUID, str]:
        """A token of the own account, or of one whose posts the caller could give; shown this once."""

        async def work(connection: Any) -> tuple[UUID, str]:
            now = await connection.fetchval(NOW)
            until = expires_at or min(now + USUAL_TOKEN, self._ends() or now + USUAL_TOKEN)
            later("expiresAt", until, now)
            if until > now + LONGEST_TOKEN:
                raise Invalid("token.too_long", "a token lives for a year at most", path=["expiresAt"])
            own = account is None or account == self._actor.account
            chosen = (
                self._own_posts(posts, until) if own else await self._others_posts(connection, account, posts, until)
            )
            whose = self._actor.account if account is None else account
            assert whose is not None
            limits = await wanted_limits(connection, self._context, addresses, purpose, own=own)
            made = await create_token(
                connection,
                self._kit.keys,
                whose,
                label=text("label", label, 80) if label else "",
                posts=chosen,
                expires_at=until,
                limits=limits,
                by=self._actor.account,
                actor=self._actor,
            )
            row = await connection.fetchval("SELECT id FROM wangge.token WHERE public_id = $1", made.split("_")[1])
            return row, made

        return await self._change("create_token", "token", account, work, exclusive=False)

    def _ends(self) -> dt.datetime | None:
        """When the credential of the caller ends, if that is a token."""
        credential = self._context.credential
        found: dt.datetime | None = credential.until if credential is not None and credential.token else None
        return found

    def _own_posts(self, posts: Sequence[UUID], until: dt.datetime) -> frozenset[UUID]:
        """The posts of a token of the own account: never more, nor for longer, than the token that the caller came with."""
        mine = frozenset(post.id for post in self._actor.posts)
        if not mine.issuperset(posts):
            raise Denied("token.post_unknown", "the account holds no such post", path=["posts"])
        ends = self._ends()
        if ends is not None and until > ends:
            raise Invalid(
                "token.longer_than_yours",
                "a token made with a token does not outlive it",
                path=["expiresAt"],
                until=ends.isoformat(),
            )
        limited = self._context.credential is not None and self._context.credential.posts is not None
        return frozenset(posts) or (mine if limited else frozenset())

    async def _others_posts(
        self, connection: Any, account: UUID | None, posts: Sequence[UUID], until: dt.datetime
    ) -> frozenset[UUID]:
        """The posts of a token of another account: those it has now, or some of them, and each one the caller could give."""
        assert account is not None
        stored = await self._account(connection, account, "createToken", entity="token")
        held = {row["id"]: row for row in await connection.fetch(OF_ACCOUNT, account)}
        chosen = frozenset(posts) or frozenset(held)
        if not chosen or not chosen <= held.keys():
            raise Denied("token.post_unknown", "the account holds no such post", path=["posts"])
        if stored["person"] is not None:
            raise _of_a_person()
        delegation = await self._delegation(connection)
        for post in chosen:
            delegation.check(given_until(held[post], until))
        return chosen

    async def limit_token(self, token: UUID, addresses: Sequence[str], purpose: str | None) -> UUID:
        """Limit a token anew: an own one, or one of an account whose posts the caller could give."""

        async def work(connection: Any) -> UUID:
            own = await connection.fetchval(OWN_TOKEN, token, self._actor.account) is not None
            if not own:
                await self._of_other(connection, "token", token, "limitToken")
            limits = await wanted_limits(connection, self._context, addresses, purpose, own=own)
            await limit_token(connection, token, limits, actor=self._actor)
            return token

        return await self._change("limit_token", "token", token, work)

    async def revoke_token(self, token: UUID) -> UUID:
        """End a token: an own one, or one of an account whose posts the caller could give."""

        async def work(connection: Any) -> UUID:
            if await connection.fetchval(OWN_TOKEN, token, self._actor.account) is None:
                await self._of_other(connection, "token", token, "revokeToken")
            await end_token(connection, token, actor=self._actor)
            return token

        return await self._change("revoke_token", "token", token, work)

    async def end_session(self, session: UUID) -> UUID:
        """End a session: an own one, or one of an account whose posts the caller could give."""

        async def work(connection: Any) -> UUID:
            if await connection.fetchval(OWN_SESSION, session, self._actor.account) is None:
                await self._of_other(connection, "session", session, "endSession")
            await end_session(connection, session, "end_session", actor=self._actor)
            return session

        return await self._change("end_session", "session", session, work)

    async def _of_other(self, connection: Any, entity: str, row: UUID, operation: str) -> None:
        """Raises Denied unless the row of somebody else's account is in reach and the account is the caller's to administer."""
        stored = await self._reach(connection, entity, row, operation)
        delegation = await self._delegation(connection)
        for post in await connection.fetch(OF_ACCOUNT, UUID(stored["account"])):
            delegation.check(given_of(post), timed=False)

    # --- what all share ---

    async def _naming(self, action: str, entity: str, work: Callable[[Any], Awaitable[UUID]]) -> UUID:
        """A write that tells when a name is taken, also by a row out of sight: a few times, then a pause (decisions/0012).

        Each time stands in the ledger. Raises Throttled, for every name alike.
        """
        tries = Tries(self._context.pool, self._kit.keys)
        await tries.begin_name(self._actor.account)
        try:
            made = await self._change(action, entity, None, work)
        except Invalid as error:
            if error.code not in TAKEN:
                await tries.name_was_free(self._actor.account)
            else:
                await self._note_denied(action, entity, None, error.code)
            raise
        except BaseException:
            await tries.name_was_free(self._actor.account)
            raise
        await tries.name_was_free(self._actor.account)
        return made

    async def _change(
        self,
        action: str,
        entity: str,
        row: UUID | None,
        work: Callable[[Any], Awaitable[T]],
        *,
        exclusive: bool = True,
    ) -> T:
        """Run in one transaction; what is denied leaves its entry in the ledger."""
        try:
            return await self._patiently(work, exclusive=exclusive)
        except Denied as error:
            await self._note_denied(action, entity, row, error.code)
            raise

    async def _note_denied(self, action: str, entity: str, row: UUID | None, code: str) -> None:
        await append(
            self._context.pool,
            self._actor,
            f"denied:{action}",
            entity=f"wangge.{entity}",
            row=row,
            district=self._scope.home_district,
            reason=code,
        )

    async def _patiently(self, work: Callable[[Any], Awaitable[T]], *, exclusive: bool) -> T:
        """Writes that have begun hold the lock in common: wait for them a little, let others pass, and ask again."""
        for _ in range(TRIES):
            try:
                async with self._context.pool.transaction() as connection:
                    if exclusive:
                        await connection.execute(WAITS)
                        await connection.fetchval(EXCLUSIVE)
                    await check_fresh(connection, self._scope)
                    return await work(connection)
            except Exception as error:
                if type(error).__name__ != "LockNotAvailableError":
                    raise
        raise Unavailable("database.busy", "other writes hold the policy: try again in a moment")

    async def _delegation(self, connection: Any) -> Delegation:
        """What the caller may give."""
        return await load_delegation(connection, [post.id for post in self._actor.posts])

    async def _reach(self, connection: Any, entity: str, row: UUID, operation: str) -> Any:
        """The locked row, where the caller's Scope grants the operation; raises Denied."""
        locked = await lock(self._kit, connection, self._scope, f"wangge.{entity}", row, f"do:{operation}")
        return locked.stored

    async def _account(self, connection: Any, account: UUID, operation: str, *, entity: str = "account") -> Any:
        """An account of the caller's reach that is not the caller's own."""
        await self._reach(connection, "account", account, operation if entity == "account" else "updateAccount")
        if entity != "account" and not self._grants(f"wangge.{entity}", operation):
            raise Denied("write.not_allowed", "the caller may not do this")
        if account == self._actor.account:
            raise Denied("account.own", "nobody administers the own account: ask another administrator")
        return await connection.fetchrow(ACCOUNT, account)

    def _grants(self, entity: str, operation: str) -> bool:
        shape = self._scope.shape.entity(entity)
        return shape is not None and bool(shape.grants(f"do:{operation}"))

    async def _post(self, connection: Any, post: UUID, operation: str) -> Any:
        """A post of the caller's reach that is in force or still to come."""
        await self._reach(connection, "post", post, operation)
        row = await connection.fetchrow(ONE, post)
        if row is None:
            raise Invalid("post.over", "this post has ended already")
        return row

    async def _check_gains(self, connection: Any, stored: Any) -> None:
        """Whoever can sign in as an account has its rights: raises Denied unless the caller could give all of them."""
        if stored["person"] is not None:
            raise _of_a_person()
        delegation = await self._delegation(connection)
        for row in await connection.fetch(OF_ACCOUNT, stored["id"]):
            delegation.check(given_of(row))


def _of_a_person() -> Denied:
    return Denied("account.of_a_person", "this account sees the data of one person: only that person signs in with it")


async def _check_dates(connection: Any, since: dt.datetime | None, until: dt.datetime | None) -> None:
    """A post begins now or later and ends after it began."""
    now = await connection.fetchval(NOW)
    if since is not None and since < now - dt.timedelta(minutes=1):
        raise Invalid("post.in_the_past", "a post begins now or later", path=["validFrom"])
    later("validTo", until, max(since or now, now))


def _longer(new: dt.datetime | None, old: dt.datetime | None) -> bool:
    return old is not None and (new is None or new > old)


def later(name: str, moment: dt.datetime | None, now: dt.datetime) -> None:
    """Raises Invalid for a moment that is over."""
    if moment is not None and moment <= now:
        raise Invalid("value.in_the_past", "this moment is over", path=[name])


def text(name: str, value: str, longest: int) -> str:
    """A text with something in it; raises Invalid."""
    cleaned = value.strip()
    if not cleaned or len(cleaned) > longest or not cleaned.isprintable():
        raise Invalid("value.bad_text", f"1 to {longest} characters are expected", path=[name], longest=longest)
    return cleaned
