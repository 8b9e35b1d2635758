"""The difference between two models as steps, by stable ids: a renamed field or label is no step at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from . import ddl, names
from .alterations import of_fields
from .indexes import unique_columns
from .names import quote
from .sealed import ValueWork, sealed_column
from .specs import TEXT, ColumnSpec, ForeignKey, TableSpec, type_of
from .steps import Step, ordered, step
from .tables import physical
from .types import Entity, Model

BY_CONSENT = ("consent", "separate_consent")
Tables = Mapping[str, TableSpec]


def difference(old: Model | None, new: Model) -> tuple[Step, ...]:
    """The steps that bring a database from `old` (None: an empty one) to `new`, in the order in which they run.

    Entities of modules that `new` does not have keep their tables: the data of a module that is missing is not dropped.
    """
    new = keep_missing(old, new)
    before: Tables = physical(old) if old else {}
    after = physical(new)
    found = [*_schemas(old, new), *_purposes(old, new)]
    for entity in new.entities.values():
        if entity.managed:
            continue
        was = old.entities.get(entity.name) if old else None
        if was is None or was.managed:
            found += _created(entity, after)
        elif old is not None:
            found += _altered(old, new, was, entity, before, after)
    found += _dropped(old, new, before)
    return ordered(found)


def keep_missing(old: Model | None, new: Model) -> Model:
    """`new` with the entities of modules that only `old` has: what the database holds after the plan has run."""
    if old is None or not (gone := set(old.modules) - set(new.modules)):
        return new
    kept = {name: e for name, e in old.entities.items() if e.module in gone}
    return msgspec.structs.replace(
        new,
        entities={**kept, **new.entities},
        modules={**{name: old.modules[name] for name in gone}, **new.modules},
    )


def _schemas(old: Model | None, new: Model) -> Iterable[Step]:
    """The schemas of new modules."""
    had = {e.module for e in old.entities.values()} if old else set()
    for name in sorted({e.module for e in new.entities.values()} - had):
        yield step(
            "create_schema",
            name,
            "",
            ("新建模式 {at}", "Create the schema {at}"),
            sql=ddl.create_schema(name),
            lock="none",
        )


def _purposes(old: Model | None, new: Model) -> Iterable[Step]:
    """Purposes that more roles may name, or that rest on consent no longer."""
    for name, now in new.purposes.items():
        was = old.purposes.get(name) if old else None
        if was is None or (
            set(now.roles) <= set(was.roles) and (was.basis not in BY_CONSENT or now.basis == was.basis)
        ):
            continue
        yield step(
            "lower_protection",
            f"purpose.{name}",
            "",
            ("放宽使用事由 {at}", "Let more use {at}"),
            lock="none",
            risk="needs_consent",
        )


def _of(entity: str, tables: Tables) -> list[TableSpec]:
    """The tables of an entity, its own first."""
    return [t for t in tables.values() if t.entity == entity]


def _created(entity: Entity, after: Tables) -> Iterable[Step]:
    """A new entity: its tables with their indexes, then its foreign keys."""
    sql: list[str] = []
    for table in _of(entity.name, after):
        sql += _create(table)
    label = ("新建表 {at}", "Create the tables of {at}")
    yield step("create_table", entity.name, "", label, sql=sql, lock="none")
    for table in _of(entity.name, after):
        for key in table.foreign_keys:
            yield _add_key(table, key.name)


def _create(table: TableSpec) -> list[str]:
    """A table with its indexes."""
    return [*ddl.create_table(table), *(ddl.create_index(table, made) for made in table.indexes)]


def _altered(old: Model, new: Model, was: Entity, now: Entity, before: Tables, after: Tables) -> Iterable[Step]:
    """What changes in an entity that stays."""
    yield from of_fields(old, new, was, now, before, after)
    olds = {t.key: t for t in _of(was.name, before)}
    for table in _of(now.name, after):
        had = olds.get(table.key)
        if had is None or _rebuilt(was, now, table):
            if table.role == "area":
                yield step(
                    "create_table", now.name, "area", ("新建 {at} 表", "Create the table {at}"), sql=_create(table)
                )
            for foreign in table.foreign_keys:
                yield _add_key(table, foreign.name)
            continue
        yield from _rescoped(was, now, had, table)
        yield from _searched(now, had, table)
        yield from _indexed(now, had, table)
        yield from _connected(had, table)
    yield from _claimed(was, now, after)
    for key, table in olds.items():
        if table.role == "area" and key not in after:
            yield step(
                "drop_table", was.name, "area", ("删除 {at} 表", "Drop the table {at}"), sql=[ddl.drop_table(table)]
            )


def _rebuilt(was: Entity, now: Entity, table: TableSpec) -> bool:
    """Whether a part or link table gives way to another one of the same name."""
    kinds = {f.kind for e in (was, now) for f in e.fields if f.id == table.field}
    return bool(table.field) and len(kinds) > 1 and kinds != {"files", "photos"}


def _rescoped(was: Entity, now: Entity, had: TableSpec, table: TableSpec) -> Iterable[Step]:
    """System columns that come and go with `scope:` and `kind_of:`."""
    if table.role != "entity":
        return
    lost = [c for c in had.columns if not c.field and not c.generated and table.column(c.name) is None]
    come = [c for c in table.columns if not c.field and not c.generated and had.column(c.name) is None]
    moved = was.kind_of != now.kind_of or _changes_place(was, now)
    if not (lost or come or moved):
        return
    only_kind = [c.name for c in come] == ["entity"] and not lost and not moved
    sql = [line for c in come for line in ddl.add_column(table, c, _fill(now, c))]
    sql += [ddl.drop_column(had, c.name) for c in lost]
    yield step(
        "rescope",
        now.name,
        "",
        ("改变 {at} 的范围或上级实体", "Change the scope or the upper entity of {at}"),
        sql=sql,
        risk="none" if only_kind else "refused_by_rows",
        probe="" if only_kind else f"SELECT id FROM {had.quoted}",
        instead="scope and kind_of change only while there are no rows (parent to area excepted): "
        "declare a new entity and move the rows with a migration",
    )


def _changes_place(was: Entity, now: Entity) -> bool:
    """Whether rows would belong elsewhere; from parent to area they keep the areas that they have."""
    return was.scope != now.scope and (was.scope.kind, now.scope.kind) != ("parent", "area")


def _fill(entity: Entity, column: ColumnSpec) -> str:
    """What rows that are there get in a new system column."""
    return ddl.literal(entity.name) if column.name == "entity" else ""


def _searched(now: Entity, had: TableSpec, table: TableSpec) -> Iterable[Step]:
    """The generated column of the grams."""
    olds = {c.name: c for c in had.columns if c.generated}
    news = {c.name: c for c in table.columns if c.generated}
    for name, column in olds.items():
        if news.get(name) != column:
            yield step(
                "drop_search", now.name, "", ("去除 {at} 的检索列", "Drop the search column of {at}"),
                sql=[ddl.drop_column(had, name)],
            )  # fmt: skip
    for name, column in news.items():
        if olds.get(name) != column:
            yield step(
                "add_search", now.name, "", ("建立 {at} 的检索列", "Make the search column of {at}"),
                sql=ddl.add_column(table, column), lock="rewrite",
            )  # fmt: skip


def _indexed(now: Entity, had: TableSpec, table: TableSpec) -> Iterable[Step]:
    """Indexes and unique keys that come and go."""
    olds, news = {i.name: i for i in had.indexes}, {i.name: i for i in table.indexes}
    for name in olds.keys() - news.keys():
        yield step(
            "drop_unique" if olds[name].unique else "drop_index",
            now.name,
            ",".join(olds[name].fields) or name,
            ("删除索引 {at}", "Drop the index {at}"),
            sql=[ddl.drop_index(table.schema, name)],
        )
    for name in sorted(news.keys() - olds.keys()):
        made = news[name]
        known = all(had.column(key.strip('"')) is not None for key in made.keys)
        yield step(
            "add_unique" if made.unique else "add_index",
            now.name,
            ",".join(made.fields) or name,
            ("新增唯一约束 {at}", "Add the unique key {at}")
            if made.unique
            else ("新建索引 {at}", "Build the index {at}"),
            sql=[ddl.create_index(table, made)],
            risk="refused_by_rows" if made.unique else "none",
            probe=_duplicates(had, made.keys) if made.unique and known else "",
            instead="correct or merge the rows first",
            table=table,
            index=made,
        )


def _duplicates(table: TableSpec, keys: Iterable[str]) -> str:
    """Rows whose key another row has too."""
    same = " AND ".join(f"o.{key} = t.{key}" for key in keys)
    return (
        f"SELECT t.id FROM {table.quoted} t WHERE EXISTS (SELECT 1 FROM {table.quoted} o WHERE {same} AND o.id <> t.id)"
    )


def _claimed(was: Entity, now: Entity, after: Tables) -> Iterable[Step]:
    """Keys that claims hold (sealed values, `on_hidden: review`): claims of rows that are there cannot be made in SQL."""
    olds = {u.fields for u in was.unique if unique_columns(was, u) is None}
    news = {u.fields for u in now.unique if unique_columns(now, u) is None}
    table = next(t for t in _of(now.name, after) if t.role == "entity")
    for fields in sorted(news - olds):
        if (made := _sealed_key(was, now, table, fields)) is not None:
            yield made
            continue
        yield step(
            "add_unique", now.name, ",".join(fields), ("新增唯一约束 {at}", "Add the unique key {at}"),
            lock="none", risk="refused_by_rows", probe=f"SELECT id FROM {table.quoted}",
            instead="a key over sealed values or with on_hidden: review can only be added while there are no rows",
        )  # fmt: skip
    for fields in sorted(olds - news):
        name = ddl.literal(f"{was.name}:{','.join(fields)}")
        yield step(
            "drop_unique", now.name, ",".join(fields), ("取消唯一约束 {at}", "Give up the unique key {at}"),
            sql=[f"DELETE FROM wangge.claim WHERE constraint_name = {name}"], lock="none",
        )  # fmt: skip


def _sealed_key(was: Entity, now: Entity, table: TableSpec, fields: tuple[str, ...]) -> Step | None:
    """A key of texts of which one is sealed by this plan: claims are made of its values; None for every other key."""
    olds, news = {f.id: f for f in was.fields}, {f.id: f for f in now.fields}
    if not any(f in olds and f in news and news[f].sealed and not olds[f].sealed for f in fields):
        return None
    if not all(f in olds and f in news and (news[f].sealed or type_of(news[f]) == TEXT) for f in fields):
        return None
    sealed = tuple(column for f in fields if (column := sealed_column(now, news[f])) is not None)
    plains = {f: quote(names.column(news[f])) for f in fields if not news[f].sealed}
    before = [quote(names.column(olds[f]) + ("_hash" if olds[f].sealed else "")) for f in fields]
    return step(
        "add_unique",
        now.name,
        ",".join(fields),
        ("新增唯一约束 {at}", "Add the unique key {at}"),
        lock="none",
        risk="refused_by_rows",
        probe=_duplicates(table, before),
        instead="correct or merge the rows first",
        values=ValueWork(kind="claim", table=table.quoted, columns=sealed, key=fields, plains=plains),
    )


def _connected(had: TableSpec, table: TableSpec) -> Iterable[Step]:
    """Foreign keys that come and go."""
    olds, news = {k.name: k for k in had.foreign_keys}, {k.name: k for k in table.foreign_keys}
    for name in sorted(olds.keys() - news.keys()):
        yield step(
            "drop_foreign_key", table.entity, _reference(table, olds[name]), ("去除外键 {at}", "Drop the foreign key {at}"),
            sql=[ddl.drop_constraint(table, name)],
        )  # fmt: skip
    for name in sorted(news.keys() - olds.keys()):
        yield _add_key(table, name, had)


def _reference(table: TableSpec, key: ForeignKey) -> str:
    """What a foreign key is called in a step: its field, or its column."""
    own = key.field or key.column
    return f"{table.field}.{own}" if table.field and own != table.field else own


def _add_key(table: TableSpec, name: str, had: TableSpec | None = None) -> Step:
    """A foreign key; rows that point to nothing contradict it."""
    key = next(k for k in table.foreign_keys if k.name == name)
    old = had.column(key.column) if had is not None else None
    exists = old is not None and old.type == "uuid"
    row = "id" if table.role == "entity" else "row_id"
    column = ddl.joined((key.column,))
    return step(
        "add_foreign_key",
        table.entity,
        _reference(table, key),
        ("新增外键 {at}", "Add the foreign key {at}"),
        sql=[ddl.add_foreign_key(table, key)],
        risk="refused_by_rows" if exists else "none",
        probe=f"SELECT t.{row} AS id FROM {table.quoted} t WHERE t.{column} IS NOT NULL "
        f"AND NOT EXISTS (SELECT 1 FROM {key.target} o WHERE o.id = t.{column})"
        if exists
        else "",
        instead="these rows point to nothing: correct them first",
    )


def _dropped(old: Model | None, new: Model, before: Tables) -> Iterable[Step]:
    """Entities that a module which is still there no longer has."""
    for entity in old.entities.values() if old else ():
        if entity.managed or entity.name in new.entities or entity.module not in new.modules:
            continue
        tables = _of(entity.name, before)
        yield step(
            "drop_table",
            entity.name,
            "",
            ("删除实体 {at} 及其数据", "Drop the entity {at} with its data"),
            sql=[ddl.drop_table(t) for t in reversed(tables)],
            risk="loses_data",
            probe=f"SELECT id FROM {tables[0].quoted}",
        )
