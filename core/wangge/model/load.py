"""Folders of YAML and CSV -> one typed, cross-checked Model, or all mistakes at once. No I/O but reading the files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from ..values import Label, Purpose
from .code_tables import read_csv, read_table
from .conditions import Conditions
from .cross_checks import check_rules, cross_check
from .entity_files import Draft, read_entity
from .filter import Every
from .mistakes import Mistakes, nearest
from .module_files import PageDraft, read_messages, read_module, read_pages, read_purposes, read_roles
from .reader import Reader
from .types import Check, CodeTable, Entity, Field, Model, Module, Raise, Role, Rule, Source
from .yaml import Node, read_yaml

CORE = "wangge"
FIRST_PARTY = frozenset(
    (
        "wangge base casework exchange grid information_collection comprehensive_governance labour_security civil_affairs "
        "family_planning urban_management food_safety indicators workflow"
    ).split()
)
"""the modules of the wheel `wangge`: their types need no prefix."""
RULE_KEYS = ("role", "entity", "actions", "fields", "where", "purpose", "effect", "district", "via", "with")


class Folder:
    """One module's folder while it is read."""

    def __init__(self, path: Path, shown: str) -> None:
        self.path = path
        self.shown = shown
        self.module: Module | None = None
        self.drafts: list[Draft] = []
        self.tables: list[CodeTable] = []
        self.purposes: tuple[Purpose, ...] = ()
        self.roles: tuple[Role, ...] = ()
        self.rules: list[Reader] = []
        self.pages: PageDraft | None = None
        self.messages: Mapping[str, Label] = {}


def load_model(folders: Iterable[Path], *, first_party: frozenset[str] = FIRST_PARTY) -> Model:
    """The model of all folders together. Raises SchemaErrors with every mistake, each with file, line and what instead."""
    mistakes = Mistakes()
    read = [_read_folder(Path(path), mistakes, first_party) for path in folders]
    found = [f for f in read if f.module is not None]
    draft = _draft_model(found, mistakes)
    model = _with_conditions(draft, found, mistakes)
    cross_check(model, [d for f in found for d in f.drafts], [f.pages for f in found if f.pages], mistakes)
    model = _with_rules(model, found, mistakes)
    for folder in found:
        _check_seed(model, folder, mistakes)
    mistakes.stop()
    return msgspec.structs.replace(model, version=version_of(model))


