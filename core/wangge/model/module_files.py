"""One module's folder: module.yaml and all files beside it, as drafts that the whole model is then made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from .code_tables import read_table
from .entity_files import read_entity
from .mistakes import Mistakes, nearest
from .module_draft import CORE, ModuleDraft, shown
from .reader import Reader
from .role_files import read_roles
from .seeds import read_seed
from .single_entities import replaced_by
from .single_files import read_messages, read_pages, read_purposes, read_root, read_settings
from .words import LOCAL_NAME, MODULE_ID, RESERVED_MODULES, VERSION
from .yaml import Node, read_yaml

MODULE_KEYS = "id version label description requires optional reads writes purposes actions settings jobs".split()
YAML_FILES = frozenset("module purposes roles pages messages settings demo quality".split())
FOLDERS = frozenset("entities tables extends documents prints seed migrations".split())
READ: Mapping[str, frozenset[str]] = {
    "entities": frozenset((".yaml", ".yml")),
    "tables": frozenset((".yaml", ".yml", ".csv")),
    "seed": frozenset((".csv",)),
}
"""folder -> the endings that are read in it, or told elsewhere."""
DATA = frozenset(".yaml .yml .json .csv .tsv .xlsx .toml".split())
REQUIRES = re.compile(r"\s*([a-z][a-z0-9_]*)\s*(?:>=\s*([0-9]+(?:\.[0-9]+){0,2}))?\s*")


def id_in(folder: Path) -> str | None:
    """The id that a module.yaml gives, as far as it can be read."""
    try:
        text = (folder / "module.yaml").read_text("utf-8", errors="replace")
    except OSError:
        return None
    found = re.search(rf"^id:[ \t]*[\"']?({MODULE_ID})", text, re.MULTILINE)
    return found[1] if found else None


def read_module(folder: Path, mistakes: Mistakes, single: Sequence[Path] = ()) -> ModuleDraft | None:
    """The module of a folder; None when module.yaml says nothing usable.

    `single` are entity files from elsewhere, which replace those of the same name.
    """
    path = folder / "module.yaml"
    file = shown(path)
    if not path.is_file():
        mistakes.add("missing_file", f'"{shown(folder)}" is no module: write a module.yaml into it', file, 1)
        return None
    node = read_yaml(path, file, mistakes)
    if node is None:
        return None
    reader = Reader(node, file, mistakes, "the module", MODULE_KEYS)
    if not reader.ok:
        return None
    draft = _head(reader, folder, file)
    if draft is None:
        return None
    _check_files(draft, mistakes)
    files = {path.name: path for path in yaml_files(folder / "entities", mistakes)}
    files |= {replaced_by(path): path for path in single}
    for name, path in sorted(files.items()):
        entity = read_entity(path, shown(path), draft.id, mistakes, single=path in single)
        if entity is not None:
            draft.entities.append(entity)
        if entity is None or f"{entity.entity.local}.yaml" != name:
            draft.broken.add(f"{draft.id}.{name.removesuffix('.yaml')}")
    _read_tables(draft, mistakes)
    read_purposes(draft, mistakes)
    read_pages(draft, mistakes)
    read_messages(draft, mistakes)
    read_settings(draft, mistakes)
    roles = read_root(draft, "roles.yaml", "roles.yaml", ("roles", "rules"), mistakes)
    draft.roles, draft.rules = read_roles(roles)
    if roles is not None and len(draft.roles) != len(roles.nodes_quietly("roles")):
        draft.unread.add("roles.yaml")
    for seed in sorted((folder / "seed").glob("*.csv")):
        if (made := read_seed(seed, shown(seed), draft.id, mistakes)) is not None:
            draft.seeds.append(made)
    return draft


def _head(reader: Reader, folder: Path, file: str) -> ModuleDraft | None:
    """module.yaml."""
    id_ = reader.text("id", required=True)
    if not id_:
        return None
    line = reader.line_of("id")
    if not re.fullmatch(MODULE_ID, id_) or len(id_) > 40 or id_ in RESERVED_MODULES or id_.startswith("pg_"):
        text = f'"{id_}" is no id of a module: small letters, digits and _, at most 40, not a name of PostgreSQL'
        reader.wrong("module_id", text, line)
        return None
    reader.what = f'the module "{id_}"'
    if id_ != CORE and folder.name != id_ and folder.name != "schemas":
        reader.wrong("folder_name", f'the module "{id_}" lies in the folder "{folder.name}": rename one of them', line)
    draft = ModuleDraft(id_, folder, file, reader)
    draft.version = reader.text(
        "version", "0.0.0", required=True, pattern=VERSION, form="three numbers as semantic versions have, like 1.0.0"
    )
    draft.label = reader.label()
    for node in reader.nodes("requires"):
        _read_requires(reader, node, draft)
    draft.optional = _distinct(reader, "optional")
    draft.reads, draft.writes = _distinct(reader, "reads"), _distinct(reader, "writes")
    draft.uses_purposes = _distinct(reader, "purposes")
    return draft


def _distinct(reader: Reader, key: str) -> tuple[str, ...]:
    """A list of names, each once."""
    names = reader.texts(key) if reader.has(key) else ()
    for n, name in enumerate(names):
        if name in names[:n]:
            reader.wrong("duplicate_item", f'"{name}" stands twice in {key}: remove one', reader.line_of(key))
    return tuple(dict.fromkeys(names))


def _read_requires(reader: Reader, node: Node, draft: ModuleDraft) -> None:
    """`base` or `base >= 1.2`."""
    found = REQUIRES.fullmatch(node.raw or "")
    if found is None:
        reader.wrong("requires", f'"{node.raw}" names no module: write base, or "base >= 1.2"', node.line)
        return
    if found[1] in draft.requires:
        reader.wrong("duplicate_item", f'"{found[1]}" stands twice in requires: remove one', node.line)
    draft.requires[found[1]] = found[2] or ""


def yaml_files(folder: Path, mistakes: Mistakes) -> Iterable[Path]:
    """The YAML files of a folder by name; other endings are mistakes."""
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.suffix == ".yml":
            mistakes.add("file_ending", f'rename "{path.name}" to "{path.stem}.yaml": it is not read', shown(path), 1)
        elif path.suffix == ".yaml":
            yield path


def _check_files(draft: ModuleDraft, mistakes: Mistakes) -> None:
    """Note files and folders that nothing reads, when they look like a slip of the pen."""
    for path in sorted(draft.folder.iterdir()):
        if path.suffix in (".yaml", ".yml") and (path.stem not in YAML_FILES or path.suffix == ".yml"):
            near = nearest(path.name, [f"{name}.yaml" for name in YAML_FILES])
            mistakes.add("unknown_file", f'a module has no "{path.name}".{near}', shown(path), 1)
        elif path.is_dir() and path.name not in FOLDERS and any(path.glob("*.yaml")):
            mistakes.add(
                "unknown_file", f'a module has no folder "{path.name}".{nearest(path.name, FOLDERS)}', shown(path), 1
            )
    for name, endings in READ.items():
        _check_strays(draft.folder / name, endings, mistakes)
    for path in yaml_files(draft.folder / "extends", mistakes):
        text = "this version reads no extensions: put the fields into an entity of the module with a ref"
        mistakes.add("extension", text, shown(path), 1)


def _check_strays(folder: Path, endings: frozenset[str], mistakes: Mistakes) -> None:
    """Data that lies where nothing reads it: of another ending, or in a folder below."""
    for path in sorted(folder.rglob("*")):
        below = path.parent != folder
        if path.suffix in DATA and path.is_file() and (below or path.suffix not in endings):
            inner = path.relative_to(folder).as_posix()
            kinds = ", ".join(f"*{ending}" for ending in sorted(endings) if ending != ".yml")
            text = f'nothing reads "{inner}": {folder.name}/ holds {kinds} and no folders; move or rename it'
            mistakes.add("unknown_file", text, shown(path), 1)


def _read_tables(draft: ModuleDraft, mistakes: Mistakes) -> None:
    """tables/*.yaml with their CSV."""
    folder = draft.folder / "tables"
    for path in yaml_files(folder, mistakes):
        if not re.fullmatch(LOCAL_NAME, path.stem):
            mistakes.add(
                "table_name",
                f'"{path.stem}" is no name of a table: small letters and _, like dog_breed',
                shown(path),
                1,
            )
        elif (table := read_table(path, shown(path), draft.id, mistakes)) is not None:
            draft.tables.append(table)
        else:
            draft.broken.add(f"{draft.id}.{path.stem}")
    for path in sorted(folder.glob("*.csv")) if folder.is_dir() else ():
        if not path.with_suffix(".yaml").exists():
            text = f'"{path.name}" has no "{path.stem}.yaml" beside it: write its label, authority and version'
            mistakes.add("missing_file", text, shown(path), 1)
