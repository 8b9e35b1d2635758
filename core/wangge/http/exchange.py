"""One request of a route that is no GraphQL, and its answer: its body, its caller, its cookies."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from litestar.types import Receive, Send

from ..errors import Invalid, Unauthenticated
from ..graphql.sentences import Refusals
from ..identity.oidc import Oidc
from ..identity.scopes import Credential, Scopes
from ..identity.sessions import SignedIn
from .addresses import address_of
from .callers import COOKIE, Callers
from .messages import JSON, body_of, send

T = TypeVar("T")


class Exchange:
    """One request and its answer."""

    def __init__(
        self,
        scope: Any,
        receive: Receive,
        sender: Send,
        headers: Mapping[str, str],
        callers: Callers,
        scopes: Scopes,
        refusal: Refusals,
        oidc: Oidc | None,
    ) -> None:
        self.scope = scope
        self.sender = sender
        self.headers = headers
        self.callers = callers
        self.scopes = scopes
        self.sessions = callers.sessions
        self.refusal = refusal
        self.oidc = oidc
        self.address = address_of(scope)
        self._receive = receive

    async def body(self, type_: type[T], form: str) -> T:
        """The JSON body; raises Invalid."""
        if self.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Invalid("request.media_type", "send Content-Type: application/json")
        try:
            return msgspec.json.decode(await body_of(self._receive, 10_000), type=type_)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Invalid("request.malformed", f"send {form}") from None

    async def caller(self) -> Credential:
        """Who writes by cookie, also while something must be done first; a token has no session."""
        headers = {**self.headers, "authorization": ""}
        found = await self.callers.credential(headers, writes=True, pending=True, address=self.address)
        if found.session is None:
            raise Unauthenticated("auth.session_ended", "sign in with a password")
        return found

    async def json(
        self, status: int, value: Any, more: Mapping[str, str] | Sequence[tuple[str, str]] | None = None
    ) -> None:
        """Send a JSON value."""
        await send(self.sender, status, msgspec.json.encode(value), JSON, more)

    def cookie(self, value: str, until: dt.datetime | None) -> tuple[str, str]:
        """The session's cookie: not for scripts, not for other sites, over TLS only where the request came so."""
        life = max(0, int((until - self.scopes.clock.now()).total_seconds())) if until is not None else 0
        return "set-cookie", f"{COOKIE}={value}; Path=/; Max-Age={life}; HttpOnly; SameSite=Strict{self.secure}"

    @property
    def secure(self) -> str:
        """What a cookie says where the request came over TLS."""
        https = self.scope.get("scheme") == "https" or self.headers.get("x-forwarded-proto") == "https"
        return "; Secure" if https else ""

    async def signed_in(self, made: SignedIn, *more: tuple[str, str]) -> None:
        """Answer a sign-in: the cookie, and what is done next."""
        answer = {
            "csrf": self.sessions.csrf(made.cookie),
            "expiresAt": made.until.isoformat(),
            "pending": made.pending,
        }
        await self.json(200, answer, [self.cookie(made.cookie, made.until), *more])

    async def empty(self, more: Mapping[str, str] | None = None) -> None:
        """Send that it is done."""
        await send(self.sender, 204, b"", "application/json", more)
