"""The schema files, read once more and only as far as visibility and wire values need them (MODEL.md 1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from . import words

SEALED = ("id_number", "phone", "email")
OPEN = ("public", "internal")
AREA, UNIT, FILE = "wangge.area", "wangge.unit", "wangge.file"
SYSTEM = {
    "id": "id",
    "revision": "revision",
    "createdAt": "created_at",
    "updatedAt": "updated_at",
    "removedAt": "removed_at",
    "createdBy": "created_by",
}
"""implicit field -> column."""


@dataclass(frozen=True)
class Raised:
    """Rows in which the class of a field is raised, and the purposes for which it is shown there all the same."""

    when: Mapping[str, Any]
    """as the file has it, then the tree of it."""
    purposes: tuple[str, ...]


@dataclass(frozen=True)
class Field:
    """One field; every text is as the file has it."""

    id: str
    name: str
    kind: str
    sensitivity: str = "internal"
    sealed: bool = False
    mask: Mapping[str, str] = field(default_factory=dict)
    to: tuple[str, ...] = ()
    inverse: str = ""
    parts: tuple[Field, ...] = ()
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    table: str = ""
    precision: bool = False
    derived: bool = False
    """made by an expression or by Python: its value is not stored."""
    batch: bool = False
    big: bool = False
    pinyin: bool = False
    """ordered by the column `<column>_sort`."""
    with_module: str = ""
    raised: Raised | None = None
    owner: str = ""
    """the entity whose table holds it."""

    @property
    def column(self) -> str:
        """Its column, or the stem of its columns."""
        return snake(self.id)

    @property
    def open(self) -> bool:
        """Whether `*` covers it."""
        return self.sensitivity in OPEN


@dataclass(frozen=True)
class Entity:
    """One entity."""

    name: str
    type: str
    plural: str
    kind_of: str
    scope: str
    scope_fields: tuple[str, ...]
    fields: tuple[Field, ...]
    order: tuple[tuple[str, bool], ...]
    search: tuple[str, ...] = ()
    writes: str = "generated"

    @property
    def module(self) -> str:
        """The first half of the name."""
        return self.name.partition(".")[0]

    @property
    def table(self) -> str:
        """Its quoted table."""
        module, _, local = self.name.partition(".")
        return f'"{module}"."{local}"'

    def side(self, found: Field) -> str:
        """The quoted table of parts or links of a field."""
        module, _, local = self.name.partition(".")
        return f'"{module}"."{local}_{found.column}"'


def snake(name: str) -> str:
    """`permitHolder` -> `permit_holder`."""
    return re.sub(r"[A-Z]", lambda m: "_" + m[0].lower(), name)


class Schema:
    """All entities by name."""

    def __init__(self, entities: Iterable[Entity], bases: Mapping[str, str] | None = None) -> None:
        self.entities = {e.name: e for e in entities}
        self.bases = bases or {}
        """purpose -> on what it rests."""
        self._declared: dict[str, dict[str, Field]] = {}

    def chain(self, entity: str) -> list[Entity]:
        """The entity and what it is a kind of, own first."""
        found = [self.entities[entity]]
        while found[-1].kind_of:
            found.append(self.entities[found[-1].kind_of])
        return found

    def root(self, entity: str) -> Entity:
        """The topmost table's entity, whose scope counts."""
        return self.chain(entity)[-1]

    def kinds(self, entity: str) -> list[str]:
        """The concrete entities behind a name."""
        below = sorted(e.name for e in self.entities.values() if e.kind_of == entity)
        return [k for b in below for k in self.kinds(b)] or [entity]

    def declared(self, entity: str) -> dict[str, Field]:
        """Field id -> declared field, inherited ones included."""
        if entity not in self._declared:
            chain = reversed(self.chain(entity))
            self._declared[entity] = {f.id: _owned(f, level.name) for level in chain for f in level.fields}
        return self._declared[entity]

    def implicit(self, entity: str) -> dict[str, Field]:
        """The references that every row of the scope has: its area and district, or its unit."""
        kind = self.root(entity).scope
        names = dict.fromkeys(("area", "district"), AREA) if kind in ("area", "parent", "through") else {}
        names |= {"unit": UNIT} if kind == "unit" else {}
        return {n: Field(n, n, "ref", "public", to=(to,), owner=entity) for n, to in names.items()}

    def fields(self, entity: str) -> dict[str, Field]:
        """Field id -> field, implicit references included."""
        return {**self.implicit(entity), **self.declared(entity)}


def _owned(found: Field, owner: str) -> Field:
    """A field and its parts with the entity whose tables hold them."""
    return replace(found, owner=owner, parts=tuple(replace(p, owner=owner) for p in found.parts))


