"""SECURITY.md 62 and 63: a hundred kills in the middle of writes over HTTP."""

from __future__ import annotations

import itertools
import signal
import time
from collections.abc import Callable

import pytest

from tests.long.served import Served, Stream, written

pytestmark = pytest.mark.long
ROUNDS, WRITERS, ACKNOWLEDGED = 100, 6, 40


async def test_a_hundred_kills_of_server_or_database_lose_nothing_and_double_nothing(
    served: Served, record_property: Callable[[str, object], None]
) -> None:
    stream, back = Stream(served), []
    await stream.open()
    for _, victim in zip(range(ROUNDS), itertools.cycle(("database", "server", "supervisor", "backend")), strict=False):
        began = await _hurt(served, stream, victim)
        back.append(time.monotonic() - began)
        await stream.repeat()
        stream.check()
    assert stream.unknown == {}
    assert len(stream.acknowledged) >= ROUNDS * ACKNOWLEDGED
    verified = served.run("audit", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    record_property("acknowledged", len(stream.acknowledged))
    record_property("slowest seconds until ready", round(max(back), 1))
    print(f"{len(stream.acknowledged)} acknowledged, {len(stream.refused)} refused, {stream.answers}")
    print(f"ready again after {sorted(back)[ROUNDS // 2]:.1f} s, at most {max(back):.1f} s")
    print(verified.stdout)


async def _hurt(served: Served, stream: Stream, victim: str) -> float:
    """Kill one part of it while it writes, and wait until it is ready; the moment of the kill."""
    assert served.process is not None
    pids = {
        "database": lambda: served.postgres()[:1],
        "server": lambda: served.children("wangge.worker")[:1],
        "supervisor": lambda: [served.process.pid] if served.process else [],
        "backend": lambda: served.postgres()[-1:],
    }[victim]()
    await written(stream, WRITERS, ACKNOWLEDGED, pids, signal.SIGKILL)
    began = time.monotonic()
    if victim == "supervisor":
        served.process.wait()
        served.start()
    else:
        served.wait()
    return began
