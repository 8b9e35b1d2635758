"""Browser sessions: a cookie whose secret only its hash is stored of, and a CSRF value derived from it."""

from __future__ import annotations

import asyncio
import base64
import collections
import datetime as dt
import hmac
import secrets
from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec

from ..audit.entries import append
from ..crypto import Keys, check_password, hash_password
from ..errors import Denied, Invalid, Unauthenticated
from ..values import Actor, uuid7
from .delegation import KEPT
from .logins import form_of
from .passwords import checked_password
from .scopes import Credential
from .second_factor import SecondFactor, wrong_code
from .trail import OPERATOR, note
from .tries import Tries

LIFE = dt.timedelta(hours=12)
IDLE = dt.timedelta(minutes=30)
"""a session that nobody used for so long has ended."""
SEEN = dt.timedelta(minutes=1)
"""how often the use of a session is noted, and a remembered one looked up again."""
ACCOUNT = """SELECT a.id, a.login, a.state, s.value, a.expires_at <= clock_timestamp() AS over,
  EXISTS (SELECT 1 FROM wangge.secret f WHERE f.owner_id = a.id AND f.kind = 'totp') AS second_factor
FROM wangge.account a LEFT JOIN wangge.secret s ON s.owner_id = a.id AND s.kind = 'password'
WHERE a.login = $1 AND a.removed_at IS NULL"""
CREATE = """INSERT INTO wangge.session (id, revision, created_at, updated_at, created_by, account, seen_at, expires_at, address,
  identity, area_id, area_ord, district_id)
SELECT $1, 1, now(), now(), a.id, a.id, now(), now() + $2::interval, $3, $5, a.area_id, a.area_ord, a.district_id
FROM wangge.account a WHERE a.id = $4 RETURNING expires_at"""
FIND = """SELECT e.account, e.expires_at, s.value FROM wangge.session e
JOIN wangge.secret s ON s.owner_id = e.id AND s.kind = 'session'
WHERE e.id = $1 AND e.ended_at IS NULL AND e.expires_at > clock_timestamp() AND e.removed_at IS NULL
  AND coalesce(e.seen_at, e.created_at) > clock_timestamp() - $2::interval"""
SEE = (
    "UPDATE wangge.session SET seen_at = clock_timestamp() WHERE id = $1 AND seen_at < clock_timestamp() - $2::interval"
)
UNUSED = """SELECT id FROM wangge.session WHERE id = ANY($1::uuid[])
AND coalesce(seen_at, created_at) <= clock_timestamp() - $2::interval"""
LOGIN = "SELECT login FROM wangge.account WHERE id = $1"
PENDING = """SELECT EXISTS (SELECT 1 FROM wangge.secret WHERE owner_id = $1 AND kind = 'first_password') AS first_password,
  EXISTS (SELECT 1 FROM wangge.secret WHERE owner_id = $1 AND kind = 'totp') AS second_factor,
  EXISTS (SELECT 1 FROM wangge.post p WHERE p.account = $1 AND p.role = ANY($2) AND p.removed_at IS NULL
    AND (p.valid_to IS NULL OR p.valid_to > clock_timestamp())) AS administrator"""
HAS_PASSWORD = "SELECT EXISTS (SELECT 1 FROM wangge.secret WHERE owner_id = $1 AND kind = 'password')"
FIRST = {
    "password": "change your first password before anything else",
    "second_factor": "add a second factor before anything else",
}
"""what must be done first -> its sentence."""
ADMINISTRATORS = (*KEPT, "auditor")
"""roles whose holders need a second factor where administrators do."""

END = """UPDATE wangge.session e SET ended_at = now(), updated_at = now(), revision = e.revision + 1 FROM wangge.account a
WHERE e.id = $1 AND e.ended_at IS NULL AND a.id = e.account RETURNING e.account, a.login, e.revision, e.ended_at"""
BY_PROVIDER = "by the identity provider"
JUST_NOW = """SELECT EXISTS (SELECT 1 FROM wangge.session e WHERE e.id = $1 AND e.identity IS NOT NULL
  AND e.created_at > clock_timestamp() - interval '10 minutes')"""
