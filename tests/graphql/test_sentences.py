"""Every code that a request can be refused with has a sentence in Chinese and English."""

from __future__ import annotations

import re
from pathlib import Path

from wangge.graphql.sentences import Refusals, own_sentences
from wangge.model.load import load_model
from wangge.modules.discover import discover
from wangge.records.kit import sentences

CORE = Path(__file__).parents[2] / "core" / "wangge"
CODE = re.compile(
    r"(?:Invalid|Denied|Unauthenticated|Throttled|Unavailable|Conflict|BadRequest|WrongMethod|WrongType|NotAcceptable|TooLarge"
    r"|NotThere|NoForm|NoSuchPart|BadForm|Rejected|StaleScope|Unknown|Ended|NoRoute|NeedsPost|NeedsStream|TooMany|Elsewhere)"
    r"\(\s*\"([a-z_]+\.[a-z_]+)\""
)
LISTED = re.compile(r"^\| `([a-z_]+(?:\.[a-z_]+)?)` \| (.+) \|$", re.M)
OF_DOCUMENTS = "document.invalid"
"""has the sentence of what is wrong in the document."""
PRIVATE = {"account.login_taken", "request.disconnected", "filter.invalid"}
"""told to commands and modules, not to callers."""


def test_every_code_has_a_sentence_in_both_languages() -> None:
    known = {**sentences(load_model([m.folder for m in discover()])), **own_sentences()}
    used = {
        code
        for room in ("graphql", "sql", "identity", "http", "records", "store", "modules", "files", "documents")
        for path in (CORE / room).rglob("*.py")
        for code in CODE.findall(path.read_text("utf-8"))
    }
    assert len(used) > 30
    assert used - set(known) - PRIVATE == set()
    assert [code for code, label in known.items() if not label.zh or not label.en] == []


def test_the_page_of_the_core_lists_every_code_with_its_sentence() -> None:
    page = (CORE.parent / "README.md").read_text("utf-8").partition("## Error codes")[2].partition("\n## ")[0]
    listed = dict(LISTED.findall(page))
    assert listed.pop(OF_DOCUMENTS)
    assert listed == dict(Refusals({}).listed("en"))
