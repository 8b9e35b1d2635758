"""`wangge up`: one process that owns the services and the workers, and takes all of them with it when it ends.

Order: the port, the services, the plan, the demonstration, the workers; at the end the other way round. Every child has a
death signal, so that nothing outlives a supervisor that was killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from types import FrameType
from typing import Any

import msgspec

from .crew import Crew
from .errors import ServiceError, SettingsError
from .identity.accounts import quarantine_module
from .runtime import Runtime, runtime_file, write_runtime
from .services import Services
from .settings import Settings
from .store.connection import connect

DRAIN_SECONDS = 12.0
Step = Callable[[Settings, Runtime], Coroutine[Any, Any, None]]
"""What must be done once the services run: apply the plan, fill the demonstration."""
_TICK = 0.2
_MEND_SECONDS = 5.0


class Stopped(KeyboardInterrupt):
    """A signal asked us to end while something was still being started; asyncio lets this kind of exception through."""


class Supervisor:
    """Runs once, in the main thread."""

    def __init__(
        self,
        settings: Settings,
        environment: Mapping[str, str],
        *,
        steps: Sequence[Step] = (),
        app: str = "wangge.app:build",
    ) -> None:
        """`environment` is what the workers get, `steps` run before them, `app` is what they serve (module:function)."""
        self._settings = settings
        self._environment = environment
        self._steps = steps
        self._app = app
        self._services = Services(settings)
        self._stopping = False
        self._step: asyncio.Task[None] | None = None
        self._serving = False
        self._described = False
        self._mend_at = 0.0

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; 0 after a clean end. Raises `WanggeError` when it cannot start."""
        with self._signals() as wake, listen(self._settings.host, self._settings.port) as listener:
            try:
                runtime = self._start_services(listener)
                self._serve(listener, wake, runtime)
            except Stopped:
                pass
            finally:
                self._serving = True  # from here on a signal interrupts nothing
                if self._described:
                    runtime_file(self._settings).unlink(missing_ok=True)
                self._services.stop()
        return 0

    def _start_services(self, listener: socket.socket) -> Runtime:
        runtime = self._services.start()
        runtime = msgspec.structs.replace(runtime, address=address(listener))
        write_runtime(self._settings, runtime)
        self._described = True
        for step in self._steps:
            self._carry_out(step, runtime)
        return runtime

    def _carry_out(self, step: Step, runtime: Runtime) -> None:
        """One step; a signal cancels it where it waits. Raises `Stopped`.

        An exception out of the handler itself could strike inside the compiled code of the database driver, which crashes.
        """

        async def work() -> None:
            self._step = asyncio.current_task()
            try:
                await step(self._settings, runtime)
            finally:
                self._step = None

        try:
            asyncio.run(work())
        except asyncio.CancelledError:
            raise Stopped from None
        if self._stopping:
            raise Stopped

    def _serve(self, listener: socket.socket, wake: socket.socket, runtime: Runtime) -> None:
        crew = Crew(
            listener,
            self._settings.workers,
            self._environment,
            app=self._app,
            say=say,
            quarantine=lambda module: self._quarantine(runtime, module),
        )
        self._serving = True
        announced = False
        try:
            while not self._stopping:
                crew.watch(_TICK, wake)
                self._mend(runtime)
                if crew.ready and not announced:
                    announced = True
                    self._announce(runtime)
        finally:
            if self._stopping:
                say("ending: requests that have begun are answered first")
            listener.close()
            crew.drain(DRAIN_SECONDS)

    def _quarantine(self, runtime: Runtime, module: str) -> None:
        """Switch a module off everywhere until somebody releases it."""
        try:
            asyncio.run(_set_aside(runtime, module))
            say(
                f"the module {module} stood still three times and is quarantined: mend it, then `wangge module release {module}`"
            )
        except Exception as error:
            say(f"the module {module} could not be quarantined: {error}")

    def _mend(self, runtime: Runtime) -> None:
        """Start a service again that died; when it does not start, say so and try again."""
        if time.monotonic() < self._mend_at:
            return
        self._serving = False  # a start may take long, so a signal may interrupt it
        try:
            if self._stopping:
                return
            mended = self._services.mend()
        except (ServiceError, OSError) as error:  # also a full disk: whoever makes room finds us trying
            self._mend_at = time.monotonic() + _MEND_SECONDS
            told = f"a service cannot be started again: {error.strerror}" if isinstance(error, OSError) else str(error)
            say(f"{told}; the next try is in {_MEND_SECONDS:.0f} s")
            return
        finally:
            self._serving = True
        for name in mended:
            say(f"{name} had ended and was started again")
        if "object storage" in mended and self._services.s3 is not None:
            write_runtime(self._settings, msgspec.structs.replace(runtime, s3=self._services.s3.service))

    def _announce(self, runtime: Runtime) -> None:
        say(f"Wangge answers at {runtime.address}")
        accounts = self._settings.home / "demo-accounts.json"
        if accounts.exists():
            say(f"demonstration accounts with their tokens and passwords: {accounts}")

    @contextlib.contextmanager
    def _signals(self) -> Iterator[socket.socket]:
        """SIGTERM, SIGINT and SIGHUP end us: at once while starting, else after the present step of the loop."""
        reader, writer = socket.socketpair()
        writer.setblocking(False)
        before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        handlers = {
            number: signal.signal(number, self._end) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        }
        try:
            yield reader
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(before)
            reader.close()
            writer.close()

    def _end(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True
        if self._step is not None:
            self._step.get_loop().call_soon_threadsafe(self._step.cancel)
        elif not self._serving:
            raise Stopped


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; connections wait in it until a worker takes them. Raises `SettingsError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise _no_address(host, port, error) from None
    return listener


def address(listener: socket.socket) -> str:
    """The URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{host}:{port}"


def say(sentence: str) -> None:
    """One line for the person who started us."""
    with contextlib.suppress(OSError):  # whoever listened may have gone, the disk of the log may be full
        print(f"wangge: {sentence}", file=sys.stdout, flush=True)


def _no_address(host: str, port: int, error: OSError) -> SettingsError:
    if error.errno == errno.EADDRINUSE:
        return SettingsError(
            "settings.port_taken",
            f"port {port} of {host} is taken by another program: stop it, or choose another port with WANGGE_PORT",
            host=host,
            port=port,
        )
    if error.errno == errno.EACCES:
        return SettingsError(
            "settings.port_refused",
            f"port {port} may only be used by root: choose one above 1023 with WANGGE_PORT",
            port=port,
        )
    return SettingsError(
        "settings.host", f"WANGGE_HOST: {host!r} is no address of this machine ({error.strerror})", host=host
    )


async def _set_aside(runtime: Runtime, module: str) -> None:
    """Quarantine a module in the database."""
    connection = await connect(runtime.database, "app")
    try:
        async with connection.transaction():
            await quarantine_module(connection, module)
    finally:
        await connection.close()
