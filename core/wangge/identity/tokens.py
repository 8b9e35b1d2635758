"""Bearer tokens `wg_<public id>_<secret>`: only the keyed hash is stored.

They expire, can be revoked, and may be limited to posts, to networks and to one purpose (API.md 5).
"""

from __future__ import annotations

import collections
import datetime as dt
import hmac
import secrets
from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec

from ..audit.entries import append
from ..crypto import Keys
from ..errors import Denied, Invalid, Unauthenticated
from ..values import Actor, uuid7
from .networks import Network, networks, within
from .scopes import Credential
from .trail import OPERATOR, note

KEPT = 20_000
FIND = """SELECT t.id, t.account, t.expires_at, t.revoked_at, t.addresses, t.purpose, a.login, s.value,
  ARRAY(SELECT k.target_id FROM wangge.token_posts k WHERE k.row_id = t.id) AS posts, clock_timestamp() AS now
FROM wangge.token t JOIN wangge.secret s ON s.owner_id = t.id AND s.kind = 'token' JOIN wangge.account a ON a.id = t.account
WHERE t.public_id = $1 AND t.removed_at IS NULL"""
CREATE = """INSERT INTO wangge.token (id, revision, created_at, updated_at, created_by, account, public_id, label, expires_at,
  addresses, purpose, area_id, area_ord, district_id)
SELECT $1, 1, now(), now(), $2, a.id, $3, $4, $5, $7::jsonb, $8, a.area_id, a.area_ord, a.district_id FROM wangge.account a WHERE a.id = $6
RETURNING district_id"""


LIMITS = "SELECT addresses, purpose FROM wangge.token WHERE id = $1 AND revoked_at IS NULL FOR UPDATE"
LIMIT = """UPDATE wangge.token SET addresses = $2::jsonb, purpose = $3, updated_at = now(), revision = revision + 1
WHERE id = $1 RETURNING revision"""


class Limits(msgspec.Struct, frozen=True):
    """From where a token works (() for anywhere), and for which purpose (None for any that its account may name)."""

    addresses: tuple[str, ...] = ()
    purpose: str | None = None


UNLIMITED = Limits()


class Known(msgspec.Struct, frozen=True):
    """A token that was found valid."""

    credential: Credential
    login: str
    allowed: tuple[Network, ...]


class Guessed(Unauthenticated):
    """A token that was never given out; callers are told what they are told of one that ended."""


class Elsewhere(Denied):
    """A token that does not work from this address."""


def refused(kind: type[Unauthenticated] = Unauthenticated) -> Unauthenticated:
    """One answer for every token that does not work."""
    return kind("auth.invalid_token", "this token is not valid: get a new one from your administrator")


async def create_token(
    connection: Any,
    keys: Keys,
    account: UUID,
    *,
    label: str = "",
    posts: frozenset[UUID] = frozenset(),
    expires_at: dt.datetime | None = None,
    limits: Limits = UNLIMITED,
    by: UUID | None = None,
    actor: Actor = OPERATOR,
) -> str:
    """Make a token for an account and return it: it is shown this once. `posts` limits it to some of the account's posts."""
    row, public, secret = uuid7(), secrets.token_hex(8), secrets.token_urlsafe(32).replace("_", "-")
    district = await connection.fetchval(CREATE, row, by, public, label, expires_at, account, *_columns(limits))
    await connection.execute(
        "INSERT INTO wangge.secret (owner_id, kind, value) VALUES ($1, 'token', $2)",
        row,
        keys.keyed_hash("token", secret.encode()),
    )
    await connection.executemany(
        "INSERT INTO wangge.token_posts (row_id, target_id, ord) VALUES ($1, $2, $3)",
        [(row, post, at) for at, post in enumerate(sorted(posts))],
    )
    await note(connection, actor, "create_token", "wangge.token", row, district=district)
    return f"wg_{public}_{secret}"


def _columns(limits: Limits) -> tuple[list[str] | None, str | None]:
    return list(limits.addresses) or None, limits.purpose


async def limit_token(connection: Any, token: UUID, limits: Limits, *, actor: Actor = OPERATOR) -> None:
    """Limit a token to addresses and a purpose, or no more; obeyed by every process within a second. Raises Invalid when it ended."""
    before = await connection.fetchrow(LIMITS, token)
    if before is None:
        raise Invalid("token.over", "this token has ended already")
    addresses, purpose = _columns(limits)
    revision = await connection.fetchval(LIMIT, token, addresses, purpose)
    told = {"addresses": (before["addresses"], addresses), "purpose": (before["purpose"], purpose)}
    changes = {name: pair for name, pair in told.items() if pair[0] != pair[1]}
    await note(connection, actor, "limit_token", "wangge.token", token, revision=revision, changes=changes)
    await connection.fetchval("SELECT wangge.touch('token', $1)", f"token:{token}")


