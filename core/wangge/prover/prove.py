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
from .bounds import Bounds
from .case import Case, Enough, Execute, Position
from .paths import ALL, PATHS, PREVIEWED
from .report import Report

Open = Callable[[Any, str, Any, UUID], Any]
Tell = Callable[[str], None]


class Subject(msgspec.Struct, frozen=True):
    """Whom to prove."""

    account: UUID
    login: str
    preview: str | None = None
    """the role as which the account previews."""
    roles: str = ""
    """what it holds, for the lines of the report."""


class Known(msgspec.Struct, frozen=True):
    """What the naive evaluator knows: the schema, the rows that were read, and where to read others."""

    schema: Schema
    rows: Rows
    connection: Any
    unseal: Open | None = None


def through(engine: Engine, scope: Scope) -> Execute:
    """Asks the engine of this process under a Scope."""

    async def execute(query: str, variables: Mapping[str, Any], purpose: str | None) -> dict[str, Any]:
        answer = await engine.execute(Request(query, variables, purpose=purpose), scope)
        made: dict[str, Any] = msgspec.json.decode(answer.body)
        return made

    return execute


async def prove(
    execute: Execute,
    known: Known,
    subject: Subject,
    report: Report,
    chance: random.Random,
    *,
    bounds: Bounds = Bounds(),  # noqa: B008 # a frozen struct
    paths: Sequence[str] = tuple(PATHS),
    tell: Tell | None = None,
    position: Position | None = None,
) -> bool:
    """Compare every path of one account; False when the time was over before.

    Changes since a position are compared where `position` makes one of the account.
    """
    known.rows.forget(POLICY)
    now: dt.datetime = await known.connection.fetchval("SELECT now()")
    policy = Policy(known.schema, known.rows, subject.account, now)
    sight = Sight(policy) if subject.preview is None else Both(policy, subject.preview)
    if known.unseal is not None:
        sight.unseal_with(known.unseal)
    case = Case(
        login=subject.login,
        roles=subject.roles,
        sight=sight,
        execute=execute,
        connection=known.connection,
        report=report,
        chance=chance,
        bounds=bounds,
        position=position,
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
