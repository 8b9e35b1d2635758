"""Entity files that lie in no module's folder: which module each belongs to, and a stand-in for one that is not there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from .entity_files import read_entity
from .mistakes import Mistakes
from .module_draft import ModuleDraft, shown
from .reader import Reader
from .words import LOCAL_NAME, MODULE_ID
from .yaml import LARGEST, Node

_ENTITY = re.compile(rf"^entity:[ \t]*[\"']?({MODULE_ID})\.({LOCAL_NAME})\b", re.MULTILINE)


def name_in(file: Path) -> tuple[str, str] | None:
    """Module and local name that an entity file gives, as far as it can be read."""
    try:
        text = file.read_bytes()[:LARGEST].decode("utf-8", errors="replace")
    except OSError:
        return None
    found = _ENTITY.search(text)
    return (found[1], found[2]) if found else None


def replaced_by(file: Path) -> str:
    """The name of the file in `entities/` that this one stands for."""
    named = name_in(file)
    return f"{named[1]}.yaml" if named else file.name


def owners_of(
    single: Sequence[Path], paths: Mapping[str, Path]
) -> tuple[dict[Path, list[Path]], dict[str, list[Path]]]:
    """Folder -> its files, and module id -> files of modules that are not there.

    A file without a usable name belongs to the module that has a file of its name, else to the last.
    """
    owned: dict[Path, list[Path]] = {}
    strangers: dict[str, list[Path]] = {}
    for file in single:
        named = name_in(file)
        if named is not None and named[0] not in paths:
            strangers.setdefault(named[0], []).append(file)
            continue
        alike = next((p for p in paths.values() if (p / "entities" / file.name).is_file()), [*paths.values()][-1])
        owned.setdefault(paths[named[0]] if named else alike, []).append(file)
    return owned, strangers


def stand_in(module: str, files: Sequence[Path], others: Sequence[ModuleDraft], mistakes: Mistakes) -> ModuleDraft:
    """A module that requires and reads everything else, so that its entity files are checked without a module.yaml."""
    file = shown(files[0])
    draft = ModuleDraft(module, files[0].parent, file, Reader(Node({}, 1), file, mistakes, f'the module "{module}"'))
    draft.requires = {other.id: "" for other in others}
    draft.reads = tuple(entity.entity.name for other in others for entity in other.entities)
    for path in files:
        found = read_entity(path, shown(path), module, mistakes, single=True)
        if found is not None:
            draft.entities.append(found)
    return draft
