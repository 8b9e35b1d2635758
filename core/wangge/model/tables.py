"""The physical schema of a model as data, `physical(model)`: which tables there are and what stands in them (types.py)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..errors import PlanError
from . import names
from .indexes import of_entity, of_part, search_expression
from .specs import (
    NAME_BYTES,
    SEARCH,
    SIDE_KINDS,
    TEXT,
    WITH_AREAS,
    ColumnSpec,
    ForeignKey,
    TableSpec,
    columns_of,
    index,
    is_stored,
    named,
)
from .types import Entity, Field, Model


def physical(model: Model) -> Mapping[str, TableSpec]:
    """Every table of the model by `schema.name`, an upper table before those of its kinds. Raises PlanError.

    Tables of `managed` entities are not among them: bootstrap makes those.
    """
    found: dict[str, TableSpec] = {}
    for entity in sorted(model.entities.values(), key=lambda e: (len(model.chain(e.name)), e.name)):
        if entity.managed:
            continue
        for table in _tables(model, entity):
            _check(table, found)
            found[table.key] = table
    return found


def _tables(model: Model, entity: Entity) -> list[TableSpec]:
    """The entity's own table and its side tables."""
    made = [_own_table(model, entity)]
    for field in entity.fields:
        if is_stored(field) and field.kind in SIDE_KINDS:
            made.append(
                _part_table(model, entity, field) if field.kind == "list" else _link_table(model, entity, field)
            )
    if entity.kind_of is None and entity.scope.kind == "through":
        made.append(_area_table(model, entity))
    return made


def _own_table(model: Model, entity: Entity) -> TableSpec:
    """The table of an entity's own fields."""
    columns = [*_system(model, entity)]
    for field in entity.fields:
        columns += columns_of(field)
    expression = search_expression(model, entity)
    if expression:
        columns.append(ColumnSpec(name=SEARCH, type='text[] COLLATE "C"', generated=expression))
    keys = [key for f in entity.fields if (key := _foreign(model, entity.local, f)) is not None]
    if entity.kind_of is not None:
        keys.append(_foreign_key(entity.local, "id", names.table(model.entities[entity.kind_of]), ""))
    return TableSpec(
        schema=entity.module,
        name=entity.local,
        entity=entity.name,
        role="entity",
        columns=tuple(columns),
        primary="id",
        indexes=of_entity(model, entity),
        foreign_keys=tuple(keys),
    )


def _system(model: Model, entity: Entity) -> Iterable[ColumnSpec]:
    """The system columns of an entity's own table (types.py)."""
    yield ColumnSpec(name="id", type="uuid", nullable=False, default="uuidv7()")
    if entity.kind_of is None:
        if model.kinds_of(entity.name):
            yield ColumnSpec(name="entity", type=TEXT, nullable=False)
        yield ColumnSpec(name="revision", type="integer", nullable=False, default="1")
        yield ColumnSpec(name="created_at", type="timestamptz", nullable=False, default="now()")
        yield ColumnSpec(name="created_by", type="uuid")
        yield ColumnSpec(name="updated_at", type="timestamptz", nullable=False, default="now()")
        yield ColumnSpec(name="batch_id", type="uuid")
    yield ColumnSpec(name="removed_at", type="timestamptz")
    kind = model.root_scope(entity.name).kind
    if kind in WITH_AREAS:
        yield ColumnSpec(name="area_id", type="uuid")
        yield ColumnSpec(name="area_ord", type="integer")
        yield ColumnSpec(name="district_id", type="uuid")
    elif kind == "unit":
        yield ColumnSpec(name="unit_id", type="uuid")
        yield ColumnSpec(name="unit_ord", type="integer")


def _foreign(model: Model, table: str, field: Field) -> ForeignKey | None:
    """The foreign key of a reference or file; none for a computed one, several targets, or a target without a plain table."""
    if not is_stored(field) or field.kind not in ("ref", "file", "signature") or field.computed or len(field.to) > 1:
        return None
    target = target_of(model, field)
    return _foreign_key(table, names.column(field), target, field.id) if target else None


def target_of(model: Model, field: Field) -> str | None:
    """The quoted table that a reference, link or file points to; None when it has several or stands outside of the plan."""
    wanted = field.to if field.kind in ("ref", "refs") else ("wangge.file",)
    entity = model.entities.get(wanted[0]) if len(wanted) == 1 else None
    return names.table(entity) if entity is not None and not entity.managed else None


