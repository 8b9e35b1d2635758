"""The embedded object storage keeps what it acknowledged and opens one door only."""

from __future__ import annotations

import http.client
import io
import os
import signal
import socket
import ssl
from pathlib import Path

import pytest
from minio import Minio
from minio.error import S3Error
from tests.processes import until

from wangge.errors import SettingsError
from wangge.files.embedded import EmbeddedS3
from wangge.files.s3 import S3, s3_from_url
from wangge.store.place import settle

STRANGE = ("/dir/assign", "/vol/grow", "/col/delete?collection=closed", "/submit", "/1,0", "/buckets/closed/a")
"""Addresses by which an open server would give or take objects."""

SETTINGS = b"\4"
"""The type of the frame with which an HTTP/2 server begins."""


def client(service: S3, secret_key: str | None = None) -> Minio:
    """The SDK, with the right key or another one."""
    return Minio(
        service.endpoint,
        access_key=service.access_key,
        secret_key=secret_key or service.secret_key,
        secure=service.secure,
    )


def test_an_object_comes_back_as_it_was_stored(s3: S3) -> None:
    sdk = client(s3)
    sdk.make_bucket("whole")
    sdk.put_object("whole", "a/王.txt", io.BytesIO(b"x" * 100_000), 100_000)
    with sdk.get_object("whole", "a/王.txt", offset=99_990) as answer:
        assert answer.read() == b"x" * 10
    assert [item.object_name for item in sdk.list_objects("whole", recursive=True)] == ["a/王.txt"]


def test_without_the_right_key_nothing_is_read(s3: S3) -> None:
    sdk = client(s3)
    sdk.make_bucket("closed")
    sdk.put_object("closed", "a", io.BytesIO(b"x"), 1)
    with pytest.raises(S3Error, match="SignatureDoesNotMatch"):
        client(s3, "another").get_object("closed", "a")
    host, port = s3.endpoint.split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=5)
    connection.request("GET", "/closed/a")
    assert connection.getresponse().status == 403
    connection.close()


def test_acknowledged_objects_survive_a_kill_and_the_keys_stay(service_home: Path) -> None:
    server = EmbeddedS3(service_home)
    server.start()
    try:
        service = server.service
        client(service).make_bucket("kept")
        for number in range(20):
            client(service).put_object("kept", str(number), io.BytesIO(b"x"), 1)
        os.kill(server.pid or 0, signal.SIGKILL)
        until(lambda: server.pid is None)
        server.start()
        assert server.service == service
        assert len(list(client(service).list_objects("kept"))) == 20
    finally:
        server.stop()


def test_no_other_port_gives_or_takes_anything_from_a_stranger(service_home: Path) -> None:
    server = EmbeddedS3(service_home)
    server.start()
    try:
        sdk = client(server.service)
        sdk.make_bucket("closed")
        sdk.put_object("closed", "a", io.BytesIO(b"x"), 1)
        ports = _listening(server.pid or 0)
        others = ports - {int(server.service.endpoint.rsplit(":", 1)[1])}
        assert len(ports) == len(others) + 1 > 5
        assert [(port, path) for port in others for path in STRANGE if _takes(port, path)] == []
        assert [port for port in others for encrypted in (True, False) if _speaks_grpc(port, encrypted=encrypted)] == []
        assert sdk.stat_object("closed", "a").size == 1
    finally:
        server.stop()
    assert [path for port in ports for path in Path("/tmp").glob(f"seaweedfs-*-grpc-{port}.sock")] == []
    assert list(settle(service_home).sockets.iterdir()) == []


def test_the_description_of_a_service_hides_its_secret() -> None:
    service = s3_from_url("https://key:se%2Fcret@s3.example:9000/city")
    assert service == S3(endpoint="s3.example:9000", access_key="key", secret_key="se/cret", secure=True, bucket="city")
    assert repr(service) == "S3(https://s3.example:9000/city)"
    with pytest.raises(SettingsError, match="WANGGE_S3_URL"):
        s3_from_url("http://s3.example:9000")


def _listening(pid: int) -> set[int]:
    """The TCP ports that a process listens on."""
    inodes = set()
    for descriptor in Path("/proc", str(pid), "fd").iterdir():
        target = os.readlink(descriptor)
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path("/proc/net", name).read_text().splitlines()[1:]]
    return {int(row[1].rsplit(":", 1)[1], 16) for row in rows if row[3] == "0A" and row[9] in inodes}


def _takes(port: int, path: str) -> bool:
    """Whether a port answers an unsigned request with anything but a refusal."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("POST" if "delete" in path else "GET", path)
        return connection.getresponse().status < 400
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _speaks_grpc(port: int, *, encrypted: bool) -> bool:
    """Whether a port opens an HTTP/2 conversation with a client that has no certificate of ours."""
    context = ssl._create_unverified_context()
    context.set_alpn_protocols(["h2"])
    try:
        with (
            socket.create_connection(("127.0.0.1", port), 5) as plain,
            context.wrap_socket(plain) if encrypted else plain as line,
        ):
            line.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
            return line.recv(9)[3:4] == SETTINGS
    except OSError:
        return False
