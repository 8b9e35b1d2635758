"""Homes for cities that are hurt."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.long.served import Served


@pytest.fixture
def served(service_home: Path) -> Iterator[Served]:
    """A demonstration city that is ready."""
    made = Served(service_home)
    try:
        made.start()
        yield made
    finally:
        made.destroy()
        shutil.rmtree(service_home / "keys", ignore_errors=True)
