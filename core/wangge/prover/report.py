"""What a proof found: cells compared per path, and every disagreement."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec


class Disagreement(msgspec.Struct, frozen=True, kw_only=True):
    """One answer that is not what the stored policy says."""

    account: str
    path: str
    entity: str
    row: str
    field: str
    expected: Any
    seen: Any
    rules: tuple[str, ...] = ()
    asked: str = ""

    def __str__(self) -> str:
        what = f"{self.entity} {self.row} {self.field}".replace("  ", " ").strip()
        rules = f" rules {', '.join(self.rules)};" if self.rules else ""
        return (
            f"DISAGREES {self.account} {self.path}: {what}: the naive evaluator says {self.expected!r}, "
            f"the API {self.seen!r};{rules} asked {self.asked}"
        )


class Report:
    """Counts and findings of one proof."""

    def __init__(self, *, stop: bool = False) -> None:
        self.stop = stop
        """whether the first disagreement is enough."""
        self.cells: Counter[str] = Counter()
        """path -> cells compared."""
        self.found: list[Disagreement] = []
        self.sampled: set[str] = set()
        """entities of which not all rows were asked for."""
        self.path = ""
        """the path of `PATHS` that is asked, or was asked last."""
        self.accounts = 0
        self.unfinished = 0
        """accounts whose paths were not all asked in the time that was given."""

    def lines(self) -> list[str]:
        """The summary, one line a path."""
        width = max((len(path) for path in self.cells), default=0)
        return [f"{path:<{width}}  {count:>10,} cells compared" for path, count in sorted(self.cells.items())]
