"""Steps of a plan over values: seal what was plain, make masks anew, claim unique keys, read texts (MODEL.md 2, 4).

All of it happens in the transaction of the apply, so an apply that is killed has done nothing of it. What PostgreSQL keeps of the
plain values in dead rows, dropped columns and statistics goes when the tables are written anew, after the commit; tables for
which that is still due stand in `wangge.rewrite`, and the next apply goes on with them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import msgspec

from ..crypto import Keys
from ..model.names import quote
from ..model.pinyin import SUFFIXES, Spelt, spelt
from ..model.sealed import SealedColumn, ValueWork, masked
from ..model.steps import Step, step

BATCH = 2_000
NIL = UUID(int=0)
ROW_KEY = "row_key"
STATISTICS = "pg_catalog.pg_statistic"
"""holds the most common values of columns."""
NOTE = "INSERT INTO wangge.rewrite (table_name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING"
REVISIONS = """SELECT r.tableoid::regclass::text AS part, r.row_id, r.revision, r.at, r.changes, k.key
FROM wangge.revision r LEFT JOIN wangge.row_key k ON k.row_id = r.row_id
WHERE r.entity = ANY($1::text[]) AND r.changes ? $2 LIMIT $3"""
NEW_KEYS = "INSERT INTO wangge.row_key (row_id, key) SELECT * FROM unnest($1::uuid[], $2::bytea[])"
SEAL_REVISIONS = """UPDATE wangge.revision r SET changes = NULL, sealed = x.sealed
FROM unnest($1::uuid[], $2::integer[], $3::timestamptz[], $4::bytea[]) AS x(row_id, revision, at, sealed)
WHERE r.row_id = x.row_id AND r.revision = x.revision AND r.at = x.at"""
EVENTS = """WITH o AS (UPDATE wangge.outbox SET before = before - $2::text WHERE entity = ANY($1::text[]) AND before ? $2::text
RETURNING tableoid) SELECT DISTINCT tableoid::regclass::text AS part FROM o"""
CLAIM = """INSERT INTO wangge.claim (constraint_name, key_hash, row_id, contested)
SELECT x.name, x.key_hash, x.row_id, FALSE FROM unnest($1::text[], $2::bytea[], $3::uuid[]) AS x(name, key_hash, row_id)"""


async def work_on_values(connection: Any, work: ValueWork, keys: Callable[[], Keys]) -> None:
    """Carry it out, in the caller's transaction; `keys` is asked where values are opened or sealed.

    Raises SealBroken for a value that the keys do not open.
    """
    if work.kind == "spell":
        await _spell(connection, work)
    else:
        await _work_on_sealed(connection, work, keys())


async def _work_on_sealed(connection: Any, work: ValueWork, keys: Keys) -> None:
    """What needs the keys."""
    if work.kind == "claim":
        await _claim(connection, work, keys)
    elif work.kind == "remask":
        await _remask(connection, work, keys)
    else:
        await _seal(connection, work, keys)
        parts = await _seal_revisions(connection, work, keys)
        parts |= {row["part"] for row in await connection.fetch(EVENTS, list(work.entities), work.plain.strip('"'))}
        await connection.execute(NOTE, sorted({work.table, STATISTICS} | parts))


async def _each(connection: Any, sql: str, change: Callable[[Sequence[Any]], list[list[Any]]], put: str) -> None:
    """Batches of rows in the order of their ids: `sql` takes the last id, `put` the columns that `change` makes of a batch."""
    last = NIL
    while rows := await connection.fetch(sql, last):
        await connection.execute(put, *await asyncio.to_thread(change, rows))
        last = rows[-1]["id"]


async def _seal(connection: Any, work: ValueWork, keys: Keys) -> None:
    """A plain column into the three of a sealed one."""
    (column,) = work.columns
    take = (
        f"SELECT id, {column.row} AS row, {work.plain} AS value FROM {work.table} WHERE id > $1 "
        f"AND {work.plain} IS NOT NULL ORDER BY id LIMIT {BATCH}"
    )
    enc, hashed, mask = (quote(column.stem + end) for end in ("_enc", "_hash", "_mask"))
    put = (
        f"UPDATE {work.table} t SET {enc} = x.enc, {hashed} = x.hash, {mask} = x.mask "
        "FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::text[]) AS x(id, enc, hash, mask) WHERE t.id = x.id"
    )

    def change(rows: Sequence[Any]) -> list[list[Any]]:
        plain = [(row["value"].encode(), row["row"].bytes) for row in rows]
        return [
            [row["id"] for row in rows],
            [keys.seal(column.use, value, aad) for value, aad in plain],
            [keys.keyed_hash(column.use, value) for value, _ in plain],
            [masked(column.field, row["value"]) for row in rows],
        ]

    await _each(connection, take, change, put)


async def _spell(connection: Any, work: ValueWork) -> None:
    """How texts are read, where that is not known yet."""
    stem = work.plain.strip('"')
    first = quote(stem + SUFFIXES[0])
    take = (
        f"SELECT id, {work.plain} AS value FROM {work.table} WHERE id > $1 AND {work.plain} IS NOT NULL "
        f"AND {first} IS NULL ORDER BY id LIMIT {BATCH}"
    )
    made = [f"v{n}" for n in range(len(SUFFIXES))]
    sets = ", ".join(f"{quote(stem + suffix)} = x.{one}" for suffix, one in zip(SUFFIXES, made, strict=True))
    arrays = ", ".join(f"${n + 2}::text[]" for n in range(len(SUFFIXES)))
    put = (
        f"UPDATE {work.table} t SET {sets} FROM unnest($1::uuid[], {arrays}) AS x(id, {', '.join(made)}) "
        "WHERE t.id = x.id"
    )

    def change(rows: Sequence[Any]) -> list[list[Any]]:
        read = [spelt(row["value"]) for row in rows]
        return [
            [row["id"] for row in rows],
            *([getattr(one, name) for one in read] for name in Spelt.__struct_fields__),
        ]

    await _each(connection, take, change, put)


async def _remask(connection: Any, work: ValueWork, keys: Keys) -> None:
    """The masks of a sealed column."""
    (column,) = work.columns
    enc, mask = quote(f"{column.stem}_enc"), quote(f"{column.stem}_mask")
    take = (
        f"SELECT id, {column.row} AS row, {enc} AS enc FROM {work.table} WHERE id > $1 AND {enc} IS NOT NULL "
        f"ORDER BY id LIMIT {BATCH}"
    )
    put = f"UPDATE {work.table} t SET {mask} = x.mask FROM unnest($1::uuid[], $2::text[]) AS x(id, mask) WHERE t.id = x.id"

    def change(rows: Sequence[Any]) -> list[list[Any]]:
        values = [_opened(keys, column, row["enc"], row["row"]) for row in rows]
        return [[row["id"] for row in rows], [masked(column.field, value) for value in values]]

    await _each(connection, take, change, put)


def _opened(keys: Keys, column: SealedColumn, sealed: bytes, row: UUID) -> str:
    return keys.open(column.use, bytes(sealed), row.bytes).decode()


async def _claim(connection: Any, work: ValueWork, keys: Keys) -> None:
    """The claims of rows that have all fields of a key (records/claims.py makes those of rows to come)."""
    sealed = {column.path: column for column in work.columns}
    columns = {f: work.plains.get(f) or quote(f"{sealed[f].stem}_enc") for f in work.key}
    listed = ", ".join(f"{sql} AS k{n}" for n, sql in enumerate(columns.values()))
    there = " AND ".join(f"{sql} IS NOT NULL" for sql in columns.values())
    take = f"SELECT id, {listed} FROM {work.table} WHERE id > $1 AND {there} ORDER BY id LIMIT {BATCH}"
    name = f"{work.columns[0].entity}:{','.join(work.key)}"

    def change(rows: Sequence[Any]) -> list[list[Any]]:
        made = []
        for row in rows:
            key = [
                _opened(keys, sealed[f], row[f"k{n}"], row["id"]) if f in sealed else row[f"k{n}"]
                for n, f in enumerate(work.key)
            ]
            made.append(keys.keyed_hash(f"unique:{name}", msgspec.json.encode(key)))
        return [[name] * len(rows), made, [row["id"] for row in rows]]

    await _each(connection, take, change, CLAIM)


async def _seal_revisions(connection: Any, work: ValueWork, keys: Keys) -> set[str]:
    """Revisions that hold a value of the field, under the keys of their rows; the partitions where they stand."""
    (column,) = work.columns
    top = column.path.partition(".")[0]
    parts: set[str] = set()
    while rows := await connection.fetch(REVISIONS, list(work.entities), top, BATCH):
        known = {row["row_id"]: keys.open(ROW_KEY, bytes(row["key"])) for row in rows if row["key"] is not None}
        new = {row["row_id"]: os.urandom(32) for row in rows if row["row_id"] not in known}
        await connection.execute(NEW_KEYS, list(new), [keys.seal(ROW_KEY, key) for key in new.values()])
        known |= new
        made = [
            Keys(known[row["row_id"]], known[row["row_id"]]).seal(
                "revision", msgspec.json.encode(row["changes"]), row["row_id"].bytes
            )
            for row in rows
        ]
        named = ([row[name] for row in rows] for name in ("row_id", "revision", "at"))
        await connection.execute(SEAL_REVISIONS, *named, made)
        parts |= {row["part"] for row in rows}
    return parts


async def rewrite_tables(connection: Any, tell: Callable[[str], None]) -> None:
    """Write anew, outside of any transaction, the tables that still keep plain values in dead rows."""
    for (table,) in await connection.fetch("SELECT table_name FROM wangge.rewrite ORDER BY table_name"):
        tell(f"rewrite {table}")
        if await connection.fetchval("SELECT to_regclass($1)", table) is not None:
            await connection.execute(f"VACUUM (FULL, ANALYZE) {table}")
        await connection.execute("DELETE FROM wangge.rewrite WHERE table_name = $1", table)


async def pending_rewrites(connection: Any) -> list[Step]:
    """What an apply, which was killed after its transaction, did not come to write anew."""
    if await connection.fetchval("SELECT to_regclass('wangge.rewrite')") is None:
        return []
    rows = await connection.fetch("SELECT table_name FROM wangge.rewrite ORDER BY table_name")
    return [
        step("rewrite", row["table_name"], "", ("重写表 {at}", "Write the table {at} anew"), lock="rewrite")
        for row in rows
    ]
