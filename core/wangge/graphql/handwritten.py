"""Handwritten Strawberry fields in the caller's schema: types are converted once and grafted; references become entities."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import msgspec
import strawberry
from strawberry.schema.config import StrawberryConfig

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    Visitor,
    execute,
    get_named_type,
    is_list_type,
    is_non_null_type,
    is_scalar_type,
    is_specified_scalar_type,
    visit,
)

from ..modules.trace import Trace
from ..surface import MADE, Reference
from .schema import SchemaBuilder, meta


class Root(msgspec.Struct, frozen=True):
    """One handwritten root field."""

    module: str
    schema: GraphQLSchema
    field: GraphQLField
    mutation: bool
    needs: tuple[str, str] | None = None
    """(entity, action): the field is there only for callers who have some grant of it."""


def needs_of(field: GraphQLField) -> tuple[str, str] | None:
    """What `strawberry.field(metadata={"needs": (entity, action)})` says, of a root field or of one below."""
    written = field.extensions.get("strawberry-definition")
    found: tuple[str, str] | None = written.metadata.get("needs") if written is not None else None
    return found


class Context(msgspec.Struct, frozen=True):
    """`info.context` of a resolver."""

    scope: Any
    records: Any
    pool: Any
    model: Any
    language: str
    scopes: Any = None
    """the Scopes of the process, for the core's own fields."""
    credential: Any = None
    """what the caller came with: a token or a session."""
    issuer: str | None = None
    """the OpenID provider of the deployment."""
    uploads: Any = None
    """what takes uploads of files."""


@strawberry.type
class Nothing:
    """A query root for a module that has only mutations."""

    nothing: str = ""


def convert(module: str, query: type | None, mutation: type | None, trace: Trace) -> dict[str, Root]:
    """Root field name -> handwritten field of one module; its Strawberry types are converted once, its resolvers traced."""
    overrides = {
        made: strawberry.scalar(name=name, serialize=_itself, parse_value=_itself) for name, made in MADE.items()
    }
    config = StrawberryConfig(scalar_map=overrides)
    schema = strawberry.Schema(query=query or Nothing, mutation=mutation, config=config)._schema
    _name_resolvers(schema, module, trace)
    found: dict[str, Root] = {}
    if query is not None and schema.query_type is not None:
        found |= _roots(module, schema, schema.query_type, mutation=False)
    if mutation is not None and schema.mutation_type is not None:
        found |= _roots(module, schema, schema.mutation_type, mutation=True)
    return found


def _roots(module: str, schema: GraphQLSchema, root: GraphQLObjectType, *, mutation: bool) -> dict[str, Root]:
    """The fields of a root type."""
    return {name: Root(module, schema, f, mutation, needs_of(f)) for name, f in root.fields.items()}


def _name_resolvers(schema: GraphQLSchema, module: str, trace: Trace) -> None:
    """Let the trace name the module while one of its resolvers runs."""
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__"):
            for field in type_.fields.values():
                if field.resolve is not None:
                    field.resolve = _named(field.resolve, module, trace)


def _named(resolve: Callable[..., Any], module: str, trace: Trace) -> Callable[..., Any]:
    """One resolver, plain or `async`."""
    call = trace.function(module, resolve)

    def run(*given: Any, **named: Any) -> Any:
        made = call(*given, **named)
        return trace.steps(module, made) if inspect.iscoroutine(made) else made

    return run


def _itself(value: Any) -> Any:
    """References pass through the executor untouched."""
    return value


def reference(type_: Any) -> tuple[str, str] | None:
    """(`Ref` or `Query`, entity) of a placeholder scalar."""
    named = get_named_type(type_)
    made = MADE.get(named.name) if is_scalar_type(named) else None
    return (named.name.partition("__")[0], made.entity) if made is not None else None


