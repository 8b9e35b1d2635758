"""Rule sets over the rows of the served city: the policy without its own rules, and what the database says of two of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import pytest_asyncio

from tests.graphql.naive import World as Raw
from tests.policy.naive_difference import INHERITS, Rule, with_vias
from wangge.identity.differences import Differences
from wangge.identity.loading import load_world
from wangge.model.conditions import parse_filter
from wangge.model.load import load_model
from wangge.modules.discover import discover
from wangge.policy.world import Enabled, StoredRule, World
from wangge.sql.catalog import Catalog
from wangge.store.pool import Pool
from wangge.values import uuid7

__all__ = ["loaded", "raw"]
MODEL = load_model([m.folder for m in discover()])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def raw(city_owner: Pool) -> AsyncIterator[Raw]:
    """The raw rows of the city."""
    made = Raw(MODEL)
    await made.load(city_owner)
    yield await with_vias(made, city_owner)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def loaded(city_owner: Pool) -> AsyncIterator[World]:
    """The stored policy, without its rules, every module on everywhere."""
    async with city_owner.connection() as connection:
        world = await load_world(connection, MODEL)
    on = tuple(Enabled(module, None, None, None) for module in MODEL.modules)
    yield msgspec.structs.replace(world, rules=(), inherits=INHERITS, enabled=on)


def stored(world: World, rules: Sequence[Rule]) -> World:
    """The policy with these rules."""
    return msgspec.structs.replace(world, rules=tuple(_stored(rule) for rule in rules))


def _stored(rule: Rule) -> StoredRule:
    where = rule.get("where")
    return StoredRule(
        id=uuid7(),
        role=rule["role"],
        entity=rule["entity"],
        actions=tuple(rule["actions"]),
        fields=rule["fields"],
        condition=parse_filter(MODEL, rule["entity"], where) if where is not None else None,
        effect=rule["effect"].upper(),
        via=rule.get("via"),
        district=rule.get("district"),
    )


async def counted(pool: Pool, before: World, after: World) -> dict[Any, tuple[int, int]]:
    """The difference as the database counts it."""
    lines = await Differences(pool, Catalog(MODEL)).lines(before, after)
    return {
        (line.role, line.entity, line.action, line.field, int(line.was), int(line.now)): (line.rows, line.districts)
        for line in lines
    }
