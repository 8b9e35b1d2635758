"""Find the installed modules: their entry points in `wangge.modules` and their data folders."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import importlib.util
from pathlib import Path

import msgspec

from ..errors import SettingsError

GROUP = "wangge.modules"


class Found(msgspec.Struct, frozen=True):
    """One discovered module: its id, its data folder, and the import name of its package ("" for YAML only)."""

    id: str
    folder: Path
    package: str = ""


def core_folder() -> Path:
    """The data folder of the built-in module `wangge`."""
    return Path(str(importlib.resources.files("wangge") / "schema"))


def first_party_folder() -> Path:
    """`schemas/` inside the wheel (in a checkout a link to the top level)."""
    return Path(str(importlib.resources.files("wangge") / "schemas"))


def discover(extra: tuple[Path, ...] = ()) -> tuple[Found, ...]:
    """The built-in module first, then all others by id; a folder of `extra` replaces the module of the same id.

    Raises SettingsError when a package has no data folder.
    """
    found = {"wangge": Found("wangge", core_folder())}
    for point in sorted(importlib.metadata.entry_points(group=GROUP), key=lambda p: p.name):
        found[point.name] = Found(point.name, data_folder(point.name, point.value), point.value)
    for folder in extra:
        found[folder.name] = Found(folder.name, folder, found[folder.name].package if folder.name in found else "")
    return (found.pop("wangge"), *(found[name] for name in sorted(found)))


def data_folder(module: str, package: str) -> Path:
    """`<package>/schemas` first (third parties), then the first-party `schemas/<module>`."""
    spec = importlib.util.find_spec(package)
    own = [Path(place) / "schemas" for place in (spec.submodule_search_locations or ())] if spec is not None else []
    for folder in (*own, first_party_folder() / module):
        if (folder / "module.yaml").is_file():
            return folder
    raise SettingsError(
        "module.no_folder",
        f'the module "{module}" of the package {package} has no module.yaml: put it into {package}/schemas/',
        module=module,
    )
