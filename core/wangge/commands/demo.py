"""`wangge demo`: fill an empty database with a demonstration city."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from typing import Any


def add(subparsers: Any) -> None:
    """Describe the arguments."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "demo",
        help="make Guiyang with synthetic residents, accounts and tokens",
        description="Fill an empty database with a city whose people are visibly synthetic; the same seed gives the same city.",
    )
    parser.add_argument(
        "--scale", choices=("S", "M", "L", "XL"), default="S", help="S: one community in each of two districts"
    )
    parser.add_argument("--seed", type=int, default=20260101, metavar="N")


def run(args: argparse.Namespace) -> int:
    """Make the city; a database that has one is left alone, with a sentence."""
    from ..demo import ensure
    from ..prepare import prepare
    from ..runtime import write_runtime
    from ..services import services_of
    from ..settings import Settings

    settings = Settings.from_environment(os.environ)
    began = time.monotonic()
    last = [0.0]

    def progress(entity: str, done: int) -> None:
        if time.monotonic() - last[0] > 0.5:
            last[0] = time.monotonic()
            print(
                f"\r{time.monotonic() - began:6.0f} s  {entity:<34} {done:>9,} rows ",
                end="",
                file=sys.stderr,
                flush=True,
            )

    with services_of(settings) as runtime:
        write_runtime(settings, runtime)

        async def work() -> bool:
            await prepare(settings, runtime.database)
            return await ensure(settings, args.scale, args.seed, progress)

        made = asyncio.run(work())
    if not made:
        print("\nthis database holds a city already: name another folder with WANGGE_HOME", file=sys.stderr)
        return 1
    print(
        f"\nmade scale {args.scale} in {time.monotonic() - began:.0f} s; accounts: {settings.home / 'demo-accounts.json'}"
    )
    return 0
