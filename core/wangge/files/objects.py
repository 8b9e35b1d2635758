"""Objects in the S3 store: written once under a random key, never changed, read through short-lived links.

The SDK is synchronous, so every call runs in a thread of its own small pool. A key holds nothing but a date and a random id.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import io
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import urllib3
from minio import Minio
from minio.datatypes import PostPolicy
from minio.error import S3Error

from ..errors import Unavailable
from ..values import uuid7
from .s3 import S3

THREADS = 8
LINK_SECONDS = 60
"""how long a link to an object is good."""
Result = TypeVar("Result")


class Objects:
    """The bucket of a deployment; closed with `close`. Every method raises Unavailable when the store does not answer."""

    def __init__(self, s3: S3, address: str | None = None) -> None:
        """`address` is where clients reach the bucket, when that is elsewhere than where we do."""
        self._bucket = s3.bucket
        self._address = address or s3.url
        self._client = Minio(
            s3.endpoint,
            access_key=s3.access_key,
            secret_key=s3.secret_key,
            secure=s3.secure,
            region="us-east-1",
            http_client=urllib3.PoolManager(
                maxsize=THREADS, timeout=urllib3.Timeout(connect=3, read=30), retries=urllib3.Retry(1)
            ),
        )
        self._made = False
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="wangge-s3")

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def open(self) -> None:
        """Make the bucket unless it is there; done by itself before the first object is stored."""

        def make() -> None:
            if not self._client.bucket_exists(self._bucket):
                try:
                    self._client.make_bucket(self._bucket)
                except S3Error as error:
                    if error.code not in (
                        "BucketAlreadyOwnedByYou",
                        "BucketAlreadyExists",
                    ):  # another process was first
                        raise

        await self._call(make)
        self._made = True

    async def put(self, content: bytes, media_type: str, key: str | None = None) -> str:
        """Store an object; its key, a new one when none is given."""
        key = key or new_key()
        if not self._made:
            await self.open()
        await self._call(
            lambda: self._client.put_object(
                self._bucket, key, io.BytesIO(content), len(content), content_type=media_type
            )
        )
        return key

    async def get(self, key: str, most: int | None = None) -> bytes:
        """The content of an object, at most `most` bytes of it. Raises KeyError when there is none."""

        def read() -> bytes:
            response = self._client.get_object(self._bucket, key)
            try:
                return bytes(response.read(most))
            finally:
                response.close()
                response.release_conn()

        return await self._call(read)

    async def link(self, key: str, seconds: int = LINK_SECONDS) -> str:
        """A link that reads one object for a short time without any other credential."""
        return await self._call(
            lambda: str(self._client.presigned_get_object(self._bucket, key, expires=dt.timedelta(seconds=seconds)))
        )

    async def form(self, key: str, size: int, seconds: int) -> tuple[str, Mapping[str, str]]:
        """(address, fields) of a form by which one object of at least 1 and at most `size` bytes may be stored, for some seconds."""
        if not self._made:
            await self.open()
        policy = PostPolicy(self._bucket, dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds))
        policy.add_equals_condition("key", key)
        policy.add_content_length_range_condition(1, size)
        fields = await self._call(lambda: dict(self._client.presigned_post_policy(policy)))
        return self._address, {"key": key, **fields}

    async def keys(self) -> dict[str, dt.datetime]:
        """Every key of the bucket, with when it was stored."""

        def listed() -> dict[str, dt.datetime]:
            if not self._client.bucket_exists(self._bucket):
                return {}
            found = self._client.list_objects(self._bucket, recursive=True)
            return {str(item.object_name): item.last_modified for item in found}

        return await self._call(listed)

    async def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        await self._call(lambda: self._client.remove_object(self._bucket, key))

    async def _call(self, work: Callable[[], Result]) -> Result:
        """Run one call in a thread."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except S3Error as error:
            if error.code == "NoSuchKey":
                raise KeyError(error.code) from None
            raise _unavailable(error) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise _unavailable(error) from error


def new_key() -> str:
    """A key that no object has: it holds nothing but a date and a random id."""
    return f"{dt.datetime.now(dt.UTC):%Y/%m/%d}/{uuid7().hex}"


def _unavailable(error: Any) -> Unavailable:
    """The store does not answer as it should."""
    return Unavailable(
        "files.unavailable", f"the object storage cannot be reached ({type(error).__name__}): try again in a moment"
    )
