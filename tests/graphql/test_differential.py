"""Generated filters and orderings of every account against a naive evaluator over raw rows (naive.py)."""

from __future__ import annotations

import datetime as dt
import os
import random
from collections.abc import AsyncIterator
from decimal import Decimal
from itertools import zip_longest
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from tests.city import City
from tests.graphql.naive import Eyes, Naive, World, eyes_of
from wangge.model import names
from wangge.model.load import load_model
from wangge.model.types import Field
from wangge.modules.discover import discover
from wangge.store.pool import Pool

ROUNDS = int(os.environ.get("WANGGE_TEST_ROUNDS", "8"))
"""generated lists per account."""
SET, RANGE = ["eq", "ne"], ["eq", "ne", "lt", "lte", "gt", "gte"]
SIMPLE = {
    "text": [*RANGE, "contains", "startsWith"],
    "number": [*RANGE, "contains", "startsWith"],
    "credit_code": RANGE,
    "code": [*SET, "under", "startsWith"],
    "enum": SET,
    "boolean": SET,
    "integer": RANGE,
    "decimal": RANGE,
    "date": RANGE,
    "datetime": RANGE,
}
LOGINS = [
    "city-admin",
    "city-urban-management",
    "nanming-admin",
    "nanming-civil-affairs",
    "nanming-grid-1",
    "nanming-resident",
    "nanming-station",
    "nanming-urban-management",
    "yunyan-station",
]


class Generator:
    """Makes filters and orderings that an account may ask, from a seed."""

    def __init__(self, world: World, eyes: Eyes, seed: str) -> None:
        self.world, self.eyes, self.random = world, eyes, random.Random(seed)

    def entity(self) -> str:
        """Something that the account may list."""
        listed = {e for e, action in self.eyes.grants if action == "list" and self.world.rows.get(e)}
        upper = {"casework.case"} if "urban_management.incident" in listed else set()
        return self.random.choice(sorted(listed | upper))

    def where(self, entity: str, depth: int = 3) -> dict[str, Any]:
        """A filter of one to three keys."""
        made: dict[str, Any] = {}
        for _ in range(self.random.choice([1, 1, 2, 3])):
            name, item = self.key(entity, depth)
            made[name] = item
        return made

    def key(self, entity: str, depth: int) -> tuple[str, Any]:
        """One key of a filter."""
        pick = self.random.random()
        if depth > 0 and pick < 0.15:
            return self.random.choice(["and", "or"]), [
                self.where(entity, depth - 1) for _ in range(self.random.randrange(3))
            ]
        if depth > 0 and pick < 0.25:
            return "not", self.where(entity, depth - 1)
        if entity == "wangge.area" and pick < 0.4:
            return "within", str(self.random.choice(list(self.world.rows[entity])))
        fields = [f for f in self.world.fields(entity).values() if self.eyes.filterable(entity, f)]
        fields = [f for f in fields if self.possible(f, depth)]
        if not fields or pick < 0.3:
            return self.implicit(entity, depth)
        return self.of(entity, self.random.choice(fields), depth)

    def possible(self, field: Field, depth: int) -> bool:
        """Whether a filter by the field can be made here."""
        if field.kind in ("ref", "refs", "children"):
            return depth > 0 and len(field.to) == 1 and self.listed(field.to[0])
        return field.expression is None and (field.kind in SIMPLE or (field.kind == "list" and depth > 0))

    def listed(self, entity: str) -> bool:
        """Whether the account may list an entity of which the rows are known."""
        kinds = [kind for kind in self.world.kinds(entity) if (kind, "list") in self.eyes.grants]
        return any(self.world.rows.get(kind) for kind in kinds)

    def implicit(self, entity: str, depth: int) -> tuple[str, Any]:
        """The id, a moment, or the area."""
        rows = [row for kind in self.world.kinds(entity) for row in self.world.rows[kind].values()]
        row = self.random.choice(rows)
        scope = self.world.model.root_scope(entity).kind
        if scope in ("area", "parent", "through") and depth > 0 and self.random.random() < 0.5:
            return self.random.choice(["area", "district"]), self.inner("wangge.area", depth)
        if self.random.random() < 0.3:
            return "createdAt", {self.random.choice(RANGE): row["created_at"].isoformat()}
        return "id", self.random.choice(
            [{"eq": str(row["id"])}, {"notIn": [str(row["id"])]}, {"in": [str(r["id"]) for r in rows[:40]]}]
        )

    def inner(self, entity: str, depth: int) -> dict[str, Any]:
        """A filter behind a hop: often empty, which asks for presence."""
        return {} if self.random.random() < 0.2 else self.where(entity, depth - 1)

    def of(self, entity: str, field: Field, depth: int) -> tuple[str, Any]:
        """A condition on a field."""
        if field.kind == "ref":
            return field.name, self.inner(field.to[0], depth)
        if field.kind in ("refs", "children"):
            return field.name, {self.random.choice(["some", "every", "none"]): self.inner(field.to[0], depth)}
        if field.kind == "list":
            parts = [p for p in field.fields if p.kind in SIMPLE and self.eyes.filterable(entity, field, p)]
            stored = [p for found in self.world.parts[field.owner or entity, field.id].values() for p in found]
            if not parts:
                return self.implicit(entity, depth)
            part = self.random.choice(parts)
            inner = self.compared(part, [p[names.column(part)] for p in stored])
            return field.name, {self.random.choice(["some", "every", "none"]): {part.name: inner}}
        rows = [row for kind in self.world.kinds(entity) for row in self.world.rows[kind].values()]
        return field.name, self.compared(field, [row[names.column(field)] for row in rows])

    def compared(self, field: Field, stored: list[Any]) -> dict[str, Any]:
        """An operator with an operand that occurs, or null."""
        values = [v for v in stored if v is not None]
        if self.random.random() < 0.2 or not values:
            return {"isNull": self.random.choice([True, False])}
        value = wire(self.random.choice(values))
        if self.random.random() < 0.2 and field.kind != "boolean":
            return {
                self.random.choice(["in", "notIn"]): [wire(v) for v in self.random.sample(values, min(3, len(values)))]
            }
        operator = self.random.choice(SIMPLE[field.kind])
        if operator in ("contains", "startsWith") and isinstance(value, str):
            cut = value[self.random.randrange(len(value)) :] if operator == "contains" else value
            value = cut[: self.random.randrange(1, 4)]
        return {operator: None if self.random.random() < 0.08 else value}

    def order(self, entity: str, depth: int = 2) -> list[tuple[tuple[str, ...], bool]]:
        """One to three terms, some behind references."""
        return [(self.path(entity, depth), self.random.random() < 0.5) for _ in range(self.random.randrange(1, 4))]

    def path(self, entity: str, depth: int) -> tuple[str, ...]:
        """A path to something that can be ordered by."""
        fields = [f for f in self.world.fields(entity).values() if self.eyes.filterable(entity, f) and not f.sealed]
        hops = [f for f in fields if f.kind == "ref" and len(f.to) == 1 and self.listed(f.to[0])]
        if hops and depth and self.random.random() < 0.4:
            hop = self.random.choice(hops)
            return (hop.name, *self.path(hop.to[0], depth - 1))
        plain = [f.name for f in fields if f.kind in SIMPLE and f.expression is None]
        return (self.random.choice([*plain, "createdAt"]),)


