"""The Scopes of one process: built when first needed, dropped within a second of a change that names their subject."""

from __future__ import annotations

import asyncio
import collections
import datetime as dt
import time
from collections.abc import Callable, Container, Coroutine
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import structlog

from ..errors import PolicyError, Unauthenticated, Unavailable
from ..model.types import Model
from ..policy.build import build_scope
from ..policy.preview import preview_scope
from ..policy.roles import Roles
from ..policy.scope import Scope
from ..policy.world import Facts, World
from ..store.clock import DatabaseClock
from ..store.connection import LOST
from .loading import COUNTERS, load_facts, load_world

log = structlog.get_logger("wangge.scopes")
POLL = 0.4
"""seconds between two looks at the counters."""
CONFIRMED = 1.0
"""seconds for which a look is good."""
KEPT = 20_000
LONGEST = 3.0
"""seconds that a question to the database about rights may take."""
CHANGES = "SELECT kind, subject, counter FROM wangge.change_log WHERE kind = $1 AND counter > $2"
T = TypeVar("T")
WORLD_KINDS = frozenset(("rule", "module", "area"))


class Credential(msgspec.Struct, frozen=True):
    """Whose Scope is asked for: an account, and what its token or session limits."""

    account: UUID
    token: UUID | None = None
    session: UUID | None = None
    posts: frozenset[UUID] | None = None
    until: dt.datetime | None = None


