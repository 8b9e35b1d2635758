"""A small city with rows of every scope, and the proof of one account under a policy."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from tests.policy.filling import Filling
from tests.policy.policies import PAST, Policy
from tests.records.world import City, hooks_of
from wangge.audit.reads import Reads
from wangge.crypto import Keys
from wangge.cubes.rebuild import Cubes
from wangge.graphql.engine import Engine
from wangge.graphql.previewing import PREVIEWS
from wangge.identity.loading import load_facts, load_world
from wangge.identity.trees import NewArea, NewUnit, store_areas, store_units
from wangge.model.conditions import parse_filter
from wangge.model.load import load_model
from wangge.model.role_limits import UNLIMITED
from wangge.model.types import Model
from wangge.modules.discover import core_folder, first_party_folder
from wangge.policy.build import build_scope
from wangge.policy.preview import preview_scope
from wangge.policy.roles import Roles
from wangge.policy.world import World
from wangge.proof.rows import Rows
from wangge.proof.schema import Schema, read
from wangge.prover.accounts import unseal_with
from wangge.prover.bounds import Bounds
from wangge.prover.paths import ALL
from wangge.prover.prove import Known, Subject, prove, through
from wangge.prover.report import Report
from wangge.store.apply import apply_model
from wangge.store.clock import DatabaseClock
from wangge.store.connection import connect
from wangge.store.database import Database
from wangge.store.pool import Pool
from wangge.values import Area, uuid7

HERE = Path(__file__).parent
FOLDERS = (core_folder(), first_party_folder() / "base", HERE / "ward", HERE / "extra")
AREAS = (
    ("520100000000", "city", "city", ""),
    ("520101000000", "north", "district", "520100000000"),
    ("520101001000", "north_1", "community", "520101000000"),
    ("520101002000", "north_2", "community", "520101000000"),
    ("520102000000", "south", "functional_zone", "520100000000"),
    ("520102001000", "south_1", "community", "520102000000"),
)
UNITS = (
    ("U", "city", ""),
    ("UN", "north", "U"),
    ("UN1", "north_1", "UN"),
    ("US", "south", "U"),
)
LOGIN = "under-proof"


class Stored:
    """The policy of this moment, as the engine asks for it to explain."""

    world: World
    roles: Roles

    def __init__(self) -> None:
        self.clock = DatabaseClock()

    async def policy(self, roles: Iterable[str] | None = None) -> World:
        """The World has the rules of all roles."""
        return self.world


class Read(NamedTuple):
    """What no policy changes: the model, the naive evaluator's schema, and rows."""

    model: Model
    schema: Schema
    rows: Rows


def read_known() -> Read:
    """The files of the city, and no rows yet."""
    schema = read(FOLDERS)
    return Read(load_model(FOLDERS), schema, Rows(schema))


class Proving:
    """The city, ready to be asked under one policy after another."""

    def __init__(
        self,
        model: Model,
        schema: Schema,
        rows: Rows,
        engine: Engine,
        stored: Stored,
        connection: Any,
        keys: Keys,
        pool: Pool,
    ) -> None:
        self.model = model
        self.schema = schema
        self.engine = engine
        self.stored = stored
        self.connection = connection
        self.keys = keys
        self.pool = pool
        self.rows = rows
        self.areas: dict[str, Area] = {}
        self.units: dict[str, UUID] = {}
        self.persons: list[UUID] = []


async def make_proving(database: Database, pool: Pool, keys: Keys, reads: Reads) -> Proving:
    """Apply the model and fill the city."""
    known = read_known()
    await apply_model(database, known.model)
    connection = await connect(database, "owner")
    try:
        async with connection.transaction():
            stored = await store_areas(connection, [NewArea(*each) for each in AREAS], dt.date(2020, 1, 1))
            codes = {name: code for code, name, _, _ in AREAS}
            units = [NewUnit(code, code, "STREET_OFFICE", codes[area], parent) for code, area, parent in UNITS]
            await store_units(connection, units, stored)
    finally:
        await connection.close()
    made = await open_proving(database, pool, keys, reads, known)
    made.persons = await Filling(City(known.model, made.areas, pool, keys), made.areas, made.units).fill()
    return made


async def open_proving(database: Database, pool: Pool, keys: Keys, reads: Reads, known: Read | None = None) -> Proving:
    """A city that is in the database already."""
    model, schema, rows = known or read_known()
    connection = await connect(database, "owner")
    records = City(model, {}, pool, keys).records
    stored = Stored()
    engine = Engine(records.kit.catalog, pool, stored, keys, hooks_of({}), records, reads, limits=UNLIMITED)
    made = Proving(model, schema, rows, engine, stored, connection, keys, pool)
    for row in await connection.fetch(
        "SELECT id, code, name, kind, ord, ord_end, parent, district_id FROM wangge.area ORDER BY code"
    ):
        made.areas[row["name"]] = Area(*row.values())
    made.units = {
        row["code"]: row["id"] for row in await connection.fetch("SELECT code, id FROM wangge.unit ORDER BY code")
    }
    made.persons = [row["id"] for row in await connection.fetch("SELECT id FROM base.person ORDER BY name")]
    return made


# --- asking under a policy ---

