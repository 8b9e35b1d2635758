"""The types of changes: the root field `changes`, and `<plural>Changed` of each entity whose changes the caller may watch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLID,
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLString,
)

from ..model.types import Entity

if TYPE_CHECKING:
    from .schema import SchemaBuilder

KINDS = {
    "CREATED": ("出现：新建、恢复，或进入您的范围", "It is there now: created, restored, or come into your scope."),
    "UPDATED": ("有变化", "It has changed."),
    "REMOVED": ("已删除或已清除", "It was removed or erased."),
    "LEFT": ("离开您的范围或不再符合条件", "It left your scope, or does not meet the condition any more."),
}
REASONS = {
    "REMOVED": ("已删除", "It was removed."),
    "ERASED": ("内容已清除", "Its content was erased for good: erase your copy."),
    "LEFT": ("离开您的范围或不再符合条件", "It left your scope, or does not meet the condition any more."),
}
OF_CHANGES = {
    "zh": "您可查看的记录的变化，按发生顺序。不带 after 时先给出现有的全部记录；之后每次带上上次的 endPosition",
    "en": "The changes of the rows that you may see, in their order. Without `after` it begins with all rows that are there; go on "
    "with the endPosition of the page before.",
}
OF_CHANGED = {
    "zh": "变更订阅；after 为上次收到的 position，从其后继续，不重不漏。where 只能用记录自身的字段、管辖区域和引用的 id",
    "en": "Changes as they come; with the last `position` as `after` it goes on from there without loss. `where` takes fields of "
    "the row itself, its area, and ids of its references.",
}
OF_RIGHTS = {
    "zh": "自上一页起您的权限有变化，请不带 after 重新全部获取",
    "en": "Your rights changed since the page before: begin again without `after`.",
}
AFTER = {"zh": "上次的位置", "en": "A position that you were given."}


class ChangeTypes:
    """Makes the types of one schema, each once."""

    def __init__(self, builder: SchemaBuilder) -> None:
        self._b = builder
        self._made: dict[str, GraphQLObjectType] = {}
        text = 1 if builder.language == "en" else 0
        self.kind = _enum("ChangeKind", KINDS, text)
        self.reason = _enum("ChangeReason", REASONS, text)

    # --- what the caller may ---

    def entities(self) -> list[Entity]:
        """The entities whose changes leave events and whose rows the caller may list."""
        found = (self._b.catalog.model.entities[name] for name in sorted(self._b.catalog.model.entities))
        return [entity for entity in found if self._is_written(entity.name) and self._b.kinds(entity.name, "list")]

    def watched(self, entity: str) -> list[str]:
        """The kinds behind an entity whose rows the caller may list and whose changes it may watch."""
        return [kind for kind in self._b.kinds(entity, "list") if self._b.rights(kind).grants("subscribe")]

    def _is_written(self, entity: str) -> bool:
        """Whether the one door writes the rows."""
        kinds = (self._b.catalog.model.entities[kind] for kind in self._b.catalog.kinds(entity))
        return all(kind.writes == "generated" for kind in kinds)

    # --- roots ---

    def queries(self) -> dict[str, GraphQLField]:
        """`changes`, where there is anything that changes."""
        from .schema import meta  # the builder makes these types

        entities = self.entities()
        if not entities:
            return {}
        values = {entity.type: GraphQLEnumValue(entity.name) for entity in entities}
        arguments = {
            "entity": GraphQLArgument(GraphQLNonNull(GraphQLEnumType("ChangingType", values))),
            "after": GraphQLArgument(GraphQLString, description=AFTER[self._b.language]),
            "first": GraphQLArgument(GraphQLInt, description="At most 1,000; 50 when not given."),
        }
        page = {
            "nodes": GraphQLField(
                GraphQLNonNull(GraphQLList(GraphQLNonNull(self.change("Change", self._b.any_node()))))
            ),
            "endPosition": GraphQLField(GraphQLNonNull(GraphQLString)),
            "hasNextPage": GraphQLField(GraphQLNonNull(GraphQLBoolean)),
            "rightsChanged": GraphQLField(GraphQLNonNull(GraphQLBoolean), description=OF_RIGHTS[self._b.language]),
        }
        type_ = GraphQLNonNull(GraphQLObjectType("Changes", page))
        text = OF_CHANGES[self._b.language]
        return {"changes": GraphQLField(type_, args=arguments, description=text, extensions=meta(kind="changes"))}

    def subscriptions(self) -> dict[str, GraphQLField]:
        """`<plural>Changed` of each entity that the caller may watch."""
        from .schema import meta  # as above

        fields = {}
        for entity in self.entities():
            if not self.watched(entity.name):
                continue
            type_ = self.change(f"{entity.type}Change", self._b.node(entity.name))
            arguments = {
                "where": GraphQLArgument(self._b.inputs.where(entity.name)),
                "after": GraphQLArgument(GraphQLString, description=AFTER[self._b.language]),
            }
            facts = meta(kind="changed", entity=entity.name)
            text = OF_CHANGED[self._b.language]
            fields[f"{entity.plural}Changed"] = GraphQLField(
                GraphQLNonNull(type_), args=arguments, description=text, extensions=facts
            )
        return fields

    def change(self, name: str, node: GraphQLObjectType | GraphQLInterfaceType) -> GraphQLObjectType:
        """One change: what happened to which row, and the row where it is there."""
        if name not in self._made:
            fields = {
                "kind": GraphQLField(GraphQLNonNull(self.kind)),
                "id": GraphQLField(GraphQLNonNull(GraphQLID)),
                "position": GraphQLField(GraphQLNonNull(GraphQLString)),
                "reason": GraphQLField(self.reason),
                "node": GraphQLField(node),
            }
            self._made[name] = GraphQLObjectType(name, fields)
        return self._made[name]


def _enum(name: str, values: dict[str, tuple[str, str]], text: int) -> GraphQLEnumType:
    """An enum with its descriptions."""
    return GraphQLEnumType(name, {key: GraphQLEnumValue(key, description=texts[text]) for key, texts in values.items()})
