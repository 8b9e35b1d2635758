"""`wangge up` with real processes: nothing outlives it, what dies comes back, and it says in one sentence what is wrong."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import alive, command, family, until
from wangge.files.embedded import free_ports

ROOT = Path(__file__).parents[1]


class Up:
    """A running supervisor of a test."""

    def __init__(self, home: Path, port: int, **environment: str) -> None:
        self.home = home
        self.port = port
        variables = {"WANGGE_HOME": str(home), "WANGGE_PORT": str(port), "PYTHONPATH": str(ROOT)} | environment
        self.output = home.with_name(f"{home.name}.{port}.said")
        with open(self.output, "w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.apps.up"],
                env={"PATH": os.environ["PATH"]} | variables,
                stdout=output,
                stderr=output,
                cwd=ROOT,
            )

    def get(self, path: str) -> tuple[int, dict[str, Any]] | None:
        """Status and body, None when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())
        except (OSError, ValueError):
            return None

    def serves(self, starts: int) -> bool:
        """Whether it said so, and the API answers from a database that saw so many starts."""
        if "Wangge answers at" not in self.output.read_text():
            return False
        return self.get("/database") == (200, {"pid": self.worker, "starts": starts}) if self.worker else False

    @property
    def worker(self) -> int | None:
        """The process id of its worker."""
        return next((pid for pid in sorted(self.family()) if "wangge.worker" in command(pid)), None)

    def child(self, text: str) -> int:
        """The one child whose command line holds `text`."""
        return next(pid for pid in sorted(self.family()) if text in command(pid))

    def family(self) -> set[int]:
        """Itself and everything that it started."""
        return family(self.process.pid)

    def end(self, number: signal.Signals = signal.SIGTERM) -> str:
        """Send a signal, wait, and give back what it said."""
        self.process.send_signal(number)
        return self.said()

    def said(self) -> str:
        """What it said until it ended."""
        self.process.wait(30)
        return self.output.read_text()


@pytest.fixture
def port() -> int:
    """A port that is free now."""
    return free_ports(1)[0]


@pytest.fixture
def up(service_home: Path, port: int) -> Iterator[Up]:
    """A supervisor that serves."""
    up = Up(service_home, port)
    try:
        until(lambda: up.serves(starts=1), 60)
        yield up
    finally:
        everyone = up.family()
        up.process.kill()
        up.process.wait()
        until(lambda: not alive(everyone))


def test_it_ends_cleanly_on_sigterm_and_starts_again_with_its_data(up: Up) -> None:
    everyone = up.family()
    said = up.end()
    assert up.process.returncode == 0
    assert said.splitlines() == [
        f"wangge: Wangge answers at http://127.0.0.1:{up.port}",
        "wangge: ending: requests that have begun are answered first",
    ]
    assert alive(everyone) == set()
    assert not (up.home / "runtime.json").exists()
    again = Up(up.home, up.port)
    until(lambda: again.serves(starts=2))
    again.end(signal.SIGINT)
    assert again.process.returncode == 0


def test_a_request_that_has_begun_is_answered_before_the_end(up: Up) -> None:
    answers: list[object] = []
    with socket.create_connection(("127.0.0.1", up.port)) as client:
        client.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: _in_flight(up.port))
        worker = up.worker
        ending = threading.Thread(target=lambda: answers.append(up.end()))
        ending.start()
        received = b""
        while part := client.recv(4096):
            received += part
        ending.join()
    assert received.startswith(b"HTTP/1.1 200")
    assert json.dumps({"pid": worker}).encode() in received
    assert up.process.returncode == 0


def test_everything_dies_with_a_killed_supervisor_and_the_next_start_recovers(up: Up) -> None:
    everyone = up.family()
    programs = " ".join(command(pid) for pid in everyone)
    assert all(name in programs for name in ("postgres", "weed", "wangge.worker"))
    up.process.kill()
    up.process.wait()
    again = Up(up.home, up.port)
    until(lambda: again.serves(starts=2), 60)
    assert alive(everyone) == set()
    again.end()


def test_a_killed_worker_is_replaced(up: Up) -> None:
    before = up.worker or 0
    os.kill(before, signal.SIGKILL)
    until(lambda: up.worker not in (None, before) and up.serves(starts=1))
    assert f"worker {before} ended (SIGKILL); the next one starts in 0.1 s" in up.end()


def test_a_worker_whose_event_loop_stands_still_is_replaced(up: Up) -> None:
    before = up.worker
    assert up.get("/hang") is None
    until(lambda: up.worker not in (None, before) and up.serves(starts=1))
    assert f"worker {before} stood still for 5 s and is replaced" in up.end()


@pytest.mark.parametrize(("program", "name"), [("bin/postgres", "PostgreSQL"), ("weed", "object storage")])
def test_a_killed_service_is_started_again(up: Up, program: str, name: str) -> None:
    before = up.child(program)
    described = (up.home / "runtime.json").read_text()
    os.kill(before, signal.SIGKILL)
    until(lambda: not alive({before}))
    until(lambda: up.serves(starts=1))
    until(lambda: f"{name} had ended and was started again" in up.output.read_text())
    assert any(program in command(pid) for pid in up.family())
    assert (up.home / "runtime.json").read_text() == described


def test_a_signal_while_starting_ends_it_at_once_and_leaves_nothing(service_home: Path, port: int) -> None:
    up = Up(service_home, port, TEST_SLOW_START="1")
    until(lambda: (service_home / "runtime.json").exists())
    everyone = up.family()
    up.end()
    assert up.process.returncode == 0
    assert alive(everyone) == set()
    assert not (service_home / "runtime.json").exists()


@pytest.mark.parametrize("attempt", range(5))
def test_a_signal_while_the_database_is_being_filled_ends_it_cleanly(
    service_home: Path, port: int, attempt: int
) -> None:
    up = Up(service_home, port, TEST_COPYING="1")
    until(lambda: "is being filled" in up.output.read_text())
    up.end()
    assert up.process.returncode == 0, up.output.read_text()
    assert not (service_home / "runtime.json").exists()


def test_a_taken_port_is_one_clear_sentence(service_home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        up = Up(service_home, port)
        said = up.said()
    expected = "is taken by another program: stop it, or choose another port with WANGGE_PORT"
    assert (up.process.returncode, said) == (1, f"wangge: port {port} of 127.0.0.1 {expected}\n")
    assert not (service_home / "services").exists()


def test_a_home_that_is_served_already_is_one_clear_sentence(up: Up, port: int) -> None:
    second = Up(up.home, free_ports(1)[0])
    said = second.said()
    assert second.process.returncode == 1
    assert said == (
        f"wangge: {up.home} is already served by process {up.process.pid}: "
        "stop it first, or name another folder with WANGGE_HOME\n"
    )
    assert up.serves(starts=1)
    assert (up.home / "runtime.json").exists()


def _in_flight(port: int) -> bool:
    """Whether a server has taken all bytes of the connections to `port` (their receive queues are empty)."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    queues = [row[4] for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "01"]
    return bool(queues) and all(queue.endswith(":00000000") for queue in queues)
