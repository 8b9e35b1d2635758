"""seed/<entity>.csv: rows that come with the installation, read here and checked against their entity later."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .code_tables import read_rows
from .mistakes import Mistakes

DIVISIONS = "areas_"
"""`areas_<city>.csv` is a list of administrative divisions, not of an entity's rows."""


@dataclass
class SeedDraft:
    """The rows of one file."""

    entity: str
    file: str
    header: list[str]
    rows: list[tuple[int, dict[str, str]]]


def read_seed(path: Path, file: str, module: str, mistakes: Mistakes) -> SeedDraft | None:
    """The rows of a file; None for the divisions of a city."""
    if path.stem.startswith(DIVISIONS):
        return None
    header, rows = read_rows(path, file, mistakes)
    entity = path.stem if "." in path.stem else f"{module}.{path.stem}"
    return SeedDraft(entity, file, header, rows)
