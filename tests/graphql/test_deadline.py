"""Every request ends by its deadline, with a sentence, and its statement ends with it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest_asyncio

from tests.city import City, eventually, served
from wangge.settings import Settings
from wangge.store.database import Database
from wangge.store.pool import Pool

INCIDENTS = "{ incidents(first: 1) { nodes { id } } }"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hasty(city_settings: Settings, city_database: Database) -> AsyncIterator[City]:
    """A city whose requests may take one second."""
    async with served(msgspec.structs.replace(city_settings, request_seconds=1), city_database) as made:
        yield made


async def test_a_request_that_takes_too_long_is_ended_and_said(hasty: City, city_owner: Pool, city_admin: Pool) -> None:
    async with city_owner.transaction() as connection:
        await connection.execute("LOCK TABLE urban_management.incident IN ACCESS EXCLUSIVE MODE")
        answer = await hasty.http.post(
            "/graphql",
            json={"query": INCIDENTS},
            headers={**hasty.headers("nanming-urban-management"), "accept-language": "en"},
        )
        assert (answer.status_code, answer.json()) == (
            503,
            {
                "errors": [
                    {
                        "message": "The request took longer than 1 s and was ended; read before you repeat a write",
                        "extensions": {"code": "request.deadline", "seconds": 1},
                    }
                ]
            },
        )

        async def ended() -> bool:
            waiting = (
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            return bool(await city_admin.fetchval(waiting) == 0)

        await eventually(ended)
    assert "errors" not in await hasty.ask("nanming-urban-management", INCIDENTS)
