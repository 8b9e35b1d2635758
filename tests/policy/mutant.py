"""One wrong version of the program: a text that occurs once in a file, and what stands there instead."""

from __future__ import annotations

from typing import NamedTuple


class Mutant(NamedTuple):
    """One wrong program."""

    name: str
    file: str
    """below core/wangge."""
    old: str
    new: str
