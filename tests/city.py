"""A small demonstration city for tests: made once per run, copied for each test file, served by the real HTTP server.

Fixtures for a folder's conftest: `from tests.city import *`.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import uvicorn

from tests.conftest import _run
from wangge.app import build
from wangge.demo import ensure
from wangge.http.protocol import Protocol
from wangge.http.sockets import LARGEST, Sockets
from wangge.prepare import prepare
from wangge.runtime import Runtime, write_runtime
from wangge.settings import Settings
from wangge.store.database import Database
from wangge.store.embedded import EmbeddedPostgres
from wangge.store.pool import Pool

__all__ = ["City", "city", "city_admin", "city_database", "city_home", "city_owner", "city_settings", "city_template"]

TEMPLATE = "template_of_city"
SEED = 7


class City:
    """A served city: one client per demonstration account."""

    def __init__(self, url: str, accounts: list[dict[str, str]], settings: Settings, database: Database) -> None:
        self.url = url
        self.accounts = {account["account"]: account for account in accounts}
        self.settings = settings
        self.database = database
        self.http = httpx.AsyncClient(base_url=url, timeout=30)

    def headers(self, login: str | None) -> dict[str, str]:
        """The headers of an account."""
        return {"authorization": f"Bearer {self.accounts[login]['token']}"} if login else {}

    async def ask(
        self, login: str | None, query: str, variables: dict[str, Any] | None = None, **more: str
    ) -> dict[str, Any]:
        """The whole GraphQL answer."""
        body = {"query": query, "variables": variables or {}}
        answer = await self.http.post("/graphql", json=body, headers={**self.headers(login), **more})
        made: dict[str, Any] = answer.json()
        return made

    async def data(self, login: str, query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        """The data of an answer without errors."""
        answer = await self.ask(login, query, variables)
        assert "errors" not in answer, answer["errors"]
        made: dict[str, Any] = answer["data"]
        return made

    async def code(self, login: str | None, query: str, variables: dict[str, Any] | None = None) -> str:
        """The code of the first error."""
        answer = await self.ask(login, query, variables)
        return str(answer["errors"][0]["extensions"]["code"])


async def eventually(holds: Callable[[], Awaitable[bool]], seconds: float = 10) -> None:
    """Wait until something that other processes or tasks bring about holds."""
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 # what is waited for happens in another process
            await asyncio.sleep(0.02)


async def approve(owner: Pool, module: str) -> None:
    """Let the rules of a module count that a test is about to install, as if a security administrator had looked at them."""
    sql = "INSERT INTO wangge.module_approval (module, login, reason) VALUES ($1, 'tests', 'a test') ON CONFLICT DO NOTHING"
    await owner.execute(sql, module)


@pytest.fixture(scope="session")
def city_home(pytestconfig: pytest.Config) -> Path:
    """The home of the template city: its keys and accounts."""
    return pytestconfig.stash[_run] / "city"


@pytest.fixture(scope="session")
def city_template(city_home: Path, postgres: EmbeddedPostgres) -> str:
    """The name of a database that holds the city, made once per run; connect to it never."""
    city_home.mkdir(exist_ok=True)
    done = city_home / "done"
    with open(city_home / "lock", "w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not done.exists():
            postgres.drop_database(TEMPLATE)
            settings = Settings(home=city_home, port=0)
            database = postgres.create_database(TEMPLATE)

            async def work() -> None:
                await prepare(settings, database)
                assert await ensure(settings, Runtime(database=database), "T", SEED)

            loop = asyncio.new_event_loop()
            try:
                loop.run_until_complete(work())
            finally:
                loop.close()
            done.touch()
    return TEMPLATE


@pytest.fixture(scope="module")
def city_database(postgres: EmbeddedPostgres, city_template: str, database_names: Iterator[str]) -> Iterator[Database]:
    """A city of this test file's own."""
    name = next(database_names)
    yield postgres.create_database(name, city_template)
    postgres.drop_database(name)


@pytest.fixture(scope="module")
def city_settings(city_home: Path, city_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home with the city's keys and accounts."""
    home = tmp_path_factory.mktemp("city")
    shutil.copytree(city_home / "keys", home / "keys")
    shutil.copy(city_home / "demo-accounts.json", home)
    settings = Settings(home=home, port=0, nightly=False)  # else tests at night would meet its jobs
    write_runtime(settings, Runtime(database=city_database))
    return settings


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def city_owner(city_database: Database) -> AsyncIterator[Pool]:
    """Connections to the city's database that see and may do everything."""
    async with Pool(city_database, "owner") as pool:
        yield pool


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def city_admin(city_database: Database) -> AsyncIterator[Pool]:
    """Connections as the superuser, for the server's own statistics."""
    async with Pool(city_database, "admin") as pool:
        yield pool


@asynccontextmanager
async def served(settings: Settings, database: Database, listening: socket.socket | None = None) -> AsyncIterator[City]:
    """The application of one worker on a free port, or on a socket that listens already, until the block ends."""
    config = uvicorn.Config(
        build(settings),
        host="127.0.0.1",
        lifespan="on",
        access_log=False,
        log_level="warning",
        ws=Sockets,
        ws_max_size=LARGEST,
        ws_per_message_deflate=False,
        http=Protocol,
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=list(settings.proxies),
        port=0,
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined] # the test's process keeps its own
    running = asyncio.create_task(server.serve([listening] if listening is not None else None))
    while not server.started:
        if running.done():
            running.result()
        await asyncio.sleep(0.01)
    port = (listening or server.servers[0].sockets[0]).getsockname()[1]
    city = City(
        f"http://127.0.0.1:{port}", json.loads((settings.home / "demo-accounts.json").read_text()), settings, database
    )
    try:
        yield city
    finally:
        await city.http.aclose()
        server.should_exit = True
        await running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def city(city_settings: Settings, city_database: Database) -> AsyncIterator[City]:
    """The city, served over HTTP."""
    async with served(city_settings, city_database) as made:
        yield made
