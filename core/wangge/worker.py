"""One server process: `python -m wangge.worker --fd N --heartbeat M`, started by the supervisor and by nobody else.

It serves on the socket that it inherits, and its event loop writes a byte to the heartbeat pipe twice a second, so that the
supervisor sees at once when it stands still.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import os
import socket
import sys
from typing import Any

import msgspec
import uvicorn
import uvloop

from .errors import WanggeError
from .http.protocol import Protocol
from .http.sockets import LARGEST, PING_SECONDS, Sockets
from .settings import Settings

BEAT_SECONDS = 0.5
DRAIN_SECONDS = 11
"""How long requests that have begun may go on after SIGTERM."""


def main(arguments: list[str] | None = None) -> int:
    """Build the app, serve until SIGTERM, answer what has begun."""
    parser = argparse.ArgumentParser(prog="python -m wangge.worker", description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="the listening socket")
    parser.add_argument("--heartbeat", type=int, required=True, help="the pipe that the event loop writes to")
    parser.add_argument("--trace", type=int, help="shared memory that names the module whose code runs")
    parser.add_argument(
        "--app", default="wangge.app:build", help="module:function that makes the ASGI app of the settings"
    )
    args = parser.parse_args(arguments)
    try:
        server = uvicorn.Server(
            _configuration(msgspec.structs.replace(Settings.from_environment(os.environ), trace=args.trace), args.app)
        )
    except WanggeError as error:
        print(f"wangge: {error}", file=sys.stderr)
        return 1
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises the signal again after it has drained
        uvloop.run(_serve(server, socket.socket(fileno=args.fd), args.heartbeat))
    return 0 if server.started else 3


def _configuration(settings: Settings, app: str) -> uvicorn.Config:
    module, _, name = app.partition(":")
    return uvicorn.Config(
        getattr(importlib.import_module(module), name)(settings),
        loop="uvloop",
        http=Protocol,
        ws=Sockets,
        ws_max_size=LARGEST,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        ws_per_message_deflate=False,
        lifespan="on",
        access_log=False,
        log_level="warning" if settings.log_level == "info" else settings.log_level,
        server_header=False,
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=list(settings.proxies),
        timeout_graceful_shutdown=DRAIN_SECONDS,
        timeout_keep_alive=75,
    )


async def _serve(server: uvicorn.Server, listener: socket.socket, heartbeat: int) -> None:
    beating = asyncio.create_task(_beat(server, heartbeat))
    try:
        await server.serve(sockets=[listener])
    finally:
        beating.cancel()


async def _beat(server: Any, heartbeat: int) -> None:
    """Write a byte now and then, once the app is up; without a reader there is no supervisor, and nothing to serve for."""
    while not server.started:  # noqa: ASYNC110 (uvicorn tells it by this attribute only)
        await asyncio.sleep(0.01)
    os.set_blocking(heartbeat, False)
    while True:
        try:
            os.write(heartbeat, b".")
        except BlockingIOError:
            pass
        except BrokenPipeError:
            server.should_exit = True
            return
        await asyncio.sleep(BEAT_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
