"""What a physical schema is made of: the frozen data of tables, columns, indexes and foreign keys, and the columns of a field.

Names tell the whole definition: an index whose definition changes gets another name, so that comparing names suffices.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from . import names
from .names import quote
from .pinyin import SUFFIXES
from .types import Field

TEXT = 'text COLLATE "C"'
SIDE_KINDS = frozenset(("list", "refs", "files", "photos"))
LINK_KINDS = SIDE_KINDS - {"list"}
WITH_AREAS = frozenset(("area", "parent", "through"))
ORDERABLE = frozenset(
    (
        "text integer decimal money date time month duration datetime enum code number credit_code url email "
        "phone id_number"
    ).split()
)
"""kinds with one column that gets an index when a list shows it, unless it is sealed; a boolean orders too little for one."""
TYPES = {
    "decimal": "numeric",
    "money": "numeric(18,2)",
    "boolean": "boolean",
    "date": "date",
    "time": "time",
    "datetime": "timestamptz",
    "codes": 'text[] COLLATE "C"',
    "json": "jsonb",
    "ref": "uuid",
    "file": "uuid",
    "signature": "uuid",
    "polygon": "jsonb",
}
"""kind -> type of its first column; integer and duration depend on their bounds, every other kind is text."""
SEARCH = "search"
PERSONAL = ("personal", "sensitive")
SYSTEM_OF_FIELDS = {"createdAt": "created_at", "updatedAt": "updated_at", "revision": "revision"}
NAME_BYTES = 63


class ColumnSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One column; `field` is the id of the field that it belongs to ("" for a system column)."""

    name: str
    type: str
    nullable: bool = True
    default: str = ""
    generated: str = ""
    """the expression of a STORED generated column."""
    field: str = ""


class IndexSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One index: `keys` are SQL, such as `"due_at" DESC`."""

    name: str
    keys: tuple[str, ...]
    method: str = "btree"
    unique: bool = False
    where: str = ""
    fields: tuple[str, ...] = ()
    """of a unique key: its field ids."""


class ForeignKey(msgspec.Struct, frozen=True):
    """A reference that PostgreSQL enforces, ON DELETE NO ACTION; `target` is a quoted table, its column is `id`."""

    name: str
    column: str
    target: str
    field: str = ""


class TableSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One table: an entity's own, a part or link table of `field`, or the areas of a `through` entity."""

    schema: str
    name: str
    entity: str
    role: Literal["entity", "part", "link", "area"]
    columns: tuple[ColumnSpec, ...]
    field: str = ""
    primary: str = ""
    indexes: tuple[IndexSpec, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()

    @property
    def key(self) -> str:
        """`schema.name`, not quoted."""
        return f"{self.schema}.{self.name}"

    @property
    def quoted(self) -> str:
        """The quoted, schema-qualified name."""
        return f"{quote(self.schema)}.{quote(self.name)}"

    def column(self, name: str) -> ColumnSpec | None:
        """The column of that name."""
        return next((c for c in self.columns if c.name == name), None)


def is_stored(field: Field) -> bool:
    """Whether the field has columns or a table of its own: not the inverse of a reference, not computed at each reading."""
    return field.kind != "children" and field.expression is None and field.inputs is None


def columns_of(field: Field) -> tuple[ColumnSpec, ...]:
    """The columns of a field in its row's table; () for what has a table of its own or none.

    A required reference to a person may be empty in the table, though the one door never leaves it so: anonymising a row
    must be able to cut it, and no other value can stand for nobody.
    """
    if not is_stored(field) or field.kind in SIDE_KINDS:
        return ()
    stem = names.column(field)
    free = not field.required or (field.kind == "ref" and field.sensitivity in PERSONAL)
    made: tuple[tuple[str, str, bool], ...]
    if field.sealed:
        made = ((stem + "_enc", "bytea", free), (stem + "_hash", "bytea", True), (stem + "_mask", TEXT, True))
    elif field.kind == "point":
        double = "double precision"
        made = (
            (stem + "_lon", double, free),
            (stem + "_lat", double, free),
            (stem + "_crs", TEXT, True),
            (stem + "_accuracy", double, True),
        )
    elif field.kind == "polygon":
        made = ((stem, "jsonb", free), (stem + "_box", "box", True))
    elif field.kind == "date" and field.precision:
        made = ((stem, "date", free), (stem + "_precision", TEXT, True))
    elif field.kind == "ref" and len(field.to) > 1:
        made = ((stem, "uuid", free), (stem + "_entity", TEXT, free))
    else:
        made = ((stem, type_of(field), free), *((name, TEXT, True) for name in spelt_columns(field)))
    return tuple(ColumnSpec(name=n, type=t, nullable=null, field=field.id) for n, t, null in made)


def spelt_columns(field: Field) -> tuple[str, ...]:
    """The columns that keep how a text is read (pinyin.py): its sort key, full pinyin, initials; () without `pinyin: true`."""
    return tuple(names.column(field) + suffix for suffix in SUFFIXES) if field.pinyin else ()


def sort_column(field: Field) -> str:
    """The column by which rows are ordered when they are ordered by a field."""
    return spelt_columns(field)[0] if field.pinyin else names.column(field)


def type_of(field: Field) -> str:
    """The PostgreSQL type of the first column of a field that is not sealed."""
    if field.kind in ("integer", "duration"):
        bounds = [abs(int(b)) for b in (field.min, field.max) if b is not None]
        return "bigint" if any(b > 2**31 - 1 for b in bounds) else "integer"
    return TYPES.get(field.kind, TEXT)


def named(table: str, what: Iterable[str], definition: str) -> str:
    """A name of at most 63 bytes for an index or constraint, which changes with its definition."""
    mark = hashlib.sha256(definition.encode()).hexdigest()[:8]
    stem = "_".join((table, *what))
    return f"{stem[: NAME_BYTES - 9].rstrip('_')}_{mark}"


def index(
    table: str,
    keys: Sequence[str],
    *,
    method: str = "btree",
    unique: bool = False,
    where: str = "",
    fields: tuple[str, ...] = (),
) -> IndexSpec:
    """An index with its name."""
    words = [word for key in keys for word in _words(key)]
    definition = f"{table} {method} {unique} {','.join(keys)} {where}"
    return IndexSpec(
        name=named(table, words, definition), keys=tuple(keys), method=method, unique=unique, where=where, fields=fields
    )


def _words(key: str) -> list[str]:
    """The column names in an index key."""
    return key.split('"')[1::2]
