"""`wangge plan`: the difference between the files and the database as steps, with what they lock and what they would lose."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..model.types import Model
    from ..settings import Settings
    from ..store.examine import Finding


def add(subparsers: Any) -> None:
    """Describe the arguments."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "plan",
        help="show what the schema files would change in the database",
        description="Print the steps from the database to the schema files; status 1 when rows contradict one. Changes nothing.",
    )
    add_paths(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object per step")
    parser.add_argument("--sql", action="store_true", help="the statements of each step too")


def add_paths(parser: argparse.ArgumentParser) -> None:
    """The folders of modules that `plan`, `apply` and `consent` take."""
    parser.add_argument(
        "paths", nargs="*", type=Path, metavar="PATH", help="folder of a module, beside or instead of an installed one"
    )


def run(args: argparse.Namespace) -> int:
    """Print the steps."""
    from ..services import services_of
    from ..settings import Settings
    from ..store.apply import plan_model

    settings = Settings.from_environment(os.environ)
    model = load(settings, args.paths)
    with services_of(settings, create=True) as runtime:
        findings = asyncio.run(plan_model(runtime.database, model))
    if args.json:
        print_json(findings)
    else:
        print_text(findings, with_sql=args.sql)
    return 1 if any(f.verdict == "refused" for f in findings) else 0


def load(settings: Settings, paths: Sequence[Path]) -> Model:
    """The model of the installed modules, those of WANGGE_MODULES and those of `paths`."""
    from ..model.load import load_model
    from ..modules.discover import discover

    return load_model([found.folder for found in discover((*settings.modules, *(path.resolve() for path in paths)))])


def print_text(findings: Sequence[Finding], *, with_sql: bool) -> None:
    """For people: one line a step, what stops it below."""
    from ..store.examine import contradiction, loss

    chinese = os.environ.get("LC_ALL", os.environ.get("LANG", "")).startswith("zh")
    if not findings:
        print("数据库与架构文件一致" if chinese else "The database is what the schema files say")
    for found in findings:
        one = found.step
        print(f"{one.name:70} lock: {one.lock:8} {one.label.zh if chinese else one.label.en}")
        if found.verdict == "refused":
            print(f"    REFUSED {contradiction(found)}")
        elif found.verdict == "allow":
            print(f"    LOSES DATA {loss(found)}")
        elif found.verdict == "consent":
            print(f"    NEEDS CONSENT wangge consent '{one.name}' --account LOGIN --reason TEXT")
        if with_sql:
            for statement in (*one.sql, *one.after):
                print("    " + statement.replace("\n", "\n    ") + ";")


def print_json(findings: Sequence[Finding]) -> None:
    """For programs."""
    import msgspec

    for found in findings:
        one = found.step
        facts = {
            "name": one.name, "kind": one.kind, "entity": one.entity, "field": one.field, "lock": one.lock, "risk": one.risk,
            "phase": one.phase, "label": msgspec.to_builtins(one.label), "verdict": found.verdict, "count": found.count,
            "ids": found.ids, "instead": one.instead, "sql": (*one.sql, *one.after),
        }  # fmt: skip
        sys.stdout.write(msgspec.json.encode(facts).decode() + "\n")
