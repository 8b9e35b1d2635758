"""The headers that every answer carries: what a browser may do with it, a request id, and never a shared cache."""

from __future__ import annotations

import os
from typing import Any

from litestar.types import ASGIApp, Receive, Scope, Send

POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self'; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(self)"),
    (b"content-security-policy", POLICY.encode()),
)
NO_STORE = (b"cache-control", b"no-store")


def secured(app: ASGIApp) -> ASGIApp:
    """The app with the headers on every answer."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if str(scope["type"]) != "http":
            await app(scope, receive, send)
            return
        request = os.urandom(16).hex()

        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                names = {name.lower() for name, _ in given}
                given += [pair for pair in (*ALWAYS, NO_STORE) if pair[0] not in names]
                given.append((b"x-request-id", request.encode()))
                message = {**message, "headers": given}
            await send(message)

        await app(scope, receive, sending)

    return call
