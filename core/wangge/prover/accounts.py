"""Prove the accounts of a database with the parts of a process."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from ..errors import SettingsError, Unauthenticated
from ..identity.scopes import Credential
from ..modules.discover import discover
from ..proof.rows import Rows
from ..proof.schema import Field, read
from .bounds import Bounds
from .prove import Known, Subject, prove, through
from .report import Report

ACCOUNTS = "SELECT id, login FROM wangge.account WHERE removed_at IS NULL AND state = 'ACTIVE' ORDER BY login"


def unseal_with(keys: Any) -> Callable[[Field, str, Any, UUID], Any]:
    """What opens a sealed cell for the naive evaluator: (field, path, ciphertext, row)."""

    def unseal(field: Field, path: str, sealed: Any, row: UUID) -> Any:
        return keys.open(f"field:{field.owner}.{path}", bytes(sealed), row.bytes).decode()

    return unseal


async def prove_accounts(
    parts: Any,
    settings: Any,
    *,
    logins: Sequence[str],
    seconds: float | None,
    seed: int,
    sample: int = 40,
    tell: Callable[[str], None] | None = None,
) -> Report:
    """The report over the named accounts, or all; raises SettingsError for one that does not exist."""
    until = None if seconds is None else time.monotonic() + seconds
    schema = read(found.folder for found in discover(settings.modules))
    report, rows = Report(), Rows(schema)
    async with parts.pool, parts.pool.connection() as connection:
        await parts.scopes.open()
        await parts.reads.open()
        try:
            for account, login in await _accounts(connection, logins):
                try:
                    scope = await parts.scopes.scope(Credential(account, origin="command"))
                except Unauthenticated:
                    continue
                report.accounts += 1
                chance, subject = random.Random(f"{seed} {login}"), Subject(account, login)
                known = Known(schema, rows, connection, unseal_with(parts.keys))
                execute, bounds = through(parts.engine, scope), Bounds(sample=sample, until=until)
                position = partial(parts.engine.position, scope)
                done = await prove(execute, known, subject, report, chance, bounds=bounds, tell=tell, position=position)
                report.unfinished += not done
        finally:
            await parts.reads.close()
            await parts.scopes.close()
    return report


async def _accounts(connection: Any, logins: Sequence[str]) -> list[tuple[UUID, str]]:
    """The accounts to prove."""
    known = {row["login"]: row["id"] for row in await connection.fetch(ACCOUNTS)}
    if unknown := [login for login in logins if login not in known]:
        raise SettingsError("policy.unknown_account", f'there is no active account "{unknown[0]}"', account=unknown[0])
    return [(known[login], login) for login in (logins or known)]
