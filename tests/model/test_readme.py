"""The module that the README of the language shows is one that `wangge check` takes."""

from __future__ import annotations

import re
from pathlib import Path

import wangge.model
from wangge.model.load import load_model

from .sample import REAL

README = Path(wangge.model.__file__).with_name("README.md")
BLOCK = re.compile(r"```(?:yaml|csv)\n# (\S+)\n(.*?)```", re.DOTALL)


def test_the_module_of_the_readme_is_right(tmp_path: Path) -> None:
    folder = tmp_path / "reading_room"
    blocks = BLOCK.findall(README.read_text("utf-8"))
    for name, text in blocks:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    assert len(blocks) == README.read_text("utf-8").count("```") // 2
    model = load_model([*REAL, folder])
    assert [f.name for f in model.entities["reading_room.book"].fields][:2] == ["bookNo", "heading"]
    assert [c.code for c in model.tables["reading_room.subject"].codes] == ["I", "I-24"]
