"""`wangge policy prove`: compare what accounts are answered with a naive reading of the stored rules, cell by cell."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..prover.report import Report

SHOWN = 200
"""disagreements that are printed."""


def add(subparsers: Any) -> None:
    """Describe the arguments."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "policy", help="prove the permissions", description="Check what the stored rules come to."
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    prove = actions.add_parser(
        "prove",
        help="compare all answers with the rules",
        description="Ask the API as each account on every path and compare each cell with a naive evaluator of the "
        "stored rules, posts, modules, areas and rows. Prints every disagreement; status 1 when there is one. "
        "Of large tables some rows are asked for, picked by the seed. Reads of personal fields are recorded under the "
        "account, as always, and so are the few cells that are revealed and the few questions by match.",
    )
    prove.add_argument("--account", action="append", default=[], metavar="LOGIN", help="only this one; may be repeated")
    prove.add_argument("--seconds", type=float, metavar="N", help="stop after N seconds")
    prove.add_argument("--seed", type=int, default=1, metavar="N", help="which rows and values are tried (1)")
    prove.add_argument(
        "--rows", type=int, default=40, metavar="N", help="rows asked for of each entity, picked by seed (40)"
    )
    prove.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prove; 1 when an answer disagrees."""
    from ..runtime import write_runtime
    from ..services import services_of
    from ..settings import Settings

    settings = Settings.from_environment(os.environ)
    with services_of(settings) as runtime:
        if runtime.supervisor == os.getpid():
            write_runtime(settings, runtime)
        return report_of(asyncio.run(_prove(settings, args)))


async def _prove(settings: Any, args: argparse.Namespace) -> Report:
    """The report over the accounts."""
    from ..app import compose
    from ..model.role_limits import UNLIMITED
    from ..prover.accounts import prove_accounts

    return await prove_accounts(
        compose(settings, limits=UNLIMITED),
        settings,
        logins=args.account,
        seconds=args.seconds,
        seed=args.seed,
        sample=args.rows,
        tell=progress,
    )


def progress(text: str) -> None:
    """Show what is asked now, where somebody looks."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def report_of(report: Report) -> int:
    """The disagreements and a summary."""
    if sys.stderr.isatty():
        print(file=sys.stderr)
    for each in report.found[:SHOWN]:
        print(each)
    if len(report.found) > SHOWN:
        print(f"... and {len(report.found) - SHOWN} more")
    for line in report.lines():
        print(line)
    total = f"{sum(report.cells.values()):,} cells of {report.accounts} accounts compared"
    done = report.accounts - report.unfinished
    rest = f"; the time was over: only {done} accounts are finished" if report.unfinished else ""
    if report.sampled:
        print(f"of {len(report.sampled)} entities not all rows were asked for: {', '.join(sorted(report.sampled))}")
    print(f"{total}{rest}: {len(report.found) or 'no'} disagreement{'' if len(report.found) == 1 else 's'}")
    return 1 if report.found else 0
