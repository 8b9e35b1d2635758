"""`/session`: sign in with a password, see who is signed in, sign out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send

from ..errors import Invalid
from ..graphql.exchange import translated
from ..graphql.sentences import Refusals
from ..identity.scopes import Scopes
from .callers import COOKIE, Callers
from .deadline import Deadline
from .messages import body_of, cookies_of, headers_of, language_of, send, send_json, send_problem


class SignIn(msgspec.Struct, forbid_unknown_fields=True):
    """What a sign-in sends."""

    login: str
    password: str


def session_route(callers: Callers, scopes: Scopes, deadline: Deadline, refusal: Refusals) -> ASGIRouteHandler:
    """POST {login, password} sets the cookie; GET gives {account, csrf, expiresAt}; DELETE ends the session."""

    @asgi("/session", copy_scope=False)
    async def session(scope: Scope, receive: Receive, send: Send) -> None:
        http: Any = scope
        headers = headers_of(scope)
        try:
            async with deadline():
                await _answer(http, receive, send, headers, callers, scopes)
        except Exception as error:
            told = translated(error)
            await send_problem(send, told, title=str(refusal(told, language_of(headers))["message"]))

    return session


async def _answer(
    scope: Any, receive: Receive, sender: Send, headers: Mapping[str, str], callers: Callers, scopes: Scopes
) -> None:
    """What the method asks for."""
    if scope["method"] == "POST":
        await _sign_in(scope, receive, sender, headers, callers)
    elif scope["method"] == "GET":
        await _show(sender, headers, callers, scopes)
    elif scope["method"] == "DELETE":
        await _sign_out(scope, sender, headers, callers)
    else:
        await _not_here(sender)


async def _sign_in(scope: Any, receive: Receive, sender: Send, headers: Mapping[str, str], callers: Callers) -> None:
    """Check the password and set the cookie."""
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Invalid("request.media_type", "send Content-Type: application/json")
    try:
        given = msgspec.json.decode(await body_of(receive, 10_000), type=SignIn)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Invalid("request.malformed", "send {login, password}") from None
    address = (scope.get("client") or ("", 0))[0]
    cookie, until = await callers.sessions.sign_in(given.login, given.password, address)
    made = {"csrf": callers.sessions.csrf(cookie), "expiresAt": until.isoformat()}
    await send_json(sender, 200, made, {"set-cookie": _cookie(scope, headers, cookie, until)})


def _cookie(scope: Any, headers: Mapping[str, str], value: str, until: dt.datetime) -> str:
    """The cookie: not for scripts, not for other sites, over TLS only where the request came so."""
    life = max(0, int((until - dt.datetime.now(dt.UTC)).total_seconds()))
    secure = "; Secure" if scope.get("scheme") == "https" or headers.get("x-forwarded-proto") == "https" else ""
    return f"{COOKIE}={value}; Path=/; Max-Age={life}; HttpOnly; SameSite=Strict{secure}"


async def _show(sender: Send, headers: Mapping[str, str], callers: Callers, scopes: Scopes) -> None:
    """Who is signed in, and the value for the CSRF header."""
    found = await callers.credential({"cookie": headers.get("cookie", "")}, writes=False)
    scope = await scopes.scope(found)
    cookie = cookies_of(headers)[COOKIE]
    account = {"id": str(found.account), "name": scope.actor.name}
    until = found.until.isoformat() if found.until else None
    await send_json(sender, 200, {"account": account, "csrf": callers.sessions.csrf(cookie), "expiresAt": until})


async def _sign_out(scope: Any, sender: Send, headers: Mapping[str, str], callers: Callers) -> None:
    """End the session and clear the cookie."""
    found = await callers.credential({**headers, "authorization": ""}, writes=True)
    if found.session is not None:
        await callers.sessions.sign_out(found.session)
    gone = _cookie(scope, headers, "", dt.datetime.now(dt.UTC))
    await send(sender, 204, b"", "application/json", {"set-cookie": gone})


async def _not_here(sender: Send) -> None:
    """Another method."""
    await send(sender, 405, b"", "application/json", {"allow": "GET, POST, DELETE"})
