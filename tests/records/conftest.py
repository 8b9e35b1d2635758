"""A city per test file."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from wangge.crypto import Keys
from wangge.store.database import Database
from wangge.store.pool import Pool

from .world import City, discovered, make_city


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def city(empty_database: Database, keys: Keys) -> AsyncIterator[City]:
    """A database with all discovered modules and two districts."""
    model = discovered()
    areas = await make_city(empty_database, model)
    async with Pool(empty_database, "app") as pool:
        yield City(model, areas, pool, keys)
