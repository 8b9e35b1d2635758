"""SECURITY.md 45, 46 and PERMISSIONS.md 7: rights that end are obeyed by every worker within a second, under load and after
a stall of the database; no write commits under rights that ended before it; sign-ins take nobody's Scope."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from tests.graphql.test_writing import CREATE
from tests.identity.test_ended_writes import OWN, own_rules
from tests.long.served import GRID, OFFICER, Served
from wangge.crypto import load_keys
from wangge.identity.accounts import (
    change_account,
    create_account,
    create_post,
    disable_module,
    enable_module,
    end_post,
)
from wangge.identity.sessions import set_password
from wangge.identity.tokens import create_token, end_token
from wangge.runtime import load_runtime
from wangge.store.pool import Pool
from wangge.values import uuid7

pytestmark = [pytest.mark.long, pytest.mark.asyncio(loop_scope="module")]
WORKERS, EACH = 2, 3
"""readers, and as many writers, of each worker."""
SECOND = 1.0
SIGN_INS, SECONDS, SIGNERS = 6_600, 600.0, 24
STALL = 2.0
ROLE, MODULE = "urban_management_officer", "urban_management"
LIKE = """SELECT p.unit, p.area_id, p.district_id FROM wangge.post p JOIN wangge.account a ON a.id = p.account
WHERE a.login = $1"""
WRITTEN = """SELECT i.id::text FROM urban_management.incident i JOIN casework.case c ON c.id = i.id
WHERE c.description = $1"""
LIST = "{ incidents(first: 1) { nodes { id } } }"
Ending = Callable[[Any, UUID, UUID], Awaitable[Any]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """A demonstration city with several workers."""
    made = Served(tmp_path_factory.mktemp("freshness") / "home", WANGGE_WORKERS=str(WORKERS))
    try:
        await asyncio.to_thread(made.start)
        yield made
    finally:
        made.destroy()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def owner(served: Served) -> AsyncIterator[Pool]:
    """Connections that change rights, and a role with rules of its own."""
    async with Pool(load_runtime(served.settings).database, "owner", size=6) as pool:
        await own_rules(pool)
        yield pool


class Account:
    """One account whose rights will end, and its token."""

    def __init__(self, id_: UUID, login: str, token: str) -> None:
        self.id, self.login, self.token = id_, login, token


async def hire(served: Served, owner: Pool, role: str = ROLE) -> Account:
    """A new officer of the district."""
    login = f"fresh-{uuid7().hex}"
    async with owner.transaction() as connection:
        place = await connection.fetchrow(LIKE, OFFICER)
        account = await create_account(connection, login, "测试", place["area_id"])
        await create_post(connection, account, role, place["unit"], place["area_id"])
        token = await create_token(connection, load_keys(served.home, None), account)
    return Account(account, login, token)


class Load:
    """Readers and writers of one account, each on a connection of its own to a worker that is known."""

    def __init__(self, served: Served, account: Account) -> None:
        self._served, self._account = served, account
        self._enough = asyncio.Event()
        self.allowed: list[tuple[float, int, str]] = []
        """(when it was sent, worker, what) of every request that was answered as allowed."""
        self.refused: set[tuple[int, str]] = set()
        self.strange: set[str] = set()
        """answers that were neither."""
        self.workers: set[int] = set()

    @asynccontextmanager
    async def on(self) -> AsyncIterator[None]:
        """Until the block ends; all workers are under load when it begins."""
        async with self._client() as client:
            answer = await client.post("/graphql", json={"query": GRID})
            grid = answer.json()["data"]["areas"]["nodes"][0]["id"]
        asking = {"read": lambda: {"query": LIST}, "write": lambda: self._created(grid)}
        found = await self._connections()
        tasks = [
            asyncio.create_task(self._ask(client, worker, what, body))
            for what, body in asking.items()
            for client, worker in [found.pop() for _ in range(EACH * WORKERS)]
        ]
        try:
            for _ in range(2400):
                if len({(worker, what) for _, worker, what in self.allowed}) == 2 * WORKERS:
                    break
                assert self.refused | self.strange == set(), (self.refused, self.strange)
                await asyncio.sleep(0.05)
            yield
        finally:
            self._enough.set()
            await asyncio.gather(*tasks)

    def _client(self) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {self._account.token}"}
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
        return httpx.AsyncClient(base_url=self._served.url, headers=headers, timeout=60, limits=limits)

    async def _connections(self) -> list[tuple[httpx.AsyncClient, int]]:
        """As many connections to each worker, in turn; which worker accepts one is chance."""
        found: dict[int, list[httpx.AsyncClient]] = {}
        async with asyncio.timeout(120):
            while len(found) < WORKERS or min(map(len, found.values())) < 2 * EACH:
                client = self._client()
                found.setdefault((await measures(client))["process_id"], []).append(client)
        self.workers = set(found)
        spare = [client for clients in found.values() for client in clients[2 * EACH :]]
        await asyncio.gather(*(client.aclose() for client in spare))
        return [(clients[n], worker) for n in range(2 * EACH) for worker, clients in found.items()]

    def _created(self, grid: str) -> dict[str, Any]:
        given = {"area": grid, "duty": "6", "source": "STAFF", "kind": "EVENT", "category": "E-01-02"}
        given |= {"description": self._account.login, "id": str(uuid7())}
        return {"query": CREATE, "variables": {"i": given, "c": None}}

    async def _ask(self, client: httpx.AsyncClient, worker: int, what: str, body: Callable[[], Any]) -> None:
        try:
            while not self._enough.is_set():
                sent = time.monotonic()
                answer = await client.post("/graphql", json=body())
                self._note(sent, worker, what, answer)
        finally:
            await client.aclose()

    def _note(self, sent: float, worker: int, what: str, answer: httpx.Response) -> None:
        told = answer.json()
        if "errors" not in told:
            self.allowed.append((sent, worker, what))
        elif answer.status_code in (200, 400, 401, 403):
            self.refused.add((worker, what))
        else:
            self.strange.add(f"{answer.status_code} {told['errors'][0]['extensions']['code']}")

    def late(self, since: float) -> float:
        """Seconds from `since` to the last request that was still allowed."""
        return max([0.0, *(sent - since for sent, _, _ in self.allowed)])


async def measures(client: httpx.AsyncClient) -> dict[str, int]:
    """The whole numbers of /metrics of the worker at the end of a connection."""
    lines = (await client.get("/metrics")).text.splitlines()
    found = dict(line.removeprefix("wangge_").split() for line in lines if not line.startswith("#"))
    return {name: int(value) for name, value in found.items() if value.isdigit()}


async def of_all_workers(served: Served) -> dict[int, dict[str, int]]:
    """The measures of every worker."""
    found: dict[int, dict[str, int]] = {}
    async with asyncio.timeout(30):
        while len(found) < WORKERS:
            async with httpx.AsyncClient(base_url=served.url, timeout=60) as client:
                told = await measures(client)
                found[told["process_id"]] = told
    return found


async def end_the_token(connection: Any, account: UUID, district: UUID) -> None:
    await end_token(connection, await connection.fetchval("SELECT id FROM wangge.token WHERE account = $1", account))


async def end_the_post(connection: Any, account: UUID, district: UUID) -> None:
    await end_post(connection, await connection.fetchval("SELECT id FROM wangge.post WHERE account = $1", account))


async def disable_the_account(connection: Any, account: UUID, district: UUID) -> None:
    await change_account(connection, account, "disable", name="测试", expires_at=None, state="DISABLED")


async def take_the_rules(connection: Any, account: UUID, district: UUID) -> None:
    await connection.execute("UPDATE wangge.rule SET removed_at = now() WHERE role = $1", OWN)
    await connection.execute("SELECT wangge.touch('rule', $1)", f"role:{OWN}")


async def switch_the_module_off(connection: Any, account: UUID, district: UUID) -> None:
    for row in await connection.fetch("SELECT DISTINCT district FROM wangge.enablement WHERE removed_at IS NULL"):
        await disable_module(connection, MODULE, row["district"])


ENDINGS = [end_the_token, end_the_post, disable_the_account, take_the_rules, switch_the_module_off]


async def end_under_load(
    served: Served, owner: Pool, account: Account, ending: Ending
) -> tuple[Load, float, list[str]]:
    """(the load, seconds until every worker obeyed, what was written before).

    What was written is read by the ending transaction itself once it holds the lock that writes share: whatever is stored
    besides was committed after it. No clock is compared.
    """
    load = Load(served, account)
    async with load.on():
        async with owner.transaction() as connection:
            district = (await connection.fetchrow(LIKE, OFFICER))["district_id"]
            await ending(connection, account.id, district)
            before = [row[0] for row in await connection.fetch(WRITTEN, account.login)]
        since = time.monotonic()
        await asyncio.sleep(2 * SECOND)
    return load, load.late(since), before


@pytest.mark.parametrize("ending", ENDINGS)
async def test_every_worker_obeys_within_a_second_and_no_write_comes_after(
    served: Served, owner: Pool, ending: Ending
) -> None:
    account = await hire(served, owner, OWN if ending is take_the_rules else ROLE)
    load, seconds, before = await end_under_load(served, owner, account, ending)
    if ending is switch_the_module_off:
        async with owner.transaction() as connection:
            await enable_module(connection, MODULE, None)
    after = [row[0] for row in await owner.fetch(WRITTEN, account.login)]
    print(f"{ending.__name__}: {seconds:.3f} s, {len(load.allowed)} requests, {len(before)} writes")
    assert seconds < SECOND
    assert sorted(after) == sorted(before)
    assert len(before) >= EACH * WORKERS
    assert load.refused == {(worker, what) for worker in load.workers for what in ("read", "write")}
    assert load.strange == set()


async def test_sign_ins_take_nobodys_scope(served: Served, owner: Pool) -> None:
    accounts = [await hire(served, owner) for _ in range(SIGNERS)]
    for account in accounts:
        async with owner.transaction() as connection:
            await set_password(connection, account.id, f"{account.login}-Wn7")
    other = Load(served, await hire(served, owner))
    async with other.on():
        await asyncio.sleep(SECOND)
        before = await of_all_workers(served)
        began = time.monotonic()
        done = await asyncio.gather(*(_sign_in_often(served, account, began) for account in accounts))
        seconds = time.monotonic() - began
        after = await of_all_workers(served)
    print(f"{sum(done)} sign-ins in {seconds:.0f} s beside {len(other.allowed)} requests")
    assert sum(done) == SIGN_INS
    assert other.strange | other.refused == set()
    for worker, told in after.items():
        assert [told[name] - before[worker][name] for name in ("scopes_built_total", "scopes_ended_total")] == [0, 0]


async def _sign_in_often(served: Served, account: Account, began: float) -> int:
    """One account's share, evenly over the time."""
    count, done = SIGN_INS // SIGNERS, 0
    given = {"login": account.login, "password": f"{account.login}-Wn7"}
    async with httpx.AsyncClient(base_url=served.url, timeout=60) as client:
        for n in range(count):
            await asyncio.sleep(max(0.0, began + n * SECONDS / count - time.monotonic()))
            done += (await client.post("/session", json=given)).status_code == 200
            client.cookies.clear()
    return done


