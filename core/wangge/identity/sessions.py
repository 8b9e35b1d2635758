"""Browser sessions: a cookie whose secret only its hash is stored of, and a CSRF value derived from it."""

from __future__ import annotations

import asyncio
import base64
import collections
import datetime as dt
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from ..audit.entries import append
from ..crypto import Keys, check_password, hash_password
from ..errors import Denied, Throttled, Unauthenticated
from ..values import Actor, uuid7
from .scopes import Credential
from .trail import OPERATOR, note

LIFE = dt.timedelta(hours=12)
GUESSES = 10
WINDOW = 300.0
ACCOUNT = """SELECT a.id, a.state, s.value FROM wangge.account a
LEFT JOIN wangge.secret s ON s.owner_id = a.id AND s.kind = 'password'
WHERE a.login = $1 AND a.removed_at IS NULL"""
CREATE = """INSERT INTO wangge.session (id, revision, created_at, updated_at, created_by, account, seen_at, expires_at, address,
  area_id, area_ord, district_id)
SELECT $1, 1, now(), now(), a.id, a.id, now(), now() + $2::interval, $3, a.area_id, a.area_ord, a.district_id
FROM wangge.account a WHERE a.id = $4 RETURNING expires_at"""
FIND = """SELECT e.account, e.expires_at, s.value FROM wangge.session e
JOIN wangge.secret s ON s.owner_id = e.id AND s.kind = 'session'
WHERE e.id = $1 AND e.ended_at IS NULL AND e.expires_at > clock_timestamp() AND e.removed_at IS NULL"""

END = """UPDATE wangge.session e SET ended_at = now(), updated_at = now(), revision = e.revision + 1 FROM wangge.account a
WHERE e.id = $1 AND e.ended_at IS NULL AND a.id = e.account RETURNING e.account, a.login, e.revision, e.ended_at"""
NOBODY = Actor("public", "unknown login")
"""Who tried a login that no account has; what was typed is not kept, it may be a password."""


def wrong() -> Unauthenticated:
    """One answer for an unknown login, a wrong password and a disabled account."""
    return Unauthenticated("auth.wrong_password", "login or password is wrong")


def ended() -> Unauthenticated:
    """One answer for every session that does not work."""
    return Unauthenticated("auth.session_ended", "you are not signed in any more: sign in again")


async def set_password(
    connection: Any, account: UUID, password: str, *, first: bool = False, actor: Actor = OPERATOR
) -> None:
    """Store an argon2id hash, and end every session of the account; a `first` one must be changed by its owner."""
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
        "UPDATE wangge.session SET ended_at = now() WHERE account = $1 AND ended_at IS NULL", account
    )
    await note(connection, actor, "set_password", "wangge.account", account)
    await connection.fetchval("SELECT wangge.touch('account', $1)", f"account:{account}")


async def end_session(connection: Any, session: UUID, action: str, *, actor: Actor | None = None) -> None:
    """End a session in every process within a second; without `actor` its own account ends it."""
    row = await connection.fetchrow(END, session)
    if row is not None:
        changes = {"endedAt": (None, row["ended_at"].isoformat())}
        who = actor or Actor("account", row["login"], account=row["account"])
        await note(connection, who, action, "wangge.session", session, revision=row["revision"], changes=changes)
    await connection.fetchval("SELECT wangge.touch('token', $1)", f"token:{session}")


