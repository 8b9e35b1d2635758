"""`wangge policy diff`: what a draft of rules would give to and take from each role."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

COMMAND = "explain and compare the permissions"


def add(actions: Any) -> None:
    """Describe the arguments."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "diff",
        help="say what a draft of rules gives and takes",
        description="Count, for each role, entity, field and action, on how many rows in how many districts a draft shows "
        "more or less than the rules of now. Nothing is changed.",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--draft", metavar="ID", help="a stored draft")
    what.add_argument(
        "--file", type=Path, metavar="FILE", help="YAML or JSON: {changes: [{role, entity, district, rules: [...]}]}"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the difference."""
    from ..services import services_of
    from ..settings import Settings

    settings = Settings.from_environment(os.environ)
    with services_of(settings) as runtime:
        lines = asyncio.run(_lines(settings, runtime.database, args))
    for line in lines:
        print(line)
    print("no role gains or loses anything" if not lines else f"{len(lines)} differences")
    return 0


async def _lines(settings: Any, database: Any, args: argparse.Namespace) -> list[str]:
    """The lines as sentences. Raises SettingsError for a draft that is wrong."""
    import msgspec

    from ..app import load
    from ..identity.differences import Differences
    from ..identity.loading import load_world
    from ..modules.discover import discover
    from ..policy.difference import told
    from ..policy.rule_sets import applied, field_name, module_defaults
    from ..sql.catalog import Catalog
    from ..store.pool import Pool

    model = load(discover(settings.modules))
    async with Pool(database, "app", size=1) as pool, pool.connection() as connection:
        changes = _of_file(args.file) if args.file else await _of_draft(connection, args.draft)
        sets = _read(model, changes)
        world = await load_world(connection, model)
        found = await Differences(connection, Catalog(model)).lines(world, applied(world, sets, module_defaults(model)))
    named = [msgspec.structs.replace(line, field=field_name(model, line.entity, line.field)) for line in found]
    return [told(line, model.entities[line.entity].plural, "en") for line in named]


def _of_file(path: Path) -> Sequence[Any]:
    """The sets of a file. Raises SettingsError when it is none."""
    import yaml

    from ..errors import SettingsError

    try:
        changes = yaml.safe_load(path.read_text("utf-8"))["changes"]
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError):
        changes = None
    keys = {"role", "entity"}
    if not isinstance(changes, list) or not all(isinstance(each, dict) and keys <= each.keys() for each in changes):
        raise SettingsError(
            "policy.no_draft", f"{path} holds no draft: write {{changes: [{{role: ..., entity: ..., rules: [...]}}]}}"
        )
    return changes


async def _of_draft(connection: Any, id_: str) -> Sequence[Any]:
    """The sets of a stored draft. Raises SettingsError when there is none."""
    from uuid import UUID

    from ..errors import RequestError, SettingsError
    from ..identity.rule_drafts import find

    try:
        async with connection.transaction():
            return (await find(connection, UUID(id_), state=None)).changes
    except (ValueError, RequestError):
        raise SettingsError("policy.no_draft", f'there is no draft "{id_}"', draft=id_) from None


def _read(model: Any, changes: Sequence[Any]) -> Any:
    """The typed sets. Raises SettingsError that names the first mistake."""
    from ..errors import SettingsError
    from ..policy.rule_sets import read

    sets, wrong = read(model, changes)
    if wrong:
        facts = ", ".join(f"{name} {value}" for name, value in wrong[0].facts.items())
        raise SettingsError("policy.wrong_draft", f"{'/'.join(wrong[0].path)}: [{wrong[0].code}] {facts}")
    return sets
