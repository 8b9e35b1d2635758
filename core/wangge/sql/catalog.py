"""What the compiler asks of a model: which table holds a field, how the alias of that table is joined, which kinds exist."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..model import names
from ..model.types import Entity, Field, Model
from ..values import Label

Hash = Callable[[str, str, str], bytes]
"""(entity, field id, value) -> the keyed hash under which a sealed value is stored."""

SYSTEM = {
    "id": "id",
    "revision": "revision",
    "createdAt": "created_at",
    "updatedAt": "updated_at",
    "removedAt": "removed_at",
    "createdBy": "created_by",
}
"""implicit field -> column."""
UPPER_ONLY = frozenset(("revision", "createdAt", "updatedAt", "createdBy"))
AREA = "wangge.area"
UNIT = "wangge.unit"


def implicit_ref(name: str, target: str) -> Field:
    """The field object of an implicit reference (`area`, `district`, `unit`)."""
    texts = {"area": ("管辖区域", "Area"), "district": ("所属区(县)", "District"), "unit": ("所属机构", "Unit")}
    return Field(id=name, name=name, kind="ref", label=Label(*texts[name]), to=(target,), sensitivity="public")


class Catalog:
    """A model prepared for compiling; one per model version, shared by all requests."""

    def __init__(self, model: Model, hash_of: Hash | None = None) -> None:
        self.model = model
        self.hash_of = hash_of
        self._fields: dict[str, Mapping[str, Field]] = {}
        self._by_name: dict[str, Mapping[str, Field]] = {}
        self._kinds: dict[str, tuple[str, ...]] = {}

    def entity(self, name: str) -> Entity:
        """The entity by its full name."""
        return self.model.entities[name]

    def fields(self, entity: str) -> Mapping[str, Field]:
        """Field id -> field, inherited and implicit references included."""
        found = self._fields.get(entity)
        if found is None:
            own = dict(self.model.fields_of(entity))
            for name, target in self.implicit(entity).items():
                own.setdefault(name, implicit_ref(name, target))
            found = self._fields[entity] = own
        return found

    def implicit(self, entity: str) -> Mapping[str, str]:
        """The implicit references of an entity: `area` and `district`, or `unit`."""
        scope = self.model.root_scope(entity).kind
        if scope in ("area", "parent", "through"):
            return {"area": AREA, "district": AREA}
        return {"unit": UNIT} if scope == "unit" else {}

    def field(self, entity: str, field_id: str) -> Field:
        """A field by id; KeyError for a system column."""
        return self.fields(entity)[field_id]

    def kinds(self, entity: str) -> tuple[str, ...]:
        """The concrete entities behind a name: itself, or, when others are a kind of it, all of those by name."""
        found = self._kinds.get(entity)
        if found is None:
            below: list[str] = []
            for kind in self.model.kinds_of(entity):
                below.extend(self.kinds(kind))
            found = self._kinds[entity] = tuple(below) or (entity,)
        return found

    def is_upper(self, entity: str) -> bool:
        """Whether other entities are a kind of this one."""
        return bool(self.model.kinds_of(entity))

    def chain(self, entity: str) -> tuple[Entity, ...]:
        """The tables of one row, own first."""
        return self.model.chain(entity)

    def level_of(self, entity: str, field_id: str) -> int:
        """Index in `chain` of the table that holds a field or system column."""
        chain = self.chain(entity)
        if field_id in UPPER_ONLY:
            return len(chain) - 1
        if field_id in SYSTEM or field_id in self.implicit(entity):
            return 0
        owner = self.field(entity, field_id).owner or entity
        return next(i for i, e in enumerate(chain) if e.name == owner)

    def column(self, entity: str, field_id: str) -> str:
        """The quoted column, or the stem of the columns, of a field."""
        if field_id in SYSTEM:
            return names.quote(SYSTEM[field_id])
        if field_id in self.implicit(entity):
            return names.quote(f"{field_id}_id")
        return names.quote(names.column(self.field(entity, field_id)))

    def searched(self, entity: str) -> tuple[str, ...]:
        """The ids of the texts in which `search` looks: its own list, else that of what it is a kind of."""
        named = next((level.search for level in self.chain(entity) if level.search), ())
        fields = self.fields(entity)
        return tuple(name for name in named if fields[name].expression is None and fields[name].inputs is None)

    def side_table(self, entity: str, field: Field) -> str:
        """The part or link table of a field."""
        return names.side_table(self.entity(field.owner or entity), field)

    def required(self, entity: str, field_id: str) -> bool:
        """Whether the column is never null."""
        if field_id in SYSTEM or field_id in self.implicit(entity):
            return field_id in ("id", "revision", "createdAt", "updatedAt")
        return self.field(entity, field_id).required
