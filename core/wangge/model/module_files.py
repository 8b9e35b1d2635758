"""One module's folder: module.yaml and all files beside it, as drafts that the whole model is then made of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..values import Label, Purpose
from .code_tables import read_table
from .entity_files import EntityDraft, read_entity
from .mistakes import Mistakes, nearest
from .reader import Reader
from .role_files import RuleDraft, read_roles
from .seeds import SeedDraft, read_seed
from .types import CodeTable, Menu, Module, Page, Role, Source
from .words import LOCAL_NAME, MODULE_ID, RESERVED_MODULES, VERSION
from .yaml import Node, read_yaml

MODULE_KEYS = "id version label description requires optional reads writes purposes actions settings jobs".split()
YAML_FILES = frozenset("module purposes roles pages messages settings demo quality".split())
FOLDERS = frozenset("entities tables extends documents prints seed migrations".split())
PAGE_KINDS = ("list", "form", "card", "map", "markdown")
BASES = ("duty", "consent", "contract", "emergency", "public_interest", "disclosed")
CORE = "wangge"
REQUIRES = re.compile(r"\s*([a-z][a-z0-9_]*)\s*(?:>=\s*([0-9]+(?:\.[0-9]+){0,2}))?\s*")


@dataclass
class ModuleDraft:
    """Everything of one folder."""

    id: str
    folder: Path
    file: str
    reader: Reader
    version: str = "0.0.0"
    label: Label = field(default_factory=lambda: Label("", ""))
    requires: dict[str, str] = field(default_factory=dict)
    """module id -> least version, "" for any."""
    optional: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    uses_purposes: tuple[str, ...] = ()
    entities: list[EntityDraft] = field(default_factory=list)
    tables: list[CodeTable] = field(default_factory=list)
    purposes: list[tuple[Purpose, Reader]] = field(default_factory=list)
    roles: list[tuple[Role, Reader]] = field(default_factory=list)
    rules: list[RuleDraft] = field(default_factory=list)
    menu: Menu | None = None
    pages: list[tuple[Page, Reader]] = field(default_factory=list)
    messages: dict[str, Label] = field(default_factory=dict)
    message_lines: dict[str, Source] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    seeds: list[SeedDraft] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    """entities and tables whose own files could not be read."""

    unread: set[str] = field(default_factory=set)
    """files of the module that could not be read."""

    def made(self) -> Module:
        """The module without its rules."""
        return Module(
            id=self.id,
            version=self.version,
            label=self.label,
            requires=tuple(self.requires),
            optional=self.optional,
            reads=self.reads,
            writes=self.writes,
            purposes=tuple(p for p, _ in self.purposes),
            uses_purposes=self.uses_purposes,
            roles=tuple(r for r, _ in self.roles),
            entities=tuple(sorted(e.entity.name for e in self.entities)),
            tables=tuple(sorted(t.name for t in self.tables)),
            menu=self.menu,
            messages=dict(sorted(self.messages.items())),
            settings=self.settings,
            folder=str(self.folder),
            source=Source(self.file, 1),
        )


def shown(path: Path) -> str:
    """A path as messages name it: from the working directory when it is below it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def id_in(folder: Path) -> str | None:
    """The id that a module.yaml gives, as far as it can be read."""
    try:
        text = (folder / "module.yaml").read_text("utf-8", errors="replace")
    except OSError:
        return None
    found = re.search(rf"^id:[ \t]*[\"']?({MODULE_ID})", text, re.MULTILINE)
    return found[1] if found else None


def read_module(folder: Path, mistakes: Mistakes, single: Iterable[Path] = ()) -> ModuleDraft | None:
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
    for entity in (files | {path.name: path for path in single}).values():
        found = read_entity(entity, shown(entity), draft.id, mistakes)
        if found is None:
            draft.broken.add(f"{draft.id}.{entity.stem}")
        else:
            draft.entities.append(found)
            if found.entity.local != entity.stem:
                draft.broken.add(f"{draft.id}.{entity.stem}")
    _read_tables(draft, mistakes)
    _read_purposes(draft, mistakes)
    _read_pages(draft, mistakes)
    _read_messages(draft, mistakes)
    _read_settings(draft, mistakes)
    draft.roles, draft.rules = read_roles(_root(draft, "roles.yaml", "roles.yaml", ("roles", "rules"), mistakes))
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
    for path in yaml_files(draft.folder / "extends", mistakes):
        text = "this version reads no extensions: put the fields into an entity of the module with a ref"
        mistakes.add("extension", text, shown(path), 1)


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


