"""`wangge files verify` and `collect`, and the nightly job of a served process, on a real bucket."""

from __future__ import annotations

import uuid

from tests.city import eventually
from tests.files.samples import picture
from tests.files.stored import GRID, Stored, bucket_of
from tests.graphql.test_commands import wangge

from wangge.events.jobs import enqueue
from wangge.files.s3 import S3
from wangge.store.pool import Pool

KEYS = "SELECT key FROM wangge.object WHERE file = $1"
AGED = "UPDATE wangge.object SET at = at - interval '2 hours' WHERE file = $1"
OVER = "UPDATE wangge.upload SET until = now() WHERE file = $1"


def address(stored: Stored, s3: S3) -> str:
    """The bucket as WANGGE_S3_URL names it."""
    return f"http://{s3.access_key}:{s3.secret_key}@{s3.endpoint}/{bucket_of(stored.city.database)}"


async def test_verify_tells_what_one_of_both_lacks(stored: Stored, s3: S3) -> None:
    _, photo = await stored.held(GRID, picture(colour="sienna"))
    status, out, err = await wangge(stored.city, "files", "verify", s3=address(stored, s3))
    assert (status, err, out.splitlines()[1:]) == (0, "", ["0 files without content", "0 objects without a file"])
    for row in await stored.owner.fetch(KEYS, uuid.UUID(photo["id"])):
        await stored.objects.delete(row["key"])
    status, out, _ = await wangge(stored.city, "files", "verify", s3=address(stored, s3))
    assert (status, out.splitlines()[1:]) == (
        1,
        ["1 files without content", f"  {photo['id']}", "0 objects without a file"],
    )


async def unused(stored: Stored, colour: str) -> tuple[uuid.UUID, set[str]]:
    """An upload that is over, and its keys."""
    file = uuid.UUID(await stored.upload(GRID, picture(colour=colour)))
    keys = {row["key"] for row in await stored.owner.fetch(KEYS, file)}
    for sql in (AGED, OVER):
        await stored.owner.execute(sql, file)
    return file, keys


async def test_collect_removes_what_nobody_used(stored: Stored, s3: S3) -> None:
    file, keys = await unused(stored, "tomato")
    status, out, _ = await wangge(stored.city, "files", "collect", s3=address(stored, s3))
    assert (status, out) == (0, "1 uploads and 2 objects removed\n")
    assert not keys & (await stored.objects.keys()).keys()
    assert await stored.owner.fetchval("SELECT count(*) FROM wangge.file WHERE id = $1", file) == 0


async def test_a_served_process_does_so_at_night(stored: Stored) -> None:
    file, keys = await unused(stored, "thistle")

    async def queue() -> bool:
        return bool(await stored.owner.fetchval("SELECT to_regclass('jobs.pgqueuer') IS NOT NULL"))

    await eventually(queue)
    async with Pool(stored.city.database, "app") as serving, serving.transaction() as connection:
        await enqueue(connection, "uploads")

    async def gone() -> bool:
        return not keys & (await stored.objects.keys()).keys()

    await eventually(gone)
    assert await stored.owner.fetchval("SELECT count(*) FROM wangge.object WHERE file = $1", file) == 0


async def test_contents_are_read_after_the_key_of_seals_was_renewed(stored: Stored, s3: S3) -> None:
    incident, before = await stored.held(GRID, picture(colour="orchid"))
    content = (await stored.get(before["link"])).content
    status, _, err = await wangge(stored.city, "keys", "rotate", s3=address(stored, s3))
    assert (status, err) == (0, "")
    sql = "SELECT DISTINCT get_byte(secret, 1) AS key FROM wangge.object WHERE secret IS NOT NULL"
    assert [row["key"] for row in await stored.owner.fetch(sql)] == [2]
    (photo,) = await stored.photos(GRID, incident)
    assert (await stored.get(photo["file"]["link"])).content == content
    assert (await stored.get(before["link"])).content == content
