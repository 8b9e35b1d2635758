"""What two accounts of one person see together: a preview as a role shows what both the caller and the role would (PERMISSIONS.md 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from .policy import AREA, Holding, Policy, about
from .rows import Raw
from .schema import Field
from .sight import Sight

PREVIEWS = ("wangge.rule", "do:preview")
"""what a post gives that may preview."""
READS = ("list", "get", "list_removed", "aggregate")


class AsRole(Policy):
    """The policy of an account, as if each post that may preview were of another role, and those posts alone."""

    role: str = ""

    def posts(self) -> list[Holding]:
        """The own places, under the role."""
        entity, action = PREVIEWS
        return [
            Holding(post.id, self.role, post.area, post.unit)
            for post in super().posts()
            if about(self.rules(post), "ALLOW", entity, action)
        ]


class Both(Sight):
    """The intersection: every grant of the account with every one of the role, in the rows that both reach."""

    def __init__(self, own: Policy, role: str) -> None:
        super().__init__(own)
        other = AsRole(own.schema, own.rows, own.account, own.now)
        other.role = role
        self.other = Sight(other)

    def unseal_with(self, open_: Callable[[Field, str, Any, UUID], Any]) -> None:
        """Both open alike."""
        super().unseal_with(open_)
        self.other.unseal_with(open_)

    def grants(self, entity: str, action: str, row: Raw) -> Iterator[tuple[Raw, dict[str, int]]]:
        """Pairs of grants, each cell at the lower level."""
        if action not in READS:
            return
        theirs = [levels for _, levels in self.other.grants(entity, action, row)]
        for rule, levels in super().grants(entity, action, row):
            for more in theirs:
                yield rule, {name: min(level, more.get(name, 0)) for name, level in levels.items()}

    def prohibited(self, entity: str, action: str, row: Raw) -> bool:
        """What either may not see."""
        return super().prohibited(entity, action, row) or self.other.prohibited(entity, action, row)

    def possible(self, entity: str, action: str) -> Iterator[dict[str, int]]:
        """Pairs of grants whose posts have an area in common."""
        if action not in READS:
            return
        for post, levels in self.possible_by_post(entity, action):
            for other, more in self.other.possible_by_post(entity, action):
                if self._meet(post.area, other.area):
                    yield {name: min(level, more.get(name, 0)) for name, level in levels.items()}

    def _meet(self, one: UUID, other: UUID) -> bool:
        """Whether two areas of a tree have a part in common."""
        return self.policy.inside(AREA, one, other) or self.policy.inside(AREA, other, one)
