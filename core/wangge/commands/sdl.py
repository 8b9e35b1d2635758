"""`wangge sdl --as ACCOUNT`: the GraphQL schema of one caller, for code generation."""

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
        description="Print the schema that an account has now, as SDL: what it may not see is not in it.",
    )
    parser.add_argument("--as", dest="account", required=True, metavar="ACCOUNT", help="the login of the account")
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
    """The SDL of an account's Scope."""
    from ..app import compose
    from ..errors import SettingsError
    from ..identity.scopes import Credential

    parts = compose(settings)
    async with parts.pool:
        account = await parts.pool.fetchval("SELECT id FROM wangge.account WHERE login = $1", args.account)
        if account is None:
            raise SettingsError("sdl.unknown_account", f'there is no account "{args.account}"', account=args.account)
        await parts.scopes.open()
        try:
            scope = await parts.scopes.scope(Credential(account, origin="command"))
            return parts.engine.sdl(scope.shape, args.language)
        finally:
            await parts.scopes.close()
