"""Who calls: a bearer token, or a browser's session cookie with its CSRF header."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import Unauthenticated
from ..identity.scopes import Credential
from ..identity.sessions import Sessions
from ..identity.tokens import Tokens
from .messages import cookies_of

COOKIE = "wangge_session"


class Callers:
    """Finds the credential of a request; nothing else in it says who calls."""

    def __init__(self, tokens: Tokens, sessions: Sessions) -> None:
        self.tokens = tokens
        self.sessions = sessions

    async def credential(self, headers: Mapping[str, str], *, writes: bool, pending: bool = False) -> Credential:
        """The caller; with `pending` also one who must first change a password or add a second factor.

        Raises Unauthenticated, and Denied where a writing request by cookie lacks its CSRF value.
        """
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token:
            return await self.tokens.credential(token.strip())
        cookie = cookies_of(headers).get(COOKIE)
        if cookie is None:
            raise Unauthenticated("auth.required", "sign in, or send a token: Authorization: Bearer wg_...")
        found = await self.sessions.credential(cookie, pending=pending)
        if writes:
            self.sessions.check_csrf(cookie, headers.get("wangge-csrf"))
        return found
