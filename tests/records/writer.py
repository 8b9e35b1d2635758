"""A process that writes until it is killed: it prints the id of every row that was acknowledged.

Run as `python -m tests.records.writer`, with the database, the area and the keys as one JSON line on stdin.
"""

from __future__ import annotations

import asyncio
import sys

import msgspec

from tests.records.world import City, discovered
from wangge.crypto import Keys
from wangge.store.database import Database
from wangge.store.pool import Pool
from wangge.values import Area


class Task(msgspec.Struct):
    """What to write where."""

    database: Database
    area: Area
    master: bytes
    signing: bytes


async def main() -> None:
    """Create persons (a transaction) and buildings (one statement) in turn, eight at a time."""
    task = msgspec.json.decode(sys.stdin.buffer.readline(), type=Task)
    async with Pool(task.database, "app") as pool:
        city = City(discovered(), {task.area.name: task.area}, pool, Keys(task.master, task.signing))
        await asyncio.gather(*(_write(city, task.area.name, n) for n in range(8)))


async def _write(city: City, area: str, n: int) -> None:
    scope = city.scope(area)
    while True:
        for entity, wire in (
            ("base.person", {"name": f"测试{n}"}),
            ("base.building", {"code": f"{n}", "name": "楼"}),
        ):
            made = await city.records.create(scope, entity, [wire])
            print(entity, made.ids[0], flush=True)


if __name__ == "__main__":
    asyncio.run(main())