def wire(value: Any) -> Any:
    """A stored value as an operand."""
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal | UUID) else value


def term(path: tuple[str, ...], down: bool) -> dict[str, Any]:
    """One object of orderBy."""
    made: Any = "DESC" if down else "ASC"
    for name in reversed(path):
        made = {name: made}
    return dict(made)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(city_owner: Pool) -> AsyncIterator[World]:
    """The raw rows of the city, a few of them removed first."""
    await city_owner.execute(
        "UPDATE base.residence SET removed_at = now() WHERE id IN (SELECT id FROM base.residence ORDER BY id LIMIT 9)"
    )
    made = World(load_model([m.folder for m in discover(())]))
    await made.load(city_owner)
    yield made


@pytest.mark.parametrize("login", LOGINS)
async def test_generated_lists_are_what_a_naive_evaluator_finds(
    city: City, city_owner: Pool, world: World, login: str
) -> None:
    eyes = await eyes_of(world, city_owner, login)
    generator = Generator(world, eyes, login)
    naive = Naive(world, eyes)
    for _ in range(ROUNDS):
        entity = generator.entity()
        where, order = generator.where(entity), generator.order(entity)
        declared = world.model.entities[entity]
        query = f"""query($w: {declared.type}Where, $o: [{declared.type}Order!]) {{ found: {declared.plural}(
            where: $w, orderBy: $o, first: 1000) {{ nodes {{ id }} totalCount {{ value exact }} }} }}"""
        variables = {"w": where, "o": [term(*one) for one in order]}
        found = (await city.data(login, query, variables))["found"]
        met = [(kind, row) for kind, row in naive.rows(entity) if naive.meets(kind, row, where)]
        assert found["totalCount"] == {"value": len(met), "exact": True}, (entity, where)
        expected = naive.ordered(met, order)[:1000]
        both = zip_longest((node["id"] for node in found["nodes"]), expected)
        assert next((pair for pair in enumerate(both) if pair[1][0] != pair[1][1]), None) is None, (
            entity,
            where,
            order,
        )
