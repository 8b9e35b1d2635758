"""A real `wangge up --demo` in a home of its own, and the writers that talk to it over HTTP while it is being hurt."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from tests.processes import alive, command, family, until
from wangge.files.embedded import free_ports
from wangge.settings import Settings
from wangge.store.embedded import attached
from wangge.values import uuid7

ROOT = Path(__file__).parents[2]
OFFICER = "nanming-urban-management"
CREATE = """mutation($i: CreateIncidentInput!) { createIncident(input: $i) { node { id } errors { code } } }"""
GRID = '{ areas(where: {kind: {eq: "grid"}}, first: 1) { nodes { id } } }'


class Served:
    """One home; `start` and `kill` as often as a test likes."""

    def __init__(self, home: Path, *prefix: str, **environment: str) -> None:
        """`prefix` is a command that runs ours, such as `unshare`."""
        self.home = home
        self.port = free_ports(1)[0]
        self.url = f"http://127.0.0.1:{self.port}"
        self.said = home.with_name(f"{home.name}.said")
        self._prefix = prefix
        self._environment = {"WANGGE_HOME": str(home), "WANGGE_PORT": str(self.port)} | environment
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, seconds: float = 300.0) -> float:
        """Start it and wait until it is ready; the seconds that took."""
        began = time.monotonic()
        with open(self.said, "ab") as said:
            self.process = subprocess.Popen(
                [*self._prefix, *self.words("up", "--demo")],
                env=os.environ | self._environment,
                stdout=said,
                stderr=said,
                cwd=ROOT,
            )
        self.wait(seconds)
        return time.monotonic() - began

    def words(self, *words: str) -> list[str]:
        """The command `wangge` with its words."""
        return [sys.executable, "-m", "wangge", *words]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One command for this home, to its end."""
        return subprocess.run(
            self.words(*words), env=os.environ | self._environment, capture_output=True, text=True, check=False
        )

    def wait(self, seconds: float = 60.0) -> None:
        """Wait until it says that it is ready."""
        until(lambda: self.status("/readyz") == 200, seconds)

    def status(self, path: str) -> int | None:
        """The status of a path, None when nobody answers."""
        try:
            return httpx.get(self.url + path, timeout=5).status_code
        except httpx.HTTPError:
            return None

    def children(self, text: str) -> list[int]:
        """The processes below it whose command line holds `text`."""
        assert self.process is not None
        return [pid for pid in sorted(family(self.process.pid)) if text in command(pid)]

    def postgres(self) -> list[int]:
        """The database server with all its processes, itself first."""
        first = max(self.children("bin/postgres -D"), key=lambda pid: len(family(pid)))
        return [first, *(family(first) - {first})]

    def end(self) -> int:
        """SIGTERM and its status."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(60)

    def destroy(self) -> None:
        """Kill whatever is left of it."""
        if self.process is not None and self.process.poll() is None:
            everyone = family(self.process.pid)
            self.process.kill()
            self.process.wait()
            until(lambda: not alive(everyone))

    def sql(self, text: str) -> list[list[str]]:
        """Rows of a query as the superuser."""
        return [line.split("|") for line in attached(self.home).sql(text, "wangge").splitlines()]

    def accounts(self) -> dict[str, dict[str, str]]:
        """The demonstration accounts by login."""
        found = json.loads((self.home / "demo-accounts.json").read_text())
        return {account["account"]: account for account in found}

    def client(self, login: str = OFFICER, seconds: float = 60.0) -> httpx.AsyncClient:
        """A client with the token of an account."""
        token = self.accounts()[login]["token"]
        return httpx.AsyncClient(base_url=self.url, headers={"authorization": f"Bearer {token}"}, timeout=seconds)

    @property
    def settings(self) -> Settings:
        """Its settings."""
        return Settings(home=self.home)


class Stream:
    """Writers that create incidents with ids of their own until they are told to stop; what each attempt came to."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self.acknowledged: set[str] = set()
        self.refused: set[str] = set()
        self.unknown: dict[str, dict[str, Any]] = {}
        """attempts that were cut off, or answered by 503: they may have been stored or not."""
        self.answers: set[str] = set()
        """every answer that was neither a success nor a refusal."""
        self._grid = ""

    async def open(self) -> None:
        """Look up the grid that they write to."""
        async with self._served.client() as client:
            answer = await client.post("/graphql", json={"query": GRID})
            self._grid = answer.json()["data"]["areas"]["nodes"][0]["id"]

    async def write(self, client: httpx.AsyncClient, number: int) -> bool:
        """One attempt, every fifth of which must be refused; False when the server did not decide."""
        given = {
            "id": str(uuid7()),
            "area": self._grid,
            "duty": "6",
            "source": "STAFF",
            "kind": "EVENT",
            "category": "E-01-02" if number % 5 else "E-99-99",
        }
        return await self._send(client, {**given, "description": f"stream {given['id']}"})

    async def repeat(self) -> None:
        """Send again what was left undecided, as a client does."""
        async with self._served.client() as client:
            for given in list(self.unknown.values()):
                assert await self._send(client, given)

    async def _send(self, client: httpx.AsyncClient, given: dict[str, Any]) -> bool:
        self.unknown[given["id"]] = given
        try:
            answer = await client.post("/graphql", json={"query": CREATE, "variables": {"i": given}})
            body = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            self.answers.add(type(error).__name__)
            return False
        if body.get("errors"):
            self.answers.update(f"{answer.status_code} {error['extensions']['code']}" for error in body["errors"])
            return False
        if body.get("data") is None:
            self.answers.add(f"{answer.status_code} {answer.text[:200]}")
            return False
        made = body["data"]["createIncident"]
        (self.refused if made["errors"] else self.acknowledged).add(given["id"])
        del self.unknown[given["id"]]
        return True

    async def run(self, writers: int, enough: asyncio.Event) -> None:
        """Write until `enough`; a writer whose attempt was not decided stops."""

        async def one() -> None:
            async with self._served.client() as client:
                number = 0
                while not enough.is_set():
                    number += 1
                    if not await self.write(client, number):
                        return

        await asyncio.gather(*(one() for _ in range(writers)))

    def check(self) -> None:
        """Nothing acknowledged is lost, nothing refused is stored, nothing is there twice or unasked for."""
        rows = self._served.sql(
            "SELECT i.id, c.description FROM urban_management.incident i JOIN casework.case c ON c.id = i.id "
            "WHERE c.description LIKE 'stream %'"
        )
        stored = [row[0] for row in rows]
        assert [f"stream {row}" for row in stored] == [row[1] for row in rows]
        assert self.acknowledged <= set(stored)
        assert not self.refused & set(stored)
        assert set(stored) <= self.acknowledged | set(self.unknown)
        assert len(stored) == len(set(stored))


async def written(stream: Stream, writers: int, count: int, hurt: Sequence[int], number: int) -> None:
    """Write with several writers, and once `count` more are acknowledged send the signal `number` to the processes."""
    before, enough = len(stream.acknowledged), asyncio.Event()
    running = asyncio.create_task(stream.run(writers, enough))
    async with asyncio.timeout(120):
        while len(stream.acknowledged) < before + count and not running.done():  # noqa: ASYNC110 # other processes answer
            await asyncio.sleep(0.005)
    for pid in hurt:
        os.kill(pid, number)
    await asyncio.sleep(0.3)
    enough.set()
    await running
