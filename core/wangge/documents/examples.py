"""Example operations for one caller: made from the caller's own schema, so that each of them runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
)

from ..graphql.plans import CallerSchema
from ..graphql.schema import META
from ..model.types import Entity, Field
from ..values import Label

SHOWN = 8
"""fields of a row in an example."""
PLAIN_ONES = (
    "text",
    "number",
    "date",
    "datetime",
    "integer",
    "decimal",
    "money",
    "boolean",
    "enum",
    "code",
    "month",
    "time",
)
TITLES: Mapping[str, Label] = {
    "list": Label("查询列表", "List"),
    "one": Label("按编号查询", "One by id"),
    "count": Label("统计", "Count"),
    "create": Label("新建", "Create"),
    "changes": Label("增量同步", "Changes since a position"),
    "watch": Label("变更订阅", "Watch changes"),
}
VALUES: Mapping[str, Any] = {
    "Int": 1,
    "Float": 106.71,
    "Boolean": True,
    "String": "测试",
    "ID": "0199e8a0-0000-7000-8000-000000000000",
    "Date": "2026-11-23",
    "DateTime": "2026-11-23T08:30:00+08:00",
    "Time": "08:30:00",
    "Decimal": "12.50",
    "BigInt": "1",
    "JSON": {},
    "GeoJSON": {"type": "Polygon", "coordinates": [[[106.7, 26.5], [106.8, 26.5], [106.8, 26.6], [106.7, 26.5]]]},
}


class Example(msgspec.Struct, frozen=True):
    """One operation that runs for the caller; ids in `variables` stand for those of real rows."""

    entity: str
    label: str
    kind: str
    title: str
    query: str
    variables: Mapping[str, Any]


def examples(caller: CallerSchema, language: str) -> list[Example]:
    """Examples for each entity of which the caller has a root field, in the order of the roots."""
    return [made for entity in _entities(caller.schema) for made in _of_entity(caller, entity, language)]


def _entities(schema: GraphQLSchema) -> list[str]:
    """The entities that have a list or a root by id."""
    found: dict[str, None] = {}
    assert schema.query_type is not None
    for field in schema.query_type.fields.values():
        facts = field.extensions.get(META, {})
        if facts.get("kind") in ("connection", "by_id"):
            found[facts["entity"]] = None
    return list(found)


def _of_entity(caller: CallerSchema, name: str, language: str) -> Iterator[Example]:
    """The examples of one entity."""
    entity = caller.builder.catalog.entity(name)
    roots = _roots(caller.schema, name)
    shown = _shown(caller, entity)
    for kind, write in (
        ("list", _list),
        ("one", _one),
        ("count", _count),
        ("create", _create),
        ("changes", _changes),
        ("watch", _watch),
    ):
        made = write(caller, entity, roots, shown)
        if made is not None:
            label = entity.label.of(language)
            yield Example(name, label, kind, f"{label} {TITLES[kind].of(language)}", *made)


Roots = Mapping[str, tuple[str, GraphQLField]]
Made = tuple[str, Mapping[str, Any]] | None


def _roots(schema: GraphQLSchema, entity: str) -> Roots:
    """kind -> (name, field) of the root fields of an entity."""
    found: dict[str, tuple[str, GraphQLField]] = {}
    for type_ in (schema.query_type, schema.mutation_type, schema.subscription_type):
        for name, field in (type_.fields if type_ is not None else {}).items():
            facts = field.extensions.get(META, {})
            if facts.get("entity") == entity:
                found.setdefault(facts["kind"], (name, field))
    return found


def _shown(caller: CallerSchema, entity: Entity) -> str:
    """The fields that an example selects of a row: those of its lists, then others, labels beside codes."""
    node: Any = caller.builder.node(entity.name)
    fields = caller.builder.catalog.fields(entity.name)
    listed = [f for f in entity.layout.list if f in node.fields]
    others = [
        f.name for f in fields.values() if f.name in node.fields and f.kind in PLAIN_ONES and f.name not in listed
    ]
    chosen = [*listed, *others][:SHOWN]
    return " ".join(["id", *(_selected(node, name) for name in chosen)])


def _selected(node: Any, name: str) -> str:
    """One field with what must be selected of it."""
    field = node.fields[name]
    named: Any = get_named_type(field.type)
    if is_leaf_type(named):
        return f"{name} {name}Label" if f"{name}Label" in node.fields else name
    inner = [key for key in ("name", "zh", "number", "code", "lon", "lat") if key in getattr(named, "fields", {})]
    if "nodes" in getattr(named, "fields", {}):
        return f"{name}(first: 3) {{ nodes {{ id }} }}"
    return f"{name} {{ {' '.join(inner) or '__typename'} }}"


def _list(caller: CallerSchema, entity: Entity, roots: Roots, shown: str) -> Made:
    """A page of a list."""
    if "connection" not in roots:
        return None
    name, _ = roots["connection"]
    text = f"""query {entity.type}List($first: Int, $after: String) {{
  {name}(first: $first, after: $after) {{
    nodes {{ {shown} }}
    pageInfo {{ hasNextPage endCursor }}
    totalCount(limit: 1000) {{ value exact }}
  }}
}}"""
    return text, {"first": 20, "after": None}


def _one(caller: CallerSchema, entity: Entity, roots: Roots, shown: str) -> Made:
    """A row by its id."""
    if "by_id" not in roots:
        return None
    name, _ = roots["by_id"]
    return f"query {entity.type}ById($id: ID!) {{\n  {name}(id: $id) {{ {shown} revision updatedAt }}\n}}", {
        "id": VALUES["ID"]
    }


def _count(caller: CallerSchema, entity: Entity, roots: Roots, shown: str) -> Made:
    """How many rows there are."""
    if "connection" not in roots or "aggregate" not in caller.builder.connection(entity.name).fields:
        return None
    name, _ = roots["connection"]
    return f"query {entity.type}Count {{\n  {name} {{ aggregate {{ count }} }}\n}}", {}


def _create(caller: CallerSchema, entity: Entity, roots: Roots, shown: str) -> Made:
    """A new row with what is required of it."""
    field = caller.schema.mutation_type.fields.get(f"create{entity.type}") if caller.schema.mutation_type else None
    payload: Any = get_named_type(field.type) if field is not None else None
    if field is None or "input" not in field.args or "warnings" not in payload.fields:
        return None  # there is none, or it is an operation of its own
    type_: Any = get_named_type(field.args["input"].type)
    text = f"""mutation Create{entity.type}($input: {type_.name}!) {{
  create{entity.type}(input: $input) {{
    node {{ id }}
    errors {{ path code message }}
    warnings {{ code message }}
  }}
}}"""
    declared = {f.name: f for f in caller.builder.catalog.fields(entity.name).values()}
    return text, {"input": {name: _value(f.type, declared.get(name), caller) for name, f in _needed(type_, declared)}}


def _needed(type_: GraphQLInputObjectType, declared: Mapping[str, Field]) -> Iterable[tuple[str, Any]]:
    """The fields of an input that must be given."""
    for name, field in type_.fields.items():
        must = isinstance(field.type, GraphQLNonNull) or (
            name in declared and declared[name].required and declared[name].default is None
        )
        if must or name == "area":
            yield name, field


def _value(type_: Any, field: Field | None, caller: CallerSchema) -> Any:
    """An example of a value."""
    if isinstance(type_, GraphQLNonNull):
        return _value(type_.of_type, field, caller)
    if isinstance(type_, GraphQLList):
        return []
    if isinstance(type_, GraphQLEnumType):
        return next(iter(type_.values))
    if isinstance(type_, GraphQLInputObjectType):
        return {
            name: _value(f.type, None, caller) for name, f in type_.fields.items() if isinstance(f.type, GraphQLNonNull)
        }
    if field is not None and field.table:
        codes = caller.builder.catalog.model.tables[field.table].codes
        if codes:
            return codes[0].code
    return VALUES.get(type_.name, "测试")


def _changes(caller: CallerSchema, entity: Entity, roots: Roots, shown: str) -> Made:
    """What is there, and then what changes: page by page from a position."""
    assert caller.schema.query_type is not None
    field = caller.schema.query_type.fields.get("changes")
    kinds: Any = get_named_type(field.args["entity"].type) if field is not None else None
    if kinds is None or entity.type not in kinds.values:
        return None
    text = f"""query {entity.type}Changes($after: String) {{
  changes(entity: {entity.type}, after: $after, first: 100) {{
    nodes {{ kind id reason position node {{ ... on {entity.type} {{ {shown} }} }} }}
    endPosition hasNextPage rightsChanged
  }}
}}"""
    return text, {"after": None}


def _watch(caller: CallerSchema, entity: Entity, roots: Roots, shown: str) -> Made:
    """What changes from now on."""
    if "changed" not in roots:
        return None
    name, _ = roots["changed"]
    text = f"""subscription {entity.type}Watch($after: String) {{
  {name}(after: $after) {{ kind id reason position node {{ {shown} }} }}
}}"""
    return text, {"after": None}