class Sessions:
    """Signs in, checks cookies, signs out."""

    def __init__(self, pool: Any, keys: Keys, now: Callable[[], dt.datetime]) -> None:
        """`now` tells the time in the database."""
        self._now = now
        self._pool = pool
        self._keys = keys
        self._known: collections.OrderedDict[str, Credential] = collections.OrderedDict()
        self._guesses: collections.OrderedDict[str, list[float]] = collections.OrderedDict()
        self._changes = 0

    def forget(self, subjects: frozenset[str]) -> None:
        """Drop what a change names."""
        self._changes += 1
        for key, known in list(self._known.items()):
            if f"token:{known.session}" in subjects or f"account:{known.account}" in subjects:
                del self._known[key]

    async def sign_in(self, login: str, password: str, address: str) -> tuple[str, dt.datetime]:
        """Check a password and return (cookie value, expiry); raises Unauthenticated or Throttled."""
        self._throttle(login, address)
        row = await self._pool.fetchrow(ACCOUNT, login) if "\0" not in login else None
        stored = bytes(row["value"]) if row is not None and row["value"] is not None else None
        matches = await asyncio.to_thread(check_password, password, stored)
        if not matches or row is None or row["state"] != "ACTIVE":
            who = Actor("account", login, account=row["id"]) if row is not None else NOBODY
            await append(self._pool, who, "denied:sign_in", entity="wangge.session", reason=f"from {address}")
            raise wrong()
        self._guesses.pop(login, None)
        session, secret = uuid7(), secrets.token_urlsafe(32)
        async with self._pool.transaction() as connection:
            until = await connection.fetchval(CREATE, session, LIFE, address, row["id"])
            who = Actor("account", login, account=row["id"])
            await append(connection, who, "sign_in", entity="wangge.session", row=session, reason=f"from {address}")
            await connection.execute(
                "INSERT INTO wangge.secret (owner_id, kind, value) VALUES ($1, 'session', $2)",
                session,
                self._keys.keyed_hash("session", secret.encode()),
            )
        return f"{session.hex}.{secret}", until

    def _throttle(self, login: str, address: str) -> None:
        """At most ten tries per login and per address in five minutes, known or not."""
        now = time.monotonic()
        for key in (login, f"@{address}"):
            tries = [t for t in self._guesses.get(key, []) if now - t < WINDOW]
            limit = GUESSES if key == login else GUESSES * 10
            if len(tries) >= limit:
                wait = int(WINDOW - (now - tries[0])) + 1
                raise Throttled("auth.too_many_tries", f"too many tries: wait {wait} seconds", retry_after=wait)
            self._guesses[key] = [*tries, now]
        while len(self._guesses) > 100_000:
            self._guesses.popitem(last=False)

    async def credential(self, cookie: str) -> Credential:
        """Whose session this is; raises Unauthenticated."""
        known = self._known.get(cookie)
        if known is None:
            changes = self._changes
            known = await self._find(cookie)
            if changes == self._changes:  # else the change may name it, and what was read may be older
                self._known[cookie] = known
            if len(self._known) > 20_000:
                self._known.popitem(last=False)
        if known.until is not None and known.until <= self._now():
            raise ended()
        return known

    async def _find(self, cookie: str) -> Credential:
        """Look a session up and compare its secret."""
        hexed, _, secret = cookie.partition(".")
        try:
            session = UUID(hex=hexed)
        except ValueError:
            raise ended() from None
        row = await self._pool.fetchrow(FIND, session)
        if row is None or not hmac.compare_digest(
            bytes(row["value"]), self._keys.keyed_hash("session", secret.encode())
        ):
            raise ended()
        return Credential(row["account"], session=session, until=row["expires_at"])

    def csrf(self, cookie: str) -> str:
        """The value that a writing request must send in the header `Wangge-CSRF`."""
        return base64.urlsafe_b64encode(self._keys.keyed_hash("csrf", cookie.encode())).decode().rstrip("=")

    def check_csrf(self, cookie: str, given: str | None) -> None:
        """Raises Denied unless the header holds the session's value."""
        if not hmac.compare_digest(self.csrf(cookie).encode(), (given or "").encode()):
            raise Denied("auth.csrf", "the header Wangge-CSRF is missing or wrong: read it from GET /session")

    async def sign_out(self, session: UUID) -> None:
        """End a session in every process within a second."""
        async with self._pool.transaction() as connection:
            await end_session(connection, session, "sign_out")
