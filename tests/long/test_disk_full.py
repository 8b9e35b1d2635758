"""SECURITY.md 68: a full disk is said loudly and without internals; once there is room everything goes on, nothing is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.long.served import Served, Stream
from tests.processes import until

pytestmark = [pytest.mark.long, pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")]
DISK = "900m"
TOLD = {"503 database.full", "200 database.full", "200 database.unavailable", "503 database.unavailable"}
TOLD |= {"200 database.outcome_unknown", "503 policy.unconfirmed", "200 policy.unconfirmed"}


@pytest.fixture
def served(service_home: Path) -> Iterator[Served]:
    """A city on a disk of its own."""
    disk = service_home / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=755", "tmpfs", str(disk)], check=True)
    made = Served(disk / "home")
    made.said = service_home.with_name(f"{service_home.name}.said")  # on another disk, to be read here
    try:
        made.start()
        yield made
    finally:
        made.destroy()
        subprocess.run(["umount", "-l", str(disk)], check=True)


async def test_a_full_disk_is_a_clean_answer_and_passes(served: Served) -> None:
    stream = Stream(served)
    await stream.open()
    await asyncio.wait_for(_until(served, stream, lambda: len(stream.acknowledged) >= 50), 120)
    filler = served.home / "filler"
    _fill(filler)
    await asyncio.wait_for(_until(served, stream, lambda: len(stream.unknown) >= 20), 300)
    assert stream.answers <= TOLD
    assert served.status("/healthz") == 200
    _fill(filler)
    os.kill(served.postgres()[0], signal.SIGKILL)
    until(lambda: "the next try is in 5 s" in served.said.read_text(), 60)
    assert served.status("/readyz") == 503
    filler.unlink()
    served.wait(60)
    await stream.repeat()
    before = len(stream.acknowledged)
    await asyncio.wait_for(_until(served, stream, lambda: len(stream.acknowledged) >= before + 50), 120)
    stream.check()
    assert served.run("audit", "verify").returncode == 0
    assert served.end() == 0
    print(f"{len(stream.acknowledged)} acknowledged, answers while it was full: {stream.answers}")
    print(served.said.read_text())


async def _until(served: Served, stream: Stream, enough: object) -> None:
    """Write, four at a time, whatever is answered."""
    assert callable(enough)
    async with served.client() as client:
        number = 0
        while not enough():
            number += 4
            await asyncio.gather(*(stream.write(client, number + n) for n in range(4)))


def _fill(path: Path) -> None:
    """Take all the room that is left."""
    with open(path, "ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
