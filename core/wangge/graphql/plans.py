"""Documents and plans: parsed and validated once per schema, compiled once per skeleton, found again in microseconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from graphql.execution.values import get_variable_values

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLField,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLSyntaxError,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    parse,
    type_from_ast,
    validate,
)

from ..crypto import digest
from ..errors import Invalid
from ..model.role_limits import RoleLimits
from ..sql.ast import Statement
from .arguments import OF_WRITES, Variables, skeleton
from .coercing import coercer
from .filters import Params
from .limits import Amount, Cost, Measures, check_measures, measures
from .schema import SchemaBuilder

TOO_LONG = "tokens. Parsing aborted"
"""a part of what graphql-core says of a document with too many tokens."""
MAX_FRAGMENTS = 200
"""every two fragments are compared before a document is run."""
MAX_REPEATS = 50
"""every two fields of one key are compared with all that they select."""
MAX_ERRORS = 20
KEPT_SCHEMAS = 500
KEPT_DOCUMENTS = 2_000
KEPT_PLANS = 4_000


class InvalidDocument(Invalid):
    """The document does not parse, or does not fit the caller's schema: `errors` in GraphQL's own form."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__("document.invalid", errors[0].message if errors else "the document is not valid")
        self.errors = errors


class CallerSchema(msgspec.Struct, frozen=True):
    """The schema of one shape in one language, with what the compiler needs of it."""

    schema: GraphQLSchema
    builder: SchemaBuilder


class Operation(msgspec.Struct, frozen=True):
    """One operation of a validated document."""

    node: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]
    document: DocumentNode
    root: GraphQLObjectType
    types: dict[str, Any]
    """variable -> its type."""
    digest: str
    """what a read record says of the document."""
    measures: Measures

    @property
    def is_query(self) -> bool:
        """Whether it only reads."""
        return self.node.operation is OperationType.QUERY

    @property
    def is_subscription(self) -> bool:
        """Whether it is answered by a stream."""
        return self.node.operation is OperationType.SUBSCRIPTION

    def skeleton(self, variables: Variables) -> Any:
        """What of the variables a plan depends on."""
        return tuple([(n, skeleton(variables[n], t)) for n, t in self.types.items() if n in variables])


class ReadRoot(msgspec.Struct, frozen=True):
    """A generated root field: one statement."""

    key: str
    statement: Statement
    params: Params
    cost: Cost

    def total(self, variables: Variables) -> Amount:
        """What it asks for in one request."""
        return self.cost.total(lambda index: self.params.takes[index](variables))


class OtherRoot(msgspec.Struct, frozen=True):
    """A root field that is not one statement: handwritten, a write, or introspection."""

    key: str
    kind: str
    nodes: list[FieldNode]
    field: GraphQLField | None
    reads: dict[str, ReadRoot] = msgspec.field(default_factory=dict)
    """response key of a written node -> what reads it, compiled when first written."""
    feeds: dict[bool, Any] = msgspec.field(default_factory=dict)
    """the statements of `changes` (feeds.py), compiled when first asked: of the changes, of the rows that are there."""


class Plan(msgspec.Struct, frozen=True):
    """The root fields of one operation in response order."""

    roots: tuple[ReadRoot | OtherRoot, ...]


def repeats(document: DocumentNode) -> int:
    """How many fields stand again under a key that their selection has already."""
    return sum(
        _repeats([d.selection_set])
        for d in document.definitions
        if isinstance(d, OperationDefinitionNode | FragmentDefinitionNode)
    )


def _repeats(sets: list[SelectionSetNode]) -> int:
    """The repeats in one selection, which inline fragments are part of, and below it."""
    seen: set[str] = set()
    found, below = 0, []
    while sets:
        for node in sets.pop().selections:
            if isinstance(node, FieldNode):
                key = (node.alias or node.name).value
                found += key in seen
                seen.add(key)
                if node.selection_set is not None:
                    below.append(node.selection_set)
            elif isinstance(node, InlineFragmentNode):
                sets.append(node.selection_set)
    return found + sum(_repeats([inner]) for inner in below)


def read_operation(schema: GraphQLSchema, text: str, name: str | None, limits: RoleLimits) -> Operation:
    """Parse, validate and choose the operation; raises InvalidDocument, and Invalid beyond the caller's limits."""
    try:
        document = parse(text, max_tokens=limits.tokens, allow_empty_selection_sets=False)
    except GraphQLSyntaxError as error:
        if TOO_LONG in error.message:
            check_measures(Measures(limits.tokens + 1, 0, 0, 0), limits)
        raise InvalidDocument([error]) from None
    except RecursionError:
        raise InvalidDocument([GraphQLError("the document nests too deep")]) from None
    measured = measures(document)
    check_measures(measured, limits)
    if sum(isinstance(d, FragmentDefinitionNode) for d in document.definitions) > MAX_FRAGMENTS:
        raise Invalid("limit.fragments", f"a document has at most {MAX_FRAGMENTS} fragments", limit=MAX_FRAGMENTS)
    if repeats(document) > MAX_REPEATS:
        raise Invalid("limit.repeats", f"a document repeats at most {MAX_REPEATS} fields", limit=MAX_REPEATS)
    errors = validate(schema, document, max_errors=MAX_ERRORS, hide_suggestions=True, allow_empty_selection_sets=False)
    if errors:
        raise InvalidDocument(errors)
    operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    chosen = [o for o in operations if name is None or (o.name is not None and o.name.value == name)]
    if len(chosen) != 1:
        found = ", ".join(o.name.value for o in operations if o.name) or "none"
        raise InvalidDocument([GraphQLError(f"name one operation of the document in operationName: it has {found}")])
    node = chosen[0]
    root = schema.get_root_type(node.operation)
    if root is None:
        raise InvalidDocument([GraphQLError("this schema has no such operation")])
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    types = {d.variable.name.value: type_from_ast(schema, d.type) for d in node.variable_definitions or ()}
    return Operation(node, fragments, document, root, types, digest(text.encode()).hex(), measured)


def coerce(schema: GraphQLSchema, operation: Operation, given: Mapping[str, Any]) -> Variables:
    """The variables as the schema's types say; raises InvalidDocument."""
    leaves = _leaves(operation, given)
    if leaves is not None:
        return leaves
    nodes = operation.node.variable_definitions or ()
    found = get_variable_values(schema, nodes, dict(given), max_errors=MAX_ERRORS, hide_suggestions=True)
    if isinstance(found, list):
        raise InvalidDocument(found)
    return found.coerced


def _leaves(operation: Operation, given: Mapping[str, Any]) -> Variables | None:
    """The variables when each holds valid scalars or inputs of writes, far below the general way's cost; None for all else."""
    found: dict[str, Any] = {}
    defaults = {d.variable.name.value for d in operation.node.variable_definitions or () if d.default_value is not None}
    for name, type_ in operation.types.items():
        named = get_named_type(type_)
        if name in defaults or not (OF_WRITES in named.extensions or isinstance(named, GraphQLScalarType)):
            return None
        if name not in given and not isinstance(type_, GraphQLNonNull):
            continue
        try:
            found[name] = coercer(type_)(given.get(name))
        except Exception:  # the general way tells what is wrong
            return None
    return found
