"""`wangge policy explain`: why an account has one cell or not, rule by rule."""

from __future__ import annotations

import argparse
import asyncio
import os
from typing import Any

COMMAND = "explain and compare the permissions"


def add(actions: Any) -> None:
    """Describe the arguments."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "explain",
        help="say why an account has one cell or not",
        description="Print every rule of the account's posts that speaks of the cell, with its verdicts on the row, and "
        "compare what they come to with the compiled rights and with Casbin; status 1 when these disagree.",
    )
    parser.add_argument("--account", required=True, metavar="LOGIN", help="whose rights")
    parser.add_argument("--entity", required=True, metavar="ENTITY", help="such as base.person")
    parser.add_argument("--id", required=True, metavar="ID", help="the row")
    parser.add_argument("--field", metavar="FIELD", help="the field; without it, the row itself")
    parser.add_argument("--action", dest="asked", default="get", metavar="ACTION", help="under which action (get)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Explain; 1 when the rules, the compiled rights and Casbin disagree."""
    from ..services import services_of
    from ..settings import Settings

    settings = Settings.from_environment(os.environ)
    with services_of(settings) as runtime:
        made = asyncio.run(_explained(settings, runtime.database, args))
    for line in _lines(made, args):
        print(line)
    return 0 if made["agrees"] else 1


async def _explained(settings: Any, database: Any, args: argparse.Namespace) -> dict[str, Any]:
    """The chain, over the policy as it is stored now. Raises SettingsError."""
    from uuid import UUID

    from ..app import load
    from ..errors import SettingsError
    from ..identity.explaining import Explainer
    from ..identity.loading import load_world
    from ..identity.trail import OPERATOR, note
    from ..modules.discover import discover
    from ..policy.roles import Roles
    from ..sql.catalog import Catalog
    from ..store.pool import Pool

    model = load(discover(settings.modules))
    if args.entity not in model.entities:
        raise SettingsError("policy.unknown_entity", f'there is no entity "{args.entity}": write it like base.person')
    try:
        row = UUID(args.id)
    except ValueError:
        raise SettingsError("policy.no_id", f'"{args.id}" is no id: it is the UUID of a row') from None
    async with Pool(database, "app", size=1) as pool:
        async with pool.connection() as connection:
            world = await load_world(connection, model)
            explainer = Explainer(connection, Catalog(model), world, Roles(world))
            facts = await explainer.account(args.account)
            made = await explainer.whole(facts, explainer.question(args.entity, args.asked, args.field), row)
        async with pool.transaction() as connection:
            await note(connection, OPERATOR, "explain", args.entity, row, reason=args.account)
    return made


def _lines(made: dict[str, Any], args: argparse.Namespace) -> list[str]:
    """The chain as text."""
    cell = f"{args.entity} {args.id}" + (f" {args.field}" if args.field else "")
    lines = [f"{args.account}, {args.asked} of {cell}: {made['level']}"]
    if not made["found"]:
        lines.append("there is no such row")
    lines += [_step(step) for step in made["steps"]] or ["no rule of the account's posts speaks of it"]
    lines.append(f"the compiled rights say {made['compiled']}; " + ("all agree" if made["agrees"] else "THEY DISAGREE"))
    return lines


def _step(step: dict[str, Any]) -> str:
    """One rule on one line."""
    verdicts = [
        "replaced by the district's own rules" if step["replaced"] else "",
        "" if step["module"] else "module off",
        _said("area", step["area"]),
        _said("condition", step["condition"]),
        "" if step["casbin"] else "CASBIN SAYS NO",
    ]
    told = ", ".join(verdict for verdict in verdicts if verdict)
    mark = "+" if step["holds"] else "-"
    return f"{mark} {step['effect']} {' > '.join(step['path'])} rule {step['rule']}: {step['level']} ({told or 'everywhere'})"


def _said(what: str, verdict: bool | None) -> str:
    """A verdict in words."""
    return "" if verdict is None else f"{what} {'yes' if verdict else 'no'}"
