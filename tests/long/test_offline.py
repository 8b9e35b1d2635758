"""SECURITY.md 82: without any network but the machine's own everything works, and nobody asks for a foreign host."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.long.served import ROOT

pytestmark = pytest.mark.long
SCRIPT = """
import asyncio, sys
from pathlib import Path
from tests.long.served import GRID, Served, Stream

async def main() -> None:
    served = Served(Path(sys.argv[1]))
    try:
        served.start()
        stream = Stream(served)
        await stream.open()
        async with served.client() as client:
            assert all([await stream.write(client, n) for n in range(1, 20)])
            for path in ("/admin/", "/graphql", "/metrics", "/healthz"):
                answer = await client.get(path, headers={"accept": "text/html"})
                assert answer.status_code == 200, path
        stream.check()
        assert served.run("audit", "verify").returncode == 0
        assert served.end() == 0
    finally:
        served.destroy()
    print("served offline")

asyncio.run(main())
"""
LOOPBACK = "ip link set lo up && exec"
CONNECT = re.compile(r"(?:connect|sendto)\(.*sin6?_(?:addr|port).*?(?:inet_addr\(\"|inet_pton\(AF_INET6, \")([^\"]+)")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a network namespace")
def test_the_whole_city_works_in_a_network_that_ends_at_this_machine(service_home: Path, tmp_path: Path) -> None:
    script = tmp_path / "offline.py"
    script.write_text(SCRIPT)
    words = [sys.executable, str(script), str(service_home)]
    trace, calls = shutil.which("strace"), tmp_path / "calls"
    if trace is not None:
        words = [trace, "-f", "-qq", "-e", "trace=connect,sendto", "-o", str(calls), *words]
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", f'{LOOPBACK} "$@"', "sh", *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.stdout == "served offline\n", done.stderr
    if trace is not None:
        places = set(CONNECT.findall(calls.read_text(errors="replace")))
        assert places <= {"127.0.0.1", "::1"}
        assert "127.0.0.1" in places
