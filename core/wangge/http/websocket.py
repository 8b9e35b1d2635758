"""GraphQL over a WebSocket: the protocol `graphql-transport-ws`, and no other.

A caller says who it is in `connection_init` (the fields of its payload stand for HTTP headers), in the headers of the upgrade, or
as a browser by its session's cookie, and then with `Wangge-CSRF` in the payload. Close codes: 4400 a message that is none, 4401 not
signed in or no longer, 4403 refused, 4406 another protocol, 4408 no `connection_init`, 4409 an id that is taken, 4429 a second
`connection_init` or too many operations; 1013 a reader that is too slow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import structlog
from litestar.types import Receive, Send

from ..errors import RequestError, Throttled
from ..graphql.exchange import Answer, Request, translated
from ..graphql.streams import Stream
from ..graphql.watching import scope_of
from ..identity.scopes import Credential
from .addresses import address_of
from .messages import language_of
from .origins import is_own
from .requests import checked
from .serving import Serving

log = structlog.get_logger("wangge.websocket")
PROTOCOL = "graphql-transport-ws"
INIT_SECONDS = 10.0
SLOW_SECONDS = 10.0
"""how long a reader may let one message wait."""
MOST_OPERATIONS = 100
"""operations of one connection at a time."""
AS_HEADERS = ("authorization", "accept-language", "wangge-purpose", "wangge-csrf", "wangge-preview-as")
"""what the payload of `connection_init` may say in the place of headers."""


class Closed(Exception):
    """The connection ends with a code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Socket:
    """One connection."""

    def __init__(
        self, scope: Any, receive: Receive, sender: Send, headers: Mapping[str, str], serving: Serving
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._sender = sender
        self._headers = dict(headers)
        self._serving = serving
        self._credential: Credential | None = None
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._opening = asyncio.Lock()
        self._free: Callable[[], None] = lambda: None
        self._ended: asyncio.Future[Closed] = asyncio.get_running_loop().create_future()
        """what ends the connection from this side."""

    async def serve(self) -> None:
        """Until either side ends it."""
        await self._receive()  # websocket.connect
        if not is_own(self._headers):
            await self._send({"type": "websocket.close", "code": 4403})
            return
        offered = PROTOCOL in self._scope.get("subprotocols", ())
        await self._send({"type": "websocket.accept", "subprotocol": PROTOCOL if offered else None})
        if not offered:
            await self._close(4406, f"use the protocol {PROTOCOL}")
            return
        reading = asyncio.create_task(self._read(), name="wangge-socket")
        late = asyncio.get_running_loop().call_later(INIT_SECONDS, self._late)
        try:
            await asyncio.wait((reading, self._ended), return_when=asyncio.FIRST_COMPLETED)
            if self._ended.done():
                raise self._ended.result()
            reading.result()
        except Closed as closed:
            await self._close(closed.code, closed.reason)
        finally:
            late.cancel()
            self._free()
            tasks = [reading, *self._operations.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _end(self, closed: Closed) -> None:
        """End the connection from this side."""
        if not self._ended.done():
            self._ended.set_result(closed)

    def _late(self) -> None:
        """Nobody has said who calls."""
        if self._credential is None:
            self._end(Closed(4408, "Connection initialisation timeout"))

    # --- messages ---

    async def _read(self) -> None:
        """Obey messages until the other side closes. Raises Closed."""
        while True:
            message: Any = await self._receive()
            if message["type"] == "websocket.disconnect":
                return
            given = _message(message)
            kind = given["type"]
            if kind == "connection_init":
                await self._init(given.get("payload"))
            elif kind == "ping":
                await self._say({"type": "pong", **({"payload": given["payload"]} if "payload" in given else {})})
            elif kind == "pong":
                pass
            elif kind == "subscribe":
                self._subscribe(given)
            elif kind == "complete":
                task = self._operations.pop(_id(given), None)
                if task is not None:
                    task.cancel()
            else:
                raise Closed(4400, "Invalid message received")

    async def _init(self, payload: Any) -> None:
        """Who calls. Raises Closed."""
        if self._credential is not None:
            raise Closed(4429, "Too many initialisation requests")
        if payload is not None and not isinstance(payload, dict):
            raise Closed(4400, "the payload of connection_init is an object")
        said = {str(name).lower(): value for name, value in (payload or {}).items() if isinstance(value, str)}
        self._headers |= {name: said[name] for name in AS_HEADERS if name in said}
        try:
            found = await self._serving.callers.credential(self._headers, writes=True, address=address_of(self._scope))
            await scope_of(self._serving.scopes, found)
            self._free = self._serving.hub.guard(found, lambda error: self._end(Closed(4401, error.code)))
        except RequestError as error:
            code = 4429 if isinstance(error, Throttled) else 4403 if error.status < 500 else 1013
            raise Closed(code, error.code) from None
        self._credential = found
        await self._say({"type": "connection_ack"})

    def _subscribe(self, given: dict[str, Any]) -> None:
        """Begin an operation. Raises Closed."""
        if self._credential is None:
            raise Closed(4401, "Unauthorized")
        name = _id(given)
        if name in self._operations:
            raise Closed(4409, f"Subscriber for {name[:60]} already exists")
        if len(self._operations) >= MOST_OPERATIONS:
            raise Closed(4429, f"a connection runs at most {MOST_OPERATIONS} operations")
        if not isinstance(given.get("payload"), dict):
            raise Closed(4400, "Invalid message received")
        task = asyncio.create_task(self._operate(name, given["payload"], self._credential), name="wangge-operation")
        self._operations[name] = task
        task.add_done_callback(lambda done: self._done(name, done))

    def _done(self, name: str, task: asyncio.Task[None]) -> None:
        """An operation ended by itself or was completed."""
        if self._operations.get(name) is task:
            del self._operations[name]
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Closed):
            self._end(error)
        elif error is not None and not is_gone(error):
            log.error("operation_failed", exc_info=error)
            self._end(Closed(1011, "internal"))

    async def _operate(self, name: str, payload: dict[str, Any], credential: Credential) -> None:
        """One operation from its message to `complete` or `error`."""
        try:
            opened = await self._open(checked(payload, self._headers, reads_only=False), credential)
        except Exception as error:
            await self._error(name, [self._refusal(error)])
            return
        if isinstance(opened, Stream):
            try:
                async for body in opened:
                    await self._next(name, body)
            except RequestError as error:
                await self._error(name, [self._refusal(error)])
                return
            finally:
                opened.end()
        elif opened.executed:
            await self._next(name, opened.body)
        else:
            await self._error(name, msgspec.json.decode(opened.body)["errors"])
            return
        await self._say({"id": name, "type": "complete"})

    async def _open(self, request: Request, credential: Credential) -> Stream | Answer:
        """The answer or the stream, within the deadline of a request."""
        async with self._serving.deadline():
            scope = await scope_of(self._serving.scopes, credential)
            request = await self._serving.documents.prepared(request, scope)
            async with self._opening:  # what was asked before is in force when this is answered
                opened = await self._serving.hub.stream(request, scope, credential)
            return opened if opened is not None else await self._serving.engine.execute(request, scope, credential)

    def _refusal(self, error: Exception) -> dict[str, Any]:
        return self._serving.engine.refusal(translated(error), language_of(self._headers))

    # --- sending ---

    async def _next(self, name: str, body: bytes) -> None:
        text = b'{"id":' + msgspec.json.encode(name) + b',"type":"next","payload":' + body + b"}"
        await self._send({"type": "websocket.send", "text": text.decode()})

    async def _error(self, name: str, errors: list[Any]) -> None:
        await self._say({"id": name, "type": "error", "payload": errors})

    async def _say(self, message: dict[str, Any]) -> None:
        await self._send({"type": "websocket.send", "text": msgspec.json.encode(message).decode()})

    async def _send(self, message: Any) -> None:
        """Send, unless the reader lets it wait too long. Raises Closed."""
        try:
            async with asyncio.timeout(SLOW_SECONDS):
                await self._sender(message)
        except TimeoutError:
            raise Closed(1013, "subscription.too_slow") from None

    async def _close(self, code: int, reason: str) -> None:
        """Say why, and cut the line where the other side does not even take that."""
        try:
            async with asyncio.timeout(1.0):
                await self._sender({"type": "websocket.close", "code": code, "reason": reason[:100]})
        except TimeoutError:
            self._scope["extensions"]["wangge.abort"]["abort"]()
        except Exception as error:
            if not is_gone(error):
                raise


def is_gone(error: BaseException) -> bool:
    """Whether an error only says that the other side has left."""
    return isinstance(error, OSError) or type(error).__name__ == "ClientDisconnected"


def _message(message: Any) -> dict[str, Any]:
    """A message of the protocol. Raises Closed."""
    try:
        given = msgspec.json.decode(message.get("text") or "")
    except (msgspec.DecodeError, RecursionError):
        raise Closed(4400, "Invalid message received") from None
    if not isinstance(given, dict) or not isinstance(given.get("type"), str):
        raise Closed(4400, "Invalid message received")
    return given


def _id(given: dict[str, Any]) -> str:
    """The id of an operation. Raises Closed."""
    found = given.get("id")
    if not isinstance(found, str) or not 0 < len(found) <= 200:
        raise Closed(4400, "Invalid message received")
    return found
