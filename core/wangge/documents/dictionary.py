"""The data dictionary of one caller: each field that it may see or write, and the code tables behind them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from ..graphql.plans import CallerSchema
from ..model.types import CodeTable, Entity, Field
from ..policy.scope import NOTHING, Level, Shape
from .examples import VALUES

LEVELS = {
    "zh": {Level.CLEAR: "明文", Level.MASKED: "已脱敏"},
    "en": {Level.CLEAR: "clear", Level.MASKED: "masked"},
}
SENSITIVITIES = {
    "zh": {"public": "公开", "internal": "内部", "personal": "个人信息", "sensitive": "敏感个人信息"},
    "en": {"public": "public", "internal": "internal", "personal": "personal", "sensitive": "sensitive"},
}
OF_KINDS: dict[str, Any] = {
    "integer": VALUES["Int"],
    "duration": 30,
    "decimal": VALUES["Decimal"],
    "money": VALUES["Decimal"],
    "boolean": VALUES["Boolean"],
    "date": VALUES["Date"],
    "time": VALUES["Time"],
    "month": "2026-11",
    "datetime": VALUES["DateTime"],
    "point": {"lon": 106.71, "lat": 26.58},
    "phone": "13900000000",
    "id_number": "520102191001010010",
    "email": "test@example.com",
    "url": "https://example.com/",
}


class FieldRow(msgspec.Struct, frozen=True):
    """One field as a table shows it."""

    name: str
    label: str
    kind: str
    target: str
    """the code table, the types it refers to, or the values of an enum."""
    required: bool
    sensitivity: str
    level: str
    """how the caller sees it at best; "" where it may only write it."""
    writable: bool
    purposes: str
    example: str
    description: str


class EntityTable(msgspec.Struct, frozen=True):
    """One entity: what may be done with it, and its fields."""

    type: str
    label: str
    description: str
    actions: tuple[str, ...]
    fields: tuple[FieldRow, ...]


class Dictionary(msgspec.Struct, frozen=True):
    """What a caller may know of the data."""

    entities: tuple[EntityTable, ...]
    tables: tuple[CodeTable, ...]


def dictionary(caller: CallerSchema, language: str) -> Dictionary:
    """The dictionary of a caller's shape."""
    catalog, shape = caller.builder.catalog, caller.builder.shape
    names = [name for name in sorted(catalog.model.entities) if any(shape.entity(kind) for kind in catalog.kinds(name))]
    entities = [_entity(caller, catalog.entity(name), language) for name in names]
    used = {field.table for name in names for field in _shown(caller, name) if field.table}
    tables = tuple(catalog.model.tables[name] for name in sorted(used))
    return Dictionary(tuple(entity for entity in entities if entity.fields), tables)


def _shown(caller: CallerSchema, entity: str) -> Iterator[Field]:
    """The fields, and those of lists, that the caller sees or writes."""
    for field in caller.builder.catalog.fields(entity).values():
        if _best(caller, entity, field.id) is not None or _writable(caller, entity, field.id):
            yield field
            yield from (part for part in field.fields if _best(caller, entity, f"{field.id}.{part.id}") is not None)


def _entity(caller: CallerSchema, entity: Entity, language: str) -> EntityTable:
    """One entity."""
    rows: list[FieldRow] = []
    for field in caller.builder.catalog.fields(entity.name).values():
        rows += _rows(caller, entity.name, field, "", "", language)
        for part in field.fields:
            rows += _rows(caller, entity.name, part, f"{field.id}.", f"{field.name}.", language)
    kinds = caller.builder.catalog.kinds(entity.name)
    actions = dict.fromkeys(action for kind in kinds for action in _rights(caller.builder.shape, kind))
    description = entity.description.of(language) if entity.description is not None else ""
    return EntityTable(entity.type, entity.label.of(language), description, tuple(actions), tuple(rows))


def _rights(shape: Shape, entity: str) -> Iterable[str]:
    """What may be done with rows of an entity."""
    return (shape.entity(entity) or NOTHING).actions


def _rows(caller: CallerSchema, entity: str, field: Field, path: str, within: str, language: str) -> Iterator[FieldRow]:
    """The row of a field; none where the caller may not know of it."""
    best, writable = _best(caller, entity, path + field.id), _writable(caller, entity, path + field.id)
    if best is None and not writable:
        return
    yield FieldRow(
        name=within + field.name,
        label=field.label.of(language),
        kind=field.kind,
        target=_target(caller, field),
        required=field.required,
        sensitivity=SENSITIVITIES[language][field.sensitivity],
        level=LEVELS[language].get(best, "") if best is not None else "",
        writable=writable,
        purposes=", ".join(field.purposes),
        example=_example(caller, field),
        description=field.description.of(language) if field.description is not None else "",
    )


def _best(caller: CallerSchema, entity: str, path: str) -> Level | None:
    """How a field is seen at best; None where it is hidden, or leads to what is."""
    node: Any = caller.builder.node(entity)
    if caller.builder.catalog.fields(entity)[path.partition(".")[0]].name not in node.fields:
        return None
    rights = [caller.builder.rights(kind) for kind in caller.builder.catalog.kinds(entity)]
    found = max((one.best(action, path) for one in rights for action in ("list", "get")), default=Level.HIDDEN)
    return found if found > Level.HIDDEN else None


def _writable(caller: CallerSchema, entity: str, path: str) -> bool:
    """Whether it may be set in some row."""
    rights = [caller.builder.rights(kind) for kind in caller.builder.catalog.kinds(entity)]
    return any(one.best(action, path) == Level.CLEAR for one in rights for action in ("create", "update"))


def _target(caller: CallerSchema, field: Field) -> str:
    """What the values are of."""
    if field.table:
        return field.table
    if field.values:
        return ", ".join(value.value for value in field.values)
    return ", ".join(caller.builder.catalog.entity(name).type for name in field.to)


def _example(caller: CallerSchema, field: Field) -> str:
    """A value as it stands on the wire."""
    value: Any = OF_KINDS.get(field.kind, "测试" if field.kind == "text" else "")
    if field.values:
        value = field.values[0].value
    elif field.table:
        codes = caller.builder.catalog.model.tables[field.table].codes
        value = codes[0].code if codes else ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
