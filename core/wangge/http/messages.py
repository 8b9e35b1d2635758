"""Reading requests and sending answers over raw ASGI."""

from __future__ import annotations

import http.cookies
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from litestar.types import Receive, Scope, Send

from ..errors import Invalid, RequestError

MAX_BODY = 1_000_000
JSON = "application/json; charset=utf-8"
PROBLEM = "application/problem+json"


class TooLarge(Invalid):
    """The body is larger than the route takes."""

    status = 413


def headers_of(scope: Scope) -> dict[str, str]:
    """The request's headers by lower-case name; repeated ones joined."""
    found: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1").lower()
        found[name] = f"{found[name]}, {value.decode('latin-1')}" if name in found else value.decode("latin-1")
    return found


def cookies_of(headers: Mapping[str, str]) -> dict[str, str]:
    """The cookies by name; a broken header holds none."""
    try:
        return {name: morsel.value for name, morsel in http.cookies.SimpleCookie(headers.get("cookie", "")).items()}
    except http.cookies.CookieError:
        return {}


def language_of(headers: Mapping[str, str]) -> str:
    """`en` when it is asked for first, else Chinese."""
    return "en" if headers.get("accept-language", "").strip().lower().startswith("en") else "zh"


async def body_of(receive: Receive, limit: int = MAX_BODY) -> bytes:
    """The whole body; raises TooLarge."""
    parts: list[bytes] = []
    size = 0
    while True:
        message: Any = await receive()
        if message["type"] == "http.disconnect":
            raise Invalid("request.disconnected", "the client went away")
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise TooLarge("request.too_large", f"the body is larger than {limit} bytes", limit=limit)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


async def send(
    sender: Send,
    status: int,
    body: bytes,
    type_: str = JSON,
    more: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
) -> None:
    """Send an answer; `more` headers as pairs where one name comes twice."""
    headers = [(b"content-type", type_.encode()), (b"content-length", str(len(body)).encode())]
    pairs = more.items() if isinstance(more, Mapping) else more or ()
    headers += [(name.encode(), value.encode("latin-1")) for name, value in pairs]
    await sender({"type": "http.response.start", "status": status, "headers": headers})
    await sender({"type": "http.response.body", "body": body, "more_body": False})


async def send_json(sender: Send, status: int, value: Any, more: Mapping[str, str] | None = None) -> None:
    """Send a JSON value."""
    await send(sender, status, msgspec.json.encode(value), JSON, more)


async def send_problem(
    sender: Send, error: RequestError, more: Mapping[str, str] | None = None, *, title: str | None = None
) -> None:
    """Send a refusal as problem details (RFC 9457), with `title` for its sentence in the caller's language."""
    facts = {name: value for name, value in error.facts.items() if name not in ("type", "title", "status", "code")}
    problem = {
        "type": "about:blank",
        "title": title or error.message,
        "status": error.status,
        "code": error.code,
        **facts,
    }
    extra = dict(more or {})
    if "retry_after" in error.facts:
        extra["retry-after"] = str(error.facts["retry_after"])
    await send(sender, error.status, msgspec.json.encode(problem), PROBLEM, extra)
