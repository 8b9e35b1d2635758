"""Folders of modules into one checked Model; every mistake of all files is told at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from .assembly import assemble, without_broken_chains
from .canonical import version_of as version_of
from .completion import complete
from .cross_checks import check_all
from .mistakes import Mistakes
from .mistakes import SchemaErrors as SchemaErrors
from .module_files import ModuleDraft, read_module
from .types import Model

FIRST_PARTY = frozenset(
    (
        "wangge base casework exchange grid information_collection comprehensive_governance labour_security civil_affairs "
        "family_planning urban_management food_safety indicators workflow"
    ).split()
)
"""The modules of the wheel `wangge`: their types need no prefix."""


def load_model(
    folders: Iterable[Path] | Mapping[str, Path],
    *,
    first_party: frozenset[str] = FIRST_PARTY,
) -> Model:
    """The model of module folders. Raises SchemaErrors with all mistakes, sorted by file and line.

    `first_party` names the modules whose types need no prefix.
    """
    mistakes = Mistakes()
    paths = folders.values() if isinstance(folders, Mapping) else folders
    drafts = [d for d in (read_module(Path(path), mistakes) for path in paths) if d is not None]
    drafts = _distinct(drafts, mistakes)
    raw = assemble(drafts, mistakes)
    safe = without_broken_chains(raw, mistakes)
    check_all(drafts, safe, mistakes, first_party)
    model = complete(drafts, safe, mistakes)
    mistakes.stop()
    return msgspec.structs.replace(model, version=version_of(model))


def _distinct(drafts: list[ModuleDraft], mistakes: Mistakes) -> list[ModuleDraft]:
    """One draft per module."""
    found: dict[str, ModuleDraft] = {}
    for draft in drafts:
        if draft.id in found:
            text = f'the module "{draft.id}" lies in "{found[draft.id].folder}" too: remove one'
            mistakes.add("duplicate_module", text, draft.file, draft.reader.line_of("id"))
            continue
        found[draft.id] = draft
    return list(found.values())
