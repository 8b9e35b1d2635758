"""Questions of who may aggregate and not list: every group that is shown is right and large, and no small one follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..proof.cubes import AREA_FIELD, SMALLEST, Cubes, Key, Known
from .case import Case

PATH = "cube"


def roots(case: Case) -> set[str]:
    """The connections that give nothing but aggregates."""
    naive, surface = Cubes(case.sight), case.surface
    return {
        e.plural for name, e in case.schema.entities.items() if not surface.kinds(name, "list") and naive.rules(name)
    }


async def cubes(case: Case) -> None:
    """Every entity that the caller may count without seeing rows."""
    there = {f["name"] for f in case.types["Query"]["fields"]}
    naive = Cubes(case.sight)
    for name, entity in case.schema.entities.items():
        lists = bool(await case.naive(lambda n=name: case.surface.kinds(n, "list")))  # type: ignore[misc] # bound now
        rules = [] if lists else await case.naive(lambda n=name: naive.rules(n))  # type: ignore[misc] # bound now
        alone = not lists and entity.plural in there
        case.same("schema", name, None, f"Query.{entity.plural} alone", bool(rules), alone)
        if rules and alone:
            await _Cube(case, name, naive).compare()


class _Cube:
    """All questions about one entity."""

    def __init__(self, case: Case, entity: str, naive: Cubes) -> None:
        self._case = case
        self._entity = entity
        self._naive = naive
        self._fields = case.schema.declared(entity)
        self._known = Known()
        self._small: list[tuple[str, list[int]]] = []
        """small groups with the classes of their rows."""
        self._classes: dict[Any, int] = {}

    async def compare(self) -> None:
        """Ask everything; then see what follows."""
        case = self._case
        questions = await case.naive(lambda: list(self._naive.questions(self._entity)))
        for asked in questions:
            await self._ask(asked)
        for what, classes in self._small:
            case.same(PATH, self._entity, None, f"{what} follows from others", False, self._known.tells(classes))

    async def _ask(self, asked: Mapping[str, str]) -> None:
        """One question: its groups, and those among them that are said to be small."""
        case, plural = self._case, self._case.schema.entities[self._entity].plural
        by = ", ".join(f"{{{self._name(n)}: {_unit(u)}}}" for n, u in asked.items())
        key = " ".join(f"{self._name(n)} {{ id }}" if n == AREA_FIELD else self._name(n) for n in asked)
        groups = f"(groupBy: [{by}])" if asked else ""
        few = f"(having: {{count: {{lt: {SMALLEST}}}}}{f', groupBy: [{by}]' if asked else ''})"
        shown = f"{f'key {{ {key} }}' if asked else ''} count suppressed"
        query = f"{{ {plural} {{ all: aggregate{groups} {{ {shown} }} few: aggregate{few} {{ count }} }} }}"
        data = await case.ask(PATH, query)
        if data is None:
            return
        case.same(PATH, self._entity, None, f"small groups of {dict(asked)}", [], data[plural]["few"], asked=query)
        wanted = await case.naive(lambda: self._groups(asked))
        for group in data[plural]["all"]:
            key_ = tuple((n, self._told(group["key"], n)) for n in sorted(asked))
            classes = wanted.pop(key_, {})
            self._compare(f"{dict(key_)}", classes, group, query)
        for key_, classes in wanted.items():
            case.same(PATH, self._entity, None, f"{dict(key_)}", sum(classes.values()), "no group", asked=query)

    def _groups(self, asked: Mapping[str, str]) -> dict[Key, dict[int, int]]:
        """Key of each group -> the classes of its rows with their numbers."""
        found: dict[Key, dict[int, int]] = {} if asked else {(): {}}
        for row in self._naive.rows(self._entity, asked):
            values = [row[self._fields[name].column] for name in sorted(self._every())]
            class_ = self._classes.setdefault((row["area_id"], *values), len(self._classes))
            group = found.setdefault(self._naive.key(self._entity, row, asked), {})
            group[class_] = group.get(class_, 0) + 1
        return found

    def _every(self) -> set[str]:
        """All dimensions but the area."""
        rules = self._naive.rules(self._entity)
        return {one["field"] for _, rule in rules for one in rule["dimensions"]} - {AREA_FIELD}

    def _compare(self, what: str, classes: Mapping[int, int], group: Mapping[str, Any], asked: str) -> None:
        """One group: shown as it is, when it is large; else nothing of it."""
        case, count = self._case, sum(classes.values())
        case.same(
            PATH, self._entity, None, f"{what} suppressed", group["count"] is None, group["suppressed"], asked=asked
        )
        if group["count"] is None:
            if 0 < count < SMALLEST:
                self._small.append((what, list(classes)))
            return
        case.same(PATH, self._entity, None, what, count, group["count"], asked=asked)
        case.same(PATH, self._entity, None, f"{what} is large", True, count >= SMALLEST, asked=asked)
        self._known.learn(classes)

    def _name(self, dimension: str) -> str:
        """The present name of a dimension."""
        return AREA_FIELD if dimension == AREA_FIELD else self._fields[dimension].name

    def _told(self, key: Mapping[str, Any], dimension: str) -> Any:
        """The value of a dimension in an answer."""
        value = key[self._name(dimension)]
        return value["id"] if isinstance(value, dict) else value


def _unit(unit: str) -> str:
    """A unit as groupBy names it."""
    return unit.upper() if unit.islower() else unit