class Graft:
    """Brings handwritten fields into one caller's schema."""

    def __init__(self, builder: SchemaBuilder, shared: Mapping[str, GraphQLNamedType]) -> None:
        """`shared` are types that generated fields have too, by name."""
        self._b = builder
        self._made: dict[str, Any] = dict(shared)

    def fields(self, roots: Mapping[str, Root], *, mutation: bool) -> dict[str, GraphQLField]:
        """The root fields of modules that the caller has, and whose references it may follow."""
        found: dict[str, GraphQLField] = {}
        for name, root in roots.items():
            if root.mutation is mutation and (root.module == "wangge" or root.module in self._b.shape.modules):
                made = self.field(root.field, meta(kind="handwritten", name=name))
                if made is not None:
                    found[name] = made
        return found

    def field(self, field: GraphQLField, extensions: dict[str, Any]) -> GraphQLField | None:
        """A field with its types grafted; None when it leads to what the caller may not see, or is not for the caller."""
        needs = needs_of(field)
        if needs is not None and not self._b.rights(needs[0]).grants(needs[1]):
            return None
        if (found := reference(field.type)) and not self._b.kinds(found[1], "list" if found[0] == "Query" else "get"):
            return None
        arguments = {
            name: GraphQLArgument(self._type(a.type), default_value=a.default_value, description=a.description)
            for name, a in field.args.items()
        }
        if found and found[0] == "Query":
            shared = self._b.inputs.arguments(found[1])
            arguments |= {
                name: a for name, a in shared.items() if name in ("first", "after", "orderBy") and name not in arguments
            }
        return GraphQLField(
            self._type(field.type), args=arguments, description=field.description, extensions=extensions
        )

    def _type(self, type_: Any) -> Any:
        """A type with placeholders replaced."""
        if is_non_null_type(type_):
            inner = self._type(type_.of_type)
            return inner if reference(type_) else GraphQLNonNull(inner)
        if is_list_type(type_):
            return GraphQLList(self._type(type_.of_type))
        if found := reference(type_):
            return self._b.connection(found[1]) if found[0] == "Query" else self._b.node(found[1])
        return self._named(type_)

    def _named(self, type_: GraphQLNamedType) -> Any:
        """A named type: ours where the name is ours, rebuilt where it holds fields."""
        if type_.name in self._b.scalars:
            return self._b.scalars[type_.name]
        if isinstance(type_, GraphQLObjectType):
            if type_.name not in self._made:
                self._made[type_.name] = GraphQLObjectType(
                    type_.name, lambda: self._object(type_), description=type_.description, extensions={}
                )
            return self._made[type_.name]
        if isinstance(type_, GraphQLInputObjectType):
            if type_.name not in self._made:
                self._made[type_.name] = GraphQLInputObjectType(
                    type_.name, lambda: self._inputs(type_), description=type_.description
                )
            return self._made[type_.name]
        if is_scalar_type(type_) and is_specified_scalar_type(type_):
            return type_
        return self._made.setdefault(type_.name, type_)

    def _inputs(self, type_: GraphQLInputObjectType) -> dict[str, GraphQLInputField]:
        """The fields of an input, with their defaults."""
        return {
            name: GraphQLInputField(self._type(f.type), default_value=f.default_value, description=f.description)
            for name, f in type_.fields.items()
        }

    def _object(self, type_: GraphQLObjectType) -> dict[str, GraphQLField]:
        """The fields of an own type."""
        made = {name: self.field(field, meta(kind="own")) for name, field in type_.fields.items()}
        return {name: field for name, field in made.items() if field is not None}


Fill = Callable[[Any, list[FieldNode], Any], Awaitable[Any]]
"""(reference, field nodes, grafted field) -> JSON value behind a reference."""


