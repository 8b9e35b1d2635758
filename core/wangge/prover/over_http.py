"""Asks a server from outside, as a holder of a bearer token does."""

from __future__ import annotations

import asyncio
import http.client
import urllib.parse
from collections.abc import Mapping
from typing import Any

import msgspec

from ..errors import SettingsError

LATER = (429, 503)
"""statuses that say: not now."""
NOT_NOW = {"errors": [{"extensions": {"code": "database.busy"}}]}
SECONDS = 60.0


class Caller:
    """One token on one connection, which is opened anew when the server closed it."""

    def __init__(self, url: str, token: str, preview: str | None = None) -> None:
        """`url` of the server; `preview`: the role to look as. Raises SettingsError for an address that is none."""
        self._address = urllib.parse.urlsplit(url)
        if self._address.scheme not in ("http", "https") or not self._address.hostname:
            raise SettingsError("probe.url", f'"{url}" is no address: write http://127.0.0.1:8000', url=url)
        self._headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        self._headers |= {"wangge-preview-as": preview} if preview else {}
        self._connection: http.client.HTTPConnection | None = None

    async def execute(self, query: str, variables: Mapping[str, Any], purpose: str | None) -> dict[str, Any]:
        """The answer to a document. Raises SettingsError when nothing answers GraphQL there."""
        sent = msgspec.json.encode({"query": query, "variables": variables})
        headers = {**self._headers, **({"wangge-purpose": purpose} if purpose else {})}
        status, body = await asyncio.to_thread(self._post, sent, headers)
        if status in LATER:
            return NOT_NOW
        try:
            made: dict[str, Any] = msgspec.json.decode(body)
        except msgspec.DecodeError:
            text = f"{self._address.geturl()} answers {status} and no JSON: is a Wangge there?"
            raise SettingsError("probe.no_answer", text, status=status) from None
        return made

    def _post(self, sent: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Send; once more on a new connection, since the server may close one that was idle."""
        for last in (False, True):
            try:
                connection = self._connection or self._open()
                connection.request("POST", f"{self._address.path.rstrip('/')}/graphql", sent, dict(headers))
                answer = connection.getresponse()
                return answer.status, answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if last:
                    text = f"{self._address.geturl()} does not answer: {error}"
                    raise SettingsError("probe.no_server", text) from error
        raise AssertionError("unreachable")

    def _open(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._address.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(str(self._address.hostname), self._address.port, timeout=SECONDS)
        return self._connection

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
