"""`node(nodeId:)` of rows that may be got and of rows that may not, under their own type, an upper one and a wrong one."""

from __future__ import annotations

import base64
from typing import Any

from ..proof.answer import Ask
from ..proof.rows import Raw
from .asks import Asks
from .case import Case

PATH = "node"
AT_ONCE = 10
ASKED = 12
"""rows of one entity."""


def global_id(type_: str, row: Any) -> str:
    """The id that clients keep."""
    return base64.b64encode(f"{type_}:{row}".encode()).decode()


async def nodes(case: Case) -> None:
    """Some rows of every concrete entity, also of those that the caller must not know of."""
    if "node" not in {f["name"] for f in case.types["Query"]["fields"]}:
        return
    for entity in case.schema.entities:
        if case.schema.kinds(entity) != [entity]:
            continue
        pairs, _ = await case.candidates(entity)
        rows = [row for _, row in case.chance.sample(pairs, min(ASKED, len(pairs)))]
        got = bool(await case.naive(lambda e=entity: case.surface.kinds(e, "get")))  # type: ignore[misc] # bound now
        ask = (
            Asks(case).of(entity, entity, 1, "get") if got and case.schema.entities[entity].type in case.types else None
        )
        for at in range(0, len(rows), AT_ONCE):
            await _nodes(case, entity, ask, rows[at : at + AT_ONCE])


async def _nodes(case: Case, entity: str, ask: Ask | None, rows: list[Raw]) -> None:
    """Several nodes in one document, and the first of them under other types."""
    declared = case.schema.entities[entity]
    upper = declared.kind_of or case.chance.choice(sorted(case.schema.entities.keys() - {entity}))
    wrong = global_id(case.schema.entities[upper].type, rows[0]["id"])
    wanted = [*(global_id(declared.type, row["id"]) for row in rows), wrong]
    shown = "...F" if ask is not None else ""
    fragment = f"fragment F on {declared.type} {{ {Asks(case).text(entity, ask)} }}" if ask is not None else ""
    head = ", ".join(f"$n{at}: ID!" for at in range(len(wanted)))
    fields = " ".join(f"n{at}: node(nodeId: $n{at}) {{ __typename id {shown} }}" for at in range(len(wanted)))
    query = f"query ({head}) {{ {fields} }} {fragment}"
    data = await case.ask(PATH, query, {f"n{at}": each for at, each in enumerate(wanted)})
    if data is None:
        return
    for at, row in enumerate(rows):

        def expected(row: Raw = row) -> Any:
            seen = ask is not None and case.sight.visible(entity, "get", row)
            return case.answers.node(entity, row, "get", ask) if seen and ask is not None else None

        made = await case.naive(expected)
        case.same_node(PATH, entity, row, made, data[f"n{at}"], "get", query)
    case.same(PATH, entity, rows[0], f"as a {upper}", None, data[f"n{len(rows)}"], action="get", asked=query)
