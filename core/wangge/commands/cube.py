"""`wangge cube rebuild`: count the cubes of aggregates without rows anew, as every night does."""

from __future__ import annotations

import argparse
import asyncio
import os
from typing import Any


def add(subparsers: Any) -> None:
    """Describe the arguments."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "cube",
        help="count what callers without rows may ask",
        description="The cubes that rules with dimensions are answered from.",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    now = actions.add_parser(
        "rebuild",
        help="do now what is done every night",
        description="Each cube is replaced at once when it is whole: until then, and when this is interrupted, the old one answers.",
    )
    now.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Rebuild; one line for each cube."""
    from ..services import services_of
    from ..settings import Settings

    settings = Settings.from_environment(os.environ)
    with services_of(settings) as runtime:
        return asyncio.run(_run(settings, runtime.database))


async def _run(settings: Any, database: Any) -> int:
    from ..cubes.rebuild import Cubes
    from ..model.load import load_model
    from ..modules.discover import discover
    from ..sql.catalog import Catalog
    from ..store.pool import Pool

    model = load_model([module.folder for module in discover(settings.modules)])
    async with Pool(database, "app", size=2) as pool:
        done = await Cubes(pool, Catalog(model)).rebuild()
    for each in done:
        print(f"{each.entity:<40} {each.rows:>12,} rows {each.shown:>10,} cells shown {each.hidden:>10,} hidden")
    print("no rule gives aggregates without rows" if not done else f"{len(done)} rebuilt")
    return 0
