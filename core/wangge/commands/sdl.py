"""`wangge sdl --as WHO`: the GraphQL schema of one caller, for code generation."""

from __future__ import annotations

import argparse
import asyncio
import os
from typing import Any


def add(subparsers: Any) -> None:
    """Describe the arguments."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "sdl",
        help="print a caller's GraphQL schema",
        description="Print the schema that a role, or an account, has now, as SDL: what it may not see is not in it.",
    )
    parser.add_argument("--as", dest="who", required=True, metavar="WHO", help="a role, or the login of an account")
    parser.add_argument("--language", choices=("zh", "en"), default="zh", help="of the descriptions")


def run(args: argparse.Namespace) -> int:
    """Print the SDL."""
    from ..runtime import write_runtime
    from ..services import services_of
    from ..settings import Settings

    settings = Settings.from_environment(os.environ)
    with services_of(settings) as runtime:
        if runtime.supervisor == os.getpid():
            write_runtime(settings, runtime)
        print(asyncio.run(_sdl(settings, runtime.database, args)))
    return 0


async def _sdl(settings: Any, database: Any, args: argparse.Namespace) -> str:
    """The SDL of a Scope."""
    from ..app import compose
    from ..documents.who import scope_of_name

    parts = compose(settings)
    async with parts.pool:
        await parts.scopes.open()
        try:
            scope = await scope_of_name(parts.pool, parts.scopes, args.who)
            return parts.engine.sdl(scope.shape, args.language)
        finally:
            await parts.scopes.close()
