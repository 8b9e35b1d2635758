"""Shape -> the caller's own GraphQL schema: only the types, fields, arguments and enum values that the shape allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    GraphQLUnionType,
)

from ..model.types import Entity, Field
from ..policy.scope import NOTHING, EntityShape, Level, Shape
from ..sql.catalog import Catalog
from ..sql.cells import is_big
from .aggregates import Aggregates
from .changes import ChangeTypes
from .cubes import CubeTypes
from .inputs import Inputs
from .operators import Operators
from .scalars import scalars

Node = GraphQLObjectType | GraphQLInterfaceType
SEEN = ("list", "get")
PLAIN: dict[str, str] = {
    "decimal": "Decimal",
    "money": "Decimal",
    "date": "Date",
    "time": "Time",
    "datetime": "DateTime",
    "json": "JSON",
    "polygon": "GeoJSON",
}
META = "wangge"
FILE = "wangge.file"
"""reached through fields of rows alone, and listed: there is no root field by id."""


def meta(**facts: Any) -> dict[str, Any]:
    """What the compiler reads from a field: `kind` and its facts."""
    return {META: facts}


class SchemaBuilder:
    """Builds one schema; types are made once, by name."""

    def __init__(self, catalog: Catalog, shape: Shape, language: str) -> None:
        self.catalog = catalog
        self.shape = shape
        self.language = language
        self.scalars = scalars()
        self.operators = Operators(self.scalars)
        self.enums: dict[str, GraphQLEnumType] = {}
        self.nodes: dict[str, Node] = {}
        self.connections: dict[str, GraphQLObjectType] = {}
        self.entity_of_type: dict[str, str] = {}
        """GraphQL type name -> entity."""
        self._plain: dict[str, GraphQLNamedType] = {}
        self.inputs = Inputs(self)
        self.aggregates = Aggregates(self)
        self.cubes = CubeTypes(self)
        self.changes = ChangeTypes(self)

    # --- what the shape allows ---

    def rights(self, entity: str) -> EntityShape:
        """The grants of a concrete entity."""
        return self.shape.entity(entity) or NOTHING

    def kinds(self, entity: str, action: str) -> tuple[str, ...]:
        """The concrete entities behind a name that the caller may see under an action."""
        return tuple(k for k in self.catalog.kinds(entity) if self.rights(k).grants(action))

    def seen(self, entity: str) -> tuple[str, ...]:
        """The concrete entities behind a name that the caller may see at all."""
        return tuple(k for k in self.catalog.kinds(entity) if any(self.rights(k).grants(a) for a in SEEN))

    def shows(self, entity: str, field: str) -> bool:
        """Whether the field is shown in some row of a concrete entity."""
        return any(self.rights(entity).best(a, field) > Level.HIDDEN for a in SEEN)

    # --- types ---

    def enum(self, type_name: str, field: Field) -> GraphQLEnumType:
        """The enum of a field: `<Type><FieldName>`."""
        name = type_name + field.name[0].upper() + field.name[1:]
        if name not in self.enums:
            values = {v.value: GraphQLEnumValue(v.value, description=v.label.of(self.language)) for v in field.values}
            self.enums[name] = GraphQLEnumType(name, values, description=field.label.of(self.language))
        return self.enums[name]

    def declaring_type(self, entity: str, field: Field) -> str:
        """The name of the type that declares a field: an inherited enum keeps the upper type's name."""
        return self.catalog.entity(field.owner or entity).type

    def node(self, entity: str) -> Node:
        """The object type of a concrete entity, or the interface of an upper one."""
        if entity not in self.nodes:
            declared = self.catalog.entity(entity)
            self.entity_of_type[declared.type] = entity
            text = (declared.description or declared.label).of(self.language)
            if self.catalog.is_upper(entity):
                self.nodes[entity] = GraphQLInterfaceType(
                    declared.type, lambda: self._fields(entity), interfaces=[self.any_node()], description=text
                )
            else:
                self.nodes[entity] = GraphQLObjectType(
                    declared.type,
                    lambda: self._fields(entity),
                    interfaces=lambda: self._interfaces(entity),
                    description=text,
                )
        return self.nodes[entity]

    def _interfaces(self, entity: str) -> list[GraphQLInterfaceType]:
        """`Node`, and the upper types of a concrete entity."""
        uppers = [self.node(e.name) for e in self.catalog.chain(entity)[1:]]
        return [self.any_node(), *(u for u in uppers if isinstance(u, GraphQLInterfaceType))]

    def any_node(self) -> GraphQLInterfaceType:
        """`Node`: what `node(nodeId:)` gives back."""
        if "Node" not in self._plain:
            fields = {name: GraphQLField(GraphQLNonNull(GraphQLID)) for name in ("id", "nodeId")}
            self._plain["Node"] = GraphQLInterfaceType("Node", fields)
        return self._plain["Node"]  # type: ignore[return-value] # made above

    def _fields(self, entity: str) -> dict[str, GraphQLField]:
        """The fields of a node: the implicit ones, and those that the shape shows."""
        kinds = self.seen(entity)
        fields = {
            "id": GraphQLField(GraphQLNonNull(GraphQLID), extensions=meta(kind="cell", field="id")),
            "nodeId": GraphQLField(GraphQLNonNull(GraphQLID), extensions=meta(kind="node_id")),
            "revision": GraphQLField(GraphQLNonNull(GraphQLInt), extensions=meta(kind="cell", field="revision")),
            "createdAt": self._moment("createdAt", required=True),
            "updatedAt": self._moment("updatedAt", required=True),
        }
        if kinds and all(self.rights(k).grants("list_removed") for k in kinds):
            fields["removedAt"] = self._moment("removedAt", required=False)
        fields["_absent"] = GraphQLField(
            self.scalars["JSON"],
            description="Why fields are not shown in clear: MASKED, PURPOSE_REQUIRED or NOT_COLLECTED.",
            extensions=meta(kind="absent"),
        )
        if entity == FILE:
            fields["link"] = self._link()
        declared = self.catalog.model.fields_of(entity)
        for field_id, field in self.catalog.fields(entity).items():
            implicit = field_id not in declared
            if implicit or all(self.shows(k, field_id) for k in kinds):
                fields.update(self._field(entity, field))
        return fields

    def _link(self) -> GraphQLField:
        """`link(size:)` of a file."""
        sizes = {"ORIGINAL": GraphQLEnumValue(False), "SMALL": GraphQLEnumValue(True)}
        self.enums["FileSize"] = GraphQLEnumType(
            "FileSize", sizes, description="The whole, or a picture of 320 pixels."
        )
        argument = GraphQLArgument(self.enums["FileSize"], default_value=False)
        text = "A path that gives the content for a minute, while the caller sees the field that holds the file."
        return GraphQLField(GraphQLString, args={"size": argument}, description=text, extensions=meta(kind="link"))

    def _moment(self, name: str, *, required: bool) -> GraphQLField:
        """An implicit moment."""
        scalar = self.scalars["DateTime"]
        return GraphQLField(GraphQLNonNull(scalar) if required else scalar, extensions=meta(kind="cell", field=name))

    def _field(self, entity: str, field: Field) -> dict[str, GraphQLField]:
        """A field, with its label where it is a code or an enum; nothing when its target is unseen."""
        text = (field.description or field.label).of(self.language)
        if field.kind in ("ref", "file", "signature"):
            return self._reference(field, text)
        if field.kind in ("children", "refs"):
            return self._many(field, text)
        if field.kind == "list":
            part = self._part_type(entity, field)
            if part is None:
                return {}
            many = GraphQLNonNull(GraphQLList(GraphQLNonNull(part)))
            return {field.name: GraphQLField(many, description=text, extensions=meta(kind="parts", field=field.id))}
        if field.kind in ("files", "photos"):
            return self._files(field, text)
        if field.kind == "point":
            return {
                field.name: GraphQLField(self.point(), description=text, extensions=meta(kind="parts", field=field.id))
            }
        facts = meta(kind="batch", field=field.id) if self._is_batch(field) else meta(kind="cell", field=field.id)
        type_ = self.wire_type(self.declaring_type(entity, field), field)
        reveal = self._reveal(entity, field.id)
        made = GraphQLField(type_, args=reveal, description=text, extensions=facts)
        return {field.name: made} | self._label(entity, field)

    def _reveal(self, entity: str, path: str) -> dict[str, GraphQLArgument]:
        """The argument `reveal`, where the action is granted for the field."""
        if not any(self.rights(kind).best("reveal", path) == Level.CLEAR for kind in self.seen(entity)):
            return {}
        text = "Show the value in clear, for the purpose that the header Wangge-Purpose names; each row stands in the ledger."
        return {"reveal": GraphQLArgument(GraphQLBoolean, default_value=False, description=text)}

    def _is_batch(self, field: Field) -> bool:
        """Whether Python computes the field for a whole response."""
        return field.inputs is not None

    def wire_type(self, type_name: str, field: Field) -> GraphQLOutputType:
        """The type of a scalar field on the wire."""
        if field.kind == "enum":
            return self.enum(type_name, field)
        if field.kind == "codes":
            return GraphQLList(GraphQLNonNull(GraphQLString))
        if field.kind == "boolean":
            return GraphQLBoolean
        if field.kind in ("integer", "duration"):
            return self.scalars["BigInt"] if field.kind == "integer" and is_big(field) else GraphQLInt
        named = PLAIN.get(field.kind)
        return self.scalars[named] if named else GraphQLString

    def _label(self, entity: str, field: Field) -> dict[str, GraphQLField]:
        """`<name>Label(lang:)`."""
        if field.kind not in ("code", "codes", "enum"):
            return {}
        type_ = GraphQLList(GraphQLString) if field.kind == "codes" else GraphQLString
        arguments = {"lang": GraphQLArgument(self.language_enum())}
        return {
            f"{field.name}Label": GraphQLField(type_, args=arguments, extensions=meta(kind="label", field=field.id))
        }

    def language_enum(self) -> GraphQLEnumType:
        """zh or en; the caller's own language when not given."""
        if "Language" not in self.enums:
            self.enums["Language"] = GraphQLEnumType(
                "Language", {"ZH": GraphQLEnumValue("zh"), "EN": GraphQLEnumValue("en")}
            )
        return self.enums["Language"]

    def point(self) -> GraphQLObjectType:
        """`{lon lat}`."""
        if "Point" not in self._plain:
            fields = {
                axis: GraphQLField(GraphQLNonNull(GraphQLFloat), extensions=meta(kind="cell", field=axis))
                for axis in ("lon", "lat")
            }
            self._plain["Point"] = GraphQLObjectType("Point", fields, description="Degrees, WGS-84.")
        return self._plain["Point"]  # type: ignore[return-value] # made above

    def _reference(self, field: Field, text: str) -> dict[str, GraphQLField]:
        """A reference to one entity, or to a union of several."""
        targets = [t for t in field.to or (FILE,) if self.kinds(t, "get")]
        if not targets:
            return {}
        if len(targets) == 1:
            type_: GraphQLOutputType = self.node(targets[0])
        else:
            type_ = self._union(targets)
        return {field.name: GraphQLField(type_, description=text, extensions=meta(kind="to_one", field=field.id))}

    def _union(self, targets: list[str]) -> GraphQLUnionType:
        """The union of several targets, named by them."""
        kinds = [k for t in targets for k in self.kinds(t, "get")]
        name = "Or".join(self.catalog.entity(k).type for k in kinds)
        if name not in self._plain:
            types = [t for t in (self.node(k) for k in kinds) if isinstance(t, GraphQLObjectType)]
            self._plain[name] = GraphQLUnionType(name, types)
        return self._plain[name]  # type: ignore[return-value] # made above

    def members(self, union: str) -> frozenset[str]:
        """The names of the types of a union of this schema; none where the name is no union's."""
        found = self._plain.get(union)
        return frozenset(t.name for t in found.types) if isinstance(found, GraphQLUnionType) else frozenset()

    def _many(self, field: Field, text: str) -> dict[str, GraphQLField]:
        """children or refs: a connection."""
        target = field.to[0]
        if not self.kinds(target, "list"):
            return {}
        facts = meta(kind="to_many", field=field.id)
        type_ = GraphQLNonNull(self.connection(target))
        return {field.name: GraphQLField(type_, args=self.inputs.arguments(target), description=text, extensions=facts)}

    def _part_type(self, entity: str, field: Field) -> GraphQLObjectType | None:
        """The type of a list's parts: the fields that some grant shows."""
        type_name = self.declaring_type(entity, field)
        name = type_name + field.name[0].upper() + field.name[1:]
        if name not in self._plain:
            kinds = self.seen(entity)
            shown = [f for f in field.fields if all(self.shows(k, f"{field.id}.{f.id}") for k in kinds)]
            if not shown:
                return None
            fields: dict[str, GraphQLField] = {}
            for part in shown:
                fields.update(self._part_field(name, part, self._reveal(entity, f"{field.id}.{part.id}")))
            self._plain[name] = GraphQLObjectType(name, fields, description=field.label.of(self.language))
        return self._plain[name]  # type: ignore[return-value] # made above

    def _part_field(self, type_name: str, part: Field, reveal: dict[str, GraphQLArgument]) -> dict[str, GraphQLField]:
        """A field of a part: a scalar, a point, or a reference."""
        text = part.label.of(self.language)
        if part.kind in ("ref", "file", "signature"):
            return self._reference(part, text)
        if part.kind == "point":
            return {
                part.name: GraphQLField(self.point(), description=text, extensions=meta(kind="parts", field=part.id))
            }
        type_ = self.wire_type(type_name, part)
        facts = meta(kind="cell", field=part.id)
        made = {part.name: GraphQLField(type_, args=reveal, description=text, extensions=facts)}
        return made | self._label("", part)

    def _files(self, field: Field, text: str) -> dict[str, GraphQLField]:
        """files and photos: their role and the file."""
        if not self.kinds(FILE, "get"):
            return {}
        if "FileLink" not in self._plain:
            fields = {
                "role": GraphQLField(GraphQLString, extensions=meta(kind="cell", field="role")),
                "file": GraphQLField(self.node(FILE), extensions=meta(kind="to_one", field="file")),
            }
            self._plain["FileLink"] = GraphQLObjectType("FileLink", fields)
        many: GraphQLOutputType = GraphQLNonNull(GraphQLList(GraphQLNonNull(self._plain["FileLink"])))
        return {field.name: GraphQLField(many, description=text, extensions=meta(kind="parts", field=field.id))}

    def connection(self, entity: str) -> GraphQLObjectType:
        """`{nodes edges pageInfo totalCount aggregate}` of an entity."""
        if entity not in self.connections:
            node = self.node(entity)
            name = self.catalog.entity(entity).type
            edge = GraphQLObjectType(
                f"{name}Edge",
                {"cursor": GraphQLField(GraphQLNonNull(GraphQLString)), "node": GraphQLField(GraphQLNonNull(node))},
            )
            limit = {"limit": GraphQLArgument(GraphQLInt, description="Count no further than this.")}
            fields = {
                "nodes": GraphQLField(GraphQLNonNull(GraphQLList(GraphQLNonNull(node)))),
                "edges": GraphQLField(GraphQLNonNull(GraphQLList(GraphQLNonNull(edge)))),
                "pageInfo": GraphQLField(GraphQLNonNull(self._page_info())),
                "totalCount": GraphQLField(GraphQLNonNull(self._total_count()), args=limit),
            }
            if self.aggregates.may(entity):
                fields["aggregate"] = self.aggregates.field(entity)
            self.connections[entity] = GraphQLObjectType(f"{name}Connection", fields, extensions=meta(entity=entity))
        return self.connections[entity]

    def _page_info(self) -> GraphQLObjectType:
        if "PageInfo" not in self._plain:
            fields = {
                "hasNextPage": GraphQLField(GraphQLNonNull(GraphQLBoolean)),
                "hasPreviousPage": GraphQLField(GraphQLNonNull(GraphQLBoolean)),
                "startCursor": GraphQLField(GraphQLString),
                "endCursor": GraphQLField(GraphQLString),
            }
            self._plain["PageInfo"] = GraphQLObjectType("PageInfo", fields)
        return self._plain["PageInfo"]  # type: ignore[return-value] # made above

    def _total_count(self) -> GraphQLObjectType:
        if "TotalCount" not in self._plain:
            fields = {
                "value": GraphQLField(GraphQLNonNull(GraphQLInt)),
                "exact": GraphQLField(GraphQLNonNull(GraphQLBoolean)),
            }
            self._plain["TotalCount"] = GraphQLObjectType("TotalCount", fields)
        return self._plain["TotalCount"]  # type: ignore[return-value] # made above

    # --- roots ---

    def roots(self) -> dict[str, GraphQLField]:
        """One field by id and one connection per entity that the caller may see, and `node`."""
        fields: dict[str, GraphQLField] = {}
        for name, entity in sorted(self.catalog.model.entities.items()):
            if name != FILE and self.kinds(name, "get"):
                argument = {"id": GraphQLArgument(GraphQLNonNull(GraphQLID))}
                facts = meta(kind="by_id", entity=name)
                text = entity.label.of(self.language)
                fields[single(entity)] = GraphQLField(
                    self.node(name), args=argument, description=text, extensions=facts
                )
            if self.kinds(name, "list"):
                facts = meta(kind="connection", entity=name)
                type_ = GraphQLNonNull(self.connection(name))
                alone = None if single(entity) in fields else entity.label.of(self.language)
                fields[entity.plural] = GraphQLField(
                    type_, args=self.inputs.arguments(name), description=alone, extensions=facts
                )
            elif self.cubes.may(name):
                fields[entity.plural] = self.cubes.root(name)
        if any(self.kinds(name, "get") for name in self.catalog.model.entities):
            argument = {"nodeId": GraphQLArgument(GraphQLNonNull(GraphQLID))}
            text = "The object behind a `nodeId`, of whatever type; null when there is none."
            fields["node"] = GraphQLField(
                self.any_node(), args=argument, description=text, extensions=meta(kind="node")
            )
        return fields | self.changes.queries()

    def scalar(self, name: str) -> GraphQLScalarType:
        """A scalar of this schema."""
        return self.scalars[name]


def single(entity: Entity) -> str:
    """The root field by id: the type in camelCase."""
    return entity.type[0].lower() + entity.type[1:]


def implements(builder: SchemaBuilder) -> list[GraphQLNamedType]:
    """The object types behind the interfaces of a schema, which nothing else may name."""
    found: list[GraphQLNamedType] = []
    for entity, node in list(builder.nodes.items()):
        if isinstance(node, GraphQLInterfaceType):
            found += [builder.node(k) for k in builder.seen(entity)]
    return found


def assemble(
    builder: SchemaBuilder, query: Mapping[str, GraphQLField], mutation: Mapping[str, GraphQLField]
) -> GraphQLSchema:
    """The schema of root fields; what may be watched the builder knows."""
    roots = GraphQLObjectType("Query", dict(sorted(query.items())))
    writes = GraphQLObjectType("Mutation", dict(sorted(mutation.items()))) if mutation else None
    watched = builder.changes.subscriptions()
    events = GraphQLObjectType("Subscription", dict(sorted(watched.items()))) if watched else None
    first = GraphQLSchema(roots, writes, events, types=[])
    more = implements(builder)
    return GraphQLSchema(roots, writes, events, types=more) if more else first
