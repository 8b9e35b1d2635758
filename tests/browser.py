"""Find a Chromium for the tests of the console: an installed one, Playwright's, Debian's (as root), or one from npm.

`python tests/browser.py` looks for one, proves that it opens a page, and writes how to start it to `.make/browser.json`.
Without one it says so in one sentence, and the tests that need a browser are skipped with the same sentence.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOUND = Path(__file__).parents[1] / ".make" / "browser.json"
INSTALLED = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
ARGUMENTS = (
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
NPM_PACKAGE = "@sparticuz/chromium@147.0.0"
NONE = "no Chromium can be had: install `chromium` and `fonts-noto-cjk`, then run `.venv/bin/python tests/browser.py`"
_UNPACK = """
import fs from 'node:fs'; import zlib from 'node:zlib';
const [from, to] = process.argv.slice(1);
for (const file of fs.readdirSync(from)) {
  fs.writeFileSync(`${to}/${file.replace(/\\.br$/, '')}`, zlib.brotliDecompressSync(fs.readFileSync(`${from}/${file}`)));
}
"""

Options = dict[str, Any]
"""What Playwright's `chromium.launch` takes: executable_path, args, env."""


def executable() -> Path | None:
    """The browser that was found, None when there is none."""
    found = options()
    return Path(found["executable_path"]) if found else None


def options() -> Options | None:
    """How to start it, as arguments of Playwright's `chromium.launch`; None when there is none."""
    try:
        found: Options | None = json.loads(FOUND.read_text())
    except (OSError, ValueError):
        return None
    if not found or not Path(found["executable_path"]).exists():
        return None
    return found | {"env": {**os.environ, **found["env"]}}


def main() -> int:
    """Find one and write it down; never fails, since only some tests need a browser."""
    FOUND.parent.mkdir(exist_ok=True)
    for offer in (_installed, _downloaded, _from_debian, _from_npm):
        for found in offer():
            if _opens_a_page(found):
                FOUND.write_text(json.dumps(found, indent=1) + "\n")
                print(f"tests use the browser {found['executable_path']}{_without_chinese()}")
                return 0
    FOUND.write_text("null\n")
    print(NONE)
    return 0


def _installed() -> Iterator[Options]:
    for name in INSTALLED:
        path = shutil.which(name)
        if path:
            yield _options(path)


def _downloaded() -> Iterator[Options]:
    """Playwright's own, fetched when this machine can reach it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    if not Path(path).exists():
        _run([sys.executable, "-m", "playwright", "install", "chromium"], 300)
    yield _options(path)


def _from_debian() -> Iterator[Options]:
    if os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        _run(["apt-get", "update", "-qq"], 300, environment)
        _run(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-noto-cjk"],
            900,
            environment,
        )
        yield from _installed()


def _from_npm() -> Iterator[Options]:
    """A Chromium with its own libraries, for ordinary users."""
    folder = FOUND.parent / "chromium"
    program = folder / "chromium"
    if not program.exists() and shutil.which("npm"):
        draft = folder.with_suffix(".new")
        shutil.rmtree(draft, ignore_errors=True)
        (draft / "out").mkdir(parents=True)
        _run(["npm", "pack", "--silent", "--pack-destination", str(draft), NPM_PACKAGE], 600)
        for archive in draft.glob("*.tgz"):
            _extract(archive, draft)
        packed = draft / "package" / "bin"
        if packed.is_dir():
            _run(["node", "--input-type=module", "-e", _UNPACK, str(packed), str(draft / "out")], 120)
            for archive in (draft / "out").glob("*.tar"):
                _extract(archive, draft / "out")
            (draft / "out" / "chromium").chmod(0o755)
            shutil.rmtree(folder, ignore_errors=True)
            (draft / "out").rename(folder)
        shutil.rmtree(draft, ignore_errors=True)
    if program.exists():
        environment = {"LD_LIBRARY_PATH": f"{folder / 'lib'}:{folder}"}
        yield _options(
            str(program), environment, "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"
        )


def _options(path: str, environment: dict[str, str] | None = None, *more: str) -> Options:
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 or more else []
    return {"executable_path": path, "args": [*ARGUMENTS, *sandbox, *more], "env": environment or {}}


def _opens_a_page(found: Options) -> bool:
    from playwright.sync_api import Error, sync_playwright

    if not Path(found["executable_path"]).exists():
        return False
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(**found | {"env": {**os.environ, **found["env"]}}, timeout=60_000)
            page = browser.new_page()
            page.set_content("<p>网格</p>")
            same = page.inner_text("p") == "网格"
            browser.close()
    except Error as error:
        print(f"{found['executable_path']} does not work: {str(error).splitlines()[0]}")
        return False
    return same


def _without_chinese() -> str:
    """A warning when this machine has no font for Chinese text; pictures of pages would show boxes."""
    lister = shutil.which("fc-list")
    if lister is None or subprocess.run([lister, ":lang=zh"], capture_output=True, check=False).stdout.strip():
        return ""
    return "; there is no Chinese font: install `fonts-noto-cjk` to see Chinese text in screenshots"


def _extract(archive: Path, folder: Path) -> None:
    _run(["tar", "xf", str(archive), "-C", str(folder)], 120)


def _run(command: list[str], seconds: float, environment: dict[str, str] | None = None) -> None:
    """Run a step that may fail: what it should have brought is looked for afterwards."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(command, env=environment, timeout=seconds, capture_output=True, check=False)


if __name__ == "__main__":
    sys.exit(main())
