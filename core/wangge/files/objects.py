"""Objects in the S3 store: written once under a random key, never changed, read through short-lived links.

The SDK is synchronous, so every call runs in a thread of its own small pool. A key holds nothing but a date and a random id.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import urllib3
from minio import Minio
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

    def __init__(self, s3: S3) -> None:
        self._bucket = s3.bucket
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
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="wangge-s3")

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def open(self) -> None:
        """Make the bucket unless it is there."""

        def make() -> None:
            if not self._client.bucket_exists(self._bucket):
                self._client.make_bucket(self._bucket)

        await self._call(make)

    async def put(self, content: bytes, media_type: str) -> str:
        """Store an object; its new key."""
        key = f"{dt.datetime.now(dt.UTC):%Y/%m/%d}/{uuid7().hex}"
        await self._call(
            lambda: self._client.put_object(
                self._bucket, key, io.BytesIO(content), len(content), content_type=media_type
            )
        )
        return key

    async def get(self, key: str) -> bytes:
        """The content of an object. Raises KeyError when there is none."""

        def read() -> bytes:
            response = self._client.get_object(self._bucket, key)
            try:
                return bytes(response.read())
            finally:
                response.close()
                response.release_conn()

        return await self._call(read)

    async def link(self, key: str, seconds: int = LINK_SECONDS) -> str:
        """A link that reads one object for a short time without any other credential."""
        return await self._call(
            lambda: str(self._client.presigned_get_object(self._bucket, key, expires=dt.timedelta(seconds=seconds)))
        )

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


def _unavailable(error: Any) -> Unavailable:
    """The store does not answer as it should."""
    return Unavailable(
        "files.unavailable", f"the object storage cannot be reached ({type(error).__name__}): try again in a moment"
    )
