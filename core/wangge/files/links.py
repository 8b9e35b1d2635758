"""Links to the content of a file: for a minute, for one account, to one file in one field of one row.

A link is sealed, so that nothing can be read of it or changed in it, and asks again for the right when it is used.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from collections.abc import Callable
from uuid import UUID

import msgspec

from ..crypto import Keys, SealBroken

SECONDS = 60
"""how long a link is good."""
PATH = "/files/"
LONGEST = 2_000
USE = "file_link"


class Holder(msgspec.Struct, frozen=True, array_like=True):
    """Where a file was seen: the row and the field (`photosBefore`, or `parts.file` of a list)."""

    entity: str
    field: str
    row: UUID
    file: UUID


class Bearer(msgspec.Struct, frozen=True, array_like=True):
    """Who saw it, and by what: an account with its token or session, the posts that this limits it to, and until when."""

    account: UUID
    token: UUID | None = None
    session: UUID | None = None
    posts: tuple[UUID, ...] | None = None
    until: dt.datetime | None = None
    addresses: tuple[str, ...] = ()
    """the only networks from where the token works; () for any."""
    purpose: str | None = None
    """the only purpose of the token."""


class Link(msgspec.Struct, frozen=True, array_like=True):
    """What a link says; `small` is the small picture instead of the whole."""

    holder: Holder
    bearer: Bearer
    small: bool
    purpose: str | None
    ends: dt.datetime


class Links:
    """Makes and opens links; `now` tells the time in the database, so that a clock that is wrong ends none too late."""

    def __init__(self, keys: Keys, now: Callable[[], dt.datetime]) -> None:
        self._keys = keys
        self._now = now

    def make(self, holder: Holder, bearer: Bearer, *, small: bool, purpose: str | None) -> str:
        """The path of a new link."""
        link = Link(holder, bearer, small, purpose, self._now() + dt.timedelta(seconds=SECONDS))
        sealed = self._keys.seal(USE, msgspec.msgpack.encode(link))
        return PATH + base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, text: str) -> Link | None:
        """What the last part of a link's path says; None for one that was changed, forged, or is over."""
        if len(text) > LONGEST:
            return None
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            link = msgspec.msgpack.decode(self._keys.open(USE, sealed), type=Link)
        except (binascii.Error, ValueError, SealBroken, msgspec.DecodeError):
            return None
        return link if self._now() < link.ends else None