class Scopes:
    """Credential -> Scope, fresh within a second."""

    def __init__(self, model: Model, connect: Callable[[], Any], absent: Container[str] = ()) -> None:
        """`absent` are modules that could not start in this process: nobody has them."""
        self._model = model
        self._absent = absent
        self._connect = connect
        """opens a connection outside the pool."""
        self._world: World | None = None
        self._roles: Roles | None = None
        self._scopes: collections.OrderedDict[Credential, Scope] = collections.OrderedDict()
        self._connection: Any = None
        self._confirmed = -1e9
        self._lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._failed = -1e9
        self.clock = DatabaseClock()
        """ends of posts, tokens and sessions are compared with it."""
        self.dropped: list[Callable[[frozenset[str]], None]] = []
        """called with the subjects of every change (`account:<id>`, `token:<id>`, ...)."""

    async def open(self) -> None:
        """Load the policy and begin to watch."""
        await self._look()
        self._task = asyncio.create_task(self._watch(), name="wangge-scopes")

    async def close(self) -> None:
        """Stop watching."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._connection is not None:
            await self._connection.close()

    @property
    def world(self) -> World:
        """The policy as last loaded."""
        if self._world is None:
            raise PolicyError("policy.not_loaded", "the stored policy is not loaded")
        return self._world

    @property
    def roles(self) -> Roles:
        """The role graph of the policy as last loaded."""
        if self._roles is None:
            raise PolicyError("policy.not_loaded", "the stored policy is not loaded")
        return self._roles

    async def _watch(self) -> None:
        """Look at the counters twice a second; a failure is logged once and tried again."""
        failing = False
        while True:
            await asyncio.sleep(POLL)
            try:
                await self._look()
                failing = False
            except Exception as error:
                if not failing:
                    log.warning("freshness_lost", error=str(error))
                failing = True

    async def _look(self) -> None:
        """Read the counters, and what they count, on the own connection. Raises Unavailable."""
        asked = time.monotonic()
        async with self._lock:
            if self._failed > asked:  # whoever was before us has just tried: nobody waits for many tries in a row
                raise _unconfirmed()
            await self._patiently(self._read())

    async def _patiently(self, asking: Coroutine[Any, Any, T]) -> T:
        """Ask on the own connection, which is given up when it is lost or silent. Raises Unavailable."""
        try:
            async with asyncio.timeout(LONGEST):  # not wait_for, which in Python 3.11 may swallow a cancellation
                return await asking
        except BaseException as error:
            if isinstance(error, Unauthenticated | PolicyError):
                raise
            broken, self._connection = self._connection, None
            if broken is not None:
                broken.terminate()
            if isinstance(error, Exception):
                self._failed = time.monotonic()
            if isinstance(error, (TimeoutError, Unavailable, *LOST)):
                raise _unconfirmed() from error
            raise

    async def _read(self) -> None:
        """One look; `_confirmed` is the moment before it, never after."""
        began = time.monotonic()
        if self._connection is None:
            self._connection = await self._connect()
        rows = await self._connection.fetch(COUNTERS)
        counters = {row["kind"]: row["value"] for row in rows}
        if rows:
            self.clock.set(rows[0]["now"])
        if self._world is None:
            await self._reload()
        elif counters != dict(self._world.counters):
            await self._obey(self._world, counters)
        self._confirmed = began

    async def _obey(self, world: World, counters: dict[str, int]) -> None:
        """Drop the Scopes of the subjects that changed; reload the policy where it is part of the change."""
        subjects: set[str] = set()
        moved = {kind for kind, value in counters.items() if value != world.counters.get(kind)}
        for kind in moved:
            rows = await self._connection.fetch(CHANGES, kind, world.counters.get(kind, 0))
            subjects |= {row["subject"] for row in rows}
        if moved & WORLD_KINDS:
            await self._reload()
        else:
            self._world = msgspec.structs.replace(world, counters=counters)
        self._drop(frozenset(subjects))

    async def _reload(self) -> None:
        """Read the whole policy again."""
        self._world = await load_world(self._connection, self._model, self._absent)
        self._roles = Roles(self._world)

    def _drop(self, subjects: frozenset[str]) -> None:
        """Forget the Scopes that rest on any of `subjects`, and bring the counters of the others up to date."""
        for credential, scope in list(self._scopes.items()):
            if scope.subjects & subjects:
                del self._scopes[credential]
            else:
                self._scopes[credential] = msgspec.structs.replace(scope, counters=self.world.counters)
        for tell in self.dropped:
            tell(subjects)

    async def confirm(self) -> None:
        """Make sure that the counters were looked at within the last second; raises Unavailable when that cannot be."""
        if time.monotonic() - self._confirmed <= CONFIRMED:
            return
        try:
            await self._look()
        except Exception as error:
            raise _unconfirmed() from error

    async def refresh(self) -> None:
        """Look again at once: a write found that its Scope had been overtaken."""
        self._confirmed = -1e9
        await self.confirm()

    async def scope(self, credential: Credential) -> Scope:
        """The caller's Scope; raises Unauthenticated when the account may not act any more."""
        await self.confirm()
        found = self._scopes.get(credential)
        if found is not None and (found.valid_until is None or self.clock.now() < found.valid_until):
            self._scopes.move_to_end(credential)
            return found
        made = await self._build(credential)
        self._scopes[credential] = made
        if len(self._scopes) > KEPT:
            self._scopes.popitem(last=False)
        return made

    async def preview(self, credential: Credential, role: str, right: tuple[str, str]) -> Scope:
        """The Scope of a preview as a role, made anew each time. Raises Unauthenticated as `scope` does."""
        await self.confirm()
        return preview_scope(self.world, self.roles, await self._facts(credential), role, right)

    async def _build(self, credential: Credential) -> Scope:
        """Read the facts and compile the grants."""
        facts = await self._facts(credential)
        return build_scope(self.world, self.roles, facts)

    async def _facts(self, credential: Credential) -> Facts:
        """Who the caller is and which posts it holds."""
        async with self._lock:
            if self._connection is None or self._roles is None:
                raise _unconfirmed()
            facts = await self._patiently(
                load_facts(
                    self._connection,
                    credential.account,
                    token=credential.token,
                    only_posts=credential.posts,
                    until=credential.until,
                )
            )
            if facts is None:
                raise Unauthenticated("auth.account_disabled", "this account cannot be used any more")
            return facts


def _unconfirmed() -> Unavailable:
    """The answer while the counters cannot be read."""
    return Unavailable("policy.unconfirmed", "the rights of the caller cannot be confirmed now; try again")
