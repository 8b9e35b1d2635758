"""Folders of modules into one checked Model; every mistake of all files is told at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from .assembly import assemble, without_broken_chains
from .canonical import version_of as version_of
from .completion import complete
from .cross_checks import check_all
from .lost import find_lost
from .mistakes import Mistakes
from .mistakes import SchemaErrors as SchemaErrors
from .module_draft import ModuleDraft
from .module_files import id_in, read_module
from .single_entities import owners_of, stand_in
from .types import Model
from .vocabulary import Vocabulary

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
    single: Sequence[Path] = (),
) -> Model:
    """The model of module folders. Raises SchemaErrors with all mistakes, sorted by file and line.

    `first_party` names the modules whose types need no prefix; `single` are entity files outside of the folders, which
    replace, or are added to, those of the module that they name.
    """
    mistakes = Mistakes()
    paths = [Path(path) for path in (folders.values() if isinstance(folders, Mapping) else folders)]
    owned, strangers = owners_of(single, {id_in(path) or path.name: path for path in paths})
    read = {path: read_module(path, mistakes, owned.get(path, ())) for path in paths}
    drafts = _distinct([draft for draft in read.values() if draft is not None], mistakes)
    drafts += [stand_in(name, files, drafts, mistakes) for name, files in strangers.items()]
    raw = assemble(drafts, mistakes)
    safe = without_broken_chains(raw, mistakes)
    unread = {name for path, draft in read.items() if draft is None for name in (id_in(path) or path.name, path.name)}
    words = Vocabulary(safe, find_lost(unread, drafts, raw, safe))
    check_all(drafts, words, mistakes, first_party)
    model = complete(drafts, words, mistakes)
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
