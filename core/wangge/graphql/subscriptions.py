"""All subscriptions of one process: told together, one statement for all that differ in nothing but values and places.

What is new is read once, whoever listens. A group holds the members that one statement serves; each change is matched with the
distinct parameters of its members. Rights are those of the moment: looked at before a statement, and once more before what it
found is told. A member that was not there all the time (it began at an older position, or its rights changed) is told on its own
until it has reached its group.
"""

from __future__ import annotations

import asyncio
import collections
import time
from collections.abc import Callable, Coroutine, Hashable, Iterable, Mapping
from typing import Any
from uuid import UUID

import structlog

from ..crypto import Keys
from ..errors import Denied, RequestError, Throttled, Unavailable
from ..events.channel import Channel
from ..identity.scopes import Credential
from ..policy.scope import Scope
from ..store.connection import LOST
from .confirming import Rights, Seen
from .engine import Engine
from .exchange import Answer, Request, translated
from .feeds import FeedPlan, changed
from .positions import Place, check_kept, expired, open_position
from .streams import Stream
from .telling import Teller, order
from .watching import Member, is_end, scope_of

log = structlog.get_logger("wangge.subscriptions")
TICK = 0.4
"""seconds between two looks at the rights of members to whom nothing happens."""
AT_ONCE = 500
"""events that one statement looks at."""
SIDE_BY_SIDE = 4
"""groups that are told at a time."""
LONGEST = 60.0
"""seconds that telling one group may take."""
MOST_OF_ACCOUNT = 200
"""subscriptions that one account may hold open in one process."""
PRESENT = "SELECT epoch, value FROM wangge.position ORDER BY epoch DESC LIMIT 1"
HEAD = """SELECT p.epoch, p.value, (SELECT min(o.position) FROM wangge.outbox o WHERE o.epoch = p.epoch
AND o.position IS NOT NULL) AS oldest FROM wangge.position p ORDER BY p.epoch DESC LIMIT 1"""
TOUCHED = """SELECT entity, max(position) AS last FROM wangge.outbox
WHERE epoch = $1 AND position > $2 AND position <= $3 GROUP BY entity"""


class Group:
    """The members that one statement serves, told up to `value`."""

    def __init__(self, plan: FeedPlan, value: int) -> None:
        self.plan = plan
        self.value = value
        self.members: set[Member] = set()
        self.lock = asyncio.Lock()


