"""`wangge token ACCOUNT`: make a bearer token for an account, or end one."""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import os
from typing import Any

LONGEST = 3650
"""days that a token may live."""


def add(subparsers: Any) -> None:
    """Describe the arguments."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "token",
        help="make a token for an account",
        description="Print a new bearer token of an account; it is shown this once. With --revoke end one by its public id.",
    )
    parser.add_argument("account", metavar="ACCOUNT", nargs="?", help="the login of the account")
    parser.add_argument("--days", type=_days, default=90, metavar="N", help="days until it ends (90)")
    parser.add_argument(
        "--role", action="append", default=[], metavar="ROLE", help="limit it to the account's posts of this role"
    )
    parser.add_argument(
        "--address",
        action="append",
        default=[],
        metavar="NETWORK",
        help="it works from this address or network only, such as 203.0.113.7 or 203.0.113.0/24; may be given several times",
    )
    parser.add_argument("--purpose", metavar="ID", help="the only purpose of its requests, which need not name it then")
    parser.add_argument("--label", default="", metavar="TEXT", help="what it is for")
    parser.add_argument("--revoke", metavar="ID", help="end the token wg_<ID>_... at once")


def _days(text: str) -> int:
    """A number of days; a token that lives for ever, or not at all, is a mistake."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= LONGEST):
        raise argparse.ArgumentTypeError(f'"{text}" is no number of days from 1 to {LONGEST}')
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Make or end a token."""
    from ..errors import SettingsError
    from ..keys import keys_of
    from ..services import services_of
    from ..settings import Settings
    from ..store.pool import Pool

    if (args.account is None) == (args.revoke is None):
        raise SettingsError("token.what", "name an account, or a token to end with --revoke")
    settings = Settings.from_environment(os.environ)
    with services_of(settings) as runtime:

        async def work() -> str:
            keys = keys_of(settings)
            async with Pool(runtime.database, "app", size=1) as pool, pool.transaction() as connection:
                if args.revoke:
                    return await _revoked(connection, args.revoke)
                return await _made(connection, keys, args)

        print(asyncio.run(work()))
    return 0


async def _revoked(connection: Any, public: str) -> str:
    """End a token; raises SettingsError when there is none."""
    from ..errors import SettingsError
    from ..identity.tokens import revoke_token

    if not await revoke_token(connection, public):
        raise SettingsError("token.unknown", f'there is no token "{public}" that is still valid', token=public)
    return f"the token {public} has ended"


async def _made(connection: Any, keys: Any, args: argparse.Namespace) -> str:
    """Make a token; raises SettingsError for an unknown account or role."""
    from ..errors import Invalid, SettingsError
    from ..identity.networks import checked
    from ..identity.tokens import Limits, check_purpose, create_token

    account = await connection.fetchval(
        "SELECT id FROM wangge.account WHERE login = $1 AND state = 'ACTIVE'", args.account
    )
    if account is None:
        raise SettingsError(
            "token.unknown_account", f'there is no active account "{args.account}"', account=args.account
        )
    posts = await connection.fetch(
        "SELECT id, role FROM wangge.post WHERE account = $1 AND removed_at IS NULL", account
    )
    kept = frozenset(post["id"] for post in posts if post["role"] in args.role)
    missing = set(args.role) - {post["role"] for post in posts}
    if missing:
        raise SettingsError(
            "token.unknown_role", f"{args.account} holds no post as {', '.join(sorted(missing))}", account=args.account
        )
    until = dt.datetime.now(dt.UTC) + dt.timedelta(days=args.days)
    try:
        limits = Limits(checked(args.address), args.purpose)
        await check_purpose(connection, args.purpose)
    except Invalid as error:
        raise SettingsError(error.code, error.message, **error.facts) from None
    made = {"label": args.label, "posts": kept, "expires_at": until, "limits": limits}
    return await create_token(connection, keys, account, **made)
