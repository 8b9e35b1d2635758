"""A module that is YAML only, with one field of every kind: written into a folder, so that its names can change."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ALL = "list get list_removed create update remove restore".split()


def label(text: str) -> dict[str, str]:
    """One text in both languages."""
    return {"zh": text, "en": text}


def write_zoo(folder: Path, fields: Sequence[Mapping[str, Any]]) -> Path:
    """The folder of the module `zoo` whose animals have `fields`."""
    home = folder / "zoo"
    (home / "entities").mkdir(parents=True, exist_ok=True)
    (home / "tables").mkdir(exist_ok=True)
    _write(home / "module.yaml", {"id": "zoo", "version": "1.0.0", "label": label("动物园"), "requires": ["base"]})
    _write(home / "entities" / "animal.yaml", _entity("animal", "ZooAnimal", "zooAnimals", fields, scope="area"))
    keeper: list[dict[str, Any]] = [
        {"name": "name", "type": "text", "required": True, "label": label("名")},
        {"name": "animals", "type": "children", "to": "zoo.animal", "inverse": "ref1", "label": label("动物")},
    ]
    _write(home / "entities" / "keeper.yaml", _entity("keeper", "ZooKeeper", "zooKeepers", keeper, scope="area"))
    cub: list[dict[str, Any]] = [
        {"name": "name", "type": "text", "required": True, "label": label("名")},
        {"name": "animal", "type": "ref", "to": "zoo.animal", "required": True, "label": label("动物")},
    ]
    _write(home / "entities" / "cub.yaml", _entity("cub", "ZooCub", "zooCubs", cub, scope={"parent": "animal"}))
    rules: list[dict[str, Any]] = [
        {"role": "city_admin", "entity": f"zoo.{name}", "actions": ALL, "fields": {"*": "clear"}}
        for name in ("animal", "keeper", "cub")
    ]
    enum, text = (next((f["name"] for f in fields if f["type"] == kind), "") for kind in ("enum", "text"))
    partly = {"role": "district_admin", "entity": "zoo.animal", "actions": ["list", "get"]}
    if enum and text:
        rules.append({**partly, "fields": {"*": "clear"}, "where": {enum: {"eq": "ALPHA"}}})
        rules.append({**partly, "fields": {text: "clear", enum: "clear"}, "where": {enum: {"ne": "ALPHA"}}})
    rules.append({**partly, "entity": "zoo.keeper", "fields": {"*": "clear"}, "where": {"name": {"ne": "hidden"}}})
    rules.append({"role": "city_admin", "entity": "wangge.file", "actions": ["list", "get"], "fields": {"*": "clear"}})
    _write(home / "roles.yaml", {"rules": rules})
    table = {"label": label("毛色"), "authority": "动物园", "version": "1", "districts": "closed"}
    _write(home / "tables" / "coat.yaml", table)
    (home / "tables" / "coat.csv").write_text(
        "code,parent,zh,en\nA,,甲,First\nA-1,A,甲一,First one\nB,,乙,Second\n", encoding="utf-8"
    )
    return home


def _entity(name: str, type_: str, plural: str, fields: Sequence[Mapping[str, Any]], *, scope: Any) -> dict[str, Any]:
    return {
        "entity": f"zoo.{name}",
        "type": type_,
        "plural": plural,
        "label": label(type_),
        "scope": scope,
        "fields": fields,
    }


def _write(path: Path, content: Mapping[str, Any]) -> None:
    """JSON is YAML."""
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
