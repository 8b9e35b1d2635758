"""A log that cannot be written takes nothing with it."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import structlog
from wangge.logs import configure
configure("info")
structlog.get_logger("x").error("told", n=1)
print("went on")
"""


def test_a_log_on_a_full_disk_takes_no_request_with_it() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-c", CODE], stdout=subprocess.PIPE, stderr=full, text=True, check=False)
    assert done.stdout == "went on\n"
