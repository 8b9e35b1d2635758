"""How much one request of a role may ask for, and how many a minute (API.md 5): names, bounds and defaults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec


class RoleLimits(msgspec.Struct, frozen=True):
    """Limits of a caller; the defaults are those of a role that says nothing."""

    tokens: int = 20_000
    """of a document"""
    depth: int = 20
    """of the fields of a document inside each other, fragments included; an introspection needs 15"""
    aliases: int = 2_000
    directives: int = 500
    roots: int = 50
    """root fields of an operation"""
    page: int = 1_000
    """rows of one list (`first`)"""
    rows: int = 200_000
    """of all lists of an answer, where each is as long as it may be"""
    cost: int = 500_000
    """objects that an answer may hold"""
    requests: int = 120_000
    """a minute, for each token or account, counted by each server process for itself"""


NAMES = RoleLimits.__struct_fields__
MOST: Mapping[str, int] = {
    name: 100_000 if name in ("tokens", "aliases", "directives") else 10**9 for name in NAMES
} | {
    "depth": 100,
    "roots": 1_000,
    "page": 1_000,
}
"""the highest value of each; the lowest is 1."""
UNLIMITED = RoleLimits(**dict.fromkeys(NAMES, 2**62))
"""for commands that look at everything, such as the proof of the permissions."""


def widest(roles: Iterable[Mapping[str, int]], default: RoleLimits = RoleLimits()) -> RoleLimits:  # noqa: B008 # frozen
    """The limits of who holds these roles: of each kind the highest, as rights are united; the default without a role."""
    found = [{**msgspec.structs.asdict(default), **role} for role in roles]
    if not found:
        return default
    return RoleLimits(**{name: max(role[name] for role in found) for name in NAMES})


def wrong(name: str, value: object) -> str | None:
    """What is wrong with a setting, as a part of a sentence; None when it is right."""
    if name not in NAMES:
        return f'there is no limit "{name}": the limits are {", ".join(NAMES)}'
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST[name]:
        return f'"{name}" is a whole number from 1 to {MOST[name]}'
    return None
