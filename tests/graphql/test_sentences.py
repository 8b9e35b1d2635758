"""Every code that a request can be refused with has a sentence in Chinese and English."""

from __future__ import annotations

import re
from pathlib import Path

from wangge.graphql.sentences import own_sentences
from wangge.model.load import load_model
from wangge.modules.discover import discover
from wangge.records.kit import sentences

CORE = Path(__file__).parents[2] / "core" / "wangge"
CODE = re.compile(
    r"(?:Invalid|Denied|Unauthenticated|Throttled|Unavailable|Conflict|BadRequest|WrongMethod|WrongType|NotAcceptable|TooLarge|NotThere|NoForm|NoSuchPart|BadForm|Rejected|StaleScope)"
    r"\(\s*\"([a-z_]+\.[a-z_]+)\""
)
PRIVATE = {"account.login_taken", "request.disconnected", "filter.invalid"}
"""told to commands and modules, not to callers."""


def test_every_code_has_a_sentence_in_both_languages() -> None:
    known = {**sentences(load_model([m.folder for m in discover()])), **own_sentences()}
    used = {
        code
        for room in ("graphql", "sql", "identity", "http", "records", "store", "modules", "files")
        for path in (CORE / room).rglob("*.py")
        for code in CODE.findall(path.read_text("utf-8"))
    }
    assert len(used) > 30
    assert used - set(known) - PRIVATE == set()
    assert [code for code, label in known.items() if not label.zh or not label.en] == []
