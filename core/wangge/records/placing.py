"""Where a row lies: its area or unit, given, derived from what it refers to, or that of who creates it (PERMISSIONS.md 1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from ..model import names
from ..model.types import Field, Model
from ..policy.scope import Form, Grant, Scope
from .outcome import Fault
from .statements import WITH_AREAS

AREA_BY_ID = "SELECT id, ord, district_id, code FROM wangge.area WHERE id = ANY($1::uuid[]) AND removed_at IS NULL"
UNIT_BY_ID = "SELECT id, ord FROM wangge.unit WHERE id = ANY($1::uuid[]) AND removed_at IS NULL"


class Place(msgspec.Struct, frozen=True):
    """The scope columns of a row."""

    area_id: UUID | None = None
    area_ord: int | None = None
    district_id: UUID | None = None
    unit_id: UUID | None = None
    unit_ord: int | None = None

    def columns(self) -> dict[str, Any]:
        """Column -> value."""
        return {name: getattr(self, name) for name in self.__struct_fields__}


class Places:
    """Finds the places of rows; one per model."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._derives: dict[str, tuple[str, ...]] = {}

    def derives(self, entity: str) -> tuple[str, ...]:
        """The ids of the fields that a row's place follows: the parent, or the references that give an area when none is given."""
        found = self._derives.get(entity)
        if found is None:
            found = self._derives[entity] = self._derive(entity)
        return found

    def _derive(self, entity: str) -> tuple[str, ...]:
        scope = self._model.root_scope(entity)
        if scope.kind == "parent":
            return scope.fields[:1]
        if scope.kind != "area":
            return ()
        fields = self._model.fields_of(entity).values()
        refs = [f for f in fields if f.kind == "ref" and len(f.to) == 1 and not f.computed and self._gives_area(f)]
        return tuple(f.id for f in sorted(refs, key=lambda f: f.to[0] == "wangge.area"))

    def _gives_area(self, field: Field) -> bool:
        """Whether the target lies in exactly one area; the core's own objects, areas aside, say nothing of a row's place."""
        target = field.to[0]
        if target == "wangge.area":
            return True
        if target.startswith("wangge.") or target not in self._model.entities:
            return False
        return self._model.root_scope(target).kind in ("area", "parent")

    def is_derived(self, entity: str, values: Mapping[str, Any], given: Mapping[str, UUID]) -> bool:
        """Whether the place is that of another row, which may move meanwhile."""
        if self._model.root_scope(entity).kind != "parent" and "area" in given:
            return False
        fields = self._model.fields_of(entity)
        return any(
            values.get(name) is not None and fields[name].to[0] != "wangge.area" for name in self.derives(entity)
        )

    async def find(
        self, reader: Any, scope: Scope | None, entity: str, values: Mapping[str, Any], given: Mapping[str, UUID]
    ) -> Place:
        """The place of a row with these values; `given` holds `area` or `unit` of the input. Raises Fault.

        Inside a transaction the row that it is derived from is locked: it cannot move before this one is stored.
        """
        kind = self._model.root_scope(entity).kind
        if kind == "unit":
            return await self._unit(reader, given.get("unit") or (scope.home_unit if scope else None))
        if kind not in WITH_AREAS:
            return Place()
        if kind != "parent" and "area" in given:
            return await self._area(reader, given["area"])
        for field_id in self.derives(entity):
            value = values.get(field_id)
            if value is None:
                continue
            target = self._model.fields_of(entity)[field_id].to[0]
            found = await self._of_row(reader, target, value)
            if found is not None:
                return found
        if kind == "parent":
            return Place()
        return await self._area(reader, scope.home_area if scope else None)

    async def _area(self, reader: Any, area: UUID | None) -> Place:
        """The place of an area."""
        row = await reader.fetchrow(AREA_BY_ID, [area]) if area else None
        if row is None:
            raise Fault("area.unknown" if area else "area.required", ("area",))
        return Place(area_id=row["id"], area_ord=row["ord"], district_id=row["district_id"])

    async def _unit(self, reader: Any, unit: UUID | None) -> Place:
        """The place of a unit."""
        row = await reader.fetchrow(UNIT_BY_ID, [unit]) if unit else None
        if row is None:
            raise Fault("unit.unknown" if unit else "unit.required", ("unit",))
        return Place(unit_id=row["id"], unit_ord=row["ord"])

    async def _of_row(self, reader: Any, entity: str, row_id: Any) -> Place | None:
        """The place of another row."""
        if entity == "wangge.area":
            row = await reader.fetchrow(AREA_BY_ID, [row_id])
            return Place(row["id"], row["ord"], row["district_id"]) if row else None
        table = names.table(self._model.entities[entity])
        sql = f"SELECT area_id, area_ord, district_id FROM {table} WHERE id = $1 FOR SHARE"
        row = await reader.fetchrow(sql, row_id)
        return Place(row["area_id"], row["area_ord"], row["district_id"]) if row and row["area_id"] else None


def reaches(model: Model, scope: Scope, grant: Grant, entity: str, place: Place, values: Mapping[str, Any]) -> bool:
    """Whether a grant's slot holds a row at this place; its condition is another matter."""
    kind = model.root_scope(entity)
    if grant.own:
        own = values.get(kind.fields[0]) if kind.kind == "self" else None
        return own is not None and own == scope.actor.person
    if kind.kind == "city":
        return True
    slot = scope.slots[grant.slot]
    if slot.form is Form.CITY:
        return True
    at, spans = (place.unit_ord, slot.unit_spans) if kind.kind == "unit" else (place.area_ord, slot.spans)
    return at is not None and any(lo <= at <= hi for lo, hi in spans)
