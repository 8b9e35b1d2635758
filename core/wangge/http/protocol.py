"""HTTP/1.1 on a connection, stricter than uvicorn alone: what two parsers may read in two ways is refused (RFC 9112), the
head of a request is bounded in bytes, lines and seconds, and a body that nobody reads ends its connection."""

from __future__ import annotations

import asyncio
from asyncio import TimerHandle
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from .streaming import ABORT, STOP

MOST_BYTES = 64 * 1024
"""of a request line and its header fields together."""
MOST_LINES = 100
HEAD_SECONDS = 20.0
"""from the first byte of a request, or from the beginning of the connection, to the end of its header fields."""
REST_SECONDS = 5.0
"""what is left of a body after the answer, so that the client may read the answer."""

REFUSED_SECONDS = 1.0
"""what is still sent of a head that is too large is thrown away, so that the client may read why."""


class Refused(Exception):
    """A request that is not taken: ends its connection."""


class Protocol(HttpToolsProtocol):
    """One connection."""

    head_seconds = HEAD_SECONDS

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._bytes = 0
        """of a head that is not complete"""
        self._fields = 0
        """bytes of the header fields so far"""
        self._in_head = True
        self._too_large = False
        self._unread = False
        self._due: TimerHandle | None = None
        self._stop = asyncio.Event()
        """set when the server drains"""

    # --- the connection ---

    def connection_made(self, transport: Any) -> None:
        """Wait for a request, not for ever."""
        super().connection_made(transport)
        self._wait(self.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._wait(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, as long as the head stays small."""
        if self._too_large or self.transport.is_closing():
            return
        super().data_received(data)
        self._bytes += len(data) if self._in_head else 0
        if self._in_head and self._bytes > MOST_BYTES and not (self._too_large or self.transport.is_closing()):
            self._too_large = True
            self.send_400_response("")

    def send_400_response(self, msg: str) -> None:
        """Refuse and close; a head that is too large has a status of its own, which the client reads when it has sent."""
        if not self._too_large:
            super().send_400_response(msg)
            return
        self.transport.write(STATUS_LINE[431] + b"content-length: 0\r\nconnection: close\r\n\r\n")
        self._wait(REFUSED_SECONDS)

    def shutdown(self) -> None:
        """The server drains: streams end, other answers do not."""
        super().shutdown()
        self._stop.set()

    def _wait(self, seconds: float | None) -> None:
        """Close the connection after so many seconds, unless it is said otherwise before."""
        if self._due is not None:
            self._due.cancel()
        self._due = self.loop.call_later(seconds, self.timeout_keep_alive_handler) if seconds is not None else None

    # --- one request ---

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._bytes, self._fields, self._in_head = 0, 0, True
        self._wait(self.head_seconds)
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field; what comes after the body says nothing about the request (RFC 9110, 6.5.1)."""
        if not self._in_head:
            return
        super().on_header(name, value)
        self._fields += len(name) + len(value)
        if self._fields + len(self.url) > MOST_BYTES or len(self.headers) > MOST_LINES:
            self._too_large = True
            raise Refused

    def on_headers_complete(self) -> None:
        """The request is known: one host, and at most one way to say how long its body is."""
        self._in_head = False
        self._wait(None)
        names = [name for name, _ in self.headers]
        codings = [value.strip().lower() for name, value in self.headers if name == b"transfer-encoding"]
        newer = self.parser.get_http_version() == "1.1"
        if newer and names.count(b"host") != 1:
            raise Refused
        if codings and (codings != [b"chunked"] or not newer):
            raise Refused
        self._stop = asyncio.Event()
        more: dict[str, Any] = self.scope  # type: ignore[assignment] # uvicorn's type has no keys but its own
        more |= {STOP: self._stop, ABORT: self.transport.abort}
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body ends; where its answer was sent before, so does the connection."""
        super().on_message_complete()
        if self._unread:
            self.timeout_keep_alive_handler()

    def on_response_complete(self) -> None:
        """The answer is sent: a body that is still on its way is not waited for."""
        self._unread = not self.pipeline and self.cycle.more_body
        super().on_response_complete()
        if self._unread:
            self._wait(REST_SECONDS)
