"""The pool hands out sound connections only, and speaks of the database's state in one way."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import asyncpg
import msgspec
import pytest

from wangge.store.connection import copy_into
from wangge.store.pool import Pool


async def test_json_arrives_as_the_bytes_that_the_server_wrote(pool: Pool) -> None:
    assert await pool.fetch_json('SELECT \'{"a":  [1, "王"]}\'::json') == '{"a":  [1, "王"]}'.encode()
    assert await pool.fetch_json("SELECT NULL::json") is None
    assert await pool.fetch_json("SELECT '1'::json WHERE $1", [False]) is None


async def test_jsonb_arrives_and_leaves_as_python_values(pool: Pool) -> None:
    value = {"名": ["王小明", 1, 2.5, None, True]}
    assert await pool.fetchval("SELECT $1::jsonb", value) == value
    assert await pool.fetchval("SELECT $1::jsonb", {"amount": Decimal("1.50")}) == {"amount": "1.50"}
    assert await pool.fetchval("SELECT $1::jsonb", msgspec.Raw(b'{"a": 1}')) == {"a": 1}
    assert await pool.fetch_json("SELECT $1::json", [b'{"a":  1}']) == b'{"a":  1}'


async def test_sessions_show_chinese_time_and_find_no_unqualified_names(pool: Pool) -> None:
    noon = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
    assert await pool.fetch_json("SELECT to_json($1::timestamptz)", [noon]) == b'"2026-11-23T12:00:00+08:00"'
    assert await pool.fetchval("SHOW search_path") == "pg_catalog"
    assert await pool.fetchval("SELECT current_user::text") == "wangge_app"


async def test_what_a_failed_transaction_wrote_is_gone(pool: Pool, owner_pool: Pool) -> None:
    await owner_pool.execute("CREATE SCHEMA s1; CREATE TABLE s1.t (n int); GRANT USAGE ON SCHEMA s1 TO wangge_app")
    await owner_pool.execute("GRANT ALL ON s1.t TO wangge_app")

    async def fail() -> None:
        async with pool.transaction() as connection:
            await connection.execute("INSERT INTO s1.t VALUES (1)")
            await connection.execute("SELECT 1 / 0")

    with pytest.raises(asyncpg.DivisionByZeroError):
        await fail()
    async with pool.transaction() as connection:
        await copy_into(connection, "s1.t", ["n"], [(2,), (3,)])
    assert [row["n"] for row in await pool.fetch("SELECT n FROM s1.t ORDER BY n")] == [2, 3]


async def test_a_read_only_transaction_refuses_to_write(pool: Pool) -> None:
    async with pool.transaction("repeatable_read", readonly=True) as connection:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await connection.execute("CREATE TABLE x.y (n int)")


async def test_a_cancelled_query_costs_its_connection_and_nothing_else(pool: Pool) -> None:
    async def sleep_long() -> None:
        await pool.fetchval("SELECT pg_sleep(60)")

    task = asyncio.create_task(sleep_long())
    await _until_sleepers(pool, 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await _until_sleepers(pool, 0)
    assert await asyncio.gather(*(pool.fetchval("SELECT $1::int", n) for n in range(50))) == list(range(50))


async def _until_sleepers(pool: Pool, number: int) -> None:
    while number != await pool.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
    ):
        pass
