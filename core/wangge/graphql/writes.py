"""The generated mutations: their fields in the schema, and one call of the one door for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLID,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLString,
)

from ..model.types import Field
from ..records.outcome import InputError, Outcome
from ..sql.catalog import Catalog
from .schema import SchemaBuilder, meta

ACTIONS = ("create", "update", "remove", "restore", "erase")


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

    def fields(self) -> dict[str, GraphQLField]:
        """create, update, remove, restore, erase of every entity that the caller may write so."""
        found: dict[str, GraphQLField] = {}
        for name, entity in sorted(self._b.catalog.model.entities.items()):
            if entity.writes != "generated" or self._b.catalog.is_upper(name):
                continue
            for action in ACTIONS:
                if self._b.rights(name).grants(action):
                    found[f"{action}{entity.type}"] = self._field(name, entity.type, action)
        return found

    def _field(self, entity: str, type_name: str, action: str) -> GraphQLField:
        """One mutation."""
        facts = meta(kind="write", entity=entity, action=action)
        return GraphQLField(
            GraphQLNonNull(self._payload(entity, type_name, action)),
            args=self._arguments(entity, action),
            extensions=facts,
        )

    def _arguments(self, entity: str, action: str) -> dict[str, GraphQLArgument]:
        """The arguments of one mutation."""
        confirm = GraphQLArgument(
            GraphQLList(GraphQLNonNull(GraphQLString)), description="Codes of warnings that are confirmed."
        )
        id_ = GraphQLArgument(GraphQLNonNull(GraphQLID))
        if action == "create":
            return {"input": GraphQLArgument(GraphQLNonNull(self._b.inputs.write(entity, action))), "confirm": confirm}
        if action == "update":
            patch = GraphQLArgument(GraphQLNonNull(self._b.inputs.write(entity, action)))
            revision = GraphQLArgument(GraphQLInt, description="Refuse when the row has another revision.")
            return {"id": id_, "patch": patch, "ifRevision": revision, "confirm": confirm}
        if action == "erase":
            text = "Why; it stays in the ledger, so it names nobody."
            return {"id": id_, "reason": GraphQLArgument(GraphQLNonNull(GraphQLString), description=text)}
        reason = {"reason": GraphQLArgument(GraphQLString)} if action == "remove" else {}
        return {"id": id_, **reason}

    def _payload(self, entity: str, type_name: str, action: str) -> GraphQLObjectType:
        """`{node errors warnings}`; of an erased row only its id is left."""
        problems = GraphQLNonNull(GraphQLList(GraphQLNonNull(self.problem)))
        fields = {"errors": GraphQLField(problems), "warnings": GraphQLField(problems)}
        if action == "erase":
            fields = {"id": GraphQLField(GraphQLID), **fields}
        elif self._b.kinds(entity, "get"):
            fields = {"node": GraphQLField(self._b.node(entity)), **fields}
        return GraphQLObjectType(f"{action.capitalize()}{type_name}Payload", fields)


def by_id(catalog: Catalog, entity: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """An input with field ids for names, parts included; `id`, `area` and `unit` stay as they are."""
    fields = {f.name: f for f in catalog.fields(entity).values()}
    return {
        (fields[name].id if name in fields else name): _value(fields.get(name), value) for name, value in given.items()
    }


def _value(field: Field | None, value: Any) -> Any:
    """A value with the parts of a list renamed."""
    if field is None or field.kind != "list" or value is None:
        return value
    parts = {p.name: p.id for p in field.fields}
    return [{parts.get(name, name): item for name, item in part.items()} for part in value]


async def write(
    records: Any, catalog: Catalog, scope: Any, facts: Mapping[str, Any], given: dict[str, Any], language: str
) -> Outcome:
    """Call the one door."""
    entity, action = facts["entity"], facts["action"]
    confirm = frozenset(given.get("confirm") or ())
    if action == "create":
        row = by_id(catalog, entity, given["input"])
        made = await records.create(scope, entity, [row], confirm=confirm, language=language)
    elif action == "update":
        patch = by_id(catalog, entity, given["patch"])
        made = await records.update(
            scope, entity, given["id"], patch, if_revision=given.get("ifRevision"), confirm=confirm, language=language
        )
    elif action == "remove":
        made = await records.remove(scope, entity, given["id"], reason=given.get("reason"), language=language)
    elif action == "erase":
        made = await records.erase(scope, entity, given["id"], given["reason"], language=language)
    else:
        made = await records.restore(scope, entity, given["id"], language=language)
    return made  # type: ignore[no-any-return] # an Outcome


def problems(
    found: tuple[InputError, ...], keys: list[tuple[str, str]], catalog: Catalog, entity: str
) -> list[dict[str, Any]]:
    """The errors or warnings as selected; paths name the fields by their present names."""
    fields = catalog.fields(entity)
    made = []
    for problem in found:
        path = [fields[str(p)].name if str(p) in fields else str(p) for p in problem.path]
        facts = {
            "index": problem.index,
            "path": path,
            "code": problem.code,
            "message": problem.message,
            "__typename": "InputError",
        }
        made.append({key: facts[name] for key, name in keys})
    return made


def first_id(outcome: Outcome) -> UUID | None:
    """The id of the row that was written."""
    return outcome.ids[0] if outcome.ids else None
