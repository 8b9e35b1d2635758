"""The walk: from the rows of every list along its references and to-many fields, four levels deep, each with all its cells.

Every step (type, field) is taken at every depth at which the caller's schema has it; of the chains that lead there one is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..proof.answer import Ask
from ..proof.schema import FILE, Field
from .asks import Asks
from .case import Case, Pair
from .lists import listed, lists

PATH = "walk"
DEPTH = 4
ROOTS = 4
"""rows of each list that chains begin at."""
PAGE = 4
"""rows of a to-many field."""
ONE = ("ref", "file", "signature")
Chain = tuple[str, ...]
"""field ids, from the row of a list on."""


async def walk(case: Case) -> None:
    """Chains that cover every step at every depth, from every list."""
    taken: set[tuple[int, str, str]] = set()
    for entity, pairs, _ in await lists(case):
        chosen = case.chance.sample(pairs, min(ROOTS, len(pairs)))
        known = frozenset(taken)
        for chain in await case.naive(lambda e=entity, k=known: list(_chains(case, e, k))):  # type: ignore[misc] # bound now
            steps = set(_steps(case, entity, chain))
            if steps - taken:
                taken |= steps
                await _walked(case, entity, chosen, chain)


async def _walked(case: Case, entity: str, pairs: list[Pair], chain: Chain) -> None:
    """One chain from some rows of a list."""
    asks = Asks(case)

    def below() -> dict[str, Ask]:
        return {k: _ask(case, asks, k, entity, chain, "list") for k in case.surface.kinds(entity, "list")}

    asked = await case.naive(below)
    query = f"{{ nodes {{ {asks.spread(asked)} }} totalCount {{ value exact }} }}"
    found = await listed(case, PATH, entity, query, [str(row["id"]) for _, row in pairs], first=ROOTS)
    if found is None:
        return
    expected = await case.matching(pairs)
    if case.same_list(PATH, entity, expected, [n["id"] for n in found["nodes"]], query):
        case.same_nodes(PATH, expected, await case.nodes(expected, asked), found["nodes"], "list", query)


def _chains(case: Case, entity: str, taken: frozenset[tuple[int, str, str]]) -> Iterator[Chain]:
    """Chains from an entity, the longest first; of those that end in steps that were taken none."""
    asks, seen = Asks(case), set(taken)

    def onward(kind: str, depth: int) -> Iterator[Chain]:
        for field in leading(case, asks, kind):
            step = (depth, kind, field.id)
            if step in seen:
                continue
            seen.add(step)
            longer = False
            for target in _targets(case, field) if depth + 1 < DEPTH else ():
                for rest in onward(target, depth + 1):
                    longer = True
                    yield (field.id, *rest)
            if not longer:
                yield (field.id,)

    for kind in case.surface.kinds(entity, "list"):
        yield from onward(kind, 1)


def _steps(case: Case, entity: str, chain: Chain) -> Iterator[tuple[int, str, str]]:
    """The steps of a chain, through every kind that may stand at each."""
    asks, kinds = Asks(case), case.surface.kinds(entity, "list")
    for depth, name in enumerate(chain, 1):
        found = [(kind, f) for kind in kinds for f in leading(case, asks, kind) if f.id == name]
        yield from ((depth, kind, name) for kind, _ in found)
        kinds = list(dict.fromkeys(target for _, f in found for target in _targets(case, f)))


def leading(case: Case, asks: Asks, kind: str) -> list[Field]:
    """The fields of a kind that lead to rows and that the caller's type has."""
    there = asks.there(kind)
    fields = case.schema.fields(kind).values()
    return [f for f in fields if f.name in there and f.kind in (*ONE, "children", "refs")]


def _targets(case: Case, field: Field) -> list[str]:
    """The kinds that stand behind a field."""
    action = "get" if field.kind in ONE else "list"
    return [k for t in field.to or (FILE,) for k in case.surface.kinds(t, action)]


def _ask(case: Case, asks: Asks, kind: str, through: str, chain: Chain, action: str) -> Ask:
    """All cells of a kind, and the rest of a chain below it."""
    own = asks.of(kind, through, 0, action)
    field = next((f for f in leading(case, asks, through) if chain and f.id == chain[0]), None)
    if field is None:
        return own
    further = "get" if field.kind in ONE else "list"
    below = {k: _ask(case, asks, k, k, chain[1:], further) for k in _targets(case, field)}
    if further == "get":
        return replace(own, ones={field.id: below}, page=PAGE)
    return replace(own, many={field.id: below}, page=PAGE)
