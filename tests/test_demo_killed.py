"""A demonstration that is killed half-way is continued by the next run, and ends as the same city as one that was not."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from tests.apps.demo import Task
from tests.city import *  # noqa: F403 # fixtures
from tests.city import SEED, eventually
from wangge.demo import ensure
from wangge.errors import SettingsError
from wangge.prepare import prepare
from wangge.runtime import Runtime
from wangge.settings import Settings
from wangge.store.database import Database
from wangge.store.pool import Pool

ENTITIES = (
    "base.building_unit base.room base.person base.household base.residence base.household_member base.organisation "
    "casework.filing_condition urban_management.component urban_management.incident"
).split()
WHOLE = "SELECT finished_at IS NOT NULL FROM wangge.demonstration"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def half(empty_database: Database, home: Path) -> AsyncIterator[Pool]:
    """The database that is filled, and is looked into meanwhile."""
    await prepare(Settings(home=home), empty_database)
    async with Pool(empty_database, "owner") as pool:
        yield pool


async def start(database: Database, home: Path) -> asyncio.subprocess.Process:
    """Begin to fill a database in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.apps.demo", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(Task(database, str(home), "T", SEED)))
    process.stdin.close()
    return process


async def begin_and_kill(half: Pool, home: Path, reached: str) -> None:
    """Begin, and kill it once the query `reached` is true."""
    process = await start(half.database, home)
    await eventually(lambda: half.fetchval(reached), 60)
    process.kill()
    await process.wait()


async def test_a_demonstration_killed_twice_is_continued_and_not_taken_for_a_whole_one(half: Pool, home: Path) -> None:
    await begin_and_kill(half, home, "SELECT EXISTS (SELECT 1 FROM wangge.area)")
    await begin_and_kill(half, home, "SELECT EXISTS (SELECT 1 FROM base.person)")
    assert await half.fetchval(WHOLE) is False
    assert not (home / "demo-accounts.json").exists()
    process = await start(half.database, home)
    said, _ = await process.communicate()
    assert (process.returncode, said) == (0, b"True\n")
    assert await half.fetchval(WHOLE) is True


async def test_the_continued_city_equals_one_that_was_made_at_once(half: Pool, city_owner: Pool) -> None:
    for entity in ENTITIES:
        sql = f"SELECT count(*), md5(string_agg(id::text, ' ' ORDER BY id)) FROM {entity}"
        assert await half.fetch(sql) == await city_owner.fetch(sql), entity
    loaded = "SELECT entity, sum(row_count) FROM wangge.ledger_entry WHERE action = 'load' GROUP BY 1 ORDER BY 1"
    assert await half.fetch(loaded) == await city_owner.fetch(loaded)


async def test_every_account_of_the_file_exists_once(half: Pool, home: Path) -> None:
    accounts = json.loads((home / "demo-accounts.json").read_bytes())
    stored = [row["login"] for row in await half.fetch("SELECT login FROM wangge.account ORDER BY login")]
    assert stored == sorted(account["account"] for account in accounts)


async def test_a_whole_city_is_left_alone(half: Pool, home: Path) -> None:
    before = (home / "demo-accounts.json").read_bytes()
    assert await ensure(Settings(home=home), Runtime(database=half.database)) is False
    assert (home / "demo-accounts.json").read_bytes() == before


async def test_another_city_than_the_one_begun_is_refused(begun_city: Runtime, home: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        await ensure(Settings(home=home), begun_city, "M", 3)
    assert str(caught.value) == (
        "this database holds an unfinished city of scale L and seed 3: finish it with `wangge demo --scale L --seed 3`, "
        "or name another folder with WANGGE_HOME"
    )


async def test_two_processes_do_not_fill_one_database(begun_city: Runtime, home: Path) -> None:
    async with Pool(begun_city.database, "app", size=1) as pool, pool.transaction() as connection:
        await connection.fetchval("SELECT pg_advisory_xact_lock(7146004)")
        with pytest.raises(SettingsError, match="another process is filling this database"):
            await ensure(Settings(home=home), begun_city)


@pytest_asyncio.fixture
async def begun_city(half: Pool) -> AsyncIterator[Runtime]:
    """The database as if an L city had been begun in it."""
    today = dt.date.today()
    await half.execute("UPDATE wangge.demonstration SET scale = 'L', seed = 3, today = $1, finished_at = NULL", today)
    yield Runtime(database=half.database)
