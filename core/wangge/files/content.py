"""What an uploaded content is, by its bytes alone: what it is called and what the sender says of it decide nothing.

Taken are JPEG, PNG and WebP pictures, PDF, and documents and tables of Office (docx, xlsx) without macros. Whatever a browser
would run (HTML, SVG), and what is two things at once, is refused.
"""

from __future__ import annotations

import hashlib
import io
import unicodedata
import zipfile
import zlib

import msgspec

from ..errors import Invalid
from .pictures import Picture, Point, format_of, read_picture

MOST_BYTES = 20_000_000
"""of one file."""
MOST_UNPACKED = 200_000_000
"""bytes of a packed document when it is unpacked."""
MOST_PARTS = 5_000
PDF = "application/pdf"
OFFICE = {
    "word/document.xml": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xl/workbook.xml": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
"""the part that tells -> media type."""
TAKEN = "JPEG, PNG, WebP, PDF, docx, xlsx"
LONGEST_NAME = 200
END_OF_ZIP = b"PK\x05\x06"


class Examined(msgspec.Struct, frozen=True):
    """What is stored of an upload: its type, what is left of its content, and what is known of it."""

    media_type: str
    content: bytes
    sha256: str
    picture: Picture | None = None

    @property
    def point(self) -> Point | None:
        """Where a picture was taken."""
        return self.picture.taken_point if self.picture else None


def examine(content: bytes) -> Examined:
    """Look at a content. Raises Invalid; takes as long as decoding a picture, so call it in a thread."""
    if not content:
        raise Invalid("file.empty", "the file is empty")
    check_size(len(content))
    if (format_ := format_of(content)) is not None:
        picture = read_picture(content, format_)
        return Examined(picture.media_type, picture.content, sha256_of(picture.content), picture)
    if content.startswith(b"%PDF-"):
        media_type = _pdf(content)
    elif content.startswith(b"PK\x03\x04"):
        media_type = _office(content)
    else:
        raise _not_taken()
    return Examined(media_type, content, sha256_of(content))


def check_size(size: int) -> None:
    """Raises Invalid for more than a file may have."""
    if size > MOST_BYTES:
        raise Invalid("file.too_large", f"a file has at most {MOST_BYTES} bytes", limit=MOST_BYTES)


def sha256_of(content: bytes) -> str:
    """The digest that tells whether two files are the same."""
    return hashlib.sha256(content).hexdigest()


def _not_taken() -> Invalid:
    return Invalid("file.type_not_allowed", f"files of this type are not taken: send {TAKEN}", types=TAKEN)


def _broken(what: str) -> Invalid:
    return Invalid("file.broken", f"the file cannot be read: {what}")


def _pdf(content: bytes) -> str:
    """A PDF from its first byte to its last: what is put in front or behind may be another file."""
    if not content.rstrip(b"\r\n\t \0").endswith(b"%%EOF") or END_OF_ZIP in content[-70_000:]:
        raise _broken("the PDF does not end where it should")
    return PDF


def _office(content: bytes) -> str:
    """A packed document: nothing before, nothing behind, no macros, and no more than it says."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_UNPACKED:
                raise Invalid("file.unpacks_too_large", "the document is too large when it is unpacked")
            names = {part.filename for part in parts}
            whole = content[-22:].startswith(END_OF_ZIP) and min((p.header_offset for p in parts), default=1) == 0
            if not whole or len(names) != len(parts) or any(part.flag_bits & 1 for part in parts):
                raise _broken("the document is encrypted, or holds something else too")
            found = [type_ for name, type_ in OFFICE.items() if name in names]
            if "[Content_Types].xml" not in names or len(found) != 1 or any(_is_program(name) for name in names):
                raise _not_taken()
            with archive.open("[Content_Types].xml") as part:
                if b"macroEnabled" in part.read(1_000_000):
                    raise _not_taken()
    except (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, NotImplementedError, EOFError, ValueError, OSError):
        raise _broken("it is no document, or not complete") from None
    return found[0]


def _is_program(name: str) -> bool:
    """Whether a part of a document is code, or would be unpacked outside of it."""
    lower = name.lower()
    return lower.endswith(("vbaproject.bin", ".exe", ".dll", ".js", ".vbs", ".bat", ".ps1")) or ".." in name.split("/")


def clean_name(given: str | None) -> str:
    """The name of a file as it is shown: its last part, without what could be a path, an order or a trick of writing."""
    last = (given or "").replace("\\", "/").rpartition("/")[2]
    shown = "".join(c for c in unicodedata.normalize("NFC", last) if unicodedata.category(c)[0] != "C")
    return shown.strip(" .")[:LONGEST_NAME]
