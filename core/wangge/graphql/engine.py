"""A request to bytes: schema of the shape, plan of the document, one statement a root field, the database's text as the answer."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec
import structlog
from graphql.language import DocumentNode

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    execute_sync,
    get_named_type,
    print_schema,
)

from ..audit.reads import Reads
from ..crypto import Keys
from ..errors import Denied, Invalid, RequestError, Unavailable
from ..model.conditions import parse_filter
from ..model.filter import Every
from ..model.types import Model
from ..modules.hooks import Hooks
from ..modules.trace import Trace
from ..policy.scope import Scope, Shape
from ..records.outcome import StaleScope
from ..records.storing import stale
from ..sql.ast import ById, ByIds, Connection
from ..sql.catalog import Catalog
from ..sql.compile import compile_root
from . import access, administration, cursors, me, rules
from .arguments import Variables, arguments, plain
from .filters import Params
from .handwritten import Context, Execution, Graft, Root, convert
from .plans import (
    KEPT_DOCUMENTS,
    KEPT_PLANS,
    KEPT_SCHEMAS,
    CallerSchema,
    InvalidDocument,
    Lru,
    Operation,
    OtherRoot,
    Plan,
    ReadRoot,
    coerce,
    read_operation,
)
from .reading import Reader, Why
from .schema import META, SchemaBuilder, assemble
from .select import Selector
from .sentences import Refusals
from .writes import WriteFields, first_id, problems, write

log = structlog.get_logger("wangge.graphql")


class Request(msgspec.Struct, frozen=True):
    """One GraphQL request; `reads_only` for GET."""

    query: str
    variables: Mapping[str, Any] = {}
    operation: str | None = None
    language: str = "zh"
    reads_only: bool = False
    purpose: str | None = None
    """the purpose that the request names (PERMISSIONS.md 3)."""


class Answer(msgspec.Struct, frozen=True):
    """The JSON body; `executed` is False when the document was refused before execution; `status` of a refusal."""

    body: bytes
    executed: bool = True
    status: int = 200
    retry_after: int | None = None
    """seconds after which a throttled caller may try again."""


class NeedsPost(Invalid):
    """A mutation came by a method that only reads."""

    status = 405


class Engine:
    """Executes requests of all callers of one process."""

    def __init__(
        self, catalog: Catalog, pool: Any, scopes: Any, keys: Keys, hooks: Hooks, records: Any, reads: Reads
    ) -> None:
        self.catalog = catalog
        self._pool = pool
        self._scopes = scopes
        self._keys = keys
        self._records = records
        self.refusal = Refusals(records.kit.sentences)
        self._handwritten = _convert(hooks, catalog.model)
        self.reader = Reader(pool, keys, reads, hooks.computed_fields())
        self._schemas = Lru(KEPT_SCHEMAS)
        self._documents = Lru(KEPT_DOCUMENTS)
        self._plans = Lru(KEPT_PLANS)

    # --- schema ---

    def schema(self, shape: Shape, language: str) -> CallerSchema:
        """The schema of a shape, built once."""
        key = (shape.key, language)
        found: CallerSchema | None = self._schemas.find(key)
        if found is None:
            builder = SchemaBuilder(self.catalog, shape, language)
            writes = WriteFields(builder)
            graft = Graft(builder, {"InputError": writes.problem})
            query = builder.roots() | graft.fields(self._handwritten, mutation=False)
            mutation = writes.fields() | graft.fields(self._handwritten, mutation=True)
            found = CallerSchema(assemble(builder, query, mutation), builder)
            self._schemas.keep(key, found)
        return found

    def sdl(self, shape: Shape, language: str) -> str:
        """The schema of a shape as SDL."""
        return print_schema(self.schema(shape, language).schema)

    # --- a request ---

    async def execute(self, request: Request, scope: Scope, credential: Any = None) -> Answer:
        """Answer one request; never raises for what a caller can cause."""
        try:
            return await self._execute(request, scope, credential)
        except InvalidDocument as error:
            return Answer(_body(None, [_plain_error(e) for e in error.errors]), executed=False, status=400)
        except RequestError as error:
            body = _body(None, [self.refusal(error, request.language)])
            return Answer(body, executed=False, status=error.status, retry_after=error.facts.get("retry_after"))

    async def _execute(self, request: Request, scope: Scope, credential: Any) -> Answer:
        if request.purpose is not None and not scope.shape.may_name(request.purpose):
            raise Denied("purpose.not_allowed", "the header Wangge-Purpose names no purpose that the caller may use")
        caller = self.schema(scope.shape, request.language)
        operation = self._operation(caller.schema, request, scope.shape)
        if request.reads_only and not operation.is_query:
            raise NeedsPost("request.mutation_over_get", "a mutation needs POST")
        variables = coerce(caller.schema, operation, request.variables)
        plan = self._plan(caller, operation, request, scope, variables)
        run = Run(self, caller, operation, scope, credential, variables, request)
        return await (run.read(plan) if operation.is_query else run.write(plan))

    def _operation(self, schema: GraphQLSchema, request: Request, shape: Shape) -> Operation:
        key = (shape.key, request.language, request.operation, request.query)
        found: Operation | None = self._documents.find(key)
        if found is None:
            found = read_operation(schema, request.query, request.operation)
            self._documents.keep(key, found)
        return found

    def _plan(
        self, caller: CallerSchema, operation: Operation, request: Request, scope: Scope, variables: Variables
    ) -> Plan:
        """The plan of a document and the skeleton of its variables."""
        key = (scope.shape.key, request.language, request.operation, request.query, operation.skeleton(variables))
        found: Plan | None = self._plans.find(key)
        if found is None:
            found = self._compile(caller, operation, variables)
            self._plans.keep(key, found)
        return found

    def selector(self, caller: CallerSchema, operation: Operation, variables: Variables, params: Params) -> Selector:
        """What reads the selections of a plan; cursors are opened for the account of each request."""

        def opened(binding: str, cursor: Any, count: int, given: Variables) -> list[Any]:
            return cursors.open_cursor(self._keys, str(given.get(ACCOUNT)), binding, cursor, count)

        return Selector(caller.builder, operation.fragments, variables, params, opened)

    def _compile(self, caller: CallerSchema, operation: Operation, variables: Variables) -> Plan:
        """Compile every root field."""
        first = self.selector(caller, operation, variables, Params())
        roots: list[ReadRoot | OtherRoot] = []
        for key, nodes in first.collect([operation.node.selection_set], operation.root).items():
            name = nodes[0].name.value
            field = operation.root.fields.get(name)
            kind = field.extensions[META]["kind"] if field is not None else name
            if kind in ("by_id", "connection") and field is not None:
                params = Params()
                selector = self.selector(caller, operation, variables, params)
                statement = compile_root(self.catalog, caller.builder.shape, _root(selector, kind, nodes, field))
                roots.append(ReadRoot(key, statement, params))
            else:
                roots.append(OtherRoot(key, kind, nodes, field))
        return Plan(tuple(roots))

    def root_of(self, name: str) -> Root:
        """A handwritten root field."""
        return self._handwritten[name]


ACCOUNT = "\0account"
"""the key under which a request's account stands beside its variables."""
WRITTEN = "\0written"
"""the key under which the id of the row that was written stands beside them."""


