"""Whatever stands in a file: loading gives a model or names mistakes, and never fails in another way."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wangge.errors import SchemaError
from wangge.model.load import SchemaErrors, load_model
from wangge.model.mistakes import Mistakes
from wangge.model.yaml import parse_yaml

from .sample import DOGS, REAL

SCRAPS = [
    "", "null", "{}", "[]", "[[]]", "{a: b}", "true", "-1", "1e999", ".5", "0x1F", "'", '"', "\t", "\n", "\n  - ", ": ", "? ",
    "&a ", "*a", "!!int ", "---\n", "...", "%YAML 1.2", "\u0000", "\ufeff", "\U0001f415", "{$new: x}", "$now", "{$actor: }",
    "{isNull: 3}", "{some: {}}", "{not: {not: []}}", "9" * 400, "x" * 300, "[" * 30, "}", "#", "|", ">\n ", "~", "2026-02-30",
]  # fmt: skip


def mutated(text: str, seed: int) -> str:
    """A text with one to four places replaced, cut, doubled or swapped."""
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(text) + 1)
        end = min(len(text), start + chance.choice((0, 1, 3, 10, 40)))
        words = text.split()
        scrap = chance.choice([*SCRAPS, chance.choice(words) if words else "", text[start:end] * 2])
        text = text[:start] + scrap + text[end:]
    return text


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of all modules, the real ones and the sample."""
    place = tmp_path_factory.mktemp("schemas")
    for folder in [*REAL, DOGS]:
        shutil.copytree(folder, place / folder.name, ignore=shutil.ignore_patterns("areas_*"))
    return place


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_mutated_file_gives_a_model_or_mistakes(schemas: Path, seed: int) -> None:
    files = sorted(path for path in schemas.rglob("*.*") if path.suffix in (".yaml", ".csv"))
    path = files[seed % len(files)]
    text = path.read_text("utf-8")
    try:
        path.write_text(mutated(text, seed), "utf-8")
        wrong = mistakes_of(sorted(schemas.iterdir()))
    finally:
        path.write_text(text, "utf-8")
    assert all(e.line >= 1 and e.message and "\n" not in e.message for e in wrong)


def mistakes_of(folders: list[Path]) -> tuple[SchemaError, ...]:
    """What is wrong with some modules; nothing when they load."""
    try:
        load_model(folders)
    except SchemaErrors as wrong:
        return wrong.errors
    return ()


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    mistakes = Mistakes()
    node = parse_yaml(text, "any.yaml", mistakes)
    assert node is not None or mistakes.found
