"""Rows as the database has them. What is asked for and not read yet is `Missing`: the caller reads it and asks again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .schema import Entity, Schema

Raw = dict[str, Any]
"""column -> value."""
WHOLE = 3_000
"""tables of at most so many rows are read whole."""


class Missing(Exception):
    """Rows of `table` whose `column` is `value` were needed and are not read; without a column: the whole table."""

    def __init__(self, table: str, column: str = "", value: Any = None) -> None:
        super().__init__(f"{table} {column} {value}")
        self.table = table
        self.column = column
        self.value = value


class Rows:
    """What was read."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._whole: dict[str, list[Raw]] = {}
        self._by: dict[tuple[str, str], dict[Any, list[Raw]]] = {}
        """where to look in a whole table."""
        self._some: dict[tuple[str, str, Any], list[Raw]] = {}
        self.large: set[str] = set()
        """tables that are not read whole."""

    async def read(self, connection: Any, missing: Missing) -> None:
        """Read what was missing; the whole table where it is small."""
        table = missing.table
        if table not in self.large and table not in self._whole:
            found = await connection.fetch(f"SELECT * FROM {table} LIMIT {WHOLE + 1}")
            if len(found) <= WHOLE:
                self._whole[table] = [dict(row) for row in found]
                return
            self.large.add(table)
        if missing.column:
            sql = f'SELECT * FROM {table} WHERE "{missing.column}" = $1'
            found = await connection.fetch(sql, missing.value)
            self._some[(table, missing.column, missing.value)] = [dict(row) for row in found]

    async def know(self, connection: Any, table: str) -> None:
        """Read a table whole where it is small, else note that it is large."""
        if table not in self._whole and table not in self.large:
            await self.read(connection, Missing(table))

    def forget(self, tables: Iterable[str]) -> None:
        """Read these tables anew when they are needed again."""
        for table in tables:
            self._whole.pop(table, None)
            for key in [k for k in self._by if k[0] == table]:
                del self._by[key]
            for some in [k for k in self._some if k[0] == table]:
                del self._some[some]

    def scan(self, table: str) -> list[Raw]:
        """All rows of a table."""
        if table not in self._whole:
            raise Missing(table)
        return self._whole[table]

    def find(self, table: str, column: str, value: Any) -> list[Raw]:
        """The rows of a table with a value."""
        if table in self._whole:
            if (table, column) not in self._by:
                by = self._by[(table, column)] = {}
                for row in self._whole[table]:
                    by.setdefault(row[column], []).append(row)
            return self._by[(table, column)].get(value, [])
        key = (table, column, value)
        if key not in self._some:
            raise Missing(*key)
        return self._some[key]

    def get(self, entity: str, row_id: Any) -> Raw | None:
        """A row of a concrete entity, the columns of all its tables together."""
        made: Raw = {}
        for level in reversed(self._schema.chain(entity)):
            found = self.find(level.table, "id", row_id)
            if not found:
                return None
            made |= found[0]
        return made

    def all(self, entity: str) -> list[Raw]:
        """Every row of a concrete entity."""
        own = self.scan(self._schema.entities[entity].table)
        return [row for row in (self.get(entity, r["id"]) for r in own) if row is not None]

    def of(self, entity: str, field_owner: Entity, column: str, value: Any) -> list[Raw]:
        """The rows of a concrete entity with a value in a column of `field_owner`'s table."""
        found = self.find(field_owner.table, column, value)
        return [row for row in (self.get(entity, r["id"]) for r in found) if row is not None]


def ordered(rows: Iterable[Raw]) -> list[Raw]:
    """Parts or links in stored order."""
    return sorted(rows, key=lambda row: row["ord"])
