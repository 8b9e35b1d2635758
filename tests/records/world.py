"""A small city for the tests of the one door: two districts with two communities each, callers and their Scopes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pluggy

from wangge import hookspecs
from wangge.crypto import Keys
from wangge.model.filter import Filter
from wangge.model.load import load_model
from wangge.model.types import Model
from wangge.modules.discover import discover
from wangge.modules.hooks import Hooks
from wangge.policy.scope import EntityShape, Form, Grant, Level, Scope, Shape, Slot
from wangge.records.records import Records
from wangge.records.sealing import hash_of
from wangge.sql.catalog import Catalog
from wangge.store.apply import apply_model
from wangge.store.connection import connect
from wangge.store.database import Database
from wangge.store.pool import Pool
from wangge.values import Actor, Area, uuid7

ACTIONS = ("list", "get", "list_removed", "create", "update", "remove", "restore")
COUNTERS = ("account", "post", "rule", "module", "area", "token")
AREA = (
    "INSERT INTO wangge.area (id, revision, created_at, updated_at, code, name, kind, parent, ord, ord_end, area_id, "
    "area_ord, district_id) VALUES ($1, 1, now(), now(), $2, $3, $4, $5, $6, $7, $1, $6, $8)"
)


LAB = Path(__file__).parent / "lab"
"""A module with a field of every kind, for these tests only."""


def discovered(*more: Path) -> Model:
    """The model of all discovered modules, and of `more` folders."""
    return load_model([*(module.folder for module in discover()), *more])


async def make_city(database: Database, model: Model) -> dict[str, Area]:
    """Apply the model and lay out the areas; by name: city, north, north_1, north_2, south, south_1, south_2."""
    await apply_model(database, model)
    areas = [_area("city", "520100000000", "city", None, 1, 1000)]
    for n, name in enumerate(("north", "south"), start=1):
        upper = _area(name, f"52010{n}000000", "district", areas[0], n * 100, n * 100 + 99)
        areas.append(upper)
        areas += [
            _area(f"{name}_{k}", f"52010{n}00{k}000", "community", upper, n * 100 + k * 10, n * 100 + k * 10 + 9)
            for k in (1, 2)
        ]
    connection = await connect(database, "owner")
    for a in areas:
        await connection.execute(AREA, a.id, a.code, a.name, a.kind, a.parent, a.ord, a.ord_end, a.district)
    await connection.close()
    return {area.name: area for area in areas}


def _area(name: str, code: str, kind: str, parent: Area | None, first: int, last: int) -> Area:
    own = uuid7()
    district = own if kind == "district" else parent.district if parent else None
    return Area(own, code, name, kind, first, last, parent.id if parent else None, district)


class City:
    """A database with the discovered modules, its areas, and the door under test."""

    def __init__(
        self, model: Model, areas: Mapping[str, Area], pool: Pool, keys: Keys, hooks: Hooks | None = None
    ) -> None:
        self.model = model
        self.areas = areas
        self.pool = pool
        self.keys = keys
        self.records = Records(pool, Catalog(model, hash_of(keys)), hooks or hooks_of({}), keys)

    def scope(
        self,
        area: str,
        *,
        fields: Mapping[str, tuple[str, ...]] | None = None,
        where: Mapping[str, Filter] | None = None,
        actions: tuple[str, ...] = ACTIONS,
        counters: Mapping[str, int] | None = None,
        person: UUID | None = None,
        unit: UUID | None = None,
        unit_spans: tuple[tuple[int, int], ...] = (),
    ) -> Scope:
        """All rights in the subtree of an area; `fields` and `where` narrow entities by name."""
        found = self.areas[area]
        entities = {
            name: EntityShape(actions={action: (self._grant(name, fields or {}, where or {}),) for action in actions})
            for name in self.model.entities
        }
        form = Form.CITY if found.parent is None else Form.DISTRICT if found.kind == "district" else Form.SPAN
        key = msgspec.json.encode([form, repr(sorted((fields or {}).items())), repr(where), actions]).hex()
        return Scope(
            actor=Actor(kind="account", name=f"clerk of {area}", account=uuid7(), person=person),
            shape=Shape(
                key=key,
                model=self.model.version,
                slots=(form,),
                entities=entities,
                modules=frozenset(self.model.modules),
            ),
            slots=(
                Slot(form=form, district=found.district, spans=((found.ord, found.ord_end),), unit_spans=unit_spans),
            ),
            valid_until=None,
            subjects=frozenset({f"area:{area}"}),
            counters=counters or dict.fromkeys(COUNTERS, 0),
            home_area=found.id,
            home_unit=unit,
        )

    def _grant(self, entity: str, fields: Mapping[str, tuple[str, ...]], where: Mapping[str, Filter]) -> Grant:
        levels = []
        for field in self.model.fields_of(entity).values():
            if entity not in fields or field.id in fields[entity]:
                levels.append((field.id, Level.CLEAR))
                levels += [(f"{field.id}.{part.id}", Level.CLEAR) for part in field.fields]
        own = self.model.root_scope(entity).kind == "self"
        return Grant(slot=0, condition=where.get(entity), fields=tuple(sorted(levels)), own=own)


def hooks_of(modules: Mapping[str, Any]) -> Hooks:
    """Hooks from objects with hook implementations, by module id."""
    manager = pluggy.PluginManager(hookspecs.NAMESPACE)
    manager.add_hookspecs(hookspecs)
    for name, module in modules.items():
        manager.register(module, name=name)
    return Hooks(manager, tuple(modules), {})
