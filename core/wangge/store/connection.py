"""One connection to PostgreSQL, set up the way every part of Wangge expects it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec

from ..errors import Unavailable
from .database import Database, Role

CONNECT_SECONDS = 5.0
LOST = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InternalClientError,
)
"""What a failing, restarting or full server looks like; the last is how asyncpg reports a line cut between two messages."""


async def connect(
    database: Database, role: Role = "app", *, statement_timeout: float | None = None
) -> asyncpg.Connection:
    """Open a connection. Raises `Unavailable`.

    Its session: times in Asia/Shanghai, names must be qualified (search_path is pg_catalog), no JIT. `json` values arrive as
    their bytes; `jsonb` arrives as Python objects; both are sent from Python objects or, untouched, from `msgspec.Raw`
    (and `json` from bytes).
    """
    settings = {
        "application_name": f"wangge {role}",
        "TimeZone": "Asia/Shanghai",
        "search_path": "pg_catalog",
        "jit": "off",
    }
    if statement_timeout is not None:
        settings["statement_timeout"] = f"{statement_timeout * 1000:.0f}"
    try:
        connection = await asyncpg.connect(
            **database.arguments(role),
            timeout=CONNECT_SECONDS,
            server_settings=settings,
            statement_cache_size=500,
            max_cached_statement_lifetime=0,
        )
        await _set_codecs(connection)
    except (TimeoutError, *LOST, asyncpg.PostgresError) as error:
        raise unavailable(error, database.place) from error
    return connection


def unavailable(error: BaseException, place: str = "") -> Unavailable:
    """The answer for a lost or refused connection; `place` is where the database should be."""
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError | asyncpg.InvalidCatalogNameError):
        return Unavailable(
            "database.refused",
            f"the database refuses the connection ({error}): mend user, password and name in WANGGE_DATABASE_URL "
            "and WANGGE_DATABASE_OWNER_URL",
        )
    return Unavailable(
        "database.unavailable",
        f"the database{f' {place}' if place else ''} cannot be reached ({type(error).__name__}): try again in a moment",
    )


async def copy_into(
    connection: asyncpg.Connection, table: str, columns: Sequence[str], records: Sequence[Sequence[Any]]
) -> None:
    """COPY rows into `table` ("schema.name" or a temporary "name"), values in the order of `columns`."""
    schema, _, name = table.rpartition(".")
    await connection.copy_records_to_table(name, schema_name=schema or None, columns=columns, records=records)


async def _set_codecs(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec("json", schema="pg_catalog", format="binary", encoder=_json, decoder=bytes)
    await connection.set_type_codec("jsonb", schema="pg_catalog", format="binary", encoder=_jsonb, decoder=_from_jsonb)


def _json(value: Any) -> bytes:
    return value if isinstance(value, bytes) else msgspec.json.encode(value)


def _jsonb(value: Any) -> bytes:
    """The binary form of jsonb: a version byte, then the text."""
    return b"\x01" + msgspec.json.encode(value)


def _from_jsonb(value: bytes) -> Any:
    return msgspec.json.decode(memoryview(value)[1:])
