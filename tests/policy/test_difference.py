"""The difference of two rule sets: equal to that of a naive evaluation of all cells, nothing for a rewrite."""

from __future__ import annotations

import time
from uuid import UUID

import pytest

from tests.graphql.naive import World as Raw
from tests.policy.naive_difference import Cells, Pairs, difference
from tests.policy.rule_sets import counted, stored
from wangge.policy.world import World
from wangge.store.pool import Pool

pytestmark = pytest.mark.asyncio(loop_scope="module")
SECONDS = 25
AT_MOST = 120
LONG = 200


async def compare(pool: Pool, raw: Raw, world: World, seed: int) -> int:
    """One pair; the number of lines in which it differs."""
    districts: list[UUID] = sorted(world.districts, key=str)
    before, after = Pairs(raw, districts, seed).pair()
    expected = difference(Cells(raw, before, districts), Cells(raw, after, districts))
    found = await counted(pool, stored(world, before), stored(world, after))
    assert found == expected, (seed, before, after)
    return len(expected)


async def test_the_difference_is_that_of_all_cells(city_owner: Pool, raw: Raw, loaded: World) -> None:
    until, lines, done = time.monotonic() + SECONDS, 0, 0
    while done < AT_MOST and time.monotonic() < until:
        lines += await compare(city_owner, raw, loaded, done)
        done += 1
    assert done >= 5
    assert lines > done


@pytest.mark.long
async def test_the_difference_is_that_of_all_cells_for_many_pairs(city_owner: Pool, raw: Raw, loaded: World) -> None:
    lines = [await compare(city_owner, raw, loaded, 10_000 + seed) for seed in range(LONG)]
    assert sum(1 for each in lines if each) > LONG // 2