CORE_FIELDS: tuple[tuple[type | None, type | None], ...] = (
    (me.Query, None),
    (access.Query, None),
    (administration.Query, administration.Mutation),
    (None, rules.Mutation),
)
"""the core's own root fields: (Query, Mutation) of a file each."""


class Internal(RequestError):
    """A fault of ours."""

    status = 500


def _convert(hooks: Hooks, model: Model) -> dict[str, Root]:
    """All handwritten root fields; two modules that name one alike is a mistake of the second, which is left out.

    A module whose types cannot be made or converted is set aside. Raises SettingsError when another one needs it.
    """
    found: dict[str, Root] = {}
    for query, mutation in CORE_FIELDS:
        found |= convert("wangge", query, mutation, Trace())
    for kind in ("graphql_query", "graphql_mutation"):
        for module, make in hooks.graphql_types(kind):
            try:
                made = make()
                query, mutation = (made, None) if kind == "graphql_query" else (None, made)
                fields = convert(module, query, mutation, hooks.trace) if made is not None else {}
            except Exception as error:
                hooks.set_aside(module, model, error)
                continue
            for name, root in fields.items():
                if name in found:
                    log.error("root_field_taken", module=module, field=name, by=found[name].module)
                else:
                    found[name] = root
    return found


def _root(selector: Selector, kind: str, nodes: list[FieldNode], field: Any) -> ById | Connection:
    """The compiler's root of a generated field."""
    entity = field.extensions[META]["entity"]
    if kind == "connection":
        return selector.connection(nodes, entity, field)
    leaf = arguments(nodes[0].arguments, field.args, selector.variables)["id"]
    wanted = selector.params.add(leaf.take)
    return ById(wanted, selector.selections([n.selection_set for n in nodes if n.selection_set], entity, "get"))


