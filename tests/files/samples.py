"""Contents for tests: synthetic pictures, documents, and what only looks like one."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

from PIL import Image

SCRIPT = b"<script>alert(1)</script>"


def picture(format_: str = "JPEG", size: tuple[int, int] = (64, 48), colour: str = "teal", **more: object) -> bytes:
    """A plain picture."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, format_, **more)
    return out.getvalue()


def photographed(
    taken: str = "2026:11:23 08:30:00", *, orientation: int = 1, colour: str = "navy", offset: str = ""
) -> bytes:
    """A picture as a phone makes it: with time, place, and the phone's serial number."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "SERIAL-0815"
    exif[0x8769] = {0x9003: taken} | ({0x9011: offset} if offset else {})
    exif[0x8825] = {1: "N", 2: (26.0, 38.0, 49.2), 3: "E", 4: (106.0, 37.0, 48.0), 31: 8.0}
    return picture(size=(80, 40), colour=colour, exif=exif, comment=b"COMMENT-0815")


def pdf(body: bytes = b"1 0 obj <<>> endobj\n") -> bytes:
    """A PDF, as far as anybody looks at it here."""
    return b"%PDF-1.7\n" + body + b"trailer <<>>\nstartxref\n9\n%%EOF\n"


def document(*more: tuple[str, bytes], kind: str = "word/document.xml") -> bytes:
    """A packed document with further parts."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (("[Content_Types].xml", b"<Types/>"), (kind, b"<w/>"), *more):
            part = zipfile.ZipInfo(name, (2026, 11, 25, 0, 0, 0))
            part.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(part, content)
    return out.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG of few bytes that says that it has very many pixels."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )
