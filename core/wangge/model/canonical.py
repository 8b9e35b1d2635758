"""The version of a model: a hash of what it says, whatever the order of files, comments and lines."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from .types import Model, Module, Source


def version_of(model: Model) -> str:
    """SHA-256 (hex) of the canonical content."""
    content = {
        "modules": model.modules,
        "entities": model.entities,
        "tables": model.tables,
        "purposes": model.purposes,
        "roles": model.roles,
    }
    return hashlib.sha256(msgspec.json.encode(_plain(content), order="sorted")).hexdigest()


def _plain(value: Any) -> Any:
    """Structs as name and fields, without sources and folders; sets and mappings sorted by the encoder."""
    if isinstance(value, msgspec.Struct):
        made: dict[str, Any] = {"": type(value).__name__}
        for name in value.__struct_fields__:
            item = getattr(value, name)
            if not isinstance(item, Source) and not (name == "folder" and isinstance(value, Module)):
                made[name] = _plain(item)
        return made
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