def shown_path(path: Path) -> str:
    """How a folder is called in messages: relative to the current folder where it lies below it."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _read_folder(path: Path, mistakes: Mistakes, first_party: frozenset[str]) -> Folder:
    """All files of one module."""
    folder = Folder(path, shown_path(path))
    manifest = path / "module.yaml"
    name = CORE if path.name == "schema" and path.parent.name == CORE else path.name
    if not manifest.is_file():
        mistakes.add(
            "no_module", "the folder has no module.yaml: describe the module there", f"{folder.shown}/module.yaml", 1
        )
        return folder
    node = read_yaml(manifest, f"{folder.shown}/module.yaml", mistakes)
    folder.module = read_module(node, f"{folder.shown}/module.yaml", name, mistakes) if node else None
    if folder.module is None:
        return folder
    own = folder.module.id in first_party
    for file, shown, node in _files(folder, "entities", mistakes):
        draft = read_entity(node, shown, file.stem, folder.module.id, mistakes, first_party=own)
        folder.drafts += [draft] if draft else []
    for file, shown, node in _files(folder, "tables", mistakes):
        table = read_table(node, shown, file, file.stem, folder.module.id, mistakes)
        folder.tables += [table] if table else []
    _read_single(folder, mistakes)
    return folder


def _files(folder: Folder, below: str, mistakes: Mistakes) -> list[tuple[Path, str, Node]]:
    """(path, shown, document) of the YAML files of a subfolder, by name."""
    found = []
    for file in sorted((folder.path / below).glob("*.y*ml")):
        shown = f"{folder.shown}/{below}/{file.name}"
        if file.suffix != ".yaml":
            mistakes.add("file_name", f"name the file {file.stem}.yaml", shown, 1)
        node = read_yaml(file, shown, mistakes)
        if node is not None:
            found.append((file, shown, node))
    return found


def _read_single(folder: Folder, mistakes: Mistakes) -> None:
    """purposes, roles, pages and messages."""
    for name in ("purposes", "roles", "pages", "messages"):
        file, shown = folder.path / f"{name}.yaml", f"{folder.shown}/{name}.yaml"
        node = read_yaml(file, shown, mistakes) if file.is_file() else None
        if node is None:
            continue
        if name == "purposes":
            folder.purposes = read_purposes(node, shown, mistakes)
        elif name == "roles":
            reader = Reader(node, shown, mistakes, "roles.yaml", ("roles", "rules"))
            folder.roles = read_roles(reader)
            folder.rules = reader.each("rules", "a rule", RULE_KEYS)
        elif name == "pages":
            folder.pages = read_pages(node, shown, mistakes)
        else:
            folder.messages = read_messages(node, shown, mistakes)


def _draft_model(folders: list[Folder], mistakes: Mistakes) -> Model:
    """Everything together, without conditions and rules."""
    modules: dict[str, Module] = {}
    entities: dict[str, Entity] = {}
    tables: dict[str, CodeTable] = {}
    purposes: dict[str, Purpose] = {}
    roles: dict[str, Role] = {}
    for folder in folders:
        assert folder.module is not None
        if folder.module.id in modules:
            mistakes.add(
                "duplicate_module", f'the module "{folder.module.id}" is there twice', *_at(folder.module.source)
            )
        for draft in folder.drafts:
            entities.setdefault(draft.entity.name, draft.entity)
        tables |= {t.name: t for t in folder.tables}
        for purpose in folder.purposes:
            if purpose.id in purposes:
                mistakes.add(
                    "duplicate_purpose",
                    f'the purpose "{purpose.id}" belongs to another module',
                    f"{folder.shown}/purposes.yaml",
                    1,
                )
            purposes[purpose.id] = purpose
        for role in folder.roles:
            if role.id in roles:
                mistakes.add(
                    "duplicate_role",
                    f'the role "{role.id}" belongs to another module: only add rules to it',
                    *_at(role.source),
                )
            roles[role.id] = role
        modules[folder.module.id] = msgspec.structs.replace(
            folder.module,
            purposes=folder.purposes,
            roles=folder.roles,
            entities=tuple(d.entity.name for d in folder.drafts),
            tables=tuple(t.name for t in folder.tables),
            menu=folder.pages.menu if folder.pages else None,
            messages=folder.messages,
        )
    return Model(version="", modules=modules, entities=entities, tables=tables, purposes=purposes, roles=roles)


def _at(source: Source) -> tuple[str, int]:
    """File and line."""
    return source.file, source.line


def _known_upper(model: Model) -> Model:
    """The model with broken `kind_of` chains cut, so that fields can be looked up while mistakes are collected."""
    entities = {}
    for name, entity in model.entities.items():
        seen, upper = {name}, entity.kind_of
        while upper is not None and upper in model.entities and upper not in seen:
            seen.add(upper)
            upper = model.entities[upper].kind_of
        entities[name] = entity if upper is None else msgspec.structs.replace(entity, kind_of=None)
    return msgspec.structs.replace(model, entities=entities)


def _with_conditions(model: Model, folders: list[Folder], mistakes: Mistakes) -> Model:
    """The model with required, visible, raise and checks."""
    safe = _known_upper(model)
    entities = dict(model.entities)
    for folder in folders:
        for draft in folder.drafts:
            if entities.get(draft.entity.name) is draft.entity:
                entities[draft.entity.name] = _finish(safe, draft, folder, mistakes)
    return msgspec.structs.replace(model, entities=entities)


def _reading(model: Model, file: str, mistakes: Mistakes) -> Conditions:
    """What reads conditions of one file."""
    return Conditions(model, lambda code, message, line: mistakes.add(code, message, file, line))


def _finish(model: Model, draft: Draft, folder: Folder, mistakes: Mistakes) -> Entity:
    """An entity with its conditions."""
    entity, pending = draft.entity, draft.pending
    reading = _reading(model, draft.reader.file, mistakes)
    fields: list[Field] = []
    for field in entity.fields:
        changes: dict[str, Any] = {}
        if field.id in pending.required:
            changes["required_when"] = reading.read(entity.name, pending.required[field.id])
        if field.id in pending.visible:
            changes["visible_when"] = reading.read(entity.name, pending.visible[field.id])
        if field.id in pending.raises:
            to, node = pending.raises[field.id]
            changes["raises"] = Raise(to, reading.read(entity.name, node))
        fields.append(msgspec.structs.replace(field, **changes) if changes else field)
    checks = tuple(_check(reader, reading, entity, folder) for reader in draft.checks)
    codes = [c.code for c in checks]
    for check in checks:
        if check.code and codes.count(check.code) > 1:
            mistakes.add("duplicate_check", f'the check "{check.code}" stands twice: rename one', *_at(check.source))
    return msgspec.structs.replace(entity, fields=tuple(fields), checks=checks)


def _check(reader: Reader, reading: Conditions, entity: Entity, folder: Folder) -> Check:
    """One check."""
    code = reader.text("code", required=True, pattern=r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*", form="<module>.<name>")
    reader.what = f'the check "{code}"'
    if code and code.partition(".")[0] != entity.module:
        reader.wrong(
            "other_module",
            f'"{code}" belongs to {entity.module}: call it {entity.module}.{code.partition(".")[2]}',
            reader.line_of("code"),
        )
    grade = reader.choice("grade", ("refuse", "confirm", "flag"), "refuse", required=True)
    if reader.has("when"):
        when = reading.read(entity.name, reader.items["when"])
    else:
        reader.wrong("missing", f'{reader.what} needs "when": what is true of a wrong row')
        when = Every(())
    message = reader.label("message", required=False)
    if not reader.has("message") and code not in folder.messages:
        reader.wrong(
            "no_message", f"{reader.what} has no sentence: add message: {{zh, en}}, or {code} to messages.yaml"
        )
    if reader.has("message") and code in folder.messages:
        reader.wrong(
            "two_messages",
            f"the sentence of {code} stands here and in messages.yaml: remove one",
            reader.line_of("message"),
        )
    return Check(
        code,
        grade,  # type: ignore[arg-type] # one of the grades
        when,
        message if reader.has("message") else folder.messages.get(code, message),
        reader.source("code"),
    )


def _with_rules(model: Model, folders: list[Folder], mistakes: Mistakes) -> Model:
    """The model with the default rules of all modules."""
    safe = _known_upper(model)
    modules = dict(model.modules)
    for folder in folders:
        assert folder.module is not None
        rules = []
        for reader in folder.rules:
            rule = _rule(reader, safe, mistakes)
            if rule is not None:
                rules.append(rule)
        check_rules(safe, rules, mistakes)
        modules[folder.module.id] = msgspec.structs.replace(modules[folder.module.id], rules=tuple(rules))
    return msgspec.structs.replace(model, modules=modules)


def _rule(reader: Reader, model: Model, mistakes: Mistakes) -> Rule | None:
    """One rule of roles.yaml."""
    role, entity = reader.text("role", required=True), reader.text("entity", required=True)
    if entity not in model.entities:
        if entity:
            reader.wrong(
                "unknown_entity", f'"{entity}" is no entity.{nearest(entity, model.entities)}', reader.line_of("entity")
            )
        return None
    node = reader.items.get("fields")
    fields: dict[str, str] = {}
    if node is not None:
        inner = Reader(node, reader.file, mistakes, "fields of a rule")
        fields = {name: inner.choice(name, ("hidden", "masked", "clear"), "hidden") for name in inner.items}
    where = None
    if reader.has("where"):
        where = _reading(model, reader.file, mistakes).read(entity, reader.items["where"])
    return Rule(
        role=role,
        entity=entity,
        actions=reader.texts("actions"),
        fields=fields,
        where=where,
        purpose=reader.text("purpose") or None,
        effect=reader.choice("effect", ("allow", "deny", "prohibit"), "allow"),  # type: ignore[arg-type] # one of them
        via=reader.text("via") or None,
        source=reader.source(),
    )


def _check_seed(model: Model, folder: Folder, mistakes: Mistakes) -> None:
    """Seed files name entities and their fields."""
    assert folder.module is not None
    for file in sorted((folder.path / "seed").glob("*.csv")):
        name = file.stem if "." in file.stem else f"{folder.module.id}.{file.stem}"
        shown = f"{folder.shown}/seed/{file.name}"
        if name not in model.entities:
            continue
        rows = read_csv(file, shown, mistakes)
        fields = {f.name for f in _known_upper(model).fields_of(name).values()} | {"id", "area"}
        for column in rows[0][1] if rows else ():
            if column not in fields:
                mistakes.add("seed_column", f'"{column}" is no field of {name}.{nearest(column, fields)}', shown, 1)


def version_of(model: Model) -> str:
    """The hash of the canonical content: independent of the order of files, comments and lines."""
    plain = msgspec.to_builtins(model, order="sorted")
    return hashlib.sha256(msgspec.json.encode(_without_sources(plain), order="sorted")).hexdigest()


def _without_sources(value: Any) -> Any:
    """A builtin value without places of declaration."""
    if isinstance(value, dict):
        return {k: _without_sources(v) for k, v in value.items() if k not in ("source", "folder")}
    return [_without_sources(item) for item in value] if isinstance(value, list | tuple) else value
