"""`/files`: POST stores files that fields take by their ids; GET of a link gives the content, a part of it, or its head.

A link needs no credential: it says for whom it was made, and is answered only while that account, token or session still
sees the file in that field. Whatever is wrong with a link has one answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send

from ..audit.entries import append
from ..errors import Denied, Invalid, Unauthenticated
from ..files.links import Bearer, Link, Links
from ..files.pictures import SHOWN
from ..files.uploads import Stored, Uploaded, Uploads, read
from ..graphql.exchange import translated
from ..graphql.file_links import FileLinks
from ..graphql.sentences import Refusals
from ..graphql.uploading import NEEDS, told
from ..identity.networks import networks, within
from ..identity.scopes import Credential, Scopes
from ..policy.scope import NOTHING
from .addresses import address_of
from .callers import Callers
from .deadline import Deadline
from .messages import headers_of, language_of, send, send_json, send_problem
from .parts import Part, is_form, parts_of

POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"
"""what a browser may do with a content: nothing but show it."""
RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class NotThere(Invalid):
    """A link of which nothing comes: forged, over, or without the right."""

    status = 404


class NoForm(Invalid):
    """A body of another media type."""

    status = 415


class NoSuchPart(Invalid):
    """A part that the content does not have."""

    status = 416


class Files:
    """What the routes need."""

    def __init__(
        self,
        pool: Any,
        keys: Any,
        callers: Callers,
        scopes: Scopes,
        uploads: Uploads,
        held: FileLinks,
        refusal: Refusals,
    ) -> None:
        self.pool = pool
        self.keys = keys
        self.callers = callers
        self.scopes = scopes
        self.uploads = uploads
        self.held = held
        self.refusal = refusal
        self.links = Links(keys, scopes.clock.now)

    async def take(self, credential: Credential, parts: list[Part]) -> list[Uploaded]:
        """Store the files of a form for their sender. Raises Denied, Invalid, Throttled."""
        scope = await self.scopes.scope(credential)
        if not (scope.shape.entity(NEEDS[0]) or NOTHING).grants(NEEDS[1]):
            raise Denied("write.not_allowed", "this account may not upload files")
        return [await self.uploads.receive(scope.actor, part.filename, part.content) for part in parts]

    async def content(self, text: str, address: str) -> tuple[Link, Stored]:
        """What a link gives now to somebody at `address`. Raises NotThere, Unavailable."""
        link = self.links.open(text)
        if link is None or not _from_there(link.bearer, address):
            raise _not_there()
        try:
            scope = await self.scopes.scope(_credential(link.bearer, address))
        except Unauthenticated:
            raise _not_there() from None
        if not await self.held.holds(scope, link):
            await append(
                self.pool, scope.actor, "denied:read", entity=link.holder.entity, row=link.holder.row,
                district=scope.home_district, reason="file.unknown",
            )  # fmt: skip
            raise _not_there()
        stored = await read(self.pool, self.keys, self.uploads.objects, link.holder.file, small=link.small)
        if stored is None:
            raise _not_there()
        return link, stored


def files_route(files: Files, deadline: Deadline) -> ASGIRouteHandler:
    """The routes; every request is answered within the deadline."""

    @asgi("/files", is_mount=True, copy_scope=True)
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        headers = headers_of(scope)
        try:
            async with deadline():
                await _answer(files, scope, receive, send, headers)
        except Exception as error:
            refused = translated(error)
            title = str(files.refusal(refused, language_of(headers))["message"])
            await send_problem(send, refused, title=title)

    return serve


async def _answer(files: Files, scope: Any, receive: Receive, sender: Send, headers: Mapping[str, str]) -> None:
    """By path and method."""
    link, method = scope["path"].removeprefix("/files").strip("/"), scope["method"]
    if not link:
        if method != "POST":
            await send(sender, 405, b"", "application/json", {"allow": "POST"})
            return
        await _upload(files, scope, receive, sender, headers)
    elif method not in ("GET", "HEAD"):
        await send(sender, 405, b"", "application/json", {"allow": "GET, HEAD"})
    else:
        _, stored = await files.content(link, address_of(scope))
        await _send(sender, stored, headers.get("range"), whole=method == "GET")


async def _upload(files: Files, scope: Any, receive: Receive, sender: Send, headers: Mapping[str, str]) -> None:
    """Who, then what: nobody without a name sends a large body."""
    credential = await files.callers.credential(headers, writes=True, address=address_of(scope))
    if not is_form(headers):
        raise NoForm("request.media_type", "send Content-Type: multipart/form-data with one or more files")
    parts = [part for part in await parts_of(receive, headers) if part.filename is not None]
    if not parts:
        raise Invalid("file.none", "the form holds no file")
    made = await files.take(credential, parts)
    await send_json(sender, 201, {"files": [_shown(one) for one in made]})


def _shown(made: Uploaded) -> dict[str, Any]:
    """A file in JSON, named as in GraphQL."""
    names = {"media_type": "mediaType", "taken_at": "takenAt"}
    return {names.get(name, name): value for name, value in told(made).items()}


async def _send(sender: Send, stored: Stored, wanted: str | None, *, whole: bool) -> None:
    """The content, or the part of it that is wanted; without a body for HEAD."""
    size = len(stored.content)
    first, last = _part(wanted, size)
    headers = [
        (b"content-type", stored.media_type.encode()),
        (b"content-length", str(last - first + 1).encode()),
        (b"content-disposition", disposition(stored).encode()),
        (b"accept-ranges", b"bytes"),
        (b"content-security-policy", POLICY.encode()),
        (b"cache-control", b"no-store"),
    ]
    partly = wanted is not None and wanted.startswith("bytes=")
    if partly:
        headers.append((b"content-range", f"bytes {first}-{last}/{size}".encode()))
    await sender({"type": "http.response.start", "status": 206 if partly else 200, "headers": headers})
    body = stored.content[first : last + 1] if whole else b""
    await sender({"type": "http.response.body", "body": body, "more_body": False})


def _part(wanted: str | None, size: int) -> tuple[int, int]:
    """(first, last) byte; everything where no part is asked for. Raises NoSuchPart."""
    if wanted is None or not wanted.startswith("bytes="):
        return 0, size - 1
    found = RANGE.fullmatch(wanted.strip())
    if found is None or not (found[1] or found[2]) or len(wanted) > 60:
        raise NoSuchPart("file.no_such_part", "ask for one part: Range: bytes=0-99")
    first = int(found[1]) if found[1] else max(0, size - int(found[2]))
    last = min(int(found[2]), size - 1) if found[1] and found[2] else size - 1
    if first > last:
        raise NoSuchPart("file.no_such_part", f"the content has {size} bytes", size=size)
    return first, last


def disposition(stored: Stored) -> str:
    """Content-Disposition (RFC 6266): a picture may be shown where it stands, everything else is stored by the browser."""
    way = "inline" if stored.media_type in SHOWN else "attachment"
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", stored.name) or "file"
    return f"{way}; filename=\"{plain}\"; filename*=UTF-8''{quote(stored.name or 'file', safe='')}"


def _from_there(bearer: Bearer, address: str) -> bool:
    """Whether the token of a link works from an address."""
    return not bearer.addresses or within(address, networks(bearer.addresses))


def _credential(bearer: Bearer, address: str) -> Credential:
    """What the link was made with."""
    return Credential(
        bearer.account,
        token=bearer.token,
        session=bearer.session,
        posts=frozenset(bearer.posts) if bearer.posts is not None else None,
        until=bearer.until,
        addresses=bearer.addresses,
        purpose=bearer.purpose,
        origin="request",
        address=address,
    )


def _not_there() -> NotThere:
    return NotThere("file.unknown", "this link gives nothing: ask for a new one")
