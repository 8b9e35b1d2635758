"""`make bench`: Wangge beside the hand-written floor and PostGraphile, over the same rows in the same PostgreSQL.

The harness lies outside of the repository, beside it: <folder above the project>/shared/bench, or --harness FOLDER.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import importlib.resources
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from harness import Harness
from serving import worker
from table import table
from world import WANGGE, load_rows, new_token, place_rows, rows_of, settle_city

from wangge.prepare import prepare
from wangge.runtime import write_runtime
from wangge.services import Services
from wangge.settings import Settings

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]


def main() -> int:
    """Set up, load, serve, measure, and print how we stand."""
    args = _arguments()
    if not (args.harness / "bench.py").is_file():
        print(
            f"bench: there is no harness in {args.harness}: it is not part of this repository. "
            "Put it there, or name its folder with --harness",
            file=sys.stderr,
        )
        return 1
    if shutil.which("wrk") is None:
        print("bench: the load generator wrk is missing: install the package wrk", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the services are stopped
    args.work.mkdir(mode=0o755, parents=True, exist_ok=True)
    settings = Settings(home=args.work / "home", port=0, modules=(HERE / "bench",))
    services = Services(settings)
    try:
        runtime = services.start(s3=False)
        write_runtime(settings, runtime)
        measure(args, settings, services)
    finally:
        services.stop()
    return 0


def measure(args: argparse.Namespace, settings: Settings, services: Services) -> None:
    """The run itself, while the services are up."""
    assert services.postgres is not None
    database = services.postgres.database(WANGGE)
    harness = Harness(args.harness, args.work, services.postgres)
    harness.set_up()
    peer = not args.no_peer and harness.set_up_peer()
    fill(args, settings, services, harness)
    rows = asyncio.run(rows_of(database))
    token = asyncio.run(new_token(settings, database))
    environment = {**os.environ, "WANGGE_HOME": str(settings.home), "WANGGE_MODULES": str(HERE / "bench")}
    environment["WANGGE_REQUESTS"] = "1000000000"  # one token asks as much as sixteen connections can
    with worker(environment, args.work / "worker.log") as (url, pid):
        if args.serve:
            print(f"bench: {url}/graphql process {pid} Bearer {token}; Ctrl-C ends it", flush=True)
            _until_interrupted()
            return
        only = args.only or ",".join(json.loads((HERE / "queries.json").read_text("utf-8")))
        more = ["--only", only, "--conc", args.conc, "--secs", str(args.secs)]
        results = harness.run(url, token, pid, peer=peer, more=more)
    results["rows"] = rows
    report(results)


def fill(args: argparse.Namespace, settings: Settings, services: Services, harness: Harness) -> None:
    """Tables and rows, unless they are there from an earlier run of this scale and of these core tables."""
    assert services.postgres is not None
    server, begun = services.postgres, time.monotonic()
    made, loaded = args.work / "made", args.work / "loaded"
    scale, core = str(args.scale), f"{args.scale} {core_tables()}"
    if not is_told(made, scale):
        harness.make_rows(args.scale)
        made.write_text(scale, "utf-8")
        loaded.unlink(missing_ok=True)
    if is_told(loaded, core):
        asyncio.run(prepare(settings, server.database(WANGGE)))
        return
    server.drop_database(WANGGE)
    database = server.create_database(WANGGE)

    async def work() -> None:
        await prepare(settings, database)
        await place_rows(server, await settle_city(database))
        await load_rows(server)

    asyncio.run(work())
    loaded.write_text(core, "utf-8")
    print(f"bench: rows made and loaded in {time.monotonic() - begun:.0f} s", flush=True)


def is_told(marker: Path, text: str) -> bool:
    """Whether a step was done, as it would be done now."""
    return marker.exists() and marker.read_text("utf-8") == text


def core_tables() -> str:
    """A digest of the SQL that makes the core's own tables: a database of another one is made anew."""
    folder = importlib.resources.files("wangge.store") / "bootstrap"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return hashlib.sha256(b"".join(f.read_bytes() for f in files)).hexdigest()[:12]


def report(results: dict[str, object]) -> None:
    """Keep the figures and print the table."""
    kept = HERE / "results"
    kept.mkdir(exist_ok=True)
    text = table(results) + "\nRows: " + ", ".join(f"{k} {v:,}" for k, v in dict(results["rows"]).items()) + "\n"  # type: ignore[call-overload]
    stamp = time.strftime("%Y-%m-%d-%H%M")
    (kept / f"{stamp}.json").write_text(json.dumps(results, indent=1), "utf-8")
    (kept / f"{stamp}.md").write_text(text, "utf-8")
    print(text)


def _until_interrupted() -> None:
    """For profiling and for a look at the schema."""
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--harness", type=Path, default=PROJECT.parent / "shared" / "bench", metavar="FOLDER")
    parser.add_argument(
        "--work",
        type=Path,
        default=Path(tempfile.gettempdir()) / "wangge-bench",
        metavar="FOLDER",
        help="where the databases, environments and copies go; kept for the next run",
    )
    parser.add_argument("--scale", type=float, default=1.0, metavar="N", help="1.0 is 2 million rows; 0.01 for a look")
    parser.add_argument("--conc", default="1,16", metavar="N,N", help="connections (1,16)")
    parser.add_argument("--secs", type=int, default=5, metavar="N", help="seconds a cell (5)")
    parser.add_argument("--only", default="", metavar="Q1,Q2", help="these queries only")
    parser.add_argument("--no-peer", action="store_true", help="without PostGraphile, which npm must bring")
    parser.add_argument("--serve", action="store_true", help="serve the rows until Ctrl-C instead of measuring")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
