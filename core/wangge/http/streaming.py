"""Answers that go on: server-sent events (graphql-sse, distinct connections) and multipart/mixed, as Apollo's clients ask for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import msgspec
from litestar.types import Receive, Send

from ..errors import RequestError
from ..graphql.streams import Stream

EVENT_STREAM = "text/event-stream"
MULTIPART = "multipart/mixed"
STREAMS = (EVENT_STREAM, MULTIPART)
BOUNDARY = "graphql"
ALIVE_SECONDS = 12.0
"""after so long without a change something is sent, so that whoever is between keeps the connection."""
SLOW_SECONDS = 10.0
"""how long a reader may let one answer wait."""
STOP = "wangge.stop"
"""the key of a scope that holds what is set when the server drains."""
ABORT = "wangge.abort"
"""the key of a scope that holds what cuts its connection."""


class Form:
    """How answers stand in the body of one media type."""

    def __init__(self, type_: str, begin: bytes, answer: Callable[[bytes], bytes], alive: bytes, end: bytes) -> None:
        self.type = type_
        self.begin = begin
        self.answer = answer
        self.alive = alive
        self.end = end


def _part(inner: bytes) -> bytes:
    """One part of a multipart body, closed at once, so that the client need not wait for the next one."""
    return b"\r\ncontent-type: application/json\r\n\r\n" + inner + b"\r\n--" + BOUNDARY.encode()


FORMS = {
    EVENT_STREAM: Form(
        f"{EVENT_STREAM}; charset=utf-8",
        b":\n\n",
        lambda body: b"event: next\ndata: " + body + b"\n\n",
        b":\n\n",
        b"event: complete\ndata:\n\n",
    ),
    MULTIPART: Form(
        f'{MULTIPART};boundary="{BOUNDARY}";subscriptionSpec=1.0',
        b"--" + BOUNDARY.encode(),
        lambda body: _part(b'{"payload":' + body + b"}"),
        _part(b"{}"),
        b"--\r\n",
    ),
}


async def send_stream(
    scope: Any,
    receive: Receive,
    sender: Send,
    form: Form,
    stream: Stream,
    refusal: Callable[[RequestError], dict[str, Any]],
) -> None:
    """Send the answers of a stream until it or its reader ends, or the server stops, which the client sees as a broken line."""
    gone = asyncio.create_task(_gone(receive), name="wangge-gone")
    stopped = asyncio.create_task(_stopped(scope), name="wangge-stopped")
    sending = asyncio.create_task(_sent(sender, form, stream, refusal), name="wangge-stream")
    try:
        await asyncio.wait((gone, stopped, sending), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stream.end()
        whole = sending.done() and not sending.cancelled() and sending.exception() is None
        for task in (gone, stopped, sending):
            task.cancel()
        await asyncio.gather(gone, stopped, sending, return_exceptions=True)
        if not whole and (abort := scope.get(ABORT)) is not None:
            abort()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await _gone(receive)


async def send_once(sender: Send, form: Form, body: bytes) -> None:
    """Send one answer as a stream."""
    await sender({"type": "http.response.start", "status": 200, "headers": _headers(form)})
    whole = form.begin + form.answer(body) + form.end
    await sender({"type": "http.response.body", "body": whole, "more_body": False})


def _headers(form: Form) -> list[tuple[bytes, bytes]]:
    """What a stream says of itself; the last is for a proxy that would wait until it is full."""
    names = {"content-type": form.type, "cache-control": "no-store", "x-accel-buffering": "no"}
    return [(name.encode(), value.encode()) for name, value in names.items()]


async def _sent(sender: Send, form: Form, stream: Stream, refusal: Callable[[RequestError], dict[str, Any]]) -> None:
    """All answers, and what ended them."""

    async def send(body: bytes, more: bool = True) -> None:
        async with asyncio.timeout(SLOW_SECONDS):
            await sender({"type": "http.response.body", "body": body, "more_body": more})

    await sender({"type": "http.response.start", "status": 200, "headers": _headers(form)})
    await send(form.begin)
    end = b""
    try:
        while True:
            try:
                async with asyncio.timeout(ALIVE_SECONDS):
                    body = await anext(stream)
            except TimeoutError:
                await send(form.alive)
                continue
            await send(form.answer(body))
    except StopAsyncIteration:
        pass
    except RequestError as error:
        end = form.answer(msgspec.json.encode({"errors": [refusal(error)]}))
    await send(end + form.end, more=False)


async def _gone(receive: Receive) -> None:
    """Until the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _stopped(scope: Any) -> None:
    """Until the server drains."""
    stop = scope.get(STOP)
    if stop is None:
        await asyncio.Event().wait()
    else:
        await stop.wait()
