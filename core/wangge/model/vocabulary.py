"""What conditions, layouts and rules may name: the fields of an entity, implicit ones included, by id or present name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from ..values import Label
from .types import CodeTable, Field, Model

if TYPE_CHECKING:
    from .lost import Lost

AREA = "wangge.area"
UNIT = "wangge.unit"
FILE = "wangge.file"


def _system(name: str, kind: str) -> Field:
    return Field(id=name, name=name, kind=kind, label=Label(name, name), sensitivity="public")


SYSTEM: Mapping[str, Field] = MappingProxyType(
    {
        "id": _system("id", "id"),
        "revision": _system("revision", "integer"),
        "createdAt": _system("createdAt", "datetime"),
        "createdBy": _system("createdBy", "id"),
        "updatedAt": _system("updatedAt", "datetime"),
        "removedAt": _system("removedAt", "datetime"),
    }
)
"""The implicit fields of every row; `id` is the kind of ids."""
PLACES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"area": ("area", "district"), "parent": ("area", "district"), "through": ("area", "district"), "unit": ("unit",)}
)
"""scope kind -> implicit references."""


class Vocabulary:
    """Lookups of one model, remembered."""

    def __init__(self, model: Model, lost: Lost | None = None) -> None:
        self.model = model
        self.lost = lost
        self._fields: dict[str, Mapping[str, Field]] = {}
        self._types = {entity.type: name for name, entity in model.entities.items()}

    def gone(self, name: str) -> bool:
        """Whether an entity or code table is unknown only because its file is broken."""
        return self.lost is not None and self.lost.has(name)

    def partial(self, entity: str | None) -> bool:
        """Whether an entity may have more fields than are known."""
        return self.lost is not None and (entity in self.lost.partial or self.lost.has(entity or ""))

    def unread(self, file: str) -> bool:
        """Whether some module's `roles.yaml` or `purposes.yaml` is broken."""
        return self.lost is not None and file in self.lost.files

    def fields(self, entity: str) -> Mapping[str, Field]:
        """Field id -> field: own, inherited, and the implicit references; {} for an unknown entity."""
        if entity not in self._fields:
            self._fields[entity] = self._collect(entity)
        return self._fields[entity]

    def _collect(self, entity: str) -> Mapping[str, Field]:
        if entity not in self.model.entities:
            return {}
        found = dict(self.model.fields_of(entity))
        for name in PLACES.get(self.model.root_scope(entity).kind, ()):
            to = (UNIT,) if name == "unit" else (AREA,)
            found.setdefault(name, Field(id=name, name=name, kind="ref", label=Label(name, name), to=to))
        return found

    def named(self, fields: Mapping[str, Field], name: str) -> Field | None:
        """The field of a present name, else of an id."""
        return next((f for f in fields.values() if f.name == name), fields.get(name))

    def entity_of_type(self, type_: str) -> str | None:
        """The entity of a GraphQL type."""
        return self._types.get(type_)

    def type_of(self, entity: str) -> str:
        """The GraphQL type of an entity."""
        found = self.model.entities.get(entity)
        return found.type if found else entity

    def table(self, field: Field) -> CodeTable | None:
        """The code table of a code field."""
        return self.model.tables.get(field.table)
