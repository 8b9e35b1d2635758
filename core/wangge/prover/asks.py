"""What to select of a type, as far as it exists for the caller, and its text."""

from __future__ import annotations

from collections.abc import Iterable

from ..proof.answer import Ask
from ..proof.schema import FILE, SYSTEM, Field
from .case import Case

NESTED = ("ref", "children", "refs", "list", "files", "photos", "point", "file", "signature")


class Asks:
    """Selections for one account."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.schema = case.schema

    def of(self, kind: str, through: str, depth: int, action: str) -> Ask:
        """Everything of a concrete entity, selected through a type (itself or an upper one) `depth` references deep."""
        there = self.there(through)
        fields = {f.id: f for f in self.schema.fields(kind).values() if f.name in there}
        cells = [f.id for f in fields.values() if f.kind == "point" or f.kind not in NESTED]
        labels = [f.id for f in fields.values() if f"{f.name}Label" in there and f.kind in ("code", "codes", "enum")]
        system = [name for name in SYSTEM if name in there]
        return Ask(
            cells=tuple(dict.fromkeys(("id", *system, *cells))),
            labels=tuple(labels),
            parts={f.id: self._parts(kind, f) for f in fields.values() if f.kind == "list"},
            ones={f.id: self._below(f.to or (FILE,), depth, "get") for f in fields.values() if self._is_one(f)}
            if depth
            else {},
            many={f.id: self._below(f.to, depth, "list") for f in fields.values() if f.kind in ("children", "refs")}
            if depth
            else {},
            files=tuple(f.id for f in fields.values() if f.kind in ("files", "photos")),
            page=self.case.bounds.page,
        )

    def _is_one(self, field: Field) -> bool:
        return field.kind in ("ref", "file", "signature")

    def there(self, entity: str) -> set[str]:
        """The fields that the caller's type has, and that the naive evaluator expects: others are told by the path `schema`."""
        type_ = self.case.types.get(self.schema.entities[entity].type)
        return {f["name"] for f in (type_ or {}).get("fields") or ()} & self.case.surface.node(entity)

    def _parts(self, kind: str, field: Field) -> tuple[str, ...]:
        """The parts that the caller's type has."""
        type_name = self.schema.entities[field.owner or kind].type + field.name[0].upper() + field.name[1:]
        there = {f["name"] for f in self.case.types.get(type_name, {}).get("fields") or ()}
        return tuple(p.id for p in field.parts if p.name in there and p.kind not in ("ref", "file", "signature"))

    def _below(self, targets: Iterable[str], depth: int, action: str) -> dict[str, Ask]:
        """One selection per entity that may stand behind a field."""
        kinds = [(t, k) for t in targets for k in self.case.surface.kinds(t, action)]
        return {k: self.of(k, k, depth - 1, action) for _, k in kinds}

    # --- text ---

    def text(self, kind: str, ask: Ask) -> str:
        """The selection of one concrete entity."""
        fields = self.schema.fields(kind)
        made = ["__typename"]
        for name in ask.cells:
            field = fields.get(name)
            made.append(
                f"{field.name} {{lon lat}}" if field and field.kind == "point" else field.name if field else name
            )
        made += [f"{fields[name].name}Label" for name in ask.labels]
        for name, parts in ask.parts.items():
            found = {p.id: p for p in fields[name].parts}
            inner = " ".join(found[p].name + (" {lon lat}" if found[p].kind == "point" else "") for p in parts)
            made.append(f"{fields[name].name} {{{inner or '__typename'}}}")
        for name, below in ask.ones.items():
            made.append(f"{fields[name].name} {{{self.spread(below)}}}")
        for name, below in ask.many.items():
            inner = f"nodes {{{self.spread(below)}}} totalCount {{value}}"
            made.append(f"{fields[name].name}(first: {ask.page}, orderBy: [{{id: ASC}}]) {{{inner}}}")
        made += [f"{fields[name].name} {{role file {{id}}}}" for name in ask.files]
        return " ".join(made)

    def spread(self, below: dict[str, Ask] | object) -> str:
        """The selections of several entities."""
        assert isinstance(below, dict)
        texts = [f"... on {self.schema.entities[k].type} {{{self.text(k, a)}}}" for k, a in below.items()]
        return " ".join(texts) or "__typename"
