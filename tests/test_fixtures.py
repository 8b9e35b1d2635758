"""A test run leaves nothing behind, whatever ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import alive, family, until

ROOT = Path(__file__).parents[1]
TEST = """
import pathlib, signal

async def test_waits(pool, request):
    assert await pool.fetchval("SELECT 1") == 1
    pathlib.Path({mark!r}).touch()
    signal.pause()
"""


@pytest.mark.parametrize("workers", ["0", "1"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_leaves_no_process(tmp_path: Path, workers: str, number: signal.Signals) -> None:
    mark = tmp_path / "reached"
    file = tmp_path / "test_waiting.py"
    file.write_text(TEST.format(mark=str(mark)))
    command = [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "-p", "tests.conftest", "-n", workers, str(file)]
    with open(tmp_path / "said", "w") as said:
        run = subprocess.Popen(
            ["env", "--default-signal=INT", *command], cwd=ROOT, stdout=said, stderr=said, start_new_session=True
        )  # whoever runs the tests in the background lets them ignore an interrupt
        until(mark.exists, 60)
        everyone = family(run.pid)
        os.kill(run.pid, number)
        run.wait(60)
    until(lambda: not alive(everyone))
    folders = list(Path("/tmp").glob(f"wangge-tests-{run.pid}-*"))
    assert bool(folders) == (number == signal.SIGKILL)  # the next run removes what a killed one left
