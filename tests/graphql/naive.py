"""What the rules of schemas/*/roles.yaml let an account see, and what a filter and an ordering then give: plain Python
over raw rows, without the compiler, the Scope or SQL conditions (PERMISSIONS.md 5, API.md 1)."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml

from wangge.model import names
from wangge.model.pinyin import spelt
from wangge.model.types import Field, Model
from wangge.store.pool import Pool

Row = Mapping[str, Any]
ROOT = Path(__file__).parents[2]
FILES = [ROOT / "core/wangge/schema/roles.yaml", *sorted((ROOT / "schemas").glob("*/roles.yaml"))]
SYSTEM = {"id": "id", "revision": "revision", "createdAt": "created_at", "updatedAt": "updated_at"}
IMPLICIT = {"area": "area_id", "district": "district_id", "unit": "unit_id"}
CORE = ("wangge.area", "wangge.unit")


class World:
    """All rows of all entities by id, with the parts and links of their lists."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.rows: dict[str, dict[UUID, Row]] = {}
        self.parts: dict[tuple[str, str], dict[UUID, list[Any]]] = {}
        self.links: dict[str, dict[UUID, set[UUID]]] = {}
        self.parents: dict[str, dict[str, str]] = {}
        files = [yaml.safe_load(path.read_text("utf-8")) for path in FILES]
        self.rules = [rule for file in files for rule in file["rules"]]
        self.inherits = {r["id"]: r.get("inherits", []) for file in files for r in file.get("roles", [])}

    async def load(self, pool: Pool) -> None:
        """Read every table whole."""
        for name, entity in self.model.entities.items():
            if entity.module != "wangge" or name in CORE:
                own = f"SELECT t.* FROM {names.table(entity)} t WHERE removed_at IS NULL"
                self.rows[name] = {row["id"]: dict(row) for row in await pool.fetch(own)}
        for name, entity in self.model.entities.items():
            if entity.kind_of:
                upper = self.rows[entity.kind_of]
                self.rows[name] = {id_: {**upper[id_], **row} for id_, row in self.rows[name].items()}
            for field in entity.fields if name in self.rows else ():
                if field.kind in ("list", "refs"):
                    found = self.parts.setdefault((name, field.id), {})
                    for row in await pool.fetch(f"SELECT * FROM {names.side_table(entity, field)} ORDER BY ord"):
                        found.setdefault(row["row_id"], []).append(dict(row))
            if self.model.root_scope(name).kind == "through" and name in self.rows:
                for row in await pool.fetch(f"SELECT row_id, area_id FROM {names.area_table(entity)}"):
                    self.links.setdefault(name, {}).setdefault(row["row_id"], set()).add(row["area_id"])
        for row in await pool.fetch("SELECT table_name, code, parent FROM wangge.code_value"):
            self.parents.setdefault(row["table_name"], {})[row["code"]] = row["parent"] or ""

    def kinds(self, entity: str) -> list[str]:
        """The concrete entities behind a name."""
        return [e.name for e in self.model.entities.values() if e.kind_of == entity] or [entity]

    @functools.cache  # noqa: B019 # a world lives as long as its test file
    def below(self, entity: str, top: UUID) -> frozenset[UUID]:
        """An area or unit and everything below it, by the parents alone."""
        found, size = {top}, 0
        while size < len(found):
            size = len(found)
            found |= {id_ for id_, row in self.rows[entity].items() if row["parent"] in found}
        return frozenset(found)

    def fields(self, entity: str) -> dict[str, Field]:
        """The fields by present name, inherited ones included."""
        return {field.name: field for field in self.model.fields_of(entity).values()}


class Eyes:
    """What one account sees: per entity the grants of its posts, each with where it holds and which cells it shows."""

    def __init__(self, world: World, posts: Sequence[Row], person: UUID | None) -> None:
        self.world = world
        self.person = person
        self.grants: dict[tuple[str, str], list[tuple[Row, Row]]] = {}
        for post in posts:
            for rule in world.rules:
                if rule["role"] in self._roles(post["role"]):
                    for action in rule["actions"]:
                        self.grants.setdefault((rule["entity"], action), []).append((post, rule))
        self._holding: dict[tuple[str, UUID, str], list[Row]] = {}

    def _roles(self, role: str) -> set[str]:
        return {role}.union(*(self._roles(upper) for upper in self.world.inherits.get(role, ())))

    def holding(self, entity: str, row: Row, action: str) -> list[Row]:
        """The rules that show a row under an action."""
        key = (entity, row["id"], action)
        if key not in self._holding:
            found = self.grants.get((entity, action), [])
            self._holding[key] = [rule for post, rule in found if self._holds(entity, row, post, rule)]
        return self._holding[key]

    def _holds(self, entity: str, row: Row, post: Row, rule: Row) -> bool:
        kind = self.world.model.root_scope(entity).kind
        areas = self.world.below("wangge.area", post["area_id"])
        if kind == "through" and not self.world.links[entity].get(row["id"], set()) & areas:
            return False
        if kind in ("area", "parent") and row["area_id"] not in areas:
            return False
        if kind == "unit" and row["unit_id"] not in self.world.below("wangge.unit", post["unit"]):
            whole = self.world.rows["wangge.area"][post["area_id"]]["parent"] is None
            if not whole:
                return False
        where = rule.get("where")
        return where is None or Naive(self.world, None, self.person).meets(entity, row, where)

    def level(self, entity: str, row: Row, action: str, field: Field, part: Field | None = None) -> str:
        """clear, masked or hidden: the best of the rules that show the row."""
        levels = [level_of(rule["fields"], field, part) for rule in self.holding(entity, row, action)]
        return max(levels, key=["hidden", "masked", "clear"].index, default="hidden")

    def may(self, entity: str, action: str, field: Field) -> str:
        """The best level that some rule of an action gives to a field in any row."""
        levels = [level_of(rule["fields"], field, None) for _, rule in self.grants.get((entity, action), ())]
        return max(levels, key=["hidden", "masked", "clear"].index, default="hidden")

    def filterable(self, entity: str, field: Field, part: Field | None = None) -> bool:
        """Whether some rule shows a field in clear somewhere, for every kind that the account may list."""
        kinds = [k for k in self.world.kinds(entity) if (k, "list") in self.grants]
        return bool(kinds) and all(
            any(level_of(rule["fields"], field, part) == "clear" for _, rule in self.grants[kind, "list"])
            for kind in kinds
        )


