"""SECURITY 53: what two HTTP parsers may read in two ways is refused, heads are bounded in size and time (RFC 9112)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import uvicorn

from wangge.http.protocol import Protocol
from wangge.settings import Settings
from wangge.worker import _configuration

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
BODY = b'{"query":"{me}"}'


def echo(_: Settings) -> Any:
    """An app that answers with the path, the names of the fields and the body that reached it; `/deaf` reads no body."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for what in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{what}.complete"})
            return
        body, more = b"", scope["path"] != "/deaf"
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        names = b",".join(sorted(name for name, _ in scope["headers"]))
        made = b" ".join((scope["path"].encode(), names, body, scope["client"][0].encode()))
        length = (b"content-length", str(len(made)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": made})

    return app


@asynccontextmanager
async def serving(protocol: Any = None, **settings: Any) -> AsyncIterator[int]:
    """The port of a server with the configuration of a worker."""
    config = _configuration(Settings(home=Path("unused"), port=0, **settings), f"{__name__}:echo")
    config.port = 0
    config.http = protocol or config.http
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined] # the test's process keeps its own
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 (uvicorn tells it by this attribute only)
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def port() -> AsyncIterator[int]:
    """The port of one server for the tests that only send."""
    async with serving() as made:
        yield made


async def sent(port: int, data: bytes) -> bytes:
    """All that comes back until the server closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    try:
        async with asyncio.timeout(20):
            return await reader.read()
    finally:
        writer.close()


def post(*fields: bytes, body: bytes = BODY, length: bool = True, host: bytes = b"Host: x\r\n") -> bytes:
    """A request with these lines in its head."""
    own = b"Content-Length: %d\r\n" % len(body) if length else b""
    return b"POST /graphql HTTP/1.1\r\n" + host + own + b"".join(field + b"\r\n" for field in fields) + b"\r\n" + body


def chunked(size: bytes = b"%x" % len(BODY), end: bytes = b"\r\n") -> bytes:
    """A request whose body comes in one chunk."""
    body = size + b"\r\n" + BODY + end + b"0\r\n\r\n"
    return post(b"Transfer-Encoding: chunked", b"Connection: close", body=body, length=False)


LENGTH = b"Content-Length: %d" % len(BODY)
REFUSED = {
    "a length and chunks": post(b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + HIDDEN),
    "chunks and a length": post(
        b"Transfer-Encoding: chunked", b"Content-Length: 4", body=b"0\r\n\r\n" + HIDDEN, length=False
    ),
    "two lengths": post(b"Content-Length: 5"),
    "one length twice": post(LENGTH),
    "a list of lengths": post(LENGTH + b", %d" % len(BODY), length=False),
    "a signed length": post(b"Content-Length: +16", length=False),
    "a length below nothing": post(b"Content-Length: -1", length=False),
    "a length beyond 64 bits": post(b"Content-Length: 99999999999999999999999", length=False),
    "an unknown coding": post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n" + HIDDEN, length=False),
    "two codings": post(b"Transfer-Encoding: identity, chunked", body=b"0\r\n\r\n" + HIDDEN, length=False),
    "two lines of codings": post(
        b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", body=b"0\r\n\r\n" + HIDDEN, length=False
    ),
    "a space before the colon": post(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n" + HIDDEN),
    "a folded line": post(b"Transfer-Encoding:\r\n chunked", body=b"0\r\n\r\n" + HIDDEN),
    "a vertical tab": post(b"Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n" + HIDDEN),
    "chunks in HTTP/1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a chunk of no size": chunked(b"zz"),
    "a chunk below nothing": chunked(b"-1"),
    "a chunk beyond 64 bits": chunked(b"F" * 18),
    "a chunk without its end": chunked(end=b"XX"),
    "a line feed alone": b"GET /x HTTP/1.1\nHost: x\n\n",
    "a zero byte in a field": post(b"X-A: a\0b"),
    "a return in a field": post(b"X-A: a\rb"),
    "a space in a name": post(b"X A: b"),
    "no host": post(host=b""),
    "two hosts": post(b"Host: y"),
    "another version": b"GET /x HTTP/9.9\r\nHost: x\r\n\r\n",
    "HTTP/2 in clear": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a TLS greeting": b"\x16\x03\x01\x02\x00" + b"\xff" * 200,
}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED.keys())
async def test_what_can_be_read_in_two_ways_is_refused_and_nothing_after_it_is_served(port: int, data: bytes) -> None:
    answer = await sent(port, data + HIDDEN)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"/hidden" not in answer


@pytest.mark.asyncio(loop_scope="module")
async def test_a_plain_request_and_one_in_chunks_are_served(port: int) -> None:
    assert (await sent(port, post(b"Connection: close"))).endswith(
        b'/graphql connection,content-length,host {"query":"{me}"} 127.0.0.1'
    )
    assert b'{"query":"{me}"} 127.0.0.1' in await sent(port, chunked())


LARGE = {
    "one large field": post(b"X-A: " + b"a" * 65_536),
    "a field without an end": b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 1_000_000,
    "many small fields": post(*(b"X-%d: a" % n for n in range(101))),
}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("data", LARGE.values(), ids=LARGE.keys())
async def test_a_large_head_is_refused_before_it_fills_the_memory(port: int, data: bytes) -> None:
    answer = await sent(port, data)
    assert answer.splitlines()[0] == b"HTTP/1.1 431 Request Header Fields Too Large"
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.asyncio(loop_scope="module")
async def test_fields_after_the_body_say_nothing_about_the_request(port: int) -> None:
    body = b"%x\r\n" % len(BODY) + BODY + b"\r\n0\r\nAuthorization: Bearer wg_x\r\n\r\n"
    answer = await sent(port, post(b"Transfer-Encoding: chunked", b"Connection: close", body=body, length=False))
    assert b" connection,host,transfer-encoding " in answer


@pytest.mark.asyncio(loop_scope="module")
async def test_a_head_that_does_not_come_ends_its_connection() -> None:
    class Hasty(Protocol):
        head_seconds = 0.1

    async with serving(Hasty) as port:
        assert await sent(port, b"GET / HTTP/1.1\r\nHost: x\r\nX-A:") == b""
        assert await sent(port, b"") == b""


@pytest.mark.asyncio(loop_scope="module")
async def test_a_body_that_nobody_reads_ends_its_connection(port: int) -> None:
    head = b"POST /deaf HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    assert (await sent(port, head + b"{")).startswith(b"HTTP/1.1 200 ")


@pytest.mark.asyncio(loop_scope="module")
async def test_only_a_named_proxy_says_from_where_a_request_comes(port: int) -> None:
    """SECURITY 44: an address that anyone could write would fill the ledger with lies and pass each throttle."""
    claim = post(b"X-Forwarded-For: 203.0.113.9", b"Connection: close")
    assert (await sent(port, claim)).endswith(b" 127.0.0.1")
    async with serving(proxies=("127.0.0.0/8",)) as behind:
        assert (await sent(behind, claim)).endswith(b" 203.0.113.9")
        assert (await sent(behind, post(b"X-Forwarded-For: 198.51.100.1, 203.0.113.9", b"Connection: close"))).endswith(
            b" 203.0.113.9"
        )
