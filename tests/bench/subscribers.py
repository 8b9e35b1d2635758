"""`python -m tests.bench.subscribers`: what changes cost when 2,000 subscribers listen with 200 different conditions.

A small city of its own is made and thrown away. One worker serves the subscribers, each on a WebSocket of its own; changes are
written by this process, one at a time and ten a second, the same for every round: nobody listens, 20 with 20 conditions, 2,000 with
200, and 2,000 who are all told all. Printed per change: matching statements, CPU of the worker and of all processes of PostgreSQL.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
from tests.bench.serving import worker
from tests.processes import family
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from wangge.app import Parts, compose
from wangge.crypto import load_keys
from wangge.demo import ensure
from wangge.identity.accounts import create_account, create_post
from wangge.identity.scopes import Credential
from wangge.identity.tokens import create_token
from wangge.prepare import prepare
from wangge.runtime import write_runtime
from wangge.services import Services
from wangge.settings import Settings
from wangge.store.pool import Pool

OFFICER, ROLE, ENTITY = "city-urban-management", "urban_management_officer", "urban_management.incident"
ACCOUNTS, CONDITIONS = 20, 200
PAUSE = 0.1
"""seconds from one change to the next."""
LIKE = "SELECT a.id, p.unit, p.area_id FROM wangge.post p JOIN wangge.account a ON a.id = p.account WHERE a.login = $1"
ROWS = "SELECT id FROM urban_management.incident WHERE removed_at IS NULL ORDER BY id LIMIT 10"
PLACED = "SELECT NOT EXISTS (SELECT 1 FROM wangge.outbox WHERE position IS NULL)"
DOCUMENT = (
    "subscription($w: IncidentWhere) { incidentsChanged(where: $w) { kind id node { id caseNo description state } } }"
)
TICKS = os.sysconf("SC_CLK_TCK")


class Round(msgspec.Struct, frozen=True):
    """Who listens: how many, with how many conditions; no condition at all with 0."""

    name: str
    listeners: int
    conditions: int


class Cost(msgspec.Struct, frozen=True):
    """What one change cost: statements, milliseconds of CPU, and how many were told."""

    statements: float
    server: float
    database: float
    told: float
    memory: float
    """MB of the worker at the end."""


ROUNDS = (
    Round("nobody", 0, 0),
    Round("20 with 20 conditions", 20, 20),
    Round("2,000 with 200 conditions", 2_000, CONDITIONS),
    Round("2,000, all told", 2_000, 0),
)


def cpu(pids: Sequence[int] | set[int]) -> float:
    """Milliseconds of CPU that processes have used."""
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12]) + int(fields[13]) + int(fields[14])
    return total * 1000 / TICKS


def resident(pid: int) -> float:
    """MB of memory that a process holds."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


class Listeners:
    """Subscribers, each on a connection of its own, and what they were told."""

    def __init__(self, url: str, tokens: Sequence[str]) -> None:
        self._url = url.replace("http", "ws", 1) + "/graphql"
        self._tokens = tokens
        self.told = 0

    @asynccontextmanager
    async def on(self, round_: Round) -> AsyncIterator[None]:
        """All of a round are subscribed when the block begins."""
        async with AsyncExitStack() as stack:
            slots = asyncio.Semaphore(20)
            tasks = []
            for n in range(round_.listeners):
                async with slots:
                    connection = await stack.enter_async_context(
                        connect(self._url, subprotocols=[Subprotocol("graphql-transport-ws")], compression=None)
                    )
                    await self._begin(connection, n, round_.conditions)
                    tasks.append(asyncio.create_task(self._count(connection)))
            yield
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def quiet(self) -> None:
        """Until nobody was told anything for two seconds."""
        told = -1
        while told != self.told:
            told = self.told
            await asyncio.sleep(2)

    async def _begin(self, connection: ClientConnection, n: int, conditions: int) -> None:
        token = self._tokens[n % len(self._tokens)]
        await connection.send(json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}))
        assert json.loads(await connection.recv())["type"] == "connection_ack"
        where = {"description": {"eq": f"条件{n % conditions}"}} if conditions else None
        for name, query, given in (("s", DOCUMENT, {"w": where}), ("q", "{ __typename }", {})):
            payload = {"query": query, "variables": given}
            await connection.send(json.dumps({"id": name, "type": "subscribe", "payload": payload}))
        for _ in range(2):  # the answer of the second operation: the first is in force
            assert json.loads(await connection.recv())["id"] == "q"

    async def _count(self, connection: ClientConnection) -> None:
        async for _ in connection:
            self.told += 1


async def tokens_of(parts: Parts, settings: Settings, owner: Pool) -> list[str]:
    """Tokens of as many officers of the whole city."""
    keys, made = load_keys(settings.home, None), []
    async with owner.transaction() as connection:
        place = await connection.fetchrow(LIKE, OFFICER)
        for n in range(ACCOUNTS):
            account = await create_account(connection, f"listener-{n}", "测试", place["area_id"])
            await create_post(connection, account, ROLE, place["unit"], place["area_id"])
            made.append(await create_token(connection, keys, account))
    return made


