"""The Scopes of one process: built when first needed, dropped within a second of a change that names their subject."""

from __future__ import annotations

import asyncio
import collections
import datetime as dt
import time
from collections.abc import Callable, Collection, Container, Coroutine, Iterable
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import structlog

from ..errors import PolicyError, Unauthenticated, Unavailable
from ..model.types import Model
from ..policy.build import MODULES, build_scope
from ..policy.nominal import nominal_facts, nominal_post
from ..policy.preview import preview_scope
from ..policy.recipes import Memory
from ..policy.roles import Roles
from ..policy.rule_book import RuleBook
from ..policy.scope import Scope
from ..policy.world import Facts, StoredRule, World
from ..store.clock import DatabaseClock
from ..store.connection import LOST
from ..values import Actor, Origin
from .loading import COUNTERS, load_facts, load_frame, load_rules, load_world

log = structlog.get_logger("wangge.scopes")
POLL = 0.4
"""seconds between two looks at the counters."""
CONFIRMED = 1.0
"""seconds for which a look is good."""
KEPT = 20_000
LONGEST = 3.0
"""seconds that a question to the database about rights may take."""
SLICE = 0.25
"""seconds between two looks whether it was answered."""
WHOLE = 60.0
"""seconds that reading all rules may take."""
CHANGES = "SELECT kind, subject, counter FROM wangge.change_log WHERE kind = $1 AND counter > $2"
T = TypeVar("T")
WORLD_KINDS = frozenset(("rule", "module", "area"))


class Credential(msgspec.Struct, frozen=True):
    """Whose Scope is asked for: an account, and what its token or session limits; and for its traces, from where it comes."""

    account: UUID
    token: UUID | None = None
    session: UUID | None = None
    posts: frozenset[UUID] | None = None
    until: dt.datetime | None = None
    addresses: tuple[str, ...] = ()
    """the only networks from where its token works; () for any."""
    purpose: str | None = None
    """the only purpose of its token's requests."""
    origin: Origin = "platform"
    address: str = ""

    def bare(self) -> Credential:
        """Without where it comes from: what Scopes are kept by."""
        return msgspec.structs.replace(self, origin="platform", address="")

    def traced(self, scope: Scope) -> Scope:
        """A Scope whose actor says from where it comes."""
        actor = msgspec.structs.replace(scope.actor, origin=self.origin, address=self.address)
        return msgspec.structs.replace(scope, actor=actor)


