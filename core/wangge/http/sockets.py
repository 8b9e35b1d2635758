"""WebSocket connections as uvicorn serves them, with a way to cut one whose other side takes nothing any more."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

LARGEST = 1_000_000
"""bytes of one message."""
PING_SECONDS = 20.0


class Sockets(WebSocketsSansIOProtocol):
    """One connection."""

    def handle_connect(self, event: Any) -> None:
        """The request of the upgrade."""
        super().handle_connect(event)
        if self.handshake_initiated and not self.close_sent:
            self.scope["extensions"]["wangge.abort"] = {"abort": self.transport.abort}
