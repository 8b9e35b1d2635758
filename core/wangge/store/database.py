"""Where a database is and as whom to connect: frozen data that every part can be handed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

Role = Literal["owner", "app", "sealer", "admin"]

USERS: Mapping[Role, str] = {
    "owner": "wangge_owner",
    "app": "wangge_app",
    "sealer": "wangge_sealer",
    "admin": "postgres",
}
"""Our roles -> database users of the embedded server: owner changes tables, app serves, sealer links the ledger."""


class Database(msgspec.Struct, frozen=True, kw_only=True):
    """A database: embedded (socket folder and port, one user per role) or external (a URL, one for the owner)."""

    name: str = "wangge"
    host: str = ""
    port: int = 5432
    url: str | None = None
    owner_url: str | None = None

    @property
    def embedded(self) -> bool:
        """Whether it lives in our own server."""
        return self.url is None

    @property
    def place(self) -> str:
        """Where it is, without secrets."""
        if self.url is None:
            return f"{self.host}/{self.name}"
        parts = urlsplit(self.url)
        return f"{parts.netloc.rpartition('@')[2]}{parts.path}"

    def arguments(self, role: Role) -> dict[str, Any]:
        """What `asyncpg.connect` needs to connect as `role`; an external database has two users at most."""
        if self.url is not None:
            owner = role in ("owner", "admin")
            return {"dsn": self.owner_url if owner and self.owner_url else self.url}
        return {"host": self.host, "port": self.port, "database": self.name, "user": USERS[role], "ssl": False}

    def user(self, role: Role) -> str | None:
        """The database user of `role`, None when the URL decides."""
        return None if self.url is not None else USERS[role]


def external(url: str, owner_url: str | None = None) -> Database:
    """The database behind `url`; `owner_url` names the same one as a user who may create schemas."""
    return Database(url=url, owner_url=owner_url, name=url.rsplit("/", 1)[-1].split("?")[0] or "wangge")
