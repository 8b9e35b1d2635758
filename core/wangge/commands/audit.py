"""`wangge audit`: read the ledger through (`verify`), or write its signed heads for safe keeping (`heads`)."""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..audit.verify import Report

SHOWN = 100
"""findings that are printed."""


def add(subparsers: Any) -> None:
    """Describe the arguments."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "audit", help="check the ledger", description="Check that nobody changed the ledger, or keep its signed heads."
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    verify = actions.add_parser(
        "verify",
        help="read the ledger through",
        description="Find changed, dropped, reordered, inserted and cut off entries; status 1 when there are any.",
    )
    verify.add_argument("--since", type=_month, metavar="YYYY-MM", help="start at the signed checkpoints of this month")
    verify.add_argument("--heads", type=Path, metavar="FILE", help="heads that `wangge audit heads` wrote earlier")
    heads = actions.add_parser(
        "heads", help="print the signed heads", description="Print the signed end of each chain, to be kept elsewhere."
    )
    for each in (verify, heads):
        each.set_defaults(run=run)


def _month(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text + "-01")
    except ValueError:
        raise argparse.ArgumentTypeError(f'"{text}" is no month: write it like 2026-11') from None


def run(args: argparse.Namespace) -> int:
    """Carry out one action; 1 when the ledger is not what was written."""
    from ..services import services_of
    from ..settings import Settings

    settings = Settings.from_environment(os.environ)
    with services_of(settings) as runtime:
        return asyncio.run(_run(args, settings, runtime.database))


async def _run(args: argparse.Namespace, settings: Any, database: Any) -> int:
    import msgspec

    from ..audit.verify import Head, heads, verify
    from ..keys import keys_of
    from ..store.connection import connect

    connection = await connect(database, "app")
    try:
        if args.action == "heads":
            for head in await heads(connection):
                print(msgspec.json.encode(head).decode())
            return 0
        kept = [msgspec.json.decode(line, type=Head) for line in _lines(args.heads)]
        keys = keys_of(settings)
        report = await verify(connection, keys, since=args.since, kept=kept, progress=_progress)
    finally:
        await connection.close()
    return _print(report)


def _lines(path: Path | None) -> list[str]:
    return [line for line in path.read_text("ascii").splitlines() if line.strip()] if path else []


def _progress(entries: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{entries:,} entries", end="", file=sys.stderr, flush=True)


def _print(report: Report) -> int:
    """The findings and a summary."""
    if sys.stderr.isatty():
        print(file=sys.stderr)
    for finding in report.findings[:SHOWN]:
        print(f"WRONG [{finding.kind}] {finding.book}, chain {finding.chain}, entry {finding.seq}: {finding.sentence}")
    if len(report.findings) > SHOWN:
        print(f"... and {len(report.findings) - SHOWN} more")
    state = "not as it was written" if report.findings else "as it was written"
    print(
        f"the ledger is {state}: {report.entries} entries in {report.chains} chains, {report.unlinked} not yet linked"
    )
    return 1 if report.findings else 0
