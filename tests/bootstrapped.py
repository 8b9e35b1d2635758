"""A database with the core's own tables and no entities, for tests of the ledger and of events."""

from __future__ import annotations

import importlib.resources

from wangge.store.connection import connect
from wangge.store.database import Database


async def run_bootstrap(database: Database) -> None:
    """Run the bootstrap files in order, as the owner."""
    connection = await connect(database, "owner")
    await connection.execute("CREATE SCHEMA IF NOT EXISTS wangge")
    folder = importlib.resources.files("wangge.store").joinpath("bootstrap")
    for file in sorted(folder.iterdir(), key=lambda each: each.name):
        if file.name.endswith(".sql"):
            await connection.execute(file.read_text("utf-8"))
    await connection.close()
