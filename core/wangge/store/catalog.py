"""The real catalogue compared with what the model says: for `wangge doctor` and for tests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ..model.specs import ColumnSpec, TableSpec
from ..model.tables import physical
from ..model.types import Model
from .applied import read_model
from .connection import connect
from .database import Database

COLUMNS = """SELECT n.nspname || '.' || c.relname AS table, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
  NOT a.attnotnull AS nullable, a.attgenerated <> '' AS generated,
  coalesce(l.collname, '') AS collation, t.typcollation <> 0 AS collates
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_collation l ON l.oid = a.attcollation
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname = ANY($1::text[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY 1, a.attnum"""
INDEXES = """SELECT n.nspname || '.' || t.relname AS table, c.relname AS name, i.indisvalid AS valid, i.indisunique AS unique
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ANY($1::text[]) AND NOT i.indisprimary"""
KEYS = """SELECT n.nspname || '.' || t.relname AS table, k.conname AS name, k.convalidated AS valid
FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE k.contype = 'f' AND n.nspname = ANY($1::text[])"""
_LONG = {"timestamptz": "timestamp with time zone", "time": "time without time zone"}


class Found(msgspec.Struct):
    """One table as the catalogue has it."""

    columns: dict[str, Any]
    indexes: dict[str, Any]
    keys: dict[str, Any]


async def drift(connection: Any, model: Model) -> list[str]:
    """Sentences about every table, column, index or foreign key that is not what the model says; [] when all is well.

    Tables in the modules' schemas that the model does not know are named too, except in `wangge`, where bootstrap makes some.
    """
    wanted = physical(model)
    found = await read_catalogue(connection, sorted({t.schema for t in wanted.values()}))
    problems: list[str] = []
    for key, table in wanted.items():
        if key not in found:
            problems.append(f"{key}: the table is missing")
        else:
            problems += _compare(table, found[key])
    stray = [key for key in found if key not in wanted and not key.startswith("wangge.")]
    return problems + [f"{key}: no entity has this table" for key in sorted(stray)]


async def examine_tables(database: Database) -> tuple[str, list[str]]:
    """(version of the applied model, what is not as it says); ("", []) for a database without one. Raises Unavailable."""
    connection = await connect(database, "owner")
    try:
        model = await read_model(connection)
        return (model.version, await drift(connection, model)) if model is not None else ("", [])
    finally:
        await connection.close()


async def read_catalogue(connection: Any, schemas: list[str]) -> Mapping[str, Found]:
    """`schema.table` -> what PostgreSQL has."""
    found: dict[str, Found] = {}
    for row in await connection.fetch(COLUMNS, schemas):
        found.setdefault(row["table"], Found({}, {}, {})).columns[row["name"]] = row
    for row in await connection.fetch(INDEXES, schemas):
        if row["table"] in found:
            found[row["table"]].indexes[row["name"]] = row
    for row in await connection.fetch(KEYS, schemas):
        if row["table"] in found:
            found[row["table"]].keys[row["name"]] = row
    return found


def _compare(table: TableSpec, found: Found) -> Iterable[str]:
    """What differs in one table."""
    for column in table.columns:
        row = found.columns.get(column.name)
        if row is None:
            yield f"{table.key}.{column.name}: the column is missing"
        else:
            yield from _compare_column(table, column, row)
    for name in found.columns.keys() - {c.name for c in table.columns}:
        yield f"{table.key}.{name}: no field has this column"
    yield from _compare_names(table, "index", {i.name for i in table.indexes}, found.indexes)
    yield from _compare_names(table, "foreign key", {k.name for k in table.foreign_keys}, found.keys)


def _compare_column(table: TableSpec, column: ColumnSpec, row: Any) -> Iterable[str]:
    """Type, collation, null, generated."""
    actual = row["type"] + (f' COLLATE "{row["collation"]}"' if row["collates"] else "")
    if actual != _long(column.type):
        yield f"{table.key}.{column.name}: is {actual}, should be {_long(column.type)}"
    if row["nullable"] != column.nullable:
        yield f"{table.key}.{column.name}: {'may' if row['nullable'] else 'may not'} be null, unlike its field"
    if row["generated"] != bool(column.generated):
        yield f"{table.key}.{column.name}: {'is' if row['generated'] else 'is not'} generated"


def _long(type_: str) -> str:
    """A type as `format_type` writes it."""
    base, _, rest = type_.partition(" COLLATE")
    base = re.sub(r"^[a-z]+$", lambda m: _LONG.get(m[0], m[0]), base)
    return base + (f" COLLATE{rest}" if rest else "")


def _compare_names(table: TableSpec, what: str, wanted: set[str], found: Mapping[str, Any]) -> Iterable[str]:
    """Things whose name tells their definition."""
    for name in sorted(wanted - found.keys()):
        yield f"{table.key}: the {what} {name} is missing"
    for name in sorted(found.keys() - wanted):
        yield f"{table.key}: the {what} {name} is not of the model"
    for name in sorted(wanted & found.keys()):
        if not found[name]["valid"]:
            yield f"{table.key}: the {what} {name} is not valid: run `wangge apply`"
