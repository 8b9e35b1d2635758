"""The published JSON Schema takes the real files and refuses slips that a shape can show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wangge.model.jsonschema import json_schemas
from wangge.model.mistakes import Mistakes
from wangge.model.types import FIELD_KINDS
from wangge.model.yaml import parse_yaml, read_yaml

from .sample import DOGS, REAL

TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "number": (int, float),
    "integer": int,
    "boolean": bool,
}
KINDS = {"entities": "entity", "tables": "table"}


def errors(value: Any, schema: dict[str, Any], root: dict[str, Any], path: str = "$") -> Iterator[str]:
    """What a value breaks of a schema: the keywords of draft 2020-12 that ours use."""
    if "$ref" in schema:
        yield from errors(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root, path)
    wanted = schema.get("type")
    if wanted is not None:
        names = wanted if isinstance(wanted, list) else [wanted]
        if not any(isinstance(value, TYPES[n]) and (n == "boolean") == isinstance(value, bool) for n in names):
            yield f"{path}: not {wanted}"
            return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: {value} is none of {schema['enum']}"
    if "const" in schema and value != schema["const"]:
        yield f"{path}: not {schema['const']}"
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{path}: {value} is not like {schema['pattern']}"
    if isinstance(value, str | list | dict):
        sizes = {"minLength": str, "minItems": list, "minProperties": dict}
        for key, type_ in sizes.items():
            if isinstance(value, type_) and len(value) < schema.get(key, 0):
                yield f"{path}: too short"
            if isinstance(value, type_) and len(value) > schema.get(key.replace("min", "max"), 10**9):
                yield f"{path}: too long"
    if isinstance(value, int | float) and value < schema.get("minimum", value):
        yield f"{path}: too small"
    yield from _inside(value, schema, root, path)
    for inner in schema.get("allOf", ()):
        yield from errors(value, inner, root, path)
    if "anyOf" in schema and all(any(errors(value, s, root, path)) for s in schema["anyOf"]):
        yield f"{path}: none of anyOf"
    if "if" in schema and not any(errors(value, schema["if"], root, path)):
        yield from errors(value, schema["then"], root, path)


def _inside(value: Any, schema: dict[str, Any], root: dict[str, Any], path: str) -> Iterator[str]:
    """The members of objects and lists."""
    if isinstance(value, list) and "items" in schema:
        for n, item in enumerate(value):
            yield from errors(item, schema["items"], root, f"{path}[{n}]")
    if not isinstance(value, dict):
        return
    for key in schema.get("required", ()):
        if key not in value:
            yield f"{path}: {key} is missing"
    known = schema.get("properties", {})
    for key, item in value.items():
        if key in known:
            yield from errors(item, known[key], root, f"{path}.{key}")
        elif schema.get("additionalProperties") is False:
            yield f"{path}: {key} is unknown"
        elif isinstance(schema.get("additionalProperties"), dict):
            yield from errors(item, schema["additionalProperties"], root, f"{path}.{key}")


def files() -> list[tuple[str, Path]]:
    """(schema, file) of all real YAML files."""
    found = []
    for folder in [*REAL, DOGS]:
        for path in sorted(folder.rglob("*.yaml")):
            found.append((KINDS.get(path.parent.name, path.stem), path))
    return found


@pytest.mark.parametrize(
    ("kind", "path"), files(), ids=lambda v: v if isinstance(v, str) else f"{v.parent.parent.name}/{v.name}"
)
def test_the_real_files_are_valid(kind: str, path: Path) -> None:
    mistakes = Mistakes()
    node = read_yaml(path, path.name, mistakes)
    assert node is not None
    schema = json_schemas()[kind]
    assert list(errors(node.plain(), schema, schema)) == []


def test_every_kind_of_field_is_described() -> None:
    definitions = json_schemas()["entity"]["$defs"]
    assert {f"field_{kind}" for kind in FIELD_KINDS} <= set(definitions)


FIELD = "{name: a, type: integer, label: {zh: 甲, en: A}}"
HEAD = "entity: a.b\ntype: B\nplural: bs\nlabel: {zh: 乙, en: B}\nscope: city\n"


@pytest.mark.parametrize(
    "text",
    [
        HEAD.replace("plural: bs\n", "") + f"fields: [{FIELD}]",
        HEAD.replace(", en: B", "") + f"fields: [{FIELD}]",
        HEAD + f"fields: [{FIELD.replace('integer', 'int')}]",
        HEAD + f"fields: [{FIELD.replace('integer', 'integer, multiline: true')}]",
        HEAD + f"fields: [{FIELD.replace('integer', 'enum')}]",
        HEAD + f"fields: [{FIELD.replace('name: a', 'name: A')}]",
        HEAD + f"fields: [{FIELD}]\nchecks: [{{code: a.c, grade: warn, when: {{}}}}]",
        HEAD + f"fields: [{FIELD}]\nlayouts: {{}}",
        HEAD.replace("city", "{parents: a}") + f"fields: [{FIELD}]",
    ],
)
def test_a_slip_is_refused(text: str) -> None:
    schema = json_schemas()["entity"]
    right = parse_yaml(HEAD + f"fields: [{FIELD}]", "right.yaml", Mistakes())
    wrong = parse_yaml(text, "wrong.yaml", Mistakes())
    assert right is not None
    assert wrong is not None
    assert list(errors(right.plain(), schema, schema)) == []
    assert list(errors(wrong.plain(), schema, schema)) != []
