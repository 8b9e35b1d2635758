"""Uploads: a content is looked at, encrypted and stored; then its uploader may put it into one row, once, within a day.

It comes to us by HTTP, or directly to the object storage by a form that we sign; then it is looked at when it is there. What
nobody puts into a row is removed at night.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
import structlog

from ..audit.entries import append
from ..crypto import Keys, SealBroken
from ..errors import Invalid, Throttled, Unavailable
from ..values import Actor, uuid7
from .content import Examined, check_size, clean_name, examine, sha256_of
from .objects import Objects, new_key

log = structlog.get_logger("wangge.files")
KEPT_HOURS = 24
"""until when an upload may be put into a row."""
FORM_SECONDS = 600
"""how long a form for a direct upload is good."""
MOST_OPEN = 500
MOST_OPEN_BYTES = 1_000_000_000
"""uploads of one account that no row holds."""
AT_ONCE = 2
"""contents that one process looks at at the same time: decoding a picture takes memory."""
SECRET = "file_key"
CONTENT = "file"

BEGIN = f"""INSERT INTO wangge.upload (file, account, until, bytes, asked)
VALUES ($1, $2, now() + interval '{KEPT_HOURS} hours', $3, $4) RETURNING until"""
OPEN = "SELECT count(*) AS number, coalesce(sum(bytes), 0) AS bytes FROM wangge.upload WHERE account = $1 AND until > now()"
OBJECT = "INSERT INTO wangge.object (id, file, kind, key, secret, sha256) VALUES ($1, $2, $3, $4, $5, $6)"
STAGED = """SELECT u.asked, o.key FROM wangge.upload u JOIN wangge.object o ON o.file = u.file AND o.kind = 'staged'
WHERE u.file = $1 AND u.account = $2 AND u.until > now() AND u.asked IS NOT NULL"""
LOOKED_AT = "UPDATE wangge.upload SET asked = NULL, bytes = $2 WHERE file = $1 AND asked IS NOT NULL RETURNING TRUE"
FILE = """INSERT INTO wangge.file (id, revision, created_at, created_by, updated_at, sha256, name, media_type, bytes, width, height,
  taken_at, taken_at_source, taken_point_lon, taken_point_lat, taken_point_crs, taken_point_accuracy, uploader)
