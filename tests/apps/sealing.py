"""`python -m tests.apps.sealing`: apply a model whose column is sealed to what standard input names, for a test that kills it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec

from tests.store.shapes import entity, field, model
from wangge.crypto import load_keys
from wangge.store.apply import apply_model
from wangge.store.database import Database

PLAIN = model(entity("shop.place", field("it", max=80)))
SEALED = model(entity("shop.place", field("it", max=80, sealed=True)))


class Task(msgspec.Struct):
    """Which database with whose keys."""

    database: Database
    home: str


def main() -> None:
    """Apply."""
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    asyncio.run(apply_model(task.database, SEALED, keys=lambda: load_keys(Path(task.home))))


if __name__ == "__main__":
    main()
