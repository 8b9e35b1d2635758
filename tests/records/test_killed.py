"""A writer that is killed: what it acknowledged is there with its event and ledger entry, and nothing is there by half."""

from __future__ import annotations

import asyncio
import sys
from uuid import UUID

import msgspec

from tests.records.world import City
from tests.records.writer import Task
from wangge.audit.verify import verify
from wangge.events.sequencer import Sequencer
from wangge.store.connection import connect
from wangge.store.database import Database

ROUNDS, ACKNOWLEDGED = 3, 200


async def test_what_was_acknowledged_survives_the_kill_of_its_writer(empty_database: Database, city: City) -> None:
    task = Task(empty_database, city.areas["north_1"], b"1" * 32, b"2" * 32)
    acknowledged: list[tuple[str, UUID]] = []
    for _ in range(ROUNDS):
        acknowledged += await _write_and_kill(task)
    assert len(acknowledged) >= ROUNDS * ACKNOWLEDGED
    async with city.pool.transaction("repeatable_read", readonly=True) as snapshot:
        for entity in ("base.person", "base.building"):
            ids = {row for name, row in acknowledged if name == entity}
            stored = {row["id"] for row in await snapshot.fetch(f"SELECT id FROM {entity}")}
            assert ids <= stored
            for table in ("wangge.outbox", "wangge.ledger_entry"):
                found = await snapshot.fetch(f"SELECT row_id FROM {table} WHERE entity = $1", entity)
                assert sorted(row["row_id"] for row in found) == sorted(stored)
        links = await snapshot.fetchval(
            "SELECT count(*) FROM base.person p WHERE NOT EXISTS (SELECT 1 FROM base.person_area a WHERE a.row_id = p.id)"
        )
        assert links == 0


async def test_the_ledger_of_a_killed_writer_verifies(empty_database: Database, city: City) -> None:
    sealer = await connect(empty_database, "sealer")
    while await Sequencer(empty_database, city.keys).step(sealer):
        pass
    report = await verify(sealer, city.keys)
    assert (report.unlinked, report.findings) == (0, [])
    assert report.entries >= ROUNDS * ACKNOWLEDGED
    await sealer.close()


async def _write_and_kill(task: Task) -> list[tuple[str, UUID]]:
    """Start a writer, wait for some acknowledgements, kill it; all that it acknowledged."""
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.records.writer", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert writer.stdin is not None
    assert writer.stdout is not None
    writer.stdin.write(msgspec.json.encode(task) + b"\n")
    lines = [await asyncio.wait_for(writer.stdout.readline(), 60) for _ in range(ACKNOWLEDGED)]
    writer.kill()
    rest, _ = await writer.communicate()
    lines += [line for line in rest.splitlines(keepends=True) if line.endswith(b"\n")]
    return [(name, UUID(row)) for name, row in (line.decode().split() for line in lines)]
