"""`wangge check`: whether schema files are right, alone or as a change to what is installed; and the language as JSON Schema."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def add(subparsers: Any) -> None:
    """Describe the arguments."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "check",
        help="check schema files: every mistake with its file, line, and what instead",
        description="Check the installed modules together with the given files; each mistake is one line, and the status is 1.",
    )
    parser.add_argument(
        "paths",
        metavar="PATH",
        nargs="*",
        type=Path,
        help="an entity file, a module's folder, or a folder of modules; it replaces installed modules of the same id",
    )
    parser.add_argument(
        "--json-schema",
        metavar="DIR",
        type=Path,
        help="write the language as JSON Schema into DIR, one file per kind of file, and do nothing else",
    )


def run(args: argparse.Namespace) -> int:
    """Print every mistake; 1 when there is one."""
    if args.json_schema is not None:
        return _write_schemas(args.json_schema)
    from ..model.load import SchemaErrors, load_model
    from ..modules.discover import discover
    from ..settings import Settings

    installed = {found.id: found.folder for found in discover(Settings.from_environment(os.environ).modules)}
    places = places_of(args.paths, installed)
    for mistake in places.mistakes:
        print(mistake)
    try:
        model = load_model(places.folders, single=places.files)
    except SchemaErrors as errors:
        for error in errors.errors:
            print(error)
        return 1
    if places.mistakes:
        return 1
    print(f"{len(model.modules)} modules, {len(model.entities)} entities, {len(model.tables)} code tables: no mistake")
    return 0


class Places:
    """The folders of the modules that are checked together, entity files that replace theirs, and paths that are neither."""

    def __init__(self, installed: dict[str, Path]) -> None:
        self.by_id = dict(installed)
        self.files: list[Path] = []
        self.mistakes: list[str] = []

    @property
    def folders(self) -> list[Path]:
        """The folders, the built-in module first."""
        return list(self.by_id.values())


def places_of(paths: Sequence[Path], installed: dict[str, Path]) -> Places:
    """What PATHs come to."""
    places = Places(installed)
    for path in paths:
        folder = module_folder(path)
        if folder is not None:
            places.by_id[module_id(folder)] = folder
        elif path.is_dir():
            inner = sorted(each.parent for each in path.glob("*/module.yaml"))
            places.by_id.update({module_id(each): each for each in inner} or {path.resolve().name: path})
        elif path.is_file():
            places.files.append(path)
        else:
            places.mistakes.append(f"wangge: {path}: there is no such file or folder: name an entity file or a folder")
    return places


def module_folder(path: Path) -> Path | None:
    """The module's folder that a path is, or lies in."""
    if path.is_dir():
        return path if (path / "module.yaml").is_file() else None
    for folder in (path.parent, path.parent.parent):
        if path.is_file() and (folder / "module.yaml").is_file():
            return folder
    return None


def module_id(folder: Path) -> str:
    """The id in a module.yaml, or the folder's name when it cannot be read."""
    from ..model.module_files import id_in

    return id_in(folder) or folder.resolve().name


def _write_schemas(folder: Path) -> int:
    """One file per kind."""
    from ..model.jsonschema import json_schemas

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"wangge: {folder}: {error.strerror}: name a folder that can be written")
        return 1
    for name, schema in json_schemas().items():
        path = folder / f"{name}.schema.json"
        path.write_text(json.dumps(schema, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        print(path)
    return 0
