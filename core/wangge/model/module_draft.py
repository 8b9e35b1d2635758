"""Everything of one module's folder as it was read, before it is checked against the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..values import Label, Purpose
from .entity_files import EntityDraft
from .reader import Reader
from .role_files import RuleDraft
from .seeds import SeedDraft
from .types import CodeTable, Menu, Module, Page, Role, Source

CORE = "wangge"


@dataclass
class ModuleDraft:
    """Everything of one folder."""

    id: str
    folder: Path
    file: str
    reader: Reader
    version: str = "0.0.0"
    label: Label = field(default_factory=lambda: Label("", ""))
    requires: dict[str, str] = field(default_factory=dict)
    """module id -> least version, "" for any."""
    optional: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    uses_purposes: tuple[str, ...] = ()
    entities: list[EntityDraft] = field(default_factory=list)
    tables: list[CodeTable] = field(default_factory=list)
    purposes: list[tuple[Purpose, Reader]] = field(default_factory=list)
    roles: list[tuple[Role, Reader]] = field(default_factory=list)
    rules: list[RuleDraft] = field(default_factory=list)
    menu: Menu | None = None
    pages: list[tuple[Page, Reader]] = field(default_factory=list)
    messages: dict[str, Label] = field(default_factory=dict)
    message_lines: dict[str, Source] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    seeds: list[SeedDraft] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    """entities and tables whose own files could not be read."""

    unread: set[str] = field(default_factory=set)
    """files of the module that could not be read."""

    def made(self) -> Module:
        """The module without its rules."""
        return Module(
            id=self.id,
            version=self.version,
            label=self.label,
            requires=tuple(self.requires),
            optional=self.optional,
            reads=self.reads,
            writes=self.writes,
            purposes=tuple(p for p, _ in self.purposes),
            uses_purposes=self.uses_purposes,
            roles=tuple(r for r, _ in self.roles),
            entities=tuple(sorted(e.entity.name for e in self.entities)),
            tables=tuple(sorted(t.name for t in self.tables)),
            menu=self.menu,
            messages=dict(sorted(self.messages.items())),
            settings=self.settings,
            folder=str(self.folder),
            source=Source(self.file, 1),
        )


def shown(path: Path) -> str:
    """A path as messages name it: from the working directory when it is below it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
