"""Which indexes a table gets: for references, keys, places, codes, search, and the orderings of its lists."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import PlanError
from . import names
from .names import quote
from .sealed import endings
from .specs import (
    ORDERABLE,
    SEARCH,
    SIDE_KINDS,
    SYSTEM_OF_FIELDS,
    TEXT,
    WITH_AREAS,
    IndexSpec,
    columns_of,
    index,
    is_stored,
    sort_column,
    spelt_columns,
    type_of,
)
from .types import Entity, Field, Model, Unique

PRESENT = "removed_at IS NULL"
"""Lists leave removed rows out; they say so of a row's own table, never of its upper one."""
Ordering = tuple[tuple[str, bool], ...]


def of_entity(model: Model, entity: Entity) -> tuple[IndexSpec, ...]:
    """The indexes of an entity's own table, each once."""
    found: dict[str, IndexSpec] = {}
    for made in (
        *_of_keys(entity),
        *(i for field in entity.fields for i in _of_reference(model, entity, field) or of_field(entity.local, field)),
        *_of_lists(model, entity),
        *_of_search(model, entity),
        *_of_endings(model, entity, names.table(entity), entity.local),
    ):
        found[made.name] = made
    return tuple(found.values())


def of_part(model: Model, entity: Entity, table: str, field: Field) -> tuple[IndexSpec, ...]:
    """The indexes of the part table of a list."""
    return (
        index(table, ('"row_id"', '"ord"')),
        *(i for part in field.fields for i in of_field(table, part)),
        *_of_endings(model, entity, names.side_table(entity, field), table),
    )


def of_field(table: str, field: Field) -> tuple[IndexSpec, ...]:
    """What a field is looked up by: the hash of a sealed one, the target of a reference, a place, codes, a number, a name."""
    columns = columns_of(field)
    if not columns:
        return ()
    stem = names.column(field)
    if field.sealed:
        return (index(table, (quote(stem + "_hash"),)),)
    if field.kind == "point":
        return (index(table, (f"point({quote(stem + '_lon')}, {quote(stem + '_lat')})",), method="gist"),)
    if field.kind == "polygon":
        return (index(table, (quote(stem + "_box"),), method="gist"),)
    if field.kind == "codes":
        return (index(table, (quote(stem),), method="gin"),)
    if field.pinyin:
        _, *searched = spelt_columns(field)
        return tuple(index(table, (quote(name),)) for name in (stem, *searched))
    if field.kind in ("ref", "file", "signature", "number"):
        return (index(table, (quote(stem),)),)
    return ()


def _of_reference(model: Model, entity: Entity, field: Field) -> tuple[IndexSpec, ...]:
    """The reference behind a list of children, in the order of that list, so that its first page needs no other rows."""
    lists = (f for e in model.entities.values() for f in e.fields if f.kind == "children" and f.inverse == field.id)
    if field.kind != "ref" or not columns_of(field) or not any(entity.name in f.to for f in lists):
        return ()
    defaults, _ = _orderings(model, entity, all_kinds(model, entity.name))
    lead = quote(names.column(field))
    return tuple(index(entity.local, (lead, *ordering, quote("id"))) for ordering in defaults or [()])


def _of_keys(entity: Entity) -> Iterable[IndexSpec]:
    """The unique keys that an index holds."""
    for unique in entity.unique:
        if (columns := unique_columns(entity, unique)) is not None:
            yield index(entity.local, columns, unique=True, fields=unique.fields)


def _of_search(model: Model, entity: Entity) -> Iterable[IndexSpec]:
    """The grams."""
    if search_expression(model, entity):
        yield index(entity.local, (quote(SEARCH),), method="gin")


def _of_endings(model: Model, entity: Entity, quoted: str, table: str) -> Iterable[IndexSpec]:
    """The last digits of phones in a table, where the entity or a kind of it is searched."""
    levels = (entity, *(model.entities[name] for name in all_kinds(model, entity.name)))
    for ending in endings(model, entity.name) if any(level.search for level in levels) else ():
        if ending.table == quoted:
            yield index(table, (ending.end,))


