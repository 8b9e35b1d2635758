"""The difference of two rule sets cell by cell over raw rows, and the generator of such pairs: no Scope, no SQL conditions.

A rule is what roles.yaml says: {role, entity, actions, fields, where, purpose, effect, via, district}.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from tests.graphql.naive import Naive as Filters
from tests.graphql.naive import World, level_of
from wangge.model import names
from wangge.model.types import Field

Rule = Mapping[str, Any]
RANKS = ("hidden", "masked", "clear")
ACTIONS = ("list", "get", "update")
ENTITIES = ("base.compound", "base.person", "urban_management.incident", "base.residence", "base.household")
ROLES = ("mediator", "volunteer", "chief")
INHERITS = {"chief": ("volunteer",)}
Key = tuple[str, str, str, str | None, int, int]
"""(role, entity, action, field, was, now)."""


class Cells:
    """The levels that a post of a role for a whole district gives to the cells of a row."""

    def __init__(self, world: World, rules: Sequence[Rule], districts: Sequence[UUID]) -> None:
        self.world = world
        self.rules = rules
        self.districts = districts
        self._filters = Filters(world, None)
        self._met: dict[tuple[int, UUID], bool] = {}
        self._cells = {entity: list(self._fields(entity)) for entity in ENTITIES}

    def effective(self, role: str, district: UUID | None) -> list[Rule]:
        """The rules of the role and of what it inherits, a district's own in the place of the default ones."""
        names_ = {role, *INHERITS.get(role, ())}
        here = [r for r in self.rules if r["role"] in names_ and r.get("district") in (None, district)]
        own = {(r["role"], r["entity"]) for r in here if r.get("district") is not None}
        stays = [r.get("district") is not None or r["effect"] == "prohibit" for r in here]
        return [r for r, kept in zip(here, stays, strict=True) if kept or (r["role"], r["entity"]) not in own]

    def levels(self, role: str, district: UUID | None, entity: str, action: str, row: Any) -> dict[str | None, int]:
        """Field -> level above hidden; the row itself under None."""
        rules = [r for r in self.effective(role, district) if r["entity"] == entity and action in r["actions"]]
        met = [r for r in rules if self._meets(entity, row, r)]
        if any(r["effect"] == "prohibit" for r in met) or any(r["effect"] == "deny" and not r["fields"] for r in met):
            return {}
        allows = [r for r in met if r["effect"] == "allow" and self._linked(entity, row, district, r.get("via"))]
        if not allows:
            return {}
        taken = {name for r in met if r["effect"] == "deny" for name in r["fields"]}
        found: dict[str | None, int] = {None: 2}
        for path, field, part in self._cells[entity]:
            level = max(RANKS.index(level_of(r["fields"], field, part)) for r in allows)
            if level and not {path, path.partition(".")[0]} & taken:
                found[path] = level
        return found

    def _fields(self, entity: str) -> Iterator[tuple[str, Field, Field | None]]:
        for field in self.world.fields(entity).values():
            yield field.id, field, None
            for part in field.fields:
                yield f"{field.id}.{part.id}", field, part

    def _meets(self, entity: str, row: Any, rule: Rule) -> bool:
        """Whether the row meets the rule's condition."""
        key = (id(rule), row["id"])
        if key not in self._met:
            self._met[key] = "where" not in rule or self._filters.meets(entity, row, rule["where"])
        return self._met[key]

    def places(self, entity: str, row: Any) -> set[Any]:
        """The districts in which a row lies: elsewhere nobody has it."""
        if self.world.model.root_scope(entity).kind != "through":
            return {row["district_id"]}
        return {place for place, _ in self.world.vias[entity].get(row["id"], ())}  # type: ignore[attr-defined] # set by `with_vias`

    def _linked(self, entity: str, row: Any, district: UUID | None, via: str | None) -> bool:
        """Whether the row lies where the post stands, over a link of the relation."""
        if self.world.model.root_scope(entity).kind != "through":
            return bool(row["district_id"] == district)
        links = self.world.vias[entity].get(row["id"], ())  # type: ignore[attr-defined] # set by `with_vias`
        return any(place == district and via in (None, relation) for place, relation in links)


def difference(before: Cells, after: Cells) -> dict[Key, tuple[int, int]]:
    """Key -> (rows, districts), over a post of every role in every district."""
    rows: dict[Key, set[Any]] = {}
    places: dict[Key, set[Any]] = {}
    ruled = {(r["entity"], action) for cells in (before, after) for r in cells.rules for action in r["actions"]}
    for entity, action in ruled:
        for row in before.world.rows[entity].values():
            for district in before.places(entity, row):
                for role in ROLES:
                    was = before.levels(role, district, entity, action, row)
                    now = after.levels(role, district, entity, action, row)
                    for field in was.keys() | now.keys() if was != now else ():
                        if (old := was.get(field, 0)) != (new := now.get(field, 0)):
                            key = (role, entity, action, field, old, new)
                            rows.setdefault(key, set()).add(row["id"])
                            places.setdefault(key, set()).add(district)
    return {key: (len(found), len(places[key])) for key, found in rows.items()}