VALUES ($1, 1, now(), $2, now(), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $2)"""


class Direct(msgspec.Struct, frozen=True):
    """A form for a direct upload: POST multipart/form-data to `address`, the `fields` first, the content last, as `file`."""

    file: UUID
    address: str
    fields: Mapping[str, str]
    ends: dt.datetime


class Announced(msgspec.Struct, frozen=True):
    """What a direct upload will be."""

    name: str
    bytes: int
    sha256: str | None = None
    taken_at: dt.datetime | None = None
    """by the clock of the device, for pictures that do not say it themselves."""


class Uploaded(msgspec.Struct, frozen=True):
    """A file that may be put into a row; times on the wire."""

    id: UUID
    name: str
    media_type: str
    bytes: int
    sha256: str
    width: int | None
    height: int | None
    taken_at: dt.datetime | None


class Uploads:
    """The uploads of one process; without an object storage every call raises Unavailable."""

    def __init__(self, pool: Any, keys: Keys, objects: Objects | None) -> None:
        self._pool = pool
        self._keys = keys
        self._objects = objects
        self._looking = asyncio.Semaphore(AT_ONCE)

    @property
    def objects(self) -> Objects:
        """The object storage. Raises Unavailable."""
        if self._objects is None:
            raise Unavailable("files.unavailable", "there is no object storage here: try again in a moment")
        return self._objects

    async def begin(self, actor: Actor, announced: Announced) -> Direct:
        """A form by which the caller stores a content directly. Raises Invalid, Throttled."""
        if announced.bytes < 1:
            raise Invalid("file.empty", "the file is empty")
        check_size(announced.bytes)
        file, key = uuid7(), new_key()
        async with self._pool.transaction() as connection:
            await self._check_open(connection, actor, announced.bytes)
            asked = msgspec.json.encode(msgspec.structs.replace(announced, name=clean_name(announced.name))).decode()
            await connection.execute(BEGIN, file, actor.account, announced.bytes, asked)
            await connection.execute(OBJECT, uuid7(), file, "staged", key, None, None)
        address, fields = await self.objects.form(key, announced.bytes, FORM_SECONDS)
        return Direct(file, address, fields, dt.datetime.now(dt.UTC) + dt.timedelta(seconds=FORM_SECONDS))

    async def complete(self, actor: Actor, file: UUID) -> Uploaded:
        """Look at what a form has stored. Raises Invalid: an upload of somebody else is as one that never was."""
        found = await self._pool.fetchrow(STAGED, file, actor.account)
        if found is None:
            raise Invalid("upload.unknown", "there is no such upload: begin a new one")
        announced = msgspec.json.decode(found["asked"], type=Announced)
        try:
            content = await self.objects.get(found["key"], announced.bytes + 1)
        except KeyError:
            raise Invalid("upload.not_there", "nothing was uploaded yet: send the content first") from None
        if len(content) != announced.bytes:
            raise Invalid("upload.other_size", f"{announced.bytes} bytes were announced", announced=announced.bytes)
        if announced.sha256 is not None and announced.sha256.lower() != sha256_of(content):
            raise Invalid("upload.other_content", "the content has another SHA-256 than was announced")
        return await self._keep(actor, file, announced.name, content, staged=True, taken_at=announced.taken_at)

    async def receive(self, actor: Actor, name: str | None, content: bytes) -> Uploaded:
        """Store a content that came by HTTP. Raises Invalid, Throttled."""
        await self._check_open(self._pool, actor, len(content))
        return await self._keep(actor, uuid7(), clean_name(name), content, staged=False)

    async def _check_open(self, reader: Any, actor: Actor, more: int) -> None:
        """Raises Throttled where the caller has many uploads that no row holds."""
        found = await reader.fetchrow(OPEN, actor.account)
        if found["number"] >= MOST_OPEN or found["bytes"] + more > MOST_OPEN_BYTES:
            raise Throttled(
                "upload.too_many", "too many of your uploads stand in no record: use them first", retry_after=3600
            )

    async def _keep(
        self, actor: Actor, file: UUID, name: str, content: bytes, *, staged: bool, taken_at: dt.datetime | None = None
    ) -> Uploaded:
        """Look at a content, store its objects, then its row: who is killed in between leaves what the night removes."""
        async with self._looking:
            found = await asyncio.to_thread(examine, content)
        await self._store(file, "original", found.content, found.sha256)
        if found.picture is not None:
            await self._store(file, "small", found.picture.small)
        async with self._pool.transaction() as connection:
            if not staged:
                await connection.execute(BEGIN, file, actor.account, len(found.content), None)
            elif await connection.fetchval(LOOKED_AT, file, len(found.content)) is None:
                raise Invalid("upload.unknown", "there is no such upload: begin a new one")
            await connection.execute(FILE, *_columns(actor, file, name, found, taken_at))
            await append(connection, actor, "upload", entity="wangge.file", row=file)
        picture = found.picture
        taken = picture.taken_at or taken_at if picture else None
        return Uploaded(
            file, name, found.media_type, len(found.content), found.sha256, picture.width if picture else None,
            picture.height if picture else None, taken,
        )  # fmt: skip

    async def _store(self, file: UUID, kind: str, content: bytes, sha256: str | None = None) -> None:
        """One object under a key of its own, noted before it is there."""
        secret, key = os.urandom(32), new_key()
        sealed_secret = self._keys.seal(SECRET, secret, file.bytes)
        await self._pool.execute(OBJECT, uuid7(), file, kind, key, sealed_secret, sha256)
        sealed = await asyncio.to_thread(Keys(secret, secret).seal, CONTENT, content, file.bytes)
        await self.objects.put(sealed, "application/octet-stream", key)


def _columns(actor: Actor, file: UUID, name: str, found: Examined, device: dt.datetime | None) -> list[Any]:
    """The values of FILE; a time by the device counts where the picture says none."""
    picture, point = found.picture, found.point
    own = picture.taken_at if picture else None
    taken = own or device if picture else None
    source = None if picture is None else "exif" if own else "device" if device else "none"
    made = [file, actor.account, found.sha256, name or None, found.media_type, len(found.content)]
    made += [picture.width, picture.height] if picture else [None, None]
    place = [point.lon, point.lat, "WGS84", point.accuracy] if point else [None] * 4
    return [*made, taken, source, *place]


class Stored(msgspec.Struct, frozen=True):
    """What is served of a file."""

    name: str
    media_type: str
    content: bytes


READ = """SELECT f.name, f.media_type, o.key, o.secret FROM wangge.file f JOIN wangge.object o ON o.file = f.id AND o.kind = $2
WHERE f.id = $1 AND f.removed_at IS NULL AND o.secret IS NOT NULL"""


async def read(pool: Any, keys: Keys, objects: Objects, file: UUID, *, small: bool) -> Stored | None:
    """The content of a file as it was stored; None when it is gone, or was changed in the storage. Raises Unavailable."""
    found = await pool.fetchrow(READ, file, "small" if small else "original")
    if found is None:
        return None
    try:
        sealed = await objects.get(found["key"])
    except KeyError:
        return None
    secret = keys.open(SECRET, bytes(found["secret"]), file.bytes)
    try:
        content = await asyncio.to_thread(Keys(secret, secret).open, CONTENT, sealed, file.bytes)
    except SealBroken:
        log.error("object_changed", file=str(file), key=found["key"])
        return None
    return Stored(found["name"] or "", "image/jpeg" if small else found["media_type"], content)
