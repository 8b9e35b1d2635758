"""The ledger: entries are linked per district in one order, and whatever is done to them afterwards is found."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from tests.bootstrapped import run_bootstrap
from wangge.audit.entries import CITY_CHAIN, append, head_bytes
from wangge.audit.linker import Linker
from wangge.audit.verify import Finding, Head, heads, verify
from wangge.crypto import Keys
from wangge.store.connection import connect
from wangge.store.database import Database
from wangge.values import Actor, uuid7

ACTOR = Actor(kind="system", name="test")
NORTH, SOUTH = UUID(int=1), UUID(int=2)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ledger(empty_database: Database) -> AsyncIterator[Database]:
    """A database with the core's own tables."""
    await run_bootstrap(empty_database)
    yield empty_database


@pytest_asyncio.fixture(loop_scope="module")
async def app(ledger: Database) -> AsyncIterator[Any]:
    """A connection of the role that serves."""
    connection = await connect(ledger, "app")
    yield connection
    await connection.close()


@pytest_asyncio.fixture(loop_scope="module")
async def sealer(ledger: Database) -> AsyncIterator[Any]:
    """A connection of the role that links."""
    connection = await connect(ledger, "sealer")
    yield connection
    await connection.close()


@pytest_asyncio.fixture(loop_scope="module")
async def admin(ledger: Database) -> AsyncIterator[Any]:
    """A connection of somebody who may do anything to the database, in a transaction that is rolled back."""
    connection = await connect(ledger, "admin")
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def written(ledger: Database, keys: Keys) -> list[Head]:
    """Ten entries in the north, three in the south, two above districts, linked in batches of four; their heads."""
    connection = await connect(ledger, "app")
    for n in range(10):
        await append(
            connection, ACTOR, "update", entity="a.b", row=uuid7(), district=NORTH, fields=["x"], reason=f"{n}"
        )
    for n in range(3):
        await append(connection, ACTOR, "create", entity="a.b", row=uuid7(), district=SOUTH, digest=bytes([n]))
    for _ in range(2):
        await append(connection, ACTOR, "publish")
    found = await _link_all(ledger, keys)
    await connection.close()
    return found


async def _link_all(ledger: Database, keys: Keys) -> list[Head]:
    connection = await connect(ledger, "sealer")
    linker = Linker(keys)
    while await linker.link(connection, 1, limit=4):
        pass
    found = await heads(connection)
    await connection.close()
    return found


async def test_linked_entries_are_as_they_were_written(written: list[Head], app: Any, keys: Keys) -> None:
    report = await verify(app, keys)
    assert (report.chains, report.entries, report.unlinked, report.findings) == (3, 15, 0, [])
    assert {head.chain: head.seq for head in written} == {NORTH: 10, SOUTH: 3, CITY_CHAIN: 2}


TAMPERING = {
    "a changed word": (
        "UPDATE wangge.ledger_entry SET reason = 'other' WHERE chain = $1 AND seq = 5",
        [(5, "changed")],
    ),
    "a changed actor": (
        "UPDATE wangge.ledger_entry SET actor_name = 'x' WHERE chain = $1 AND seq = 1",
        [(1, "changed")],
    ),
    "a changed address": (
        "UPDATE wangge.ledger_entry SET address = '203.0.113.9' WHERE chain = $1 AND seq = 2",
        [(2, "changed")],
    ),
    "a changed origin": (
        "UPDATE wangge.ledger_entry SET origin = 'request' WHERE chain = $1 AND seq = 3",
        [(3, "changed")],
    ),
    "a changed time": (
        "UPDATE wangge.ledger_entry SET at = at + interval '1 microsecond' WHERE chain = $1 AND seq = 10",
        [(10, "changed")],
    ),
    "a changed list of fields": (
        "UPDATE wangge.ledger_entry SET fields = '{}' WHERE chain = $1 AND seq = 7",
        [(7, "changed")],
    ),
    "a changed link": (
        "UPDATE wangge.ledger_entry SET link = decode(repeat('01', 33), 'hex') WHERE chain = $1 AND seq = 4",
        [(4, "changed"), (5, "changed")],
    ),
    "a dropped entry": ("DELETE FROM wangge.ledger_entry WHERE chain = $1 AND seq = 6", [(6, "missing")]),
    "a dropped first entry": ("DELETE FROM wangge.ledger_entry WHERE chain = $1 AND seq = 1", [(1, "missing")]),
    "two entries in each other's place": (
        "UPDATE wangge.ledger_entry SET seq = 11 - seq WHERE chain = $1 AND seq IN (5, 6)",
        [(5, "changed"), (6, "changed"), (7, "changed")],
    ),
    "an inserted copy": (
        "INSERT INTO wangge.ledger_entry SELECT gen_random_uuid(), at, chain, actor_kind, actor_name, account_id, post_ids, "
        "token_id, origin, address, action, entity, row_id, revision, fields, digest, purpose, reason, document, batch_id, row_count, "
        "confirmed, seq, link, epoch FROM wangge.ledger_entry WHERE chain = $1 AND seq = 3",
        [(3, "inserted")],
    ),
    "an entry beyond the head": (
        "INSERT INTO wangge.ledger_entry SELECT gen_random_uuid(), at, chain, actor_kind, actor_name, account_id, post_ids, "
        "token_id, origin, address, action, entity, row_id, revision, fields, digest, purpose, reason, document, batch_id, row_count, "
        "confirmed, 11, link, epoch FROM wangge.ledger_entry WHERE chain = $1 AND seq = 10",
        [(11, "beyond_head"), (11, "changed")],
    ),
    "a cut tail": ("DELETE FROM wangge.ledger_entry WHERE chain = $1 AND seq > 8", [(10, "cut")]),
    "a whole chain": ("DELETE FROM wangge.ledger_entry WHERE chain = $1", [(10, "cut")]),
    "a removed head": ("DELETE FROM wangge.ledger_head WHERE chain = $1", [(10, "head")]),
    "a moved head": ("UPDATE wangge.ledger_head SET seq = 9 WHERE chain = $1", [(9, "head")]),
    "a forged signature": (
        "UPDATE wangge.ledger_head SET signature = decode(repeat('01', 65), 'hex') WHERE chain = $1",
        [(10, "head")],
    ),
    "a forged checkpoint": ("UPDATE wangge.ledger_checkpoint SET seq = 1 WHERE chain = $1", [(1, "checkpoint")]),
    "an entry taken out of its chain": (
        "UPDATE wangge.ledger_entry SET seq = NULL, link = NULL WHERE chain = $1 AND seq = 2",
        [(2, "missing")],
    ),
}


