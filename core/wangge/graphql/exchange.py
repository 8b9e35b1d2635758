"""What comes in and what goes out: requests, answers, and the errors that callers are told."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog

from graphql import GraphQLError

from ..errors import Invalid, RequestError, Unavailable

log = structlog.get_logger("wangge.graphql")
ACCOUNT = "\0account"
"""the key under which a request's account stands beside its variables."""
ROWS = "\0rows"
"""the key under which the ids of rows that Python knows stand beside them: those that were written, or one named by a global id."""


class Request(msgspec.Struct, frozen=True):
    """One GraphQL request; `reads_only` for GET."""

    query: str
    variables: Mapping[str, Any] = {}
    operation: str | None = None
    language: str = "zh"
    reads_only: bool = False
    purpose: str | None = None
    """the purpose that the request names (PERMISSIONS.md 3)."""
    preview: str | None = None
    """the role as which the caller looks (PERMISSIONS.md 6); an empty one is no role, and no request without a preview."""
    document: str | None = None
    """the trusted document that it names; `query` is its text then."""


class Answer(msgspec.Struct, frozen=True):
    """The JSON body; `executed` is False when the document was refused before execution; `status` of a refusal."""

    body: bytes
    executed: bool = True
    status: int = 200
    retry_after: int | None = None
    """seconds after which a throttled caller may try again."""


class NeedsPost(Invalid):
    """A mutation came by a method that only reads."""

    status = 405


class NeedsStream(Invalid):
    """A subscription came as a request that has one answer."""

    status = 400


class Internal(RequestError):
    """A fault of ours."""

    status = 500


def body(data: bytes | None, errors: list[dict[str, Any]], cost: int = 0) -> bytes:
    """A response of GraphQL over HTTP; `cost` is told where there is one (limits.py)."""
    parts = []
    if errors:
        parts.append(b'"errors":' + msgspec.json.encode(errors))
    if data is not None:
        parts.append(b'"data":' + data)
    if cost:
        parts.append(b'"extensions":{"cost":%d}' % cost)
    return b"{" + b",".join(parts) + b"}"


def plain_error(error: GraphQLError) -> dict[str, Any]:
    """An error of the document."""
    made: dict[str, Any] = {"message": error.message, "extensions": {"code": "document.invalid"}}
    if error.locations:
        made["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    return made


def translated(error: Exception) -> RequestError:
    """What a caller is told of an unexpected error: an id, never internals; a value that PostgreSQL refuses is the caller's."""
    name = type(error).__name__
    if name in (
        "DataError",
        "NumericValueOutOfRangeError",
        "DatetimeFieldOverflowError",
        "CharacterNotInRepertoireError",
    ):
        return Invalid("value.invalid", "a value of the request is out of range or of the wrong form")
    if isinstance(error, RequestError):
        return error
    if name in ("DiskFullError", "OutOfMemoryError", "InsufficientResourcesError"):
        log.error("database_full", exc_info=error)
        return Unavailable("database.full", "the database has no room left, nothing was stored: tell the operators")
    mark = uuid.uuid4().hex[:12]
    log.error("unexpected", id=mark, exc_info=error)
    unexpected = Internal(
        "internal", f"something went wrong on our side; tell the operators this number: {mark}", id=mark
    )
    return unexpected
