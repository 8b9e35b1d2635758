"""The services as one: embedded where the settings name none, started in order, mended when they die, stopped in reverse."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import ServiceError
from .files.embedded import EmbeddedS3
from .files.s3 import S3, s3_from_url
from .runtime import Runtime, load_runtime, outside_services
from .settings import Settings
from .store.database import Database, external
from .store.embedded import EmbeddedPostgres


class Services:
    """Owns the embedded services of one home; not for two threads, and `start` from the main one only."""

    def __init__(self, settings: Settings, *, durable: bool = True) -> None:
        self._settings = settings
        self.postgres = None if settings.database_url else EmbeddedPostgres(settings.home, durable=durable)
        self.s3 = None if settings.s3_url else EmbeddedS3(settings.home)

    def start(self, *, s3: bool = True) -> Runtime:
        """Start what is embedded (without object storage when `s3` is false) and say where everything is."""
        try:
            if self.postgres is not None:
                self.postgres.start()
            if self.s3 is not None and s3:
                self.s3.start()
        except BaseException:
            self.stop()
            raise
        return Runtime(database=self._database(), s3=self._store() if s3 else None, supervisor=os.getpid())

    def mend(self) -> list[str]:
        """Start again what has died; the names of the services that were started. Raises `ServiceError`."""
        mended = []
        if self.postgres is not None and self.postgres.pid is None:
            self.postgres.start()
            mended.append("PostgreSQL")
        if self.s3 is not None and self.s3.pid is None:
            self.s3.start()
            mended.append("object storage")
        return mended

    def _database(self) -> Database:
        if self.postgres is not None:
            return self.postgres.database()
        return external(self._settings.database_url or "", self._settings.database_owner_url)

    def _store(self) -> S3:
        return self.s3.service if self.s3 is not None else s3_from_url(self._settings.s3_url or "")

    def stop(self) -> None:
        """Stop what was started, both at the same time; everything acknowledged stays."""
        if self.s3 is not None:
            self.s3.ask_to_stop()
        if self.postgres is not None:
            self.postgres.stop()
        if self.s3 is not None:
            self.s3.stop()


@contextmanager
def services_of(settings: Settings, *, s3: bool = False, create: bool = False) -> Iterator[Runtime]:
    """The services for the length of a command: those of a running `wangge up`, else started and stopped here.

    Without `create` a home that has no data yet is a `ServiceError`: a command that asks for something makes no city.
    """
    runtime = outside_services(settings)
    if runtime is not None:
        yield runtime
        return
    if not create and settings.database_url is None and not _has_data(settings):
        raise ServiceError(
            "service.no_data",
            f"{settings.home} holds no city yet: start one with `wangge up`, or name the folder of one with WANGGE_HOME",
            home=str(settings.home),
        )
    services = Services(settings)
    try:
        runtime = services.start(s3=s3)
    except ServiceError as error:
        if error.code != "service.in_use":
            raise
        yield _running(settings, error)
        return
    try:
        yield runtime
    finally:
        services.stop()


def _has_data(settings: Settings) -> bool:
    """Whether an embedded database was ever made in this home; when we may not look, the start says why."""
    try:
        return (settings.home / "services" / "postgres").exists()
    except OSError:
        return True


def _running(settings: Settings, in_use: ServiceError) -> Runtime:
    """What `wangge up` wrote; without it another command holds the services for a moment, or `up` is only starting."""
    try:
        return load_runtime(settings)
    except ServiceError:
        raise in_use from None
