"""What is unknown only because a file is broken: its own mistake is told, those that follow from it are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .module_draft import ModuleDraft
from .types import Model


@dataclass(frozen=True)
class Lost:
    """Names that other files may still use."""

    modules: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    """entities and code tables."""
    partial: frozenset[str] = frozenset()
    """entities that may have more fields than were read."""
    files: frozenset[str] = field(default_factory=frozenset)
    """`roles.yaml`, `purposes.yaml`: some module's could not be read."""

    def has(self, name: str) -> bool:
        """Whether an entity, code table or module may exist."""
        return name in self.names or name.partition(".")[0] in self.modules


def find_lost(modules: set[str], drafts: Sequence[ModuleDraft], raw: Model, safe: Model) -> Lost:
    """What could not be read; `raw` has the `kind_of` that `safe` lacks where it leads nowhere."""
    cut = {name for name, entity in raw.entities.items() if entity.kind_of != safe.entities[name].kind_of}
    cut |= {e.entity.name for draft in drafts for e in draft.entities if e.incomplete}
    partial = {name for name in safe.entities if any(level.name in cut for level in safe.chain(name))}
    files = {name for draft in drafts for name in draft.unread} | (
        {"roles.yaml", "purposes.yaml"} if modules else set()
    )
    return Lost(
        frozenset(modules),
        frozenset(name for draft in drafts for name in draft.broken),
        frozenset(partial),
        frozenset(files),
    )
