"""The files that a module has one of: purposes.yaml, pages.yaml, messages.yaml, settings.yaml."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..values import Label, Purpose
from .mistakes import Mistakes
from .module_draft import ModuleDraft, shown
from .reader import Reader
from .sentences import read_sentence
from .types import Menu, Page, Source
from .words import LOCAL_NAME
from .yaml import read_yaml

PAGE_KINDS = ("list", "form", "card", "map", "markdown")
SETTINGS = ("type", "title", "description", "properties", "required", "additionalProperties", "$schema", "$defs")
BASES = ("duty", "consent", "separate_consent", "contract", "emergency", "public_interest", "disclosed", "other_law")


def read_root(
    draft: ModuleDraft, name: str, what: str, keys: Iterable[str] | None, mistakes: Mistakes
) -> Reader | None:
    """The mapping of a file of the module; None when there is no such file."""
    path = draft.folder / name
    if not path.is_file():
        return None
    node = read_yaml(path, shown(path), mistakes)
    if node is None or not isinstance(node.value, dict) or set(node.value) - set(keys or node.value):
        draft.unread.add(name)
    return None if node is None else Reader(node, shown(path), mistakes, what, keys)


def read_purposes(draft: ModuleDraft, mistakes: Mistakes) -> None:
    """purposes.yaml."""
    reader = read_root(draft, "purposes.yaml", "purposes.yaml", ("purposes",), mistakes)
    for each in reader.each("purposes", "a purpose", "id zh en basis law retention roles".split()) if reader else ():
        id_ = each.text("id", required=True, pattern=LOCAL_NAME, form="small letters, like dog_registration")
        each.what = f'the purpose "{id_}"'
        label = Label(each.text("zh", required=True), each.text("en", required=True))
        basis = each.choice("basis", BASES, "duty", required=True)
        law = each.text("law", required=True)
        made = Purpose(id_, label, basis, law, each.duration("retention", required=True), each.texts("roles"))
        if id_:
            draft.purposes.append((made, each))
    if reader is not None and len(draft.purposes) != len(reader.nodes_quietly("purposes")):
        draft.unread.add("purposes.yaml")


def read_pages(draft: ModuleDraft, mistakes: Mistakes) -> None:
    """pages.yaml."""
    reader = read_root(draft, "pages.yaml", "pages.yaml", ("menu", "pages"), mistakes)
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


def read_messages(draft: ModuleDraft, mistakes: Mistakes) -> None:
    """messages.yaml: code -> zh and en."""
    reader = read_root(draft, "messages.yaml", "messages.yaml", ("messages",), mistakes)
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
        draft.messages[code] = read_sentence(below, code, f'"{code}"')
        draft.message_lines[code] = Source(below.file, line)


def read_settings(draft: ModuleDraft, mistakes: Mistakes) -> None:
    """settings.yaml: a JSON Schema of an object."""
    reader = read_root(draft, "settings.yaml", "settings.yaml", None, mistakes)
    if reader is None or not reader.ok:
        return
    if reader.text("type", "object") != "object":
        reader.wrong("settings", "settings.yaml is a JSON Schema of type object", reader.line_of("type"))
    reader.only(SETTINGS)
    properties = reader.get("properties", dict, {})
    for name, node in properties.items():
        Reader(node, reader.file, mistakes, f'the setting "{name}"')
    draft.settings = {key: node.plain() for key, node in reader.items.items()}
