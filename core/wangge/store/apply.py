"""Bring a database to a model: bootstrap files, steps, seeded rows and the stored model in one transaction, then large indexes.

Two servers that start at once wait for each other; an apply that was killed is simply run again: the transaction is all or
nothing, and indexes that are missing or half built are found in the catalogue.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import msgspec

from ..crypto import Keys
from ..errors import PlanError, Unavailable
from ..model.difference import difference, keep_missing
from ..model.steps import Step
from ..model.tables import physical
from ..model.types import Model
from .applied import plain, read_model, store_model
from .bootstrap_files import admit, run_bootstrap
from .connection import LOST, connect
from .database import Database
from .examine import Finding, examine, refuse
from .index_builds import build_missing, build_step, is_large, missing_indexes
from .live_workers import leave_workers_time
from .rule_steps import rule_steps
from .sealed_values import pending_rewrites, rewrite_tables, work_on_values
from .seeding import seed

LOCK = 7146002
"""The advisory lock of an apply; 7146001 is that of policy changes."""
OLDEST = 18
"""The first PostgreSQL with `uuidv7` and virtual columns."""
LOCK_TIMEOUT = "200ms"
ATTEMPTS = 100
NOTE = "INSERT INTO wangge.plan_step (model, name, statements, allowed) VALUES ($1, $2, $3, $4)"
Progress = Callable[[str], None]


class Applied(msgspec.Struct, frozen=True):
    """What an apply did: the steps that ran, bootstrap files, indexes built afterwards, rows seeded per table."""

    version: str
    steps: tuple[Step, ...] = ()
    files: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    seeded: dict[str, int] = {}

    @property
    def changed(self) -> bool:
        """Whether anything was done at all."""
        return bool(self.steps or self.files or self.indexes or any(self.seeded.values()))


async def apply_model(
    database: Database,
    model: Model,
    *,
    allow: frozenset[str] = frozenset(),
    progress: Progress | None = None,
    wait_for_workers: float | None = None,
    keys: Callable[[], Keys] | None = None,
) -> Applied:
    """Bring the database to `model`; `allow` names steps that may lose data. Raises PlanError, Unavailable.

    `keys` is asked when a step opens or seals values.

    A second call does nothing. While rows contradict a step, or one loses data that is not named, nothing is done. Steps that
    contract wait so many seconds for the connections of workers to end, which still serve the old model; None: do not look.
    """
    tell = progress or (lambda _: None)
    wanted = plain(model)
    async with _alone(database) as connection, _told(connection):
        if wait_for_workers is not None:
            await leave_workers_time(connection, difference(await read_model(connection), wanted), wait_for_workers)
        applied = await _patiently(lambda: _transact(connection, database, wanted, allow, tell, keys), tell)
        await rewrite_tables(connection, tell)
        indexes = await build_missing(connection, await read_model(connection) or wanted, tell)
        return msgspec.structs.replace(applied, indexes=indexes)


async def plan_model(database: Database, model: Model) -> tuple[Finding, ...]:
    """The steps from the database to `model` with what its rows say to each; changes nothing. Raises PlanError."""
    wanted = plain(model)
    connection = await connect(database, "owner")
    try:
        async with _told(connection), connection.transaction(isolation="repeatable_read", readonly=True):
            old = await read_model(connection)
            steps = difference(old, wanted)
            shown = [Finding(one) for one in await rule_steps(connection, old, wanted)]
            left = [Finding(one) for one in await pending_rewrites(connection)]
            return (*await examine(connection, steps), *shown, *await _unbuilt(connection, old, wanted), *left)
    finally:
        await connection.close()


async def _unbuilt(connection: Any, old: Model | None, wanted: Model) -> list[Finding]:
    """Indexes that an apply, which was killed after its transaction, did not come to build."""
    if old is None:
        return []
    still = {(t.schema, i.name) for t in physical(wanted).values() for i in t.indexes}
    missing = [m for m in await missing_indexes(connection, old) if (m.table.schema, m.index.name) in still]
    return [Finding(build_step(m, large=await is_large(connection, m.table))) for m in missing]


@asynccontextmanager
async def _told(connection: Any) -> AsyncIterator[None]:
    """A server that dies under a statement is told in a sentence, with what to do."""
    try:
        yield
    except LOST as error:
        if not connection.is_closed():
            raise
        raise Unavailable(
            "database.unavailable",
            f"the database went away in the middle ({type(error).__name__}): run the command again when it is back; "
            "what it had not finished is undone, or is gone on with",
        ) from error


@asynccontextmanager
async def _alone(database: Database) -> AsyncIterator[Any]:
    """A connection of the owner that holds the lock of applies.

    It asks again and again instead of waiting inside PostgreSQL: a waiting statement holds a snapshot, for which the other
    server's concurrent index build would wait, for ever.
    """
    connection = await connect(database, "owner")
    try:
        check_version(connection.get_server_version().major)
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.05)
        yield connection
    finally:
        await connection.close()


def check_version(major: int) -> None:
    """Raises PlanError for a PostgreSQL that lacks what the tables need."""
    if major < OLDEST:
        raise PlanError(
            "plan.old_postgres",
            f"the database is PostgreSQL {major}, and Wangge needs {OLDEST} or newer: name another one with "
            "WANGGE_DATABASE_URL, or unset it for the embedded one",
            found=major,
        )


async def _patiently(attempt: Callable[[], Awaitable[Applied]], tell: Progress) -> Applied:
    """Try again when a lock could not be had in time: then readers and writers go first, for longer each time."""
    for number in range(ATTEMPTS):
        try:
            return await attempt()
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            tell(f"a table is in use, attempt {number + 2} of {ATTEMPTS}")
            await asyncio.sleep(min(0.05 * (number + 1), 1.0))
    raise PlanError(
        "plan.locked",
        f"a table stayed in use for {ATTEMPTS} attempts of {LOCK_TIMEOUT}: end long transactions (pg_stat_activity) and "
        "run `wangge apply` again; nothing was changed",
    )


async def _transact(
    connection: Any,
    database: Database,
    model: Model,
    allow: frozenset[str],
    tell: Progress,
    keys: Callable[[], Keys] | None,
) -> Applied:
    """One attempt: everything that PostgreSQL can do in one transaction."""
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        files = await run_bootstrap(connection)
        await admit(connection, database)
        old = await read_model(connection)
        steps = difference(old, model)
        findings = (*await examine(connection, steps), *map(Finding, await rule_steps(connection, old, model)))
        await refuse(connection, findings, model.version, allow)
        for one in steps:
            await _run(connection, one, model.version, one.name in allow, tell, keys)
        seeded = await seed(connection, old, model)
        held = keep_missing(old, model)
        if old != held:
            await store_model(connection, held)
        return Applied(model.version, steps, files, (), seeded)


async def _run(
    connection: Any, one: Step, version: str, allowed: bool, tell: Progress, keys: Callable[[], Keys] | None
) -> None:
    """One step; an index of a large table is left to be built beside its writers."""
    if one.index is not None and one.table is not None and await is_large(connection, one.table):
        return
    tell(one.name)
    try:
        for statement in one.sql:
            await connection.execute(statement)
        if one.values is not None:
            await work_on_values(connection, one.values, lambda: _needed(keys, one))
        for statement in one.after:
            await connection.execute(statement)
    except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
        raise
    except asyncpg.PostgresError as error:
        raise PlanError(
            "plan.failed",
            f"{one.name}: PostgreSQL refused: {error}. Nothing was changed; compare the tables with `wangge doctor`",
            step=one.name,
            sqlstate=error.sqlstate,
        ) from error
    await connection.execute(NOTE, version, one.name, [*one.sql, *one.after], allowed)


def _needed(keys: Callable[[], Keys] | None, one: Step) -> Keys:
    """The keys for a step that opens or seals values. Raises PlanError."""
    if keys is None:
        raise PlanError("plan.needs_keys", f"{one.name}: needs the keys of the deployment: run it by `wangge apply`")
    return keys()


def names_of(steps: Sequence[Step]) -> tuple[str, ...]:
    """The names of steps."""
    return tuple(one.name for one in steps)
