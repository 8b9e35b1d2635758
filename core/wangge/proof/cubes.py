"""Aggregates without rows: which groups of fewer than ten there are, and what follows from the groups that are shown."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .policy import AREA as AREAS
from .policy import DISTRICTS, Holding, about
from .rows import Raw
from .schema import Schema
from .sight import BY_CONSENT, Sight

SMALLEST = 10
PRIME = (1 << 61) - 1
LEVELS = ("city", "district", "township", "community")
AREA_FIELD = "area"
Key = tuple[tuple[str, Any], ...]
"""((dimension, value), ...) of a group; of an area its id."""


class Cubes:
    """What one account may count without seeing rows."""

    def __init__(self, sight: Sight) -> None:
        self.sight = sight
        self.schema: Schema = sight.schema

    def rules(self, entity: str) -> list[tuple[Holding, Raw]]:
        """The rules with dimensions that hold; none where only some rows are meant, which a cube cannot leave out."""
        found = []
        for post, rules in self.sight.policy.held:
            if about(rules, "PROHIBIT", entity, "aggregate"):
                return []
            denied = any(
                not d["fields"] or d["condition"] is not None for d in about(rules, "DENY", entity, "aggregate")
            )
            for rule in rules:
                counts = rule["effect"] == "ALLOW" and rule["entity"] == entity and bool(rule["dimensions"])
                plain = rule["condition"] is None and self.schema.bases.get(rule["purpose"] or "") not in BY_CONSENT
                if (
                    counts
                    and plain
                    and not denied
                    and self.sight.policy.on_for(self.schema.entities[entity].module, post)
                ):
                    found.append((post, rule))
        return found

    def questions(self, entity: str) -> Iterator[dict[str, str]]:
        """Dimension -> unit of everything that may be asked together, areas at each kind down to the finest."""
        seen = set[tuple[tuple[str, str], ...]]()
        for _, rule in self.rules(entity):
            known = {one["field"]: one["unit"] for one in rule["dimensions"]}
            for count in range(len(known) + 1):
                for names in itertools.combinations(sorted(known), count):
                    for units in itertools.product(*(_units(name, known[name]) for name in names)):
                        asked = tuple(zip(names, units, strict=True))
                        if asked not in seen:
                            seen.add(asked)
                            yield dict(asked)

    def rows(self, entity: str, names: Iterable[str]) -> list[Raw]:
        """The rows that a question by some dimensions is about: those of the areas of all posts that may ask it."""
        wanted, policy = set(names), self.sight.policy
        posts = [
            p
            for p, r in self.rules(entity)
            if wanted <= {one["field"] for one in r["dimensions"]} and self._coarse(p, r)
        ]
        every = [row for row in self.sight.rows.all(entity) if row["removed_at"] is None]
        return [row for row in every if any(policy.inside(AREAS, row["area_id"], post.area) for post in posts)]

    def _coarse(self, post: Holding, rule: Raw) -> bool:
        """Whether the area of a post is no finer than its rule goes, which is the community where it names none."""
        finest = next((one["unit"] for one in rule["dimensions"] if one["field"] == AREA_FIELD), LEVELS[-1])
        kind = next(self.sight.policy.above(AREAS, post.area))["kind"]
        known = "district" if kind in DISTRICTS else kind
        return known in LEVELS[: LEVELS.index(finest) + 1]

    def key(self, entity: str, row: Raw, asked: Mapping[str, str]) -> Key:
        """The group of a row."""
        return tuple((name, self._value(entity, row, name, unit)) for name, unit in sorted(asked.items()))

    def bands(self, entity: str, name: str) -> list[float]:
        """Where the bands of a dimension begin."""
        dimensions = [one for _, rule in self.rules(entity) for one in rule["dimensions"] if one["field"] == name]
        return list(dimensions[0].get("bands") or ()) if dimensions else []

    def _value(self, entity: str, row: Raw, name: str, unit: str) -> Any:
        """The value of a dimension."""
        if name == AREA_FIELD:
            kinds = DISTRICTS if unit == "district" else (unit,)
            above = self.sight.policy.above(AREAS, row["area_id"])
            return next((str(area["id"]) for area in above if area["kind"] in kinds), None)
        value = row[self.schema.declared(entity)[name].column]
        if unit != "BAND" or value is None:
            return value
        edges = self.bands(entity, name)
        at = sum(value >= edge for edge in edges)
        names = ["", *(f"{edge:g}" for edge in edges), ""]
        return f"{names[at]}..{names[at + 1]}"


def _units(name: str, unit: str) -> tuple[str, ...]:
    """The units in which a dimension may be asked for."""
    return LEVELS[: LEVELS.index(unit) + 1] if name == AREA_FIELD else (unit,)


class Known:
    """What shown groups tell: each is the number of rows in some classes; sums and differences of them are known too."""

    def __init__(self) -> None:
        self._basis: list[tuple[int, dict[int, int]]] = []

    def learn(self, classes: Iterable[int]) -> None:
        """The number of rows in these classes is shown."""
        left = self._reduced(classes)
        if left:
            pivot = min(left)
            inverse = pow(left[pivot], -1, PRIME)
            self._basis.append((pivot, {n: value * inverse % PRIME for n, value in left.items()}))

    def tells(self, classes: Iterable[int]) -> bool:
        """Whether the number of rows in these classes follows from what is shown."""
        return not self._reduced(classes)

    def _reduced(self, classes: Iterable[int]) -> dict[int, int]:
        """What is left of a sum of classes over those that are known."""
        left = dict.fromkeys(classes, 1)
        for pivot, row in self._basis:
            factor = left.get(pivot, 0)
            for n, value in row.items() if factor else ():
                left[n] = (left.get(n, 0) - factor * value) % PRIME
                if not left[n]:
                    del left[n]
        return left
