"""What an account may know to exist: types, fields, filters and orderings of its own schema (PERMISSIONS.md 3, 5)."""

from __future__ import annotations

from collections.abc import Iterator

from .policy import CLEAR, HIDDEN
from .schema import AREA, FILE, Field
from .sight import READS, Sight

IMPLICIT = ("id", "revision", "createdAt", "updatedAt")
LOGIC = ("and", "or", "not")
UNORDERED = ("codes", "json", "point", "polygon", "file", "files", "photos", "signature", "list", "children", "refs")


class Surface:
    """The names that an account's schema has."""

    def __init__(self, sight: Sight) -> None:
        self.sight = sight
        self.schema = sight.schema
        self._best: dict[tuple[str, str], dict[str, int]] = {}

    # --- what rules can come to, in some row ---

    def possible(self, entity: str, action: str) -> Iterator[dict[str, int]]:
        """The field levels of every grant that can hold in some row of a concrete entity."""
        return self.sight.possible(entity, action)

    def best(self, entity: str, action: str, field: str) -> int:
        """The highest level of a field in any row; those of an entity are worked out once for this account and moment."""
        if (entity, action) not in self._best:
            found: dict[str, int] = {}
            for levels in self.possible(entity, action):
                found |= {name: max(level, found.get(name, HIDDEN)) for name, level in levels.items()}
            self._best[(entity, action)] = found
        return self._best[(entity, action)].get(field, HIDDEN)

    def kinds(self, entity: str, *actions: str) -> list[str]:
        """The concrete entities behind a name of which some row may be seen under one of the actions."""
        if entity not in self.schema.entities:
            return []
        return [k for k in self.schema.kinds(entity) if any(True for a in actions for _ in self.possible(k, a))]

    def _shown(self, kinds: list[str], field: str) -> bool:
        """Whether a field is shown in some row of every kind."""
        return all(any(self.best(k, a, field) > HIDDEN for a in READS) for k in kinds)

    def _clear(self, entity: str, field: str) -> bool:
        """Whether a list shows a field in clear in some row of every kind."""
        kinds = self.kinds(entity, "list")
        return bool(kinds) and all(self.best(k, "list", field) == CLEAR for k in kinds)

    # --- names ---

    def roots(self) -> set[str]:
        """The generated root fields."""
        found: set[str] = set()
        for name, entity in self.schema.entities.items():
            if name != FILE and self.kinds(name, "get"):
                found.add(entity.type[0].lower() + entity.type[1:])
            if self.kinds(name, "list"):
                found.add(entity.plural)
        return found

    def node(self, entity: str) -> set[str]:
        """The fields of a type."""
        kinds = self.kinds(entity, *READS)
        found = {*IMPLICIT, "nodeId", "_absent"}
        if kinds and all(any(True for _ in self.possible(k, "list_removed")) for k in kinds):
            found.add("removedAt")
        if entity == FILE:
            found.add("link")
        implicit = self.schema.implicit(entity)
        for field_id, field in self.schema.fields(entity).items():
            if (field_id in implicit or self._shown(kinds, field_id)) and self._leads(field, kinds):
                found.add(field.name)
                if field.kind in ("code", "codes", "enum"):
                    found.add(f"{field.name}Label")
        return found

    def _leads(self, field: Field, kinds: list[str]) -> bool:
        """Whether what a field leads to exists for the caller."""
        if field.kind in ("ref", "file", "signature"):
            return any(self.kinds(t, "get") for t in field.to or (FILE,))
        if field.kind in ("children", "refs"):
            return bool(self.kinds(field.to[0], "list"))
        if field.kind in ("files", "photos"):
            return bool(self.kinds(FILE, "get"))
        if field.kind == "list":
            return any(self._shown(kinds, f"{field.id}.{p.id}") for p in field.parts)
        return True

    def parts(self, entity: str, field: Field) -> set[str]:
        """The fields of the type of a list's parts."""
        kinds = self.kinds(entity, *READS)
        return {p.name for p in field.parts if self._shown(kinds, f"{field.id}.{p.id}")}

    def where(self, entity: str) -> set[str]:
        """The fields of a type's filter."""
        found = {*IMPLICIT, *LOGIC, *(("within",) if entity == AREA else ())}
        implicit = self.schema.implicit(entity)
        for field_id, field in self.schema.fields(entity).items():
            clear = (field_id in implicit or self._clear(entity, field_id)) and self._filtered(entity, field)
            if clear or self.matched(entity, field_id, field):
                found.add(field.name)
        return found

    def matched(self, entity: str, path: str, field: Field) -> bool:
        """Whether a sealed field that is not clear may be compared for equality: the action `match`."""
        kinds = self.kinds(entity, "list")
        return field.sealed and bool(kinds) and all(self.best(k, "match", path) == CLEAR for k in kinds)

    def reveals(self, entity: str, path: str) -> bool:
        """Whether a field may be asked for in clear for a purpose."""
        return any(self.best(kind, "reveal", path) == CLEAR for kind in self.kinds(entity, *READS))

    def purposes(self) -> set[str]:
        """The purposes of the rules that reveal something somewhere."""
        held = [rule for _, rules in self.sight.policy.held for rule in rules]
        return {r["purpose"] for r in held if r["effect"] == "ALLOW" and r["purpose"] and "reveal" in r["actions"]}

    def probed(self, entity: str, field: Field) -> bool:
        """Whether a field may be filtered by without `match`, which is counted and in the ledger."""
        return field.id in self.schema.implicit(entity) or self._clear(entity, field.id)

    def _filtered(self, entity: str, field: Field) -> bool:
        """Whether a clear field can be filtered by."""
        if field.kind in ("files", "photos") or field.batch:
            return False
        if field.kind == "ref":
            return len(field.to) == 1 and bool(self.kinds(field.to[0], "list"))
        if field.kind in ("children", "refs"):
            return bool(self.kinds(field.to[0], "list"))
        if field.kind == "list":
            return bool(self.where_parts(entity, field)) or any(
                self.matched(entity, f"{field.id}.{p.id}", p) for p in field.parts
            )
        return True

    def where_parts(self, entity: str, field: Field) -> list[Field]:
        """The parts of a list that can be filtered by."""
        return [
            p
            for p in field.parts
            if p.kind not in ("ref", "file", "signature") and self._clear(entity, f"{field.id}.{p.id}")
        ]

    def where_names(self, entity: str, field: Field) -> set[str]:
        """The fields of the filter of a list's parts."""
        matched = (p.name for p in field.parts if self.matched(entity, f"{field.id}.{p.id}", p))
        return {*LOGIC, *matched, *(p.name for p in self.where_parts(entity, field))}

    def order(self, entity: str) -> set[str]:
        """The fields of a type's ordering."""
        found = set(IMPLICIT)
        implicit = self.schema.implicit(entity)
        for field_id, field in self.schema.fields(entity).items():
            if field_id not in implicit and (not self._clear(entity, field_id) or field.sealed):
                continue
            if field.kind in UNORDERED or field.derived:
                continue
            if field.kind != "ref" or (len(field.to) == 1 and self.kinds(field.to[0], "list")):
                found.add(field.name)
        return found

    def searched(self, entity: str) -> list[Field]:
        """The fields in which a search looks for this caller; without one there is no search."""
        declared = self.schema.entities[entity]
        named = declared.search or (self.schema.entities[declared.kind_of].search if declared.kind_of else ())
        return [self.schema.fields(entity)[name] for name in named if self._clear(entity, name)]

    def ended(self, entity: str) -> list[tuple[str, Field]]:
        """(path, field or part) of the phones by whose last four digits the caller may search: `match`, and a mask that shows them."""
        found = [(f.id, f) for f in self.schema.fields(entity).values()]
        found += [(f"{f.id}.{p.id}", p) for _, f in found if self._clear(entity, f.id) for p in f.parts]
        return [(path, f) for path, f in found if f.kind == "phone" and not f.mask and self.matched(entity, path, f)]

    def default_order(self, entity: str) -> list[tuple[tuple[str, ...], bool]]:
        """The entity's own ordering, as far as the caller may order by it."""
        declared = self.schema.entities[entity]
        terms = declared.order or (self.schema.entities[declared.kind_of].order if declared.kind_of else ())
        fields = self.schema.fields(entity)
        return [
            ((name,), down)
            for name, down in terms
            if name in IMPLICIT or (name in fields and self._clear(entity, name) and not fields[name].sealed)
        ]
