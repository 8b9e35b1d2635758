"""Clients of subscriptions: over a WebSocket as `graphql-transport-ws` says, and as a stream over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.city import City

PROTOCOL = Subprotocol("graphql-transport-ws")
PATIENCE = 10.0
"""seconds within which what is waited for must come."""


class Listener:
    """One connection and its subscriptions."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self._ids = 0

    async def say(self, type_: str, **more: Any) -> None:
        """Send a message."""
        await self.connection.send(json.dumps({"type": type_, **more}))

    async def hear(self) -> dict[str, Any]:
        """The next message."""
        async with asyncio.timeout(PATIENCE):
            made: dict[str, Any] = json.loads(await self.connection.recv())
        return made

    async def begin(self, **payload: Any) -> None:
        """Say who calls."""
        await self.say("connection_init", payload=payload)
        assert await self.hear() == {"type": "connection_ack"}

    async def subscribe(self, query: str, variables: dict[str, Any] | None = None) -> str:
        """Begin an operation; its id."""
        self._ids += 1
        await self.say("subscribe", id=str(self._ids), payload={"query": query, "variables": variables or {}})
        return str(self._ids)

    async def next(self) -> Any:
        """The value of the next answer's one field."""
        message = await self.hear()
        assert message["type"] == "next", message
        (value,) = message["payload"]["data"].values()
        return value

    async def error(self) -> str:
        """The code of the error that is next."""
        message = await self.hear()
        assert message["type"] == "error", message
        return str(message["payload"][0]["extensions"]["code"])

    async def closed(self) -> tuple[int, str]:
        """Why the server closes the connection, whatever it says before."""
        async with asyncio.timeout(PATIENCE):
            try:
                while True:
                    await self.connection.recv()
            except ConnectionClosed as closed:
                return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd is not None else (1006, "")

    async def silent(self, city: City) -> None:
        """Hold that nothing is waiting: a question asked now is answered next."""
        name = await self.subscribe("{ __typename }")
        assert await self.hear() == {"id": name, "type": "next", "payload": {"data": {"__typename": "Query"}}}
        assert await self.hear() == {"id": name, "type": "complete"}


@asynccontextmanager
async def raw(city: City, *protocols: str, **headers: str) -> AsyncIterator[Listener]:
    """A connection that has said nothing."""
    url = city.url.replace("http", "ws", 1) + "/graphql"
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    offered = [Subprotocol(each) for each in protocols] or [PROTOCOL]
    async with connect(url, subprotocols=offered, additional_headers=more, compression=None) as connection:
        yield Listener(connection)


@asynccontextmanager
async def listening(city: City, login: str) -> AsyncIterator[Listener]:
    """A connection of an account."""
    async with raw(city) as made:
        await made.begin(Authorization=city.headers(login)["authorization"])
        yield made


@asynccontextmanager
async def streaming(
    city: City, login: str, query: str, variables: dict[str, Any] | None = None, accept: str = "text/event-stream"
) -> AsyncIterator[httpx.Response]:
    """A stream over HTTP."""
    headers = {**city.headers(login), "accept": accept}
    body = {"query": query, "variables": variables or {}}
    async with (
        httpx.AsyncClient(base_url=city.url, timeout=PATIENCE) as http,
        http.stream("POST", "/graphql", json=body, headers=headers) as answer,
    ):
        yield answer
