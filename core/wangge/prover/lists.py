"""The connections of an account and the rows that are compared in them."""

from __future__ import annotations

from typing import Any

from .case import Case, Pair


async def lists(case: Case) -> list[tuple[str, list[Pair], list[str] | None]]:
    """(entity, candidate rows, their ids where these are not all) of every connection of the caller."""
    roots, found = case.surface.roots(), []
    for name, entity in case.schema.entities.items():
        if entity.plural in roots and entity.type in case.types:
            pairs, whole = await case.candidates(name)
            found.append(
                (name, pairs, None if whole and len(pairs) <= case.bounds.first else [str(r["id"]) for _, r in pairs])
            )
    return found


def arguments(case: Case, entity: str) -> set[str]:
    """The arguments of a connection."""
    plural = case.schema.entities[entity].plural
    fields = case.types["Query"]["fields"]
    return {a["name"] for f in fields if f["name"] == plural for a in f["args"]}


async def listed(
    case: Case,
    path: str,
    entity: str,
    selection: str,
    limit: list[str] | None,
    removed: str = "",
    purpose: str | None = None,
    first: int | None = None,
) -> dict[str, Any] | None:
    """One connection in order of id."""
    more = (f", removed: {removed}" if removed else "") + (", where: $w" if limit is not None else "")
    plural = case.schema.entities[entity].plural
    field = f"{plural}(first: {first or case.bounds.first}, orderBy: [{{id: ASC}}]{more}) {selection}"
    data = await case.ask(path, query_of(case, entity, field, limit), limits(limit), purpose=purpose)
    return None if data is None else data[plural]


def query_of(case: Case, entity: str, fields: str, limit: list[str] | None) -> str:
    """A document with the variable that limits its rows."""
    head = f"query ($w: {case.schema.entities[entity].type}Where) " if limit is not None else ""
    return f"{head}{{ {fields} }}"


def limits(limit: list[str] | None) -> dict[str, Any]:
    """The variable that limits rows to those that were read."""
    return {} if limit is None else {"w": {"id": {"in": limit}}}


def limited(where: dict[str, Any], limit: list[str] | None) -> dict[str, Any]:
    """A filter, of the rows that were read."""
    return where if limit is None else {"and": [{"id": {"in": limit}}, where]}
