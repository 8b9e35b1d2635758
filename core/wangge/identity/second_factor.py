"""The second factor: one-time codes of an authenticator (RFC 6238), and recovery codes for when it is lost."""

from __future__ import annotations

import datetime as dt
import secrets
import urllib.parse
from typing import Any
from uuid import UUID

from ..crypto import Keys, one_time_code, one_time_secret
from ..errors import Invalid
from ..values import Actor
from .trail import note

STEP = 30
ISSUER = "Wangge"
CODES = 10
FIND = "SELECT value FROM wangge.secret WHERE owner_id = $1 AND kind = $2"
PUT = """INSERT INTO wangge.secret (owner_id, kind, value) VALUES ($1, $2, $3)
ON CONFLICT (owner_id, kind) DO UPDATE SET value = excluded.value, at = clock_timestamp()"""
USE = "UPDATE wangge.secret SET value = $2 WHERE owner_id = $1 AND kind = 'totp_used' AND value < $2 RETURNING 1"
TAKE = "SELECT value FROM wangge.secret WHERE owner_id = $1 AND kind = 'recovery' FOR UPDATE"
REMOVE = "DELETE FROM wangge.secret WHERE owner_id = $1 AND kind IN ('totp', 'totp_draft', 'totp_used', 'recovery')"


class SecondFactor:
    """Begins, confirms, checks and removes the second factor of accounts."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    async def enrolled(self, connection: Any, account: UUID) -> bool:
        """Whether the account has one."""
        return await connection.fetchval(FIND, account, "totp") is not None

    async def begin(self, connection: Any, account: UUID, login: str) -> dict[str, str]:
        """A secret for the authenticator, in base32 and as an address to scan; it counts once a code confirms it."""
        secret = one_time_secret()
        sealed = self._keys.seal("totp", secret.encode(), account.bytes)
        await connection.execute(PUT, account, "totp_draft", sealed)
        label = urllib.parse.quote(f"{ISSUER}:{login}")
        return {"secret": secret, "uri": f"otpauth://totp/{label}?secret={secret}&issuer={ISSUER}"}

    async def confirm(
        self, connection: Any, account: UUID, code: str, now: dt.datetime, *, actor: Actor
    ) -> tuple[str, ...]:
        """Take the secret into use; returns the recovery codes, which are shown this once. Raises Invalid."""
        sealed = await connection.fetchval(FIND, account, "totp_draft")
        if sealed is None:
            raise Invalid("second_factor.not_begun", "begin with a new secret first")
        counter = self._matching(bytes(sealed), account, code, now)
        if counter is None:
            raise wrong_code()
        codes = tuple(_recovery_code() for _ in range(CODES))
        await connection.execute(REMOVE, account)
        await connection.execute(PUT, account, "totp", bytes(sealed))
        await connection.execute(PUT, account, "totp_used", counter.to_bytes(8))
        await connection.execute(PUT, account, "recovery", b"".join(map(self._hash, codes)))
        await note(connection, actor, "add_second_factor", "wangge.account", account)
        return codes

    async def check(self, connection: Any, account: UUID, code: str, now: dt.datetime) -> bool:
        """Whether a code is right, in a transaction; each is taken once, a recovery code too."""
        sealed = await connection.fetchval(FIND, account, "totp")
        if sealed is None:
            return False
        counter = self._matching(bytes(sealed), account, code, now)
        if counter is not None:
            return await connection.fetchval(USE, account, counter.to_bytes(8)) is not None
        return await self._recover(connection, account, code)

    async def remove(self, connection: Any, account: UUID, *, actor: Actor) -> None:
        """Do without it from now on."""
        await connection.execute(REMOVE, account)
        await note(connection, actor, "remove_second_factor", "wangge.account", account)

    def _matching(self, sealed: bytes, account: UUID, code: str, now: dt.datetime) -> int | None:
        """The step whose code this is: the present one, or one beside it for clocks that differ."""
        secret = self._keys.open("totp", sealed, account.bytes).decode()
        present = int(now.timestamp()) // STEP
        steps = (present, present - 1, present + 1)
        given = code.strip().encode("utf-8", "replace")
        return next((s for s in steps if secrets.compare_digest(one_time_code(secret, s).encode(), given)), None)

    async def _recover(self, connection: Any, account: UUID, code: str) -> bool:
        """Use up a recovery code."""
        kept = bytes(await connection.fetchval(TAKE, account) or b"")
        made = self._hash(code.strip().lower())
        hashes = [kept[at : at + len(made)] for at in range(0, len(kept), len(made))]
        left = [one for one in hashes if not secrets.compare_digest(one, made)]
        if len(left) == len(hashes):
            return False
        await connection.execute(PUT, account, "recovery", b"".join(left))
        return True

    def _hash(self, code: str) -> bytes:
        return self._keys.keyed_hash("recovery", code.encode("utf-8", "replace"))


def wrong_code() -> Invalid:
    """The code does not fit."""
    return Invalid("second_factor.wrong_code", "the code is wrong or was used already: wait for the next one")


def _recovery_code() -> str:
    """Ten letters and digits in two groups: 50 bits."""
    text = "".join(secrets.choice("abcdefghijkmnpqrstuvwxyz23456789") for _ in range(10))
    return f"{text[:5]}-{text[5:]}"
