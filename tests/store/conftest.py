"""A database for each test of plan and apply: every one changes tables."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from wangge.store.connection import connect
from wangge.store.database import Database
from wangge.store.embedded import EmbeddedPostgres


@pytest.fixture
def bare(postgres: EmbeddedPostgres, database_names: Iterator[str]) -> Iterator[Database]:
    """A database of this test's own with roles and extensions and nothing else."""
    name = next(database_names)
    yield postgres.create_database(name)
    postgres.drop_database(name)


@pytest_asyncio.fixture
async def owner(bare: Database) -> AsyncIterator[Any]:
    """A connection to `bare` as the owner."""
    connection = await connect(bare, "owner")
    yield connection
    await connection.close()