"""whether the provider has just confirmed who it is: what an account without a password shows in the place of one."""
UNKNOWN = "unknown login"
"""Who tried a login that no account has; what was typed is not kept, it may be a password."""


def nobody(address: str) -> Actor:
    """Who tried to sign in from an address, by no account's login."""
    return Actor("public", UNKNOWN, origin="request", address=address)


def signing(login: str, account: UUID, address: str) -> Actor:
    """An account that signs in or out, or works on its password or second factor, from an address."""
    return Actor("account", login, account=account, origin="request", address=address)


def wrong() -> Unauthenticated:
    """One answer for an unknown login, a wrong password and a disabled account."""
    return Unauthenticated("auth.wrong_password", "login or password is wrong")


def ended() -> Unauthenticated:
    """One answer for every session that does not work."""
    return Unauthenticated("auth.session_ended", "you are not signed in any more: sign in again")


async def set_password(
    connection: Any,
    account: UUID,
    password: str,
    *,
    first: bool = False,
    keep: UUID | None = None,
    actor: Actor = OPERATOR,
) -> None:
    """Store an argon2id hash, and end every session of the account but `keep`; a `first` one must be changed by its owner."""
    made = await asyncio.to_thread(hash_password, password)
    await connection.execute("DELETE FROM wangge.secret WHERE owner_id = $1 AND kind = 'first_password'", account)
    if first:
        await connection.execute(
            "INSERT INTO wangge.secret (owner_id, kind, value) VALUES ($1, 'first_password', $2)", account, b"\1"
        )
    await connection.execute(
        "INSERT INTO wangge.secret (owner_id, kind, value) VALUES ($1, 'password', $2) "
        "ON CONFLICT (owner_id, kind) DO UPDATE SET value = excluded.value, at = clock_timestamp()",
        account,
        made,
    )
    await connection.execute(
        "UPDATE wangge.session SET ended_at = now() WHERE account = $1 AND ended_at IS NULL AND id IS DISTINCT FROM $2",
        account,
        keep,
    )
    await note(connection, actor, "set_password", "wangge.account", account)
    await connection.fetchval("SELECT wangge.touch('account', $1)", f"account:{account}")


async def end_session(
    connection: Any, session: UUID, action: str, *, actor: Actor | None = None, address: str = ""
) -> None:
    """End a session in every process within a second; without `actor` its own account ends it, from `address`."""
    row = await connection.fetchrow(END, session)
    if row is not None:
        changes = {"endedAt": (None, row["ended_at"].isoformat())}
        who = actor or signing(row["login"], row["account"], address)
        await note(connection, who, action, "wangge.session", session, revision=row["revision"], changes=changes)
    await connection.fetchval("SELECT wangge.touch('token', $1)", f"token:{session}")


async def idle_sessions(pool: Any, sessions: list[UUID]) -> set[UUID]:
    """Those of the sessions that nobody used for so long that they have ended."""
    return {row["id"] for row in await pool.fetch(UNUSED, sessions, IDLE)}


class SignedIn(msgspec.Struct, frozen=True):
    """What a sign-in gives: the cookie's value, when it ends, and what must be done before anything else."""

    cookie: str
    until: dt.datetime
    pending: str | None = None


