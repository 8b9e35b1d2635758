"""`wangge policy probe`: ask a running server from outside as accounts of different roles, and compare with the rows."""

from __future__ import annotations

import argparse
import asyncio
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..prover.report import Report

COMMAND = "explain, compare and prove the permissions"


def add(actions: Any) -> None:
    """Describe the arguments."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "probe",
        help="prove the answers of a running server over HTTP",
        description="Make tokens of accounts of different roles, walk what the schema of each offers, ask for every list, "
        "reference and to-many field four levels deep, with filters, orderings, pages, groups and global ids, and compare "
        "every cell and count with a naive evaluator over the rows as their owner reads them. One line for each "
        "disagreement; status 1 when there is one. The tokens end with the probe.",
    )
    parser.add_argument("--url", metavar="URL", help="the server; by default that of WANGGE_HOME")
    parser.add_argument(
        "--account", action="append", default=[], metavar="LOGIN", help="only this one; may be repeated"
    )
    parser.add_argument("--roles", type=int, default=10, metavar="N", help="accounts of so many different roles (10)")
    parser.add_argument("--preview", metavar="ROLE", help="look as a role")
    parser.add_argument("--seconds", type=float, metavar="N", help="stop after N seconds")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="which rows and values are tried (1)")
    parser.add_argument("--rows", type=int, default=12, metavar="N", help="rows asked for of each entity (12)")
    parser.add_argument(
        "--writes", action="store_true", help="try writes too, none of which stores a row; refusals stand in the ledger"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Probe; 1 when an answer disagrees."""
    from ..errors import SettingsError
    from ..runtime import load_runtime
    from ..settings import Settings
    from .policy import report_of

    settings = Settings.from_environment(os.environ)
    runtime = load_runtime(settings)
    url = args.url or runtime.address
    if not url:
        raise SettingsError("probe.url", "no server is known: start it with `wangge up`, or name it with --url")
    return report_of(asyncio.run(_probe(settings, runtime.database, url, args)))


async def _probe(settings: Any, database: Any, url: str, args: argparse.Namespace) -> Report:
    """The report over the accounts."""
    from ..keys import keys_of
    from ..modules.discover import discover
    from ..proof.schema import read
    from ..prover.probe import Asked, probe
    from ..store.connection import connect
    from .policy import progress

    asked = Asked(
        url=url,
        logins=args.account,
        roles=args.roles,
        preview=args.preview,
        seconds=args.seconds,
        seed=args.seed,
        sample=args.rows,
        writes=args.writes,
    )
    connection = await connect(database, "owner")
    try:
        schema = read(found.folder for found in discover(settings.modules))
        return await probe(connection, keys_of(settings), schema, asked, tell=progress)
    finally:
        await connection.close()
