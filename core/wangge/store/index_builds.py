"""Indexes that the model wants and the catalogue lacks: built beside the writers of a large table, resumable after a kill."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import asyncpg

from ..errors import PlanError
from ..model import ddl
from ..model.specs import IndexSpec, TableSpec
from ..model.tables import physical
from ..model.types import Model

LARGE = 100_000
"""Rows above which an index is built CONCURRENTLY."""
INDEXES = """SELECT n.nspname AS schema, c.relname AS name, i.indisvalid AS valid
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY($1::text[])"""
MORE = "SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT {limit}) q"


async def is_large(connection: Any, table: TableSpec) -> bool:
    """Whether a table has more rows than a transaction should index; counted, since estimates lag behind a bulk load."""
    return int(await connection.fetchval(MORE.format(table=table.quoted, limit=LARGE + 1))) > LARGE


async def build_missing(connection: Any, model: Model, tell: Callable[[str], None]) -> tuple[str, ...]:
    """Build every index that is missing or was left invalid; their names. Raises PlanError when keys are not unique."""
    tables = physical(model)
    schemas = sorted({t.schema for t in tables.values()})
    state = {(row["schema"], row["name"]): row["valid"] for row in await connection.fetch(INDEXES, schemas)}
    built = []
    for table in tables.values():
        for index in table.indexes:
            if not state.get((table.schema, index.name)):
                await _build(connection, table, index, tell, half_built=(table.schema, index.name) in state)
                built.append(index.name)
    return tuple(built)


async def _build(
    connection: Any, table: TableSpec, index: IndexSpec, tell: Callable[[str], None], *, half_built: bool
) -> None:
    """Build one index outside of any transaction; what an earlier attempt left is removed first."""
    tell(f"add_index {table.key} {index.name}")
    if half_built:
        await connection.execute(ddl.drop_index(table.schema, index.name, concurrently=True))
    large = await is_large(connection, table)
    try:
        await connection.execute(ddl.create_index(table, index, concurrently=large))
    except asyncpg.UniqueViolationError as error:
        await connection.execute(ddl.drop_index(table.schema, index.name, concurrently=large))
        raise PlanError(
            "plan.contradicted",
            f"add_unique {table.entity}.{','.join(index.fields)}: {error.detail}: correct or merge the rows, then run "
            "`wangge apply` again",
            entity=table.entity,
            fields=list(index.fields),
        ) from error
