"""The served city for the tests of this folder, and a folder of documents."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.city import *  # noqa: F403 # fixtures

Folder = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Writes documents: name -> text."""

    def write(**files: str) -> Path:
        for name, text in files.items():
            stem, _, version = name.rpartition("_v")
            (tmp_path / f"{stem.replace('_', '-')}.v{version}.graphql").write_text(text, "utf-8")
        return tmp_path

    return write