PUBLIC = Credential(UUID(int=0))
"""Whoever sends no credentials."""
PUBLIC_ROLE = "public"


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
        self._book = RuleBook()
        self.memory = Memory()
        """the shapes of this process; `built` counts them."""
        self.misses = 0
        """Scopes that were built because none was kept."""
        self.ended = 0
        """Scopes that were given up."""
        self._making: dict[Credential, asyncio.Task[Scope]] = {}
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
        """The policy as last loaded, without rules: `policy` reads them."""
        if self._world is None:
            raise PolicyError("policy.not_loaded", "the stored policy is not loaded")
        return self._world

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
            if self._confirmed > asked:  # whoever was before us has looked
                return
            if self._failed > asked:  # whoever was before us has just tried: nobody waits for many tries in a row
                raise _unconfirmed()
            await self._patiently(self._read())

    async def _patiently(self, asking: Coroutine[Any, Any, T], seconds: float = LONGEST) -> T:
        """Ask on the own connection, which is given up when it is lost or silent. Raises Unavailable."""
        task = asyncio.ensure_future(asking)
        try:
            return await _waited(task, seconds)
        except BaseException as error:
            if isinstance(error, Unauthenticated | PolicyError):
                raise
            task.cancel()
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
            self._book.forget(_roles_in(subjects) if moved & WORLD_KINDS == {"rule"} else None)
            await self._reload()
        else:
            self._world = msgspec.structs.replace(world, counters=counters)
        self._drop(frozenset(subjects | ({MODULES} if "module" in moved else set())))

    async def _reload(self) -> None:
        """Read the policy again, but for its rules."""
        self._world = await load_frame(self._connection, self._model, self._absent)
        self._roles = Roles(self._world, self._book)

    def _drop(self, subjects: frozenset[str]) -> None:
        """Forget the Scopes that rest on any of `subjects`."""
        gone = [each for each, scope in self._scopes.items() if not scope.subjects.isdisjoint(subjects)]
        for credential in gone:
            del self._scopes[credential]
        self.ended += len(gone)
        log.debug("scopes_dropped", dropped=len(gone), kept=len(self._scopes))
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
        bare = credential.bare()
        found = self._scopes.get(bare)
        if found is not None and (found.valid_until is None or self.clock.now() < found.valid_until):
            self._scopes.move_to_end(bare)
            return credential.traced(self._at_present(bare, found))
        return credential.traced(await self._one(bare))

    def _at_present(self, credential: Credential, found: Scope) -> Scope:
        """A Scope that is still kept holds at the present counters: what changed since named none of its subjects."""
        if found.counters is not self.world.counters:
            found = self._scopes[credential] = msgspec.structs.replace(found, counters=self.world.counters)
        return found

    async def _one(self, credential: Credential) -> Scope:
        """Build it once, however many ask; it goes on when one of them leaves."""
        task = self._making.get(credential)
        if task is None:
            task = self._making[credential] = asyncio.create_task(self._make(credential), name="wangge-scope")
            task.add_done_callback(lambda done: self._made(credential, done))
        return await asyncio.shield(task)

    def _made(self, credential: Credential, done: asyncio.Task[Scope]) -> None:
        """Forget a build that ended, whoever still waits for it."""
        del self._making[credential]
        if not done.cancelled():
            done.exception()

    async def _make(self, credential: Credential) -> Scope:
        """Build a Scope and keep it."""
        self.misses += 1
        facts = await self._facts(credential)
        made = build_scope(self.world, self._graph(), facts, memory=self.memory)
        log.debug("scope_built", account=str(credential.account), shape=made.shape.key)
        self._scopes[credential] = made
        self._scopes.move_to_end(credential)
        if len(self._scopes) > KEPT:
            self._scopes.popitem(last=False)
            self.ended += 1
        return made

    async def preview(self, credential: Credential, role: str, right: tuple[str, str]) -> Scope:
        """The Scope of a preview as a role, made anew each time. Raises Unauthenticated as `scope` does."""
        await self.confirm()
        facts = await self._facts(credential, role)
        return credential.traced(preview_scope(self.world, self._graph(), facts, role, right))

    async def policy(self, roles: Iterable[str] | None = None) -> World:
        """The policy with the rules of some roles and of those that they inherit, by default of all roles, as stored now."""
        async with self._lock:
            if self._connection is None:
                raise _unconfirmed()
            if roles is None:
                return await self._patiently(load_world(self._connection, self._model, self._absent), WHOLE)
            found = await self._patiently(self._rules(frozenset(roles)))
            return msgspec.structs.replace(self.world, rules=found)

    def _graph(self) -> Roles:
        """The role graph as last loaded."""
        if self._roles is None:
            raise PolicyError("policy.not_loaded", "the stored policy is not loaded")
        return self._roles

    async def _rules(self, roles: Collection[str]) -> tuple[StoredRule, ...]:
        """The rules of roles and of those above them, with their ids, at the counters of the World."""
        while True:
            above = {name for role in roles for name in self._graph().above(role)}
            counters, found = await load_rules(self._connection, above)
            if counters == dict(self.world.counters):
                return tuple(rule for rules in found.values() for rule in rules)
            await self._obey(self.world, counters)

    async def _facts(self, credential: Credential, *roles: str) -> Facts:
        """Who the caller is and which posts it holds; the rules of these posts, and of `roles`, are in the book then."""
        async with self._lock:
            if self._connection is None or self._roles is None:
                raise _unconfirmed()
            try:
                facts = await self._patiently(self._read_facts(credential, roles))
            except PolicyError as error:
                log.error("policy_broken", error=str(error), code=error.code)
                raise _unconfirmed() from error
            if facts is None:
                raise Unauthenticated("auth.account_disabled", "this account cannot be used any more")
            return facts

    async def _read_facts(self, credential: Credential, roles: Iterable[str]) -> Facts | None:
        """The facts, and what the book has not of the rules; both anew when something changed in between."""
        while True:
            facts = self._public() if credential == PUBLIC else await self._stored(credential)
            held = {post.role for post in facts.posts} if facts is not None else set()
            missing = self._missing({*held, *roles})
            counters, found = await load_rules(self._connection, missing) if missing else (None, {})
            if counters in (None, dict(self.world.counters)):
                for role, rules in found.items():
                    self._book.put(role, rules)
                return facts
            await self._obey(self.world, counters)

    async def _stored(self, credential: Credential) -> Facts | None:
        """The facts of an account."""
        return await load_facts(
            self._connection,
            credential.account,
            token=credential.token,
            session=credential.session,
            only_posts=credential.posts,
            until=credential.until,
        )

    def _public(self) -> Facts:
        """The facts of the public: its role over the whole city, and no account."""
        facts = nominal_facts(nominal_post(self.world, PUBLIC_ROLE, None), self.clock.now())
        return msgspec.structs.replace(facts, actor=Actor("public", PUBLIC_ROLE))

    def _missing(self, roles: Iterable[str]) -> frozenset[str]:
        """The roles, with those above them, whose rules are not in the book."""
        return self._book.missing({name for role in roles for name in self._graph().above(role)})


async def _waited(task: asyncio.Future[T], seconds: float) -> T:
    """The result of a question to the database. Raises TimeoutError when there is none after so many seconds.

    Only seconds in which the loop turns count: where it was busy with building, the answer may lie there unread.
    """
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    while seconds > 0:
        began = time.monotonic()
        await asyncio.wait((task,), timeout=SLICE)
        if task.done():
            return task.result()
        if time.monotonic() - began < 2 * SLICE:
            seconds -= SLICE
    raise TimeoutError


def _roles_in(subjects: Iterable[str]) -> list[str] | None:
    """The roles that changes of rules name; None when one names something else."""
    named = [subject.partition(":")[::2] for subject in subjects]
    return [role for _, role in named] if all(kind == "role" for kind, _ in named) else None


def _unconfirmed() -> Unavailable:
    """The answer while the counters cannot be read."""
    return Unavailable("policy.unconfirmed", "the rights of the caller cannot be confirmed now; try again")
