"""`wangge token`, `module`, `sdl` and `policy prove` against a city that is served."""

from __future__ import annotations

import asyncio
import os
import sys

from graphql import build_schema
from tests.city import City, eventually

NANMING = "nanming-urban-management"


async def wangge(city: City, *arguments: str, s3: str = "http://key:secret@127.0.0.1:1/unused") -> tuple[int, str, str]:
    """Run a command on the city's home: (status, output, errors)."""
    found = city.database
    address = f"postgresql://{{}}@/{found.name}?host={found.host}&port={found.port}"
    environment = os.environ | {
        "WANGGE_HOME": str(city.settings.home),
        "WANGGE_DATABASE_URL": address.format("wangge_app"),
        "WANGGE_DATABASE_OWNER_URL": address.format("wangge_owner"),
        "WANGGE_S3_URL": s3,
        "WANGGE_KEY_FILE": str(city.settings.home / "keys" / "wangge.key"),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "wangge",
        *arguments,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_a_token_works_until_it_is_revoked(city: City) -> None:
    status, out, _ = await wangge(city, "token", NANMING, "--days", "1", "--label", "test")
    token = out.strip()
    assert (status, token[:3]) == (0, "wg_")
    headers = {"authorization": f"Bearer {token}"}

    async def answers() -> bool:
        reply = await city.http.post(
            "/graphql", json={"query": "{ incidents(first: 1) { nodes { id } } }"}, headers=headers
        )
        return reply.status_code == 200

    assert await answers()
    assert (await wangge(city, "token", "--revoke", token.split("_")[1]))[0] == 0

    async def refused() -> bool:
        return not await answers()

    await eventually(refused, 5)
    status, _, err = await wangge(city, "token", "nobody")
    assert (status, err.strip()) == (1, 'wangge: there is no active account "nobody"')


async def test_a_module_is_switched_for_one_district(city: City) -> None:
    query = {"query": "{ incidents(first: 1) { nodes { id } } }"}

    async def visible() -> bool:
        return (await city.http.post("/graphql", json=query, headers=city.headers(NANMING))).json().get(
            "data"
        ) is not None

    async def invisible() -> bool:
        return not await visible()

    assert await visible()
    assert (await wangge(city, "module", "disable", "urban_management", "--district", "520102"))[::2] == (0, "")
    await eventually(invisible, 5)
    assert (await wangge(city, "module", "enable", "urban_management", "--district", "520102"))[0] == 0
    await eventually(visible, 5)
    status, _, err = await wangge(city, "module", "disable", "casework")
    assert (status, err.strip()) == (1, "wangge: urban_management needs casework: disable that first")
    assert "urban_management" in (await wangge(city, "module", "list"))[1]


async def test_what_a_module_needs_is_on_in_the_same_places(city: City) -> None:
    async def switch(action: str, module: str, *more: str) -> tuple[int, str]:
        status, _, err = await wangge(city, "module", action, module, *more)
        return status, err.strip()

    for district in ("520102", "520103"):
        assert await switch("disable", "urban_management", "--district", district) == (0, "")
    assert await switch("disable", "casework") == (0, "")
    assert await switch("enable", "casework", "--district", "520102") == (0, "")
    refused = (1, "wangge: urban_management needs casework: enable that first")
    assert await switch("enable", "urban_management") == refused
    assert await switch("enable", "urban_management", "--district", "520103") == refused
    assert await switch("enable", "urban_management", "--district", "520102") == (0, "")
    assert await switch("enable", "casework") == (0, "")
    assert await switch("enable", "urban_management", "--district", "520103") == (0, "")


async def test_the_sdl_is_that_of_the_account(city: City) -> None:
    _, department, _ = await wangge(city, "sdl", "--as", NANMING)
    _, grid, _ = await wangge(city, "sdl", "--as", "nanming-grid-1", "--language", "en")
    assert all(build_schema(sdl).query_type for sdl in (department, grid))
    assert "type Incident implements Node & Case" in department
    assert "Person" not in department
    assert '"""Date of birth"""' in grid
    assert "removeIncident" not in grid


async def test_only_accounts_that_exist_are_proved(city: City) -> None:
    status, _, err = await wangge(city, "policy", "prove", "--account", "nobody")
    assert (status, err.strip()) == (1, 'wangge: there is no active account "nobody"')
