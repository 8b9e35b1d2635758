"""`/healthz` (the process lives), `/readyz` (it can serve), `/metrics` (Prometheus text)."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send

from ..graphql.subscriptions import Hub
from ..identity.scopes import Scopes
from .messages import send as answer
from .messages import send_json


def health_routes(pool: Any, scopes: Scopes, hub: Hub, ready: list[bool]) -> list[ASGIRouteHandler]:
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
            line
            for name, kind, text, value in _measures(began, scopes, hub)
            for line in (f"# HELP wangge_{name} {text}", f"# TYPE wangge_{name} {kind}", f"wangge_{name} {value}")
        ]
        await answer(send, 200, ("\n".join(lines) + "\n").encode(), "text/plain; version=0.0.4; charset=utf-8")

    return [healthz, readyz, metrics]


def _measures(began: float, scopes: Scopes, hub: Hub) -> list[tuple[str, str, str, str]]:
    """(name, kind, help, value): of the one process that answers, which `process_id` names."""
    return [
        ("start_time_seconds", "gauge", "Start of this process.", f"{began:.3f}"),
        ("process_id", "gauge", "The process that answers.", str(os.getpid())),
        ("scopes_built_total", "counter", "Scopes built, because none was kept.", str(scopes.misses)),
        (
            "scopes_ended_total",
            "counter",
            "Scopes given up, because a change named them or room was needed.",
            str(scopes.ended),
        ),
        ("shapes_built_total", "counter", "Shapes built.", str(scopes.memory.built)),
        ("subscriptions_open", "gauge", "Subscriptions that are open.", str(hub.open_streams)),
        (
            "subscription_statements_total",
            "counter",
            "Statements that matched changes with subscriptions.",
            str(hub.statements),
        ),
    ]


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
