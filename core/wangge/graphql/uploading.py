"""Uploads through GraphQL: a form for a direct upload to the object storage, and the look at what it brought."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

import strawberry

from ..errors import Conflict, Denied, Invalid, Throttled
from ..files.uploads import Announced, Uploaded, Uploads
from ..model.durations import SHANGHAI
from ..records.storing import check_fresh
from .administration import Problem
from .sentences import Refusals

NEEDS = ("wangge.file", "do:createUpload")


@strawberry.input(description="What is going to be uploaded.")
class CreateUploadInput:
    """Announced before; the content is compared with it."""

    name: str = strawberry.field(description="The name of the file, for people.")
    size: int = strawberry.field(description="Bytes.")
    sha256: str | None = strawberry.field(default=None, description="Of the content, in hex; it is compared.")
    taken_at: dt.datetime | None = strawberry.field(
        default=None, description="By the clock of the device, for a picture that does not say when it was taken."
    )


@strawberry.type(description="A field of a form.")
class UploadField:
    """One field."""

    name: str
    value: str


@strawberry.type(
    description="A form for a direct upload: POST multipart/form-data to `url` with these fields first and the content last, as `file`."
)
class DirectUpload:
    """One form."""

    id: strawberry.ID = strawberry.field(description="What `completeUpload` takes, and fields of files afterwards.")
    url: str
    fields: list[UploadField]
    expires_at: str


@strawberry.type(description="A form, or what is wrong.")
class CreateUploadPayload:
    """The answer."""

    upload: DirectUpload | None = None
    errors: list[Problem] = strawberry.field(default_factory=list)


@strawberry.type(description="A file that its uploader may put into one record within a day.")
class UploadedFile:
    """What is known of a content that was looked at."""

    id: strawberry.ID
    name: str
    media_type: str
    bytes: int
    sha256: str = strawberry.field(description="Of what is stored: a picture is stored without what its camera added.")
    width: int | None
    height: int | None
    taken_at: str | None


@strawberry.type(description="The file, or what is wrong.")
class CompleteUploadPayload:
    """The answer."""

    file: UploadedFile | None = None
    errors: list[Problem] = strawberry.field(default_factory=list)


@strawberry.type
class Mutation:
    """Direct uploads."""

    @strawberry.mutation(description="A form for a direct upload.", metadata={"needs": NEEDS})
    async def create_upload(self, info: strawberry.Info, input: CreateUploadInput) -> CreateUploadPayload:
        """Good for ten minutes."""
        try:
            await _fresh(info.context)
            announced = Announced(input.name, input.size, input.sha256, input.taken_at)
            made = await _uploads(info.context).begin(info.context.scope.actor, announced)
        except (Conflict, Denied, Invalid, Throttled) as error:
            return CreateUploadPayload(errors=[_problem(info, error)])
        fields = [UploadField(name=name, value=value) for name, value in made.fields.items()]
        upload = DirectUpload(
            id=strawberry.ID(str(made.file)), url=made.address, fields=fields, expires_at=_moment(made.ends)
        )
        return CreateUploadPayload(upload=upload)

    @strawberry.mutation(
        description="Look at what was uploaded directly; then fields of files take its id.", metadata={"needs": NEEDS}
    )
    async def complete_upload(self, info: strawberry.Info, id: strawberry.ID) -> CompleteUploadPayload:
        """Of the caller's own uploads."""
        try:
            await _fresh(info.context)
            made = await _uploads(info.context).complete(info.context.scope.actor, _id(id))
        except (Conflict, Denied, Invalid) as error:
            return CompleteUploadPayload(errors=[_problem(info, error)])
        return CompleteUploadPayload(file=UploadedFile(**told(made)))


def told(made: Uploaded) -> dict[str, Any]:
    """A file on the wire."""
    return {
        "id": strawberry.ID(str(made.id)),
        "name": made.name,
        "media_type": made.media_type,
        "bytes": made.bytes,
        "sha256": made.sha256,
        "width": made.width,
        "height": made.height,
        "taken_at": _moment(made.taken_at) if made.taken_at else None,
    }


async def _fresh(context: Any) -> None:
    """Refuse who lost the right meanwhile. Raises StaleScope."""
    async with context.pool.transaction() as connection:
        await check_fresh(connection, context.scope)


def _uploads(context: Any) -> Uploads:
    found: Uploads = context.uploads
    return found


def _moment(value: dt.datetime) -> str:
    return value.astimezone(SHANGHAI).isoformat(timespec="seconds")


def _id(given: str) -> UUID:
    try:
        return UUID(given)
    except ValueError:
        raise Invalid("upload.unknown", "there is no such upload: begin a new one") from None


def _problem(info: strawberry.Info, error: Invalid | Denied | Conflict | Throttled) -> Problem:
    said = Refusals(info.context.records.kit.sentences)(error, info.context.language)
    return Problem(index=0, path=[], code=error.code, message=said["message"])