@pytest.mark.parametrize("what", sorted(TAMPERING))
async def test_tampering_is_found(what: str, written: list[Head], admin: Any, keys: Keys) -> None:
    sql, expected = TAMPERING[what]
    await admin.execute(sql, NORTH)
    report = await verify(admin, keys)
    assert sorted({(finding.seq, finding.kind) for finding in report.findings}) == expected
    assert {finding.chain for finding in report.findings} == {NORTH}


async def test_a_chain_that_is_gone_with_its_head_is_told_by_its_checkpoint(
    written: list[Head], admin: Any, keys: Keys
) -> None:
    await admin.execute("DELETE FROM wangge.ledger_entry WHERE chain = $1", NORTH)
    await admin.execute("DELETE FROM wangge.ledger_head WHERE chain = $1", NORTH)
    findings = (await verify(admin, keys)).findings
    assert {(finding.chain, finding.kind) for finding in findings} == {(NORTH, "head")}


async def test_a_cut_with_an_older_signed_head_is_found_by_a_kept_head(
    written: list[Head], admin: Any, keys: Keys
) -> None:
    link = await admin.fetchval("SELECT link FROM wangge.ledger_entry WHERE chain = $1 AND seq = 8", NORTH)
    at = dt.datetime.now(dt.UTC)
    older = keys.sign(head_bytes("ledger", NORTH, 1, 8, link, at))
    await admin.execute("DELETE FROM wangge.ledger_entry WHERE chain = $1 AND seq > 8", NORTH)
    await admin.execute(
        "UPDATE wangge.ledger_head SET seq = 8, link = $2, at = $3, signature = $4 WHERE chain = $1",
        NORTH,
        link,
        at,
        older,
    )
    assert (await verify(admin, keys)).findings == []
    assert (await verify(admin, keys, kept=written)).findings == [
        Finding(NORTH, 10, "cut", "the chain ends at 8; a kept head has entry 10")
    ]


async def test_verify_can_start_at_the_checkpoints_of_a_month(written: list[Head], app: Any, keys: Keys) -> None:
    report = await verify(app, keys, since=dt.date(2100, 1, 1))
    assert (report.entries, report.findings) == (15, [])


async def test_another_deployments_key_fits_nothing(written: list[Head], app: Any) -> None:
    report = await verify(app, Keys(b"1" * 32, b"2" * 32))
    assert {finding.kind for finding in report.findings} == {"changed", "head", "checkpoint"}


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE wangge.ledger_entry SET reason = 'x'",
        "UPDATE wangge.ledger_entry SET seq = 1",
        "DELETE FROM wangge.ledger_entry",
        "TRUNCATE wangge.ledger_entry",
        "UPDATE wangge.ledger_head SET seq = 1",
        "DELETE FROM wangge.ledger_checkpoint",
        "UPDATE wangge.revision SET reason = 'x'",
        "DELETE FROM wangge.revision",
        "UPDATE wangge.outbox SET position = 1",
        "DELETE FROM wangge.outbox",
        "UPDATE wangge.number_sequence SET value = 0",
    ],
)
async def test_the_serving_role_cannot_rewrite_history(sql: str, app: Any) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await app.execute(sql)


async def test_the_sealer_can_link_and_nothing_else(sealer: Any) -> None:
    for sql in (
        "UPDATE wangge.ledger_entry SET reason = 'x'",
        "DELETE FROM wangge.ledger_entry",
        "DELETE FROM wangge.outbox",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await sealer.execute(sql)


async def test_a_new_entry_cannot_bring_its_own_place(app: Any) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await app.execute(
            "INSERT INTO wangge.ledger_entry (id, chain, actor_kind, actor_name, action, entity, seq) "
            "VALUES (uuidv7(), $1, 'system', 'x', 'y', 'z', 99)",
            NORTH,
        )


async def test_a_ledger_that_grows_while_it_is_read_is_sound(
    ledger: Database, written: list[Head], app: Any, keys: Keys
) -> None:
    async def grow() -> None:
        connection = await connect(ledger, "app")
        await append(connection, ACTOR, "update", district=SOUTH)
        await connection.close()
        await _link_all(ledger, keys)

    grown: list[int] = []

    def once(entries: int) -> None:
        if not grown:
            grown.append(entries)
            writer = threading.Thread(target=lambda: asyncio.run(grow()))
            writer.start()
            writer.join()

    report = await verify(app, keys, progress=once)
    assert grown == [2]
    assert (report.entries, report.findings) == (16, [])
