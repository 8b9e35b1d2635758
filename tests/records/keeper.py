"""A process that ends what is due until it is killed: it prints how far it is after every batch.

Run as `python -m tests.records.keeper`, with the database, the area, the keys and the moment as one JSON line on stdin.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import sys

import msgspec

from tests.records.world import LAB, City, discovered
from tests.records.writer import Task
from wangge.crypto import Keys
from wangge.records.retention import Schedule
from wangge.store.pool import Pool


class Moment(Task):
    """When the run is."""

    now: dt.datetime


async def main() -> None:
    """Small batches, so that the kill strikes between them."""
    task = msgspec.json.decode(sys.stdin.buffer.readline(), type=Moment)
    async with Pool(task.database, "app") as pool:
        city = City(discovered(LAB), {}, pool, Keys(task.master, task.signing))
        await Schedule(city.records.kit).run(task.now, batch=3, progress=lambda e, n: print(e, n, flush=True))


if __name__ == "__main__":
    asyncio.run(main())
