"""`wangge check`: one line per mistake, and what a PATH may be."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from wangge.cli import main
from wangge.modules.discover import first_party_folder

from .sample import DOGS, copy_of_dogs

INCIDENT = first_party_folder() / "urban_management/entities/incident.yaml"


def test_the_installed_modules_have_no_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    assert capsys.readouterr().out.endswith("code tables: no mistake\n")


def test_a_modules_folder_is_checked_beside_the_installed_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copy_of_dogs(tmp_path)
    assert main(["check", str(folder)]) == 0
    path = folder / "pages.yaml"
    path.write_text(path.read_text("utf-8").replace("kind: list", "kind: lst"), "utf-8")
    capsys.readouterr()
    assert main(["check", str(folder)]) == 1
    assert capsys.readouterr().out == (
        f'SchemaError [schema.choice] {path}:3: "lst" is no kind of the page "dogs". Did you mean "list"?\n'
    )


def test_a_folder_of_modules_replaces_those_of_the_same_id(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy_of_dogs(tmp_path)
    shutil.copytree(first_party_folder() / "casework", tmp_path / "casework")
    case = tmp_path / "casework/entities/case.yaml"
    case.write_text(case.read_text("utf-8").replace("{name: dueAt,", "{name: due,"), "utf-8")
    assert main(["check", str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(f"{case}:" in line for line in lines)
    assert any("urban_management" in line and "dueAt" in line for line in lines)


def test_a_file_inside_a_module_is_checked_with_its_module(tmp_path: Path) -> None:
    folder = copy_of_dogs(tmp_path)
    assert main(["check", str(folder / "entities/dog.yaml")]) == 0
    assert main(["check", str(folder / "tables/dog_breed.csv")]) == 0


def test_an_entity_file_by_itself_replaces_that_of_its_module(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "incident.yaml"
    text = INCIDENT.read_text("utf-8")
    path.write_text(text, "utf-8")
    assert main(["check", str(path)]) == 0
    path.write_text(text.replace("kind_of: casework.case ", "kind_of: casework.cse "), "utf-8")
    capsys.readouterr()
    assert main(["check", str(path)]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"SchemaError [schema.unknown_entity] {path}:6: ")


def test_an_entity_file_by_itself_may_have_any_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "07_broken.yaml"
    path.write_text(INCIDENT.read_text("utf-8").replace("search: [description]", "search: [descripton]"), "utf-8")
    assert main(["check", str(path)]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith('search names "descripton", which is no field. Did you mean "description"?')


def test_an_entity_file_of_a_module_that_is_not_installed_is_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cat.yaml"
    text = (
        "entity: cat_registry.cat\ntype: CatRegistryCat\nplural: catRegistryCats\nlabel: {zh: 猫, en: Cat}\nscope: area\n"
        "fields:\n  - {name: home, type: ref, to: base.room, label: {zh: 住处, en: Home}}\n"
    )
    path.write_text(text, "utf-8")
    assert main(["check", str(path)]) == 0
    path.write_text(text.replace("base.room", "base.rom"), "utf-8")
    capsys.readouterr()
    assert main(["check", str(path)]) == 1
    assert capsys.readouterr().out == (
        f'SchemaError [schema.unknown_reference] {path}:7: "home" refers to "base.rom", which no file declares. '
        'Did you mean "base.room"?\n'
    )


def test_what_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / "nothing")]) == 1
    assert "there is no such file or folder" in capsys.readouterr().out


def test_the_language_is_written_as_json_schema(tmp_path: Path) -> None:
    assert main(["check", "--json-schema", str(tmp_path / "schema")]) == 0
    written = {path.name: json.loads(path.read_text("utf-8"))["$schema"] for path in (tmp_path / "schema").iterdir()}
    names = "entity messages module pages purposes roles table".split()
    assert written == {f"{name}.schema.json": "https://json-schema.org/draft/2020-12/schema" for name in names}


def test_the_sample_is_a_module(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(DOGS)]) == 0