class Execution:
    """Runs one handwritten root field of one operation."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode], fill: Fill) -> None:
        self._fragments = fragments
        self._fill = fill

    async def run(
        self,
        root: Root,
        key: str,
        nodes: list[FieldNode],
        grafted: GraphQLField,
        operation: OperationDefinitionNode,
        variables: Any,
        context: Context,
    ) -> Any:
        """The JSON value of the field; raises what its resolver raised."""
        stripped = [self._strip_field(node, root.field) for node in nodes]
        document = DocumentNode(
            definitions=(
                OperationDefinitionNode(
                    operation=operation.operation,
                    variable_definitions=tuple(
                        d for d in operation.variable_definitions or () if d.variable.name.value in _names(stripped)
                    ),
                    selection_set=SelectionSetNode(selections=tuple(stripped)),
                ),
            )
        )
        result = execute(root.schema, document, context_value=context, variable_values=variables)
        done = result if isinstance(result, ExecutionResult) else await result
        if done.errors:
            raise done.errors[0].original_error or done.errors[0]
        return await self.filled((done.data or {})[key], nodes, grafted)

    def _strip_field(self, node: FieldNode, field: GraphQLField) -> FieldNode:
        """A field whose references are asked for as scalars."""
        named = get_named_type(field.type)
        if reference(field.type) or node.selection_set is None:
            kept = tuple(a for a in node.arguments or () if a.name.value in field.args)
            return FieldNode(
                name=node.name, alias=node.alias, arguments=kept, directives=node.directives, selection_set=None
            )
        assert isinstance(named, GraphQLObjectType)
        inner = SelectionSetNode(selections=tuple(self._strip(node.selection_set, named)))
        return FieldNode(
            name=node.name, alias=node.alias, arguments=node.arguments, directives=node.directives, selection_set=inner
        )

    def _strip(self, selections: SelectionSetNode, type_: GraphQLObjectType) -> Iterable[Any]:
        """The selections of an own type, fragments opened."""
        for node in selections.selections:
            if isinstance(node, FieldNode):
                yield (
                    node if node.name.value.startswith("__") else self._strip_field(node, type_.fields[node.name.value])
                )
            elif isinstance(node, InlineFragmentNode):
                inner = SelectionSetNode(selections=tuple(self._strip(node.selection_set, type_)))
                yield InlineFragmentNode(
                    type_condition=node.type_condition, directives=node.directives, selection_set=inner
                )
            elif isinstance(node, FragmentSpreadNode):
                fragment = self._fragments[node.name.value]
                inner = SelectionSetNode(selections=tuple(self._strip(fragment.selection_set, type_)))
                condition = fragment.type_condition
                yield InlineFragmentNode(type_condition=condition, directives=node.directives, selection_set=inner)

    async def filled(self, value: Any, nodes: list[FieldNode], grafted: GraphQLField) -> Any:
        """The value with every reference replaced by what the caller sees behind it."""
        if isinstance(value, Reference):
            return await self._fill(value, nodes, grafted)
        if isinstance(value, list):
            return [await self.filled(item, nodes, grafted) for item in value]
        named = get_named_type(grafted.type)
        if not isinstance(value, dict) or not isinstance(named, GraphQLObjectType):
            return value
        below = self._below([n.selection_set for n in nodes if n.selection_set])
        return {
            key: item
            if key not in below or below[key][0].name.value not in named.fields
            else await self.filled(item, below[key], named.fields[below[key][0].name.value])
            for key, item in value.items()
        }

    def _below(self, sets: list[SelectionSetNode]) -> dict[str, list[FieldNode]]:
        """Response key -> nodes, fragments opened."""
        found: dict[str, list[FieldNode]] = {}
        for selections in sets:
            for node in selections.selections:
                if isinstance(node, FieldNode):
                    found.setdefault((node.alias or node.name).value, []).append(node)
                else:
                    inner = self._fragments[node.name.value] if isinstance(node, FragmentSpreadNode) else node
                    for key, nodes in self._below([inner.selection_set]).items():  # type: ignore[union-attr] # a fragment
                        found.setdefault(key, []).extend(nodes)
        return found


def _names(nodes: Iterable[Any]) -> set[str]:
    """The variables that nodes use."""
    found: set[str] = set()

    class Names(Visitor):
        """Collects variable names."""

        def enter_variable(self, node: VariableNode, *_: Any) -> None:
            """One variable."""
            found.add(node.name.value)

    for node in nodes:
        visit(node, Names())
    return found
