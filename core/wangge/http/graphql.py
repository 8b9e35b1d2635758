"""`/graphql`: GraphQL over HTTP (POST, GET for queries), subscriptions as streams and over WebSockets, GraphiQL for a browser."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send

from ..errors import Invalid, RequestError, Unauthenticated
from ..graphql.exchange import Answer, Request, translated
from ..graphql.streams import Stream
from ..identity.scopes import Credential
from .addresses import address_of
from .console import Console
from .files import Files
from .messages import MAX_BODY as MAX_NAMELESS
from .messages import body_of, headers_of, language_of, send
from .parts import is_form, parts_of, put_in
from .requests import BadRequest, checked
from .serving import Serving
from .streaming import EVENT_STREAM, FORMS, STREAMS, send_once, send_stream
from .websocket import Socket

MAX_BODY = 32_000_000
"""bytes of one request: 10,000 rows of persons with all their fields. Who names no account sends less."""
GRAPHQL_JSON = "application/graphql-response+json"
PLAIN_JSON = "application/json"
PREFLIGHT = frozenset(("wangge-csrf", "graphql-require-preflight", "apollo-require-preflight"))
"""fields of which one comes with a form: no page of another site can send them without being asked whether it may."""


class WrongMethod(Invalid):
    """A method that this route does not have."""

    status = 405


class WrongType(Invalid):
    """A body of another media type."""

    status = 415


class NotAcceptable(Invalid):
    """The client accepts nothing that this route sends."""

    status = 406


def graphql_route(serving: Serving, console: Console) -> ASGIRouteHandler:
    """The route: requests, streams, and WebSockets."""

    @asgi("/graphql", copy_scope=False)
    async def graphql(scope: Scope, receive: Receive, send: Send) -> None:
        headers = headers_of(scope)
        if str(scope["type"]) == "websocket":
            await Socket(scope, receive, send, headers, serving).serve()
        elif scope["method"] == "GET" and _wants_page(headers):  # type: ignore[typeddict-item] # an HTTP scope has a method
            await console.page("graphiql/index.html", send)
        else:
            await _serve(scope, receive, send, headers, serving)

    return graphql


def _wants_page(headers: Mapping[str, str]) -> bool:
    """Whether a browser asks for a page."""
    accept = headers.get("accept", "")
    return "text/html" in accept and PLAIN_JSON not in accept


async def _serve(scope: Any, receive: Receive, sender: Send, headers: Mapping[str, str], serving: Serving) -> None:
    """One request: who, what, answer."""
    type_ = PLAIN_JSON
    try:
        type_, streams = _accepted(headers)
        if scope["method"] not in ("GET", "POST"):
            raise WrongMethod("request.method", "use POST, or GET for queries")
        async with serving.deadline():
            posted, address = scope["method"] == "POST", address_of(scope)
            if posted and is_form(headers) and not PREFLIGHT.isdisjoint(headers):
                credential = await serving.callers.credential(headers, writes=True, address=address)
                request = await _with_files(receive, headers, credential, serving.files)
            else:
                request = await _request(scope, receive, headers)
                credential = await serving.callers.credential(
                    headers, writes=posted, address=address, anybody=request.document is not None
                )
            rights = await serving.scopes.scope(credential)
            request = await serving.documents.prepared(request, rights)
            if streams:
                answer = await serving.hub.open(request, rights, credential)
            else:
                answer = await serving.engine.execute(request, rights, credential)
    except Exception as error:
        refused = translated(error)
        body = msgspec.json.encode({"errors": [serving.engine.refusal(refused, language_of(headers))]})
        await send(sender, refused.status, body, f"{_json(type_)}; charset=utf-8", headers_of_refusal(refused))
        return
    if isinstance(answer, Stream):
        refusal = lambda error: serving.engine.refusal(error, language_of(headers))  # noqa: E731 (one line says it)
        await send_stream(scope, receive, sender, FORMS[streams[0]], answer, refusal)
        return
    if type_ == EVENT_STREAM and answer.status in (200, 400, 422):
        await send_once(sender, FORMS[EVENT_STREAM], answer.body)
        return
    type_ = _json(type_)
    status = _status(answer, type_)
    more = {"allow": "POST"} if status == 405 else {}
    if answer.retry_after is not None:
        more["retry-after"] = str(answer.retry_after)
    await send(sender, status, answer.body, f"{type_}; charset=utf-8", more)


async def _with_files(
    receive: Receive, headers: Mapping[str, str], credential: Credential, files: Files
) -> Request:  # fmt: skip
    """The request of a form (GraphQL multipart request): its files are stored, and their ids stand where `map` says."""
    parts = {part.name: part for part in await parts_of(receive, headers)}
    try:
        given = msgspec.json.decode(parts.pop("operations").content)
        places = msgspec.json.decode(parts.pop("map").content, type=dict[str, list[str]])
    except (KeyError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadRequest(
            "request.malformed", 'the form holds "operations" and "map", both JSON, then the files'
        ) from None
    request = checked(given, headers, reads_only=False)
    names = [name for name in places if name in parts]
    made = await files.take(credential, [parts[name] for name in names])
    put_in(given, places, {name: str(one.id) for name, one in zip(names, made, strict=True)})
    return msgspec.structs.replace(request, variables=given.get("variables") or {})


def _json(type_: str) -> str:
    """The media type of an answer that is no stream."""
    return PLAIN_JSON if type_ in STREAMS else type_


def headers_of_refusal(error: RequestError) -> dict[str, str]:
    """What a refusal says beside its body."""
    more = {"www-authenticate": "Bearer"} if isinstance(error, Unauthenticated) else {}
    if isinstance(error, WrongMethod):
        more["allow"] = str(error.facts.get("allow", "GET, POST"))
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


def _accepted(headers: Mapping[str, str]) -> tuple[str, list[str]]:
    """The media type of an answer, and those of streams that the client takes, best first; raises NotAcceptable."""
    accept = headers.get("accept", "").strip()
    if not accept:
        return PLAIN_JSON, []
    offers = sorted((_offer(part) for part in accept.split(",")), key=lambda offer: -offer[1])
    taken = [media for media, weight in offers if weight > 0]
    streams = [media for media in taken if media in STREAMS]
    for media in taken:
        if media in (GRAPHQL_JSON, PLAIN_JSON, EVENT_STREAM):
            return media, streams
        if media in ("*/*", "application/*"):
            return PLAIN_JSON, streams
    if streams:
        return PLAIN_JSON, streams
    raise NotAcceptable(
        "request.not_acceptable", f"this route sends {GRAPHQL_JSON}, {PLAIN_JSON}, or for subscriptions {EVENT_STREAM}"
    )


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
    return checked(given, headers, reads_only=False)


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
    return checked(given, headers, reads_only=True)