def read(folders: Iterable[Path]) -> Schema:
    """The schema of module folders."""
    known = list(folders)
    found = [_entity(_yaml(path)) for folder in known for path in sorted((folder / "entities").glob("*.yaml"))]
    purposes = [p for folder in known for p in _yaml(folder / "purposes.yaml").get("purposes") or ()]
    return _by_ids(Schema(found, {p["id"]: p["basis"] for p in purposes}))


def _yaml(path: Path) -> Any:
    """A file with every value as text; nothing where there is none."""
    return yaml.load(path.read_text("utf-8-sig"), yaml.BaseLoader) if path.exists() else {}


def _entity(raw: Mapping[str, Any]) -> Entity:
    """One file."""
    scope = raw["scope"]
    kind, names = (scope, ()) if isinstance(scope, str) else next(iter(scope.items()))
    module = raw["entity"].partition(".")[0]
    return Entity(
        name=raw["entity"],
        type=raw["type"],
        plural=raw["plural"],
        kind_of=raw.get("kind_of", ""),
        scope=kind,
        scope_fields=(names,) if isinstance(names, str) else tuple(names),
        fields=tuple(_field(f, module) for f in raw.get("fields") or ()),
        search=tuple(raw.get("search") or ()),
        order=tuple((n, d == "DESC") for item in raw.get("order") or () for n, d in item.items()),
        writes=raw.get("writes", "generated"),
    )


def _field(raw: Mapping[str, Any], module: str) -> Field:
    """One field or part."""
    kind, sensitivity = raw["type"], raw.get("sensitivity", "internal")
    sealed = raw.get("sealed")
    by_default = kind in SEALED or (kind == "text" and sensitivity == "sensitive")
    to = raw.get("to", ())
    table = raw.get("table", "")
    values = [v if isinstance(v, dict) else {"value": v, "label": {"zh": v, "en": v}} for v in raw.get("values") or ()]
    bounds = [raw[key] for key in ("min", "max") if key in raw] if kind == "integer" else []
    return Field(
        id=raw.get("id", raw["name"]),
        name=raw["name"],
        kind=kind,
        sensitivity=sensitivity,
        sealed=by_default if sealed is None else sealed == "true",
        mask=raw.get("mask") or {},
        to=(to,) if isinstance(to, str) else tuple(to),
        inverse=raw.get("inverse", ""),
        parts=tuple(_field(p, module) for p in raw.get("fields") or ()),
        values={v["value"]: v["label"] for v in values},
        table=table if "." in table or not table else f"{module}.{table}",
        precision=raw.get("precision") == "true",
        derived="expression" in raw or "inputs" in raw,
        batch="inputs" in raw,
        big=any(abs(int(b)) > 2**31 - 1 for b in bounds),
        pinyin=raw.get("pinyin") == "true",
        with_module=raw.get("with", ""),
        raised=Raised(raw["raise"]["when"], tuple(raw["raise"].get("purposes") or ())) if "raise" in raw else None,
    )


def _by_ids(found: Schema) -> Schema:
    """References by present name inside the files become references by id."""

    def ids(entity: str, names: Iterable[str]) -> tuple[str, ...]:
        known = {f.name: f.id for f in found.declared(entity).values()}
        return tuple(known.get(n, n) for n in names)

    def field(name: str, f: Field) -> Field:
        if f.kind == "children" and f.to[0] in found.entities:
            return replace(f, inverse=ids(f.to[0], (f.inverse,))[0])
        parts = tuple(_raised(p, name, lambda _, part: _named(f.parts, part)) for p in f.parts)
        return replace(_raised(f, name, lambda n, key: _named(found.fields(n).values(), key)), parts=parts)

    def entity(e: Entity) -> Entity:
        fields = tuple(field(e.name, f) for f in e.fields)
        order = tuple(zip(ids(e.name, (n for n, _ in e.order)), (d for _, d in e.order), strict=True))
        return replace(
            e, fields=fields, order=order, scope_fields=ids(e.name, e.scope_fields), search=ids(e.name, e.search)
        )

    return Schema([entity(e) for e in found.entities.values()], found.bases)


def _raised(f: Field, entity: str, find: words.Find) -> Field:
    """A field whose raise is a tree."""
    if f.raised is None:
        return f
    return replace(f, raised=replace(f.raised, when=words.tree(f.raised.when, entity, find)))


def _named(fields: Iterable[Field], name: str) -> Field:
    """A field by its present name or id."""
    return next(f for f in fields if name in (f.name, f.id))
