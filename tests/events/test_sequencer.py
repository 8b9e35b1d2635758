"""The sequencer: committed changes get gapless positions, per row in the order of their revisions, one notice per batch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.bootstrapped import run_bootstrap
from wangge.crypto import Keys
from wangge.errors import Conflict, Invalid
from wangge.events.positions import CHANNEL, Position, current, events_after, parse_position
from wangge.events.sequencer import LOCK, Sequencer
from wangge.store.connection import connect
from wangge.store.database import Database
from wangge.values import uuid7

EVENT = "INSERT INTO wangge.outbox (id, kind, entity, row_id, revision) VALUES (uuidv7(), 'update', 'a.b', $1, $2)"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def events(empty_database: Database) -> AsyncIterator[Database]:
    """A database with the core's own tables."""
    await run_bootstrap(empty_database)
    yield empty_database


@pytest_asyncio.fixture(loop_scope="module")
async def app(events: Database) -> AsyncIterator[Any]:
    """A connection of the role that serves."""
    connection = await connect(events, "app")
    yield connection
    await connection.close()


@pytest_asyncio.fixture(loop_scope="module")
async def sequencer(events: Database, keys: Keys) -> AsyncIterator[Sequencer]:
    """A running sequencer."""
    made = Sequencer(events, keys)
    await made.open()
    yield made
    await made.close()


async def _settled(app: Any) -> None:
    """Wait until everything committed has its position and its link."""
    unfinished = (
        "SELECT EXISTS (SELECT 1 FROM wangge.outbox WHERE position IS NULL) "
        "OR EXISTS (SELECT 1 FROM wangge.ledger_entry WHERE seq IS NULL)"
    )
    async with asyncio.timeout(20):
        while await app.fetchval(unfinished):
            pass


async def test_positions_are_gapless_and_follow_the_revisions_of_a_row(
    events: Database, app: Any, sequencer: Sequencer
) -> None:
    start = await current(app)
    rows = [uuid7() for _ in range(20)]

    async def write(first: int) -> None:
        connection = await connect(events, "app")
        for revision in range(first, 400, 4):
            async with connection.transaction():
                await connection.execute(EVENT, rows[revision % 20], revision)
        await connection.close()

    await asyncio.gather(*(write(n) for n in range(4)))
    await _settled(app)
    found = await events_after(app, start)
    assert [event.position.value for event in found] == list(range(start.value + 1, start.value + 401))
    assert await current(app) == Position(start.epoch, start.value + 400)


async def test_a_batch_orders_the_changes_of_one_row_by_revision(events: Database, app: Any, keys: Keys) -> None:
    start, row, other = await current(app), uuid7(), uuid7()
    for revision, which in ((3, row), (1, other), (2, row), (1, row)):
        await app.execute(EVENT, which, revision)
    sealer = await connect(events, "sealer")
    while await Sequencer(events, keys).step(sealer):
        pass
    await sealer.close()
    found = await events_after(app, start)
    assert [event.revision for event in found if event.row == row] == [1, 2, 3]


async def test_an_open_transaction_holds_nothing_up_and_gets_its_position_when_it_commits(
    events: Database, app: Any, sequencer: Sequencer
) -> None:
    start, early, late = await current(app), uuid7(), uuid7()
    slow = await connect(events, "app")
    transaction = slow.transaction()
    await transaction.start()
    await slow.execute(EVENT, late, 1)
    await app.execute(EVENT, early, 1)
    await _settled(app)
    assert [event.row for event in await events_after(app, start)] == [early]
    await transaction.commit()
    await _settled(app)
    assert [event.row for event in await events_after(app, start)] == [early, late]
    await slow.close()


async def test_one_notice_names_the_highest_position(events: Database, app: Any, sequencer: Sequencer) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    listener = await connect(events, "app")
    await listener.add_listener(CHANNEL, lambda *args: heard.put_nowait(args[3]))
    async with app.transaction():
        for _ in range(50):
            await app.execute(EVENT, uuid7(), 1)
    notice = await asyncio.wait_for(heard.get(), 10)
    assert parse_position(notice) == await current(app)
    assert heard.empty()
    await listener.close()


async def test_only_one_of_two_is_elected_and_the_other_takes_over(events: Database, app: Any, keys: Keys) -> None:
    holder = await connect(events, "sealer")
    await holder.execute("SELECT pg_advisory_lock($1)", LOCK)
    second = Sequencer(events, keys)
    await second.open()
    await app.execute(EVENT, uuid7(), 1)
    assert not second.elected
    await holder.close()
    await _settled(app)
    assert second.elected
    await second.close()


async def test_the_sequencer_goes_on_after_its_connection_was_cut(
    events: Database, app: Any, sequencer: Sequencer
) -> None:
    await app.execute(EVENT, uuid7(), 1)
    await _settled(app)
    admin = await connect(events, "admin")
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'wangge_sealer' "
        "AND datname = current_database()"
    )
    await admin.close()
    await app.execute(EVENT, uuid7(), 1)
    await _settled(app)


async def test_a_position_of_another_epoch_or_beyond_the_end_is_expired(app: Any) -> None:
    now = await current(app)
    for position in (Position(now.epoch + 1, 0), Position(now.epoch, now.value + 1)):
        with pytest.raises(Conflict) as caught:
            await events_after(app, position)
        assert caught.value.code == "position.expired"


@pytest.mark.parametrize("text", ["", "1", "1.", ".1", "a.1", "1.-2", "1.2.3", "１.2"])
def test_a_malformed_position_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_position(text)
    assert caught.value.code == "position.malformed"


async def test_partitions_are_made_ahead_and_dropped_after_thirty_days(events: Database) -> None:
    sealer = await connect(events, "sealer")
    await sealer.execute("SELECT wangge.ensure_partitions(DATE '2030-01-30')")
    names = await _partitions(sealer)
    assert {"outbox_20300130", "outbox_20300201", "revision_203002", "ledger_entry_203002"} <= names
    await sealer.execute("SELECT wangge.ensure_partitions(DATE '2030-03-05')")
    names = await _partitions(sealer)
    assert "outbox_20300130" not in names
    assert {"outbox_20300305", "ledger_entry_203001"} <= names
    await sealer.close()


async def _partitions(connection: Any) -> set[str]:
    found = await connection.fetch("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")
    return {row["relname"] for row in found}


def test_positions_are_ordered_by_epoch_and_number() -> None:
    assert Position(1, 2) < Position(1, 3) < Position(2, 0)
    assert str(Position(3, 4)) == "3.4"