class Writer:
    """Changes incidents one after the other, so that each change is one of a condition's rows coming and another's leaving."""

    def __init__(self, parts: Parts, owner: Pool) -> None:
        self._parts, self._owner = parts, owner
        self._rows: list[UUID] = []
        self._scope: Any = None
        self._written = 0

    async def open(self) -> None:
        """Choose rows that all listeners see."""
        officer = (await self._owner.fetchrow(LIKE, OFFICER))["id"]  # type: ignore[index] # the account is there
        self._scope = await self._parts.scopes.scope(Credential(officer))
        self._rows = [row["id"] for row in await self._owner.fetch(ROWS)]

    async def write(self, changes: int, conditions: int) -> None:
        """So many changes, and until each has its position."""
        for _ in range(changes):
            began = time.monotonic()
            row, text = self._rows[self._written % len(self._rows)], f"条件{self._written % (conditions or CONDITIONS)}"
            self._written += 1
            made = await self._parts.records.update(self._scope, ENTITY, row, {"description": text})
            assert not made.errors, made.errors
            await asyncio.sleep(max(0.0, PAUSE - (time.monotonic() - began)))
        while not await self._owner.fetchval(PLACED):  # noqa: ASYNC110 (the sequencer is another process)
            await asyncio.sleep(0.02)


async def statements(http: httpx.AsyncClient) -> int:
    """How many statements matched changes so far."""
    lines = (await http.get("/metrics")).text.splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("wangge_subscription_statements_total"))


async def measure(
    settings: Settings, services: Services, url: str, pid: int, changes: int, rounds: Sequence[Round]
) -> dict[str, Cost]:
    """Every round on one worker."""
    parts, found = compose(settings), dict[str, Cost]()
    assert services.postgres is not None
    assert services.postgres.pid is not None
    async with parts.pool, Pool(parts.database, "owner") as owner, httpx.AsyncClient(base_url=url, timeout=60) as http:
        await parts.scopes.open()
        writer, listeners = Writer(parts, owner), Listeners(url, await tokens_of(parts, settings, owner))
        await writer.open()
        for round_ in rounds:
            async with listeners.on(round_):
                await writer.write(10, round_.conditions)
                await asyncio.sleep(2)
                before, server, database = await statements(http), cpu([pid]), cpu(family(services.postgres.pid))
                told = listeners.told
                await writer.write(changes, round_.conditions)
                await listeners.quiet()
                found[round_.name] = Cost(
                    (await statements(http) - before) / changes,
                    (cpu([pid]) - server) / changes,
                    (cpu(family(services.postgres.pid)) - database) / changes,
                    (listeners.told - told) / changes,
                    resident(pid),
                )
                print(round_.name, found[round_.name], flush=True)
        await parts.scopes.close()
    return found


def report(found: dict[str, Cost]) -> None:
    """The figures and their ratios."""
    nobody, few, many = (found[round_.name] for round_ in ROUNDS[:3])
    print(
        "\n| listeners | statements a change | told a change | worker, ms of CPU | PostgreSQL, ms of CPU | worker, MB |"
    )
    print("|---|---|---|---|---|---|")
    for name, cost in found.items():
        figures = (
            f"{cost.statements:.2f} | {cost.told:.1f} | {cost.server:.2f} | {cost.database:.2f} | {cost.memory:.0f}"
        )
        print(f"| {name} | {figures} |")
    print(f"\nstatements, 2,000 against 20 subscribers: {many.statements / few.statements:.2f}")
    print(
        f"CPU of PostgreSQL, 2,000 against 20: {many.database / few.database:.2f}, above nobody: "
        f"{(many.database - nobody.database) / max(few.database - nobody.database, 0.01):.2f}"
    )
    print(f"CPU of the worker, 2,000 against 20: {many.server / few.server:.2f}")


def main() -> None:
    """Make the city, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", type=int, default=200, help="changes a round")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wangge-subscribers-") as folder:
        Path(folder).chmod(0o755)
        settings = Settings(home=Path(folder) / "home", port=0, nightly=False)
        services = Services(settings)
        try:
            runtime = services.start(s3=False)
            write_runtime(settings, runtime)

            async def make() -> None:
                await prepare(settings, runtime.database)
                assert await ensure(settings, runtime, "T", 7)

            asyncio.run(make())
            environment = os.environ | {"WANGGE_HOME": str(settings.home), "WANGGE_NIGHTLY": "0"}
            with worker(environment, Path(folder) / "worker.log") as (url, pid):
                report(asyncio.run(measure(settings, services, url, pid, args.changes, ROUNDS)))
        finally:
            services.stop()


if __name__ == "__main__":
    main()
