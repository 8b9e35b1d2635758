"""The generated mutations: their fields in the schema, and one call of the one door for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLID,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLString,
)

from ..model.types import Field
from ..records.attempts import MAX_ROWS
from ..records.inputs import quick_id
from ..records.locking import Asked
from ..records.outcome import InputError, Outcome
from ..records.repeats import KEPT_DAYS, Repeat
from ..sql.catalog import Catalog
from .arguments import OF_WRITES
from .schema import SchemaBuilder, meta

ACTIONS = ("create", "update", "remove", "restore", "erase")
ROWS = f"At most {MAX_ROWS} rows, those nested in them included."
KEY = f"A text of your own: the same call again within {KEPT_DAYS} days answers what the first one stored, and stores nothing."
POLICIES = {
    "ALL_OR_NOTHING": "One wrong row, and nothing is stored.",
    "PER_ROW": "What is right is stored, what is wrong is told.",
}
CONFLICTS = {
    "ERROR": "The input is wrong: `unique.taken`.",
    "IGNORE": "The record that is there stays as it is, and is answered.",
    "UPDATE": "The record that is there takes the fields that the input names.",
}
"""What becomes of an input whose unique key a record holds that the caller sees."""
NOBODY = UUID(int=0)


class WriteFields:
    """Makes the root fields of `Mutation` that a shape allows."""

    def __init__(self, builder: SchemaBuilder) -> None:
        self._b = builder
        fields = {
            "index": GraphQLField(GraphQLNonNull(GraphQLInt), description="Which input, from 0."),
            "path": GraphQLField(GraphQLNonNull(GraphQLList(GraphQLNonNull(GraphQLString)))),
            "code": GraphQLField(GraphQLNonNull(GraphQLString), description="Stable; for programs."),
            "message": GraphQLField(GraphQLNonNull(GraphQLString), description="In the caller's language."),
        }
        self.problem = GraphQLObjectType("InputError", fields)
        self.policy = _enum("ErrorPolicy", POLICIES)
        self.conflict = _enum("OnConflict", CONFLICTS)

    def fields(self) -> dict[str, GraphQLField]:
        """create, update, remove, restore, erase of every entity that the caller may write so: of one row, and of many."""
        found: dict[str, GraphQLField] = {}
        for name, entity in sorted(self._b.catalog.model.entities.items()):
            if entity.writes != "generated" or self._b.catalog.is_upper(name):
                continue
            for action in ACTIONS:
                if self._b.rights(name).grants(action):
                    found[f"{action}{entity.type}"] = self._field(name, entity.type, action, many=False)
                    plural = entity.plural[0].upper() + entity.plural[1:]
                    found[f"{action}{plural}"] = self._field(name, plural, action, many=True)
        return found

    def _field(self, entity: str, name: str, action: str, *, many: bool) -> GraphQLField:
        """One mutation."""
        facts = meta(kind="write", entity=entity, action=action, many=many, name=f"{action}{name}")
        more = {"idempotencyKey": GraphQLArgument(GraphQLString, description=KEY)}
        arguments = self._many(entity, action) if many else self._one(entity, action)
        return GraphQLField(
            GraphQLNonNull(self._payload(entity, f"{action.capitalize()}{name}Payload", action, many=many)),
            args={**arguments, **more},
            extensions=facts,
        )

    def _one(self, entity: str, action: str) -> dict[str, GraphQLArgument]:
        """The arguments of a mutation of one row."""
        id_ = GraphQLArgument(GraphQLNonNull(GraphQLID))
        if action == "create":
            input_ = GraphQLArgument(GraphQLNonNull(self._b.inputs.write(entity, action)))
            return {"input": input_, "confirm": _confirm()}
        if action == "update":
            patch = GraphQLArgument(GraphQLNonNull(self._b.inputs.write(entity, action)))
            revision = GraphQLArgument(GraphQLInt, description="Refuse when the row has another revision.")
            return {"id": id_, "patch": patch, "ifRevision": revision, "confirm": _confirm()}
        return {"id": id_, **_reason(action)}

    def _many(self, entity: str, action: str) -> dict[str, GraphQLArgument]:
        """The arguments of a mutation of many rows."""
        policy = {"errorPolicy": GraphQLArgument(self.policy, description="ALL_OR_NOTHING when not given.")}
        if action == "create":
            inputs = GraphQLArgument(_list(self._b.inputs.write(entity, action)), description=ROWS)
            conflict = GraphQLArgument(self.conflict, description="ERROR when not given.")
            return {"inputs": inputs, "onConflict": conflict, **policy, "confirm": _confirm()}
        if action == "update":
            inputs = GraphQLArgument(_list(self._b.inputs.change(entity)), description=ROWS)
            return {"inputs": inputs, **policy, "confirm": _confirm()}
        return {"ids": GraphQLArgument(_list(GraphQLID), description=ROWS), **policy, **_reason(action)}

    def _payload(self, entity: str, name: str, action: str, *, many: bool) -> GraphQLObjectType:
        """`{node errors warnings}`, of many rows `nodes` in the order of the inputs; of erased rows only ids are left."""
        problems = GraphQLNonNull(GraphQLList(GraphQLNonNull(self.problem)))
        fields = {"errors": GraphQLField(problems), "warnings": GraphQLField(problems)}
        text = "In the order of the inputs; null for what was not stored." if many else None
        if action == "erase":
            key, type_ = ("ids", GraphQLNonNull(GraphQLList(GraphQLID))) if many else ("id", GraphQLID)
            fields = {key: GraphQLField(type_, description=text), **fields}
        elif self._b.kinds(entity, "get"):
            node = self._b.node(entity)
            key, found = ("nodes", GraphQLNonNull(GraphQLList(node))) if many else ("node", node)
            fields = {key: GraphQLField(found, description=text), **fields}
        return GraphQLObjectType(name, fields)


def _enum(name: str, values: Mapping[str, str]) -> GraphQLEnumType:
    """An enum whose values say what they mean."""
    options = {key: GraphQLEnumValue(key, description=text) for key, text in values.items()}
    return GraphQLEnumType(name, options, extensions={OF_WRITES: True})


def _confirm() -> GraphQLArgument:
    return GraphQLArgument(
        GraphQLList(GraphQLNonNull(GraphQLString)), description="Codes of warnings that are confirmed."
    )


def _reason(action: str) -> dict[str, GraphQLArgument]:
    """Why a row goes."""
    if action == "erase":
        text = "Why; it stays in the ledger, so it names nobody."
        return {"reason": GraphQLArgument(GraphQLNonNull(GraphQLString), description=text)}
    return {"reason": GraphQLArgument(GraphQLString)} if action == "remove" else {}


def _list(item: Any) -> Any:
    """A list that is there, of items that are there."""
    return GraphQLNonNull(GraphQLList(GraphQLNonNull(item)))


def by_id(catalog: Catalog, entity: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """An input with field ids for names, parts and children included; `id`, `area` and `unit` stay as they are."""
    return _renamed(catalog, _by_name(catalog, entity), given)


def _by_name(catalog: Catalog, entity: str) -> dict[str, Field]:
    """The fields of an entity by their present names."""
    return {field.name: field for field in catalog.fields(entity).values()}


def _renamed(catalog: Catalog, fields: Mapping[str, Field], given: Mapping[str, Any]) -> dict[str, Any]:
    """An input of an entity with these fields by name."""
    made = {}
    for name, value in given.items():
        field = fields.get(name)
        if field is None:
            made[name] = value
        elif value is not None and field.kind == "list":
            parts = {part.name: part.id for part in field.fields}
            made[field.id] = [{parts.get(n, n): item for n, item in part.items()} for part in value]
        elif value is not None and field.kind == "children":
            made[field.id] = [by_id(catalog, field.to[0], child) for child in value]
        else:
            made[field.id] = value
    return made


async def write(
    records: Any, catalog: Catalog, scope: Any, facts: Mapping[str, Any], given: dict[str, Any], language: str
) -> Outcome:
    """Call the one door."""
    key = given.get("idempotencyKey")
    more: dict[str, Any] = {"language": language, "repeat": None if key is None else Repeat(facts["name"], key)}
    if facts["action"] in ("create", "update"):
        more["confirm"] = frozenset(given.get("confirm") or ())
    call = _many if facts["many"] else _one
    made = await call(records, catalog, scope, facts["entity"], facts["action"], given, more)
    return made  # type: ignore[no-any-return] # an Outcome


async def _one(
    records: Any,
    catalog: Catalog,
    scope: Any,
    entity: str,
    action: str,
    given: dict[str, Any],
    more: dict[str, Any],
) -> Any:
    """One row."""
    if action == "create":
        return await records.create(scope, entity, [by_id(catalog, entity, given["input"])], **more)
    if action == "update":
        patch, revision = by_id(catalog, entity, given["patch"]), given.get("ifRevision")
        return await records.update(scope, entity, given["id"], patch, if_revision=revision, **more)
    if action == "remove":
        return await records.remove(scope, entity, given["id"], reason=given.get("reason"), **more)
    if action == "erase":
        return await records.erase(scope, entity, given["id"], given["reason"], **more)
    return await records.restore(scope, entity, given["id"], **more)


async def _many(
    records: Any,
    catalog: Catalog,
    scope: Any,
    entity: str,
    action: str,
    given: dict[str, Any],
    more: dict[str, Any],
) -> Any:
    """Many rows."""
    policy = given.get("errorPolicy") or "ALL_OR_NOTHING"
    fields = _by_name(catalog, entity)
    if action == "create":
        rows = [_renamed(catalog, fields, row) for row in given["inputs"]]
        conflict = given.get("onConflict") or "ERROR"
        return await records.create(scope, entity, rows, policy=policy, on_conflict=conflict, **more)
    if action == "update":
        asked = [
            Asked(n, _id(one["id"]), _renamed(catalog, fields, one["patch"]), one.get("ifRevision"))
            for n, one in enumerate(given["inputs"])
        ]
        return await records.update_many(scope, entity, asked, policy=policy, **more)
    away = [Asked(n, _id(row)) for n, row in enumerate(given["ids"])]
    return await records.put_away_many(scope, entity, action, away, policy=policy, reason=given.get("reason"), **more)


def _id(given: Any) -> UUID:
    """An id; what is none names no row."""
    found = quick_id(given)
    if isinstance(found, UUID):
        return found
    try:
        return UUID(str(given))
    except ValueError:
        return NOBODY


def problems(
    found: tuple[InputError, ...], keys: list[tuple[str, str]], catalog: Catalog, entity: str
) -> list[dict[str, Any]]:
    """The errors or warnings as selected; paths name the fields by their present names."""
    made = []
    for problem in found:
        facts = {
            "index": problem.index,
            "path": _named(catalog, entity, problem.path),
            "code": problem.code,
            "message": problem.message,
            "__typename": "InputError",
        }
        made.append({key: facts[name] for key, name in keys})
    return made


def _named(catalog: Catalog, entity: str, path: tuple[str | int, ...]) -> list[str]:
    """A path by names, through parts of lists and children."""
    fields: Mapping[str, Field] = catalog.fields(entity)
    made = []
    for step in path:
        field = fields.get(step) if isinstance(step, str) else None
        made.append(field.name if field is not None else str(step))
        if field is not None and field.kind == "list":
            fields = {part.id: part for part in field.fields}
        elif field is not None and field.kind == "children":
            fields = catalog.fields(field.to[0])
    return made


def written(outcome: Outcome, count: int) -> list[str | None]:
    """The ids of the rows that were written, in the order of the inputs; None for what was not."""
    ids: list[UUID | None] = [*outcome.ids] or [None] * count
    return [None if row is None else str(row) for row in ids]
