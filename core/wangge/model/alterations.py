"""What changes in the fields of an entity that stays, as steps: new, dropped, replaced, converted, required."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from . import ddl, names
from .conversions import convert, fill_of
from .names import quote
from .narrowing import lowered, narrowed
from .sealed import SealedColumn, ValueWork
from .specs import (
    LINK_KINDS,
    SIDE_KINDS,
    TEXT,
    ColumnSpec,
    TableSpec,
    columns_of,
    is_stored,
    sort_column,
    spelt_columns,
    type_of,
)
from .steps import Risk, Step, step
from .types import Entity, Field, Model

Tables = Mapping[str, TableSpec]


class Place(msgspec.Struct, frozen=True):
    """Where fields stand: an entity's own table, or the part table of a list (`prefix` is `<list>.`)."""

    entity: Entity
    had: TableSpec
    table: TableSpec
    before: Tables
    after: Tables
    old: Model
    new: Model
    prefix: str = ""

    @property
    def row(self) -> str:
        """The column that names the row."""
        return "row_id" if self.prefix else "id"

    def rows(self, where: str = "") -> str:
        """A probe for rows of the table as it is before the plan."""
        condition = f" WHERE {where}" if where else ""
        return f"SELECT {self.row} AS id FROM {self.had.quoted}{condition}"

    def side(self, field: Field, tables: Tables) -> TableSpec:
        """The part or link table of a field."""
        return tables[f"{self.entity.module}.{self.entity.local}_{names.column(field)}"]


def of_fields(old: Model, new: Model, was: Entity, now: Entity, before: Tables, after: Tables) -> Iterable[Step]:
    """The steps of all fields of an entity, of its lists' parts too."""
    place = Place(now, before[was.name], after[now.name], before, after, old, new)
    return _fields(place, was.fields, now.fields, was.retired, now.retired)


def _fields(
    place: Place, olds: Sequence[Field], news: Sequence[Field], gone: Sequence[str], retired: Sequence[str]
) -> Iterable[Step]:
    """Fields by their ids: a new name, label or order is nothing. An id that was retired (`gone`) does not come back."""
    had = {f.id: f for f in olds}
    has = {f.id: f for f in news}
    for field in news:
        if field.id not in had:
            yield from _added(place, field, again=field.id in gone)
        elif field != had[field.id]:
            yield from _changed(place, had[field.id], field)
    for field in olds:
        if field.id not in has:
            yield from _dropped(place, field, retired=field.id in retired)


REUSED = "revisions of these rows hold other values under this id: choose another, and leave it under `retired:`"
FILLED = "a required field needs a default while there are rows: add it without required first, or with a default"


def _added(place: Place, field: Field, *, again: bool = False) -> Iterable[Step]:
    """A new field; rows that are there contradict a required one without a default, and the id of a retired one."""
    if not is_stored(field):
        return
    label = ("新增字段 {at}", "Add the field {at}")
    risk: Risk = "refused_by_rows" if again else "none"
    if field.kind in SIDE_KINDS:
        table = place.side(field, place.after)
        sql = [*ddl.create_table(table), *(ddl.create_index(table, made) for made in table.indexes)]
        probe = place.rows() if again else ""
        yield step(
            "add_column",
            place.entity.name,
            field.id,
            label,
            sql=sql,
            lock="none",
            risk=risk,
            probe=probe,
            instead=REUSED,
        )
        return
    fill = fill_of(field) if field.required else ""
    refused = again or (field.required and not fill)
    yield step(
        "add_column",
        place.entity.name,
        place.prefix + field.id,
        label,
        sql=[
            line for n, c in enumerate(columns_of(field)) for line in ddl.add_column(place.table, c, "" if n else fill)
        ],
        risk="refused_by_rows" if refused else "none",
        probe=place.rows() if refused else "",
        instead=REUSED if again else FILLED,
    )
    if fill and field.pinyin:
        yield _spelling(place, field)


def _drop_sql(place: Place, field: Field) -> list[str]:
    """Take a field's columns or table away."""
    if field.kind in SIDE_KINDS:
        return [ddl.drop_table(place.side(field, place.before))]
    return [ddl.drop_column(place.table, c.name) for c in columns_of(field)]


def _filled(place: Place, field: Field) -> str:
    """A probe for the rows that have a value in a field."""
    if field.kind in SIDE_KINDS:
        return f"SELECT DISTINCT row_id AS id FROM {place.side(field, place.before).quoted}"
    return place.rows(f"{quote(columns_of(field)[0].name)} IS NOT NULL")