class Run:
    """One operation of one request."""

    def __init__(
        self,
        engine: Engine,
        caller: CallerSchema,
        operation: Operation,
        scope: Scope,
        credential: Any,
        variables: Variables,
        request: Request,
    ) -> None:
        self._engine = engine
        self._caller = caller
        self._operation = operation
        self._scope = scope
        self._credential = credential
        self._variables = {**variables, ACCOUNT: scope.actor.account}
        self._language = request.language
        self._request = request
        self._errors: list[dict[str, Any]] = []

    async def read(self, plan: Plan) -> Answer:
        """A query: one statement a root field, all in one snapshot."""
        reads = [root for root in plan.roots if isinstance(root, ReadRoot)]
        if len(reads) == 1 and len(plan.roots) == 1:
            return self._answer([(reads[0].key, await self._fetch(None, reads[0]))])
        async with self._engine._pool.transaction(isolation="repeatable_read", readonly=True) as connection:
            done = {root.key: await self._fetch(connection, root) for root in reads}
        for root in plan.roots:
            if isinstance(root, OtherRoot):
                done[root.key] = await self._other(root)
        return self._answer([(root.key, done[root.key]) for root in plan.roots])

    async def write(self, plan: Plan) -> Answer:
        """A mutation: its root fields one after another, each its own transaction."""
        done = []
        for root in plan.roots:
            assert isinstance(root, OtherRoot)
            done.append((root.key, await self._other(root)))
        return self._answer(done)

    def _answer(self, fields: list[tuple[str, bytes]]) -> Answer:
        data = b"{" + b",".join(msgspec.json.encode(key) + b":" + value for key, value in fields) + b"}"
        return Answer(_body(data, self._errors))

    def _why(self, root: str) -> Why:
        """What read records and the ledger say of this request, and what it may reveal."""
        return Why(
            root,
            self._request.purpose,
            self._operation.digest,
            reveals=self._operation.is_query and not self._request.reads_only,
        )

    async def _fetch(self, connection: Any, root: ReadRoot) -> bytes:
        try:
            return await self._read(connection, root)
        except (RequestError, asyncio.CancelledError):
            raise
        except Exception as error:
            raise translated(error) from error

    async def _read(self, connection: Any, root: ReadRoot) -> bytes:
        """One statement; one that reveals or matches is tried again under a new Scope when the rights changed meanwhile."""
        reader, params, why = self._engine.reader, root.params.values(self._variables), self._why(root.key)
        try:
            return await reader.fetch(connection, root.statement, self._scope, params, why)
        except StaleScope:
            await self._renew()
        return await reader.fetch(connection, root.statement, self._scope, params, why)

    async def _renew(self) -> None:
        """The caller's Scope of this moment. Raises StaleScope when it has another shape: the plan does not fit it."""
        if self._credential is None:
            raise stale("the account's rights")
        await self._engine._scopes.refresh()
        fresh = await self._engine._scopes.scope(self._credential)
        if fresh.shape.key != self._scope.shape.key:
            raise stale("the account's rights")
        self._scope = fresh

    async def _other(self, root: OtherRoot) -> bytes:
        """A handwritten field, a write, or introspection; its refusal is an error at its path."""
        try:
            if root.kind == "write":
                return await self._write(root)
            if root.kind == "handwritten":
                return await self._handwritten(root)
            return self._introspect(root)
        except RequestError as error:
            self._errors.append({**self._engine.refusal(error, self._language), "path": [root.key]})
        except GraphQLError as error:
            self._errors.append({**_plain_error(error), "path": [root.key]})
        except Exception as error:
            self._errors.append({**self._engine.refusal(translated(error), self._language), "path": [root.key]})
        return b"null"

    def _introspect(self, root: OtherRoot) -> bytes:
        """`__schema`, `__type`, `__typename` of the caller's own schema."""
        if root.kind == "__typename":
            return msgspec.json.encode(self._operation.root.name)
        node = self._operation.node
        only = OperationDefinitionNode(
            operation=node.operation,
            variable_definitions=node.variable_definitions,
            selection_set=SelectionSetNode(selections=tuple(root.nodes)),
        )
        document = DocumentNode(definitions=(only, *self._operation.fragments.values()))
        given = {k: v for k, v in self._variables.items() if k != ACCOUNT}
        result = execute_sync(self._caller.schema, document, variable_values=given)
        if result.errors:
            raise result.errors[0]
        return msgspec.json.encode((result.data or {})[root.key])

    async def _handwritten(self, root: OtherRoot) -> bytes:
        """A field of a module; one of the core's own once more under a new Scope when the rights changed meanwhile."""
        assert root.field is not None
        handwritten = self._engine.root_of(root.field.extensions[META]["name"])
        execution = Execution(self._operation.fragments, self._fill)
        given = {k: v for k, v in self._variables.items() if k != ACCOUNT}
        run = partial(execution.run, handwritten, root.key, root.nodes, root.field, self._operation.node, given)
        try:
            try:
                made = await run(self._context())
            except StaleScope:
                await self._renew()
                made = await run(self._context())
            return msgspec.json.encode(made)
        except (RequestError, GraphQLError):
            raise
        except Exception as error:
            told = translated(error)
            if told.code != "internal":
                raise told from error
            module = handwritten.module
            raise Invalid("module.broke", f"the module {module} failed", module=module, **told.facts) from error

    def _context(self) -> Context:
        """What a handwritten resolver gets, with the Scope of this moment."""
        engine = self._engine
        return Context(
            self._scope,
            engine._records,
            engine._pool,
            engine.catalog.model,
            self._language,
            engine._scopes,
            self._credential,
        )

    async def _fill(self, reference: Any, nodes: list[FieldNode], field: Any) -> Any:
        """What the caller sees behind a `Ref` or `Query`: one more statement."""
        params = Params()
        selector = self._engine.selector(self._caller, self._operation, self._variables, params)
        sets = [n.selection_set for n in nodes if n.selection_set]
        if hasattr(reference, "where"):
            connection = selector.connection(nodes, reference.entity, field)
            extra = parse_filter(self._engine.catalog.model, reference.entity, reference.where)
            root: Any = msgspec.structs.replace(connection, where=_both(connection.where, extra))
        else:
            ids = params.add(lambda _: [str(reference.id)])
            root = ByIds(ids, selector.selections(sets, reference.entity, "get"))
        statement = compile_root(self._engine.catalog, self._scope.shape, root)
        why = self._why(nodes[0].name.value)
        body = await self._engine.reader.fetch(None, statement, self._scope, params.values(self._variables), why)
        made = msgspec.Raw(body)
        return made if hasattr(reference, "where") else msgspec.Raw(body[1:-1] or b"null")

    async def _write(self, root: OtherRoot) -> bytes:
        """One call of the one door, and the node as a read would show it."""
        assert root.field is not None
        facts = root.field.extensions[META]
        trees = arguments(root.nodes[0].arguments, root.field.args, self._variables)
        given = {name: plain(tree) for name, tree in trees.items()}
        outcome = await self._written(facts, given)
        params = Params()
        selector = self._engine.selector(self._caller, self._operation, self._variables, params)
        payload = get_named_type(root.field.type)
        assert isinstance(payload, GraphQLObjectType)
        sets = [n.selection_set for n in root.nodes if n.selection_set]
        done: dict[str, Any] = {}
        for key, nodes in selector.collect(sets, payload).items():
            done[key] = await self._part(root, key, nodes, payload, outcome)
        return msgspec.json.encode(done)

    async def _written(self, facts: Mapping[str, Any], given: dict[str, Any]) -> Any:
        """The outcome of a write; once more under a new Scope when the rights changed meanwhile."""
        engine = self._engine
        try:
            return await write(engine._records, engine.catalog, self._scope, facts, given, self._language)
        except StaleScope:
            if self._credential is None:
                raise
        await engine._scopes.refresh()
        self._scope = await engine._scopes.scope(self._credential)
        return await write(engine._records, engine.catalog, self._scope, facts, given, self._language)

    async def _part(
        self, root: OtherRoot, key: str, nodes: list[FieldNode], payload: GraphQLObjectType, outcome: Any
    ) -> Any:
        """One field of a payload."""
        assert root.field is not None
        entity, name = root.field.extensions[META]["entity"], nodes[0].name.value
        sets = [n.selection_set for n in nodes if n.selection_set]
        if name == "__typename":
            return payload.name
        if name in ("errors", "warnings"):
            selector = self._engine.selector(self._caller, self._operation, self._variables, Params())
            type_ = get_named_type(payload.fields[name].type)
            assert isinstance(type_, GraphQLObjectType)
            keys = [(key, found[0].name.value) for key, found in selector.collect(sets, type_).items()]
            return problems(getattr(outcome, name), keys, self._engine.catalog, entity)
        written = first_id(outcome)
        if written is None or name == "id":
            return str(written) if written is not None else None
        read = self._written_node(root, key, sets, entity)
        values = read.params.values({**self._variables, WRITTEN: written})
        body = await self._engine.reader.fetch(None, read.statement, self._scope, values, self._why(payload.name))
        return msgspec.Raw(body[1:-1] or b"null")

    def _written_node(self, root: OtherRoot, key: str, sets: list[SelectionSetNode], entity: str) -> ReadRoot:
        """What reads the node of a payload, kept with the plan as long as the Scope has the plan's shape."""
        planned = self._scope.shape.key == self._caller.builder.shape.key
        if planned and key in root.reads:
            return root.reads[key]
        params = Params()
        selector = self._engine.selector(self._caller, self._operation, self._variables, params)
        ids = params.add(lambda variables: [str(variables[WRITTEN])])
        asked = ByIds(ids, selector.selections(sets, entity, "get"))
        read = ReadRoot(key, compile_root(self._engine.catalog, self._scope.shape, asked), params)
        if planned:
            root.reads[key] = read
        return read


