"""The wheel in an empty environment serves what the checkout serves (marked long: it builds and installs)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.processes import until

TOP = Path(__file__).parent.parent
pytestmark = pytest.mark.long


def run(*command: str | Path, **more: str) -> str:
    """A command that must succeed; its output."""
    done = subprocess.run(
        [str(c) for c in command], cwd=TOP, env=os.environ | more, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_serves_the_same_as_the_checkout(tmp_path: Path) -> None:
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path)
    (wheel,) = tmp_path.glob("wangge-*.whl")
    environment = tmp_path / "environment"
    run(sys.executable, "-m", "venv", environment)
    python = environment / "bin" / "python"
    uv = Path(sys.executable).parent / "uv"
    run(
        uv,
        "pip",
        "install",
        "--python",
        python,
        "--no-deps",
        "--require-hashes",
        "-r",
        TOP / "requirements.lock",
        UV_INDEX_STRATEGY="unsafe-best-match",
    )
    run(uv, "pip", "install", "--python", python, "--no-deps", wheel)
    home = tmp_path / "home"
    settings = os.environ | {"WANGGE_HOME": str(home), "WANGGE_PORT": "0"}
    with open(tmp_path / "log", "w") as log:
        served = subprocess.Popen(
            [environment / "bin" / "wangge", "up", "--demo"], cwd=tmp_path, env=settings, stdout=log, stderr=log
        )
    try:
        runtime = home / "runtime.json"
        until(lambda: runtime.exists() and json.loads(runtime.read_text()).get("address") is not None, 120)
        address = json.loads(runtime.read_text())["address"]
        until(lambda: ready(address), 60)
        accounts = {a["account"]: a["token"] for a in json.loads((home / "demo-accounts.json").read_text())}
        query = {
            "query": "{ incidents(first: 3) { nodes { caseNo category district { name } } totalCount { value } } }"
        }
        headers = {
            "authorization": f"Bearer {accounts['nanming-urban-management']}",
            "content-type": "application/json",
        }
        with urllib.request.urlopen(
            urllib.request.Request(f"{address}/graphql", json.dumps(query).encode(), headers)
        ) as answer:
            found = json.load(answer)["data"]["incidents"]
        assert found["totalCount"]["value"] == 200
        assert {n["district"]["name"] for n in found["nodes"]} == {"南明区"}
        with urllib.request.urlopen(f"{address}/admin/") as answer:
            assert b"<script" in answer.read()
            assert answer.headers["wangge-console"] == "built"
    finally:
        served.send_signal(signal.SIGTERM)
        assert served.wait(20) == 0


def ready(address: str) -> bool:
    """Whether the API answers."""
    try:
        with urllib.request.urlopen(f"{address}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
