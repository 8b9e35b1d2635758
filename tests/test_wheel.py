"""What the wheel holds, also one that is built from the source distribution; and that, installed in an empty environment, it
serves what the checkout serves (marked long: it installs all dependencies).
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.processes import until

TOP = Path(__file__).parent.parent
ROOMS = {"wangge", "wangge_base", "wangge_casework", "wangge_urban_management"}

EXTRACTING: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
"""Python 3.11 knows the filter from 3.11.4 on."""


def run(*command: str | Path, cwd: Path = TOP, **more: str) -> str:
    """A command that must succeed; its output."""
    done = subprocess.run(
        [str(c) for c in command], cwd=cwd, env=os.environ | more, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files_of(folder: Path) -> dict[str, int]:
    """Name -> checksum of the files of the one wheel in a folder."""
    (wheel,) = folder.glob("wangge-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return {file.filename: file.CRC for file in archive.infolist()}


def wanted() -> set[str]:
    """What must be in the wheel: the packages, the schemas beside the core, and the built console."""
    packages = [TOP / "core" / "wangge", *(TOP / "plugins").glob("wangge_*")]
    files = [(p.parent, f) for p in packages for f in p.rglob("*") if "__pycache__" not in f.parts and f.is_file()]
    named = {str(file.relative_to(root)) for root, file in files if "schemas" not in file.parts}
    return named | {f"wangge/{f.relative_to(TOP)}" for f in (TOP / "schemas").rglob("*") if f.is_file()}


def test_the_wheel_holds_the_packages_their_data_and_the_console_also_from_the_source_distribution(
    tmp_path: Path,
) -> None:
    assert (TOP / "core" / "wangge" / "static" / "index.html").exists(), "the console is not built: run `make ui`"
    run(sys.executable, "-m", "hatchling", "build", "-d", tmp_path)
    files = files_of(tmp_path)
    assert wanted() - set(files) == set()
    assert {room for name in files if not (room := name.split("/")[0]).endswith(".dist-info")} == ROOMS
    assert [name for name in files if "node_modules" in name or name.endswith((".pyc", ".map", ".ts", ".tsx"))] == []
    (source,) = tmp_path.glob("wangge-*.tar.gz")
    with tarfile.open(source) as archive:
        archive.extractall(tmp_path / "source", **EXTRACTING)
    (unpacked,) = (tmp_path / "source").iterdir()
    assert list(unpacked.rglob("node_modules")) == []
    again = tmp_path / "again"
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", again, cwd=unpacked)
    assert files_of(again) == files


@pytest.mark.long
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
        text = re.search(r"query=(\{.*?\n\})'", (TOP / "README.md").read_text(encoding="utf-8"), re.S)
        assert text is not None
        asked = f"{address}/graphql?{urllib.parse.urlencode({'query': text[1]})}"
        headers = {"authorization": f"Bearer {accounts['nanming-urban-management']}"}
        with urllib.request.urlopen(urllib.request.Request(asked, headers=headers)) as answer:
            found = json.load(answer)["data"]["incidents"]
        assert len(found["nodes"]) == 5
        assert {n["district"]["name"] for n in found["nodes"]} == {"南明区"}
        with urllib.request.urlopen(
            urllib.request.Request(f"{address}/graphql", headers={"accept": "text/html"})
        ) as answer:
            assert b"graphiql" in answer.read()
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
