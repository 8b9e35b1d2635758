"""A request to bytes: schema of the shape, plan of the document, one statement a root field, the database's text as the answer."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Hashable
from typing import Any

import msgspec
import structlog

from graphql import (
    FieldNode,
    GraphQLSchema,
    print_schema,
)

from ..audit.entries import append
from ..audit.reads import Reads
from ..crypto import Keys
from ..errors import Denied, Invalid, RequestError, Throttled
from ..files.uploads import Uploads
from ..model.role_limits import RoleLimits
from ..model.types import Model
from ..modules.hooks import Hooks
from ..modules.trace import Trace
from ..policy.kept import Lru
from ..policy.scope import Scope, Shape
from ..records.outcome import StaleScope
from ..sql.ast import ById, Connection
from ..sql.catalog import Catalog
from ..sql.compile import compile_root
from . import (
    access,
    administration,
    approving,
    cursors,
    differences,
    identities,
    me,
    my_data,
    role_limits,
    rules,
    uploading,
)
from .arguments import Variables, arguments
from .exchange import ACCOUNT, Answer, NeedsPost, NeedsStream, Request, body, plain_error
from .feeds import FeedPlan, Pages, changed_root, plan_feed
from .filters import Params
from .handwritten import Graft, Root, convert
from .limits import Amount, check_amount, check_measures, check_roots, cost_of
from .plans import (
    KEPT_DOCUMENTS,
    KEPT_PLANS,
    KEPT_SCHEMAS,
    CallerSchema,
    InvalidDocument,
    Operation,
    OtherRoot,
    Plan,
    ReadRoot,
    coerce,
    read_operation,
)
from .positions import Place, rights_of, seal
from .previewing import previewing
from .questions import question
from .rates import Rates
from .reading import Reader, Why
from .run import Run
from .schema import META, SchemaBuilder, assemble
from .select import Selector
from .sentences import Refusals
from .watching import Watch
from .writes import WriteFields

log = structlog.get_logger("wangge.graphql")
LONGEST_PAUSE = 0.5
"""seconds after which the next schema is built at the latest."""


class TooMany(Throttled):
    """More requests than a caller may send in a minute; `news` when the ledger does not say so yet."""


class Engine:
    """Executes requests of all callers of one process."""

    def __init__(
        self,
        catalog: Catalog,
        pool: Any,
        scopes: Any,
        keys: Keys,
        hooks: Hooks,
        records: Any,
        reads: Reads,
        issuer: str | None = None,
        *,
        limits: RoleLimits | None = None,
        requests: int = RoleLimits().requests,
        uploads: Uploads | None = None,
    ) -> None:
        """`issuer` is the OpenID provider whose people may be linked to accounts.

        `limits` hold for everybody in the place of those of the roles; `requests` a minute where a role says nothing.
        """
        self.issuer = issuer
        self._all = limits
        self._default = RoleLimits(requests=requests)
        self._rates = Rates()
        self.catalog = catalog
        self._pool = pool
        self._scopes = scopes
        self._keys = keys
        self._records = records
        self.refusal = Refusals(records.kit.sentences)
        self._handwritten = _convert(hooks, catalog.model)
        self.reader = Reader(pool, keys, reads, hooks.computed_fields(), scopes.clock.now)
        self.pages = Pages(pool, self.reader, keys)
        self.uploads = uploads
        self.built = 0
        """schemas made so far."""
        self._schemas = Lru(KEPT_SCHEMAS)
        self._building = asyncio.Lock()
        self._documents = Lru(KEPT_DOCUMENTS)
        self._plans = Lru(KEPT_PLANS)

    # --- schema ---

    def schema(self, shape: Shape, language: str) -> CallerSchema:
        """The schema of a shape, built once."""
        key = (shape.key, language)
        found: CallerSchema | None = self._schemas.find(key)
        if found is None:
            self.built += 1
            log.debug("schema_built", shape=shape.key, language=language)
            builder = SchemaBuilder(self.catalog, shape, language)
            writes = WriteFields(builder)
            graft = Graft(builder, {"InputError": writes.problem})
            query = builder.roots() | graft.fields(self._handwritten, mutation=False)
            mutation = writes.fields() | graft.fields(self._handwritten, mutation=True)
            found = CallerSchema(assemble(builder, query, mutation), builder)
            self._schemas.keep(key, found)
        return found

    async def _caller(self, shape: Shape, language: str) -> CallerSchema:
        """The schema; those of many shapes are built one after another, with as much time for everybody else in between.

        A large schema takes a good part of a second: without pauses, what the database answers meanwhile would count as late.
        """
        found: CallerSchema | None = self._schemas.find((shape.key, language))
        if found is not None:
            return found
        async with self._building:
            began, built = time.monotonic(), self.built
            found = self.schema(shape, language)
            if self.built != built:
                await asyncio.sleep(min(time.monotonic() - began, LONGEST_PAUSE))
        return found

    async def caller_of(self, scope: Scope, language: str) -> CallerSchema:
        """The schema of a caller, in a process that serves."""
        return await self._caller(scope.shape, language)

    def sdl(self, shape: Shape, language: str) -> str:
        """The schema of a shape as SDL."""
        return print_schema(self.schema(shape, language).schema)

    # --- a request ---

    def limits(self, scope: Scope) -> RoleLimits:
        """What a caller may ask for."""
        found: RoleLimits = self._all or self._scopes.world.limits_of(scope.roles, self._default)
        return found

    def admit(self, scope: Scope, credential: Any) -> None:
        """Count a request. Raises TooMany beyond what the caller may send in a minute."""
        if credential is None:
            return
        caller: Hashable = credential.token or credential.account
        if scope.actor.kind == "public":
            caller = credential.address
        limit = self.limits(scope).requests
        wait = self._rates.take(caller, limit)
        if wait is not None:
            seconds = max(1, math.ceil(wait))
            raise TooMany(
                "limit.requests",
                f"at most {limit} requests a minute: wait {seconds} s",
                limit=limit,
                retry_after=seconds,
                news=self._rates.is_news(caller),
            )

    async def execute(self, request: Request, scope: Scope, credential: Any = None) -> Answer:
        """Answer one request; never raises for what a caller can cause."""
        try:
            self.admit(scope, credential)
            try:
                return await self._execute(request, scope, credential)
            except StaleScope:  # of a query; a write answers it at its own root field
                if credential is None:
                    raise
                return await self._anew(request, credential)
        except RequestError as error:
            return await self.refused(error, request, scope)

    async def refused(self, error: RequestError, request: Request, scope: Scope) -> Answer:
        """The answer of a request that is refused; that somebody may not do something stands in the ledger."""
        if isinstance(error, InvalidDocument):
            return Answer(body(None, [plain_error(e) for e in error.errors]), executed=False, status=400)
        if isinstance(error, Denied | Throttled) and error.facts.pop("news", True):
            who, district = scope.actor, scope.home_district
            await append(self._pool, who, "denied:read", district=district, reason=error.code)
        made = body(None, [self.refusal(error, request.language)])
        return Answer(made, executed=False, status=error.status, retry_after=error.facts.get("retry_after"))

    async def is_subscription(self, request: Request, scope: Scope) -> bool:
        """Whether a request is answered by a stream; one that is refused is not."""
        try:
            caller = await self._caller(scope.shape, request.language)
            return self._operation(caller.schema, request, scope.shape, self.limits(scope)).is_subscription
        except RequestError:
            return False

    async def watch(self, request: Request, scope: Scope, credential: Any) -> Watch:
        """A subscription, compiled once for all that differ in values only. Raises RequestError for what it may not ask."""
        self.check_documents(request, scope)
        request = _purposed(request, credential)
        if request.preview is not None:
            raise Denied("preview.reads_only", "a preview only reads: leave Wangge-Preview-As away")
        self._check_purpose(request, scope)
        caller, limits = await self._caller(scope.shape, request.language), self.limits(scope)
        operation = self._operation(caller.schema, request, scope.shape, limits)
        check_measures(operation.measures, limits)
        variables = {**coerce(caller.schema, operation, request.variables), ACCOUNT: scope.actor.account}
        key = (
            "watch",
            scope.shape.key,
            request.language,
            request.operation,
            request.query,
            operation.skeleton(variables),
        )
        found: tuple[str, Any, FeedPlan] | None = self._plans.find(key)
        if found is None:
            found = self._watched(caller, operation, variables)
            self._plans.keep(key, found)
        name, given, plan = found
        check_amount(Amount(1).plus(plan.cost.total(lambda at: plan.params.takes[at](variables))), limits)
        why = Why(name, request.purpose, operation.digest, reveals=False)
        after = given.take(variables) if given is not None else None
        return Watch(key, plan, name, variables, after, why)

    def _watched(self, caller: CallerSchema, operation: Operation, variables: Variables) -> tuple[str, Any, FeedPlan]:
        """(response key, what gives the position to begin at, the plan) of a subscription's one field."""
        selector = self.selector(caller, operation, variables, Params())
        asked = selector.collect([operation.node.selection_set], operation.root)
        if len(asked) != 1:
            raise Invalid("subscription.one_field", "a subscription has one root field")
        ((name, nodes),) = asked.items()
        field = operation.root.fields[nodes[0].name.value]
        root, where = changed_root(selector, nodes, field, field.extensions[META]["entity"])
        plan = plan_feed(selector, root, where=where, also="subscribe")
        return name, arguments(nodes[0].arguments, field.args, variables).get("after"), plan

    def _check_purpose(self, request: Request, scope: Scope) -> None:
        if request.purpose is not None and not scope.shape.may_name(request.purpose):
            raise Denied("purpose.not_allowed", "the header Wangge-Purpose names no purpose that the caller may use")

    def check_documents(self, request: Request, scope: Scope) -> None:
        """Raises Denied for who may ask by trusted documents only, and names none."""
        roles = self.catalog.model.roles
        if request.document is None and any(roles[name].documents_only for name in scope.roles if name in roles):
            raise Denied("document.required", "the caller may send trusted documents only: name one in documentId")

    async def _execute(self, request: Request, scope: Scope, credential: Any) -> Answer:
        self.check_documents(request, scope)
        request = _purposed(request, credential)
        if request.preview is not None:
            scope, credential = await previewing(self._scopes, self._pool, scope, credential, request.preview), None
        self._check_purpose(request, scope)
        caller = await self._caller(scope.shape, request.language)
        limits = self.limits(scope)
        operation = self._operation(caller.schema, request, scope.shape, limits)
        check_measures(operation.measures, limits)
        if operation.is_subscription:
            raise NeedsStream("request.needs_stream", "a subscription needs a WebSocket, or Accept: text/event-stream")
        if request.reads_only and not operation.is_query:
            raise NeedsPost("request.mutation_over_get", "a mutation needs POST")
        if request.preview is not None and not operation.is_query:
            raise Denied("preview.reads_only", "a preview only reads: leave Wangge-Preview-As away to write")
        variables = coerce(caller.schema, operation, request.variables)
        plan = self._plan(caller, operation, request, scope, variables)
        check_roots(len(plan.roots), limits)
        run = Run(self, caller, operation, scope, credential, variables, request)
        return await (run.read(plan) if operation.is_query else run.write(plan))

    async def _anew(self, request: Request, credential: Any) -> Answer:
        """A query that reveals or matches, once more under the rights of this moment: they changed while it was asked."""
        await self._scopes.refresh()
        return await self._execute(request, await self._scopes.scope(credential), credential)

    def operation(self, request: Request, shape: Shape) -> Operation:
        """The operation of a request in the schema of a shape. Raises InvalidDocument, Invalid."""
        return self._operation(self.schema(shape, request.language).schema, request, shape, self._default)

    async def operation_of(self, request: Request, scope: Scope) -> Operation:
        """The same for a caller, in a process that serves: schemas are built one after another."""
        schema = (await self._caller(scope.shape, request.language)).schema
        return self._operation(schema, request, scope.shape, self.limits(scope))

    def _operation(self, schema: GraphQLSchema, request: Request, shape: Shape, limits: RoleLimits) -> Operation:
        key = (shape.key, request.language, request.operation, request.query)
        found: Operation | None = self._documents.find(key)
        if found is None:
            found = read_operation(schema, request.query, request.operation, limits)
            self._documents.keep(key, found)
        return found

    def _plan(
        self, caller: CallerSchema, operation: Operation, request: Request, scope: Scope, variables: Variables
    ) -> Plan:
        """The plan of a document and the skeleton of its variables."""
        key = (scope.shape.key, request.language, request.operation, request.query, operation.skeleton(variables))
        found: Plan | None = self._plans.find(key)
        if found is None:
            found = self._compile(caller, operation, variables, self.limits(scope))
            self._plans.keep(key, found)
        return found

    def selector(self, caller: CallerSchema, operation: Operation, variables: Variables, params: Params) -> Selector:
        """What reads the selections of a plan; cursors are opened for the account of each request."""

        def opened(binding: str, cursor: Any, count: int, given: Variables) -> list[Any]:
            return cursors.open_cursor(self._keys, str(given.get(ACCOUNT)), binding, cursor, count)

        return Selector(caller.builder, operation.fragments, variables, params, opened)

    def _compile(self, caller: CallerSchema, operation: Operation, variables: Variables, limits: RoleLimits) -> Plan:
        """Compile every root field."""
        first = self.selector(caller, operation, variables, Params())
        roots: list[ReadRoot | OtherRoot] = []
        asked = first.collect([operation.node.selection_set], operation.root)
        check_roots(len(asked), limits)
        for key, nodes in asked.items():
            name = nodes[0].name.value
            field = operation.root.fields.get(name)
            kind = field.extensions[META]["kind"] if field is not None else name
            if kind in ("by_id", "connection", "cube") and field is not None:
                params = Params()
                selector = self.selector(caller, operation, variables, params)
                root = _root(selector, kind, nodes, field)
                statement = compile_root(self.catalog, caller.builder.shape, root)
                roots.append(ReadRoot(key, statement, params, cost_of(root)))
            else:
                roots.append(OtherRoot(key, kind, nodes, field))
        return Plan(tuple(roots))

    def position(self, scope: Scope, epoch: int, value: int) -> str:
        """A position as the caller would be given it, for the proof of the permissions."""
        return seal(self._keys, scope, rights_of(scope), Place(epoch, value))

    def root_of(self, name: str) -> Root:
        """A handwritten root field."""
        return self._handwritten[name]