def _of_lists(model: Model, entity: Entity) -> Iterable[IndexSpec]:
    """For each ordering of a list, one index per way to lead to it; the upper table of kinds begins with the kind."""
    kinds = all_kinds(model, entity.name)
    where = "" if kinds else PRESENT
    kind = (quote("entity"),) if kinds and entity.kind_of is None else ()
    leads = _leads(model, entity)
    if model.root_scope(entity.name).kind in WITH_AREAS:
        yield index(entity.local, (quote("area_ord"), quote("id")), where=where)
    defaults, others = _orderings(model, entity, kinds)
    if not defaults:
        for lead in leads:
            yield index(entity.local, (*lead, *kind, quote("id")), where=where)
    for ordering in defaults:
        for lead in (*leads, ()):
            yield index(entity.local, (*lead, *kind, *ordering, quote("id")), where=where)
    for ordering in others:
        for lead in (*leads[:1], ()):
            yield index(entity.local, (*lead, *kind, *ordering, quote("id")), where=where)


def _leads(model: Model, entity: Entity) -> tuple[tuple[str, ...], ...]:
    """The columns that a caller's rights name, the commonest first."""
    scope = model.root_scope(entity.name)
    if scope.kind in WITH_AREAS:
        return ((quote("district_id"),), (quote("area_id"),))
    if scope.kind == "unit":
        return ((quote("unit_id"),),)
    if scope.kind == "self" and entity.kind_of is None:
        return tuple((quote(names.snake(field)),) for field in scope.fields)
    return ()


def _orderings(model: Model, entity: Entity, kinds: list[str]) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """The default orderings, and those by a column of a list, as index keys; only what stands in this table."""
    levels = [entity, *(model.entities[name] for name in kinds)]
    defaults, others = [], []
    for level in levels:
        if (keys := _keys(entity, level.order)) and keys not in defaults:
            defaults.append(keys)
    for level in levels:
        for name in level.layout.list:
            by_name = {f.name: f.id for f in model.fields_of(level.name).values()}
            keys = _keys(entity, ((by_name.get(name, name), False),))
            if keys and keys not in defaults and keys not in others and not _reversed(keys, defaults):
                others.append(keys)
    return defaults, others


def _reversed(keys: tuple[str, ...], defaults: list[tuple[str, ...]]) -> bool:
    """Whether a default ordering is this one backwards."""
    return any(d == tuple(f"{key} DESC" for key in keys) for d in defaults)


def _keys(entity: Entity, order: Ordering) -> tuple[str, ...]:
    """An ordering as index keys, () when a field of it stands elsewhere or cannot be ordered by."""
    own = {f.id: f for f in entity.fields}
    keys = []
    for name, descending in order:
        column = SYSTEM_OF_FIELDS.get(name) if entity.kind_of is None and name not in own else None
        field = own.get(name)
        if field is not None and is_stored(field) and field.kind in ORDERABLE and not field.sealed:
            column = sort_column(field)
        if column is None:
            return ()
        keys.append(quote(column) + (" DESC" if descending else ""))
    return tuple(keys)


def search_expression(model: Model, entity: Entity) -> str:
    """The grams of the search fields that stand in the entity's own table, also of those that its kinds search."""
    below = [model.entities[name] for name in all_kinds(model, entity.name)]
    wanted = {name for e in (entity, *below) for name in e.search}
    texts = [
        quote(names.column(f))
        for f in entity.fields
        if f.id in wanted
        and is_stored(f)
        and not f.sealed
        and type_of(f) == TEXT
        and f.kind not in (*SIDE_KINDS, "point")
    ]
    return f"wangge.grams({', '.join(texts)})" if texts else ""


def all_kinds(model: Model, entity: str) -> list[str]:
    """Everything below an entity."""
    found = []
    for kind in model.kinds_of(entity):
        found += [kind, *all_kinds(model, kind)]
    return found


def unique_columns(entity: Entity, unique: Unique) -> tuple[str, ...] | None:
    """The quoted columns of a key that a unique index holds; None when claims hold it."""
    own = {f.id: f for f in entity.fields}
    if unique.on_hidden == "review" or any(own[f].sealed for f in unique.fields if f in own):
        return None
    if missing := [f for f in unique.fields if f not in own]:
        raise PlanError(
            "plan.unique_across_tables",
            f"{entity.name}: the key ({', '.join(unique.fields)}) names {missing[0]}, which stands in another table: "
            "declare the key where the field is declared, or say on_hidden: review",
            entity=entity.name,
            fields=list(unique.fields),
        )
    return tuple(
        quote(c.name) for f in unique.fields for c in columns_of(own[f]) if c.name not in spelt_columns(own[f])
    )
