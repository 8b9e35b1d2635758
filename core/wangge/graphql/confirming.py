"""The rights of those who hold connections and streams open, looked at again and again: once for each of them, whatever they hold."""

from __future__ import annotations

import collections
import time
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from ..errors import RequestError, Throttled
from ..identity.scopes import Credential
from ..identity.sessions import ended, idle_sessions
from ..policy.scope import Scope
from .watching import is_end, scope_of

MOST_CONNECTIONS = 300
"""WebSockets that one account may hold open in one process."""
IDLE_LOOK = 60.0
"""seconds between two looks for sessions that nobody uses any more."""


class Seen:
    """What one look found of each credential: its Scope, or what ended it. Streams of one token hold one credential."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[Credential, Scope | RequestError]] = {}
        """by id, which is told much faster than what a credential says; held, so that the id stays its own."""

    def find(self, credential: Credential) -> Scope | RequestError | None:
        """What was found of a credential."""
        found = self._found.get(id(credential))
        return found[1] if found is not None else None

    def keep(self, credential: Credential, found: Scope | RequestError) -> None:
        """Note what was found."""
        self._found[id(credential)] = (credential, found)


class Rights:
    """Asks for the Scopes of credentials, and ends connections that have lost theirs."""

    def __init__(self, pool: Any, scopes: Any) -> None:
        self._pool = pool
        self._scopes = scopes
        self._guards: dict[int, tuple[Credential, Callable[[RequestError], None]]] = {}
        self._held: collections.Counter[UUID] = collections.Counter()
        """account -> its connections."""
        self._looked = float("-inf")

    def guard(self, credential: Credential, end: Callable[[RequestError], None]) -> Callable[[], None]:
        """Have `end` called when the token, session or account of a connection ends; returns what takes that back.

        Raises Throttled when the account holds as many connections as it may.
        """
        number, account = id(end), credential.account
        if self._held[account] >= MOST_CONNECTIONS:
            sentence = f"an account holds at most {MOST_CONNECTIONS} connections open"
            raise Throttled("limit.connections", sentence, limit=MOST_CONNECTIONS)
        self._guards[number] = (credential, end)
        self._held[account] += 1

        def free() -> None:
            if self._guards.pop(number, None) is not None:
                self._held[account] -= 1
                if not self._held[account]:
                    del self._held[account]

        return free

    async def look(self, streams: Iterable[Credential]) -> Seen:
        """End the connections whose right has ended; what was found, for those of streams too. Raises Unavailable."""
        guards = list(self._guards.values())
        seen = Seen()
        await self._note_unused([*streams, *(credential for credential, _ in guards)], seen)
        for credential, end in guards:
            found = await self.scope(credential, seen)
            if isinstance(found, RequestError):
                end(found)
        return seen

    async def scope(self, credential: Credential, seen: Seen) -> Scope | RequestError:
        """The Scope of a credential, or what ended it. Raises Unavailable."""
        found = seen.find(credential)
        if found is None:
            try:
                found = await scope_of(self._scopes, credential)
            except RequestError as error:
                if not is_end(error):
                    raise
                found = error
            seen.keep(credential, found)
        return found

    async def _note_unused(self, held: list[Credential], seen: Seen) -> None:
        """Note what ends the streams of sessions that nobody used for long: an open stream is no use of a session."""
        if time.monotonic() - self._looked < IDLE_LOOK:
            return
        self._looked = time.monotonic()
        sessions = {credential.session for credential in held if credential.session is not None}
        idle = await idle_sessions(self._pool, list(sessions)) if sessions else set()
        for credential in held:
            if credential.session in idle:
                seen.keep(credential, ended())
