"""Where a row lies: its area or unit, given, derived from what it refers to, or that of who creates it (PERMISSIONS.md 1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from ..model import names
from ..model.types import Field, Model
from ..policy.scope import Form, Grant, Scope
from .outcome import Fault
from .statements import WITH_AREAS

Located = tuple[Mapping[str, Any], Mapping[str, UUID]]
"""The values of a row, and the `area` or `unit` that its input names."""
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

    async def find_all(
        self, reader: Any, scope: Scope | None, entity: str, rows: Sequence[Located]
    ) -> list[Place | Fault]:
        """The places of rows, or why one has none.

        Inside a transaction the rows that they are derived from are locked: these cannot move before the new ones are stored.
        """
        kind = self._model.root_scope(entity).kind
        if kind == "unit":
            units = [given.get("unit") or (scope.home_unit if scope else None) for _, given in rows]
            return await self._units(reader, units)
        if kind not in WITH_AREAS:
            return [Place()] * len(rows)
        named = {n: given["area"] for n, (_, given) in enumerate(rows) if kind != "parent" and "area" in given}
        places: dict[int, Place | Fault] = {}
        open_ = [n for n in range(len(rows)) if n not in named]
        for field_id in self.derives(entity):
            target = self._model.fields_of(entity)[field_id].to[0]
            wanted = {n: value for n in open_ if (value := rows[n][0].get(field_id)) is not None}
            found = await self._of_rows(reader, target, set(wanted.values())) if wanted else {}
            places |= {n: found[value] for n, value in wanted.items() if value in found}
            open_ = [n for n in open_ if n not in places]
        if kind == "parent":
            return [places.get(n, Place()) for n in range(len(rows))]
        home = scope.home_area if scope else None
        areas = await self._areas(reader, {n: named.get(n, home) for n in (*named, *open_)})
        return [(places | areas)[n] for n in range(len(rows))]

    async def _areas(self, reader: Any, wanted: Mapping[int, UUID | None]) -> dict[int, Place | Fault]:
        """The places of areas."""
        ids = sorted({area for area in wanted.values() if area is not None})
        found = await self._of_rows(reader, "wangge.area", ids) if ids else {}
        return {
            n: found[area]
            if area in found and area is not None
            else Fault("area.unknown" if area else "area.required", ("area",))
            for n, area in wanted.items()
        }

    async def _units(self, reader: Any, units: Sequence[UUID | None]) -> list[Place | Fault]:
        """The places of units."""
        ids = sorted({unit for unit in units if unit is not None})
        found = {row["id"]: row["ord"] for row in await reader.fetch(UNIT_BY_ID, ids)} if ids else {}
        return [
            Place(unit_id=unit, unit_ord=found[unit])
            if unit in found
            else Fault("unit.unknown" if unit else "unit.required", ("unit",))
            for unit in units
        ]

    async def _of_rows(self, reader: Any, entity: str, ids: Iterable[UUID]) -> dict[UUID, Place]:
        """The places of other rows that have one."""
        if entity == "wangge.area":
            areas = await reader.fetch(AREA_BY_ID, list(ids))
            return {row["id"]: Place(row["id"], row["ord"], row["district_id"]) for row in areas}
        table = names.table(self._model.entities[entity])
        sql = (
            f"SELECT id, area_id, area_ord, district_id FROM {table} WHERE id = ANY($1::uuid[]) AND area_id IS NOT NULL "
            "ORDER BY id FOR SHARE"
        )
        rows = await reader.fetch(sql, sorted(ids))
        return {row["id"]: Place(row["area_id"], row["area_ord"], row["district_id"]) for row in rows}


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
