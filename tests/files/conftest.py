"""The city with an object storage, served over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest
import pytest_asyncio
from tests.city import *  # noqa: F403 # fixtures
from tests.city import served
from tests.files.stored import Stored, bucket_of

from wangge.files.objects import Objects
from wangge.files.s3 import S3
from wangge.runtime import Runtime, write_runtime
from wangge.settings import Settings
from wangge.store.database import Database
from wangge.store.pool import Pool


@pytest.fixture(scope="module")
def stored_settings(city_settings: Settings, city_database: Database, s3: S3) -> Settings:
    """The city's settings with a bucket of its own."""
    bucket = msgspec.structs.replace(s3, bucket=bucket_of(city_database))
    write_runtime(city_settings, Runtime(database=city_database, s3=bucket))
    return city_settings


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stored(stored_settings: Settings, city_database: Database, city_owner: Pool, s3: S3) -> AsyncIterator[Stored]:
    """The served city, its bucket, and connections that see everything."""
    objects = Objects(msgspec.structs.replace(s3, bucket=bucket_of(city_database)))
    async with served(stored_settings, city_database) as city:
        yield Stored(city, objects, city_owner)
    objects.close()
