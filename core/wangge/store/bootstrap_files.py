"""The SQL files of store/bootstrap: what is no entity (logs, counters, functions). Idempotent, run in order as the owner."""

from __future__ import annotations

import hashlib
import importlib.resources
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg

from ..errors import PlanError
from ..model.names import quote
from .database import Database

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


async def _run(connection: Any, name: str, text: str) -> None:
    """One file; what PostgreSQL refuses is said with the file's name."""
    try:
        await connection.execute(text)
    except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
        raise
    except asyncpg.PostgresError as error:
        raise PlanError(
            "plan.bootstrap_failed",
            f"{name}: PostgreSQL refused: {error}. The owner needs the rights to create schemas and roles "
            "(CREATEROLE, or make the roles wangge_app and wangge_sealer first) in a database of PostgreSQL 18 or newer",
            file=name,
            sqlstate=error.sqlstate,
        ) from error


async def run_bootstrap(connection: Any) -> tuple[str, ...]:
    """Run the files that are new or changed since they last ran here; their names. Belongs inside a transaction."""
    if await connection.fetchval("SELECT to_regclass('wangge.bootstrap_file')") is None:
        await _run(connection, "the schema wangge", FIRST)
    known = {row["name"]: row["digest"] for row in await connection.fetch(KNOWN)}
    ran = []
    for name, text in bootstrap_files().items():
        digest = hashlib.sha256(text.encode()).hexdigest()
        if known.get(name) != digest:
            await _run(connection, name, text)
            await connection.execute(NOTE, name, digest)
            ran.append(name)
    return tuple(ran)


MEMBER = """SELECT pg_has_role($1, 'wangge_app', 'MEMBER') AND pg_has_role($1, 'wangge_sealer', 'MEMBER')
FROM pg_roles WHERE rolname = $1"""
OURS = ("wangge_app", "wangge_sealer")


async def admit(connection: Any, database: Database) -> None:
    """Let the user of an external database's URL serve; as the same user as the owner it may do all anyway.

    Raises PlanError for a role of ours as that user: writing and linking the ledger are apart.
    """
    user = unquote(urlsplit(database.url).username or "") if database.url and database.owner_url else ""
    if user in OURS:
        raise PlanError(
            "plan.role_as_user",
            f'WANGGE_DATABASE_URL names the role "{user}", which is only one of the two that a server needs: '
            "make a user of its own (CREATE ROLE wangge LOGIN PASSWORD ...), and it is given both",
            user=user,
        )
    if user and await connection.fetchval(MEMBER, user) is False:
        await _run(connection, "the role that serves", f"GRANT wangge_app, wangge_sealer TO {quote(user)}")
