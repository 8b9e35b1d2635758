"""Physical specs as SQL text of PostgreSQL 18. Every name is qualified; nothing here reads a database."""

from __future__ import annotations

from collections.abc import Iterable

from .names import quote
from .specs import ColumnSpec, ForeignKey, IndexSpec, TableSpec


def create_schema(name: str) -> tuple[str, ...]:
    """A module's schema, usable by the role that serves."""
    return (
        f"CREATE SCHEMA IF NOT EXISTS {quote(name)}",
        f"GRANT USAGE ON SCHEMA {quote(name)} TO wangge_app, wangge_sealer",
    )


def create_table(table: TableSpec) -> tuple[str, ...]:
    """The table with its columns and primary key, its rights; without indexes and foreign keys."""
    lines = [column(c) for c in table.columns]
    if table.primary:
        lines.append(f"PRIMARY KEY ({quote(table.primary)})")
    body = ",\n  ".join(lines)
    return (f"CREATE TABLE {table.quoted} (\n  {body}\n)", grant(table))


def grant(table: TableSpec) -> str:
    """The rights of the role that serves."""
    return f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table.quoted} TO wangge_app"


def column(spec: ColumnSpec) -> str:
    """A column as CREATE TABLE and ADD COLUMN have it."""
    parts = [quote(spec.name), spec.type]
    if spec.generated:
        parts.append(f"GENERATED ALWAYS AS ({spec.generated}) STORED")
    if spec.default:
        parts.append(f"DEFAULT {spec.default}")
    if not spec.nullable:
        parts.append("NOT NULL")
    return " ".join(parts)


def create_index(table: TableSpec, spec: IndexSpec, *, concurrently: bool = False) -> str:
    """An index; `concurrently` builds it beside writers, outside of any transaction."""
    unique = "UNIQUE " if spec.unique else ""
    how = "CONCURRENTLY " if concurrently else ""
    where = f" WHERE {spec.where}" if spec.where else ""
    keys = ", ".join(f"({key})" if key.endswith(")") else key for key in spec.keys)
    return f"CREATE {unique}INDEX {how}{quote(spec.name)} ON {table.quoted} USING {spec.method} ({keys}){where}"


def drop_index(schema: str, name: str, *, concurrently: bool = False) -> str:
    """Remove an index if it is there."""
    how = "CONCURRENTLY " if concurrently else ""
    return f"DROP INDEX {how}IF EXISTS {quote(schema)}.{quote(name)}"


def add_foreign_key(table: TableSpec, key: ForeignKey) -> str:
    """A foreign key that checks the rows that are there."""
    return (
        f"ALTER TABLE {table.quoted} ADD CONSTRAINT {quote(key.name)} "
        f"FOREIGN KEY ({quote(key.column)}) REFERENCES {key.target} (id)"
    )


def drop_constraint(table: TableSpec, name: str) -> str:
    """Remove a constraint if it is there."""
    return f"ALTER TABLE {table.quoted} DROP CONSTRAINT IF EXISTS {quote(name)}"


def add_column(table: TableSpec, spec: ColumnSpec, fill: str = "") -> tuple[str, ...]:
    """A new column; rows that are there get `fill` (SQL), which does not stay as a default."""
    if not fill or spec.generated or spec.default:
        return (f"ALTER TABLE {table.quoted} ADD COLUMN {column(spec)}",)
    null = "" if spec.nullable else " NOT NULL"
    return (
        f"ALTER TABLE {table.quoted} ADD COLUMN {quote(spec.name)} {spec.type} DEFAULT {fill}{null}",
        f"ALTER TABLE {table.quoted} ALTER COLUMN {quote(spec.name)} DROP DEFAULT",
    )


def drop_column(table: TableSpec, name: str) -> str:
    """Remove a column with its indexes and constraints."""
    return f"ALTER TABLE {table.quoted} DROP COLUMN IF EXISTS {quote(name)}"


def drop_table(table: TableSpec) -> str:
    """Remove a table; foreign keys of others must be gone before."""
    return f"DROP TABLE IF EXISTS {table.quoted}"


def alter_type(table: TableSpec, spec: ColumnSpec, using: str) -> str:
    """Give a column another type, its values converted by `using`."""
    return f"ALTER TABLE {table.quoted} ALTER COLUMN {quote(spec.name)} TYPE {spec.type} USING {using}"


def set_nullable(table: TableSpec, name: str, nullable: bool) -> str:
    """Allow or forbid nulls."""
    return f"ALTER TABLE {table.quoted} ALTER COLUMN {quote(name)} {'DROP' if nullable else 'SET'} NOT NULL"


def fill_nulls(table: TableSpec, name: str, value: str) -> str:
    """Give a value to every row that has none."""
    return f"UPDATE {table.quoted} SET {quote(name)} = {value} WHERE {quote(name)} IS NULL"


def literal(value: str) -> str:
    """A text constant."""
    return "'" + value.replace("'", "''") + "'"


def joined(names: Iterable[str]) -> str:
    """Quoted names, separated."""
    return ", ".join(quote(name) for name in names)
