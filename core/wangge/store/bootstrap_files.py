"""The SQL files of store/bootstrap: what is no entity (logs, counters, functions). Idempotent, run in order as the owner."""

from __future__ import annotations

import hashlib
import importlib.resources
from collections.abc import Mapping
from typing import Any

FIRST = """
CREATE SCHEMA IF NOT EXISTS wangge;
CREATE TABLE IF NOT EXISTS wangge.bootstrap_file (
    name text COLLATE "C" PRIMARY KEY,
    digest text COLLATE "C" NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
"""
KNOWN = "SELECT name, digest FROM wangge.bootstrap_file"
NOTE = """INSERT INTO wangge.bootstrap_file (name, digest) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET digest = excluded.digest, applied_at = clock_timestamp()"""


def bootstrap_files() -> Mapping[str, str]:
    """Name -> text of every file, in order."""
    folder = importlib.resources.files(__package__).joinpath("bootstrap")
    found = {each.name: each for each in folder.iterdir() if each.name.endswith(".sql")}
    return {name: found[name].read_text("utf-8") for name in sorted(found)}


async def run_bootstrap(connection: Any) -> tuple[str, ...]:
    """Run the files that are new or changed since they last ran here; their names. Belongs inside a transaction."""
    if await connection.fetchval("SELECT to_regclass('wangge.bootstrap_file')") is None:
        await connection.execute(FIRST)
    known = {row["name"]: row["digest"] for row in await connection.fetch(KNOWN)}
    ran = []
    for name, text in bootstrap_files().items():
        digest = hashlib.sha256(text.encode()).hexdigest()
        if known.get(name) != digest:
            await connection.execute(text)
            await connection.execute(NOTE, name, digest)
            ran.append(name)
    return tuple(ran)
