"""Tries of passwords and codes, counted in the database for all processes together: five, then a pause."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from ..crypto import Keys
from ..errors import Throttled

OF_LOGIN, OF_ADDRESS, OF_NAMES = 5, 300, 5
"""wrong tries; many people may sit behind one address; how often an administrator learns that a name is taken."""
PAUSE = dt.timedelta(minutes=15)
BEGIN = "SELECT wangge.begin_try($1, $2, $3)"
GIVE_BACK = "UPDATE wangge.sign_in_try SET tries = greatest(tries - 1, 0) WHERE key = $1"
FORGET = "DELETE FROM wangge.sign_in_try WHERE key = $1"
OLD = "DELETE FROM wangge.sign_in_try WHERE until < clock_timestamp() - interval '1 day'"


class Tries:
    """Counts the tries of a login, known or not, and of an address."""

    def __init__(self, pool: Any, keys: Keys) -> None:
        self._pool = pool
        self._keys = keys

    async def begin(self, login: str, address: str) -> None:
        """Count a try before it is made; raises Throttled, in one way for every login."""
        for key, allowed in ((f"@{address}", OF_ADDRESS), (login, OF_LOGIN)):
            await self._begin(key, allowed)

    async def begin_login(self, login: str) -> None:
        """Count a try on the server itself, which has no address; raises Throttled."""
        await self._begin(login, OF_LOGIN)

    async def begin_from(self, address: str) -> None:
        """Count a try of which nobody's login is known yet; raises Throttled."""
        await self._begin(f"@{address}", OF_ADDRESS)

    async def begin_name(self, account: UUID | None) -> None:
        """Count that an account may learn whether a name is taken; raises Throttled."""
        await self._begin(f"name:{account}", OF_NAMES)

    async def name_was_free(self, account: UUID | None) -> None:
        """It learned nothing."""
        await self._pool.execute(GIVE_BACK, self._hash(f"name:{account}"))

    async def _begin(self, key: str, allowed: int) -> None:
        wait = await self._pool.fetchval(BEGIN, self._hash(key), allowed, PAUSE)
        if wait is not None:
            raise Throttled("auth.too_many_tries", f"too many tries: wait {wait} seconds", retry_after=max(1, wait))

    async def passed(self, connection: Any, login: str, address: str) -> None:
        """The last try was right: it counts for nothing, the login's others are forgotten, and old ones with them."""
        await self.forget(connection, login)
        await connection.execute(GIVE_BACK, self._hash(f"@{address}"))

    async def forget(self, connection: Any, login: str) -> None:
        """The tries of a login, and old ones with them."""
        await connection.execute(FORGET, self._hash(login))
        await connection.execute(OLD)

    def _hash(self, key: str) -> bytes:
        return self._keys.keyed_hash("sign-in", key.encode("utf-8", "surrogatepass"))
