"""Piccolo's queries join the transaction of the connection that they are given, and open none of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from wangge.errors import ServiceError
from wangge.store.bootstrap_files import run_bootstrap
from wangge.store.database import Database
from wangge.store.piccolo import ENGINE, on
from wangge.store.pool import Pool
from wangge.store.service_tables import AppliedModel


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def owner_pool(empty_database: Database) -> AsyncIterator[Pool]:
    """Connections to a database that has the store's own tables."""
    async with Pool(empty_database, "owner") as pool:
        async with pool.transaction() as connection:
            await run_bootstrap(connection)
        yield pool


VERSIONS = AppliedModel.select(AppliedModel.version).where(AppliedModel.version == "of a test")


async def test_a_query_belongs_to_the_transaction_of_its_connection(owner_pool: Pool) -> None:
    async def broken_off() -> None:
        async with owner_pool.transaction() as connection:
            with on(connection):
                await AppliedModel.insert(AppliedModel(version="of a test", content={"a": [1, "二"]}))
                assert await VERSIONS == [{"version": "of a test"}]
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        await broken_off()
    async with owner_pool.connection() as other:
        with on(other):
            assert await VERSIONS == []


async def test_a_document_comes_back_as_it_was_given(owner_pool: Pool) -> None:
    async with owner_pool.transaction() as connection:
        with on(connection):
            await AppliedModel.insert(AppliedModel(version="of a test", content={"a": [1, "二", None]}))
            found = await AppliedModel.select(AppliedModel.content).where(AppliedModel.version == "of a test")
            await AppliedModel.delete().where(AppliedModel.version == "of a test")
    assert found == [{"content": {"a": [1, "二", None]}}]


async def test_two_tasks_keep_to_their_own_connections(owner_pool: Pool) -> None:
    async def backend() -> list[int]:
        async with owner_pool.connection() as connection:
            expected = await connection.fetchval("SELECT pg_backend_pid()")
            with on(connection):
                await asyncio.sleep(0)
                (row,) = await AppliedModel.raw("SELECT pg_backend_pid() AS pid")
            return [expected, row["pid"]]

    first, second = await asyncio.gather(backend(), backend())
    assert first[0] == first[1]
    assert second[0] == second[1]
    assert first != second


async def test_what_would_need_a_connection_of_its_own_is_refused() -> None:
    with pytest.raises(ServiceError, match="inside `with on"):
        await VERSIONS
    with pytest.raises(ServiceError, match="the transaction is that of the connection"):
        ENGINE.transaction()
    with pytest.raises(ServiceError, match="wangge apply"):
        await AppliedModel.create_table()
