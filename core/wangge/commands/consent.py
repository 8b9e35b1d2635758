"""`wangge consent`: a security administrator agrees to a step of the plan that lowers a protection."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import os
import sys
from typing import TYPE_CHECKING, Any

from .plan import add_paths

if TYPE_CHECKING:
    from ..model.types import Model
    from ..settings import Settings
    from ..store.database import Database


def add(subparsers: Any) -> None:
    """Describe the arguments."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "consent",
        help="agree, as a second person, to a step that lowers a protection",
        description="Record a security administrator's consent to one step of `wangge plan` (lower sensitivity, weaker mask). "
        "It holds for the schema files as they are now. The password is asked for, or read from standard input.",
    )
    parser.add_argument("step", metavar="STEP", help="the step, as `wangge plan` prints it")
    add_paths(parser)
    parser.add_argument("--account", required=True, metavar="LOGIN", help="the account of the person who agrees")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why; it is kept with the consent")


def asked_password(login: str) -> str:
    """The password of a person who agrees: typed, or the first line of standard input."""
    return getpass.getpass(f"Password of {login}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")


def run(args: argparse.Namespace) -> int:
    """Ask for the password and record."""
    from ..services import services_of
    from ..settings import Settings
    from .plan import load

    settings = Settings.from_environment(os.environ)
    model = load(settings, args.paths)
    password = asked_password(args.account)
    with services_of(settings) as runtime:
        asyncio.run(_agree(settings, runtime.database, model, args, password))
    print(f"recorded: run `wangge apply` now ({args.step})")
    return 0


async def _agree(settings: Settings, database: Database, model: Model, args: argparse.Namespace, password: str) -> None:
    """Record the consent and enter it in the ledger. Raises PlanError and Throttled."""
    from ..audit.entries import append
    from ..identity.agreeing import agreeing_account
    from ..keys import keys_of
    from ..store.consents import record_consent
    from ..store.pool import Pool
    from ..values import Actor

    async with Pool(database, "app", size=1) as pool:
        who = await agreeing_account(pool, keys_of(settings), args.account, password, "consent")
        await record_consent(database, model, args.step, who, args.reason)
        actor = Actor("account", who[1], account=who[0], origin="command")
        await append(pool, actor, "consent", reason=f"{args.step}: {args.reason}"[:500])