def _root(draft: ModuleDraft, name: str, what: str, keys: Iterable[str] | None, mistakes: Mistakes) -> Reader | None:
    """The mapping of a file of the module; None when there is no such file."""
    path = draft.folder / name
    if not path.is_file():
        return None
    node = read_yaml(path, shown(path), mistakes)
    if node is None or not isinstance(node.value, dict):
        draft.unread.add(name)
    return None if node is None else Reader(node, shown(path), mistakes, what, keys)


def _read_purposes(draft: ModuleDraft, mistakes: Mistakes) -> None:
    """purposes.yaml."""
    reader = _root(draft, "purposes.yaml", "purposes.yaml", ("purposes",), mistakes)
    for each in reader.each("purposes", "a purpose", "id zh en basis law retention roles".split()) if reader else ():
        id_ = each.text("id", required=True, pattern=LOCAL_NAME, form="small letters, like dog_registration")
        each.what = f'the purpose "{id_}"'
        label = Label(each.text("zh", required=True), each.text("en", required=True))
        basis = each.choice("basis", BASES, "duty", required=True)
        law = each.text("law", required=True)
        made = Purpose(id_, label, basis, law, each.duration("retention", required=True), each.texts("roles"))
        if id_:
            draft.purposes.append((made, each))


def _read_pages(draft: ModuleDraft, mistakes: Mistakes) -> None:
    """pages.yaml."""
    reader = _root(draft, "pages.yaml", "pages.yaml", ("menu", "pages"), mistakes)
    if reader is None or not reader.ok:
        return
    menu = reader.below("menu", "the menu", ("group", "order", "icon"))
    seen: set[str] = set()
    for each in reader.each("pages", "a page", ("id", "kind", "entity", "text", "label")):
        id_ = each.text("id", required=True, pattern=LOCAL_NAME, form="small letters, like dogs")
        each.what = f'the page "{id_}"'
        if id_ in seen:
            each.wrong("duplicate_page", f'the page "{id_}" stands twice: remove one', each.line_of("id"))
        seen.add(id_)
        kind = each.choice("kind", PAGE_KINDS, "list", required=True)
        entity, text = each.text("entity") or None, each.text("text") or None
        if kind == "markdown" and text is None:
            each.wrong("missing", f'{each.what} needs "text": its Markdown')
        if kind != "markdown" and entity is None and each.has("kind"):
            each.wrong("missing", f'{each.what} needs "entity": whose rows it shows')
        draft.pages.append((Page(id_, kind, each.label(), entity, text), each))
    if menu is None:
        reader.wrong("missing", 'pages.yaml needs "menu": {group: {zh: ..., en: ...}, order: 60, icon: dog}')
        return
    if menu.ok:
        order, icon = menu.get("order", int, 100), menu.text("icon")
        draft.menu = Menu(menu.label("group"), order, icon, tuple(page for page, _ in draft.pages))


def _read_messages(draft: ModuleDraft, mistakes: Mistakes) -> None:
    """messages.yaml: code -> zh and en."""
    reader = _root(draft, "messages.yaml", "messages.yaml", ("messages",), mistakes)
    if reader is None or not reader.ok:
        return
    reader.get("messages", dict, required=True)
    node = reader.items.get("messages")
    if node is None or not isinstance(node.value, dict):
        return
    below = Reader(node, reader.file, mistakes, "messages")
    for code in below.items:
        line = below.line_of(code)
        if not re.fullmatch(rf"{draft.id}\.[a-z][a-z0-9_.]*", code):
            text = f'"{code}" is no code of the module "{draft.id}": begin with "{draft.id}."'
            below.wrong("message_code", text, line)
        label = below.label(code)
        if placeholders(label.zh) != placeholders(label.en) and label.zh and label.en:
            only = sorted(placeholders(label.zh) ^ placeholders(label.en))
            below.wrong(
                "placeholders", f'zh and en of "{code}" do not both have {{{"}, {".join(only)}}}: name it in both', line
            )
        draft.messages[code] = label
        draft.message_lines[code] = Source(below.file, line)


def placeholders(text: str) -> set[str]:
    """The `{names}` of a sentence."""
    return set(re.findall(r"\{(\w+)\}", text))


def _read_settings(draft: ModuleDraft, mistakes: Mistakes) -> None:
    """settings.yaml: a JSON Schema of an object."""
    reader = _root(draft, "settings.yaml", "settings.yaml", None, mistakes)
    if reader is None or not reader.ok:
        return
    if reader.text("type", "object") != "object":
        reader.wrong("settings", "settings.yaml is a JSON Schema of type object", reader.line_of("type"))
    draft.settings = {key: node.plain() for key, node in reader.items.items()}
