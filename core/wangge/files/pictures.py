"""Pictures: read, freed of everything but what is seen, and made small for lists.

A picture is encoded anew, so that nothing else that its bytes held (EXIF, positions, comments, another file behind the last
byte) is stored. What EXIF says of time and place is kept apart.
"""

from __future__ import annotations

import datetime as dt
import io
import struct
from collections.abc import Mapping
from typing import Any

import msgspec
from PIL import Image, ImageOps

from ..errors import Invalid

MOST_PIXELS = 50_000_000
"""of one picture: what needs more memory than its bytes promise is refused before it is read."""
SMALL = 320
"""the longer side of a small picture, in pixels."""
TYPES: Mapping[str, tuple[bytes, str]] = {
    "JPEG": (b"\xff\xd8\xff", "image/jpeg"),
    "PNG": (b"\x89PNG\r\n\x1a\n", "image/png"),
    "WEBP": (b"RIFF", "image/webp"),
}
"""format -> (how it begins, media type)."""
SHOWN = frozenset(type_ for _, type_ in TYPES.values())
"""the media types of pictures."""
SHANGHAI = dt.timezone(dt.timedelta(hours=8))
EXIF, GPS = 0x8769, 0x8825
TAKEN, OFFSET, ACCURACY = 0x9003, 0x9011, 31
ODD = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    ZeroDivisionError,
    OverflowError,
    SyntaxError,
    OSError,
    struct.error,
)
"""what broken EXIF raises."""


class Point(msgspec.Struct, frozen=True):
    """Where a picture was taken: degrees (WGS-84), accuracy in metres."""

    lon: float
    lat: float
    accuracy: float | None = None


class Picture(msgspec.Struct, frozen=True):
    """What is kept of a picture."""

    media_type: str
    content: bytes
    width: int
    height: int
    small: bytes
    """a JPEG."""
    taken_at: dt.datetime | None = None
    taken_point: Point | None = None


def format_of(content: bytes) -> str | None:
    """The format that the first bytes name, None for what is no picture that is taken."""
    for name, (start, _) in TYPES.items():
        if content.startswith(start) and (name != "WEBP" or content[8:12] == b"WEBP"):
            return name
    return None


def read_picture(content: bytes, format_: str) -> Picture:
    """Read a picture of a known format. Raises Invalid for one that is broken or too large."""
    try:
        with Image.open(io.BytesIO(content), formats=[format_]) as image:
            if image.width * image.height > MOST_PIXELS:
                raise _too_large()
            exif = image.getexif()
            taken_at, taken_point = _taken_at(exif), _taken_point(exif)
            image.load()
            upright = ImageOps.exif_transpose(image)
            turned = upright.size != image.size or exif.get(0x0112, 1) != 1
            stored = _encoded(upright if turned else image, format_)
            small = _small(upright)
            width, height = upright.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large() from None
    except Invalid:
        raise
    except (*ODD, EOFError, MemoryError, Warning) as error:
        raise Invalid("file.broken", "the picture cannot be read: it is broken or not complete") from error
    return Picture(TYPES[format_][1], stored, width, height, small, taken_at, taken_point)


def _too_large() -> Invalid:
    return Invalid(
        "file.too_many_pixels", f"a picture has at most {MOST_PIXELS} pixels: make it smaller", limit=MOST_PIXELS
    )


def _encoded(image: Image.Image, format_: str) -> bytes:
    """The picture alone; a JPEG that need not be turned keeps its quality."""
    transparency = image.info.get("transparency")
    image.info.clear()
    if format_ == "PNG" and transparency is not None:
        image.info["transparency"] = transparency
    out = io.BytesIO()
    if format_ == "PNG":
        image.save(out, "PNG")
    elif format_ == "WEBP":
        image.save(out, "WEBP", quality=90)
    elif image.format == "JPEG" and image.mode in ("L", "RGB"):
        image.save(out, "JPEG", quality="keep")
    else:
        image.convert("RGB").save(out, "JPEG", quality=92)
    return out.getvalue()


def _small(image: Image.Image) -> bytes:
    """A JPEG whose longer side is SMALL, what is transparent on white."""
    small = image.copy()
    small.thumbnail((SMALL, SMALL))
    if small.mode not in ("L", "RGB"):
        over = small.convert("RGBA")
        small = Image.new("RGB", over.size, "white")
        small.paste(over, mask=over.getchannel("A"))
    small.info.clear()
    out = io.BytesIO()
    small.save(out, "JPEG", quality=80)
    return out.getvalue()


def _taken_at(exif: Image.Exif) -> dt.datetime | None:
    """When it was taken, in Asia/Shanghai unless the camera says otherwise."""
    try:
        found = exif.get_ifd(EXIF)
        moment = dt.datetime.strptime(str(found[TAKEN]).strip("\0 "), "%Y:%m:%d %H:%M:%S")
        zone = dt.datetime.strptime(str(found[OFFSET]).strip("\0 "), "%z").tzinfo if OFFSET in found else SHANGHAI
        made = moment.replace(tzinfo=zone)
    except ODD:
        return None
    return made if 1970 < made.year < 9000 else None


def _taken_point(exif: Image.Exif) -> Point | None:
    """Where it was taken."""
    try:
        found = exif.get_ifd(GPS)
        lat, lon = _degrees(found[2], str(found[1])), _degrees(found[4], str(found[3]))
        accuracy = float(found[ACCURACY]) if ACCURACY in found else None
    except ODD:
        return None
    there = -90 <= lat <= 90 and -180 <= lon <= 180 and (lat, lon) != (0, 0)
    if not there:
        return None
    return Point(lon, lat, accuracy if accuracy is not None and 0 <= accuracy < 1e7 else None)


def _degrees(parts: Any, side: str) -> float:
    """Degrees, minutes and seconds as degrees, south and west below zero."""
    degrees, minutes, seconds = (float(part) for part in parts)
    made = round(degrees + minutes / 60 + seconds / 3600, 7)
    return -made if side.strip("\0 ").upper() in ("S", "W") else made