@asynccontextmanager
async def stopped(served: Served, owner: Pool) -> AsyncIterator[None]:
    """Every process of the database stands still."""
    processes = served.postgres()
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


@asynccontextmanager
async def locked(served: Served, owner: Pool) -> AsyncIterator[None]:
    """Nobody can read the counters of changes."""
    async with owner.transaction() as connection:
        await connection.execute("LOCK TABLE wangge.change_counter IN ACCESS EXCLUSIVE MODE")
        yield


@pytest.mark.parametrize("stalled", [stopped, locked])
async def test_two_seconds_without_a_database_are_no_outage(served: Served, owner: Pool, stalled: Any) -> None:
    workers, stays, goes = served.children("wangge.worker"), await hire(served, owner), await hire(served, owner)
    load, ending = Load(served, stays), Load(served, goes)
    async with load.on(), ending.on():
        before = await of_all_workers(served)
        async with stalled(served, owner):
            revoking = asyncio.create_task(_revoke(owner, goes))
            await asyncio.sleep(STALL)
        written, since = await revoking
        await asyncio.sleep(2 * SECOND)
        after = await of_all_workers(served)
    seconds = ending.late(since)
    print(f"{stalled.__name__}: {seconds:.3f} s after it, {len(load.allowed)} requests")
    assert load.strange | ending.strange == set()
    assert load.refused == set()
    assert served.children("wangge.worker") == workers
    assert seconds < SECOND
    assert sorted(row[0] for row in await owner.fetch(WRITTEN, goes.login)) == sorted(written)
    for worker, told in after.items():
        assert told["scopes_ended_total"] - before[worker]["scopes_ended_total"] == 1


async def _revoke(owner: Pool, account: Account) -> tuple[list[str], float]:
    """(what was written before, when it was committed)."""
    async with owner.transaction() as connection:
        await end_the_token(connection, account.id, account.id)
        before = [row[0] for row in await connection.fetch(WRITTEN, account.login)]
    return before, time.monotonic()
