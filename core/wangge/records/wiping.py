"""The SQL that empties rows: all of them (erase), or their personal fields (anonymise). Made from the model alone.

A row that is erased stays as a stub, since others may refer to it: removed, without a value, in no list. Columns that are
never null get a value that says nothing; a required reference stays unless it is personal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from ..audit.entries import ACTOR_COLUMNS, CITY_CHAIN, actor_marks
from ..model import names
from ..model.names import quote
from ..model.specs import PERSONAL, ColumnSpec, columns_of
from ..model.types import Field, Model
from .columns import SIDE_KINDS, is_stored
from .following import sort_field
from .statements import AREA_COLUMNS, Sheet, Tables

NEUTRAL = (
    ("text[]", "'{}'"),
    ("text", "''"),
    ("jsonb", "'null'"),
    ("bytea", "''"),
    ("boolean", "FALSE"),
    ("date", "'0001-01-01'"),
    ("timestamptz", "'epoch'"),
    ("time", "'00:00'"),
    ("box", "'((0,0),(0,0))'"),
)
"""type -> what stands in an emptied column that is never null; numbers get 0."""


class Wipe(msgspec.Struct, frozen=True):
    """How rows of one entity are emptied: `fields` in the ledger, `statements` over the ids in $1, in order."""

    fields: tuple[str, ...]
    statements: tuple[str, ...]
    files: str | None
    """the files behind what is emptied."""
    claims: tuple[str, ...] | None
    """the constraints whose claims are given up; None: all."""
    trail: str


def is_personal(field: Field) -> bool:
    """Whether a field, in some rows at least, says something of a person."""
    return field.sensitivity in PERSONAL or field.raises is not None


def wipe_of(model: Model, tables: Tables, constraints: Mapping[str, Iterable[str]], *, whole: bool) -> Wipe:
    """What empties rows of an entity; `constraints` are its claimed keys with their fields."""
    emptied = [f for f in tables.fields.values() if is_stored(f) and (whole or is_personal(f))]
    ids = {f.id for f in emptied}
    statements = [*_parts(tables, ids, whole)]
    statements += [_own(model, tables, n, ids, whole) for n in range(len(tables.chain))]
    top = tables.chain[-1]
    if model.root_scope(tables.entity.name).kind == "through":
        area, sort = names.area_table(top), sort_field(model, top)
        if whole:
            statements.append(f"DELETE FROM {area} WHERE row_id = ANY($1::uuid[])")
        elif sort is not None and sort.id in ids:
            statements.append(f"UPDATE {area} SET sort = NULL WHERE row_id = ANY($1::uuid[])")
    kept = None if whole else tuple(sorted(n for n, key in constraints.items() if ids & set(key)))
    fields = tuple(sorted(ids | {f"{s.field.id}.{p}" for s in tables.sheets for p in _personal_parts(s, ids)}))
    return Wipe(fields, tuple(statements), files_sql(model, tables, ids), kept, _trail(tables, whole))


def _parts(tables: Tables, ids: set[str], whole: bool) -> Iterable[str]:
    """Parts and links go; of a list that stays, the personal columns of its parts."""
    for sheet in tables.sheets:
        if sheet.field.id in ids:
            yield f"DELETE FROM {sheet.table} WHERE row_id = ANY($1::uuid[])"
            continue
        parts = {p.id: p for p in sheet.field.fields}
        sets = [s for name in _personal_parts(sheet, ids) for c in columns_of(parts[name]) if (s := emptied(c, "q"))]
        if sets and not whole:
            yield f"UPDATE {sheet.table} q SET {', '.join(sets)} WHERE q.row_id = ANY($1::uuid[])"


def _personal_parts(sheet: Sheet, ids: set[str]) -> list[str]:
    """The personal fields in the parts of a list that is not emptied itself."""
    return [] if sheet.field.id in ids else [p.id for p in sheet.field.fields if is_stored(p) and is_personal(p)]


def _own(model: Model, tables: Tables, n: int, ids: set[str], whole: bool) -> str:
    """The columns of one table of the chain."""
    level, top = tables.chain[n], n == len(tables.chain) - 1
    keyed = {f for unique in level.unique for f in unique.fields}
    sets = []
    for field in tables.fields.values():
        if field.id in ids and field.kind not in SIDE_KINDS and (field.owner or tables.entity.name) == level.name:
            sets += [s for c in columns_of(field) if (s := emptied(c, "t", keyed=field.id in keyed))]
    if whole:
        sets.append("removed_at = coalesce(t.removed_at, now())")
    if top:
        sets += ["revision = t.revision + 1", "updated_at = now()"]
    return f"UPDATE {names.table(level)} t SET {', '.join(sets or ['id = t.id'])} WHERE t.id = ANY($1::uuid[])"


def emptied(column: ColumnSpec, alias: str, *, keyed: bool = False) -> str | None:
    """`column = <nothing>`; None for a reference that is never null. A key keeps rows apart by their ids."""
    name = quote(column.name)
    if column.nullable:
        return f"{name} = NULL"
    if column.type.startswith("uuid"):
        return None
    if keyed and column.type.startswith("text") and not column.type.startswith("text["):
        return f"{name} = {alias}.id::text"
    return f"{name} = {next((value for type_, value in NEUTRAL if column.type.startswith(type_)), '0')}"


def files_sql(model: Model, tables: Tables, ids: set[str]) -> str | None:
    """The ids of the files that emptied fields of the rows in $1 hold."""
    found = []
    for field in tables.fields.values():
        if field.id not in ids or not is_stored(field):
            continue
        level = tables.chain[tables.level(field)]
        if field.kind in ("file", "signature"):
            column = quote(names.column(field))
            found.append(
                f"SELECT {column} FROM {names.table(level)} WHERE id = ANY($1::uuid[]) AND {column} IS NOT NULL"
            )
        if field.kind in ("files", "photos"):
            found.append(f"SELECT target_id FROM {names.side_table(level, field)} WHERE row_id = ANY($1::uuid[])")
        for part in field.fields:
            if part.kind in ("file", "signature"):
                column, table = quote(names.column(part)), names.side_table(level, field)
                found.append(f"SELECT {column} FROM {table} WHERE row_id = ANY($1::uuid[]) AND {column} IS NOT NULL")
    return " UNION ".join(found) or None


def unheld_files_sql(model: Model) -> str:
    """Delete those of the files in $1 that no row of any entity holds, and the keys of their contents."""
    held = []
    for entity in model.entities.values():
        for field in entity.fields:
            table = names.table(entity)
            if entity.managed or not is_stored(field):
                continue
            if field.kind in ("file", "signature"):
                held.append(f"SELECT 1 FROM {table} h WHERE h.{quote(names.column(field))} = f.id")
            if field.kind in ("files", "photos"):
                held.append(f"SELECT 1 FROM {names.side_table(entity, field)} h WHERE h.target_id = f.id")
            for part in field.fields:
                if part.kind in ("file", "signature"):
                    column = quote(names.column(part))
                    held.append(f"SELECT 1 FROM {names.side_table(entity, field)} h WHERE h.{column} = f.id")
    none = "".join(f" AND NOT EXISTS ({sql})" for sql in held)
    return (
        f"WITH gone AS (DELETE FROM wangge.file f WHERE f.id = ANY($1::uuid[]){none} RETURNING f.id) "
        "UPDATE wangge.object o SET secret = NULL FROM gone WHERE o.file = gone.id"
    )


def _trail(tables: Tables, whole: bool) -> str:
    """The stub, the event, the revision and the ledger entry of every row.

    $1 ids, $2-$8 the actor, $9 reason, $10 purpose, $11 document, $12 the fields that were emptied.
    """
    kind = "erase" if whole else "anonymise"
    placed = tables.scope == AREA_COLUMNS
    areas = "t.area_id, t.area_ord, t.district_id" if placed else "NULL::uuid, NULL::integer, NULL::uuid"
    entity = "'" + tables.entity.name.replace("'", "''") + "'"
    own, top = names.table(tables.chain[0]), names.table(tables.chain[-1])
    return f"""WITH r AS MATERIALIZED (
  SELECT t.id, u.revision, x.* FROM {own} t JOIN {top} u ON u.id = t.id,
    LATERAL (SELECT {areas}) x(area_id, area_ord, district_id) WHERE t.id = ANY($1::uuid[])
), m AS (
  INSERT INTO wangge.erased (row_id, entity, kind, area_id, area_ord, district_id)
  SELECT r.id, {entity}, '{kind}', r.area_id, r.area_ord, r.district_id FROM r
  ON CONFLICT (row_id) DO UPDATE SET kind = excluded.kind, at = excluded.at
), o AS (
  INSERT INTO wangge.outbox (id, kind, entity, row_id, revision, area_id, area_ord, district_id, changed)
  SELECT uuidv7(), '{kind}', {entity}, r.id, r.revision, r.area_id, r.area_ord, r.district_id, $12::text[] FROM r
), v AS (
  INSERT INTO wangge.revision (row_id, revision, entity, kind, actor_kind, actor_name, account_id, fields, reason)
  SELECT r.id, r.revision, {entity}, '{kind}', $2::text, $3::text, $4::uuid, $12::text[], $9::text FROM r
)
INSERT INTO wangge.ledger_entry (id, chain, {ACTOR_COLUMNS}, action, entity, row_id, revision, fields, purpose, reason, document)
SELECT uuidv7(), coalesce(r.district_id, '{CITY_CHAIN}'), {actor_marks(2)}, '{kind}', {entity}, r.id, r.revision,
  $12::text[], $10::text, $9::text, $11::text FROM r"""
