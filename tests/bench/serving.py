"""One worker of Wangge on a free port, with its process id: what the supervisor starts, without the supervisor."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wangge.supervisor import address, listen

PATIENCE = 60.0


@contextmanager
def worker(environment: dict[str, str], log: Path) -> Iterator[tuple[str, int]]:
    """(URL, process id) of a worker that is ready; it ends with the block. Raises SystemExit when it does not start."""
    reader, writer = os.pipe()
    with listen("127.0.0.1", 0) as listener, open(log, "wb") as output:
        command = [sys.executable, "-m", "wangge.worker", "--fd", str(listener.fileno()), "--heartbeat", str(writer)]
        process = subprocess.Popen(
            command, env=environment, pass_fds=(listener.fileno(), writer), stdout=output, stderr=output
        )
        os.close(writer)
        try:
            url = address(listener)
            _wait(process, f"{url}/readyz", log)
            yield url, process.pid
        finally:
            process.terminate()
            process.wait(30)
            os.close(reader)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Until the worker says that it is ready."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"bench: the worker ended: {log.read_text('utf-8')[-2000:]}")
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit(f"bench: the worker was not ready after {PATIENCE:.0f} s: {log}")