def _foreign_key(table: str, column: str, target: str, field: str) -> ForeignKey:
    return ForeignKey(named(table, (column,), f"{table} {column} -> {target}"), column, target, field)


def _side_name(entity: Entity, field: Field) -> str:
    return f"{entity.local}_{names.column(field)}"


def _part_table(model: Model, entity: Entity, field: Field) -> TableSpec:
    """The parts of a list field."""
    name = _side_name(entity, field)
    columns = [
        ColumnSpec(name="id", type="uuid", nullable=False, default="uuidv7()"),
        ColumnSpec(name="row_id", type="uuid", nullable=False),
        ColumnSpec(name="ord", type="integer", nullable=False),
    ]
    keys = [_foreign_key(name, "row_id", names.table(entity), "")]
    for part in field.fields:
        columns += columns_of(part)
        if (key := _foreign(model, name, part)) is not None:
            keys.append(key)
    return TableSpec(
        schema=entity.module,
        name=name,
        entity=entity.name,
        role="part",
        field=field.id,
        columns=tuple(columns),
        primary="id",
        indexes=of_part(model, entity, name, field),
        foreign_keys=tuple(keys),
    )


def _link_table(model: Model, entity: Entity, field: Field) -> TableSpec:
    """The links of a refs, files or photos field."""
    name = _side_name(entity, field)
    columns = [
        ColumnSpec(name="row_id", type="uuid", nullable=False),
        ColumnSpec(name="target_id", type="uuid", nullable=False),
        ColumnSpec(name="ord", type="integer", nullable=False),
    ]
    if field.kind == "photos":
        columns.append(ColumnSpec(name="role", type=TEXT))
    keys = [_foreign_key(name, "row_id", names.table(entity), "")]
    if not field.computed and (target := target_of(model, field)):
        keys.append(_foreign_key(name, "target_id", target, field.id))
    return TableSpec(
        schema=entity.module,
        name=name,
        entity=entity.name,
        role="link",
        field=field.id,
        columns=tuple(columns),
        indexes=(index(name, ('"row_id"', '"ord"')), index(name, ('"target_id"',))),
        foreign_keys=tuple(keys),
    )


def _area_table(model: Model, entity: Entity) -> TableSpec:
    """Where a `through` entity's rows lie: one row per area and way, `sort` is the first field of the default ordering."""
    name = f"{entity.local}_area"
    columns = (
        ColumnSpec(name="row_id", type="uuid", nullable=False),
        ColumnSpec(name="area_id", type="uuid", nullable=False),
        ColumnSpec(name="area_ord", type="integer", nullable=False),
        ColumnSpec(name="district_id", type="uuid"),
        ColumnSpec(name="via", type=TEXT, nullable=False),
        ColumnSpec(name="sort", type=TEXT),
    )
    indexes = (
        index(name, ('"row_id"', '"area_ord"')),
        index(name, ('"area_ord"', '"row_id"')),
        index(name, ('"area_id"', '"sort"', '"row_id"')),
        index(name, ('"district_id"', '"sort"', '"row_id"')),
    )
    return TableSpec(
        schema=entity.module,
        name=name,
        entity=entity.name,
        role="area",
        columns=columns,
        indexes=indexes,
        foreign_keys=(_foreign_key(name, "row_id", names.table(entity), ""),),
    )


def _check(table: TableSpec, others: Mapping[str, TableSpec]) -> None:
    """PostgreSQL cuts long names in silence, and two fields must not share a column."""
    columns = [c.name for c in table.columns]
    long = [n for n in (table.schema, table.name, *columns) if len(n.encode()) > NAME_BYTES]
    if long:
        raise PlanError(
            "plan.name_too_long",
            f"{table.entity}: {long[0]!r} has more than {NAME_BYTES} bytes: choose a shorter id",
            entity=table.entity,
            name=long[0],
        )
    twice = sorted({n for n in columns if columns.count(n) > 1})
    if twice or table.key in others:
        what = f"column {twice[0]!r} twice" if twice else f"the table of {others[table.key].entity}"
        raise PlanError(
            "plan.name_clash",
            f"{table.entity}: {table.key} would be {what}: choose another id",
            entity=table.entity,
            table=table.key,
        )