class Pairs:
    """Generates rule sets, and changes of them."""

    def __init__(self, world: World, districts: Sequence[UUID], seed: int) -> None:
        self.world = world
        self.districts = districts
        self.random = random.Random(seed)

    def pair(self) -> tuple[list[Rule], list[Rule]]:
        """A rule set and another: some rules dropped, some changed, some new."""
        before = [self.rule() for _ in range(self.random.randrange(0, 7))]
        after = [r for r in before if self.random.random() < 0.7]
        after = [self.changed(r) if self.random.random() < 0.4 else r for r in after]
        return before, [*after, *(self.rule() for _ in range(self.random.randrange(0, 4)))]

    def rule(self) -> Rule:
        """Any rule."""
        entity = self.random.choice(ENTITIES)
        effect = self.random.choices(("allow", "deny", "prohibit"), (7, 2, 1))[0]
        made: dict[str, Any] = {
            "role": self.random.choice(ROLES),
            "entity": entity,
            "actions": self.random.sample(ACTIONS, self.random.randrange(1, 4)),
            "effect": effect,
            "fields": self.fields(entity, effect),
        }
        if self.random.random() < 0.6:
            made["where"] = self.where(entity)
        if self.random.random() < 0.25 and effect != "prohibit":
            made["district"] = self.random.choice(self.districts)
        if effect == "allow" and self.world.model.root_scope(entity).kind == "through" and self.random.random() < 0.3:
            made["via"] = self.random.choice(sorted({via for _, via in self.links(entity)}))
        return made

    def links(self, entity: str) -> Iterator[tuple[Any, str]]:
        """All links of an entity."""
        for found in self.world.vias[entity].values():  # type: ignore[attr-defined] # set by `with_vias`
            yield from found

    def changed(self, rule: Rule) -> Rule:
        """A rule with other fields, another condition, or none."""
        entity = rule["entity"]
        if self.random.random() < 0.5:
            return {**rule, "fields": self.fields(entity, rule["effect"])}
        if self.random.random() < 0.5:
            return {**rule, "where": self.where(entity)}
        return {key: value for key, value in rule.items() if key != "where"}

    def fields(self, entity: str, effect: str) -> dict[str, str]:
        """Levels of some fields; a deny names what it takes."""
        paths = [f.name for f in self.world.fields(entity).values()]
        paths += [f"{f.name}.{p.name}" for f in self.world.fields(entity).values() for p in f.fields]
        chosen = self.random.sample(paths, min(len(paths), self.random.randrange(0, 5)))
        if effect != "allow":
            return {name: self.random.choice(RANKS) for name in chosen} if effect == "deny" and chosen else {}
        found = {name: self.random.choice(RANKS) for name in chosen}
        return {"*": self.random.choice(RANKS[1:]), **found} if self.random.random() < 0.5 else found

    def where(self, entity: str, depth: int = 2) -> dict[str, Any]:
        """A condition over stored values, sometimes nested or behind a reference."""
        pick = self.random.random()
        if depth and pick < 0.2:
            return {"not": self.where(entity, depth - 1)}
        if depth and pick < 0.4:
            word = self.random.choice(("and", "or"))
            return {word: [self.where(entity, depth - 1) for _ in range(self.random.randrange(1, 3))]}
        fields = [
            f for f in self.world.fields(entity).values() if f.kind in ("enum", "boolean", "date", "code", "text")
        ]
        fields = [f for f in fields if not f.sealed and f.expression is None and not f.inputs]
        field = self.random.choice(fields)
        values = [v for row in self.world.rows[entity].values() if (v := row[names.column(field)]) is not None]
        if not values or pick > 0.9:
            return {field.name: {"isNull": self.random.choice((True, False))}}
        value = self.random.choice(values)
        value = value if isinstance(value, bool | str) else value.isoformat()
        operator = "lt" if field.kind == "date" else self.random.choice(("eq", "ne"))
        return {field.name: {operator: value}}


async def with_vias(world: World, pool: Any) -> World:
    """The world with the relation of every link to an area: entity -> row -> (district, via)."""
    world.vias = {}  # type: ignore[attr-defined] # beside what the filters need
    for entity in ENTITIES:
        if world.model.root_scope(entity).kind == "through":
            table = names.area_table(world.model.chain(entity)[-1])
            found: dict[UUID, list[tuple[Any, str]]] = {}
            for row in await pool.fetch(f"SELECT row_id, district_id, via FROM {table}"):
                found.setdefault(row["row_id"], []).append((row["district_id"], row["via"]))
            world.vias[entity] = found  # type: ignore[attr-defined] # set above
    return world
