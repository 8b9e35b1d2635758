"""`wangge files verify` and `wangge files collect`: whether database and object storage agree, and what no row needs any more."""

from __future__ import annotations

import argparse
import asyncio
import os
from typing import Any

SHOWN = 20
"""ids and keys that are told of each kind."""


def add(subparsers: Any) -> None:
    """Describe the arguments."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "files",
        help="compare files with the object storage",
        description="Files are rows, their contents objects in the object storage.",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    verify = actions.add_parser(
        "verify",
        help="tell files without content, and objects without a file",
        description="As after one of both was restored alone; nothing is changed. The status is 1 when something is missing.",
    )
    verify.set_defaults(run=run)
    collect = actions.add_parser(
        "collect",
        help="do now what is done every night",
        description="Remove uploads that nobody used for a day, and contents of files that are gone.",
    )
    collect.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare or collect."""
    from ..services import services_of
    from ..settings import Settings

    settings = Settings.from_environment(os.environ)
    with services_of(settings, s3=True) as runtime:
        return asyncio.run(_run(args.action, runtime))


async def _run(action: str, runtime: Any) -> int:
    from ..errors import ServiceError
    from ..files.collecting import collect, compare
    from ..files.objects import Objects
    from ..store.pool import Pool

    if runtime.s3 is None:
        raise ServiceError("service.no_s3", "no object storage runs: start Wangge, or name one with WANGGE_S3_URL")
    objects = Objects(runtime.s3)
    try:
        async with Pool(runtime.database, "app", size=2) as pool:
            if action == "collect":
                done = await collect(pool, objects)
                print(f"{done.uploads:,} uploads and {done.objects:,} objects removed")
                return 0
            found = await compare(pool, objects)
    finally:
        objects.close()
    print(f"{found.files:,} files, {found.objects:,} objects")
    _tell("files without content", found.missing)
    _tell("objects without a file", found.orphans)
    return 1 if found.missing or found.orphans else 0


def _tell(what: str, found: tuple[str, ...]) -> None:
    """How many, and the first of them."""
    print(f"{len(found):,} {what}")
    for each in found[:SHOWN]:
        print(f"  {each}")
    if len(found) > SHOWN:
        print(f"  and {len(found) - SHOWN:,} more")
