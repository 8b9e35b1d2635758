"""The argument types of a schema: `where`, `orderBy`, and the inputs of writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLString,
)

from ..model.types import Field
from ..policy.scope import Level
from ..records.nesting import Nest, nests
from ..sql.catalog import AREA
from .arguments import OF_WRITES
from .operators import group_of

if TYPE_CHECKING:
    from .schema import SchemaBuilder

SYSTEM = {"id": "IDWhere", "revision": "IntWhere", "createdAt": "DateTimeWhere", "updatedAt": "DateTimeWhere"}
UNORDERED = frozenset(
    ("codes", "json", "point", "polygon", "file", "files", "photos", "signature", "list", "children", "refs")
)
UNFILTERED = frozenset(("files", "photos"))
PLAIN_INPUT = {
    "decimal": "Decimal",
    "money": "Decimal",
    "date": "Date",
    "time": "Time",
    "datetime": "DateTime",
    "json": "JSON",
    "polygon": "GeoJSON",
}


class Inputs:
    """Makes the input types of one schema, each once."""

    def __init__(self, builder: SchemaBuilder) -> None:
        self._b = builder
        self._made: dict[str, GraphQLInputObjectType] = {}
        directions = {"ASC": GraphQLEnumValue("ASC"), "DESC": GraphQLEnumValue("DESC")}
        self.direction = GraphQLEnumType("SortDirection", directions)
        removed = {name: GraphQLEnumValue(name) for name in ("EXCLUDE", "ONLY", "INCLUDE")}
        self._removed = GraphQLEnumType("Removed", removed)

    def arguments(self, entity: str) -> dict[str, GraphQLArgument]:
        """The arguments of a connection."""
        found = {
            "where": GraphQLArgument(self.where(entity)),
            "orderBy": GraphQLArgument(GraphQLList(GraphQLNonNull(self.order(entity)))),
            "first": GraphQLArgument(GraphQLInt, description="At most 1,000; 50 when not given."),
            "after": GraphQLArgument(GraphQLString, description="A cursor: the rows after it."),
            "offset": GraphQLArgument(
                GraphQLInt, description="Rows to skip, at most 10,000; not together with `after`."
            ),
        }
        if any(self.clear(entity, field) for field in self._b.catalog.searched(entity)):
            text = "What is typed in a search box: characters, pinyin or initials. The rows that fit best come first."
            found["search"] = GraphQLArgument(GraphQLString, description=text)
        if any(self._b.rights(k).grants("list_removed") for k in self._b.kinds(entity, "list")):
            found["removed"] = GraphQLArgument(self._removed)
        return found

    # --- where ---

    def clear(self, entity: str, field: str) -> bool:
        """Whether `list` shows the field in clear in some rows of every kind behind `entity`."""
        kinds = self._b.kinds(entity, "list")
        return bool(kinds) and all(self._b.rights(k).best("list", field) == Level.CLEAR for k in kinds)

    def matched(self, entity: str, path: str, field: Field) -> bool:
        """Whether a sealed field that is not in clear may be compared for equality (action `match`)."""
        kinds = self._b.kinds(entity, "list")
        may = (self._b.rights(k).best("match", path) == Level.CLEAR for k in kinds)
        return field.sealed and self._b.catalog.hash_of is not None and bool(kinds) and all(may)

    def where(self, entity: str) -> GraphQLInputObjectType:
        """`<Type>Where`."""
        name = f"{self._b.catalog.entity(entity).type}Where"
        if name not in self._made:
            self._made[name] = GraphQLInputObjectType(name, lambda: self._where_fields(entity, self._made[name]))
        return self._made[name]

    def _where_fields(self, entity: str, own: GraphQLInputObjectType) -> dict[str, GraphQLInputField]:
        """Implicit fields, own fields, and the logic."""
        fields = {name: GraphQLInputField(self._b.operators.of(group)) for name, group in SYSTEM.items()}
        declared = self._b.catalog.model.fields_of(entity)
        for field_id, field in self._b.catalog.fields(entity).items():
            if field_id in declared and not self.clear(entity, field_id):
                if self.matched(entity, field_id, field):
                    fields[field.name] = GraphQLInputField(self._b.operators.of("MatchWhere"))
                continue
            made = self._where_field(entity, field)
            if made is not None:
                fields[field.name] = GraphQLInputField(made)
        if entity == AREA:
            fields["within"] = GraphQLInputField(GraphQLID, description="This area or one below it.")
        return fields | self._logic(own)

    def _logic(self, own: GraphQLInputObjectType) -> dict[str, GraphQLInputField]:
        """and, or, not."""
        many = GraphQLList(GraphQLNonNull(own))
        return {"and": GraphQLInputField(many), "or": GraphQLInputField(many), "not": GraphQLInputField(own)}

    def _where_field(self, entity: str, field: Field) -> GraphQLInputObjectType | None:
        """The input of one field; None where it cannot be filtered by."""
        if field.kind in UNFILTERED or field.inputs is not None:
            return None
        if field.kind == "ref":
            targets = [t for t in field.to if self._b.kinds(t, "list")]
            return self.where(targets[0]) if len(field.to) == 1 and targets else None
        if field.kind in ("children", "refs"):
            return self._many(self.where(field.to[0])) if self._b.kinds(field.to[0], "list") else None
        if field.kind == "list":
            part = self._part_where(entity, field)
            return self._many(part) if part else None
        if field.kind == "enum":
            return self._b.operators.of_enum(self._b.enum(self._b.declaring_type(entity, field), field))
        if field.sealed and self._b.catalog.hash_of is None:
            return None
        return self._b.operators.of(group_of(field))

    def _many(self, inner: GraphQLInputObjectType) -> GraphQLInputObjectType:
        """`{some every none}`."""
        name = inner.name.removesuffix("Where") + "ListWhere"
        if name not in self._made:
            fields = {q: GraphQLInputField(inner) for q in ("some", "every", "none")}
            self._made[name] = GraphQLInputObjectType(name, fields)
        return self._made[name]

    def _part_where(self, entity: str, field: Field) -> GraphQLInputObjectType | None:
        """The where type of a list's parts."""
        type_name = self._b.declaring_type(entity, field)
        name = f"{type_name}{field.name[0].upper()}{field.name[1:]}Where"
        shown = [
            p
            for p in field.fields
            if self.clear(entity, f"{field.id}.{p.id}") and p.kind not in ("ref", "file", "signature")
        ]
        matched = [p for p in field.fields if p not in shown and self.matched(entity, f"{field.id}.{p.id}", p)]
        if not shown and not matched:
            return None
        if name not in self._made:
            self._made[name] = GraphQLInputObjectType(name, lambda: self._part_fields(name, shown, matched))
        return self._made[name]

    def _part_fields(self, name: str, parts: list[Field], matched: list[Field]) -> dict[str, GraphQLInputField]:
        """The fields of a part's where type."""
        fields = {part.name: GraphQLInputField(self._b.operators.of("MatchWhere")) for part in matched}
        for part in parts:
            enum = self._b.enum(name.removesuffix("Where"), part) if part.kind == "enum" else None
            made = self._b.operators.of_enum(enum) if enum else self._b.operators.of(group_of(part))
            fields[part.name] = GraphQLInputField(made)
        return fields | self._logic(self._made[name])

    # --- order ---

    def order(self, entity: str) -> GraphQLInputObjectType:
        """`<Type>Order`: one key an object."""
        name = f"{self._b.catalog.entity(entity).type}Order"
        if name not in self._made:
            self._made[name] = GraphQLInputObjectType(name, lambda: self._order_fields(entity))
        return self._made[name]

    def _order_fields(self, entity: str) -> dict[str, GraphQLInputField]:
        """Implicit fields, own scalars, and references."""
        fields = {name: GraphQLInputField(self.direction) for name in ("id", "createdAt", "updatedAt", "revision")}
        declared = self._b.catalog.model.fields_of(entity)
        for field_id, field in self._b.catalog.fields(entity).items():
            if field_id in declared and (not self.clear(entity, field_id) or field.sealed):
                continue
            if field.kind in UNORDERED or field.inputs is not None or field.expression is not None:
                continue
            if field.kind == "ref":
                if len(field.to) == 1 and self._b.kinds(field.to[0], "list"):
                    fields[field.name] = GraphQLInputField(self.order(field.to[0]))
            else:
                fields[field.name] = GraphQLInputField(self.direction)
        return fields

    # --- writes ---

    def write(self, entity: str, action: str) -> GraphQLInputObjectType:
        """`Create<Type>Input` or `Update<Type>Input`: the fields that some grant of the action lets be set."""
        name = f"{action.capitalize()}{self._b.catalog.entity(entity).type}Input"
        return self._write(name, lambda: self._write_fields(entity, action))

    def _write(self, name: str, fields: Callable[[], dict[str, GraphQLInputField]]) -> GraphQLInputObjectType:
        """An input type of writes only: no plan depends on what it holds."""
        if name not in self._made:
            self._made[name] = GraphQLInputObjectType(name, fields, extensions={OF_WRITES: True})
        return self._made[name]

    def change(self, entity: str) -> GraphQLInputObjectType:
        """`Update<Plural>Input`: one of many changes."""
        fields = {
            "id": GraphQLInputField(GraphQLNonNull(GraphQLID)),
            "patch": GraphQLInputField(GraphQLNonNull(self.write(entity, "update"))),
            "ifRevision": GraphQLInputField(GraphQLInt, description="Refuse when the row has another revision."),
        }
        plural = self._b.catalog.entity(entity).plural
        return self._write(f"Update{plural[0].upper()}{plural[1:]}Input", lambda: fields)

    def _nested(self, entity: str, nest: Nest) -> GraphQLInputObjectType:
        """`Create<Type><Field>Input`: a child that is stored with its parent, which it need not name."""
        field = nest.field
        name = f"Create{self._b.declaring_type(entity, field)}{field.name[0].upper()}{field.name[1:]}Input"
        inverse = self._b.catalog.model.fields_of(nest.child)[nest.inverse].name

        def fields() -> dict[str, GraphQLInputField]:
            found = self._write_fields(nest.child, "create")
            return {n: f for n, f in found.items() if n != inverse} or {"_": GraphQLInputField(GraphQLBoolean)}

        return self._write(name, fields)

    def _write_fields(self, entity: str, action: str) -> dict[str, GraphQLInputField]:
        """Settable fields; a create may bring its own id, the area or unit that the row belongs to, and children."""
        fields: dict[str, GraphQLInputField] = {}
        if action == "create":
            fields["id"] = GraphQLInputField(GraphQLID, description="A fresh uuidv7.")
        scope = self._b.catalog.model.root_scope(entity).kind
        if scope in ("area", "through"):
            fields["area"] = GraphQLInputField(GraphQLID, description="The area that the row lies in.")
        if scope == "unit":
            fields["unit"] = GraphQLInputField(GraphQLID)
        rights = self._b.rights(entity)
        for field in self._b.catalog.model.fields_of(entity).values():
            if field.computed or field.written_by or field.kind in ("children", "number") or field.inputs is not None:
                continue
            if field.expression is None and rights.best(action, field.id) == Level.CLEAR:
                type_ = self._input_type(self._b.declaring_type(entity, field), field)
                fields[field.name] = GraphQLInputField(type_, description=field.label.of(self._b.language))
        for nest in nests(self._b.catalog.model, self._b.shape, entity).values() if action == "create" else ():
            many = GraphQLList(GraphQLNonNull(self._nested(entity, nest)))
            fields[nest.field.name] = GraphQLInputField(many, description=nest.field.label.of(self._b.language))
        return fields or {"_": GraphQLInputField(GraphQLBoolean)}

    def _input_type(self, type_name: str, field: Field) -> GraphQLInputType:
        """The input type of a field."""
        if field.kind in ("ref", "file", "signature"):
            return GraphQLID
        if field.kind in ("refs", "files"):
            return GraphQLList(GraphQLNonNull(GraphQLID))
        if field.kind == "photos":
            return GraphQLList(GraphQLNonNull(self._photo()))
        if field.kind == "point":
            return self._b.operators.point_input
        if field.kind == "list":
            return GraphQLList(GraphQLNonNull(self._part_input(type_name, field)))
        if field.kind in PLAIN_INPUT:
            return self._b.scalar(PLAIN_INPUT[field.kind])
        made = self._b.wire_type(type_name, field)
        return made  # type: ignore[return-value] # scalars, enums and lists of them are input types too

    def _photo(self) -> GraphQLInputObjectType:
        """A photo: the file and its role."""
        if "PhotoInput" not in self._made:
            fields = {"file": GraphQLInputField(GraphQLNonNull(GraphQLID)), "role": GraphQLInputField(GraphQLString)}
            self._made["PhotoInput"] = GraphQLInputObjectType("PhotoInput", fields)
        return self._made["PhotoInput"]

    def _part_input(self, type_name: str, field: Field) -> GraphQLInputObjectType:
        """The input of a list's part."""
        stem = type_name + field.name[0].upper() + field.name[1:]
        name = f"{stem}Input"
        if name not in self._made:
            fields = {p.name: GraphQLInputField(self._input_type(stem, p)) for p in field.fields if not p.computed}
            self._made[name] = GraphQLInputObjectType(name, fields)
        return self._made[name]
