"""Prove accounts: every path for each of them, until all are done or the time is over."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from ..graphql.engine import Engine
from ..graphql.exchange import Request
from ..policy.scope import Scope
from ..proof.both import Both
from ..proof.policy import POLICY, Policy
from ..proof.rows import Rows
from ..proof.schema import Schema
from ..proof.sight import Sight
from .case import Case, Enough
from .paths import ALL, PATHS, PREVIEWED
from .report import Report

Open = Callable[[Any, str, Any, UUID], Any]
Tell = Callable[[str], None]


class Subject(msgspec.Struct, frozen=True):
    """An account to prove and its Scope."""

    account: UUID
    login: str
    scope: Scope
    preview: str | None = None
    """the role as which the Scope is a preview."""


async def prove(
    engine: Engine,
    schema: Schema,
    rows: Rows,
    connection: Any,
    subject: Subject,
    report: Report,
    chance: random.Random,
    *,
    unseal: Open | None = None,
    until: float | None = None,
    effort: int = 2,
    sample: int = 40,
    paths: Sequence[str] = tuple(PATHS),
    tell: Tell | None = None,
) -> bool:
    """Compare every path of one account; False when the time was over before."""
    rows.forget(POLICY)
    now: dt.datetime = await connection.fetchval("SELECT now()")
    policy = Policy(schema, rows, subject.account, now)
    sight = Sight(policy) if subject.preview is None else Both(policy, subject.preview)
    if unseal is not None:
        sight.unseal_with(unseal)

    async def execute(query: str, variables: Mapping[str, Any], purpose: str | None) -> dict[str, Any]:
        answer = await engine.execute(Request(query, variables, purpose=purpose), subject.scope)
        made: dict[str, Any] = msgspec.json.decode(answer.body)
        return made

    case = Case(
        login=subject.login,
        sight=sight,
        execute=execute,
        connection=connection,
        report=report,
        chance=chance,
        effort=effort,
        sample=sample,
        until=until,
        position=lambda epoch, value: engine.position(subject.scope, epoch, value),
    )
    seed = chance.getrandbits(64)
    for name in [p for p in paths if subject.preview is None or p in PREVIEWED]:
        report.path, case.chance = name, random.Random(f"{seed} {name}")
        if tell is not None:
            tell(f"{subject.login}: {name}")
        try:
            await ALL[name](case)
        except Enough:
            return False
    return True
