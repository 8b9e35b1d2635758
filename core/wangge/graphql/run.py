"""One operation of one request: its root fields read, written or resolved, and put together in the order that was asked."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from graphql.language import DocumentNode

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLObjectType,
    OperationDefinitionNode,
    SelectionSetNode,
    execute_sync,
    get_named_type,
)

from ..errors import Invalid, RequestError
from ..model.conditions import parse_filter
from ..model.filter import Every
from ..policy.scope import Scope
from ..records.outcome import StaleScope
from ..records.storing import stale
from ..sql.ast import ByIds
from ..sql.compile import compile_root
from .arguments import Variables, values
from .exchange import ACCOUNT, ROWS, Answer, Request, body, plain_error, translated
from .feeds import page_body, page_root, page_size, plan_feed
from .file_links import bearer_of
from .filters import Params
from .handwritten import Context, Execution
from .limits import Amount, check_amount, cost_of
from .plans import CallerSchema, Operation, OtherRoot, Plan, ReadRoot
from .reading import Why
from .schema import FILE, META
from .writes import problems, write, written

if TYPE_CHECKING:
    from .engine import Engine


NO_NODE = ("__typename", "id", "ids", "errors", "warnings")
"""fields of a payload that are no node."""


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
        self._asked = Amount()

    async def read(self, plan: Plan) -> Answer:
        """A query: one statement a root field, all in one snapshot."""
        reads = [root for root in plan.roots if isinstance(root, ReadRoot)]
        for read in reads:
            self._charge(read.total(self._variables))
        if len(reads) == 1 and len(plan.roots) == 1:
            return self._answer([(reads[0].key, await self._fetch(None, reads[0]))])
        async with self._engine._pool.transaction(isolation="repeatable_read", readonly=True) as connection:
            done = {root.key: await self._fetch(connection, root) for root in reads}
            for root in plan.roots:
                if isinstance(root, OtherRoot) and root.kind == "node":
                    done[root.key] = await self._node(connection, root)
        for root in plan.roots:
            if isinstance(root, OtherRoot) and root.kind == "changes":
                done[root.key] = await self._changes(root)
            elif isinstance(root, OtherRoot) and root.kind != "node":
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
        return Answer(body(data, self._errors, self._asked.cost))

    def _charge(self, asked: Amount, times: int = 1) -> None:
        """Add to what the document asks for before its part is executed. Raises Invalid when it is too much."""
        self._asked = self._asked.plus(asked, times)
        check_amount(self._asked, self._engine.limits(self._scope))

    def _why(self, root: str) -> Why:
        """What read records and the ledger say of this request, and what it may reveal."""
        return Why(
            root,
            self._request.purpose,
            self._operation.digest,
            reveals=self._operation.is_query and not self._request.reads_only,
            bearer=bearer_of(self._credential),
        )

    async def _fetch(self, connection: Any, root: ReadRoot) -> bytes:
        try:
            values, why = root.params.values(self._variables), self._why(root.key)
            return await self._engine.reader.fetch(connection, root.statement, self._scope, values, why)
        except (RequestError, asyncio.CancelledError):
            raise
        except Exception as error:
            raise translated(error) from error

    async def _node(self, connection: Any, root: OtherRoot) -> bytes:
        """The object behind a global id; an id of nothing, of a type or of a row that the caller may not see gives null."""
        assert root.field is not None
        type_, row = open_node_id(values(root.nodes[0].arguments, root.field.args, self._variables)["nodeId"])
        builder = self._caller.builder
        entity = builder.entity_of_type.get(type_, "")
        if not entity or entity == FILE or entity not in builder.kinds(entity, "get"):
            return b"null"
        sets = [node.selection_set for node in root.nodes if node.selection_set]
        read = self._row_read(root, f"{root.key} {entity}", sets, entity)
        self._charge(read.total(self._variables))
        try:
            taken = read.params.values({**self._variables, ROWS: [row]})
            body = await self._engine.reader.fetch(connection, read.statement, self._scope, taken, self._why(root.key))
        except (RequestError, asyncio.CancelledError):
            raise
        except Exception as error:
            raise translated(error) from error
        return body[1:-1] or b"null"

    async def _changes(self, root: OtherRoot) -> bytes:
        """A page of changes, under the rights of this moment."""
        assert root.field is not None
        given = values(root.nodes[0].arguments, root.field.args, self._variables)
        for stored in (False, True) if not root.feeds else ():
            selector = self._engine.selector(self._caller, self._operation, self._variables, Params())
            items, below = page_root(selector, root.nodes, root.field, given["entity"])
            root.feeds[stored] = (items, plan_feed(selector, below, stored=stored))
        items, plan = root.feeds[False]
        size = page_size(given.get("first"))
        each = plan.cost.total(lambda at: plan.params.takes[at](self._variables))
        self._charge(Amount(1 + size, size, size).plus(each, size))
        plans = {stored: made for stored, (_, made) in root.feeds.items()}
        try:
            page = await self._engine.pages.answer(plans, given, self._variables, self._scope, self._why(root.key))
        except (RequestError, asyncio.CancelledError):
            raise
        except Exception as error:
            raise translated(error) from error
        return page_body(items, page)

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
            self._errors.append({**plain_error(error), "path": [root.key]})
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
            engine.issuer,
            engine.uploads,
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
        self._charge(cost_of(root).total(lambda index: params.takes[index](self._variables)))
        statement = compile_root(self._engine.catalog, self._scope.shape, root)
        why = self._why(nodes[0].name.value)
        body = await self._engine.reader.fetch(None, statement, self._scope, params.values(self._variables), why)
        made = msgspec.Raw(body)
        return made if hasattr(reference, "where") else msgspec.Raw(body[1:-1] or b"null")

    async def _write(self, root: OtherRoot) -> bytes:
        """One call of the one door, and the node as a read would show it."""
        assert root.field is not None
        facts = root.field.extensions[META]
        given = values(root.nodes[0].arguments, root.field.args, self._variables)
        count = len(given.get("inputs") or given.get("ids") or ()) if facts["many"] else 1
        selector = self._engine.selector(self._caller, self._operation, self._variables, Params())
        payload = get_named_type(root.field.type)
        assert isinstance(payload, GraphQLObjectType)
        asked = selector.collect([n.selection_set for n in root.nodes if n.selection_set], payload)
        for key, nodes in asked.items():  # before anything is written
            if nodes[0].name.value not in NO_NODE:
                sets = [n.selection_set for n in nodes if n.selection_set]
                self._charge(self._row_read(root, key, sets, facts["entity"]).total(self._variables), count)
        outcome = await self._written(facts, given)
        ids = written(outcome, count)
        done: dict[str, Any] = {}
        for key, nodes in asked.items():
            done[key] = await self._part(root, key, nodes, payload, outcome, ids)
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
        self,
        root: OtherRoot,
        key: str,
        nodes: list[FieldNode],
        payload: GraphQLObjectType,
        outcome: Any,
        ids: list[str | None],
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
        if name in ("id", "ids"):
            return ids if name == "ids" else ids[0]
        if not any(ids):
            return ids if name == "nodes" else None
        read = self._row_read(root, key, sets, entity)
        taken = read.params.values({**self._variables, ROWS: ids})
        body = await self._engine.reader.fetch(None, read.statement, self._scope, taken, self._why(payload.name))
        return msgspec.Raw(body if name == "nodes" else body[1:-1] or b"null")

    def _row_read(self, root: OtherRoot, key: str, sets: list[SelectionSetNode], entity: str) -> ReadRoot:
        """What reads rows of `entity` whose ids Python knows, kept with the plan as long as the Scope has the plan's shape."""
        planned = self._scope.shape.key == self._caller.builder.shape.key
        if planned and key in root.reads:
            return root.reads[key]
        params = Params()
        selector = self._engine.selector(self._caller, self._operation, self._variables, params)
        ids = params.add(lambda variables: variables[ROWS])
        asked = ByIds(ids, selector.selections(sets, entity, "get"))
        read = ReadRoot(key, compile_root(self._engine.catalog, self._scope.shape, asked), params, cost_of(asked))
        if planned:
            root.reads[key] = read
        return read


def open_node_id(given: Any) -> tuple[str, str]:
    """(type, id) of a global id; ("", "") of a text that is none."""
    try:
        type_, _, row = base64.b64decode(str(given), validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return type_, row


def _both(first: Any, second: Any) -> Any:
    """Both filters."""
    return Every((first, second))
