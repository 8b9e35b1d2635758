"""The server processes: started on one socket, watched by their heartbeats, started again when they die or stand still."""

from __future__ import annotations

import collections
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping

from .errors import ServiceError
from .modules.trace import SIZE, traced

STALLED_SECONDS = 5.0
"""An event loop that was silent for so long is killed."""
STALLS = 3
"""A module whose code stood still so often is quarantined."""
START_SECONDS = 120.0
"""How long a worker may take until its first heartbeat."""
_LONGEST_PAUSE = 10.0
_HEALTHY_SECONDS = 30.0


class Worker:
    """One running process and when it was last heard of (`time.monotonic`)."""

    def __init__(self, process: subprocess.Popen[bytes], pipe: int, trace: int) -> None:
        self.process = process
        self.pipe = pipe
        self.trace = trace
        self.started = time.monotonic()
        self.heard = self.started
        self.ready = False

    def beat(self) -> None:
        """Take what its heartbeat wrote."""
        try:
            if os.read(self.pipe, 4096):
                self.heard = time.monotonic()
                self.ready = True
        except BlockingIOError:
            pass

    def close(self) -> None:
        """Give back what belongs to it."""
        os.close(self.pipe)
        os.close(self.trace)

    def stalled(self, now: float) -> bool:
        """Whether it was silent for too long."""
        return now - self.heard > (STALLED_SECONDS if self.ready else START_SECONDS)


class Crew:
    """`size` workers on `listener`; call `watch` several times a second. From the main thread only."""

    def __init__(
        self,
        listener: socket.socket,
        size: int,
        environment: Mapping[str, str],
        *,
        app: str,
        say: Callable[[str], None],
        quarantine: Callable[[str], None] = lambda module: None,
    ) -> None:
        """`quarantine` is told a module whose code stood still in a worker for the third time."""
        self._listener = listener
        self._size = size
        self._environment = dict(environment)
        self._app = app
        self._say = say
        self._quarantine = quarantine
        self._stalls: collections.Counter[str] = collections.Counter()
        self._workers: list[Worker] = []
        self._failures = 0
        self._not_before = 0.0
        self._watched = time.monotonic()

    @property
    def ready(self) -> bool:
        """Whether all workers answer."""
        return len(self._workers) == self._size and all(worker.ready for worker in self._workers)

    @property
    def pids(self) -> list[int]:
        """The process ids of the workers."""
        return [worker.process.pid for worker in self._workers]

    def watch(self, seconds: float, wake: socket.socket) -> None:
        """Wait up to `seconds` or until `wake` is readable, then end what stands still and replace what is gone."""
        with selectors.DefaultSelector() as selector:
            selector.register(wake, selectors.EVENT_READ)
            selector.select(seconds)
        now = time.monotonic()
        if now - self._watched > STALLED_SECONDS / 2:  # we ourselves stood still: their silence says nothing
            for worker in self._workers:
                worker.heard = now
        self._watched = now
        for worker in list(self._workers):
            worker.beat()
            self._inspect(worker, now)
        while len(self._workers) < self._size and now >= self._not_before:
            self._workers.append(self._start())

    def drain(self, seconds: float) -> None:
        """Let them answer what has begun, then end them."""
        for worker in self._workers:
            worker.process.terminate()
        deadline = time.monotonic() + seconds
        for worker in self._workers:
            try:
                worker.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
            worker.close()
        self._workers = []

    def _inspect(self, worker: Worker, now: float) -> None:
        if worker.process.poll() is None and worker.stalled(now):
            module = traced(worker.trace)
            where = f" in code of the module {module}" if module else ""
            self._say(f"worker {worker.process.pid} stood still for {now - worker.heard:.0f} s{where} and is replaced")
            worker.process.kill()
            worker.process.wait()
            self._count(module)
        code = worker.process.poll()
        if code is None:
            if worker.ready and now - worker.started > _HEALTHY_SECONDS:
                self._failures = 0
            return
        self._workers.remove(worker)
        worker.close()
        self._failures += 1
        pause = min(_LONGEST_PAUSE, 0.1 * 2 ** (self._failures - 1))
        self._not_before = now + pause
        self._say(f"worker {worker.process.pid} ended ({_ending(code)}); the next one starts in {pause:.1f} s")
        if not worker.ready and self._failures > 4:
            raise ServiceError("service.worker", "the server processes cannot start: what they said stands above")

    def _count(self, module: str) -> None:
        """Remember who stood still; the third time is one too many."""
        if not module:
            return
        self._stalls[module] += 1
        if self._stalls[module] == STALLS:
            self._quarantine(module)
            self._stalls[module] = 0

    def _start(self) -> Worker:
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            raise ServiceError("service.no_setpriv", "`setpriv` is missing on this machine: install util-linux")
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        trace = os.memfd_create("wangge-trace")
        os.truncate(trace, SIZE)
        command = [setpriv, "--pdeathsig", "KILL", "--", sys.executable, "-m", "wangge.worker"]
        command += ["--fd", str(self._listener.fileno()), "--heartbeat", str(writer), "--app", self._app]
        command += ["--trace", str(trace)]
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                env=self._environment,
                pass_fds=(self._listener.fileno(), writer, trace),
                start_new_session=True,
            )
        finally:
            os.close(writer)
        return Worker(process, reader, trace)


def _ending(code: int) -> str:
    return f"status {code}" if code >= 0 else signal.Signals(-code).name