def level_of(named: Mapping[str, str], field: Field, part: Field | None) -> str:
    """The level that a rule gives: `*` covers public and internal fields only, a part at most what its list has."""
    open_ = field.sensitivity in ("public", "internal")
    level: str = named.get(field.name, named.get("*", "hidden") if open_ else "hidden")
    if part is None or level == "hidden":
        return level
    inherited = level if part.sensitivity in ("public", "internal") else "hidden"
    return min(level, named.get(f"{field.name}.{part.name}", inherited), key=["hidden", "masked", "clear"].index)


class Naive:
    """Evaluates filters and orderings over the rows as `eyes` see them; without eyes, over whole rows."""

    def __init__(self, world: World, eyes: Eyes | None, person: UUID | None = None) -> None:
        self.world = world
        self.eyes = eyes
        self.person = person

    def rows(self, entity: str) -> list[tuple[str, Row]]:
        """The (kind, row) of a connection."""
        return [
            (kind, row)
            for kind in self.world.kinds(entity)
            for row in self.world.rows[kind].values()
            if self.seen(kind, row)
        ]

    def seen(self, entity: str, row: Row) -> bool:
        """Whether the row is listed."""
        return self.eyes is None or bool(self.eyes.holding(entity, row, "list"))

    def cell(self, entity: str, row: Row, name: str) -> Any:
        """The value of a scalar or reference; None where it is absent or not in clear."""
        if name in SYSTEM or (name in IMPLICIT and name not in self.world.fields(entity)):
            return row[{**SYSTEM, **IMPLICIT}[name]]
        field = self.world.fields(entity)[name]
        if not self._clear(entity, row, field):
            return None
        column = names.column(field)
        if field.kind == "point":
            lon = row[f"{column}_lon"]
            return None if lon is None else (lon, row[f"{column}_lat"])
        return row[f"{column}_enc" if field.sealed else column]

    def _clear(self, entity: str, row: Row, field: Field, part: Field | None = None) -> bool:
        return self.eyes is None or self.eyes.level(entity, row, "list", field, part) == "clear"

    def target(self, entity: str, row: Row, name: str) -> tuple[str, Row] | None:
        """The row behind a reference, where it is seen."""
        value = self.cell(entity, row, name)
        fields = self.world.fields(entity)
        to = fields[name].to[0] if name in fields else "wangge.unit" if name == "unit" else "wangge.area"
        for kind in self.world.kinds(to) if value is not None else ():
            found = self.world.rows[kind].get(value)
            if found is not None and self.seen(kind, found):
                return kind, found
        return None

    def meets(self, entity: str, row: Row, where: Row) -> bool:
        """Whether a row meets a filter."""
        return all(self._item(entity, row, name, item) for name, item in where.items())

    def _item(self, entity: str, row: Row, name: str, item: Any) -> bool:
        if name in ("and", "or"):
            return (all if name == "and" else any)(self.meets(entity, row, sub) for sub in item)
        if name == "not":
            return not self.meets(entity, row, item)
        if name == "within" and entity == "wangge.area":
            return item is not None and row["id"] in self.world.below("wangge.area", UUID(item))
        field = self.world.fields(entity).get(name)
        if name in IMPLICIT or (field is not None and field.kind == "ref"):
            found = self.target(entity, row, name) if self.eyes else self._whole(entity, row, name)
            return found is not None and self.meets(*found, item)
        if field is not None and field.kind in ("children", "refs", "list"):
            return all(self._many(entity, row, field, quantifier, inner) for quantifier, inner in item.items())
        value = self.cell(entity, row, name)
        return all(self.compare(field, value, operator, wanted) for operator, wanted in item.items())

    def _whole(self, entity: str, row: Row, name: str) -> tuple[str, Row] | None:
        """The target of a reference in a condition of a rule, which sees everything."""
        value = self.cell(entity, row, name)
        to = self.world.fields(entity)[name].to[0]
        return (to, self.world.rows[to][value]) if value is not None else None

    def _many(self, entity: str, row: Row, field: Field, quantifier: str, inner: Row) -> bool:
        if not self._clear(entity, row, field):
            met = []
        elif field.kind == "list":
            parts = self.world.parts[field.owner or entity, field.id].get(row["id"], [])
            met = [self._part(entity, row, field, part, inner) for part in parts]
        else:
            met = [self.meets(kind, other, inner) for kind, other in self._behind(entity, row, field)]
        return {"some": any(met), "every": all(met), "none": not any(met)}[quantifier]

    def _behind(self, entity: str, row: Row, field: Field) -> list[tuple[str, Row]]:
        """The seen rows behind children and refs."""
        if field.kind == "refs":
            linked = {
                link["target_id"] for link in self.world.parts[field.owner or entity, field.id].get(row["id"], [])
            }
            return [(kind, other) for kind, other in self.rows(field.to[0]) if other["id"] in linked]
        return [
            (kind, other)
            for kind in self.world.kinds(field.to[0])
            for other in self.world.rows[kind].values()
            if other[names.snake(field.inverse or "")] == row["id"]
            and self.seen(kind, other)
            and self.cell(kind, other, field.inverse or "") == row["id"]
        ]

    def _part(self, entity: str, row: Row, field: Field, part: Row, where: Row) -> bool:
        """Whether a part of a list meets a filter."""
        met = []
        for name, item in where.items():
            if name in ("and", "or"):
                met.append((all if name == "and" else any)(self._part(entity, row, field, part, s) for s in item))
            elif name == "not":
                met.append(not self._part(entity, row, field, part, item))
            else:
                own = next(p for p in field.fields if p.name == name)
                shown = self._clear(entity, row, field, own)
                value = part[names.column(own) + ("_enc" if own.sealed else "")] if shown else None
                met += [self.compare(own, value, operator, wanted) for operator, wanted in item.items()]
        return all(met)

    def compare(self, field: Field | None, value: Any, operator: str, wanted: Any) -> bool:
        """One comparison; null compares with nothing."""
        if isinstance(wanted, Mapping) and "$actor" in wanted:
            wanted = self.person
        if operator == "isNull":
            return wanted is not None and (value is None) is wanted
        if operator in ("ne", "notIn"):
            return not self.compare(field, value, "eq" if operator == "ne" else "in", wanted)
        if value is None or wanted is None:
            return False
        if operator == "in":
            return value in [like(item, value) for item in wanted]
        if operator == "under":
            parents = self.world.parents[field.table] if field else {}
            while value and value != wanted:
                value = parents.get(value, "")
            return bool(value)
        if operator in ("contains", "startsWith"):
            return wanted in value if operator == "contains" else value.startswith(wanted)
        other = like(wanted, value)
        return bool(
            {"eq": value == other}.get(operator)
            if operator == "eq"
            else {"lt": value < other, "lte": value <= other, "gt": value > other, "gte": value >= other}[operator]
        )

    def ordered(self, rows: list[tuple[str, Row]], order: Sequence[tuple[Sequence[str], bool]]) -> list[str]:
        """The ids in order: nulls last ascending and first descending, ties by id."""
        found = sorted(rows, key=lambda pair: pair[1]["id"].bytes)
        for path, down in reversed(order):
            keys = {row["id"]: _key(self._at(kind, row, path)) for kind, row in found}
            found.sort(key=lambda pair, k=keys: k[pair[1]["id"]], reverse=down)  # type: ignore[misc] # bound now
        return [str(row["id"]) for _, row in found]

    def _at(self, entity: str, row: Row, path: Sequence[str]) -> Any:
        """The value at the end of a path of references."""
        if len(path) == 1:
            value, field = self.cell(entity, row, path[0]), self.world.fields(entity).get(path[0])
            return spelt(value).sort if field is not None and field.pinyin and value is not None else value
        found = self.target(entity, row, path[0])
        return self._at(*found, path[1:]) if found else None


def _key(value: Any) -> tuple[bool, Any]:
    return (True, 0) if value is None else (False, value.bytes if isinstance(value, UUID) else value)


def like(wanted: Any, value: Any) -> Any:
    """A wire operand as the type of a stored value."""
    if isinstance(value, UUID):
        return wanted if isinstance(wanted, UUID) else UUID(wanted)
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return type(value).fromisoformat(wanted)
    return Decimal(wanted) if isinstance(value, Decimal) else wanted


async def eyes_of(world: World, pool: Pool, login: str) -> Eyes:
    """What an account sees by its posts of today."""
    posts = await pool.fetch(
        """SELECT p.role, p.area_id, p.unit FROM wangge.post p JOIN wangge.account a ON a.id = p.account
        WHERE a.login = $1 AND p.removed_at IS NULL AND p.valid_from <= now() AND (p.valid_to IS NULL OR p.valid_to > now())""",
        login,
    )
    person = await pool.fetchval("SELECT person FROM wangge.account WHERE login = $1", login)
    return Eyes(world, [dict(post) for post in posts], person)
