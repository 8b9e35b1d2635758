"""Typed reading of a YAML mapping: every wrong key, type or missing part becomes a mistake with its line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from ..values import Label
from .mistakes import Mistakes, nearest
from .types import Source
from .yaml import Node

WORDS = {dict: "a mapping", list: "a list", str: "text", bool: "true or false", int: "a whole number"}
DURATION = re.compile(r"P(?=.)(?:\d+Y)?(?:\d+M)?(?:\d+W)?(?:\d+D)?(?:T(?=.)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?")


class Reader:
    """One mapping of a file; what is read from it is right or noted as a mistake."""

    def __init__(
        self, node: Node, file: str, mistakes: Mistakes, what: str, allowed: Iterable[str] | None = None
    ) -> None:
        self.file = file
        self.mistakes = mistakes
        self.what = what
        self.line = node.line
        self.ok = isinstance(node.value, dict)
        self.items: dict[str, Node] = node.value if self.ok else {}
        self.keys = node.keys
        if not self.ok:
            self.wrong("type", f"{what} is a mapping of keys and values", node.line)
        elif allowed is not None:
            self.only(allowed)

    def only(self, allowed: Iterable[str]) -> None:
        """Note the keys that nobody knows."""
        known = set(allowed)
        for key in self.items:
            if key not in known:
                self.wrong("unknown_key", f'{self.what} has no key "{key}".{nearest(key, known)}', self.keys[key])

    def wrong(self, code: str, message: str, line: int | None = None) -> None:
        """Note a mistake."""
        self.mistakes.add(code, message, self.file, line or self.line)

    def line_of(self, key: str) -> int:
        """The line of a key, or of the mapping."""
        return self.keys.get(key, self.line)

    def item_line(self, key: str, text: str) -> int:
        """The line of an item of a list of texts, or of its key."""
        node = self.items.get(key)
        items = node.value if node is not None and isinstance(node.value, list) else []
        return next((item.line for item in items if (item.raw or "").split(">=")[0].strip() == text), self.line_of(key))

    def source(self, key: str | None = None) -> Source:
        """Where this stands."""
        return Source(self.file, self.line_of(key) if key else self.line)

    def has(self, key: str) -> bool:
        """Whether the key is given."""
        return key in self.items

    def has_list(self, key: str) -> bool:
        """Whether a list is given."""
        return key in self.items and isinstance(self.items[key].value, list)

    def get(self, key: str, type_: type, default: Any = None, *, required: bool = False) -> Any:
        """The value of a key, of a type."""
        node = self.items.get(key)
        if node is None:
            if required:
                self.wrong("missing", f'{self.what} needs "{key}"')
            return default
        value = node.value
        right = isinstance(value, type_) and not (type_ is int and isinstance(value, bool))
        if not right:
            shown = "" if isinstance(value, dict | list) else f', not "{node.raw}"' if node.raw else ", but it is empty"
            self.wrong(
                "type", f'"{key}" of {self.what} is {WORDS.get(type_, type_.__name__)}{shown}', self.line_of(key)
            )
            return default
        return value

    def text(
        self, key: str, default: str = "", *, required: bool = False, pattern: str | None = None, form: str = ""
    ) -> str:
        """A text; numbers that stand where text is meant are taken as they are written."""
        node = self.items.get(key)
        if node is not None and isinstance(node.value, int | float) and not isinstance(node.value, bool):
            value = str(node.raw)
        else:
            value = self.get(key, str, default, required=required)
        if (
            node is not None
            and isinstance(value, str)
            and pattern
            and value != default
            and not re.fullmatch(pattern, value)
        ):
            self.wrong("form", f'"{value}" is not a valid {key} of {self.what}: {form or pattern}', self.line_of(key))
            return default
        if node is not None and value == "" and required:
            self.wrong("missing", f'"{key}" of {self.what} is empty', self.line_of(key))
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        """true or false."""
        return bool(self.get(key, bool, default))

    def choice(self, key: str, choices: Iterable[str], default: str, *, required: bool = False) -> str:
        """One of several words."""
        value = self.text(key, default, required=required)
        known = tuple(choices)
        if self.has(key) and value not in known:
            self.wrong("choice", f'"{value}" is no {key} of {self.what}.{nearest(value, known)}', self.line_of(key))
            return default
        return value

    def nodes(self, key: str) -> list[Node]:
        """The items of a list."""
        found: list[Node] = self.get(key, list, [])
        return found

    def nodes_quietly(self, key: str) -> list[Node]:
        """The items of a list, without a mistake when there is none."""
        return list(self.items[key].value) if self.has_list(key) else []

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; one text stands for a list of it where `to:` allows both."""
        found: list[str] = []
        for node in self.nodes(key):
            if isinstance(node.value, str | int | float) and not isinstance(node.value, bool):
                found.append(str(node.raw))
            else:
                self.wrong("type", f'an item of "{key}" of {self.what} is text', node.line)
        return tuple(found)

    def label(self, key: str = "label", *, required: bool = True) -> Label:
        """`{zh, en}`, both."""
        node = self.items.get(key)
        if node is None:
            if required:
                self.wrong("missing_label", f"{self.what} needs {key}: {{zh: ..., en: ...}}")
            return Label("", "")
        reader = Reader(node, self.file, self.mistakes, f"{key} of {self.what}", ("zh", "en"))
        texts = []
        for language in ("zh", "en"):
            text = reader.text(language)
            if reader.ok and not text.strip():
                self.wrong(
                    "missing_language",
                    f'{key} of {self.what} has no "{language}": every text is in zh and en',
                    node.line,
                )
            texts.append(text)
        return Label(*texts)

    def duration(self, key: str, *, required: bool = False) -> str:
        """An ISO 8601 duration."""
        value = self.text(key, required=required)
        if value and not DURATION.fullmatch(value):
            self.wrong("duration", f'"{value}" is no ISO 8601 duration: write P5Y, P30D, PT24H', self.line_of(key))
            return ""
        return value

    def below(self, key: str, what: str, allowed: Iterable[str]) -> Reader | None:
        """A mapping under a key."""
        node = self.items.get(key)
        return None if node is None else Reader(node, self.file, self.mistakes, what, allowed)

    def each(self, key: str, what: str, allowed: Sequence[str]) -> list[Reader]:
        """The mappings of a list."""
        return [r for r in (Reader(n, self.file, self.mistakes, what, allowed) for n in self.nodes(key)) if r.ok]
