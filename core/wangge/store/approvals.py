"""Which modules' default rules were approved: rules of others are not stored, so switching such a module on grants nothing.

The first installation has nobody who could be asked: it approves what it brings, and says so in the ledger. A demonstration does so
with the modules of this distribution.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..model.types import Model, Module
from .seeds import seed_id

APPROVED = "SELECT module FROM wangge.module_approval"
ASKED = "SELECT EXISTS (SELECT 1 FROM wangge.post WHERE role = 'security_admin')"
DEMONSTRATION = "SELECT EXISTS (SELECT 1 FROM wangge.demonstration)"
APPROVE = """INSERT INTO wangge.module_approval (module, account_id, login, reason) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING RETURNING module"""
NOTE = """INSERT INTO wangge.ledger_entry (id, chain, actor_kind, actor_name, action, entity, row_id, reason)
VALUES (uuidv7(), '00000000-0000-0000-0000-000000000000', 'system', 'bootstrap', 'approve_module', 'wangge.module', $1, $2)"""
BOOTSTRAP = "bootstrap"


async def approved_modules(connection: Any, old: Model | None, new: Model) -> frozenset[str]:
    """The modules whose rules may be stored, after the installation has approved what needs nobody."""
    known = {row["module"] for row in await connection.fetch(APPROVED)}
    if not known and old is not None:
        await _approve(connection, old.modules, "installed before approvals were asked for")
        known = set(old.modules)
    if not await may_be_asked(connection, old):
        left, why = set(new.modules) - known, "the first installation: there is no security administrator yet"
    elif await demonstrates(connection):
        left, why = {m.id for m in new.modules.values() if ours(m)} - known, "a demonstration"
    else:
        left, why = set(), ""
    await _approve(connection, left, why)
    return frozenset(known | left)


async def may_be_asked(connection: Any, old: Model | None) -> bool:
    """Whether there is, or ever was, a security administrator."""
    return old is not None and "wangge.post" in old.entities and bool(await connection.fetchval(ASKED))


async def demonstrates(connection: Any) -> bool:
    """Whether the database holds a demonstration."""
    if await connection.fetchval("SELECT to_regclass('wangge.demonstration')") is None:
        return False
    return bool(await connection.fetchval(DEMONSTRATION))


async def _approve(connection: Any, modules: Iterable[str], why: str) -> None:
    """Approve as the installation."""
    for module in sorted(modules):
        if await connection.fetchval(APPROVE, module, None, BOOTSTRAP, why):
            await connection.execute(NOTE, seed_id("module", module), f"{module}: {why}")


def ours(module: Module) -> bool:
    """Whether a module comes with this distribution."""
    here = Path(str(importlib.resources.files("wangge")))
    places = ((here / "schema").resolve(), (here / "schemas").resolve())
    return any(Path(module.folder).resolve().is_relative_to(place) for place in places) if module.folder else False
