"""What a content is, its bytes say: pictures keep what is seen, documents nothing that would run, and the rest is refused."""

from __future__ import annotations

import contextlib
import datetime as dt
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.files.samples import SCRIPT, bomb, document, pdf, photographed, picture

from wangge.errors import Invalid
from wangge.files.content import MOST_BYTES, clean_name, examine
from wangge.files.pictures import Point

SHANGHAI = dt.timezone(dt.timedelta(hours=8))


def code(content: bytes) -> str:
    """Why a content is refused."""
    with pytest.raises(Invalid) as caught:
        examine(content)
    return caught.value.code


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_what_it_is_and_has_a_small_one(format_: str) -> None:
    found = examine(picture(format_, (800, 600)))
    assert found.picture is not None
    assert (found.media_type, found.picture.width, found.picture.height) == (f"image/{format_.lower()}", 800, 600)
    with Image.open(io.BytesIO(found.content)) as stored, Image.open(io.BytesIO(found.picture.small)) as small:
        assert (stored.format, stored.size, small.format, small.size) == (format_, (800, 600), "JPEG", (320, 240))


def test_what_a_camera_adds_is_read_and_not_stored() -> None:
    content = photographed()
    assert b"SERIAL-0815" in content
    assert b"COMMENT-0815" in content
    found = examine(content)
    assert found.picture is not None
    assert found.picture.taken_at == dt.datetime(2026, 11, 23, 8, 30, tzinfo=SHANGHAI)
    assert found.picture.taken_point == Point(106.63, 26.647, 8.0)
    for stored in (found.content, found.picture.small):
        assert b"0815" not in stored
        assert b"Exif" not in stored
        with Image.open(io.BytesIO(stored)) as image:
            assert dict(image.getexif()) == {}


def test_a_picture_that_lies_on_its_side_is_stored_upright() -> None:
    found = examine(photographed(orientation=6, offset="+00:00"))
    assert found.picture is not None
    assert (found.picture.width, found.picture.height) == (40, 80)
    assert found.picture.taken_at == dt.datetime(2026, 11, 23, 8, 30, tzinfo=dt.UTC)


@pytest.mark.parametrize("taken", ["0000:00:00 00:00:00", "", "yesterday", "9999:99:99 99:99:99"])
def test_a_time_that_is_none_is_unknown(taken: str) -> None:
    found = examine(photographed(taken))
    assert found.picture is not None
    assert found.picture.taken_at is None


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("behind", [SCRIPT * 20, document(), pdf()])
def test_a_picture_that_is_something_else_too_is_stored_as_a_picture_alone(format_: str, behind: bytes) -> None:
    found = examine(picture(format_) + behind)
    assert behind[:20] not in found.content
    assert b"PK\x05\x06" not in found.content
    assert b"script" not in found.content


def test_transparent_and_grey_and_palette_pictures_keep_their_look() -> None:
    for mode, colour in (("RGBA", (255, 0, 0, 0)), ("L", 7), ("P", 3), ("LA", (7, 0)), ("I;16", 9), ("1", 1)):
        out = io.BytesIO()
        Image.new(mode, (9, 9), colour).save(out, "PNG")
        found = examine(out.getvalue())
        with Image.open(io.BytesIO(found.content)) as stored:
            assert stored.mode in (mode, "I;16")
            assert stored.convert("RGBA").getpixel((4, 4)) == Image.open(out).convert("RGBA").getpixel((4, 4))
    out = io.BytesIO()
    Image.new("CMYK", (9, 9), (0, 255, 255, 0)).save(out, "JPEG")
    assert examine(out.getvalue()).media_type == "image/jpeg"


def test_the_same_picture_has_the_same_digest_whatever_its_camera_added() -> None:
    assert examine(photographed()).sha256 == examine(photographed("2020:01:01 00:00:00")).sha256
    assert examine(photographed()).sha256 != examine(photographed(colour="red")).sha256


def test_documents_are_taken_as_they_are() -> None:
    assert (examine(pdf()).media_type, examine(pdf()).content) == ("application/pdf", pdf())
    assert examine(document()).media_type.endswith("wordprocessingml.document")
    assert examine(document(kind="xl/workbook.xml")).media_type.endswith("spreadsheetml.sheet")


REFUSED = {
    "html": (b"<!doctype html><html>" + SCRIPT, "file.type_not_allowed"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg">' + SCRIPT + b"</svg>", "file.type_not_allowed"),
    "svg with a head": (b'<?xml version="1.0"?><svg/>', "file.type_not_allowed"),
    "text": (b"hello", "file.type_not_allowed"),
    "a program": (b"MZ" + b"\0" * 200, "file.type_not_allowed"),
    "gif": (b"GIF89a" + b"\0" * 50, "file.type_not_allowed"),
    "a plain archive": (document(kind="a.txt"), "file.type_not_allowed"),
    "nothing": (b"", "file.empty"),
    "too much": (b"%PDF-" + b"\0" * MOST_BYTES, "file.too_large"),
    "a cut picture": (picture(size=(300, 300))[:-200], "file.broken"),
    "a head alone": (b"\xff\xd8\xff\xe0", "file.broken"),
    "a webp by name": (b"RIFF\x10\0\0\0WEBPVP8 ", "file.broken"),
    "too many pixels": (bomb(8_000, 8_000), "file.too_many_pixels"),
    "very many pixels": (bomb(60_000, 60_000), "file.too_many_pixels"),
    "a pdf with html behind": (pdf() + SCRIPT, "file.broken"),
    "a pdf with an archive in it": (pdf(document()), "file.broken"),
    "html before a pdf": (SCRIPT + pdf(), "file.type_not_allowed"),
    "a document with macros": (document(("word/vbaProject.bin", b"x")), "file.type_not_allowed"),
    "a document with a program": (document(("../../evil.exe", b"x")), "file.type_not_allowed"),
    "two documents in one": (document(("xl/workbook.xml", b"x")), "file.type_not_allowed"),
    "a document with something behind": (document() + SCRIPT, "file.broken"),
    "a cut document": (document()[:-30], "file.broken"),
    "an archive that unpacks to much": (document(("big", b"\0" * 201_000_000)), "file.unpacks_too_large"),
    "an archive of many": (document(*((str(n), b"") for n in range(5_001))), "file.unpacks_too_large"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_everything_else_is_refused(what: str) -> None:
    content, expected = REFUSED[what]
    assert code(content) == expected


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([picture(), picture("PNG"), picture("WEBP"), photographed(), pdf(), document()]), st.data())
def test_a_content_with_changed_bytes_is_refused_or_read_but_breaks_nothing(
    content: bytes, data: st.DataObject
) -> None:
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(1, 8))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(changed[: data.draw(st.integers(0, len(changed)))])
    with contextlib.suppress(Invalid):
        assert examine(cut).media_type


NAMES = {
    "../../etc/passwd": "passwd",
    "C:\\Users\\测试\\照片.jpg": "照片.jpg",
    "a\r\nSet-Cookie: x=1.pdf": "aSet-Cookie: x=1.pdf",
    "\u202egpj.exe": "gpj.exe",
    "..": "",
    "  .hidden ": "hidden",
    'quote".pdf': 'quote".pdf',
    "x" * 500: "x" * 200,
}


@pytest.mark.parametrize("given_", NAMES)
def test_a_name_is_a_name_and_nothing_else(given_: str) -> None:
    assert clean_name(given_) == NAMES[given_]


def test_no_name_is_no_name() -> None:
    assert clean_name(None) == ""
