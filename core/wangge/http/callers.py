"""Who calls: a bearer token, or a browser's session cookie with its CSRF header."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ..errors import Unauthenticated
from ..identity.guesses import Guesses
from ..identity.scopes import PUBLIC, Credential
from ..identity.sessions import Sessions
from ..identity.tokens import Elsewhere, Guessed, Tokens
from .messages import cookies_of

COOKIE = "wangge_session"


class Callers:
    """Finds the credential of a request; nothing else in it says who calls."""

    def __init__(self, tokens: Tokens, sessions: Sessions) -> None:
        self.tokens = tokens
        self.sessions = sessions
        self._guesses = Guesses()

    async def credential(
        self,
        headers: Mapping[str, str],
        *,
        writes: bool,
        address: str,
        pending: bool = False,
        anybody: bool = False,
    ) -> Credential:
        """The caller at `address`; with `pending` also one who must first change a password or add a second factor, with
        `anybody` also the public, who sends no credentials.

        Raises Unauthenticated, Throttled where tokens are guessed from `address`, and Denied where a writing request by
        cookie lacks its CSRF value.
        """
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token:
            return await self._by_token(token.strip(), address)
        cookie = cookies_of(headers).get(COOKIE)
        if cookie is None and anybody and not scheme:
            return msgspec.structs.replace(PUBLIC, origin="request", address=address)
        if cookie is None:
            raise Unauthenticated("auth.required", "sign in, or send a token: Authorization: Bearer wg_...")
        found = await self.sessions.credential(cookie, pending=pending)
        if writes:
            self.sessions.check_csrf(cookie, headers.get("wangge-csrf"))
        return msgspec.structs.replace(found, origin="request", address=address)

    async def _by_token(self, token: str, address: str) -> Credential:
        """The account of a token; of an address that guesses, only tokens that are known already."""
        if not self.tokens.remembers(token, address):
            self._guesses.check(address)
        try:
            return await self.tokens.credential(token, address)
        except (Guessed, Elsewhere):
            self._guesses.wrong(address)
            raise
