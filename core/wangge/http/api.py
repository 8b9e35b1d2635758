"""`/api/q/<name>/v<n>`: trusted documents as REST; `/api/openapi.json`, and pages for developers, each for its caller."""

from __future__ import annotations

import datetime as dt
import re
import urllib.parse
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send

from ..documents.book import Document, Documents
from ..documents.handbook import Handbook
from ..documents.parameters import variables_of
from ..errors import Invalid
from ..graphql.engine import Engine
from ..graphql.exchange import Answer, Request, translated
from ..graphql.plans import InvalidDocument
from ..identity.scopes import Scopes
from ..policy.scope import Scope as Rights
from .addresses import address_of
from .callers import Callers
from .deadline import Deadline
from .graphql import MAX_BODY, WrongMethod, WrongType, headers_of_refusal
from .messages import JSON, body_of, headers_of, language_of, send
from .requests import BadRequest

HTML = "text/html; charset=utf-8"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PATH = re.compile(r"/api/q/([a-z0-9-]{1,60}/v[1-9][0-9]{0,3})")
PAGES = {
    "/api/openapi.json": JSON,
    "/api/examples.json": JSON,
    "/api/docs": HTML,
    "/api/dictionary": HTML,
    "/api/dictionary.xlsx": XLSX,
}
"""path -> media type of what is made for each caller."""
MAX_OF_ANYBODY = 100_000
"""bytes of a body without credentials."""


class NoRoute(Invalid):
    """Nothing lies at this path."""

    status = 404


class Api:
    """What answers below `/api`."""

    def __init__(
        self, engine: Engine, scopes: Scopes, callers: Callers, documents: Documents, deadline: Deadline
    ) -> None:
        self._engine = engine
        self._scopes = scopes
        self._callers = callers
        self._documents = documents
        self._deadline = deadline
        self._book = Handbook(engine, documents)

    async def serve(self, scope: Any, receive: Receive, sender: Send) -> None:
        """Answer one request within the deadline."""
        headers = headers_of(scope)
        try:
            async with self._deadline():
                status, body, type_, more = await self._answer(scope, receive, headers)
        except Exception as error:
            refused = translated(error)
            body = msgspec.json.encode({"errors": [self._engine.refusal(refused, language_of(headers))]})
            status, type_, more = refused.status, JSON, headers_of_refusal(refused)
        await send(sender, status, body, type_, more)

    async def _answer(
        self, scope: Any, receive: Receive, headers: Mapping[str, str]
    ) -> tuple[int, bytes, str, Mapping[str, str]]:
        """(status, body, media type, further headers)."""
        path, method = f"/api/{scope['path'].removeprefix('/api').strip('/')}", scope["method"]
        found = PATH.fullmatch(path)
        if found is None and path not in PAGES:
            raise NoRoute("request.no_route", "there is nothing here: /api/openapi.json lists what there is")
        if found is None and method != "GET":
            raise WrongMethod("request.method", "use GET", allow="GET")
        credential = await self._callers.credential(
            headers, writes=method == "POST", address=address_of(scope), anybody=True
        )
        rights = await self._scopes.scope(credential)
        if found is None:
            self._engine.admit(rights, credential)
            return 200, await self._page(path, rights, scope, headers), PAGES[path], {}
        document = await self._documents.find(found[1], rights)
        await self._check_method(method, document, rights)
        request = await self._documents.prepared(_request(document, headers, method == "GET"), rights)
        variables = await self._variables(request, rights, scope, receive, headers)
        answer = await self._engine.execute(msgspec.structs.replace(request, variables=variables), rights, credential)
        return _status(answer), answer.body, JSON, _more(answer, document)

    async def _check_method(self, method: str, document: Document, rights: Rights) -> None:
        """Raises WrongMethod for what a document does not take."""
        if method in ("GET", "POST"):
            return
        try:
            reads = (await self._engine.operation_of(Request(document.document, document=document.id), rights)).is_query
        except InvalidDocument:
            reads = False
        raise WrongMethod("request.method", "use POST, or GET for queries", allow="GET, POST" if reads else "POST")

    async def _page(self, path: str, rights: Rights, scope: Any, headers: Mapping[str, str]) -> bytes:
        """What is made for one caller."""
        language, book = _language(scope, headers), self._book
        if path == "/api/openapi.json":
            return await book.openapi(rights, language)
        if path == "/api/examples.json":
            return await book.examples(rights, language)
        if path == "/api/docs":
            address = f"{scope['scheme']}://{headers.get('host', '127.0.0.1')}"
            return await book.interface(rights, rights.actor.name, address, language)
        if path == "/api/dictionary":
            workbook = f"/api/dictionary.xlsx?language={language}"
            return await book.dictionary(rights, rights.actor.name, workbook, language)
        return await book.workbook(rights, language)

    async def _variables(
        self, request: Request, rights: Rights, scope: Any, receive: Receive, headers: Mapping[str, str]
    ) -> dict[str, Any]:
        """The variables: of the query string, or the JSON object of the body."""
        if request.reads_only:
            try:
                operation = await self._engine.operation_of(request, rights)
            except InvalidDocument:  # the engine says so
                return {}
            return variables_of(scope["query_string"].decode("latin-1"), operation.types)
        if scope["query_string"]:
            raise BadRequest("request.malformed", "with POST the variables stand in the body, as one JSON object")
        body = await body_of(receive, MAX_BODY if rights.actor.account is not None else MAX_OF_ANYBODY)
        if body and headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise WrongType("request.media_type", "send Content-Type: application/json")
        try:
            given = msgspec.json.decode(body) if body else {}
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise BadRequest("request.malformed", "the body is not valid JSON") from None
        if not isinstance(given, dict):
            raise BadRequest("request.malformed", "the body is one JSON object: the variables by their names")
        return given


def _language(scope: Any, headers: Mapping[str, str]) -> str:
    """That of the query string (`?language=en`), which a link carries; else what the browser asks for."""
    given = urllib.parse.parse_qs(scope["query_string"].decode("latin-1")).get("language")
    return ("en" if given[0] == "en" else "zh") if given else language_of(headers)


def _request(document: Document, headers: Mapping[str, str], reads_only: bool) -> Request:
    """The request for a document."""
    return Request(
        "",
        language=language_of(headers),
        reads_only=reads_only,
        purpose=headers.get("wangge-purpose", "").strip() or None,
        document=document.id,
    )


def _status(answer: Answer) -> int:
    """What the engine refused keeps its status."""
    return 200 if answer.executed else answer.status


def _more(answer: Answer, document: Document) -> dict[str, str]:
    """Headers beside the body: when to try again, and since when the document is deprecated (RFC 9745)."""
    more = {"retry-after": str(answer.retry_after)} if answer.retry_after is not None else {}
    if answer.status == 405:
        more["allow"] = "POST"
    if document.deprecated_on is not None:
        moment = dt.datetime.combine(document.deprecated_on, dt.time(), dt.timezone(dt.timedelta(hours=8)))
        more["deprecation"] = f"@{int(moment.timestamp())}"
    return more


def api_route(
    engine: Engine, scopes: Scopes, callers: Callers, documents: Documents, deadline: Deadline
) -> ASGIRouteHandler:
    """The route of everything below `/api`."""
    api = Api(engine, scopes, callers, documents, deadline)

    @asgi("/api", is_mount=True, copy_scope=False)
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await api.serve(scope, receive, send)

    return serve
