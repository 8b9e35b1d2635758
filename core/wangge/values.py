"""Frozen values that every room may name: who acts, where, and what changes."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

import msgspec

Row = Mapping[str, Any]
"""One row as field id -> Python value (str, int, Decimal, bool, date, datetime, UUID, list, dict or None)."""

ActorKind = Literal["account", "system", "module", "public"]
ChangeKind = Literal["create", "update", "remove", "restore", "operation"]
Origin = Literal["request", "command", "platform"]
"""What set an actor to work: a request over the network, a command on the server, the platform by itself."""


class Label(msgspec.Struct, frozen=True):
    """One text in Chinese and English."""

    zh: str
    en: str

    def of(self, language: str) -> str:
        """The text in `language` ("zh" or "en"); Chinese for anything else."""
        return self.en if language.startswith("en") else self.zh


class Area(msgspec.Struct, frozen=True):
    """A node of the area tree; its subtree is every area (and row) with `ord <= n <= ord_end`."""

    id: UUID
    code: str
    name: str
    kind: str
    ord: int
    ord_end: int
    parent: UUID | None = None
    district: UUID | None = None


class Unit(msgspec.Struct, frozen=True):
    """An organisation; its subtree is every unit with `ord <= n <= ord_end`."""

    id: UUID
    code: str
    name: str
    kind: str
    ord: int
    ord_end: int
    area: UUID | None = None


class Post(msgspec.Struct, frozen=True):
    """A role held at a unit for an area, within dates (`until` is exclusive, None without end)."""

    id: UUID
    role: str
    unit: UUID
    area: UUID
    since: dt.datetime
    until: dt.datetime | None = None


class Actor(msgspec.Struct, frozen=True):
    """Who acts. System and module work names itself and its reason; it stands in the ledger like any account."""

    kind: ActorKind
    name: str
    account: UUID | None = None
    person: UUID | None = None
    posts: tuple[Post, ...] = ()
    token: UUID | None = None
    reason: str | None = None
    origin: Origin = "platform"
    address: str = ""
    """the network address that a request came from, where it has one; in the form that RFC 5952 gives it."""


class Purpose(msgspec.Struct, frozen=True):
    """Why personal data is processed: an id of the catalogue with its legal basis (MODEL.md 4)."""

    id: str
    label: Label
    basis: str
    law: str
    retention: str
    roles: tuple[str, ...] = ()


class Change(msgspec.Struct, frozen=True):
    """One row that is being written, as a hook sees it: `before` is None for a create, `after` holds the whole row."""

    entity: str
    kind: ChangeKind
    id: UUID
    actor: Actor
    before: Row | None
    after: Row
    operation: str | None = None

    @property
    def changed(self) -> frozenset[str]:
        """The ids of the fields whose value differs between `before` and `after`."""
        if self.before is None:
            return frozenset(k for k, v in self.after.items() if v is not None)
        before = self.before
        return frozenset(k for k, v in self.after.items() if before.get(k) != v)


Patch = Mapping[str, Any]
"""What a hook sets: field id -> value."""


class Batch(msgspec.Struct, frozen=True):
    """Rows of one entity for `records.load`: field id -> wire value; `id`, `area` and `unit` may be given."""

    entity: str
    rows: list[dict[str, Any]]


class City:
    """A demonstration city while it is made: the area tree, the seed and scale, and what earlier modules made.

    `made` maps a name that a module chooses (`"rooms"`) to a list of values for later modules.
    """

    def __init__(self, *, areas: list[Area], seed: int, scale: str, today: dt.date) -> None:
        self.areas = areas
        self.seed = seed
        self.scale = scale
        self.today = today
        self.made: dict[str, list[Any]] = {}

    def grids(self) -> list[Area]:
        """The grids that are to be filled, in order of their codes."""
        return sorted((a for a in self.areas if a.kind == "grid"), key=lambda a: a.code)


def uuid7() -> UUID:
    """A new time-ordered id (RFC 9562): 48 bits of milliseconds, 74 random bits."""
    millis = time.time_ns() // 1_000_000
    bits = int.from_bytes(os.urandom(10), "big")
    high, low = bits >> 68, bits & ((1 << 62) - 1)
    return UUID(int=(millis & ((1 << 48) - 1)) << 80 | 0x7 << 76 | (high & 0xFFF) << 64 | 0b10 << 62 | low)
