"""The SQL of writes, made once per entity: rows come in as one JSON text, so one row and ten thousand are one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from ..audit.entries import ACTOR_COLUMNS, ACTOR_TYPES, CITY_CHAIN, actor_marks
from ..model import names
from ..model.names import quote
from ..model.types import Entity, Field, Model
from .columns import SIDE_KINDS, columns_of, is_stored

AREA_COLUMNS = (("area_id", "uuid"), ("area_ord", "integer"), ("district_id", "uuid"))
UNIT_COLUMNS = (("unit_id", "uuid"), ("unit_ord", "integer"))
WITH_AREAS = frozenset(("area", "parent", "through"))


class Sheet(msgspec.Struct, frozen=True):
    """A part or link table of a field, and its columns with their types."""

    field: Field
    table: str
    columns: tuple[tuple[str, str], ...]


class Tables(msgspec.Struct, frozen=True):
    """Where the values of one entity stand: the tables of its chain, own first, and its part and link tables."""

    entity: Entity
    chain: tuple[Entity, ...]
    fields: Mapping[str, Field]
    columns: tuple[tuple[tuple[str, str], ...], ...]
    """per table of the chain: the columns of its fields."""
    sheets: tuple[Sheet, ...]
    scope: tuple[tuple[str, str], ...]
    """the area or unit columns, in every table of the chain."""
    upper: bool
    """the topmost table has the column `entity`."""

    def level(self, field: Field) -> int:
        """The index in the chain of the table that holds a field."""
        owner = field.owner or self.entity.name
        return next(n for n, entity in enumerate(self.chain) if entity.name == owner)


def tables_of(model: Model, entity: str) -> Tables:
    """Work out where the values of an entity stand."""
    chain = model.chain(entity)
    fields = model.fields_of(entity)
    stored = [field for field in fields.values() if is_stored(field)]
    columns = tuple(
        tuple(c for field in stored if (field.owner or entity) == level.name for c in columns_of(field))
        for level in chain
    )
    by_name = {level.name: level for level in chain}
    sheets = tuple(
        Sheet(field, names.side_table(by_name[field.owner or entity], field), sheet_columns(field))
        for field in stored
        if field.kind in SIDE_KINDS
    )
    kind = model.root_scope(entity).kind
    scope = AREA_COLUMNS if kind in WITH_AREAS else UNIT_COLUMNS if kind == "unit" else ()
    return Tables(chain[0], chain, fields, columns, sheets, scope, bool(model.kinds_of(chain[-1].name)))


def sheet_columns(field: Field) -> tuple[tuple[str, str], ...]:
    """The columns of a part or link table."""
    if field.kind == "list":
        inner = tuple(c for part in field.fields if is_stored(part) for c in columns_of(part))
        return (("id", "uuid"), ("row_id", "uuid"), ("ord", "integer"), *inner)
    role = (("role", "text"),) if field.kind == "photos" else ()
    return (("row_id", "uuid"), ("target_id", "uuid"), ("ord", "integer"), *role)


def recordset(columns: Sequence[tuple[str, str]], mark: str) -> str:
    """A JSON parameter as rows with typed columns."""
    typed = ", ".join(f"{quote(name)} {type_}" for name, type_ in columns)
    return f"json_to_recordset({mark}::json) AS x({typed})"


def listed(columns: Sequence[tuple[str, str]], alias: str = "") -> str:
    """Column names, qualified when an alias is given."""
    return ", ".join(f"{alias}.{quote(name)}" if alias else quote(name) for name, _ in columns)


OWN = (
    ("_changed", "text[]"),
    ("_digest", "bytea"),
    ("_key", "bytea"),
    ("_sort", "text"),
    ("_via", "text"),
    ("_confirmed", "text[]"),
)
"""What a row brings besides its columns: for its event, its ledger entry, its key, its place in the area table."""


def insert_sql(tables: Tables, *, area_table: str | None, fresh: bool, batch: bool) -> str:
    """The one statement that stores rows of an entity with their events and ledger entries.

    Parameters: $1 rows, $2-$8 the actor, $9 purpose, $10 reason, $11 document, $12 batch id, $13 claims, then one for each
    part or link table, then, when `fresh`, the Scope's subjects and counters. It returns (changed subject, rows stored).
    A batch has one event and one ledger entry for all its rows ($14 its digest) and no keys of rows.
    """
    every = (("id", "uuid"), *tables.scope, *(c for columns in tables.columns for c in columns), *OWN)
    after = 15 if batch else 14
    last = after + len(tables.sheets)
    known = f"wangge.fresh(${last}::text[], ${last + 1}::jsonb)" if fresh else "NULL::text"
    parts = [
        f"f AS MATERIALIZED (SELECT {known} AS changed)",
        f"r AS MATERIALIZED (SELECT x.* FROM f, {recordset(every, '$1')} WHERE f.changed IS NULL)",
    ]
    for n, level in reversed(list(enumerate(tables.chain))):
        parts.append(f"t{n} AS ({_insert_level(tables, n, level)})")
    for n, sheet in enumerate(tables.sheets):
        source = f"f, {recordset(sheet.columns, f'${after + n}')} WHERE f.changed IS NULL"
        into = f"INSERT INTO {sheet.table} ({listed(sheet.columns)})"
        parts.append(f"s{n} AS ({into} SELECT {listed(sheet.columns, 'x')} FROM {source})")
    if area_table:
        parts.append(
            f"a AS (INSERT INTO {area_table} (row_id, area_id, area_ord, district_id, via, sort) "
            "SELECT r.id, r.area_id, r.area_ord, r.district_id, coalesce(r._via, 'home'), r._sort FROM r "
            "WHERE r.area_id IS NOT NULL)"
        )
    parts += _trail(tables, batch)
    return f"WITH {', '.join(parts)} SELECT f.changed, (SELECT count(*) FROM r) AS stored FROM f"


def _insert_level(tables: Tables, n: int, level: Entity) -> str:
    """The INSERT into one table of the chain."""
    fields = tables.columns[n]
    pairs = [("id", "r.id")]
    if n == len(tables.chain) - 1:
        pairs += [("revision", "1"), ("created_at", "now()"), ("created_by", "$4::uuid"), ("updated_at", "now()")]
        pairs += [("batch_id", "$12::uuid")]
        if tables.upper:
            text = tables.entity.name.replace("'", "''")
            pairs += [("entity", f"'{text}'")]
    pairs += [(name, f"r.{name}") for name, _ in tables.scope]
    pairs += [(name, f"r.{quote(name)}") for name, _ in fields]
    into, values = ", ".join(quote(name) for name, _ in pairs), ", ".join(value for _, value in pairs)
    return f"INSERT INTO {names.table(level)} ({into}) SELECT {values} FROM r"


def _trail(tables: Tables, batch: bool) -> list[str]:
    """Claims, keys, events and ledger entries of the rows `r`."""
    entity = "'" + tables.entity.name.replace("'", "''") + "'"
    areas = (
        "r.area_id, r.area_ord, r.district_id"
        if tables.scope == AREA_COLUMNS
        else "NULL::uuid, NULL::integer, NULL::uuid"
    )
    chain = f"coalesce(r.district_id, '{CITY_CHAIN}')" if tables.scope == AREA_COLUMNS else f"'{CITY_CHAIN}'::uuid"
    claim_columns = (("constraint_name", "text"), ("key_hash", "bytea"), ("row_id", "uuid"), ("contested", "boolean"))
    claims = (
        f"c AS (INSERT INTO wangge.claim ({listed(claim_columns)}) SELECT {listed(claim_columns, 'x')} "
        f"FROM f, {recordset(claim_columns, '$13')} WHERE f.changed IS NULL)"
    )
    ledger = f"id, chain, {ACTOR_COLUMNS}, action, entity, row_id, revision, fields, digest, purpose, reason, document, batch_id"
    rest = "$9::text, $10::text, $11::text, $12::uuid"
    if batch:
        event = (
            "o AS (INSERT INTO wangge.outbox (id, kind, entity, batch_id, before) "
            f"SELECT uuidv7(), 'batch', {entity}, $12::uuid, jsonb_build_object('first', (SELECT id FROM r ORDER BY id LIMIT 1), "
            "'last', (SELECT id FROM r ORDER BY id DESC LIMIT 1)) WHERE EXISTS (SELECT 1 FROM r))"
        )
        entry = (
            f"g AS (INSERT INTO wangge.ledger_entry ({ledger}, row_count) SELECT uuidv7(), '{CITY_CHAIN}', {actor_marks(2)}, "
            f"'load', {entity}, NULL, NULL, '{{}}', $14::bytea, {rest}, (SELECT count(*) FROM r) "
            "WHERE EXISTS (SELECT 1 FROM r))"
        )
        return [claims, event, entry]
    keys = "k AS (INSERT INTO wangge.row_key (row_id, key) SELECT r.id, r._key FROM r WHERE r._key IS NOT NULL)"
    event = (
        "o AS (INSERT INTO wangge.outbox (id, kind, entity, row_id, revision, area_id, area_ord, district_id, changed, batch_id) "
        f"SELECT uuidv7(), 'create', {entity}, r.id, 1, {areas}, r._changed, $12::uuid FROM r)"
    )
    entry = (
        f"g AS (INSERT INTO wangge.ledger_entry ({ledger}, confirmed) SELECT uuidv7(), {chain}, {actor_marks(2)}, 'create', "
        f"{entity}, r.id, 1, r._changed, r._digest, {rest}, coalesce(r._confirmed, '{{}}') FROM r)"
    )
    return [claims, keys, event, entry]


def update_sql(tables: Tables, changed: Mapping[int, Sequence[tuple[str, str]]], *, scope: bool) -> str:
    """New values of rows: $1 a JSON array of them, $2 `removed_at` is set (true), cleared (false), kept (null).

    `changed` maps the level of a table to the columns that are written; `scope`: the area or unit columns too. Returns ids
    and new revisions.
    """
    scoped = tables.scope if scope else ()
    every = (("id", "uuid"), *scoped, *(c for level in sorted(changed) for c in changed[level]))
    top = len(tables.chain) - 1
    parts = [f"x AS MATERIALIZED (SELECT * FROM {recordset(every, '$1')})"]
    for n, level in enumerate(tables.chain):
        sets = [f"{quote(name)} = x.{quote(name)}" for name, _ in (*scoped, *changed.get(n, ()))]
        sets.append("removed_at = CASE $2::boolean WHEN TRUE THEN now() WHEN FALSE THEN NULL ELSE t.removed_at END")
        if n == top:
            sets += ["revision = t.revision + 1", "updated_at = now()"]
        tail = " RETURNING t.id, t.revision" if n == top else ""
        parts.append(f"t{n} AS (UPDATE {names.table(level)} t SET {', '.join(sets)} FROM x WHERE t.id = x.id{tail})")
    return f"WITH {', '.join(parts)} SELECT id, revision FROM t{top}"


TRAIL = (
    ("row_id", "uuid"),
    ("revision", "integer"),
    *AREA_COLUMNS,
    ("before", "jsonb"),
    ("changed", "text[]"),
    ("changes", "jsonb"),
    ("sealed", "bytea"),
    ("confirmed", "text[]"),
    ("digest", "bytea"),
)
"""What each changed row leaves: its areas and columns before, what changed, the digest of it."""
UPDATE_TRAIL = f"""
WITH x AS MATERIALIZED (SELECT * FROM {recordset(TRAIL, "$1")}), e AS (
  INSERT INTO wangge.outbox (id, kind, entity, row_id, revision, area_id, area_ord, district_id, before, changed)
  SELECT uuidv7(), $2::text, $3::text, x.row_id, x.revision, x.area_id, x.area_ord, x.district_id, x.before, x.changed FROM x
), v AS (
  INSERT INTO wangge.revision (row_id, revision, entity, kind, operation, actor_kind, actor_name, account_id, fields, changes,
    sealed, confirmed, reason)
  SELECT x.row_id, x.revision, $3::text, $2::text, $4::text, $6::text, $7::text, $8::uuid, x.changed, x.changes, x.sealed,
    x.confirmed, $5::text FROM x
)
INSERT INTO wangge.ledger_entry (id, chain, {ACTOR_COLUMNS}, action, entity, row_id, revision, fields, digest, purpose, reason,
  document, confirmed)
SELECT uuidv7(), coalesce(x.district_id, '{CITY_CHAIN}'), {actor_marks(6)}, $13::text, $3::text, x.row_id, x.revision, x.changed,
  x.digest, $14::text, $5::text, $15::text, x.confirmed FROM x
"""
"""The events, the revisions and the ledger entries of changed rows.

$1 a JSON array of TRAIL, $2 kind, $3 entity, $4 operation, $5 reason, $6-$12 the actor, $13 action, $14 purpose, $15 document.
"""
assert len(ACTOR_TYPES) == 7
