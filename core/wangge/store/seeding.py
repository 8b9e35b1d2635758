"""Bring seeded rows to what the files say, in the caller's transaction, and note which policy changed."""

from __future__ import annotations

from typing import Any

import msgspec

from ..model.names import quote
from ..model.types import Model
from .approvals import approved_modules
from .seeds import Seed, code_seed, module_seed, purpose_seed, role_seed, rule_seed, table_seed


async def seed(connection: Any, old: Model | None, new: Model) -> dict[str, int]:
    """Write what differs; table -> how many rows changed. Tables that the model does not have are left out.

    Code tables are only written when their files changed: between two versions they are edited online.
    """
    counts: dict[str, int] = {}
    changed = [t for t in new.tables.values() if old is None or old.tables.get(t.name) != t]
    touched: set[tuple[str, str]] = set()
    approved = await approved_modules(connection, old, new)
    for one in (
        table_seed(new),
        code_seed(changed),
        module_seed(new),
        purpose_seed(new),
        role_seed(new),
        await stored_rules(connection, new, approved),
    ):
        if one.table not in new.entities:
            continue
        rows = await write_seed(connection, one)
        if one.table == "wangge.module":
            rows += await _missing(connection, one)
        counts[one.table] = len(rows)
        touched |= {subject for row in rows if (subject := _subject(one.table, row)) is not None}
    for named in sorted(touched):
        await connection.execute("SELECT wangge.touch($1, $2)", *named)
    return counts


PUBLISHED = """SELECT DISTINCT role, entity FROM wangge.rule
WHERE origin = 'published' AND district IS NULL AND removed_at IS NULL"""


async def stored_rules(connection: Any, model: Model, approved: frozenset[str]) -> Seed:
    """The default rules of approved modules, without those of a role and entity for which the city has published its own."""
    one = rule_seed(model)
    one = msgspec.structs.replace(one, rows=[r for r in one.rows if r["origin"].removeprefix("module:") in approved])
    if await connection.fetchval("SELECT to_regclass('wangge.rule')") is None:
        return one
    taken = {(row["role"], row["entity"]) for row in await connection.fetch(PUBLISHED)}
    return msgspec.structs.replace(one, rows=[r for r in one.rows if (r["role"], r["entity"]) not in taken])


def _subject(table: str, row: Any) -> tuple[str, str] | None:
    """The kind and the subject under which Scopes are dropped when such a row changed."""
    if table == "wangge.rule":
        return "rule", f"role:{row['role']}"
    if table == "wangge.role":
        return "rule", f"role:{row['code']}"
    if table == "wangge.module":
        return "module", f"module:{row['code']}"
    return None


MISSING = """UPDATE wangge.module t SET state = CASE WHEN t.code = ANY($1::text[]) THEN 'INSTALLED' ELSE 'MISSING' END,
  revision = t.revision + 1, updated_at = now()
WHERE (t.code = ANY($1::text[])) = (t.state = 'MISSING') RETURNING t.*"""


async def _missing(connection: Any, one: Seed) -> list[Any]:
    """Modules whose files are gone, or back again; one that is quarantined stays so while its files are there."""
    return list(await connection.fetch(MISSING, [row["code"] for row in one.rows]))


async def write_seed(connection: Any, one: Seed) -> list[Any]:
    """Insert, update and remove rows so that those which the files own are what they say; the rows that changed."""
    columns = [name for name, _ in one.types]
    typed = ", ".join(f"{quote(name)} {type_}" for name, type_ in (("id", "uuid"), *one.types))
    listed = ", ".join(quote(name) for name in columns)
    given = ", ".join(f"g.{quote(name)}" for name in columns)
    compared = [quote(name) for name in columns if name not in one.keep]
    new_values = ", ".join(f"g.{name}" for name in compared)
    old_values = ", ".join(f"t.{name}" for name in compared)
    sets = ", ".join(f"{name} = g.{name}" for name in compared)
    sql = f"""
WITH g AS MATERIALIZED (SELECT * FROM jsonb_to_recordset($1::jsonb) AS g({typed})),
changed AS (UPDATE {one.table} t SET {sets}, removed_at = NULL, revision = t.revision + 1, updated_at = now()
  FROM g WHERE t.id = g.id AND (({old_values}) IS DISTINCT FROM ({new_values}) OR t.removed_at IS NOT NULL) RETURNING t.*),
made AS (INSERT INTO {one.table} (id, {listed}) SELECT g.id, {given} FROM g
  WHERE NOT EXISTS (SELECT 1 FROM {one.table} t WHERE t.id = g.id) RETURNING *),
gone AS (UPDATE {one.table} t SET removed_at = now(), revision = t.revision + 1, updated_at = now()
  WHERE {one.within} AND t.removed_at IS NULL AND NOT EXISTS (SELECT 1 FROM g WHERE g.id = t.id) RETURNING t.*)
SELECT * FROM changed UNION ALL SELECT * FROM made UNION ALL SELECT * FROM gone"""
    return list(await connection.fetch(sql, msgspec.to_builtins(one.rows)))
