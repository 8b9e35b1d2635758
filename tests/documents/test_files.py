"""Mistakes in files of documents: each with its line and what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from wangge.documents.files import read_file, read_folder
from wangge.errors import SchemaError

HEAD = "# zh: 事件\n# en: Incidents\n# roles: station_clerk, public\n"
ASKS = "query { areas { nodes { id } } }\n"


def test_a_file_says_its_name_version_roles_purpose_and_end(tmp_path: Path) -> None:
    path = tmp_path / "open-incidents.v2.graphql"
    path.write_text(f"# A comment\n{HEAD}# purpose: statistics\n# deprecated_on: 2027-01-31\n\n{ASKS}", "utf-8")
    found = read_file(path)
    assert (found.id, found.label.zh, found.label.en) == ("open-incidents/v2", "事件", "Incidents")
    assert (found.roles, found.purpose, str(found.deprecated_on)) == (
        ("station_clerk", "public"),
        "statistics",
        "2027-01-31",
    )
    assert found.document == path.read_text("utf-8")
    assert found.lines == {"zh": 2, "en": 3, "roles": 4, "purpose": 5, "deprecated_on": 6}


WRONG = {
    "upper case": ("Open.v1.graphql", HEAD + ASKS, "document.name", 1),
    "no version": ("open.graphql", HEAD + ASKS, "document.name", 1),
    "version zero": ("open.v0.graphql", HEAD + ASKS, "document.name", 1),
    "no role": ("open.v1.graphql", "# zh: a\n# en: b\n# roles:\n" + ASKS, "document.no_role", 3),
    "no label": ("open.v1.graphql", "# en: b\n# roles: public\n" + ASKS, "document.incomplete", 1),
    "empty label": ("open.v1.graphql", "# zh:\n# en: b\n# roles: public\n" + ASKS, "document.label", 1),
    "a key that is none": ("open.v1.graphql", HEAD + "# role: public\n" + ASKS, "document.unknown_key", 4),
    "a key twice": ("open.v1.graphql", HEAD + "# zh: b\n" + ASKS, "document.twice", 4),
    "no day": ("open.v1.graphql", HEAD + "# deprecated_on: soon\n" + ASKS, "document.date", 4),
    "too long": ("open.v1.graphql", HEAD + "#" * 100_000, "document.too_long", 1),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_mistake_has_its_file_and_line(tmp_path: Path, what: str) -> None:
    name, text, code, line = WRONG[what]
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(SchemaError) as caught:
        read_folder(tmp_path)
    assert (caught.value.code, caught.value.line, caught.value.file) == (code, line, str(tmp_path / name))


def test_bytes_that_are_no_text_and_an_empty_folder_are_mistakes(tmp_path: Path) -> None:
    with pytest.raises(SchemaError) as caught:
        read_folder(tmp_path)
    assert caught.value.code == "document.none"
    (tmp_path / "open.v1.graphql").write_bytes(b"# zh: \xff\n")
    with pytest.raises(SchemaError) as caught:
        read_folder(tmp_path)
    assert caught.value.code == "document.not_utf8"
