"""Looking at real processes: who belongs to whom, and waiting until something is so."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def family(pid: int) -> set[int]:
    """The process ids of `pid` and everything that it started, directly or not."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (parent := _parent(entry)) is not None:
            children.setdefault(parent, []).append(int(entry.name))
    found, queue = {pid}, [pid]
    while queue:
        for child in children.get(queue.pop(), []):
            found.add(child)
            queue.append(child)
    return found


def alive(pids: set[int]) -> set[int]:
    """Those that run (a zombie does not)."""
    return {pid for pid in pids if _parent(Path("/proc", str(pid))) is not None}


def command(pid: int) -> str:
    """The command line of a process, "" when it is gone."""
    try:
        return Path("/proc", str(pid), "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def until(found: Callable[[], T], seconds: float = 30.0) -> T:
    """Ask again and again until the answer is true, and give it back; fails when it does not become true in time."""
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{found} did not become true within {seconds:.0f} s")
        time.sleep(0.02)
    return answer


def _parent(entry: Path) -> int | None:
    try:
        state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return None
    return None if state in "ZX" else int(parent)
