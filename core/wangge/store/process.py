"""Child processes that never outlive us: started with a death signal, stopped by a row of signals with patience."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from ..errors import ServiceError
from .place import Place

LOG_LIMIT = 10_000_000
"""Bytes after which a log file is set aside (one older is kept) at the next start."""


def launch(
    place: Place, command: Sequence[str | Path], *, log: Path, death_signal: str, folder: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start `command` as the services' user in a session of its own, its output appended to `log`.

    `death_signal` ("INT", "KILL") reaches it when the thread that calls this ends: call it from the main thread.
    """
    with _open_log(place, log) as output:
        return subprocess.Popen(
            [*as_user(place, death_signal), *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder or place.folder,
            env=environment(place),
            start_new_session=True,
        )


def run(place: Place, command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
    """Run `command` to its end as the services' user and keep its output."""
    return subprocess.run(
        [*as_user(place, "KILL"), *map(str, command)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=place.folder,
        env=environment(place),
        check=False,
    )


def as_user(place: Place, death_signal: str) -> list[str]:
    """The words before a command that set its death signal and, for root, its user."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise ServiceError("service.no_setpriv", "`setpriv` is missing on this machine: install util-linux")
    words = [setpriv, "--pdeathsig", death_signal, "--no-new-privs"]
    if place.other_user:
        words += ["--reuid", str(place.uid), "--regid", str(place.gid), "--clear-groups"]
    return [*words, "--"]


def environment(place: Place) -> Mapping[str, str]:
    """A service inherits nothing from us: no secret, no locale, no PG* variable."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(place.folder), "USER": place.user, "LC_ALL": "C"}


def stop(process: subprocess.Popen[bytes], *steps: tuple[signal.Signals, float]) -> None:
    """Send each signal in turn and wait its seconds; SIGKILL at the end."""
    for number, seconds in (*steps, (signal.SIGKILL, 10.0)):
        if process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue


def tail(log: Path, lines: int = 5) -> str:
    """The last lines of a log, for an error's sentence."""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return " | ".join(text.splitlines()[-lines:])


def _open_log(place: Place, log: Path) -> BinaryIO:
    place.make_folder(log.parent)
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))
    file = open(  # noqa: SIM115 (the caller closes it)
        os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "ab"
    )
    place.own(log)
    return file
