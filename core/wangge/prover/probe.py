"""Probe a served city: tokens of accounts of different roles, every path over HTTP, compared with the rows as their owner reads them."""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import msgspec

from ..crypto import Keys
from ..errors import SettingsError
from ..identity.tokens import create_token, revoke_token
from ..proof.rows import Rows
from ..proof.schema import Schema
from .accounts import unseal_with
from .bounds import Bounds
from .over_http import Caller
from .paths import PATHS, WRITTEN
from .prove import Known, Subject, prove
from .report import Report

HOLDERS = """SELECT a.id, a.login, array_agg(DISTINCT p.role ORDER BY p.role) AS roles
FROM wangge.account a JOIN wangge.post p ON p.account = a.id
WHERE a.removed_at IS NULL AND a.state = 'ACTIVE' AND p.removed_at IS NULL AND p.valid_from <= now()
  AND (p.valid_to IS NULL OR p.valid_to > now()) GROUP BY a.id, a.login ORDER BY a.login"""
HOURS = 12
"""how long a token lives when the probe is killed before it ends it."""
FIRST, PAGE = 50, 5
"""rows of a list, and of a connection in a row: what a server lets everybody ask for."""


class Holder(msgspec.Struct, frozen=True):
    """An account with what it holds."""

    account: UUID
    login: str
    roles: tuple[str, ...]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be probed."""

    url: str
    logins: Sequence[str] = ()
    roles: int = 10
    """how many accounts of different roles, when none is named."""
    preview: str | None = None
    seconds: float | None = None
    seed: int = 1
    sample: int = 12
    effort: int = 1
    writes: bool = False
    stop: bool = False
    """whether the first disagreement is enough."""


async def holders(connection: Any, asked: Asked) -> list[Holder]:
    """The accounts that are named, or one for each set of roles. Raises SettingsError for one that cannot act."""
    known = [Holder(r["id"], r["login"], tuple(r["roles"])) for r in await connection.fetch(HOLDERS)]
    by_login = {each.login: each for each in known}
    for login in asked.logins:
        if login not in by_login:
            raise SettingsError("policy.unknown_account", f'no active account "{login}" holds a post', account=login)
    if asked.logins:
        return [by_login[login] for login in asked.logins]
    different: dict[tuple[str, ...], Holder] = {}
    for each in known:
        different.setdefault(each.roles, each)
    return list(different.values())[: asked.roles]


@asynccontextmanager
async def token(connection: Any, keys: Keys, holder: Holder) -> AsyncIterator[str]:
    """A token of an account for as long as the block runs."""
    until = dt.datetime.now(dt.UTC) + dt.timedelta(hours=HOURS)
    async with connection.transaction():
        made = await create_token(connection, keys, holder.account, label="probe", expires_at=until)
    try:
        yield made
    finally:
        async with connection.transaction():
            await revoke_token(connection, made.split("_")[1])


async def probe(
    connection: Any, keys: Keys, schema: Schema, asked: Asked, *, tell: Callable[[str], None] | None = None
) -> Report:
    """The report over all holders; `connection` is the owner's."""
    until = None if asked.seconds is None else time.monotonic() + asked.seconds
    bounds = Bounds(effort=asked.effort, sample=asked.sample, first=FIRST, page=PAGE, until=until)
    paths = [*PATHS, *(WRITTEN if asked.writes else ())]
    report = Report(stop=asked.stop)
    for holder in await holders(connection, asked):
        if asked.stop and report.found:
            break
        report.accounts += 1
        known = Known(
            schema, Rows(schema), connection, unseal_with(keys)
        )  # rows of now: tokens of the last one have ended
        async with token(connection, keys, holder) as made:
            caller = Caller(asked.url, made, asked.preview)
            try:
                chance = random.Random(f"{asked.seed} {holder.login}")
                subject = Subject(holder.account, holder.login, asked.preview, ", ".join(holder.roles))
                report.unfinished += not await prove(
                    caller.execute, known, subject, report, chance, bounds=bounds, paths=paths, tell=tell
                )
            finally:
                caller.close()
    return report
