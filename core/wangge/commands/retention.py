"""`wangge retention`: end rows whose retention is over, as every night does, or only count them."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from typing import Any


def add(subparsers: Any) -> None:
    """Describe the arguments."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "retention",
        help="end rows whose retention is over",
        description="Anonymise or erase rows as their entities say.",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    now = actions.add_parser(
        "run",
        help="do now what is done every night",
        description="In batches: it may be interrupted and run again, and a second run finds nothing.",
    )
    now.add_argument("--dry-run", action="store_true", help="only count what is due")
    now.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Count or end; one line for each entity."""
    from ..services import services_of
    from ..settings import Settings

    settings = Settings.from_environment(os.environ)
    with services_of(settings) as runtime:
        return asyncio.run(_run(args.dry_run, settings, runtime.database))


async def _run(dry: bool, settings: Any, database: Any) -> int:
    from ..keys import keys_of
    from ..model.load import load_model
    from ..modules.discover import discover
    from ..modules.hooks import start
    from ..records.records import Records
    from ..records.retention import Schedule
    from ..records.sealing import hash_of
    from ..sql.catalog import Catalog
    from ..store.pool import Pool

    found = discover(settings.modules)
    model, keys = load_model([module.folder for module in found]), keys_of(settings)
    async with Pool(database, "app", size=2) as pool:
        schedule = Schedule(Records(pool, Catalog(model, hash_of(keys)), start(found, model), keys).kit, "command")
        done = await schedule.counts() if dry else await schedule.run(progress=_progress)
    for due in schedule.due:
        print(f"{due.entity:<40} {done[due.entity]:>10,}  {due.then} {due.after}")
    print(f"{sum(done.values()):,} rows {'are due' if dry else 'ended'}")
    return 0


def _progress(entity: str, rows: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{entity} {rows:,}", end="", file=sys.stderr, flush=True)
