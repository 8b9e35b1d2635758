"""The nightly job in a served process, and the command that does the same."""

from __future__ import annotations

from uuid import UUID

from tests.city import City, eventually
from tests.graphql.test_commands import wangge
from wangge.events.jobs import enqueue
from wangge.store.pool import Pool

OLD = """UPDATE base.person SET deceased_at = current_date - interval '11 years' WHERE id IN (
  SELECT p.id FROM base.person p WHERE p.removed_at IS NULL AND p.deceased_at IS NULL ORDER BY p.id LIMIT $1) RETURNING id"""


async def due(city: City, pool: Pool, number: int) -> list[UUID]:
    """Let so many persons have died long ago."""
    return [row["id"] for row in await pool.fetch(OLD, number)]


async def test_the_command_counts_and_then_ends_what_is_over(city: City, city_owner: Pool) -> None:
    persons = await due(city, city_owner, 3)
    names = "SELECT count(*) FROM base.person WHERE id = ANY($1::uuid[]) AND name <> ''"
    status, out, err = await wangge(city, "retention", "run", "--dry-run")
    lines = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
    assert (status, err, lines["base.person"]) == (0, "", ["3", "anonymise", "P10Y", "after", "deceasedAt"])
    assert await city_owner.fetchval(names, persons) == 3
    assert (await wangge(city, "retention", "run"))[0] == 0
    assert await city_owner.fetchval(names, persons) == 0
    status, out, _ = await wangge(city, "retention", "run", "--dry-run")
    assert (status, out.splitlines()[-1]) == (0, "0 rows are due")


async def test_a_served_process_does_the_nightly_job(city: City, city_owner: Pool) -> None:
    (person,) = await due(city, city_owner, 1)

    async def queue() -> bool:
        return bool(await city_owner.fetchval("SELECT to_regclass('jobs.pgqueuer') IS NOT NULL"))

    await eventually(queue)
    async with Pool(city.database, "app") as serving, serving.transaction() as connection:
        await enqueue(connection, "retention")

    async def done() -> bool:
        return bool(await city_owner.fetchval("SELECT count(*) FROM wangge.erased WHERE row_id = $1", person))

    await eventually(done)
