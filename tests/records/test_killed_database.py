"""A database that is killed under writers: what they were told is there, also in the ledger, and the sequencer goes on."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from tests.processes import until
from tests.records.world import City, discovered, make_city
from wangge.audit.verify import verify
from wangge.crypto import Keys
from wangge.errors import Unavailable
from wangge.events.positions import Position, events_after
from wangge.events.sequencer import Sequencer
from wangge.store.connection import connect
from wangge.store.embedded import EmbeddedPostgres
from wangge.store.pool import Pool
from wangge.values import Area

BEFORE, WRITERS = 150, 6


@pytest.fixture
def server(service_home: Path) -> Iterator[EmbeddedPostgres]:
    """A durable server of this test, which kills and starts it."""
    server = EmbeddedPostgres(service_home)
    server.start()
    yield server
    server.stop()


async def test_what_was_acknowledged_survives_the_kill_of_the_database(server: EmbeddedPostgres, keys: Keys) -> None:
    database, model = server.database(), discovered()
    areas = await make_city(database, model)
    async with Pool(database, "app") as pool:
        city = City(model, areas, pool, keys)
        sequencer = Sequencer(database, keys)
        await sequencer.open()
        told: list[UUID] = []
        writers = [asyncio.create_task(_write(city, areas["north_1"], told)) for _ in range(WRITERS)]
        async with asyncio.timeout(60):
            while len(told) < BEFORE:
                await pool.fetchval("SELECT 1")
        os.kill(server.pid or 0, signal.SIGKILL)
        await asyncio.gather(*writers)
        await asyncio.to_thread(until, lambda: server.pid is None)
        server.start()
        async with Pool(database, "app") as renewed:
            await _check(City(model, areas, renewed, keys), set(told))
        await sequencer.close()


async def _write(city: City, area: Area, told: list[UUID]) -> None:
    """Write until the database is gone."""
    scope = city.scope("north")
    try:
        while True:
            made = await city.records.create(scope, "base.person", [{"name": "测试甲", "area": area.id}])
            told += made.ids
            await city.records.update(scope, "base.person", made.ids[0], {"name": "测试乙"}, 1)
    except Unavailable:
        return


async def _check(city: City, told: set[UUID]) -> None:
    """Everything that was told is there, nothing by half, all of it in order and linked."""
    unfinished = (
        "SELECT EXISTS (SELECT 1 FROM wangge.outbox WHERE position IS NULL) "
        "OR EXISTS (SELECT 1 FROM wangge.ledger_entry WHERE seq IS NULL)"
    )
    async with asyncio.timeout(30):
        while await city.pool.fetchval(unfinished):
            pass
    revisions = {r["id"]: r["revision"] for r in await city.pool.fetch("SELECT id, revision FROM base.person")}
    assert told <= set(revisions)
    events = await events_after(city.pool, Position(1, 0), 100_000)
    assert [event.position.value for event in events] == list(range(1, len(events) + 1))
    for row, revision in revisions.items():
        assert [event.revision for event in events if event.row == row] == list(range(1, revision + 1))
    connection = await connect(city.pool.database, "app")
    report = await verify(connection, city.keys)
    await connection.close()
    written = await city.pool.fetchval("SELECT count(*) FROM wangge.ledger_entry WHERE entity = 'base.person'")
    assert (written, report.findings) == (sum(revisions.values()), [])
    assert report.entries > written
