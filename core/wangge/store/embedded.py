"""The embedded PostgreSQL: made on first use, started, stopped, recovered; one socket that only we may use.

The wheel's own Python layer is not used: it opens folders to everybody and trusts every local user.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from ..errors import ServiceError
from .configuration import configuration, host_rules, user_map
from .database import USERS, Database
from .place import Place, leave, lock, settle
from .process import launch, run, stop, tail
from .programs import postgres_programs, postgres_version

PATIENCE = 300.0
"""Seconds that a recovery may take before the start is given up."""
EXTENSIONS = ("pg_stat_statements", "btree_gist", "btree_gin", "pg_trgm")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


class EmbeddedPostgres:
    """One server for one home. Not for two threads; `start` must be called from the main thread."""

    def __init__(self, home: Path, *, durable: bool = True, survivor_seconds: float = 20.0) -> None:
        """`durable=False` trades every promise about power failures for speed: for tests only.

        `survivor_seconds` is how long to wait for the server of a killed supervisor to end by itself.
        """
        self.home = home.absolute()
        self.durable = durable
        self._survivor_seconds = survivor_seconds
        self._place: Place | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None

    def start(self) -> None:
        """Make the data folder if it is not there, start the server, make roles and database. Raises `ServiceError`."""
        self._place = settle(self.home)
        if self._lock is None:
            self._lock = lock(self._place, "postgres")
        try:
            programs = postgres_programs(self._place)
            self._check_data()
            if not self._data.exists():
                self._initialise(programs)
            self._serve(programs)
            self._prepare()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """A fast shutdown: connections are closed, everything committed is on disk."""
        if self._process is not None:
            stop(self._process, (signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0))
            self._process = None
            leave(self.place)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def place(self) -> Place:
        """Where it lives and as whom it runs."""
        if self._place is None:
            raise ServiceError("service.not_started", "the embedded PostgreSQL was not started")
        return self._place

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.place.folder / "logs" / "postgres.log"

    def database(self, name: str = "wangge") -> Database:
        """How to connect to the database `name`."""
        return Database(name=name, host=str(self.place.sockets))

    def create_database(self, name: str, template: str | None = None) -> Database:
        """Make a database that belongs to the owner role, as a copy of `template` (nobody may be connected to that)."""
        source = f' TEMPLATE "{_checked(template)}" STRATEGY FILE_COPY' if template else ""
        self.sql(f'CREATE DATABASE "{_checked(name)}" OWNER {USERS["owner"]}{source}')
        if template is None:
            self._extend(name)
        return self.database(name)

    def drop_database(self, name: str) -> None:
        """Remove a database if it is there, with whoever is connected to it."""
        self.sql(f'DROP DATABASE IF EXISTS "{_checked(name)}" WITH (FORCE)')

    def sql(self, text: str, database: str = "postgres") -> str:
        """Run statements as the superuser; the rows as text, columns separated by `|`. Raises `ServiceError`."""
        command = [*self.psql(database, "admin"), "-v", "ON_ERROR_STOP=1", "-qAt", "-f", "-"]
        environment = {"PATH": os.defpath, "PGCONNECT_TIMEOUT": "10"}
        done = subprocess.run(command, input=text, capture_output=True, text=True, env=environment, check=False)
        if done.returncode:
            raise ServiceError("service.sql", f"PostgreSQL refused: {done.stderr.strip()}")
        return done.stdout.strip()

    def psql(self, database: str = "wangge", role: str = "app") -> list[str]:
        """The command that connects a person to `database` as `role`."""
        user = {str(key): value for key, value in USERS.items()}[role]
        return [
            str(postgres_programs(self.place) / "psql"),
            "-X",
            "-h",
            str(self.place.sockets),
            "-U",
            user,
            "-d",
            database,
        ]

    @property
    def _data(self) -> Path:
        return self.place.folder / "postgres"

    def _check_data(self) -> None:
        """Refuse data of another version, and wait for the server of a killed supervisor to end."""
        if not self._data.exists():
            return
        major = postgres_version().split(".")[0]
        found = _read(self._data / "PG_VERSION")
        if found != major:
            raise ServiceError(
                "service.data_version",
                f"{self._data} holds data of PostgreSQL {found or 'of an unknown version'}, and this is PostgreSQL {major}: "
                "use the version of Wangge that wrote it, make a backup there and restore it here",
                found=found,
                expected=major,
            )
        deadline = time.monotonic() + self._survivor_seconds
        while (survivor := self._survivor()) is not None:
            if time.monotonic() > deadline:
                raise ServiceError(
                    "service.in_use",
                    f"{self._data} is in use by a PostgreSQL server, process {survivor}: stop it first (kill -INT {survivor})",
                    process=survivor,
                )
            time.sleep(0.02)

    def _survivor(self) -> int | None:
        """The process that serves our data though we hold the lock; forgets a number that another program has by now."""
        file = self._data / "postmaster.pid"
        lines = _read(file).splitlines()
        if not lines or not lines[0].strip().isdecimal():
            return None
        pid = int(lines[0])
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return None
        if str(self._data).encode() in words:
            return pid
        if words != [b""]:
            file.unlink(missing_ok=True)
        return None

    def _initialise(self, programs: Path) -> None:
        """Run initdb beside the final folder, so that a half-made one is never taken for data."""
        draft = self.place.folder / "postgres.new"
        shutil.rmtree(draft, ignore_errors=True)
        command: list[str | Path] = [programs / "initdb", "-D", draft, "-U", USERS["admin"], "--encoding=UTF8"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--lc-collate=C", "--lc-ctype=C.UTF-8"]
        command += ["--auth-local=peer", "--auth-host=reject", "--data-checksums", "--no-instructions"]
        if not self.durable:
            command.append("--no-sync")
        done = run(self.place, command)
        if done.returncode:
            raise ServiceError("service.initdb", f"PostgreSQL could not make {draft}: {done.stderr.strip()}")
        draft.rename(self._data)

    def _serve(self, programs: Path) -> None:
        place = self.place
        place.write(self._data / "postgresql.conf", configuration(place.sockets, durable=self.durable))
        place.write(self._data / "pg_hba.conf", host_rules())
        place.write(self._data / "pg_ident.conf", user_map())
        deadline = time.monotonic() + PATIENCE
        command: list[str | Path] = [programs / "postgres", "-D", self._data]
        while True:
            self._process = launch(place, command, log=self.log, death_signal="INT")
            if self._wait_until_ready(self._process, deadline):
                return
            # Backends of a server that was killed hold its memory for a moment: then it is worth another try.
            if "still in use" not in tail(self.log) or time.monotonic() > deadline:
                raise ServiceError("service.postgres", f"PostgreSQL did not start: {tail(self.log)} (log: {self.log})")
            time.sleep(0.1)

    def _wait_until_ready(self, process: subprocess.Popen[bytes], deadline: float) -> bool:
        while process.poll() is None:
            lines = _read(self._data / "postmaster.pid").splitlines()
            if len(lines) >= 8 and lines[0].strip() == str(process.pid) and lines[7].strip() == "ready":
                return True
            if time.monotonic() > deadline:
                raise ServiceError("service.slow", f"PostgreSQL was not ready after {PATIENCE:.0f} s (log: {self.log})")
            time.sleep(0.01)
        return False

    def _prepare(self) -> None:
        """Make the login roles and the database `wangge`, each only when it is missing."""
        known = set(self.sql("SELECT rolname FROM pg_roles UNION ALL SELECT 'db:' || datname FROM pg_database").split())
        missing = [user for role, user in USERS.items() if role != "admin" and user not in known]
        if missing:
            self.sql("\n".join(f"CREATE ROLE {user} LOGIN;" for user in missing))
        if "db:wangge" not in known:
            self.create_database("wangge")

    def _extend(self, database: str) -> None:
        self.sql("\n".join(f"CREATE EXTENSION IF NOT EXISTS {name};" for name in EXTENSIONS), database)


def attached(home: Path) -> EmbeddedPostgres:
    """The server of `home` that another process of ours started: for databases and statements, not to stop it."""
    server = EmbeddedPostgres(home)
    server._place = settle(server.home)
    return server


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ServiceError("service.database_name", f"{name!r} is no name for a database: use a-z, 0-9 and _")
    return name


def _read(path: Path) -> str:
    """The text of a file that may vanish or be half-written at any time."""
    try:
        return path.read_text("ascii", "replace").strip()
    except OSError:
        return ""
