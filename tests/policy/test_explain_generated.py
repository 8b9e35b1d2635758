"""The chain of generated rules, inherited, overridden, denied and prohibited, comes to what the compiled Scope comes to."""

from __future__ import annotations

import random
from uuid import UUID

import pytest

from tests.graphql.naive import World as Raw
from tests.policy.naive_difference import ROLES, Cells, Pairs
from tests.policy.rule_sets import MODEL, stored
from wangge.identity.explaining import Explainer
from wangge.policy.nominal import nominal_facts, nominal_post
from wangge.policy.roles import Roles
from wangge.policy.world import World
from wangge.sql.catalog import Catalog
from wangge.store.pool import Pool

pytestmark = pytest.mark.asyncio(loop_scope="module")
LEVELS = ("HIDDEN", "MASKED", "CLEAR")


SEEDS = 60


async def test_the_chain_comes_to_the_cells_of_all_three(city_owner: Pool, raw: Raw, loaded: World) -> None:
    levels = [level for seed in range(SEEDS) for level in await compared(city_owner, raw, loaded, seed)]
    assert min(levels.count(level) for level in range(3)) > 50


async def compared(pool: Pool, raw: Raw, loaded: World, seed: int) -> list[int]:
    """The levels of some cells under one rule set, each compared."""
    districts: list[UUID] = sorted(loaded.districts, key=str)
    rules = [rule for pair in Pairs(raw, districts, 500 + seed).pair() for rule in pair]
    world, cells, pick = stored(loaded, rules), Cells(raw, rules, districts), random.Random(seed)
    roles = Roles(world)
    explainer, found = Explainer(pool, Catalog(MODEL), world, roles), []
    ruled = [rule for rule in rules if rule["effect"] == "allow"] or rules
    for _ in range(30 if rules else 0):
        one = pick.choice(ruled)
        role, entity, action = pick.choice(ROLES), one["entity"], pick.choice(one["actions"])
        row = pick.choice(list(raw.rows[entity].values()))
        district = pick.choice([*cells.places(entity, row)] or districts)
        field = pick.choice([None, *(f.id for f in MODEL.fields_of(entity).values())])
        facts = nominal_facts(nominal_post(world, role, district))
        made = await explainer.whole(facts, explainer.question(entity, action, field), row["id"])
        expected = cells.levels(role, district, entity, action, row).get(field, 0)
        told = (made["level"], made["compiled"], made["agrees"])
        assert told == (LEVELS[expected], LEVELS[expected], True), (rules, made)
        found.append(expected)
    return found
