"""Sign-in through an OpenID provider: bound to the browser that began it, for accounts that an administrator linked.

A browser holds one secret in a cookie; what belongs to it lies sealed in the database, where each worker finds it, and is taken
once. After the provider has confirmed a person, everything is as with a password: tries, second factor, session, ledger.
"""

from __future__ import annotations

import datetime as dt
import hmac
import secrets
from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

import msgspec

from ..crypto import Keys
from ..errors import RequestError, Unauthenticated
from ..values import Actor
from .provider import Provider
from .sessions import BY_PROVIDER, Sessions, SignedIn, nobody, signing

LIFE = dt.timedelta(minutes=10)
PUT = "INSERT INTO wangge.sign_in_flow (key, value, until) VALUES ($1, $2, clock_timestamp() + $3::interval)"
READ = "SELECT value FROM wangge.sign_in_flow WHERE key = $1 AND until > clock_timestamp()"
TAKE = "DELETE FROM wangge.sign_in_flow WHERE key = $1 AND until > clock_timestamp() RETURNING value"
OLD = "DELETE FROM wangge.sign_in_flow WHERE until < clock_timestamp()"
LINKED = """SELECT i.id AS identity, a.id, a.login, a.state, a.expires_at <= clock_timestamp() AS over,
  EXISTS (SELECT 1 FROM wangge.secret f WHERE f.owner_id = a.id AND f.kind = 'totp') AS second_factor
FROM wangge.identity i JOIN wangge.account a ON a.id = i.account
WHERE i.issuer = $1 AND i.subject = $2 AND i.removed_at IS NULL AND a.removed_at IS NULL"""
DISABLED = "auth.account_disabled"
AGAIN = LINKED.replace("i.issuer = $1 AND i.subject = $2", "i.id = $1")


class Flow(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far a sign-in has come: away at the provider, waiting for a code of the second factor, or refused."""

    stage: Literal["away", "code", "refused"]
    state: str = ""
    nonce: str = ""
    verifier: str = ""
    identity: UUID | None = None
    code: str = ""
    """of a refusal; `subject` and `wait` are its facts."""
    subject: str = ""
    wait: int = 0


class Waiting(msgspec.Struct, frozen=True):
    """A sign-in that goes on: the browser's new cookie, and where it goes now ("" for the sign-in page)."""

    cookie: str
    address: str = ""


class Oidc:
    """The sign-ins through one provider."""

    def __init__(self, pool: Any, keys: Keys, sessions: Sessions, provider: Provider) -> None:
        self.provider = provider
        self._pool = pool
        self._keys = keys
        self._sessions = sessions

    async def begin(self, address: str) -> Waiting:
        """A new sign-in from an address. Raises Throttled or Unavailable."""
        await self._sessions.tries.begin_from(address)
        state, nonce, verifier = (secrets.token_urlsafe(48) for _ in range(3))
        there = await self.provider.address(state, nonce, verifier)
        await self._pool.execute(OLD)
        cookie = await self._put(Flow("away", state=state, nonce=nonce, verifier=verifier))
        return Waiting(cookie, there)

    async def returned(self, cookie: str, answer: Mapping[str, str], address: str) -> SignedIn | Waiting:
        """The provider sent the browser back with `answer`; what is refused then is told by `shown`.

        Raises Unauthenticated when this browser did not begin: nothing is kept of that.
        """
        flow = await self._take(cookie)
        if flow is None or flow.stage != "away":
            raise not_begun()
        try:
            return await self._answered(flow, answer, address)
        except RequestError as error:
            if isinstance(error, Unauthenticated) and error.code != DISABLED:  # that one is in the ledger by its name
                await self._sessions.refused(nobody(address), BY_PROVIDER)
            facts = {"subject": error.facts.get("subject", ""), "wait": error.facts.get("retry_after", 0)}
            return Waiting(await self._put(Flow("refused", code=error.code, **facts)))

    async def _answered(self, flow: Flow, answer: Mapping[str, str], address: str) -> SignedIn | Waiting:
        """Sign in whom the provider names. Raises RequestError."""
        if not _equal(flow.state, answer.get("state", "")):
            raise not_begun()
        if "error" in answer or not answer.get("code"):
            raise Unauthenticated("oidc.cancelled", "the provider ended the sign-in: begin again")
        subject = await self.provider.person(answer["code"], flow.nonce, flow.verifier, answer.get("iss"))
        row = await self._pool.fetchrow(LINKED, self.provider.settings.issuer, subject)
        if row is None:
            raise Unauthenticated("oidc.unknown", "no account is linked to this identity", subject=subject)
        who = await self._allowed(row, address)
        if row["second_factor"]:
            return Waiting(await self._put(Flow("code", identity=row["identity"])))
        return await self._sessions.open(who, row["identity"])

    async def _allowed(self, row: Any, address: str) -> Actor:
        """The account of an identity. Raises Unauthenticated for one that may not act, Throttled for one that is locked."""
        who = signing(row["login"], row["id"], address)
        if row["state"] != "ACTIVE" or row["over"]:
            await self._sessions.refused(who, BY_PROVIDER)
            raise Unauthenticated(DISABLED, "this account cannot be used any more")
        await self._sessions.tries.begin(row["login"], address)
        return who

    async def shown(self, cookie: str) -> Flow | None:
        """How far this browser's sign-in has come; None when there is none."""
        return await self._found(READ, cookie)

    async def finish(self, cookie: str, code: str, address: str) -> SignedIn:
        """Sign in with a code of the second factor. Raises Unauthenticated or Throttled."""
        flow = await self.shown(cookie)
        row = await self._pool.fetchrow(AGAIN, flow.identity) if flow is not None and flow.stage == "code" else None
        if row is None:
            raise not_begun()
        who = await self._allowed(row, address)
        await self._sessions.check_code(who, code)
        if await self._take(cookie) is None:
            raise not_begun()
        return await self._sessions.open(who, row["identity"])

    async def _put(self, flow: Flow) -> str:
        """Keep a flow under a new secret, which only the browser has."""
        cookie = secrets.token_urlsafe(32)
        key = self._key(cookie)
        await self._pool.execute(PUT, key, self._keys.seal("oidc", msgspec.json.encode(flow), key), LIFE)
        return cookie

    async def _take(self, cookie: str) -> Flow | None:
        """A flow, which is gone then."""
        return await self._found(TAKE, cookie)

    async def _found(self, sql: str, cookie: str) -> Flow | None:
        key = self._key(cookie)
        sealed = await self._pool.fetchval(sql, key) if cookie else None
        return msgspec.json.decode(self._keys.open("oidc", bytes(sealed), key), type=Flow) if sealed else None

    def _key(self, cookie: str) -> bytes:
        return self._keys.keyed_hash("oidc", cookie.encode("utf-8", "replace"))


def not_begun() -> Unauthenticated:
    """One answer for a sign-in that another browser began, that nobody began, and that is over."""
    return Unauthenticated("oidc.not_begun", "this browser began no such sign-in, or too long ago: begin again")


def _equal(known: str, given: str) -> bool:
    return hmac.compare_digest(known.encode(), given.encode("utf-8", "replace"))
