"""`wangge doctor`: what is set, where everything lies, what runs, and how to connect; makes key files."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..settings import Settings


def add(subparsers: Any) -> None:
    """Describe the arguments."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "doctor",
        help="show settings, folders, services and what is wrong with them",
        description="Show the settings in force, where everything lies, what runs, and a command to connect to the database.",
    )
    parser.add_argument(
        "--new-key", metavar="FILE", type=Path, help="make a key file for WANGGE_KEY_FILE and do nothing else"
    )


def run(args: argparse.Namespace) -> int:
    """Print the findings; 1 when something must be mended."""
    from ..crypto import write_key_file
    from ..settings import Settings, described

    if args.new_key is not None:
        write_key_file(args.new_key)
        print(f"{args.new_key}: keep a copy apart from the database's backups; without it sealed values are lost")
        return 0
    settings = Settings.from_environment(os.environ)
    for name, value in described(settings):
        print(f"{name:28} {value or '-'}")
    healthy = True
    for subject, finding, good in _findings(settings):
        healthy = healthy and good
        print(f"{subject:28} {'' if good else 'WRONG: '}{finding}")
    return 0 if healthy else 1


def _findings(settings: Settings) -> Iterator[tuple[str, str, bool]]:
    """Each subject with what was found and whether that is good."""
    yield _examined("keys", lambda: _keys(settings))
    yield _examined("services", lambda: _services(settings))
    if settings.database_url is None:
        yield _examined("PostgreSQL", lambda: _postgres(settings))
        yield _examined("connect with", lambda: _connect(settings))
    if settings.oidc_issuer is not None:
        yield _examined("OpenID provider", lambda: _provider(settings))
    yield _examined("tables", lambda: _tables(settings))
    yield _examined("free disk space", lambda: _disk(settings))


def _examined(subject: str, examine: Any) -> tuple[str, str, bool]:
    from ..errors import WanggeError

    try:
        return subject, examine(), True
    except WanggeError as error:
        return subject, str(error), False


def _keys(settings: Settings) -> str:
    from ..keys import keys_of

    file = settings.key_file or settings.home / "keys" / "wangge.key"
    if settings.key_provider is None and settings.key is None and settings.key_file is None and not file.exists():
        return f"{file} is made at the first start"
    generation = keys_of(settings).generation
    source = (
        "WANGGE_KEY" if settings.key else f'the provider "{settings.key_provider}"' if settings.key_provider else file
    )
    return f"{source}, key {generation} seals"


def _services(settings: Settings) -> str:
    from ..runtime import load_runtime, runtime_file

    if not runtime_file(settings).exists():
        return "not running (`wangge up` starts them)"
    runtime = load_runtime(settings)
    if not Path(f"/proc/{runtime.supervisor}").exists():
        return "not running; the last run was killed (`wangge up` recovers)"
    return f"running at {runtime.address}, supervisor is process {runtime.supervisor}"


def _provider(settings: Settings) -> str:
    """Read the provider's description as a sign-in does."""
    import asyncio
    import datetime as dt

    from ..http.oidc import provider_settings
    from ..identity.provider import Provider

    found = provider_settings(settings)
    assert found is not None
    metadata = asyncio.run(Provider(found, lambda: dt.datetime.now(dt.UTC)).metadata())
    return f"{metadata['issuer']} answers; it sends browsers back to {found.returns_to}"


def _postgres(settings: Settings) -> str:
    from ..store.place import leave, settle
    from ..store.programs import postgres_programs, postgres_version

    place = settle(settings.home)
    leave(place)
    return f"{postgres_version()} from {postgres_programs(place)}, data in {place.folder}, as user {place.user}"


def _connect(settings: Settings) -> str:
    from ..store.embedded import attached
    from ..store.place import leave

    server = attached(settings.home)
    leave(server.place)
    return " ".join(server.psql())


def _tables(settings: Settings) -> str:
    """Compare the catalogue with the applied model, when the database runs."""
    import asyncio

    from ..errors import PlanError
    from ..runtime import load_runtime, outside_services, runtime_file
    from ..store.catalog import examine_tables

    runtime = outside_services(settings)
    if runtime is None:
        running = load_runtime(settings) if runtime_file(settings).exists() else None
        if running is None or not Path(f"/proc/{running.supervisor}").exists():
            return "not compared: Wangge is not running"
        runtime = running
    version, problems = asyncio.run(examine_tables(runtime.database))
    if problems:
        more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise PlanError(
            "plan.drift", "; ".join(problems[:5]) + more + ": somebody changed tables by hand", problems=problems
        )
    return f"as the applied model {version[:12]} says" if version else "nothing is applied yet (`wangge apply`)"


def _disk(settings: Settings) -> str:
    from ..errors import ServiceError

    folder = next(parent for parent in (settings.home, *settings.home.parents) if parent.exists())
    room = os.statvfs(folder)
    mebibytes = room.f_bavail * room.f_frsize // (1024 * 1024)
    if mebibytes < 1024:
        raise ServiceError(
            "service.disk", f"{mebibytes} MiB in {folder}: make room, PostgreSQL stops when the disk is full"
        )
    return f"{mebibytes} MiB in {folder}"
