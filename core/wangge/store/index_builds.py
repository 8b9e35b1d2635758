"""Indexes that the model wants and the catalogue lacks: built beside the writers of a large table, resumable after a kill."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import asyncpg
import msgspec

from ..errors import PlanError
from ..model import ddl
from ..model.specs import IndexSpec, TableSpec
from ..model.steps import Step, step
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


class Missing(msgspec.Struct, frozen=True):
    """An index that the model wants; `half_built`: an invalid one of its name is there."""

    table: TableSpec
    index: IndexSpec
    half_built: bool


async def missing_indexes(connection: Any, model: Model) -> list[Missing]:
    """The indexes that are missing or were left invalid, of tables that are there."""
    tables = physical(model)
    schemas = sorted({t.schema for t in tables.values()})
    state = {(row["schema"], row["name"]): row["valid"] for row in await connection.fetch(INDEXES, schemas)}
    return [
        Missing(table, index, (table.schema, index.name) in state)
        for table in tables.values()
        for index in table.indexes
        if not state.get((table.schema, index.name))
    ]


def build_step(missing: Missing, *, large: bool) -> Step:
    """The step that builds it, as a plan shows it."""
    table, index = missing.table, missing.index
    return step(
        "add_unique" if index.unique else "add_index",
        table.entity,
        ",".join(index.fields) or index.name,
        ("补建索引 {at}", "Build the index {at}, which is missing"),
        lock="none" if large else "brief",
        sql=[ddl.create_index(table, index, concurrently=large)],
    )


async def build_missing(connection: Any, model: Model, tell: Callable[[str], None]) -> tuple[str, ...]:
    """Build every index that is missing or was left invalid; their names. Raises PlanError when keys are not unique."""
    missing = await missing_indexes(connection, model)
    for one in missing:
        await _build(connection, one.table, one.index, tell, half_built=one.half_built)
    return tuple(one.index.name for one in missing)


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
