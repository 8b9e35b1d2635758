"""`python -m tests.apps.demo`: fill the database that standard input names, as a process that a test can kill."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec

from wangge.demo import ensure
from wangge.runtime import Runtime
from wangge.settings import Settings
from wangge.store.database import Database


class Task(msgspec.Struct):
    """Which city where."""

    database: Database
    home: str
    scale: str
    seed: int


def main() -> None:
    """Make the city, or finish it; says whether it did."""
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    made = asyncio.run(ensure(Settings(home=Path(task.home)), Runtime(database=task.database), task.scale, task.seed))
    print(made)


if __name__ == "__main__":
    main()
