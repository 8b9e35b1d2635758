"""One change put into the streams of those who are told of it, each once, and recorded as read by them before."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import msgspec

from ..crypto import Keys
from .feeds import FIRST_ID, FeedPlan, Hit, after, told
from .positions import Place, seal
from .reading import Reader
from .watching import Member

LAST_ID = UUID(int=2**128 - 1)


class Teller:
    """Tells members of changes."""

    def __init__(self, reader: Reader, keys: Keys) -> None:
        self._reader = reader
        self._keys = keys

    def tell(self, plan: FeedPlan, hit: Hit, members: Iterable[Member]) -> None:
        """Put a change into the streams of members that have not passed it; the bytes are made once where they are the same."""
        shared = b""
        for member in members:
            if not is_after(member.place, hit) or member.stream.closed:
                continue
            place = after(member.place, hit)
            if plan.personal or not shared:
                shared = self._answer(plan, hit, member, place)
            if hit.notes:
                self._reader.record(member.scope, plan.feed.noted, member.watch.why, hit.notes)
            member.place = place
            member.stream.put(shared)

    def _answer(self, plan: FeedPlan, hit: Hit, member: Member, place: Place) -> bytes:
        """The answer of a subscription."""
        node = self._reader.resolved(hit.node, member.scope, marks=plan.feed.marks)
        at = seal(self._keys, member.scope, member.rights, place) if plan.personal else ""
        key = msgspec.json.encode(member.watch.name)
        return b'{"data":{' + key + b":" + told(plan, hit, node, at) + b"}}"


def order(place: Place) -> tuple[int, UUID]:
    """The order of places; one without a row is behind all rows of its position."""
    return place.value, place.row or LAST_ID


def is_after(place: Place, hit: Hit) -> bool:
    """Whether a change comes after a place."""
    return (hit.position, hit.sub or FIRST_ID) > order(place)
