"""`wangge demo`: fill an empty database with a demonstration city."""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import Any, TextIO

from ..errors import SettingsError


def add(subparsers: Any) -> None:
    """Describe the arguments."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "demo",
        help="make Guiyang with synthetic residents, accounts and tokens",
        description="Fill an empty database with a city whose people are visibly synthetic; the same seed gives the same city.",
    )
    parser.add_argument(
        "--scale", choices=("S", "M", "L", "XL"), help="S (one community in each of two districts) when not given"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="what all names and figures follow from (20260101)")


class Bar:
    """A line of progress on standard error: percent, rows, rows a second, time that is left."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._pause = 0.5 if out.isatty() else 10.0  # a log file needs fewer lines than a screen
        self._began = self._shown = time.monotonic()

    def show(self, entity: str, done: int, total: int) -> None:
        """Show it, but not too often."""
        now = time.monotonic()
        if now - self._shown < self._pause:
            return
        self._shown = now
        line = progress_line(entity, done, total, now - self._began)
        self._out.write(f"\r{line}" if self._out.isatty() else f"{line}\n")
        self._out.flush()

    def close(self) -> None:
        """End the line."""
        if self._out.isatty():
            self._out.write("\n")


def progress_line(entity: str, done: int, total: int, seconds: float) -> str:
    """Percent (99 until the end), a bar of 20 marks, rows and the time that is left."""
    share = min(done / max(total, 1), 0.99)
    bar = ("#" * int(share * 20)).ljust(20, ".")
    left = seconds * (1 - share) / share if share else 0.0
    return f"{share:4.0%} [{bar}] {done:>10,} of about {total:,} rows, {left:4.0f} s left  {entity:<34}"


def run(args: argparse.Namespace) -> int:
    """Make the city, or finish one that was begun; a whole one is left alone, with a sentence."""
    import uvloop

    from ..demo import ensure
    from ..prepare import prepare
    from ..services import services_of
    from ..settings import Settings

    settings = Settings.from_environment(os.environ)
    began = time.monotonic()
    bar = Bar(sys.stderr)
    # The thread that parses the next batch would hold the interpreter for 5 ms before each round trip of the one being stored.
    sys.setswitchinterval(0.0005)
    with services_of(settings, create=True) as runtime:

        async def work() -> bool:
            await prepare(settings, runtime.database)
            return await ensure(settings, runtime, args.scale, args.seed, bar.show)

        try:
            made = uvloop.run(work())
        finally:
            bar.close()
    if not made:
        raise SettingsError(
            "demo.there", "this database holds a city already: name another folder with WANGGE_HOME for a new one"
        )
    print(f"made the city in {time.monotonic() - began:.0f} s; accounts: {settings.home / 'demo-accounts.json'}")
    return 0
