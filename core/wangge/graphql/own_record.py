"""All that a person may have as a copy of the own record: every row that is theirs, every field that their rights show."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from ..model.filter import Given
from ..model.types import Field
from ..policy.consent import subject_of
from ..policy.scope import EntityShape, Level, Scope
from ..sql.ast import ByIds, Cell, Parts, Selection
from ..sql.catalog import Catalog
from ..sql.compile import compile_own, compile_root

NESTED = ("children", "refs", "files", "photos", "file", "signature", "point")
"""kinds that are rows of their own, or no value."""


async def own_record(pool: Any, catalog: Catalog, scope: Scope, entity: str, person: UUID) -> dict[str, Any] | None:
    """Entity -> its rows of this person, as the caller's own rights show them; None when the caller may not see the person."""
    first = await _rows(pool, catalog, scope, entity, [person])
    if not first:
        return None
    found: dict[str, Any] = {entity: first}
    for name in sorted(scope.shape.entities):
        subject = (
            subject_of(catalog.model, name, (entity,)) if name != entity and name in catalog.model.entities else None
        )
        if subject is None:
            continue
        statement = compile_own(catalog, scope.shape, name, subject)
        ids = [row[0] for row in await pool.fetch(statement.sql, *statement.bind(scope, []))]
        if ids:
            found[name] = await _rows(pool, catalog, scope, name, ids)
    return found


async def _rows(pool: Any, catalog: Catalog, scope: Scope, entity: str, ids: list[UUID]) -> list[Any]:
    """The rows with all fields that are shown."""
    rights = scope.shape.entity(entity)
    if rights is None or not rights.grants("get"):
        return []
    selection = Selection(entity, tuple(_items(catalog, rights, entity)))
    statement = compile_root(catalog, scope.shape, ByIds(Given([str(row) for row in ids]), (selection,)))
    row = await pool.fetchrow(statement.sql, *statement.bind(scope, []))
    return [each for each in msgspec.json.decode(bytes(row[0])) if each is not None] if row is not None else []


def _items(catalog: Catalog, rights: EntityShape, entity: str) -> Any:
    """The fields that some grant of `get` shows, those of lists below them."""
    yield Cell("id", "id")
    for field in catalog.model.fields_of(entity).values():
        if rights.best("get", field.id) is Level.HIDDEN or field.kind in NESTED or field.inputs is not None:
            continue
        if field.kind == "list":
            parts = tuple(Cell(p.name, p.id) for p in field.fields if _is_shown(rights, field, p))
            yield Parts(field.name, field.id, parts)
        else:
            yield Cell(field.name, field.id)


def _is_shown(rights: EntityShape, field: Field, part: Field) -> bool:
    """Whether some grant shows a field of a list's parts."""
    return part.kind not in NESTED and rights.best("get", f"{field.id}.{part.id}") is not Level.HIDDEN
