"""How much a proof asks for."""

from __future__ import annotations

import msgspec


class Bounds(msgspec.Struct, frozen=True):
    """How much is asked for."""

    effort: int = 2
    """how many probes each field gets."""
    sample: int = 40
    """rows of an entity."""
    first: int = 1000
    """rows of a list; of more the sample is asked for by id."""
    page: int = 1000
    """rows of a connection inside a row."""
    until: float | None = None
    """when to stop (time.monotonic)."""