class Sessions:
    """Signs in, checks cookies, signs out."""

    def __init__(
        self, pool: Any, keys: Keys, now: Callable[[], dt.datetime], second_factor_for: str = "nobody"
    ) -> None:
        """`now` tells the time in the database; `second_factor_for` is nobody, administrators or everyone."""
        self._now = now
        self._pool = pool
        self._keys = keys
        self._known: collections.OrderedDict[str, tuple[Credential, dt.datetime]] = collections.OrderedDict()
        self._changes = 0
        self._second_factor_for = second_factor_for
        self.tries = Tries(pool, keys)
        self.second_factor = SecondFactor(keys)

    def forget(self, subjects: frozenset[str]) -> None:
        """Drop what a change names."""
        self._changes += 1
        for key, (known, _) in list(self._known.items()):
            if f"token:{known.session}" in subjects or f"account:{known.account}" in subjects:
                del self._known[key]

    async def sign_in(self, login: str, password: str, address: str, code: str | None = None) -> SignedIn:
        """Check a password, and the code of the second factor where there is one; raises Unauthenticated or Throttled."""
        login = form_of(login)
        await self.tries.begin(login, address)
        row = await self._pool.fetchrow(ACCOUNT, login) if "\0" not in login else None
        stored = bytes(row["value"]) if row is not None and row["value"] is not None else None
        matches = await asyncio.to_thread(check_password, password, stored)
        if not matches or row is None or row["state"] != "ACTIVE" or row["over"]:
            await self.refused(signing(login, row["id"], address) if row is not None else nobody(address))
            raise wrong()
        who = signing(login, row["id"], address)
        if row["second_factor"]:
            await self.check_code(who, code)
        return await self.open(who)

    async def check_code(self, who: Actor, code: str | None) -> None:
        """Raises Unauthenticated unless the code of the second factor is right; refusals stand in the ledger."""
        assert who.account is not None
        if not code:
            raise Unauthenticated("auth.code_required", "give the code of your authenticator too")
        async with self._pool.transaction() as connection:
            right = await self.second_factor.check(connection, who.account, code, self._now())
        if not right:
            await self.refused(who)
            raise Unauthenticated("auth.wrong_code", "the code is wrong or was used already: wait for the next one")

    async def refused(self, who: Actor, by: str | None = None) -> None:
        """A sign-in that was refused, in the ledger."""
        await append(self._pool, who, "denied:sign_in", entity="wangge.session", reason=by)

    async def open(self, who: Actor, identity: UUID | None = None) -> SignedIn:
        """A new session; `identity` is the linked one that a provider confirmed, in the place of a password."""
        by = BY_PROVIDER if identity is not None else None
        session, secret = uuid7(), secrets.token_urlsafe(32)
        async with self._pool.transaction() as connection:
            until = await connection.fetchval(CREATE, session, LIFE, who.address, who.account, identity)
            await append(connection, who, "sign_in", entity="wangge.session", row=session, reason=by)
            await connection.execute(
                "INSERT INTO wangge.secret (owner_id, kind, value) VALUES ($1, 'session', $2)",
                session,
                self._keys.keyed_hash("session", secret.encode()),
            )
            await self.tries.passed(connection, who.name, who.address)
            pending = await self._pending(connection, who.account)
        return SignedIn(f"{session.hex}.{secret}", until, pending)

    async def _pending(self, connection: Any, account: UUID | None) -> str | None:
        """What the account must do before anything else: `password`, `second_factor`, or nothing."""
        row = await connection.fetchrow(PENDING, account, list(ADMINISTRATORS))
        if row["first_password"]:
            return "password"
        wanted = self._second_factor_for
        needed = wanted == "everyone" or (wanted == "administrators" and row["administrator"])
        return "second_factor" if needed and not row["second_factor"] else None

    async def credential(self, cookie: str, *, pending: bool = False) -> Credential:
        """Whose session this is; raises Unauthenticated, and Denied while something must be done first (unless `pending`)."""
        now = self._now()
        known, seen = self._known.get(cookie, (None, now))
        if known is None or now - seen > SEEN:
            changes = self._changes
            known = await self._find(cookie)
            todo = await self._pending(self._pool, known.account)
            if todo is not None:
                if not pending:
                    raise Denied(f"auth.{todo}_due", FIRST[todo], pending=todo)
                return known
            if changes == self._changes:  # else the change may name it, and what was read may be older
                self._known[cookie] = (known, now)
            if len(self._known) > 20_000:
                self._known.popitem(last=False)
        if known.until is not None and known.until <= now:
            raise ended()
        return known

    async def pending_of(self, credential: Credential) -> tuple[str | None, bool, bool]:
        """What must be done first, and whether the account has a second factor and a password."""
        todo = await self._pending(self._pool, credential.account)
        factor = await self.second_factor.enrolled(self._pool, credential.account)
        return todo, factor, await self._pool.fetchval(HAS_PASSWORD, credential.account)

    async def _find(self, cookie: str) -> Credential:
        """Look a session up, compare its secret, and note that it was used; one that was idle for too long has ended."""
        hexed, _, secret = cookie.partition(".")
        try:
            session = UUID(hex=hexed)
        except ValueError:
            raise ended() from None
        row = await self._pool.fetchrow(FIND, session, IDLE)
        if row is None or not hmac.compare_digest(
            bytes(row["value"]), self._keys.keyed_hash("session", secret.encode())
        ):
            raise ended()
        await self._pool.execute(SEE, session, SEEN)
        return Credential(row["account"], session=session, until=row["expires_at"])

    async def change_password(self, credential: Credential, current: str, new: str, address: str) -> None:
        """The own password: ends the other sessions. Raises Invalid, Unauthenticated or Throttled."""
        row = await self._own(credential, current, address)
        checked_password(new, row["login"])
        if new == current:
            raise Invalid("password.same", "take another password than the present one", path=["password"])
        who = signing(row["login"], credential.account, address)
        async with self._pool.transaction() as connection:
            await set_password(connection, credential.account, new, keep=credential.session, actor=who)
            await self.tries.passed(connection, row["login"], address)

    async def begin_second_factor(self, credential: Credential, password: str, address: str) -> dict[str, str]:
        """A secret for an authenticator; the password is asked for again. Raises Unauthenticated or Throttled."""
        row = await self._own(credential, password, address)
        async with self._pool.transaction() as connection:
            await self.tries.passed(connection, row["login"], address)
            return await self.second_factor.begin(connection, credential.account, row["login"])

    async def confirm_second_factor(self, credential: Credential, code: str, address: str) -> tuple[str, ...]:
        """Take it into use; returns the recovery codes. Raises Invalid or Throttled."""
        login = await self._pool.fetchval(LOGIN, credential.account)
        await self.tries.begin(login, address)
        who = signing(login, credential.account, address)
        async with self._pool.transaction() as connection:
            codes = await self.second_factor.confirm(connection, credential.account, code, self._now(), actor=who)
            await self.tries.passed(connection, login, address)
        return codes

    async def remove_second_factor(self, credential: Credential, password: str, code: str, address: str) -> None:
        """Do without it; asks for password and code. Raises Unauthenticated, Invalid or Throttled."""
        row = await self._own(credential, password, address)
        who = signing(row["login"], credential.account, address)
        async with self._pool.transaction() as connection:
            right = await self.second_factor.check(connection, credential.account, code, self._now())
            if right:
                await self.second_factor.remove(connection, credential.account, actor=who)
                await self.tries.passed(connection, row["login"], address)
                await connection.fetchval("SELECT wangge.touch('account', $1)", f"account:{credential.account}")
        if not right:
            raise wrong_code()

    async def _own(self, credential: Credential, password: str, address: str) -> Any:
        """The caller's own account, whose password is asked for again; counted like a sign-in."""
        login = await self._pool.fetchval(LOGIN, credential.account)
        await self.tries.begin(login, address)
        row = await self._pool.fetchrow(ACCOUNT, login)
        stored = bytes(row["value"]) if row["value"] is not None else None
        if stored is None and await self._pool.fetchval(JUST_NOW, credential.session):
            return row
        if not await asyncio.to_thread(check_password, password, stored):
            who = signing(login, credential.account, address)
            await append(self._pool, who, "denied:password", entity="wangge.account")
            raise Invalid("password.wrong", "the present password is wrong", path=["current"])
        return row

    def csrf(self, cookie: str) -> str:
        """The value that a writing request must send in the header `Wangge-CSRF`."""
        return base64.urlsafe_b64encode(self._keys.keyed_hash("csrf", cookie.encode())).decode().rstrip("=")

    def check_csrf(self, cookie: str, given: str | None) -> None:
        """Raises Denied unless the header holds the session's value."""
        if not hmac.compare_digest(self.csrf(cookie).encode(), (given or "").encode()):
            raise Denied("auth.csrf", "the header Wangge-CSRF is missing or wrong: read it from GET /session")

    async def sign_out(self, session: UUID, address: str) -> None:
        """End a session in every process within a second."""
        async with self._pool.transaction() as connection:
            await end_session(connection, session, "sign_out", address=address)
