"""The steps of a page: its files and its commands, so that a test can do what a reader does."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tests.processes import until
from wangge.settings import Settings
from wangge.store.database import Database

ADDRESS = "http://127.0.0.1:8000"
_BLOCK = re.compile(
    r"(?:^`(?P<file>[^`\n]+)`(?P<more>, appended)?\n\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.M | re.S
)
_SCRIPT = '#!/bin/sh\nexec "{python}" -m {module} "$@"\n'
_END = "guide-step-ended"


class Block(msgspec.Struct, frozen=True):
    """One block of code: the content of a file when a line above names it, else what its language says."""

    language: str
    text: str
    file: str = ""
    appended: bool = False


def blocks(page: Path) -> list[Block]:
    """The blocks of a page in their order."""
    found = _BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [Block(f["language"], f["text"], f["file"] or "", f["more"] is not None) for f in found]


class Reader:
    """Somebody in an empty folder with an installed Wangge, a city in `.wangge`, and one shell that keeps its variables."""

    def __init__(self, folder: Path, settings: Settings, database: Database) -> None:
        self.folder = folder
        self.address = ADDRESS
        (folder / ".wangge").symlink_to(settings.home)
        _environment(folder / ".venv")
        found = f"postgresql://{{}}@/{database.name}?host={database.host}&port={database.port}"
        self._variables = {name: value for name, value in os.environ.items() if not name.startswith("WANGGE_")} | {
            "WANGGE_PORT": "0",
            "WANGGE_DATABASE_URL": found.format("postgres"),
            "WANGGE_DATABASE_OWNER_URL": found.format("wangge_owner"),
            "WANGGE_S3_URL": "http://key:secret@127.0.0.1:1/unused",
            "WANGGE_KEY_FILE": str(settings.home / "keys" / "wangge.key"),
        }
        self._shell = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=self._variables,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def write(self, block: Block) -> None:
        """Make or lengthen the file of a block."""
        path = self.folder / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a" if block.appended else "x", encoding="utf-8") as file:
            file.write(block.text)

    def do(self, block: Block) -> list[str]:
        """Type the commands of a block; the lines that they print. The last one must succeed."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        typed = block.text.replace(ADDRESS, self.address)
        self._shell.stdin.write(f'{typed}\nstatus=$?; echo; echo "{_END} $status"\n')
        self._shell.stdin.flush()
        lines: list[str] = []
        while not (line := self._shell.stdout.readline()).startswith(_END):
            assert line, lines
            if line.strip():
                lines.append(line.rstrip("\n"))
        assert line.split() == [_END, "0"], lines
        return lines

    def answer(self, block: Block) -> object:
        """The JSON of the last line that a block prints."""
        return json.loads(self.do(block)[-1])

    @contextmanager
    def serving(self, **more: str) -> Iterator[None]:
        """`wangge up` until the block ends, with the log of a failing start."""
        log = self.folder / "log"
        with open(log, "w") as file:
            served = subprocess.Popen(
                [self.folder / ".venv" / "bin" / "wangge", "up"],
                cwd=self.folder,
                env=self._variables | more,
                stdout=file,
                stderr=file,
            )
        try:
            until(lambda: served.poll() is not None or self._serves(served.pid), 60)
            assert served.poll() is None, log.read_text()
            yield
        finally:
            served.send_signal(signal.SIGTERM)
            status = served.wait(20)
        assert status == 0, log.read_text()

    def _serves(self, supervisor: int) -> bool:
        """Whether this supervisor has written its address, and answers there."""
        runtime = {}
        with contextlib.suppress(OSError, ValueError):
            runtime = json.loads((self.folder / ".wangge" / "runtime.json").read_text())
        if runtime.get("supervisor") != supervisor or not runtime.get("address"):
            return False
        self.address = runtime["address"]
        try:
            with urllib.request.urlopen(f"{self.address}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def close(self) -> None:
        """End the shell."""
        self._shell.communicate()


def _environment(folder: Path) -> None:
    """A virtual environment that has all of ours, so that what a page installs stays in it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "ours.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    for module in ("wangge", "pip", "pytest"):
        script = folder / "bin" / module
        script.write_text(_SCRIPT.format(python=folder / "bin" / "python", module=module))
        script.chmod(0o755)
