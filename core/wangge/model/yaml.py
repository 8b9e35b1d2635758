"""One YAML document with the line of every key and item. Plain scalars are text, numbers, true, false or null; no more."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from .mistakes import Mistakes

LARGEST = 1_000_000
DEEPEST = 40


class Node:
    """A value at a line: a scalar, a list of nodes, or a mapping of text to nodes."""

    __slots__ = ("keys", "line", "raw", "value")

    def __init__(self, value: Any, line: int, keys: dict[str, int] | None = None, raw: str | None = None) -> None:
        self.value = value
        self.line = line
        self.keys = keys or {}
        """mapping: the line of each key."""
        self.raw = raw
        """scalar: the text as it is written, so that `1.10` stays a version."""

    def plain(self) -> Any:
        """The value without lines."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc] # PyYAML's own choice of C or Python
    """The core schema of YAML 1.2: `yes`, `on`, `NO` and dates stay text."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012 # the class attribute that PyYAML reads


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$"),
    list("-+0123456789."),
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:null|~|)$"), ["n", "~", ""])


def read_yaml(path: Path, file: str, mistakes: Mistakes) -> Node | None:
    """The document of a file; None when it has a mistake that leaves nothing to read."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        mistakes.add("unreadable", f"the file cannot be read: {error.strerror}", file, 1)
        return None
    if len(raw) > LARGEST:
        mistakes.add("too_large", f"the file has {len(raw)} bytes; at most {LARGEST}: split it", file, 1)
        return None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        mistakes.add("not_utf8", "the file is not UTF-8: save it with the encoding UTF-8", file, line)
        return None
    return parse_yaml(text, file, mistakes)


def parse_yaml(text: str, file: str, mistakes: Mistakes) -> Node | None:
    """The document of a text."""
    loader = None
    try:
        if not _acceptable(text, file, mistakes):
            return None
        loader = _Loader(text)
        root = loader.get_single_node()
    except yaml.YAMLError as error:
        _syntax(error, text, file, mistakes)
        return None
    except (RecursionError, ValueError) as error:
        mistakes.add("syntax", f"this is not readable YAML: {error}", file, 1)
        return None
    finally:
        if loader is not None:
            loader.dispose()
    if root is None:
        mistakes.add("empty", "the file is empty: describe something or remove it", file, 1)
        return None
    return _node(root, file, mistakes, 0)


def _acceptable(text: str, file: str, mistakes: Mistakes) -> bool:
    """Whether the document has no aliases, tags and abysses; told before anything is built from it."""
    depth = 0
    events: Any = yaml.parse(text, Loader=_Loader)
    for event in events:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            mistakes.add("alias", "anchors and aliases are not allowed: write the value out", file, line)
            return False
        if getattr(event, "tag", None):
            mistakes.add("tag", f"the tag {event.tag} is not allowed: remove it", file, line)
            return False
        opens = isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent)
        depth += opens - isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent)
        if depth > DEEPEST:
            mistakes.add("too_deep", f"the file nests deeper than {DEEPEST} levels: flatten it", file, line)
            return False
    return True


def _syntax(error: yaml.YAMLError, text: str, file: str, mistakes: Mistakes) -> None:
    """A syntax error in one sentence."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = mark.line + 1 if mark is not None else 1
    what = getattr(error, "problem", None) or str(error).splitlines()[0]
    code, hint = "syntax", "check indentation, quotes and brackets"
    if "expected a single document" in str(error):
        code, what, hint = ("several_documents", "the file has several documents", "keep one and remove the `---`")
    elif any(row.lstrip(" ").startswith("\t") for row in text.split("\n")[max(0, line - 2) : line]):
        code, what, hint = "tab", "a line is indented with a tab", "indent with spaces"
    mistakes.add(code, f"{what}: {hint}", file, line)


def _node(node: yaml.Node, file: str, mistakes: Mistakes, depth: int) -> Node:
    """A PyYAML node as ours."""
    line = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        return Node([_node(item, file, mistakes, depth + 1) for item in node.value], line)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, file, mistakes, depth)
    return Node(_scalar(node), line, raw=str(node.value))


def _mapping(node: yaml.MappingNode, file: str, mistakes: Mistakes, depth: int) -> Node:
    """A mapping; a key that stands twice is a mistake."""
    found: dict[str, Node] = {}
    keys: dict[str, int] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            mistakes.add("key", "a key is a plain word", file, line)
            continue
        key = str(key_node.value)
        if key in found:
            mistakes.add(
                "duplicate_key", f'"{key}" stands twice here, first on line {keys[key]}: remove one', file, line
            )
            continue
        found[key] = _node(value_node, file, mistakes, depth + 1)
        keys[key] = line
    return Node(found, node.start_mark.line + 1, keys)


def _scalar(node: yaml.Node) -> Any:
    """The value of a scalar."""
    text = str(node.value)
    kind = node.tag.rpartition(":")[2]
    if kind == "bool":
        return text == "true"
    if kind == "int":
        return int(text) if len(text) <= 30 else text
    if kind == "float":
        return float(text)
    return None if kind == "null" else text
