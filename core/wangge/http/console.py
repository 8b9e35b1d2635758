"""`/` and `/admin/`: the console's static files, and a page that waits for them while they are being built."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Any

from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send

from .messages import send as answer

WAITING_PAGE = """<!doctype html><html lang="zh"><meta charset="utf-8"><title>Wangge</title>
<p>管理界面正在构建，完成后本页自动打开。接口已经可用：<code>/graphql</code></p>
<p lang="en">The console is being built and opens here when it is ready. The API answers already: <code>/graphql</code></p>
<script src="/admin/waiting.js"></script></html>"""
WAITING_SCRIPT = """setInterval(async () => {
  const answer = await fetch('/admin/', { cache: 'no-store' })
  if (answer.headers.get('wangge-console') === 'built') location.reload()
}, 2000)
"""
YEAR = "public, max-age=31536000, immutable"
SHORT = "no-cache"


class Console:
    """Serves one folder; a path that is no file is a page of the console."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    async def page(self, path: str, sender: Send) -> None:
        """A page by its path in the folder, or the waiting page."""
        found = self._file(path)
        if found is None or not (self._folder / "index.html").is_file():
            await answer(sender, 200, WAITING_PAGE.encode(), "text/html; charset=utf-8", {"cache-control": "no-store"})
            return
        more = {"cache-control": SHORT, "wangge-console": "built"}
        await answer(sender, 200, found.read_bytes(), "text/html; charset=utf-8", more)

    def _file(self, path: str) -> Path | None:
        """The file of a path, never outside the folder."""
        if "\0" in path:
            return None
        try:
            found = (self._folder / path).resolve()
            return found if found.is_relative_to(self._folder) and found.is_file() else None
        except OSError:  # longer than a name can be
            return None

    async def serve(self, path: str, sender: Send) -> None:
        """A file, else the console's page; a missing asset is 404."""
        found = self._file(path) if path else None
        if path == "waiting.js" and found is None:
            await answer(sender, 200, WAITING_SCRIPT.encode(), "text/javascript; charset=utf-8")
        elif found is None or found.suffix == ".html":
            if path.startswith("assets/"):
                await answer(sender, 404, b"", "text/plain")
            else:
                name = path.rstrip("/")
                inner = f"{name}/index.html" if self._file(f"{name}/index.html") else path if found else "index.html"
                await self.page(inner, sender)
        else:
            type_ = mimetypes.guess_type(found.name)[0] or "application/octet-stream"
            text = "; charset=utf-8" if type_.startswith("text/") else ""
            cached = YEAR if path.startswith("assets/") else SHORT
            await answer(sender, 200, found.read_bytes(), type_ + text, {"cache-control": cached})


def home_route() -> ASGIRouteHandler:
    """`/`: whoever opens the address that `wangge up` prints comes to the console."""

    @asgi("/", copy_scope=False)
    async def home(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, 307, b"", "text/plain", {"location": "/admin/"})

    return home


def console_route(console: Console) -> ASGIRouteHandler:
    """`/admin/...`."""

    @asgi("/admin", is_mount=True, copy_scope=True)
    async def admin(scope: Scope, receive: Receive, send: Send) -> None:
        http: Any = scope
        path = (
            http["path"].removeprefix("/admin").strip("/")
            if http["path"].startswith("/admin")
            else http["path"].strip("/")
        )
        await console.serve(path, send)

    return admin
