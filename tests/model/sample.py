"""The real modules, and a third party's module beside them, as folders to load and to break."""

from __future__ import annotations

import shutil
from pathlib import Path

from wangge.modules.discover import core_folder, first_party_folder

DOGS = Path(__file__).parent / "dog_registry"
REAL = [core_folder(), *(first_party_folder() / name for name in ("base", "casework", "urban_management"))]


def copy_of_dogs(folder: Path) -> Path:
    """The module dog_registry in a folder of its own."""
    return Path(shutil.copytree(DOGS, folder / "dog_registry"))


def line_of(text: str, part: str) -> int:
    """The line on which a part of a text begins."""
    return text[: text.index(part)].count("\n") + 1
