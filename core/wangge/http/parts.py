"""multipart/form-data: the parts of a body, bounded in size and number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from litestar.types import Receive
from multipart import MultipartError, ParserLimitReached, PushMultipartParser, parse_options_header

from ..errors import Invalid
from ..files.content import MOST_BYTES
from .messages import TooLarge

MOST_PARTS = 12
MOST_IN_ALL = 60_000_000
"""bytes of one body."""


class Part(msgspec.Struct, frozen=True):
    """One part; `filename` where it is a file."""

    name: str
    filename: str | None
    content: bytes


class BadForm(Invalid):
    """The body is no form."""

    status = 400


def is_form(headers: Mapping[str, str]) -> bool:
    """Whether the body is multipart/form-data."""
    return headers.get("content-type", "").partition(";")[0].strip().lower() == "multipart/form-data"


async def parts_of(receive: Receive, headers: Mapping[str, str]) -> list[Part]:
    """The parts in their order. Raises BadForm, TooLarge."""
    found: list[Part] = []
    try:
        boundary = parse_options_header(headers["content-type"])[1].get("boundary", "")
        parser = PushMultipartParser(
            boundary, max_segment_size=MOST_BYTES, max_segment_count=MOST_PARTS, strict=True
        )  # fmt: skip
        segment: Any = None
        pieces: list[bytes] = []
        size, more = 0, True
        while more:
            message: Any = await receive()
            if message["type"] == "http.disconnect":
                raise Invalid("request.disconnected", "the client went away")
            chunk, more = message.get("body", b""), message.get("more_body", False)
            size += len(chunk)
            if size > MOST_IN_ALL:
                raise _too_large(MOST_IN_ALL)
            for event in parser.parse(chunk) if chunk and not parser.closed else ():
                if isinstance(event, bytes | bytearray):
                    pieces.append(bytes(event))
                elif event is None:
                    found.append(Part(segment.name or "", segment.filename, b"".join(pieces)))
                else:
                    segment, pieces = event, []
        parser.close()
    except ParserLimitReached:
        raise _too_large(MOST_BYTES) from None
    except (MultipartError, UnicodeDecodeError, LookupError, ValueError):
        raise BadForm("request.malformed", "the body is no valid multipart/form-data") from None
    return found


def _too_large(limit: int) -> TooLarge:
    return TooLarge("request.too_large", f"a file has at most {limit} bytes", limit=limit)


def put_in(operations: Any, places: Mapping[str, Sequence[str]], ids: Mapping[str, str]) -> None:
    """Set the ids of files where `map` of a GraphQL multipart request says; nothing but nulls in `variables` gives way.

    Raises BadForm.
    """
    for name, paths in places.items():
        for path in paths:
            *way, last = path.split(".")
            at = operations
            try:
                if way[:1] != ["variables"]:
                    raise KeyError(path)
                for step in way:
                    at = at[int(step)] if isinstance(at, list) else at[step]
                key: Any = int(last) if isinstance(at, list) else last
                if at[key] is not None:
                    raise KeyError(path)
                at[key] = ids[name]
            except (KeyError, IndexError, ValueError, TypeError):
                raise BadForm("request.malformed", f'"map" names {path[:100]!r}, where no null stands') from None
