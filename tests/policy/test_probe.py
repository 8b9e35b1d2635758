"""The probe asks a served city from outside: the right program agrees with its rows, wrong ones are found."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.city import City
from wangge.errors import SettingsError
from wangge.keys import keys_of
from wangge.modules.discover import discover
from wangge.proof.schema import read
from wangge.prover.probe import Asked, holders, probe
from wangge.prover.report import Report
from wangge.settings import Settings
from wangge.store.connection import connect
from wangge.store.database import Database
from wangge.store.pool import Pool

pytestmark = pytest.mark.asyncio(loop_scope="module")
ROOT = Path(__file__).parents[2]
LEAKS = ("a range without an end", "unseen targets", "masked is clear")
CLERK, RESIDENT = "nanming-station", "nanming-resident"


async def probed(settings: Settings, database: Database, asked: Asked) -> Report:
    """What the probe finds."""
    connection = await connect(database, "owner")
    try:
        schema = read(found.folder for found in discover(settings.modules))
        return await probe(connection, keys_of(settings), schema, asked)
    finally:
        await connection.close()


@asynccontextmanager
async def mutated(home: Path, mutant: str) -> AsyncIterator[str]:
    """The address of a server of a wrong version."""
    command = (sys.executable, "-m", "tests.apps.mutated", str(home), mutant)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.stdin.close()
        await process.wait()


async def test_a_clerk_is_answered_what_the_rows_say_and_the_token_ends(
    city: City, city_settings: Settings, city_database: Database, city_owner: Pool
) -> None:
    asked = Asked(url=city.url, logins=[CLERK], sample=6, writes=True)
    report = await probed(city_settings, city_database, asked)
    assert [str(each) for each in report.found] == []
    assert report.unfinished == 0
    assert {"schema", "list", "walk", "aggregate", "node", "write"} <= report.cells.keys()
    left = await city_owner.fetchval("SELECT count(*) FROM wangge.token WHERE label = 'probe' AND revoked_at IS NULL")
    assert left == 0


@pytest.mark.long
async def test_ten_roles_are_answered_what_the_rows_say(
    city: City, city_settings: Settings, city_database: Database
) -> None:
    report = await probed(city_settings, city_database, Asked(url=city.url, sample=8, writes=True))
    print("\n".join(report.lines()))
    assert [str(each) for each in report.found] == []
    assert (report.accounts, report.unfinished) == (10, 0)


@pytest.mark.parametrize("mutant", LEAKS)
async def test_a_server_that_leaks_is_found(city_settings: Settings, city_database: Database, mutant: str) -> None:
    async with mutated(city_settings.home, mutant) as url:
        report = await probed(
            city_settings, city_database, Asked(url=url, logins=["nanming-grid-1", CLERK], sample=8, stop=True)
        )
    assert len(report.found) == 1
    first = str(report.found[0])
    assert first.startswith("DISAGREES nanming-")
    assert "the naive evaluator says" in first


async def test_accounts_of_different_roles_are_chosen(city_database: Database) -> None:
    connection = await connect(city_database, "owner")
    try:
        found = await holders(connection, Asked(url=""))
        with pytest.raises(SettingsError, match="nobody"):
            await holders(connection, Asked(url="", logins=["nobody"]))
    finally:
        await connection.close()
    assert len(found) == len({each.roles for each in found}) == 10


async def test_an_address_where_nothing_answers_is_told(city_settings: Settings, city_database: Database) -> None:
    with pytest.raises(SettingsError, match="does not answer"):
        await probed(city_settings, city_database, Asked(url="http://127.0.0.1:9", logins=[CLERK]))


async def test_the_command_tells_what_it_compared(city: City, city_settings: Settings) -> None:
    command = (
        sys.executable,
        "-m",
        "wangge",
        "policy",
        "probe",
        "--url",
        city.url,
        "--account",
        RESIDENT,
        "--rows",
        "4",
    )
    environment = {**os.environ, "WANGGE_HOME": str(city_settings.home)}
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, env=environment)
    out, errors = (text.decode() for text in await process.communicate())
    assert (process.returncode, errors) == (0, "")
    assert out.splitlines()[-1].endswith("of 1 accounts compared: no disagreements")