def _dropped(place: Place, field: Field, *, retired: bool) -> Iterable[Step]:
    """A field that is gone from the file: under `retired:` it goes when allowed, else it was perhaps renamed by mistake."""
    if not is_stored(field):
        return
    yield step(
        "drop_column",
        place.entity.name,
        place.prefix + field.id,
        ("删除字段 {at} 及其数据", "Drop the field {at} with its data"),
        sql=_drop_sql(place, field),
        risk="loses_data" if retired else "refused_by_rows",
        probe=_filled(place, field),
        instead=f"write {field.id} under `retired:` to drop it, or `id: {field.id}` beside its new name to keep it",
    )


def _changed(place: Place, was: Field, now: Field) -> Iterable[Step]:
    """A field that stays."""
    yield from _stored(place, was, now)
    if lowered(was, now):
        yield step(
            "lower_protection",
            place.entity.name,
            place.prefix + now.id,
            ("降低 {at} 的保护", "Lower the protection of {at}"),
            lock="none",
            risk="needs_consent",
        )


def _stored(place: Place, was: Field, now: Field) -> Iterable[Step]:
    """What the change means for stored values."""
    if not is_stored(now):
        if is_stored(was):
            yield from _dropped(place, was, retired=True)
        return
    if not is_stored(was):
        yield from _added(place, now)
    elif was.kind in SIDE_KINDS or now.kind in SIDE_KINDS:
        yield from _sides(place, was, now)
    elif now.sealed and not was.sealed and was.kind == now.kind:
        yield from _sealed(place, was, now)
    elif was.sealed != now.sealed or (was.kind != now.kind and (was.sealed or "polygon" in (was.kind, now.kind))):
        yield from _replaced(place, was, now)
    else:
        yield from _columns(place, was, now)
        if now.sealed and was.mask != now.mask:
            yield _remasked(place, now)


def _column(place: Place, now: Field) -> SealedColumn:
    """Where a field stands once it is sealed."""
    path = place.prefix + now.id
    return SealedColumn(entity=place.entity.name, path=path, field=now, table=place.table.quoted, row=place.row)


def _remasked(place: Place, now: Field) -> Step:
    """Another mask: those of rows that are there are made anew."""
    return step(
        "remask",
        place.entity.name,
        place.prefix + now.id,
        ("重新生成 {at} 的脱敏值", "Make the masks of {at} anew"),
        lock="none",
        values=ValueWork(kind="remask", table=place.table.quoted, columns=(_column(place, now),)),
    )


def _sealed(place: Place, was: Field, now: Field) -> Iterable[Step]:
    """A text that is sealed from now on: its rows, and what revisions and events hold of them."""
    at = (place.entity.name, place.prefix + now.id)
    yield from narrowed(place.had, place.row, was, now, place.new, at)
    plain = columns_of(was)[0]
    missing = place.rows(f"{quote(plain.name)} IS NULL") if now.required and not was.required else ""
    columns = [msgspec.structs.replace(column, nullable=True) for column in columns_of(now)]
    after = [ddl.set_nullable(place.table, column.name, False) for column in columns_of(now) if not column.nullable]
    kinds = tuple(e.name for e in place.new.entities.values() if place.entity in place.new.chain(e.name))
    yield step(
        "seal",
        *at,
        ("密封 {at}", "Seal {at}, its revisions and events"),
        sql=[line for column in columns for line in ddl.add_column(place.table, column)],
        lock="rewrite",
        risk="refused_by_rows" if missing else "none",
        probe=missing,
        instead="fill these rows first",
        values=ValueWork(
            kind="seal",
            table=place.table.quoted,
            columns=(_column(place, now),),
            plain=quote(plain.name),
            entities=kinds,
        ),
        after=[
            *after,
            *_unsorted(place, was),
            *(ddl.drop_column(place.table, name) for name in (plain.name, *spelt_columns(was))),
        ],
    )


def _unsorted(place: Place, was: Field) -> Iterable[str]:
    """The copy of the ordering key beside the areas of a row, when it was this field."""
    old = place.old.entities[place.entity.name]
    if place.prefix or old.scope.kind != "through" or not old.order or old.order[0][0] != was.id:
        return
    own = {f.id: f for f in place.entity.fields}
    first = own.get(place.entity.order[0][0]) if place.entity.order else None
    value = "NULL"
    if first is not None and not first.sealed and type_of(first) == TEXT:
        value = f"(SELECT t.{quote(sort_column(first))} FROM {place.table.quoted} t WHERE t.id = a.row_id)"
    yield f"UPDATE {names.area_table(place.entity)} a SET sort = {value}"


