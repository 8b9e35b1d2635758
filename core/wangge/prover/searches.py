"""The path `search`: what is typed finds the rows whose searched cells are seen in clear, the best fit first."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..proof.rows import Raw
from ..proof.schema import Field
from ..proof.search import DIGITS, Search
from .case import Case, Pair
from .lists import arguments, limits, lists, query_of

AT_ONCE = 12
"""root fields of one document."""


async def searches(case: Case) -> None:
    """Every list that can be searched, by pieces, pinyin and initials of values that occur, seen or not."""
    for entity, pairs, limit in await lists(case):
        fields = await case.naive(lambda e=entity: case.surface.searched(e))  # type: ignore[misc] # bound now
        case.same("search", entity, None, "argument", bool(fields), "search" in arguments(case, entity))
        if fields:
            phones = await case.naive(lambda e=entity: case.surface.ended(e))  # type: ignore[misc] # bound now
            texts = await case.naive(lambda e=entity, p=pairs, n=phones: list(_typed(case, e, p, n)))  # type: ignore[misc] # bound now
            terms = await case.naive(lambda e=entity: case.surface.default_order(e))  # type: ignore[misc] # bound now
            every = await case.in_order(pairs, terms)
            for at in range(0, len(texts), AT_ONCE):
                await _searched(case, entity, every, limit, texts[at : at + AT_ONCE], fields, phones)


async def _searched(
    case: Case, entity: str, every: list[Pair], limit: list[str] | None, texts: list[str], fields: list[Field],
    phones: list[tuple[str, Field]],
) -> None:  # fmt: skip
    """Several searches in one document."""
    plural = case.schema.entities[entity].plural
    where = ", where: $w" if limit is not None else ""
    asked = [f"s{n}: {plural}(search: {_quoted(text)}, first: 1000{where})" for n, text in enumerate(texts)]
    query = query_of(
        case, entity, " ".join(f"{one} {{ nodes {{ id }} totalCount {{ value }} }}" for one in asked), limit
    )
    data = await case.ask("search", query, limits(limit))
    for n, text in enumerate(texts) if data is not None else ():
        search, ranks = Search(text), {}
        for kind, row in every:
            ranks[row["id"]] = await case.naive(
                lambda k=kind, r=row, s=search: s.rank(case.sight, k, r, fields, phones)  # type: ignore[misc] # bound now
            )
        found = sorted((p for p in every if ranks[p[1]["id"]] is not None), key=lambda p, r=ranks: r[p[1]["id"]])  # type: ignore[misc] # bound now
        answer = (data or {})[f"s{n}"]
        case.same_list("search", entity, found, [node["id"] for node in answer["nodes"]], asked[n])
        case.same("search", entity, None, "totalCount", len(found), answer["totalCount"]["value"], asked=asked[n])


def _quoted(text: str) -> str:
    """A text in a document."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _typed(case: Case, entity: str, pairs: list[Pair], phones: list[tuple[str, Field]]) -> Iterator[str]:
    """What may be typed: for each searched field some values, pieces of them, and how they are read; ends of phones."""
    declared, chance = case.schema.entities[entity], case.chance
    named = declared.search or (case.schema.entities[declared.kind_of].search if declared.kind_of else ())
    found: list[str] = []
    for name in named:
        field = case.schema.fields(entity)[name]
        rows = [row for _, row in pairs if row.get(field.column)]
        for row in chance.sample(rows, min(3 * case.effort, len(rows))):
            found += _of(case, field, row)
    columns = [case.schema.fields(entity)[name].column for name in named]
    both = [held for _, row in pairs if len(held := [row[c] for c in columns if row.get(c)]) > 1]
    found += [" ".join(held) for held in chance.sample(both, min(2 * case.effort, len(both)))]
    for text in dict.fromkeys(found):
        if text.strip() and not re.fullmatch(f"[0-9]{{{DIGITS}}}", text.strip()):
            yield text
    for path, phone in phones[:1]:
        top, _, part = path.partition(".")
        held = [each for k, r in pairs for each in (_parts(case, k, r, top) if part else [r])]
        numbers = [number for each in held if (number := case.sight.whole.value(phone, path, each))]
        if numbers:
            yield chance.choice(sorted(numbers))[-DIGITS:]


def _of(case: Case, field: Field, row: Raw) -> Iterator[str]:
    """The value, its beginning, a piece and two pieces of it, its pinyin and its initials."""
    value, chance = row[field.column], case.chance
    at = chance.randrange(len(value))
    yield from (value, value[: chance.randrange(1, 4)], value[at : at + 2], f"{value[at:]} {value[:1]}")
    if field.pinyin and row[f"{field.column}_pinyin"]:
        full, initials = row[f"{field.column}_pinyin"], row[f"{field.column}_initials"]
        yield from (full, full[: chance.randrange(1, len(full) + 1)], initials[: chance.randrange(1, 4)])


def _parts(case: Case, kind: str, row: Raw, field: str) -> list[Raw]:
    """The parts of a list of a row."""
    return case.sight.whole.parts(kind, row, case.schema.fields(kind)[field])
