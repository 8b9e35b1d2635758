"""An app that answers with its process, and stands still or ends on demand."""

from __future__ import annotations

import asyncio
import json
import os
import time
from typing import Any

from wangge.runtime import load_runtime
from wangge.settings import Settings
from wangge.store.pool import Pool


def build(settings: Settings) -> Any:
    """`/` the process, `/database` the number of starts, `/slow` an answer after half a second, `/hang` never."""
    pool = Pool(load_runtime(settings).database)

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await pool.open()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await pool.close()
            await send({"type": "lifespan.shutdown.complete"})
            return
        body: dict[str, Any] = {"pid": os.getpid()}
        status = 200
        if scope["path"] == "/hang":
            time.sleep(1000)  # noqa: ASYNC251 (an event loop that stands still is what is tested)
        elif scope["path"] == "/slow":
            await asyncio.sleep(0.5)
        elif scope["path"] == "/database":
            try:
                body["starts"] = await pool.fetchval("SELECT count(*) FROM shell.start")
            except Exception as error:
                status, body["error"] = 503, getattr(error, "code", repr(error))
        await send(
            {"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]}
        )
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})

    return app