def _sides(place: Place, was: Field, now: Field) -> Iterable[Step]:
    """Lists and links; `ref` and `file` become links by moving their values."""
    single = {"refs": ("ref",), "files": ("file", "signature"), "photos": ("file",)}.get(now.kind, ())
    if was.kind in single and len(was.to) <= 1 and was.to == now.to:
        yield _multiplied(place, was, now)
    elif was.kind == now.kind == "list":
        parts = msgspec.structs.replace(
            place,
            had=place.side(was, place.before),
            table=place.side(now, place.after),
            prefix=f"{now.id}.",
        )
        yield from _fields(parts, was.fields, now.fields, was.retired, now.retired)
    elif (
        was.kind in LINK_KINDS
        and now.kind in LINK_KINDS
        and ("refs" not in (was.kind, now.kind) or was.kind == now.kind)
    ):
        yield from _links(place, was, now)
    else:
        yield from _replaced(place, was, now)


def _links(place: Place, was: Field, now: Field) -> Iterable[Step]:
    """Links stay links: photos have a role; a target that changes is checked by the foreign key."""
    had, table = place.side(was, place.before), place.side(now, place.after)
    if now.kind == "photos" and was.kind != "photos":
        column = next(c for c in table.columns if c.name == "role")
        sql = ddl.add_column(table, column)
        yield step("widen", place.entity.name, now.id, ("放宽字段 {at}", "Widen the field {at}"), sql=sql)
    elif was.kind == "photos" and now.kind != "photos":
        yield step(
            "convert", place.entity.name, now.id, ("转换字段 {at}", "Convert the field {at}"),
            sql=[ddl.drop_column(table, "role")], risk="loses_data",
            probe=f"SELECT DISTINCT row_id AS id FROM {had.quoted} WHERE role IS NOT NULL",
        )  # fmt: skip


def _multiplied(place: Place, was: Field, now: Field) -> Step:
    """One reference or file becomes a list of them."""
    table = place.side(now, place.after)
    column = quote(names.column(was))
    sql = [
        *ddl.create_table(table),
        f"INSERT INTO {table.quoted} (row_id, target_id, ord) SELECT id, {column}, 0 FROM {place.had.quoted} "
        f"WHERE {column} IS NOT NULL",
        *(ddl.create_index(table, made) for made in table.indexes),
        ddl.drop_column(place.table, names.column(was)),
    ]
    return step("convert", place.entity.name, now.id, ("转换字段 {at}", "Convert the field {at}"), sql=sql)


def _replaced(place: Place, was: Field, now: Field) -> Iterable[Step]:
    """A kind whose values cannot become those of the other: only while no row has one."""
    sql = _drop_sql(place, was)
    if now.kind in SIDE_KINDS:
        table = place.side(now, place.after)
        sql += [*ddl.create_table(table), *(ddl.create_index(table, made) for made in table.indexes)]
    else:
        sql += [line for c in columns_of(now) for line in ddl.add_column(place.table, c)]
    what = "sealing" if was.sealed or now.sealed else f"from {was.kind} to {now.kind}"
    demanding = now.required and now.kind not in SIDE_KINDS
    yield step(
        "convert",
        place.entity.name,
        place.prefix + now.id,
        ("转换字段 {at}", "Convert the field {at}"),
        sql=sql,
        risk="refused_by_rows",
        probe=place.rows() if demanding else _filled(place, was),
        instead=f"values cannot be converted ({what}): add a field with a new id, move the values with a migration, "
        "and retire this one",
    )


def _columns(place: Place, was: Field, now: Field) -> Iterable[Step]:
    """Columns of the row's own table on both sides."""
    olds, news = columns_of(was), columns_of(now)
    at = (place.entity.name, place.prefix + now.id)
    if not now.sealed:
        first_was, first_now = olds[0], news[0]
        same_name = first_was.name == first_now.name
        converted = convert(place.had, place.table, place.row, first_was, first_now, at) if same_name else None
        if converted is None:
            yield from _replaced(place, was, now)
            return
        yield from converted
        yield from _extras(place, was, now)
        yield from _spelt(place, was, now)
        yield from narrowed(place.had, place.row, was, now, place.new, at)
    yield from _nulls(place, olds, news, fill_of(now) if now.required else "", at)


