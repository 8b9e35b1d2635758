"""`/graphql`: GraphQL over HTTP (POST, GET for queries), and GraphiQL for a browser."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send

from ..documents.book import Documents
from ..errors import Invalid, RequestError, Unauthenticated
from ..graphql.engine import Engine
from ..graphql.exchange import Answer, Request, translated
from ..identity.scopes import Scopes
from .addresses import address_of
from .callers import Callers
from .console import Console
from .deadline import Deadline
from .messages import MAX_BODY as MAX_NAMELESS
from .messages import body_of, headers_of, language_of, send

MAX_BODY = 32_000_000
"""bytes of one request: 10,000 rows of persons with all their fields. Who names no account sends less."""
GRAPHQL_JSON = "application/graphql-response+json"
PLAIN_JSON = "application/json"


class BadRequest(Invalid):
    """The HTTP request holds no GraphQL request."""

    status = 400


class WrongMethod(Invalid):
    """A method that this route does not have."""

    status = 405


class WrongType(Invalid):
    """A body of another media type."""

    status = 415


class NotAcceptable(Invalid):
    """The client accepts nothing that this route sends."""

    status = 406


def graphql_route(
    engine: Engine, scopes: Scopes, callers: Callers, documents: Documents, console: Console, deadline: Deadline
) -> ASGIRouteHandler:
    """The route; every request is answered within the deadline."""

    @asgi("/graphql", copy_scope=False)
    async def graphql(scope: Scope, receive: Receive, send: Send) -> None:
        headers = headers_of(scope)
        if scope["method"] == "GET" and _wants_page(headers):  # type: ignore[typeddict-item] # an HTTP scope has a method
            await console.page("graphiql/index.html", send)
            return
        await _serve(scope, receive, send, headers, engine, scopes, callers, documents, deadline)

    return graphql


def _wants_page(headers: Mapping[str, str]) -> bool:
    """Whether a browser asks for a page."""
    accept = headers.get("accept", "")
    return "text/html" in accept and PLAIN_JSON not in accept


async def _serve(
    scope: Any,
    receive: Receive,
    sender: Send,
    headers: Mapping[str, str],
    engine: Engine,
    scopes: Scopes,
    callers: Callers,
    documents: Documents,
    deadline: Deadline,
) -> None:
    """One request: who, what, answer."""
    type_ = PLAIN_JSON
    try:
        type_ = _accepted(headers)
        if scope["method"] not in ("GET", "POST"):
            raise WrongMethod("request.method", "use POST, or GET for queries")
        async with deadline():
            request = await _request(scope, receive, headers)
            writes, anybody = scope["method"] == "POST", request.document is not None
            credential = await callers.credential(headers, writes=writes, address=address_of(scope), anybody=anybody)
            caller = await scopes.scope(credential)
            answer = await engine.execute(await documents.prepared(request, caller), caller, credential)
    except Exception as error:
        refused = translated(error)
        body = msgspec.json.encode({"errors": [engine.refusal(refused, language_of(headers))]})
        await send(sender, refused.status, body, f"{type_}; charset=utf-8", headers_of_refusal(refused))
        return
    status = _status(answer, type_)
    more = {"allow": "POST"} if status == 405 else {}
    if answer.retry_after is not None:
        more["retry-after"] = str(answer.retry_after)
    await send(sender, status, answer.body, f"{type_}; charset=utf-8", more)


def headers_of_refusal(error: RequestError) -> dict[str, str]:
    """What a refusal says beside its body."""
    more = {"www-authenticate": "Bearer"} if isinstance(error, Unauthenticated) else {}
    if isinstance(error, WrongMethod):
        more["allow"] = "GET, POST"
    if "retry_after" in error.facts:
        more["retry-after"] = str(error.facts["retry_after"])
    return more


def _status(answer: Answer, type_: str) -> int:
    """With the older media type a well-formed request answers 200, whatever the document is; refusals keep their status."""
    if answer.executed:
        return 200
    return (
        200 if type_ == PLAIN_JSON and answer.status in (400, 422) else 400 if answer.status == 422 else answer.status
    )


def _accepted(headers: Mapping[str, str]) -> str:
    """The media type of the answer; raises NotAcceptable."""
    accept = headers.get("accept", "").strip()
    if not accept:
        return PLAIN_JSON
    offers = sorted((_offer(part) for part in accept.split(",")), key=lambda offer: -offer[1])
    for media, weight in offers:
        if weight > 0 and media in (GRAPHQL_JSON, PLAIN_JSON):
            return media
        if weight > 0 and media in ("*/*", "application/*"):
            return PLAIN_JSON
    raise NotAcceptable("request.not_acceptable", f"this route sends {GRAPHQL_JSON} or {PLAIN_JSON}")


def _offer(part: str) -> tuple[str, float]:
    """(media type, weight) of one part of Accept; a weight that is none counts as 1."""
    media, *parameters = [piece.strip().lower() for piece in part.split(";")]
    found = [p.removeprefix("q=") for p in parameters if p.startswith("q=")]
    try:
        return media, float(found[0]) if found else 1.0
    except ValueError:
        return media, 1.0


async def _request(scope: Any, receive: Receive, headers: Mapping[str, str]) -> Request:
    """The GraphQL request of an HTTP request; raises BadRequest."""
    if scope["method"] == "GET":
        return _from_query(scope["query_string"].decode("latin-1"), headers)
    media, _, parameters = headers.get("content-type", "").partition(";")
    if media.strip().lower() != PLAIN_JSON:
        raise WrongType("request.media_type", "send Content-Type: application/json")
    if "charset" in parameters.lower() and "utf-8" not in parameters.lower().replace("utf8", "utf-8"):
        raise WrongType("request.media_type", "send the body in UTF-8")
    named = "authorization" in headers or "cookie" in headers
    try:
        given = msgspec.json.decode(await body_of(receive, MAX_BODY if named else MAX_NAMELESS))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadRequest("request.malformed", "the body is not valid JSON") from None
    return _checked(given, headers, reads_only=False)


def _from_query(text: str, headers: Mapping[str, str]) -> Request:
    """The request of a query string."""
    try:
        pairs = urllib.parse.parse_qs(text, keep_blank_values=True, max_num_fields=50)
        given: dict[str, Any] = {name: values[-1] for name, values in pairs.items()}
        for name in ("variables", "extensions"):
            if given.get(name):
                given[name] = msgspec.json.decode(given[name])
            else:
                given.pop(name, None)
    except (msgspec.DecodeError, ValueError):
        raise BadRequest("request.malformed", "variables and extensions hold JSON") from None
    return _checked(given, headers, reads_only=True)


def _checked(given: Any, headers: Mapping[str, str], *, reads_only: bool) -> Request:
    """The parameters, of the right types."""
    if not isinstance(given, dict):
        raise BadRequest("request.malformed", "the body is one JSON object: {query, variables, operationName}")
    document = given.get("documentId")
    if document is not None and (not isinstance(document, str) or given.get("query") is not None):
        raise BadRequest(
            "request.malformed", '"documentId" names a trusted document, and stands there instead of "query"'
        )
    if document is None and (not isinstance(given.get("query"), str) or not given["query"]):
        raise BadRequest("request.no_query", 'the request has no text under "query"')
    operation = given.get("operationName")
    if operation is not None and not isinstance(operation, str):
        raise BadRequest("request.malformed", '"operationName" is a string')
    for name in ("variables", "extensions"):
        if given.get(name) is not None and not isinstance(given[name], dict):
            raise BadRequest("request.malformed", f'"{name}" is an object')
    return Request(
        given.get("query") or "",
        given.get("variables") or {},
        operation or None,
        language_of(headers),
        reads_only,
        headers.get("wangge-purpose", "").strip() or None,
        headers.get("wangge-preview-as", "").strip() or None,
        document,
    )
