"""Filters to try: each in the API's words and as the tree that the naive evaluator reads, with values from all rows, seen or not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..proof import wire
from ..proof.policy import CLEAR
from ..proof.schema import AREA, SYSTEM, Field
from .case import Case, Pair

RANGE = ("eq", "ne", "in", "notIn", "lt", "lte", "gt", "gte", "isNull")
SET = ("eq", "ne", "in", "notIn", "isNull")
OPERATORS = {
    "code": (*SET, "under", "startsWith"),
    "codes": ("has", "hasAny", "hasAll", "under", "isNull"),
    "boolean": ("eq", "ne", "isNull"),
    "enum": SET,
    "point": ("near", "isNull"),
    "id": SET,
}
RANGED = frozenset("integer duration decimal money date time datetime".split())
PRESENCE = frozenset("polygon json file signature".split())
LISTS = ("in", "notIn", "hasAny", "hasAll")


@dataclass(frozen=True)
class Probe:
    """One filter."""

    api: dict[str, Any]
    tree: dict[str, Any]

    def negated(self) -> Probe:
        """Its complement."""
        return Probe({"not": self.api}, {"type": "Not", "item": self.tree})

    def joined(self, other: Probe, word: str) -> Probe:
        """Both, or either."""
        items = [self.tree, other.tree]
        return Probe({word: [self.api, other.api]}, {"type": "Every" if word == "and" else "Some", "items": items})


def operators(field: Field) -> tuple[str, ...]:
    """The operators of a field's kind."""
    if field.sealed:
        return SET
    if field.kind in PRESENCE:
        return ("isNull",)
    if field.kind in RANGED:
        return RANGE
    return OPERATORS.get(field.kind, (*RANGE, "contains", "startsWith"))


