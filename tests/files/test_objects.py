"""Objects: stored once, read back, linked for a minute, and a clear answer when the store is away."""

from __future__ import annotations

import http.client
import ssl
from urllib.parse import urlsplit

import msgspec
import pytest

from wangge.errors import Unavailable
from wangge.files.objects import Objects
from wangge.files.s3 import S3


def fetch(link: str) -> tuple[int, bytes]:
    """What a link answers."""
    parts = urlsplit(link)
    assert parts.hostname is not None
    if parts.scheme == "https":
        insecure = ssl._create_unverified_context()
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(parts.netloc, context=insecure)
    else:
        connection = http.client.HTTPConnection(parts.netloc)
    connection.request("GET", f"{parts.path}?{parts.query}")
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


async def test_an_object_is_stored_read_linked_and_deleted(s3: S3) -> None:
    objects = Objects(msgspec.structs.replace(s3, bucket="objects"))
    await objects.open()
    await objects.open()
    key = await objects.put("照片".encode(), "image/jpeg")
    assert await objects.get(key) == "照片".encode()
    link = await objects.link(key)
    assert fetch(link) == (200, "照片".encode())
    assert fetch(link.replace(key, key[:-1] + "0"))[0] == 403
    assert fetch(link.partition("?")[0])[0] == 403
    await objects.delete(key)
    await objects.delete(key)
    with pytest.raises(KeyError):
        await objects.get(key)
    objects.close()


async def test_keys_say_nothing_and_never_repeat(s3: S3) -> None:
    objects = Objects(msgspec.structs.replace(s3, bucket="objects"))
    await objects.open()
    keys = {await objects.put(b"same", "text/plain") for _ in range(5)}
    assert len(keys) == 5
    objects.close()


async def test_a_store_that_is_away_is_one_clear_error() -> None:
    objects = Objects(S3(endpoint="127.0.0.1:9", access_key="a", secret_key="b"))
    with pytest.raises(Unavailable) as caught:
        await objects.get("x")
    assert caught.value.code == "files.unavailable"
    objects.close()
