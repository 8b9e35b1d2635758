"""`/session`: sign in, see who is signed in, sign out; below it the own password, the second factor, and the OpenID provider."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send

from ..errors import Invalid
from ..graphql.exchange import translated
from ..graphql.sentences import Refusals
from ..identity.oidc import Oidc
from ..identity.scopes import Scopes
from .callers import COOKIE, Callers
from .deadline import Deadline
from .exchange import Exchange
from .messages import cookies_of, headers_of, language_of, send, send_problem
from .oidc import begin_or_finish, come_back, show_provider


class SignIn(msgspec.Struct, forbid_unknown_fields=True):
    """What a sign-in sends; `code` where the account has a second factor."""

    login: str
    password: str
    code: str | None = None


class NewPassword(msgspec.Struct, forbid_unknown_fields=True):
    """What a change of the password sends."""

    current: str
    new: str


class Factor(msgspec.Struct, forbid_unknown_fields=True):
    """What the second factor takes: the password to begin, a code to confirm, both to remove."""

    password: str | None = None
    code: str | None = None


def session_route(
    callers: Callers, scopes: Scopes, deadline: Deadline, refusal: Refusals, oidc: Oidc | None = None
) -> ASGIRouteHandler:
    """What is signed in by a cookie.

    `/session`: POST {login, password, code?} sets the cookie; GET gives {account, csrf, expiresAt, pending, secondFactor, password};
    DELETE ends the session. `/session/password`: POST {current, new}. `/session/second-factor`: POST {password} gives
    {secret, uri}, POST {code} gives {recoveryCodes}, DELETE {password, code} removes it. While `pending` says password
    or second_factor, nothing but these paths is served. `/session/oidc...`: see `http/oidc.py`.
    """

    @asgi([*ROUTES], copy_scope=False)
    async def session(scope: Scope, receive: Receive, send: Send) -> None:
        http: Any = scope
        headers = headers_of(scope)
        try:
            async with deadline():
                await _answer(Exchange(http, receive, send, headers, callers, scopes, refusal, oidc))
        except Exception as error:
            told = translated(error)
            await send_problem(send, told, title=str(refusal(told, language_of(headers))["message"]))

    return session


async def _answer(exchange: Exchange) -> None:
    """What the path and the method ask for."""
    path, method = exchange.scope["path"].rstrip("/"), exchange.scope["method"]
    steps = ROUTES.get(path, {})
    if method in steps:
        await steps[method](exchange)
    else:
        await send(exchange.sender, 405, b"", "application/json", {"allow": ", ".join(sorted(steps))})


async def _sign_in(exchange: Exchange) -> None:
    """Check the password and set the cookie."""
    given = await exchange.body(SignIn, "{login, password}")
    made = await exchange.sessions.sign_in(given.login, given.password, exchange.address, given.code)
    await exchange.signed_in(made)


async def _show(exchange: Exchange) -> None:
    """Who is signed in, the value for the CSRF header, and what must be done first."""
    headers = {"cookie": exchange.headers.get("cookie", "")}
    found = await exchange.callers.credential(headers, writes=False, pending=True, address=exchange.address)
    scope = await exchange.scopes.scope(found)
    pending, second_factor, password = await exchange.sessions.pending_of(found)
    answer = {
        "account": {"id": str(found.account), "name": scope.actor.name},
        "csrf": exchange.sessions.csrf(cookies_of(exchange.headers)[COOKIE]),
        "expiresAt": found.until.isoformat() if found.until else None,
        "pending": pending,
        "secondFactor": second_factor,
        "password": password,
    }
    await exchange.json(200, answer)


async def _sign_out(exchange: Exchange) -> None:
    """End the session and clear the cookie."""
    headers = {**exchange.headers, "authorization": ""}
    found = await exchange.callers.credential(headers, writes=True, pending=True, address=exchange.address)
    if found.session is not None:
        await exchange.sessions.sign_out(found.session, exchange.address)
    await exchange.empty(dict([exchange.cookie("", None)]))


async def _change_password(exchange: Exchange) -> None:
    """Store a new password."""
    found = await exchange.caller()
    given = await exchange.body(NewPassword, "{current, new}")
    await exchange.sessions.change_password(found, given.current, given.new, exchange.address)
    await exchange.empty()


async def _add_factor(exchange: Exchange) -> None:
    """Begin with the password, confirm with a code. The first password comes first."""
    found = await exchange.caller()
    given = await exchange.body(Factor, "{password}, then {code}")
    if (await exchange.sessions.pending_of(found))[0] == "password":
        raise Invalid("auth.password_due", "change your first password before anything else", pending="password")
    if given.password is not None:
        await exchange.json(200, await exchange.sessions.begin_second_factor(found, given.password, exchange.address))
    elif given.code is not None:
        codes = await exchange.sessions.confirm_second_factor(found, given.code, exchange.address)
        await exchange.json(200, {"recoveryCodes": codes})
    else:
        raise Invalid("request.malformed", "send {password}, then {code}")


async def _remove_factor(exchange: Exchange) -> None:
    """Do without a second factor."""
    found = await exchange.caller()
    given = await exchange.body(Factor, "{password, code}")
    await exchange.sessions.remove_second_factor(found, given.password or "", given.code or "", exchange.address)
    await exchange.empty()


ROUTES: Mapping[str, Mapping[str, Callable[[Exchange], Awaitable[None]]]] = {
    "/session": {"GET": _show, "POST": _sign_in, "DELETE": _sign_out},
    "/session/password": {"POST": _change_password},
    "/session/second-factor": {"POST": _add_factor, "DELETE": _remove_factor},
    "/session/oidc": {"GET": show_provider, "POST": begin_or_finish},
    "/session/oidc/return": {"GET": come_back},
}
