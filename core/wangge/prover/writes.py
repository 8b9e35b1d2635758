"""Writes that store nothing: which rows may be updated, removed and restored, alone and many at once.

An update names a revision that no row has, so that a row which may be written is refused as changed and any other as
unknown. Removing and restoring many rows names one more that does not exist, so that all or nothing means nothing. Refusals
of single rows are entered in the ledger: whoever proves a real city asks for this path by name.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ..proof.policy import CLEAR
from .case import Case, Pair

PATH = "write"
ASKED = 8
"""rows of one entity."""
NO_REVISION = -1
NOBODY = str(UUID(int=0))
UNKNOWN, CHANGED = "row.unknown", "row.changed"
OWN = ("id", "area", "unit", "_")
"""what every input may have besides declared fields."""
WRITES = """query { __type(name: "Mutation") { fields { name } } }"""


async def writes(case: Case) -> None:
    """Every entity that the caller may update, remove or restore rows of."""
    data = await case.ask(PATH, WRITES)
    there = {f["name"] for f in ((data or {}).get("__type") or {}).get("fields") or ()}
    for entity in case.schema.entities.values():
        if case.schema.kinds(entity.name) != [entity.name] or entity.writes != "generated":
            continue
        plural = entity.plural[0].upper() + entity.plural[1:]
        pairs, _ = await case.candidates(entity.name)
        chosen = case.chance.sample(pairs, min(ASKED, len(pairs)))
        for action in ("update", "remove", "restore"):
            may = bool(await case.naive(lambda e=entity.name, a=action: case.surface.kinds(e, a)))  # type: ignore[misc] # bound now
            for name in (f"{action}{entity.type}", f"{action}{plural}"):
                case.same("schema", entity.name, None, name, may and name in there, name in there)
            if f"{action}{plural}" in there and chosen:
                await _many(case, entity.name, action, f"{action}{plural}", chosen)
        for action in ("create", "update"):
            await _same_inputs(case, entity.name, action)
        if f"update{entity.type}" in there:
            await _each(case, entity.name, f"update{entity.type}", chosen)


async def _same_inputs(case: Case, entity: str, action: str) -> None:
    """An input has no field that no rule lets be set."""
    name = f"{action.capitalize()}{case.schema.entities[entity].type}Input"
    data = await case.ask(PATH, f'{{ __type(name: "{name}") {{ inputFields {{ name }} }} }}')
    fields = {f.name: f for f in case.schema.declared(entity).values()}
    for given in ((data or {}).get("__type") or {}).get("inputFields") or ():
        field = fields.get(given["name"])
        if given["name"] in OWN or (field is not None and field.kind == "children"):
            continue
        best = await case.naive(lambda f=field: case.surface.best(entity, action, f.id) if f else 0)  # type: ignore[misc] # bound now
        case.same("schema", entity, None, f"{name}.{given['name']}", best == CLEAR, True)


async def _expected(case: Case, pair: Pair, action: str) -> bool:
    """Whether a row may be written."""
    kind, row = pair
    if (row["removed_at"] is None) == (action == "restore"):
        return False
    return await case.naive(lambda: case.sight.allowed(kind, action, row))


async def _many(case: Case, entity: str, action: str, name: str, pairs: list[Pair]) -> None:
    """Many rows in one call of which nothing is stored: which of them are refused."""
    ids = [str(row["id"]) for _, row in pairs]
    if action == "update":
        type_ = f"[{name[0].upper()}{name[1:]}Input!]!"
        query = f"mutation ($i: {type_}) {{ w: {name}(inputs: $i) {{ errors {{ index code }} }} }}"
        given: list[Any] = [{"id": each, "patch": {}, "ifRevision": NO_REVISION} for each in ids]
        fine = CHANGED
    else:
        query = f"mutation ($i: [ID!]!) {{ w: {name}(ids: $i) {{ errors {{ index code }} }} }}"
        given, fine = [*ids, NOBODY], ""
    data = await case.ask(PATH, query, {"i": given})
    if data is None:
        return
    told = {error["index"]: error["code"] for error in data["w"]["errors"]}
    for at, pair in enumerate(pairs):
        wanted = fine if await _expected(case, pair, action) else UNKNOWN
        case.same(PATH, entity, pair[1], name, wanted, told.get(at, ""), action=action, asked=query)


async def _each(case: Case, entity: str, name: str, pairs: list[Pair]) -> None:
    """The same rows one by one."""
    query = (
        f"mutation ($i: ID!) {{ w: {name}(id: $i, patch: {{}}, ifRevision: {NO_REVISION}) {{ errors {{ code }} }} }}"
    )
    for pair in pairs:
        seen = await case.refused(query, {"i": str(pair[1]["id"])})
        wanted = CHANGED if await _expected(case, pair, "update") else UNKNOWN
        case.same(PATH, entity, pair[1], name, wanted, seen, action="update", asked=query)