async def check_purpose(connection: Any, purpose: str | None) -> None:
    """Raises Invalid for a purpose that is not in the catalogue."""
    known = "SELECT EXISTS (SELECT 1 FROM wangge.purpose WHERE code = $1 AND removed_at IS NULL)"
    if purpose is not None and not await connection.fetchval(known, purpose):
        raise Invalid(
            "token.unknown_purpose", f'there is no purpose "{purpose[:60]}"', path=["purpose"], purpose=purpose[:60]
        )


async def revoke_token(connection: Any, public: str, *, actor: Actor = OPERATOR) -> bool:
    """End a token in every process within a second; False when there is none."""
    token = await connection.fetchval("SELECT id FROM wangge.token WHERE public_id = $1", public)
    return token is not None and await end_token(connection, token, actor=actor)


async def end_token(connection: Any, token: UUID, *, actor: Actor = OPERATOR) -> bool:
    """End the token of this row in every process within a second; False when it had ended."""
    row = await connection.fetchrow(
        "UPDATE wangge.token SET revoked_at = now(), updated_at = now(), revision = revision + 1 "
        "WHERE id = $1 AND revoked_at IS NULL RETURNING id, revision, revoked_at",
        token,
    )
    if row is None:
        return False
    changes = {"revokedAt": (None, row["revoked_at"].isoformat())}
    await note(
        connection, actor, "revoke_token", "wangge.token", row["id"], revision=row["revision"], changes=changes
    )  # fmt: skip
    await connection.fetchval("SELECT wangge.touch('token', $1)", f"token:{row['id']}")
    return True


class Tokens:
    """Checks tokens; what was found valid is remembered until a change names the token or its account."""

    def __init__(self, pool: Any, keys: Keys, now: Callable[[], dt.datetime]) -> None:
        """`now` tells the time in the database."""
        self._now = now
        self._pool = pool
        self._keys = keys
        self._known: collections.OrderedDict[bytes, Known] = collections.OrderedDict()
        self._changes = 0

    def forget(self, subjects: frozenset[str]) -> None:
        """Drop what a change names."""
        self._changes += 1
        for key, known in list(self._known.items()):
            whose = known.credential
            if f"token:{whose.token}" in subjects or f"account:{whose.account}" in subjects:
                del self._known[key]

    def remembers(self, token: str, address: str) -> bool:
        """Whether this process has found the token valid before, and it works from `address`."""
        known = self._known.get(self._keys.keyed_hash("bearer", token.encode()))
        return known is not None and (not known.allowed or within(address, known.allowed))

    async def credential(self, token: str, address: str) -> Credential:
        """Whose token this is; raises Unauthenticated, and Denied where it does not work from `address`."""
        digest = self._keys.keyed_hash("bearer", token.encode())
        known = self._known.get(digest)
        if known is None:
            changes = self._changes
            known = await self._find(token)
            if changes == self._changes:  # else the change may name it, and what was read may be older
                self._known[digest] = known
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
        found = known.credential
        if found.until is not None and found.until <= self._now():
            raise refused()
        if known.allowed and not within(address, known.allowed):
            await self._elsewhere(known, address)
        return msgspec.structs.replace(found, origin="request", address=address)

    async def _elsewhere(self, known: Known, address: str) -> None:
        """A token that was used from where it does not work: stands in the ledger. Raises Elsewhere."""
        found = known.credential
        who = Actor("account", known.login, account=found.account, token=found.token, origin="request", address=address)
        await append(
            self._pool, who, "denied:token", entity="wangge.token", row=found.token, reason="token.wrong_address"
        )
        raise Elsewhere("token.wrong_address", "this token does not work from the address that the request came from")

    async def _find(self, token: str) -> Known:
        """Look a token up and compare its secret."""
        prefix, _, rest = token.partition("_")
        public, _, secret = rest.partition("_")
        if prefix != "wg" or not public.isalnum() or not secret or len(token) > 200:
            raise refused(Guessed)
        row = await self._pool.fetchrow(FIND, public)
        stored = row["value"] if row is not None else b"\0" * 33
        if not hmac.compare_digest(bytes(stored), self._keys.keyed_hash("token", secret.encode())) or row is None:
            raise refused(Guessed)
        if row["revoked_at"] is not None or (row["expires_at"] is not None and row["expires_at"] <= row["now"]):
            raise refused()
        addresses = tuple(row["addresses"] or ())
        found = Credential(
            row["account"],
            token=row["id"],
            posts=frozenset(row["posts"]) or None,
            until=row["expires_at"],
            addresses=addresses,
            purpose=row["purpose"],
        )
        return Known(found, row["login"], networks(addresses))