CORE_FIELDS: tuple[tuple[type | None, type | None], ...] = (
    (me.Query, None),
    (access.Query, None),
    (administration.Query, administration.Mutation),
    (None, identities.Mutation),
    (approving.Query, approving.Mutation),
    (differences.Query, rules.Mutation),
    (my_data.Query, my_data.Mutation),
    (None, role_limits.Mutation),
    (None, uploading.Mutation),
)
"""the core's own root fields: (Query, Mutation) of a file each."""


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


def _purposed(request: Request, credential: Any) -> Request:
    """The request for the one purpose of its token, where that has one. Raises Denied when it names another."""
    purpose = credential.purpose if credential is not None else None
    if purpose is None or request.purpose == purpose:
        return request
    if request.purpose is not None:
        raise Denied("token.other_purpose", f'this token is for the purpose "{purpose}" only', purpose=purpose)
    return msgspec.structs.replace(request, purpose=purpose)


def _root(selector: Selector, kind: str, nodes: list[FieldNode], field: Any) -> ById | Connection:
    """The compiler's root of a generated field."""
    entity = field.extensions[META]["entity"]
    if kind == "cube":
        return question(selector, nodes, entity, field)
    if kind == "connection":
        return selector.connection(nodes, entity, field)
    leaf = arguments(nodes[0].arguments, field.args, selector.variables)["id"]
    wanted = selector.params.add(leaf.take)
    return ById(wanted, selector.selections([n.selection_set for n in nodes if n.selection_set], entity, "get"))
