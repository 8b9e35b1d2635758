"""Whatever stands in a file: loading gives a model or names mistakes, and never fails in another way."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wangge.errors import SchemaError
from wangge.model.load import SchemaErrors, load_model
from wangge.model.mistakes import Mistakes
from wangge.model.yaml import parse_yaml

from .sample import REAL, copy_of_dogs

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


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32))
def test_a_mutated_file_gives_a_model_or_mistakes(seed: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = copy_of_dogs(Path(place))
        files = sorted(path for path in folder.rglob("*.*") if path.is_file())
        path = files[seed % len(files)]
        path.write_text(mutated(path.read_text("utf-8"), seed), "utf-8")
        wrong = mistakes_of([*REAL, folder])
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
