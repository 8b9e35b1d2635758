"""A city with a real OpenID provider beside it: `from tests.identity.provided import *` in a test file."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import msgspec
import pytest
import pytest_asyncio

from tests.apps.provider import CLIENT, SECRET
from tests.city import City, served
from tests.identity.test_administration import Town
from wangge.settings import Settings
from wangge.store.database import Database

__all__ = ["city", "issuer", "listening", "oidc_settings"]

LINK = "mutation ($a: ID!, $s: String!) { linkIdentity(account: $a, subject: $s) { node { id subject } errors { code path } } }"


@pytest.fixture(scope="module")
def listening() -> Iterator[socket.socket]:
    """Where the city will be served: the provider must know it before."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@pytest.fixture(scope="module")
def issuer(listening: socket.socket) -> Iterator[str]:
    """The provider, a process of its own."""
    returns_to = f"http://127.0.0.1:{listening.getsockname()[1]}/session/oidc/return"
    command = [sys.executable, "-m", "tests.apps.provider", returns_to]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


@pytest.fixture(scope="module")
def oidc_settings(city_settings: Settings, issuer: str, listening: socket.socket) -> Settings:
    """The city's settings with the provider."""
    file = city_settings.home / "client-secret"
    file.write_text(SECRET + "\n")
    file.chmod(0o600)
    return msgspec.structs.replace(
        city_settings,
        oidc_issuer=issuer,
        oidc_client_id=CLIENT,
        oidc_secret_file=file,
        oidc_address=f"http://127.0.0.1:{listening.getsockname()[1]}",
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def city(oidc_settings: Settings, city_database: Database, listening: socket.socket) -> AsyncIterator[City]:
    """The city, served over HTTP where the provider sends browsers back to."""
    async with served(oidc_settings, city_database, listening) as made:
        yield made


async def linked(town: Town, login: str, role: str = "station_clerk") -> tuple[str, str]:
    """A new account in Nanming that the person `login` at the provider is linked to: its id, and the link's."""
    account = await town.new()
    await town.give("nanming-admin", account, role, "520102", "520102000000")
    answer = await town.city.data("nanming-admin", LINK, {"a": account, "s": f"sub-of-{login}"})
    assert answer["linkIdentity"]["errors"] == []
    return account, answer["linkIdentity"]["node"]["id"]
