"""`wangge up`: start everything and serve until it is told to end."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..runtime import Runtime
    from ..settings import Settings
    from ..supervisor import Step


def add(subparsers: Any) -> None:
    """Describe the arguments."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "up",
        help="start the services and serve until SIGTERM or Ctrl-C",
        description="Start the embedded services (or use those that the environment names), apply the plan and serve.",
    )
    parser.add_argument("--workers", metavar="N", help="server processes (WANGGE_WORKERS, 1)")
    parser.add_argument("--host", metavar="ADDRESS", help="address to listen on (WANGGE_HOST, 127.0.0.1)")
    parser.add_argument("--port", metavar="N", help="port to listen on, 0 for any free one (WANGGE_PORT, 8000)")
    parser.add_argument("--demo", action="store_true", help="fill an empty database with a demonstration city")


def run(args: argparse.Namespace) -> int:
    """Serve; the options are the environment's variables for this run, so that the workers see them too."""
    from ..keys import keys_of
    from ..settings import Settings
    from ..supervisor import Supervisor

    given = {"WANGGE_WORKERS": args.workers, "WANGGE_HOST": args.host, "WANGGE_PORT": args.port}
    environment = dict(os.environ) | {name: value for name, value in given.items() if value is not None}
    settings = Settings.from_environment(environment)
    environment["WANGGE_HOME"] = str(settings.home)
    if settings.key_file or settings.key or settings.key_provider:
        keys_of(settings)  # a wrong one is said once, here, and not by every worker
    return Supervisor(settings, environment, steps=_steps(args.demo)).run()


def _steps(demo: bool) -> list[Step]:
    """The plan, and the demonstration when it is asked for."""

    async def plan(settings: Settings, runtime: Runtime) -> None:
        from ..prepare import prepare

        await prepare(settings, runtime.database)

    async def demonstrate(settings: Settings, runtime: Runtime) -> None:
        from ..demo import ensure

        await ensure(settings, runtime)

    return [plan, demonstrate] if demo else [plan]