class Probes:
    """Makes probes for one account; which of them is a matter of the case's chance."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.schema = case.schema
        self.surface = case.surface

    def of(self, entity: str, pairs: list[Pair], depth: int = 1) -> Iterator[tuple[str, Probe]]:
        """(path, probe) over every field that the caller may filter by, `depth` references deep."""
        there = self._there(entity)
        for name in ("id", "revision", "createdAt", "updatedAt"):
            yield from self._some("filter", SYSTEM_FIELDS[name], [row[SYSTEM[name]] for _, row in pairs])
        for field in self.schema.fields(entity).values():
            if field.name not in there or field.derived or not self.surface.probed(entity, field):
                continue
            if field.kind == "ref":
                yield from self._reference(entity, field, depth) if depth else ()
            elif field.kind in ("children", "refs"):
                yield from self._rows(field, depth) if depth else ()
            elif field.kind == "list":
                yield from self._parts(entity, field, pairs)
            else:
                yield from self._some("filter", field, [self._raw(field, field.id, row) for _, row in pairs])
        if entity == AREA and "within" in there and pairs:
            area = str(self.case.chance.choice(pairs)[1]["id"])
            yield "filter within", Probe({"within": area}, _compare("", "within", area))

    def matches(self, entity: str, pairs: list[Pair]) -> Iterator[Probe]:
        """One question for each sealed field, and part, that may be asked by `match` only."""
        there = self._there(entity)
        for field in self.schema.fields(entity).values():
            if field.name not in there:
                continue
            if self.surface.matched(entity, field.id, field) and not self.surface.probed(entity, field):
                yield from self._equal(field, [self._raw(field, field.id, row) for _, row in pairs])
            for part in field.parts:
                path = f"{field.id}.{part.id}"
                if self.surface.matched(entity, path, part) and self.surface.best(entity, "list", path) != CLEAR:
                    held = self.case.sight.seen.parts
                    values = [self._raw(part, path, each) for kind, row in pairs for each in held(kind, row, field)]
                    for inner in self._equal(part, values):
                        tree = {"type": "Many", "field": field.id, "quantifier": "some", "inner": inner.tree}
                        yield Probe({field.name: {"some": inner.api}}, tree)

    def _equal(self, field: Field, values: list[Any]) -> Iterator[Probe]:
        """Whether a field equals a value that occurs, and one of two."""
        known = sorted({v for v in values if v is not None})
        for operator, count in (("eq", 1), ("in", 2)):
            if len(known) >= count:
                picked = self.case.chance.sample(known, count)
                value = picked if operator == "in" else picked[0]
                yield Probe({field.name: {operator: value}}, _compare(field.id, operator, value))

    def _there(self, entity: str) -> set[str]:
        """What the caller's type has and the naive evaluator expects."""
        type_ = self.case.types.get(f"{self.schema.entities[entity].type}Where")
        return {f["name"] for f in (type_ or {}).get("inputFields") or ()} & self.surface.where(entity)

    def _raw(self, field: Field, path: str, row: Any) -> Any:
        return self.case.sight.whole.value(field, path, row)

    def _some(self, path: str, field: Field, values: list[Any]) -> Iterator[tuple[str, Probe]]:
        """A few operators of a field with values that occur."""
        known = operators(field)
        chance = self.case.chance
        for operator in chance.sample(known, min(self.case.effort, len(known))):
            made = self._operand(field, operator, [v for v in values if v is not None])
            if made is not None:
                api = {field.name: {operator: made.value}}
                yield path, Probe(api, _compare(field.id, operator, made.value))

    def _operand(self, field: Field, operator: str, values: list[Any]) -> _Value | None:
        """An operand in wire form; None where no value is known."""
        chance = self.case.chance
        if operator == "isNull":
            return _Value(chance.random() < 0.5)
        if not values:
            return None
        if operator in LISTS:
            flat = [v for each in values for v in (each if isinstance(each, list) else [each])]
            return _Value([_wire(field, v) for v in chance.sample(flat, min(2, len(flat)))]) if flat else None
        value = chance.choice(values)
        if field.kind == "codes":
            return _Value(chance.choice(value)) if value else None
        if operator == "near":
            return _Value(
                {"point": {"lon": value["lon"], "lat": value["lat"]}, "metres": float(chance.choice((5, 900)))}
            )
        text = _wire(field, value)
        if operator == "contains":
            return _Value(str(text)[1:3])
        return _Value(str(text)[:2] if operator == "startsWith" else text)

    def _reference(self, entity: str, field: Field, depth: int) -> Iterator[tuple[str, Probe]]:
        """A reference is present, or its target meets one of a few conditions."""
        target = field.to[0]
        yield "filter present", Probe({field.name: {}}, _refers(field, {"type": "Every", "items": []}))
        inner = [p for _, p in self.of(target, self.known(target), depth - 1)]
        for each in self.case.chance.sample(inner, min(self.case.effort, len(inner))):
            yield "filter reference", Probe({field.name: each.api}, _refers(field, each.tree))

    def _rows(self, field: Field, depth: int) -> Iterator[tuple[str, Probe]]:
        """some, every, none of the rows behind a field."""
        target = field.to[0]
        inner = [p for _, p in self.of(target, self.known(target), depth - 1)]
        nothing = Probe({}, {"type": "Every", "items": []})
        yield from self._quantified("filter to-many", field, [nothing, *inner])

    def _quantified(self, path: str, field: Field, inner: list[Probe]) -> Iterator[tuple[str, Probe]]:
        chance = self.case.chance
        for each in chance.sample(inner, min(self.case.effort, len(inner))):
            word = chance.choice(("some", "every", "none"))
            tree = {"type": "Many", "field": field.id, "quantifier": word, "inner": each.tree}
            yield path, Probe({field.name: {word: each.api}}, tree)

    def _parts(self, entity: str, field: Field, pairs: list[Pair]) -> Iterator[tuple[str, Probe]]:
        """some, every, none of the parts of a list."""
        seen = self.case.sight.seen
        parts = [part for kind, row in pairs for part in seen.parts(kind, row, field)]
        inner = [
            probe
            for p in self.surface.where_parts(entity, field)
            for _, probe in self._some("", p, [self._raw(p, f"{field.id}.{p.id}", part) for part in parts])
        ]
        yield from self._quantified("filter parts", field, inner)

    def known(self, entity: str) -> list[Pair]:
        """Rows of an entity whose values are worth asking for."""
        found: list[Pair] = []
        for kind in self.schema.kinds(entity):
            table = self.schema.entities[kind].table
            found += [] if table in self.case.rows.large else [(kind, row) for row in self.case.rows.all(kind)]
        return found

    def orders(self, entity: str, depth: int = 1) -> Iterator[tuple[tuple[str, ...], dict[str, Any] | str]]:
        """(path of field ids, nested names) of every ordering that the caller may ask for."""
        type_ = self.case.types.get(f"{self.schema.entities[entity].type}Order")
        there = {f["name"] for f in (type_ or {}).get("inputFields") or ()} & self.surface.order(entity)
        for name in ("createdAt", "updatedAt", "revision"):
            yield (name,), name
        for field in self.schema.fields(entity).values():
            if field.name in there and field.kind != "ref":
                yield (field.id,), field.name
            elif field.name in there and depth and len(self.schema.kinds(field.to[0])) == 1:
                for path, below in self.orders(field.to[0], depth - 1):
                    yield (field.id, *path), {field.name: below}


@dataclass(frozen=True)
class _Value:
    value: Any


SYSTEM_FIELDS = {
    "id": Field("id", "id", "id"),
    "revision": Field("revision", "revision", "integer"),
    "createdAt": Field("createdAt", "createdAt", "datetime"),
    "updatedAt": Field("updatedAt", "updatedAt", "datetime"),
}


def _compare(field: str, operator: str, value: Any) -> dict[str, Any]:
    operand = {"type": "Given", "value": value}
    return {"type": "Compare", "field": field, "operator": operator, "operand": operand}


def _refers(field: Field, inner: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Refers", "field": field.id, "inner": inner}


def _wire(field: Field, value: Any) -> Any:
    """A stored value as an operand."""
    if field.kind in ("decimal", "money"):
        return format(value, "f")
    if field.kind == "date":
        return value.isoformat()
    if field.kind in ("datetime", "time"):
        return wire.moment(value) if field.kind == "datetime" else wire.clock(value)
    if field.kind == "id":
        return str(value)
    return str(value) if field.big else value