ACCOUNT = """INSERT INTO wangge.account (id, login, name, state, person, area_id, area_ord)
SELECT $1, $2, $2, $3, $4, a.id, a.ord FROM wangge.area a WHERE a.parent IS NULL"""
STORED = ("rule", "role", "post", "enablement", "account")


async def store_policy(proving: Proving, policy: Policy) -> UUID:
    """Replace the stored policy; the account that holds the posts."""
    connection, now = proving.connection, dt.datetime.now(dt.UTC)
    account = uuid7()
    person = proving.persons[policy.person] if policy.person is not None else None
    async with connection.transaction():
        for table in STORED:
            await connection.execute(f"DELETE FROM wangge.{table}")
        await connection.execute(ACCOUNT, account, LOGIN, policy.state, person)
        states = {"ward": "INSTALLED", "extra": "INSTALLED"} | policy.module_states
        for module, state in states.items():
            await connection.execute("UPDATE wangge.module SET state = $2 WHERE code = $1", module, state)
        for role, inherits in policy.roles.items():
            sql = (
                "INSERT INTO wangge.role (id, code, zh, en, module, inherits, removed_at, documents_only) "
                "VALUES ($1, $2, $2, $2, 'ward', $3, $4, FALSE)"
            )
            await connection.execute(sql, uuid7(), role, inherits, now if role in policy.removed_roles else None)
        for rule in policy.rules:
            await _store_rule(proving, rule)
        for post in policy.posts:
            await _store_post(proving, post, account, now)
        other = uuid7()
        await connection.execute(ACCOUNT, other, "other", "ACTIVE", None)
        for post in policy.others:
            await _store_post(proving, post, other, now)
        for each in policy.enabled:
            since, until = _moments(each["dates"], now)
            district = proving.areas[each["district"]].id if each["district"] else None
            await connection.execute(
                "INSERT INTO wangge.enablement (id, module, district, valid_from, valid_to, removed_at) "
                "SELECT $1, m.id, $3, $4, $5, $6 FROM wangge.module m WHERE m.code = $2",
                uuid7(), each["module"], district, since, until, _gone(each, now),
            )  # fmt: skip
    return account


async def _store_rule(proving: Proving, rule: Mapping[str, Any]) -> None:
    condition = rule["condition"]
    tree = msgspec.to_builtins(parse_filter(proving.model, rule["entity"], condition)) if condition else None
    await proving.connection.execute(
        "INSERT INTO wangge.rule (id, role, entity, actions, fields, condition, effect, via, origin, district, removed_at, purpose, dimensions) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'proof', $9, $10, $11, $12)",
        uuid7(), rule["role"], rule["entity"], rule["actions"], rule["fields"], tree, rule["effect"], rule["via"],
        proving.areas[rule["district"]].id if rule["district"] else None, _gone(rule, dt.datetime.now(dt.UTC)),
        rule["purpose"], rule.get("dimensions"),
    )  # fmt: skip


async def _store_post(proving: Proving, post: Mapping[str, Any], account: UUID, now: dt.datetime) -> None:
    area = proving.areas[post["area"]]
    since, until = _moments(post["dates"], now)
    await proving.connection.execute(
        "INSERT INTO wangge.post (id, account, role, unit, area_id, area_ord, district_id, valid_from, valid_to, removed_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        uuid7(), account, post["role"], proving.units[post["unit"]], area.id, area.ord, area.district, since or now + PAST * 9, until,
        _gone(post, now),
    )  # fmt: skip


def _gone(row: Mapping[str, Any], now: dt.datetime) -> dt.datetime | None:
    return now if row["removed"] else None


def _moments(dates: tuple[Any, Any], now: dt.datetime) -> tuple[dt.datetime | None, dt.datetime | None]:
    since, until = dates
    return (None if since is None else now + since, None if until is None else now + until)


async def disagreements(
    proving: Proving,
    policy: Policy,
    chance: random.Random,
    *,
    paths: Sequence[str] = tuple(ALL),
    stop: bool = False,
    sample: int = 40,
) -> Report:
    """What the API answers under a policy against what the naive evaluator says; with `stop` no more after a disagreement.

    Of each entity so many rows are asked for: a `sample`.
    """
    account = await store_policy(proving, policy)
    if any(rule.get("dimensions") for rule in policy.rules):
        await Cubes(proving.pool, proving.engine.catalog).rebuild()
    world = await load_world(proving.connection, proving.model)
    facts = await load_facts(proving.connection, account)
    report = Report(stop=stop)
    if facts is None:  # the account may not act, and so it is asked nothing
        return report
    proving.stored.world, proving.stored.roles = world, Roles(world)
    made, roles = Subject(account, LOGIN, policy.preview), proving.stored.roles
    own = policy.preview is None
    scope = (
        build_scope(world, roles, facts) if own else preview_scope(world, roles, facts, made.preview or "", PREVIEWS)
    )
    await prove(
        through(proving.engine, scope), Known(proving.schema, proving.rows, proving.connection, unseal_with(proving.keys)),
        made, report, chance, bounds=Bounds(effort=policy.effort, sample=sample), paths=paths,
        position=partial(proving.engine.position, scope),
    )  # fmt: skip
    return report
