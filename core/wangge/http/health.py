"""`/healthz` (the process lives), `/readyz` (it can serve), `/metrics` (Prometheus text)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send

from ..identity.scopes import Scopes
from .messages import send as answer
from .messages import send_json


def health_routes(pool: Any, scopes: Scopes, ready: list[bool]) -> list[ASGIRouteHandler]:
    """The three routes; `ready` is emptied when the process drains."""
    began = time.time()

    @asgi("/healthz", copy_scope=False)
    async def healthz(scope: Scope, receive: Receive, send: Send) -> None:
        await send_json(send, 200, {"status": "alive"})

    @asgi("/readyz", copy_scope=False)
    async def readyz(scope: Scope, receive: Receive, send: Send) -> None:
        reason = await _not_ready(pool, scopes, ready)
        await send_json(send, 503 if reason else 200, {"status": reason or "ready"})

    @asgi("/metrics", copy_scope=False)
    async def metrics(scope: Scope, receive: Receive, send: Send) -> None:
        lines = [
            "# HELP wangge_start_time_seconds Start of this process.",
            "# TYPE wangge_start_time_seconds gauge",
            f"wangge_start_time_seconds {began:.3f}",
        ]
        await answer(send, 200, ("\n".join(lines) + "\n").encode(), "text/plain; version=0.0.4; charset=utf-8")

    return [healthz, readyz, metrics]


async def _not_ready(pool: Any, scopes: Scopes, ready: list[bool]) -> str | None:
    """Why this process cannot serve now."""
    if not ready:
        return "draining"
    try:
        async with asyncio.timeout(2):
            await pool.fetchval("SELECT 1")
            await scopes.confirm()
    except Exception:
        return "the database does not answer"
    return None