def _both(first: Any, second: Any) -> Any:
    """Both filters."""
    return Every((first, second))


def _body(data: bytes | None, errors: list[dict[str, Any]]) -> bytes:
    """A response of GraphQL over HTTP."""
    parts = []
    if errors:
        parts.append(b'"errors":' + msgspec.json.encode(errors))
    if data is not None:
        parts.append(b'"data":' + data)
    return b"{" + b",".join(parts) + b"}"


def _plain_error(error: GraphQLError) -> dict[str, Any]:
    """An error of the document."""
    made: dict[str, Any] = {"message": error.message, "extensions": {"code": "document.invalid"}}
    if error.locations:
        made["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    return made


def translated(error: Exception) -> RequestError:
    """What a caller is told of an unexpected error: an id, never internals; a value that PostgreSQL refuses is the caller's."""
    name = type(error).__name__
    if name in (
        "DataError",
        "NumericValueOutOfRangeError",
        "DatetimeFieldOverflowError",
        "CharacterNotInRepertoireError",
    ):
        return Invalid("value.invalid", "a value of the request is out of range or of the wrong form")
    if isinstance(error, RequestError):
        return error
    if name in ("DiskFullError", "OutOfMemoryError", "InsufficientResourcesError"):
        log.error("database_full", exc_info=error)
        return Unavailable("database.full", "the database has no room left, nothing was stored: tell the operators")
    mark = uuid.uuid4().hex[:12]
    log.error("unexpected", id=mark, exc_info=error)
    unexpected = Internal(
        "internal", f"something went wrong on our side; tell the operators this number: {mark}", id=mark
    )
    return unexpected
