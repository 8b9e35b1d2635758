"""Aggregates of every list: each measure over all its rows, and its rows in groups by each term, with and without a filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..proof.groups import FUNCTIONS, Groups, GroupSurface, Term
from ..proof.schema import AREA, SYSTEM, Field
from .case import Case, Pair
from .lists import limited, lists
from .probes import Probes

PATH = "aggregate"
TERMS, FILTERED = 4, 2
"""terms of one list that are tried for each unit of effort, and under a filter."""
AT_ONCE = 8
"""groupings of one document."""


async def aggregates(case: Case) -> None:
    """Every list that may be aggregated."""
    surface = GroupSurface(case.surface)
    for entity, pairs, limit in await lists(case):
        declared = case.schema.entities[entity]
        kinds = await case.naive(lambda e=entity: surface.kinds(e))  # type: ignore[misc] # bound now
        there = {f["name"] for f in case.types.get(f"{declared.type}Connection", {}).get("fields") or ()}
        case.same("schema", entity, None, f"{declared.type}Connection.aggregate", bool(kinds), "aggregate" in there)
        if not kinds or "aggregate" not in there:
            continue
        await _same_types(case, entity, surface)
        probes = await case.naive(lambda e=entity, p=pairs: [p for _, p in Probes(case).of(e, p, 0)])  # type: ignore[misc] # bound now
        for probe in [None, *case.chance.sample(probes, min(case.effort, len(probes)))]:
            where = limited(probe.api if probe else {}, limit)
            listed = await case.matching(pairs, probe.tree if probe else None)
            await _Asked(case, entity, surface, listed, where).compare(whole=probe is None)


async def _same_types(case: Case, entity: str, surface: GroupSurface) -> None:
    """The names of what may be grouped by and measured."""
    type_ = case.schema.entities[entity].type
    groupable = await case.naive(lambda: surface.groupable(entity))
    wanted = {f"{type_}GroupBy": {"id", "createdAt", "updatedAt", *(f.name for f in groupable)}}
    for function in FUNCTIONS:
        measured = await case.naive(lambda f=function: surface.measurable(entity, f))  # type: ignore[misc] # bound now
        end = function[0].upper() + function[1:]
        wanted |= {f"{type_}{end}{suffix}": {f.name for f in measured} for suffix in ("", "Where", "Order")}
    for name, names in wanted.items():
        made = case.types.get(name) or {}
        seen = {f["name"] for f in (made.get("fields") or made.get("inputFields") or ())}
        for each in sorted(names | seen):
            case.same("schema", entity, None, f"{name}.{each}", each in names, each in seen)


class _Asked:
    """The aggregates of one list under one filter."""

    def __init__(
        self, case: Case, entity: str, surface: GroupSurface, listed: list[Pair], where: dict[str, Any]
    ) -> None:
        self._case = case
        self._entity = entity
        self._type = case.schema.entities[entity].type
        self._surface = surface
        self._listed = listed
        self._where = where
        self._groups = Groups(case.sight)
        shown = {f["name"] for f in (case.types.get("AreaLevelKey") or {}).get("fields") or ()}
        self._named = "name" if "name" in shown else ""

    async def compare(self, *, whole: bool) -> None:
        """All measures of all rows, then groups."""
        case = self._case
        rows: list[Pair] = []
        for pair in self._listed:  # one by one, so that what is missing costs one row
            rows += await case.naive(lambda p=pair: self._groups.counted([p]))  # type: ignore[misc] # bound now
        measures = [
            (function, field)
            for function in FUNCTIONS
            for field in await case.naive(lambda f=function: self._surface.measurable(self._entity, f))  # type: ignore[misc] # bound now
        ]
        terms = await case.naive(lambda: list(self._surface.terms(self._entity, 1)))
        picked = case.chance.sample(terms, min(TERMS * case.effort if whole else FILTERED, len(terms)))
        chosen: list[tuple[Term, ...]] = [(term,) for term in picked]
        if len(picked) > 1 and picked[0].path != picked[1].path:
            chosen.append((picked[0], picked[1]))
        for at in range(0, len(chosen), AT_ONCE):
            await self._ask(rows, measures, chosen[at : at + AT_ONCE])

    async def _ask(self, rows: list[Pair], measures: list[tuple[str, Field]], chosen: list[tuple[Term, ...]]) -> None:
        """One document: the measures without groups, and several groupings with a count and one measure."""
        case, plural = self._case, self._case.schema.entities[self._entity].plural
        picked = [case.chance.choice(measures) if measures else None for _ in chosen]
        fields = [f"all: aggregate {{ count {self._measures(measures)} }}"]
        for at, (terms, one) in enumerate(zip(chosen, picked, strict=True)):
            by = ", ".join(self._by(term) for term in terms)
            key = " ".join(self._key(term) for term in terms)
            more = self._measures([one] if one else [])
            fields.append(f"g{at}: aggregate(groupBy: [{by}]) {{ key {{ {key} }} count {more} }}")
        query = f"query ($w: {self._type}Where) {{ {plural}(where: $w) {{ {' '.join(fields)} }} }}"
        data = await case.ask(PATH, query, {"w": self._where})
        if data is None:
            return
        for at, (terms, one) in enumerate(zip(chosen, picked, strict=True)):
            await self._same_groups(rows, terms, [one] if one else [], data[plural][f"g{at}"], query)
        await self._same_groups(rows, (), measures, data[plural]["all"], query)

    async def _same_groups(
        self,
        rows: list[Pair],
        terms: tuple[Term, ...],
        measures: Sequence[tuple[str, Field]],
        seen: list[dict[str, Any]],
        asked: str,
    ) -> None:
        """Compare groups by their keys."""
        case = self._case
        for kind, row in rows:
            for term in terms:
                await case.naive(lambda k=kind, r=row, t=term: self._groups.key(k, r, t))  # type: ignore[misc] # bound now
        wanted = await case.naive(lambda: self._expected(rows, terms, measures))
        got = {_text([self._shown(group, term) for term in terms]): group for group in seen}
        name = " ".join(".".join(t.path) + f" {t.unit}" for t in terms)
        asked = f"{self._where} {asked}"
        for key in sorted(wanted.keys() | got.keys()):
            there, shown = wanted.get(key), got.get(key)
            if there is None or shown is None:
                case.same(
                    PATH,
                    self._entity,
                    None,
                    f"by {name}: group {key}",
                    there is not None,
                    shown is not None,
                    asked=asked,
                )
                continue
            case.same(PATH, self._entity, None, f"by {name}: {key} count", there["count"], shown["count"], asked=asked)
            for function, field in measures:
                one, other = there[function][field.name], shown[function][field.name]
                what = f"by {name}: {key} {function} {field.name}"
                case.same(PATH, self._entity, None, what, one, other, asked=asked)
        case.same(PATH, self._entity, None, f"by {name}: groups", len(wanted), len(seen), asked=asked)

    def _expected(
        self, rows: list[Pair], terms: tuple[Term, ...], measures: Sequence[tuple[str, Field]]
    ) -> dict[str, dict[str, Any]]:
        """Key as text -> what is measured of a group."""
        found = {}
        for key, held in self._groups.groups(rows, terms).items():
            group: dict[str, Any] = {"count": len(held)}
            for function, field in measures:
                group.setdefault(function, {})[field.name] = self._groups.measured(function, field, held)
            found[_text(list(key))] = group
        return found

    # --- text ---

    def _fields(self, term: Term) -> list[tuple[str, Field | None]]:
        """(name, field) along a path."""
        found: list[tuple[str, Field | None]] = []
        entity = self._entity
        for step in term.path:
            field = None if step in SYSTEM else self._case.schema.fields(entity)[step]
            found.append((field.name if field else step, field))
            entity = field.to[0] if field and field.to else entity
        return found

    def _by(self, term: Term) -> str:
        """`{holder: {name: VALUE}}`."""
        text = term.unit
        for name, _ in reversed(self._fields(term)):
            text = f"{{{name}: {text}}}"
        return text

    def _key(self, term: Term) -> str:
        """What is selected of the key."""
        path = self._fields(term)
        name, field = path[-1]
        text = f"{name} {{ id {self._named} }}" if field is not None and field.to == (AREA,) else name
        for above, _ in reversed(path[:-1]):
            text = f"{above} {{ {text} }}"
        return text

    def _shown(self, group: Mapping[str, Any], term: Term) -> Any:
        """The value of a term in an answer."""
        value: Any = group["key"]
        for name, _ in self._fields(term):
            value = None if value is None else value[name]
        return {"name": None, **value} if isinstance(value, dict) else value

    def _measures(self, measures: Sequence[tuple[str, Field]]) -> str:
        found: dict[str, list[str]] = {}
        for function, field in measures:
            found.setdefault(function, []).append(field.name)
        return " ".join(f"{function} {{ {' '.join(names)} }}" for function, names in found.items())


def _text(key: list[Any]) -> str:
    """A key as a text."""
    return repr([tuple(sorted(v.items())) if isinstance(v, dict) else v for v in key])
