"""What a pool tells its callers while the database is down, and that it works again afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from tests.processes import until

from wangge.errors import Unavailable
from wangge.store.connection import connect
from wangge.store.database import Database, external
from wangge.store.embedded import EmbeddedPostgres
from wangge.store.pool import Pool


@pytest.fixture
def server(service_home: Path) -> Iterator[EmbeddedPostgres]:
    """A server of one test, which may end and start it."""
    server = EmbeddedPostgres(service_home, durable=False)
    server.start()
    yield server
    server.stop()


async def code_of(pool: Pool, sql: str = "SELECT 1") -> str | int:
    """The value of a statement, or the code of the refusal."""
    try:
        value: int = await pool.fetchval(sql)
    except Unavailable as error:
        return error.code
    return value


async def test_a_restart_of_the_database_is_an_answer_and_then_forgotten(server: EmbeddedPostgres) -> None:
    async with Pool(server.database(), size=2) as pool:
        assert await asyncio.gather(*(code_of(pool) for _ in range(2))) == [1, 1]
        server.stop()
        assert await asyncio.gather(*(code_of(pool) for _ in range(4))) == ["database.unavailable"] * 4
        server.start()
        assert await asyncio.gather(*(code_of(pool) for _ in range(4))) == [1] * 4


async def test_a_killed_server_takes_a_running_transaction_with_it(server: EmbeddedPostgres) -> None:
    async with Pool(server.database()) as pool:

        async def write() -> None:
            async with pool.transaction() as connection:
                await connection.fetchval("SELECT 1")
                os.kill(server.pid or 0, signal.SIGKILL)
                await asyncio.to_thread(until, lambda: server.pid is None)
                await connection.fetchval("SELECT pg_sleep(10)")

        with pytest.raises(Unavailable) as caught:
            await write()
        assert caught.value.code == "database.unavailable"
        server.start()
        assert await code_of(pool) == 1


async def test_a_connection_that_the_server_ends_costs_one_answer(pool: Pool) -> None:
    assert await code_of(pool, "SELECT pg_terminate_backend(pg_backend_pid())") == "database.unavailable"
    assert await code_of(pool) == 1


async def test_a_connection_lost_at_the_commit_says_that_the_outcome_is_unknown(
    pool: Pool, postgres: EmbeddedPostgres
) -> None:
    async def write() -> None:
        async with pool.transaction() as connection:
            await connection.execute("SELECT 1")
            ended = await connection.fetchval("SELECT pg_backend_pid()")
            postgres.sql(f"SELECT pg_terminate_backend({ended}, 5000)")

    with pytest.raises(Unavailable) as caught:
        await write()
    assert caught.value.code == "database.outcome_unknown"
    assert await code_of(pool) == 1


async def test_an_error_of_the_caller_stays_what_it_is(pool: Pool) -> None:
    with pytest.raises(asyncpg.InterfaceError, match="expects 0 arguments"):
        await pool.fetchval("SELECT 1", 2)
    with pytest.raises(asyncpg.UndefinedTableError):
        await pool.fetch("SELECT * FROM nothing.here")


async def test_a_connection_left_inside_a_transaction_is_never_handed_on(database: Database) -> None:
    async with Pool(database, size=1) as pool:
        async with pool.connection() as connection:
            left = await connection.fetchval("SELECT pg_backend_pid()")
            await connection.execute("BEGIN")
        assert await pool.fetchval("SELECT pg_backend_pid()") != left


async def test_callers_beyond_the_size_wait_for_their_turn(database: Database) -> None:
    async with Pool(database, size=2) as pool:
        backends = await asyncio.gather(*(pool.fetchval("SELECT pg_backend_pid()") for _ in range(30)))
        assert len(set(backends)) <= 2


async def test_a_pool_that_is_not_open_says_so(database: Database) -> None:
    assert await code_of(Pool(database)) == "database.closed"


async def test_a_statement_that_takes_too_long_is_ended(database: Database) -> None:
    async with Pool(database, statement_timeout=0.05) as pool:
        with pytest.raises(asyncpg.QueryCanceledError):
            await pool.fetchval("SELECT pg_sleep(10)")


async def test_a_wrong_address_is_unavailable_at_once() -> None:
    with pytest.raises(Unavailable):
        await Pool(external("postgresql://nobody:x@127.0.0.1:1/none")).open()


async def test_an_external_database_is_reached_by_its_url(database: Database, postgres: EmbeddedPostgres) -> None:
    url = f"postgresql://wangge_app@/{database.name}?host={postgres.place.sockets}"
    outside = external(url, url.replace("wangge_app", "wangge_owner"))
    users = []
    for role in ("app", "sealer", "owner"):
        connection = await connect(outside, role)
        users.append(await connection.fetchval("SELECT current_user::text"))
        await connection.close()
    assert users == ["wangge_app", "wangge_app", "wangge_owner"]
