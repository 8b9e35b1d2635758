"""Columns that get another type: what is safe, what loses something, which rows refuse. And a default as SQL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from . import ddl
from .names import quote
from .specs import TEXT, ColumnSpec, TableSpec, type_of
from .steps import Lock, Risk, Step, step
from .types import Field

CODES = 'text[] COLLATE "C"'
MONEY = "numeric(18,2)"
ZONE = "'Asia/Shanghai'"


class Cast(msgspec.Struct, frozen=True):
    """How `{c}` becomes the other type; `refused` and `lost` are conditions on rows."""

    using: str
    refused: str = ""
    lost: str = ""
    lock: Lock = "rewrite"


def _parsed(type_: str) -> Cast:
    """A text that reads as the other type."""
    return Cast(f"{{c}}::{type_}", refused=f"NOT pg_input_is_valid({{c}}, '{type_}')")


_TO_INTEGER = Cast("round({c})::integer", "abs({c}) >= 2147483647", "{c} <> trunc({c})")
_TO_BIGINT = Cast("round({c})::bigint", "abs({c}) >= 9223372036854775807", "{c} <> trunc({c})")
_TO_TEXT = Cast("{c}::text")
CASTS: Mapping[tuple[str, str], Cast] = {
    ("integer", "bigint"): Cast("{c}::bigint"),
    ("bigint", "integer"): Cast("{c}::integer", refused="{c} NOT BETWEEN -2147483648 AND 2147483647"),
    ("integer", "numeric"): Cast("{c}::numeric"),
    ("bigint", "numeric"): Cast("{c}::numeric"),
    ("integer", MONEY): Cast("{c}::numeric"),
    ("bigint", MONEY): Cast("{c}::numeric", refused="abs({c}) >= 10000000000000000"),
    (MONEY, "numeric"): Cast("{c}", lock="brief"),
    ("numeric", MONEY): Cast("round({c}, 2)", "abs({c}) >= 1e16", "{c} <> round({c}, 2)"),
    ("numeric", "integer"): _TO_INTEGER,
    (MONEY, "integer"): _TO_INTEGER,
    ("numeric", "bigint"): _TO_BIGINT,
    (MONEY, "bigint"): _TO_BIGINT,
    ("integer", TEXT): _TO_TEXT,
    ("bigint", TEXT): _TO_TEXT,
    ("numeric", TEXT): _TO_TEXT,
    (MONEY, TEXT): _TO_TEXT,
    ("date", TEXT): _TO_TEXT,
    ("date", "timestamptz"): Cast(f"{{c}}::timestamp AT TIME ZONE {ZONE}"),
    ("timestamptz", "date"): Cast(
        f"({{c}} AT TIME ZONE {ZONE})::date", lost=f"({{c}} AT TIME ZONE {ZONE})::time <> '00:00'"
    ),
    (TEXT, CODES): Cast("CASE WHEN {c} IS NOT NULL THEN ARRAY[{c}] END"),
    (CODES, TEXT): Cast("({c})[1]", lost="cardinality({c}) > 1"),
    (TEXT, "integer"): _parsed("integer"),
    (TEXT, "bigint"): _parsed("bigint"),
    (TEXT, "numeric"): _parsed("numeric"),
    (TEXT, "date"): _parsed("date"),
}


def convert(
    had: TableSpec, table: TableSpec, row: str, was: ColumnSpec, now: ColumnSpec, at: tuple[str, str]
) -> list[Step] | None:
    """The steps that give a column its new type, [] when it keeps it, None when there is no way."""
    if was.type == now.type:
        return []
    cast = CASTS.get((was.type, now.type))
    if cast is None:
        return None
    column = quote(was.name)

    def probe(condition: str) -> str:
        return f"SELECT {row} AS id FROM {had.quoted} WHERE {condition.format(c=column)}"

    steps = []
    if cast.refused:
        label = ("收窄字段 {at}", "Narrow the field {at}")
        steps.append(
            step("narrow", *at, label, lock="none", risk="refused_by_rows", probe=probe(cast.refused),
                 instead=f"these values do not fit {now.type}: correct them first")
        )  # fmt: skip
    risk: Risk = "loses_data" if cast.lost else "none"
    kind = "convert" if cast.lost or cast.refused else "widen"
    label = (
        ("转换字段 {at}", "Convert the field {at}") if kind == "convert" else ("放宽字段 {at}", "Widen the field {at}")
    )
    sql = [ddl.alter_type(table, now, cast.using.format(c=column))]
    steps.append(
        step(kind, *at, label, sql=sql, lock=cast.lock, risk=risk, probe=probe(cast.lost) if cast.lost else "")
    )
    return steps


def fill_of(field: Field) -> str:
    """The default of a field as SQL, "" when it has none that SQL can give (sealed, places, expressions)."""
    value = field.default
    if value is None or field.sealed or field.kind in ("point", "polygon", "number"):
        return ""
    if value == "$now":
        today = f"(now() AT TIME ZONE {ZONE})"
        return {"datetime": "now()", "date": f"{today}::date", "time": f"{today}::time"}.get(field.kind, "")
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float | Decimal):
        return f"{value}::{type_of(field)}" if type_of(field) != TEXT else ddl.literal(str(value))
    plain = type_of(field).removesuffix(' COLLATE "C"')
    if field.kind == "json":
        return f"{ddl.literal(json.dumps(value, ensure_ascii=False))}::jsonb"
    if isinstance(value, list | tuple):
        return f"ARRAY[{', '.join(ddl.literal(str(item)) for item in value)}]::{plain}"
    return f"{ddl.literal(str(value))}::{plain}" if isinstance(value, str) and not value.startswith("$") else ""