class Hub:
    """The subscriptions of one process."""

    def __init__(
        self, engine: Engine, pool: Any, scopes: Any, keys: Keys, channel: Channel, *, most: int = MOST_OF_ACCOUNT
    ) -> None:
        self._engine = engine
        self._pool = pool
        self._scopes = scopes
        self._keys = keys
        self._channel = channel
        self._most = most
        self._teller = Teller(engine.reader, keys)
        self._rights = Rights(pool, scopes)
        self._groups: dict[Hashable, Group] = {}
        self._members: dict[Stream, Member] = {}
        self._held: collections.Counter[UUID] = collections.Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.Task[None] | None = None
        self._epoch = 0
        self._alarm = False
        self._looked = 0.0
        self.statements = 0
        """statements whose changes were told."""

    # --- from outside ---

    async def open(self, request: Request, scope: Scope, credential: Credential) -> Stream | Answer:
        """A stream for a subscription, the answer for any other operation or for a refusal."""
        stream = await self.stream(request, scope, credential)
        return stream if stream is not None else await self._engine.execute(request, scope, credential)

    async def stream(self, request: Request, scope: Scope, credential: Credential) -> Stream | Answer | None:
        """A stream that is in force, or why there is none; None for an operation that is no subscription."""
        if not await self._engine.is_subscription(request, scope):
            return None
        try:
            return await self._join(request, scope, credential)
        except Exception as error:
            return await self._engine.refused(translated(error), request, scope)

    def guard(self, credential: Credential, end: Callable[[RequestError], None]) -> Callable[[], None]:
        """Have `end` called when the token, session or account of a connection ends; returns what takes that back."""
        self._begin()
        return self._rights.guard(credential, end)

    async def close(self) -> None:
        """Tell nobody any more."""
        tasks = [*self._tasks, *([self._loop] if self._loop is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for stream in list(self._members):
            stream.end(Unavailable("server.stopping", "the server stops: subscribe again"), at_once=True)
        await self._channel.close()

    @property
    def open_streams(self) -> int:
        """How many subscriptions are open."""
        return len(self._members)

    # --- joining and leaving ---

    async def _join(self, request: Request, scope: Scope, credential: Credential) -> Stream:
        self._engine.admit(scope, credential)
        watch = await self._engine.watch(request, scope, credential)
        if self._held[credential.account] >= self._most:
            raise Throttled(
                "limit.subscriptions", f"an account holds at most {self._most} subscriptions open", limit=self._most
            )
        place = await self._place(watch.after, scope)
        self._begin()
        member = Member(Stream(self._left), credential, request, scope, watch, place)
        self._members[member.stream] = member
        self._held[credential.account] += 1
        if watch.after is None:
            try:
                await self._enter(member)
            except BaseException:
                member.stream.end()
                raise
        else:
            self._start(self._enter(member))
        return member.stream

    async def _place(self, text: Any, scope: Scope) -> Place:
        """Where a subscription begins: at the position that was given, else now. Raises Conflict `position.expired`."""
        head = await self._pool.fetchrow(HEAD)
        self._epoch = self._epoch or head["epoch"]
        if text is None:
            return Place(head["epoch"], head["value"])
        place, _ = open_position(self._keys, scope, text)
        check_kept(place, dict(head))
        return Place(place.epoch, place.value, None if place.stored else place.row)

    def _left(self, stream: Stream) -> None:
        """Forget a subscription that ended."""
        member = self._members.pop(stream, None)
        if member is None:
            return
        self._held[member.credential.account] -= 1
        if not self._held[member.credential.account]:
            del self._held[member.credential.account]
        self._leave_group(member)

    def _leave_group(self, member: Member) -> None:
        group = self._groups.get(member.watch.key)
        if group is not None:
            group.members.discard(member)
            if not group.members and not group.lock.locked():
                del self._groups[member.watch.key]

    async def _enter(self, member: Member) -> None:
        """Bring a member up to its group, then into it."""
        try:
            while not member.stream.closed:
                key, place = member.watch.key, member.place
                group = self._groups.setdefault(key, Group(member.watch.plan, place.value - (place.row is not None)))
                async with group.lock:
                    if self._groups.setdefault(key, group) is not group:
                        continue
                    to = group.value
                    if to < place.value or (to == place.value and place.row is None):
                        group.members.add(member)
                        return
                await self._catch_up(member, to)
        except RequestError as error:
            member.stream.end(error)
        except LOST:
            member.stream.end(Unavailable("database.unavailable", "the database cannot be reached: subscribe again"))

    async def _catch_up(self, member: Member, to: int) -> None:
        """Tell one member what it has not been told, up to a position or until its rights change."""
        while member.place.value < to or member.place.row is not None:
            await member.stream.room()
            if member.stream.closed:
                return
            scope = await scope_of(self._scopes, member.credential)
            if not member.has_same_rights(scope):
                member.take(scope, await self._watch_again(member, scope))
                return
            plan = member.watch.plan
            if plan.feed.noted:
                self._engine.reader.check()
            hits, head, reached = await changed(
                self._pool, plan, [member.parameters], member.place, to=max(to, member.place.value), scan=AT_ONCE
            )
            check_kept(member.place, head)
            if not member.has_same_rights(await scope_of(self._scopes, member.credential)):
                continue
            for hit in hits:
                if member.stream.has_room:
                    self._teller.tell(plan, hit, [member])
            if not member.stream.has_room:
                continue
            member.place = (
                reached if head["count"] == AT_ONCE else Place(member.place.epoch, max(to, member.place.value))
            )

    async def _watch_again(self, member: Member, scope: Scope) -> Any:
        """The subscription under other rights. Raises Denied where they do not allow it any more."""
        try:
            return await self._engine.watch(member.request, scope, member.credential)
        except RequestError as error:
            if not is_end(error):
                raise
            raise Denied("subscription.rights_ended", "your rights do not allow this subscription any more") from error

    # --- the loop ---

    def _begin(self) -> None:
        """Listen and look, from the first subscription on."""
        if self._loop is None:
            self._scopes.dropped.append(self._alarmed)
            self._channel.open()
            self._loop = asyncio.create_task(self._run(), name="wangge-subscriptions")

    def _alarmed(self, _: frozenset[str]) -> None:
        """Rights changed: look at once."""
        self._alarm = True
        self._channel.wake()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="wangge-subscription")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self) -> None:
        """Look for what is new and for rights that changed, until the process ends."""
        while True:
            await self._channel.wait(TICK)
            try:
                if self._alarm or time.monotonic() - self._looked >= TICK:
                    self._alarm, self._looked = False, time.monotonic()
                    await self._look_at_rights()
                await self._step()
            except (RequestError, *LOST) as error:
                log.warning("subscriptions_wait", error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(TICK)
            except Exception as error:
                log.error("subscriptions_failed", exc_info=error)
                await asyncio.sleep(TICK)

    async def _look_at_rights(self) -> None:
        """End what has lost its right, and have others go on under their new ones, also while nothing happens to them."""
        seen = await self._rights.look(member.credential for member in self._members.values())
        await self._confirmed(list(self._members.values()), None, seen)

    async def _confirmed(
        self, members: Iterable[Member], place: Place | None, seen: Seen | None = None
    ) -> list[Member]:
        """The members whose rights are what they were; the others end, or go on by themselves after `place` or their own."""
        kept, seen = [], seen if seen is not None else Seen()
        for member in members:
            scope = seen.find(member.credential) or await self._rights.scope(member.credential, seen)
            if isinstance(scope, RequestError):
                member.stream.end(scope)
            elif not member.stream.closed:
                if member.has_same_rights(scope):
                    kept.append(member)
                else:
                    self._part(member, scope, place or member.place)
        return kept

    def _part(self, member: Member, scope: Scope, place: Place) -> None:
        """Have a member go on by itself under other rights; one that is on its way to a group looks for itself."""
        group = self._groups.get(member.watch.key)
        if group is not None and member in group.members:
            group.members.discard(member)
            member.place = max(member.place, place, Place(self._epoch, group.value), key=order)
            self._start(self._renew(member, scope))

    def _keeps_up(self, group: Group, member: Member, place: Place) -> bool:
        """Whether a member reads as fast as it is told; one that does not goes on by itself, as fast as it reads."""
        if member.stream.has_room and member in group.members:
            return True
        if member in group.members:
            group.members.discard(member)
            member.place = max(member.place, place, key=order)
            self._start(self._enter(member))
        return False

    async def _renew(self, member: Member, scope: Scope) -> None:
        """Go on under other rights."""
        try:
            member.take(scope, await self._watch_again(member, scope))
        except RequestError as error:
            member.stream.end(error)
            return
        await self._enter(member)

    async def _step(self) -> None:
        """Tell all groups what is new."""
        if not self._groups:
            return
        present = await self._pool.fetchrow(PRESENT)
        if present["epoch"] != self._epoch:
            for stream in list(self._members):
                stream.end(expired())
            self._epoch = present["epoch"]
            return
        to = present["value"]
        behind = [(key, group) for key, group in self._groups.items() if group.value < to]
        if not behind:
            return
        rows = await self._pool.fetch(TOUCHED, self._epoch, min(group.value for _, group in behind), to)
        last = {row["entity"]: row["last"] for row in rows}
        slots = asyncio.Semaphore(SIDE_BY_SIDE)
        await asyncio.gather(*(self._bring_up(key, group, last, to, slots) for key, group in behind))

    async def _bring_up(
        self, key: Hashable, group: Group, last: Mapping[str, int], to: int, slots: asyncio.Semaphore
    ) -> None:
        """Tell one group what is new; where its statement fails, its own members are told so, and no others wait."""
        async with slots, group.lock:
            try:
                if any(last.get(kind, 0) > group.value for kind in group.plan.feed.kinds):
                    async with asyncio.timeout(LONGEST):
                        await self._deliver(group, to)
                group.value = max(group.value, to)
            except (RequestError, *LOST) as error:
                log.warning("subscriptions_wait", error=f"{type(error).__name__}: {error}")
            except Exception as error:
                told = translated(error)
                for member in list(group.members):
                    member.stream.end(told)
        if not group.members and self._groups.get(key) is group:
            del self._groups[key]

    async def _deliver(self, group: Group, to: int) -> None:
        """Tell the members of one group what is new up to a position."""
        plan, place = group.plan, Place(self._epoch, group.value)
        while True:
            members = await self._confirmed(list(group.members), place)
            if not members:
                return
            if plan.feed.noted:
                self._engine.reader.check()
            sets: dict[tuple[Any, ...], list[Member]] = {}
            for member in members:
                sets.setdefault(member.parameters, []).append(member)
            hits, head, reached = await changed(self._pool, plan, list(sets), place, to=to, scan=AT_ONCE)
            listeners = list(sets.values())
            found = {member for hit in hits for member in listeners[hit.caller]}
            still = set(await self._confirmed(found, place))
            for hit in hits:
                told = [m for m in listeners[hit.caller] if m in still and self._keeps_up(group, m, place)]
                self._teller.tell(plan, hit, told)
                await asyncio.sleep(0)
            self.statements += 1
            if head["count"] < AT_ONCE:
                return
            place = reached
