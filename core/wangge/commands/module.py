"""`wangge module`: which modules are installed and where they are on; switch one on or off."""

from __future__ import annotations

import argparse
import asyncio
import os
from typing import Any

from .consent import asked_password

LIST = """SELECT m.code, m.version, m.zh,
  CASE WHEN m.state = 'INSTALLED' AND NOT EXISTS (SELECT 1 FROM wangge.module_approval p WHERE p.module = m.code)
    THEN 'NOT APPROVED' ELSE m.state END AS state,
  coalesce(string_agg(coalesce(a.name, '全市'), '、' ORDER BY a.code)
    FILTER (WHERE e.id IS NOT NULL AND (e.valid_to IS NULL OR e.valid_to > now())), '-') AS places
FROM wangge.module m LEFT JOIN wangge.enablement e ON e.module = m.id AND e.removed_at IS NULL
LEFT JOIN wangge.area a ON a.id = e.district GROUP BY m.id ORDER BY m.code"""


def add(subparsers: Any) -> None:
    """Describe the arguments."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "module",
        help="list, approve, enable or disable modules",
        description="Which modules are installed, and where they are on.",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="list the installed modules").set_defaults(run=run)
    release = actions.add_parser("release", help="put a quarantined module back into service")
    release.add_argument("module", metavar="MODULE")
    release.set_defaults(run=run)
    approve = actions.add_parser(
        "approve",
        help="approve a module's default rules, as a security administrator",
        description="Approve the default rules of an installed module, so that it can be switched on. `wangge module list` shows "
        "what waits; `moduleDifference` in GraphQL counts what they give. The password is asked for, or read from standard input.",
    )
    approve.add_argument("module", metavar="MODULE")
    approve.add_argument("--account", required=True, metavar="LOGIN", help="the account of the person who approves")
    approve.add_argument("--reason", required=True, metavar="TEXT", help="why; it is kept with the approval")
    approve.set_defaults(run=run)
    for action, text in (("enable", "switch a module on"), ("disable", "switch a module off; its data is kept")):
        one = actions.add_parser(action, help=text)
        one.add_argument("module", metavar="MODULE")
        one.add_argument("--district", metavar="CODE", help="the code of a district; without it city-wide")
        one.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Carry out one action."""
    from ..services import services_of
    from ..settings import Settings
    from ..store.pool import Pool

    settings = Settings.from_environment(os.environ)
    password = asked_password(args.account) if args.action == "approve" else ""
    with services_of(settings) as runtime:

        async def work() -> None:
            async with Pool(runtime.database, "app", size=1) as pool:
                if args.action == "list":
                    for row in await pool.fetch(LIST):
                        print(f"{row['code']:<24} {row['version']:<10} {row['state']:<12} {row['zh']}  {row['places']}")
                elif args.action == "approve":
                    await _approve(pool, settings, args, password)
                elif args.action == "release":
                    async with pool.transaction() as connection:
                        await _release(connection, args.module)
                else:
                    async with pool.transaction() as connection:
                        await _switch(connection, settings, args)

        asyncio.run(work())
    return 0


async def _approve(pool: Any, settings: Any, args: argparse.Namespace, password: str) -> None:
    """Approve as the holder of an account. Raises SettingsError, PlanError or Throttled."""
    from ..errors import SettingsError
    from ..identity.accounts import approve_module
    from ..identity.agreeing import agreeing_account
    from ..keys import keys_of
    from ..model.load import load_model
    from ..modules.discover import discover
    from ..values import Actor

    model = load_model([found.folder for found in discover(settings.modules)])
    installed = await pool.fetchval("SELECT true FROM wangge.module WHERE code = $1", args.module)
    if args.module not in model.modules or not installed:
        raise SettingsError("module.unknown", f'the module "{args.module}" is not installed: see `wangge module list`')
    account, login = await agreeing_account(pool, keys_of(settings), args.account, password, "approve_module")
    actor = Actor("account", login, account=account, origin="command")
    async with pool.transaction() as connection:
        approved = await approve_module(connection, model, args.module, args.reason, actor=actor)
    if not approved:
        raise SettingsError("module.approved", f"the rules of {args.module} are approved already")
    print(f"the rules of {args.module} are approved: `wangge module enable {args.module}` switches it on")


async def _release(connection: Any, module: str) -> None:
    """Release a module; raises SettingsError when it is not quarantined."""
    from ..errors import SettingsError
    from ..identity.accounts import release_module

    if not await release_module(connection, module):
        raise SettingsError("module.not_quarantined", f'the module "{module}" is not quarantined')
    print(f"{module} is in service again")


async def _switch(connection: Any, settings: Any, args: argparse.Namespace) -> None:
    """Switch a module; raises SettingsError for what is not there or what others need."""
    from ..errors import Invalid, SettingsError
    from ..identity.accounts import disable_module, enable_module

    district = None
    if args.district:
        find = "SELECT id FROM wangge.area WHERE code = $1 AND kind IN ('district', 'functional_zone')"
        district = await connection.fetchval(find, args.district.ljust(12, "0"))
        if district is None:
            raise SettingsError(
                "module.unknown_district", f'"{args.district}" is no district: give its code, like 520102'
            )
    if not await connection.fetchval("SELECT true FROM wangge.module WHERE code = $1", args.module):
        raise SettingsError("module.unknown", f'the module "{args.module}" is not installed: see `wangge module list`')
    await _needs(connection, settings, args.module, district, on=args.action == "enable")
    if args.action == "enable":
        try:
            await enable_module(connection, args.module, district)
        except Invalid:
            raise SettingsError(
                "module.not_approved",
                f"the default rules of {args.module} are not approved: a security administrator runs "
                f"`wangge module approve {args.module} --account LOGIN --reason TEXT`",
                module=args.module,
            ) from None
    else:
        await disable_module(connection, args.module, district)
    print(
        f"{args.module} is {'on' if args.action == 'enable' else 'off'} {'in ' + args.district if args.district else 'city-wide'}"
    )


ON = """SELECT DISTINCT m.code FROM wangge.enablement e JOIN wangge.module m ON m.id = e.module
WHERE e.removed_at IS NULL AND (e.valid_to IS NULL OR e.valid_to > now()) AND (e.district IS NULL OR $1::uuid IS NULL OR e.district = $1)"""

THERE = """SELECT DISTINCT m.code FROM wangge.enablement e JOIN wangge.module m ON m.id = e.module
WHERE e.removed_at IS NULL AND (e.valid_to IS NULL OR e.valid_to > now()) AND (e.district IS NULL OR e.district = $1)"""
"""on in the whole of a district, or (null) of the city: what is needed must be; while one that needs it stops even in part."""


async def _needs(connection: Any, settings: Any, module: str, district: Any, *, on: bool) -> None:
    """What a module requires must be on before it; what others require cannot go first."""
    from ..errors import SettingsError
    from ..model.load import load_model
    from ..modules.discover import discover

    model = load_model([found.folder for found in discover(settings.modules)])
    running = {row["code"] for row in await connection.fetch(THERE if on else ON, district)}
    if on:
        wanted = {need.split()[0] for need in model.modules[module].requires} - running - {"wangge"}
        if wanted:
            raise SettingsError("module.needs", f"{module} needs {', '.join(sorted(wanted))}: enable that first")
        return
    users = sorted(
        name
        for name, found in model.modules.items()
        if name in running and module in {need.split()[0] for need in found.requires}
    )
    if users:
        raise SettingsError("module.needed", f"{', '.join(users)} needs {module}: disable that first")
