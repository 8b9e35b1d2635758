"""Piccolo on our connections: its queries run on the connection of a running transaction, or on one of a pool.

Piccolo is for tables that no caller queries: those of the store itself and, under a role of their own, those of modules.
Entity rows never go through it; the compiled statements of `sql/` are ten times as fast (FACTS of the libraries).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from piccolo.columns import Column
from piccolo.engine.base import BaseBatch, Engine
from piccolo.querystring import QueryString

from ..errors import ServiceError

_connection: ContextVar[Any] = ContextVar("wangge_piccolo_connection", default=None)


@contextmanager
def on(connection: Any) -> Iterator[None]:
    """Piccolo's queries inside the block run on `connection`, in its transaction when it has one."""
    token = _connection.set(connection)
    try:
        yield
    finally:
        _connection.reset(token)


class Document(Column):
    """A jsonb column whose values are Python objects: our connections encode and decode them."""

    value_type = dict

    @property
    def column_type(self) -> str:
        """The type in the database."""
        return "JSONB"


class ConnectionEngine(Engine[Any]):
    """Piccolo's engine without connections of its own: transactions are those of the caller."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(engine_type="postgres", min_version_number=18)

    async def check_version(self) -> None:
        """The store checks the server's version itself."""

    async def prep_database(self) -> None:
        """Extensions are part of the plan."""

    async def get_version(self) -> float:
        """The lowest version that is served."""
        return 18.0

    def get_version_sync(self) -> float:
        """The lowest version that is served."""
        return 18.0

    async def run_querystring(self, querystring: QueryString, in_pool: bool = True) -> Any:
        """Run one statement with its parameters; rows as mappings."""
        text, values = querystring.compile_string(engine_type=self.engine_type)
        return [dict(row) for row in await _current().fetch(text, *values)]

    async def run_ddl(self, ddl: str, in_pool: bool = True) -> Any:
        """Refused: tables are made by the plan."""
        raise ServiceError("store.no_ddl", "tables are made by `wangge apply`, not through Piccolo")

    async def batch(self, query: Any, batch_size: int = 100, node: str | None = None) -> BaseBatch:
        """Refused: a cursor needs a connection of its own."""
        raise ServiceError("store.no_cursor", "Piccolo's batches are not offered: read by keys")

    def atomic(self) -> Any:
        """Refused, as `transaction` is."""
        return self.transaction()

    def transaction(self, *_: Any, **__: Any) -> Any:
        """Refused: the transaction is the caller's."""
        raise ServiceError("store.no_transaction", "the transaction is that of the connection given to `on`")


def _current() -> Any:
    """The connection of the block."""
    connection = _connection.get()
    if connection is None:
        raise ServiceError("store.no_connection", "Piccolo's queries run inside `with on(connection)` only")
    return connection


ENGINE = ConnectionEngine()
"""It holds nothing, so one serves all."""
