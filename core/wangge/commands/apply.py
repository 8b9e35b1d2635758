"""`wangge apply`: bring the database to what the schema files say; a step that loses data must be named."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..store.apply import Applied

from .plan import add_paths


def add(subparsers: Any) -> None:
    """Describe the arguments."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "apply",
        help="change the database to what the schema files say",
        description="Run the steps that `wangge plan` prints. Steps that lose data must be named with --allow; steps that rows "
        "contradict are refused. Safe to repeat, also after it was killed.",
    )
    add_paths(parser)
    parser.add_argument(
        "--allow", action="append", default=[], metavar="STEP", help="run this step although it loses data (repeatable)"
    )
    parser.add_argument(
        "--wait",
        type=float,
        default=5.0,
        metavar="SECONDS",
        help="how long to wait for workers before what takes columns away",
    )


def run(args: argparse.Namespace) -> int:
    """Apply; what is done is printed as it happens."""
    from ..keys import keys_of
    from ..prepare import install_rows
    from ..services import services_of
    from ..settings import Settings
    from ..store.apply import apply_model
    from .plan import load

    settings = Settings.from_environment(os.environ)
    model = load(settings, args.paths)
    with services_of(settings, create=True) as runtime:
        database = runtime.database

        async def work() -> tuple[Applied, int]:
            applied = await apply_model(
                database,
                model,
                allow=frozenset(args.allow),
                progress=lambda text: print(text, flush=True),
                wait_for_workers=args.wait,
                keys=lambda: keys_of(settings),
            )
            return applied, await install_rows(settings, database, model)

        applied, rows = asyncio.run(work())
    for table, count in applied.seeded.items():
        if count:
            print(f"{table}: {count} rows")
    if unused := set(args.allow) - {one.name for one in applied.steps}:
        print(f"not needed: --allow {', '.join(sorted(unused))}", file=sys.stderr)
    built = f"{len(applied.indexes)} indexes built" if applied.indexes and not applied.steps else ""
    if rows:
        print(f"{rows} seed rows of the modules")
    print(built or (f"{len(applied.steps)} steps" if applied.changed else "nothing to do"))
    return 0
