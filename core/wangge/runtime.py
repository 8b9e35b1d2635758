"""What runs now: where the services of a home are, written by `wangge up` to `<home>/runtime.json`, read by everyone else."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from .errors import ServiceError
from .files.s3 import S3, s3_from_url
from .settings import Settings
from .store.database import Database, external


class Runtime(msgspec.Struct, frozen=True, kw_only=True):
    """The services in use; `supervisor` is the process that owns them, `address` where the API answers."""

    database: Database
    s3: S3 | None = None
    supervisor: int = 0
    address: str | None = None


def runtime_file(settings: Settings) -> Path:
    """Where the description lies; it holds a secret, so only its owner may read it."""
    return settings.home / "runtime.json"


def write_runtime(settings: Settings, runtime: Runtime) -> None:
    """Tell the workers and the other commands (mode 0600, replaced in one step)."""
    path = runtime_file(settings)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(runtime), indent=1))
    draft.replace(path)


def load_runtime(settings: Settings) -> Runtime:
    """The services of these settings. Raises `ServiceError` when embedded ones are needed and `wangge up` is not running."""
    outside = outside_services(settings)
    if outside is not None:
        return outside
    try:
        return msgspec.json.decode(runtime_file(settings).read_bytes(), type=Runtime)
    except (OSError, msgspec.DecodeError):
        raise ServiceError(
            "service.not_running",
            f"no Wangge runs for {settings.home}: start it with `wangge up`, or name the folder with WANGGE_HOME",
            home=str(settings.home),
        ) from None


def outside_services(settings: Settings) -> Runtime | None:
    """The services that the settings name, None when one of them is embedded."""
    if not settings.database_url or not settings.s3_url:
        return None
    return Runtime(
        database=external(settings.database_url, settings.database_owner_url), s3=s3_from_url(settings.s3_url)
    )