def _extras(place: Place, was: Field, now: Field) -> Iterable[Step]:
    """`<c>_precision` of dates and `<c>_entity` of references with several targets."""
    olds = {c.name: c for c in columns_of(was)[1:] if c.name not in spelt_columns(was)}
    news = {c.name: c for c in columns_of(now)[1:] if c.name not in spelt_columns(now)}
    stem = quote(names.column(now))
    for name in news.keys() - olds.keys():
        sql = [f"ALTER TABLE {place.table.quoted} ADD COLUMN {quote(name)} {news[name].type}"]
        if now.kind == "ref":
            sql.append(
                f"UPDATE {place.table.quoted} SET {quote(name)} = {ddl.literal(was.to[0])} WHERE {stem} IS NOT NULL"
            )
        if not news[name].nullable:
            sql.append(ddl.set_nullable(place.table, name, False))
        label = ("放宽字段 {at}", "Widen the field {at}")
        yield step("widen", place.entity.name, place.prefix + now.id, label, sql=sql)
    for name in olds.keys() - news.keys():
        other = ddl.literal(now.to[0]) if now.kind == "ref" else "'day'"
        yield step(
            "convert", place.entity.name, place.prefix + now.id, ("转换字段 {at}", "Convert the field {at}"),
            sql=[ddl.drop_column(place.table, name)], risk="refused_by_rows" if now.kind == "ref" else "loses_data",
            probe=place.rows(f"{quote(name)} <> {other}"),
        )  # fmt: skip


def _spelt(place: Place, was: Field, now: Field) -> Iterable[Step]:
    """`pinyin:` comes or goes, or rows get a text by a default: their readings follow."""
    if now.pinyin and (not was.pinyin or (now.required and not was.required)):
        yield _spelling(place, now, new=not was.pinyin)
    elif was.pinyin and not now.pinyin:
        yield step(
            "spell",
            place.entity.name,
            place.prefix + now.id,
            ("去除 {at} 的拼音列", "Drop the readings of {at}"),
            sql=[
                *_copied(place, was, names.column(now)),
                *(ddl.drop_column(place.table, name) for name in spelt_columns(was)),
            ],
        )


def _spelling(place: Place, now: Field, *, new: bool = False) -> Step:
    """The readings of the texts that are there and have none."""
    columns = {c.name: c for c in columns_of(now)}
    return step(
        "spell",
        place.entity.name,
        place.prefix + now.id,
        ("生成 {at} 的拼音列", "Make the readings of {at}"),
        sql=[line for name in spelt_columns(now) if new for line in ddl.add_column(place.table, columns[name])],
        lock="rewrite",
        values=ValueWork(kind="spell", table=place.table.quoted, columns=(), plain=quote(names.column(now))),
        after=_copied(place, now, sort_column(now)),
    )


def _copied(place: Place, field: Field, column: str) -> list[str]:
    """The copy of the ordering key beside the areas of a row, when the field is what orders them."""
    order = place.entity.order
    if place.prefix or place.entity.scope.kind != "through" or not order or order[0][0] != field.id:
        return []
    return [
        f"UPDATE {names.area_table(place.entity)} a SET sort = t.{quote(column)} FROM {place.table.quoted} t "
        "WHERE t.id = a.row_id"
    ]


def _nulls(
    place: Place, olds: Sequence[ColumnSpec], news: Sequence[ColumnSpec], fill: str, at: tuple[str, str]
) -> Iterable[Step]:
    """`required:` comes or goes."""
    had = {c.name: c for c in olds}
    pairs = [(had[c.name], c) for c in news if c.name in had]
    stricter = [c for old, c in pairs if old.nullable and not c.nullable]
    looser = [c for old, c in pairs if not old.nullable and c.nullable]
    if looser:
        sql = [ddl.set_nullable(place.table, c.name, True) for c in looser]
        yield step("relax", *at, ("字段 {at} 不再必填", "{at} is no longer required"), sql=sql)
    if stricter:
        fills = [ddl.fill_nulls(place.table, stricter[0].name, fill)] if fill else []
        where = " OR ".join(f"{quote(c.name)} IS NULL" for c in stricter)
        yield step(
            "require",
            *at,
            ("字段 {at} 改为必填", "Require {at}"),
            sql=[*fills, *(ddl.set_nullable(place.table, c.name, False) for c in stricter)],
            risk="none" if fill else "refused_by_rows",
            probe="" if fill else place.rows(where),
            instead="fill these rows first, or give the field a default",
        )
