"""A module's manifest, purposes, pages, messages and roles; the rules of `roles.yaml` are read when all is known."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ..values import Label, Purpose
from .mistakes import Mistakes
from .reader import Reader
from .types import Menu, Module, Page, Role
from .yaml import Node

MODULE_KEYS = "id version label description requires optional reads writes purposes actions settings jobs".split()
PAGE_KINDS = ("list", "form", "card", "map", "markdown")
ID = r"[a-z][a-z0-9_]*"
SEMANTIC = r"(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-[0-9A-Za-z.-]+)?"
REQUIREMENT = re.compile(rf"({ID})(?:\s*(>=)\s*(\d+(?:\.\d+)*))?")
LONGEST_ID = 40
BASES = ("consent", "contract", "duty", "emergency", "public_interest", "disclosed", "other_law")


def read_module(node: Node, file: str, folder: str, mistakes: Mistakes) -> Module | None:
    """The manifest."""
    reader = Reader(node, file, mistakes, "a module", MODULE_KEYS)
    if not reader.ok:
        return None
    name = reader.text("id", required=True, pattern=ID, form="small letters, digits and _")
    if name and name != folder:
        reader.wrong(
            "module_folder",
            f'the module "{name}" stands in the folder "{folder}": give both one name',
            reader.line_of("id"),
        )
    if len(name) > LONGEST_ID:
        reader.wrong("name_too_long", f'"{name}" is longer than {LONGEST_ID} characters', reader.line_of("id"))
    requires = reader.texts("requires")
    for one in requires:
        if not REQUIREMENT.fullmatch(one):
            reader.wrong(
                "requirement", f'"{one}" is no requirement: write base or base >= 1.2', reader.line_of("requires")
            )
    return Module(
        id=name or folder,
        version=reader.text("version", "0.0.0", required=True, pattern=SEMANTIC, form="a semantic version, like 1.0.0"),
        label=reader.label(),
        requires=requires,
        optional=reader.texts("optional"),
        reads=reader.texts("reads"),
        writes=reader.texts("writes"),
        uses_purposes=reader.texts("purposes"),
        source=reader.source("id"),
    )


def read_purposes(node: Node, file: str, mistakes: Mistakes) -> tuple[Purpose, ...]:
    """The purposes that a module adds."""
    reader = Reader(node, file, mistakes, "purposes.yaml", ("purposes",))
    found: dict[str, Purpose] = {}
    for one in reader.each("purposes", "a purpose", ("id", "zh", "en", "basis", "law", "retention", "roles")):
        name = one.text("id", required=True, pattern=ID, form="small letters, digits and _")
        one.what = f'the purpose "{name}"'
        if name in found:
            one.wrong("duplicate_purpose", f'the purpose "{name}" stands twice: remove one')
        label = Label(one.text("zh", required=True), one.text("en", required=True))
        basis = one.choice("basis", BASES, "duty", required=True)
        law, keep = one.text("law", required=True), one.duration("retention", required=True)
        found[name] = Purpose(name, label, basis, law, keep, one.texts("roles"))
    return tuple(found.values())


def read_roles(reader: Reader) -> tuple[Role, ...]:
    """The roles that a module declares."""
    found: dict[str, Role] = {}
    for one in reader.each("roles", "a role", ("id", "zh", "en", "inherits")):
        name = one.text("id", required=True, pattern=ID, form="small letters, digits and _")
        one.what = f'the role "{name}"'
        if name in found:
            one.wrong("duplicate_role", f'the role "{name}" stands twice: remove one')
        label = Label(one.text("zh", required=True), one.text("en", required=True))
        found[name] = Role(name, label, one.texts("inherits"), one.source("id"))
    return tuple(found.values())


class PageDraft(msgspec.Struct, frozen=True):
    """A menu and the places of its pages, for the check of their entities."""

    menu: Menu
    readers: list[Any]


def read_pages(node: Node, file: str, mistakes: Mistakes) -> PageDraft:
    """The menu entry and the pages."""
    reader = Reader(node, file, mistakes, "pages.yaml", ("menu", "pages"))
    menu = reader.below("menu", "menu", ("group", "order", "icon"))
    readers = reader.each("pages", "a page", ("id", "kind", "entity", "label", "text"))
    pages: dict[str, Page] = {}
    for one in readers:
        name = one.text("id", required=True, pattern=r"[a-z][a-z0-9_-]*", form="small letters, digits, - and _")
        one.what = f'the page "{name}"'
        if name in pages:
            one.wrong("duplicate_page", f'the page "{name}" stands twice: remove one')
        kind = one.choice("kind", PAGE_KINDS, "list", required=True)
        if kind != "markdown" and not one.has("entity"):
            one.wrong("missing", f'{one.what} needs "entity"')
        pages[name] = Page(name, kind, one.label(), one.text("entity") or None, one.text("text") or None)
    group = menu.label("group") if menu is not None and menu.ok else Label("", "")
    order = menu.get("order", int, 100) if menu is not None else 100
    icon = menu.text("icon") if menu is not None else ""
    return PageDraft(Menu(group, order, icon, tuple(pages.values())), readers)


def read_messages(node: Node, file: str, mistakes: Mistakes) -> dict[str, Label]:
    """The sentences of a module's codes."""
    reader = Reader(node, file, mistakes, "messages.yaml", ("messages",))
    inner = reader.below("messages", "messages", ()) if reader.ok else None
    if inner is None:
        return {}
    found = {}
    for code, item in (node.value["messages"].value or {}).items():
        one = Reader(item, file, mistakes, f'the message "{code}"', ("zh", "en"))
        texts = [one.text(language) for language in ("zh", "en")]
        if one.ok and not all(texts):
            one.wrong("missing_language", f'the message "{code}" needs zh and en')
        found[code] = Label(*texts)
    mistakes.found[:] = [
        m for m in mistakes.found if not (m.code == "schema.unknown_key" and m.message.startswith("messages has"))
    ]
    return found
