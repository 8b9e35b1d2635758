"""`python -m tests.apps.rotation`: seal anew, in small batches, what standard input names, as a process that a test can kill."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec

from wangge.app import load
from wangge.crypto import load_keys
from wangge.modules.discover import discover
from wangge.records.resealing import reseal
from wangge.store.database import Database
from wangge.store.pool import Pool

BATCH = 50


class Task(msgspec.Struct):
    """Which database with whose keys."""

    database: Database
    home: str


async def work(task: Task) -> int:
    """Seal anew; how many values."""
    async with Pool(task.database, "app") as pool:
        return await reseal(pool, load(discover()), load_keys(Path(task.home)), batch=BATCH)


def main() -> None:
    """Says how many values were sealed anew."""
    print(asyncio.run(work(msgspec.json.decode(sys.stdin.buffer.read(), type=Task))))


if __name__ == "__main__":
    main()
