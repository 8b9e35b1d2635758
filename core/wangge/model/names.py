"""Physical names: the one place that says how a field, part or link is called in PostgreSQL."""

from __future__ import annotations

import re

from .types import Entity, Field

_UPPER = re.compile(r"([A-Z])")


def snake(name: str) -> str:
    """`permitHolderPhone` -> `permit_holder_phone`; injective for names of letters and digits."""
    return _UPPER.sub(lambda m: "_" + m.group(1).lower(), name)


def column(field: Field) -> str:
    """The column of a field, or the stem of its columns (`<c>_lon`, `<c>_enc`, ...); never changes, as the id."""
    return snake(field.id)


def quote(name: str) -> str:
    """A quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def table(entity: Entity) -> str:
    """The quoted, schema-qualified table of an entity's own fields."""
    return f"{quote(entity.module)}.{quote(entity.local)}"


def side_table(entity: Entity, field: Field) -> str:
    """The quoted part table (list) or link table (refs, files, photos) of a field."""
    return f"{quote(entity.module)}.{quote(entity.local + '_' + column(field))}"


def area_table(entity: Entity) -> str:
    """The quoted table of the areas of a `through` entity: row_id, area_id, area_ord, district_id, via, sort."""
    return f"{quote(entity.module)}.{quote(entity.local + '_area')}"
