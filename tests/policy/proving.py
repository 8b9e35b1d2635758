"""A small city with rows of every scope, random policies over it, and the proof of one account under such a policy."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from tests.records.world import City, hooks_of
from wangge.audit.reads import Reads
from wangge.crypto import Keys
from wangge.graphql.engine import Engine
from wangge.identity.loading import load_facts, load_world
from wangge.identity.trees import NewArea, NewUnit, store_areas, store_units
from wangge.model.conditions import parse_filter
from wangge.model.load import load_model
from wangge.model.types import Model
from wangge.modules.discover import core_folder, first_party_folder
from wangge.policy.build import build_scope
from wangge.policy.roles import Roles
from wangge.proof.rows import Rows
from wangge.proof.schema import Schema, read
from wangge.prover.accounts import unseal_with
from wangge.prover.paths import PATHS
from wangge.prover.prove import Subject, prove
from wangge.prover.report import Report
from wangge.store.apply import apply_model
from wangge.store.connection import connect
from wangge.store.database import Database
from wangge.store.pool import Pool
from wangge.values import Actor, Area, uuid7

HERE = Path(__file__).parent
FOLDERS = (core_folder(), first_party_folder() / "base", HERE / "ward", HERE / "extra")
SYSTEM = Actor(kind="system", name="proof")
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
LEVELS = ("clear", "clear", "clear", "masked", "hidden")
READS = ("list", "get")
LOGIN = "under-proof"


class Proving:
    """The city, ready to be asked under one policy after another."""

    def __init__(self, model: Model, schema: Schema, engine: Engine, connection: Any, keys: Keys) -> None:
        self.model = model
        self.schema = schema
        self.engine = engine
        self.connection = connection
        self.keys = keys
        self.rows = Rows(schema)
        self.areas: dict[str, Area] = {}
        self.units: dict[str, UUID] = {}
        self.persons: list[UUID] = []


async def make_proving(database: Database, pool: Pool, keys: Keys, reads: Reads) -> Proving:
    """Apply the model and fill the city."""
    model = load_model(FOLDERS)
    await apply_model(database, model)
    connection = await connect(database, "owner")
    try:
        async with connection.transaction():
            stored = await store_areas(connection, [NewArea(*each) for each in AREAS], dt.date(2020, 1, 1))
            codes = {name: code for code, name, _, _ in AREAS}
            units = [NewUnit(code, code, "STREET_OFFICE", codes[area], parent) for code, area, parent in UNITS]
            await store_units(connection, units, stored)
    finally:
        await connection.close()
    made = await open_proving(database, pool, keys, reads, model)
    await _fill(made, City(model, made.areas, pool, keys))
    return made


async def open_proving(database: Database, pool: Pool, keys: Keys, reads: Reads, model: Model | None = None) -> Proving:
    """A city that is in the database already."""
    model = model or load_model(FOLDERS)
    connection = await connect(database, "owner")
    records = City(model, {}, pool, keys).records
    engine = Engine(records.kit.catalog, pool, None, keys, hooks_of({}), records, reads)
    made = Proving(model, read(FOLDERS), engine, connection, keys)
    for row in await connection.fetch(
        "SELECT id, code, name, kind, ord, ord_end, parent, district_id FROM wangge.area"
    ):
        made.areas[row["name"]] = Area(*row.values())
    made.units = {row["code"]: row["id"] for row in await connection.fetch("SELECT code, id FROM wangge.unit")}
    made.persons = [row["id"] for row in await connection.fetch("SELECT id FROM base.person ORDER BY name")]
    return made


def _row(area: str, proving: Proving, **values: Any) -> dict[str, Any]:
    return {"id": uuid7(), "area": proving.areas[area].id, **values}


async def _fill(proving: Proving, city: City) -> None:
    """Rows of every entity: with and without values, in every area, some removed."""
    chance = random.Random(5)

    def maybe(value: Any, share: float = 0.75) -> Any:
        return value if chance.random() < share else None

    async def load(entity: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        await city.records.load(entity, [rows], SYSTEM, "proof")
        return rows

    persons = await load(
        "base.person", [_row(a, proving, name=f"测试{n}") for n, a in enumerate(("north_1", "south_1"))]
    )
    proving.persons = [p["id"] for p in persons]
    tags = await load(
        "ward.tag", [{"id": uuid7(), "name": n, "weight": w} for n, w in (("红", 1), ("蓝", 1), (None, 2))]
    )
    places = [name for _, name, _, _ in AREAS]
    sites: list[dict[str, Any]] = []
    for n in range(14):
        sites.append(
            _row(
                places[n % len(places)], proving,
                name=maybe(chance.choice(("ab", "abc", "Ab", "b", "测试路", "%_"))), size=maybe(chance.randrange(4)),
                rate=maybe(chance.choice(("1.50", "2", "0.5"))), open=maybe(chance.random() < 0.5),
                since=maybe(chance.choice(("2024-02-29", "2026-11-01", "2030-01-01"))),
                seenAt=maybe(chance.choice(("2026-11-20T08:00:00+08:00", "2025-01-01T23:59:59.5+08:00"))),
                stage=maybe(chance.choice("ABC")), sex=maybe(chance.choice(("1", "2"))),
                marks=maybe(chance.sample(("1", "2", "9"), 2)),
                point=maybe({"lon": 106.7 + n / 1000, "lat": 26.6}),
                secret=maybe(chance.choice(("王小明", "李", "z"))), born=maybe(chance.choice(("1990-05-06", "1958-12-31"))),
                phone=maybe(chance.choice(("13800001111", "13900002222"))),
                holder=maybe(proving.units[chance.choice(UNITS)[0]]), author=maybe(chance.choice(proving.persons)),
                next=maybe(sites[chance.randrange(n)]["id"]) if n else None,
                tags=[t["id"] for t in tags if chance.random() < 0.5],
                lines=[{"amount": maybe(chance.randrange(3)), "hint": maybe(chance.choice(("x", "y"))),
                        "contact": maybe(chance.choice(("甲乙", "丙")))} for _ in range(chance.randrange(3))],
            )
        )  # fmt: skip
    for site in sites:  # one by one, so that `next` finds its row
        await load("ward.site", [site])
    items = await load("extra.item", [
        _row(places[n % len(places)], proving, name=maybe(chance.choice(("p", "q"))), price=maybe("9.90"),
             site=maybe(chance.choice(sites)["id"])) for n in range(8)
    ])  # fmt: skip
    folks = await load("ward.folk", [
        _row(places[n % len(places)], proving, name=maybe(chance.choice(("甲", "乙", "丙丁"))), alias=maybe("abcd"),
             age=maybe(chance.randrange(20, 23))) for n in range(9)
    ])  # fmt: skip

    def at(n: int) -> dict[str, Any]:
        return {
            "id": uuid7(),
            "site": sites[(n * 5 + 1) % len(sites)]["id"],
            "folk": folks[n % 6]["id"],
            "grade": maybe(n % 2),
        }

    stays = await load("ward.stay", [at(n) for n in range(8)])
    await load("ward.work", [at(n + 1) for n in range(5)])
    await load("ward.pet", [{"id": uuid7(), "folk": chance.choice(folks)["id"], "name": maybe("狗")} for _ in range(8)])
    for kind in ("call", "audit"):
        visits = [
            {"id": uuid7(), "site": sites[(n * 3 + 1) % len(sites)]["id"], "note": maybe(chance.choice(("m", "n"))),
             "rank": maybe(chance.randrange(3)), "result": maybe("ok"), "by": maybe(chance.choice(folks)["id"])}
            for n in range(7)
        ]  # fmt: skip
        await load(f"ward.{kind}", visits)
        await _remove(city, f"ward.{kind}", visits[0]["id"])
    await load("ward.desk", [
        {"id": uuid7(), "unit": proving.units[UNITS[n % 4][0]], "name": maybe("台"), "floor": maybe(n % 3)} for n in range(7)
    ])  # fmt: skip
    await load("ward.wish", [
        {"id": uuid7(), "person": p, "text": t} for p in proving.persons for t in ("a", "b")
    ])  # fmt: skip
    for entity, row in (
        ("ward.site", sites[3]),
        ("ward.folk", folks[1]),
        ("ward.stay", stays[0]),
        ("ward.tag", tags[1]),
    ):
        await _remove(city, entity, row["id"])
    for site in sites[::2]:
        sql = "UPDATE ward.site SET item = $2 WHERE id = $1"
        await proving.connection.execute(sql, site["id"], chance.choice(items)["id"])


async def _remove(city: City, entity: str, row: UUID) -> None:
    unit = next(iter(city.areas))
    outcome = await city.records.remove(city.scope(unit, unit_spans=((1, 10_000),)), entity, row, "proof")
    assert outcome.errors == ()


# --- policies ---


class Policy(msgspec.Struct):
    """One policy: rows of the tables that say who may what."""

    roles: dict[str, list[str]]
    rules: list[dict[str, Any]]
    posts: list[dict[str, Any]]
    enabled: list[dict[str, Any]]
    person: int | None = None
    state: str = "ACTIVE"
    module_states: dict[str, str] = {}
    removed_roles: tuple[str, ...] = ()
    others: list[dict[str, Any]] = []
    """posts of somebody else."""


ROLES = ("alpha", "beta", "gamma")
FOREVER = (None, None)
PAST, FUTURE = dt.timedelta(days=-3), dt.timedelta(days=3)
NOT_NOW = ((None, PAST), (FUTURE, None), (PAST * 2, PAST))
CONDITIONS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "ward.site": (
        {"size": {"gte": 1}}, {"size": {"ne": 2}}, {"stage": {"in": ["A", "B"]}}, {"title": {"isNull": True}},
        {"not": {"stage": {"eq": "A"}}}, {"or": [{"open": {"eq": True}}, {"title": {"startsWith": "a"}}]},
        {"since": {"lt": "$now"}}, {"seenAt": {"gt": {"$now": "-P300D"}}}, {"holder": {"id": {"in": {"$actor": "units"}}}},
        {"author": {"id": {"eq": {"$actor": "person"}}}}, {"area": {"within": "$area"}}, {"area": {"id": {"eq": "$area"}}},
        {"area": {"id": {"in": {"$actor": "areas"}}}}, {"next": {"size": {"gte": 1}}}, {"next": {"isNull": True}},
        {"tags": {"some": {"weight": {"eq": 1}}}}, {"tags": {"none": {"name": {"eq": "红"}}}},
        {"visits": {"some": {"rank": {"gte": 1}}}}, {"visits": {"every": {"note": {"eq": "m"}}}},
        {"lines": {"some": {"amount": {"gte": 1}}}}, {"marks": {"has": "1"}}, {"item": {"name": {"eq": "p"}}},
        {"not": {"holder": {"id": {"in": {"$actor": "units"}}}}}, {"secret": {"isNull": False}},
    ),
    "ward.folk": (
        {"age": {"gt": 20}}, {"name": {"ne": "甲"}}, {"stays": {"some": {"grade": {"eq": 1}}}}, {"works": {"none": {}}},
        {"area": {"within": "$area"}},
    ),
    "ward.call": ({"rank": {"gte": 1}}, {"site": {"size": {"gte": 1}}}, {"by": {"name": {"isNull": False}}}, {"note": {"eq": "m"}}),
    "ward.audit": ({"rank": {"lt": 2}}, {"site": {"stage": {"eq": "A"}}}, {"result": {"isNull": True}}),
    "ward.stay": ({"grade": {"eq": 1}}, {"folk": {"age": {"gte": 21}}}),
    "ward.work": ({"grade": {"eq": 0}},),
    "ward.pet": ({"name": {"eq": "狗"}}, {"folk": {"name": {"eq": "甲"}}}),
    "ward.tag": ({"weight": {"eq": 1}}, {"not": {"name": {"eq": "红"}}}),
    "ward.desk": ({"floor": {"gte": 1}}, {"unit": {"id": {"in": {"$actor": "units"}}}}, {"unit": {"area": {"within": "$area"}}}),
    "ward.wish": ({"text": {"eq": "a"}},),
    "extra.item": ({"name": {"eq": "p"}}, {"site": {"stage": {"eq": "B"}}}, {"price": {"isNull": False}}),
    "wangge.area": ({"kind": {"in": ["district", "community"]}}, {"within": "$area"}),
    "wangge.unit": ({"code": {"startsWith": "UN"}}, {"id": {"in": {"$actor": "units"}}}),
    "base.person": ({"name": {"eq": "测试0"}}, {"id": {"eq": {"$actor": "person"}}}),
}  # fmt: skip
OF_POSTS = (
    {"holder": {"id": {"in": {"$actor": "units"}}}}, {"area": {"within": "$area"}}, {"area": {"id": {"in": {"$actor": "areas"}}}},
)  # fmt: skip
"""what prohibitions say of the post that holds them."""
ENTITIES = tuple(CONDITIONS)
WEIGHTED = (*ENTITIES, *["ward.site"] * 5, *["ward.folk"] * 2, "ward.call", "ward.audit", "extra.item")


def make_policy(chance: random.Random, schema: Schema) -> Policy:
    """A random policy; `chance` may be hypothesis's own."""
    roles = {"alpha": [], "beta": [], "gamma": []} if chance.random() < 0.3 else {
        "alpha": ["beta"], "beta": chance.choice(([], ["gamma"], ["gamma", "alpha"])), "gamma": []
    }  # fmt: skip
    rules = [make_rule(chance, schema) for _ in range(chance.randrange(12, 32))]
    rules += [twin for rule in list(rules) for twin in make_twins(chance, schema, rule)]
    posts = [make_post(chance) for _ in range(chance.choice((1, 2, 2, 3, 3)))]
    if len(posts) > 1 and chance.random() < 0.4:  # one role in two districts, whose overrides differ
        posts[0] |= {"area": "north", "dates": FOREVER}
        posts[1] |= {"area": "south", "dates": FOREVER, "role": posts[0]["role"]}
    enabled = [e for module in ("base", "ward", "extra") for e in make_enabled(chance, module)]
    for row in (*rules, *posts, *enabled):
        row["removed"] = chance.random() < 0.1
    state = "DISABLED" if chance.random() < 0.1 else "ACTIVE"
    states = {m: "QUARANTINED" if chance.random() < 0.1 else "INSTALLED" for m in ("ward", "extra")}
    gone = tuple(role for role in ROLES if chance.random() < 0.15)
    others = [{**make_post(chance), "removed": False} for _ in range(2)]
    return Policy(roles, rules, posts, enabled, chance.choice((None, 0, 0, 1)), state, states, gone, others)


def make_rule(chance: random.Random, schema: Schema) -> dict[str, Any]:
    """One rule."""
    entity = chance.choice(WEIGHTED)
    effect = chance.choice(("ALLOW",) * 8 + ("DENY", "DENY", "PROHIBIT", "PROHIBIT"))
    conditional = chance.random() < (0.45 if effect == "ALLOW" else 0.8)
    if effect == "PROHIBIT":
        conditional = True
    fields = (
        {}
        if effect == "PROHIBIT" or (effect == "DENY" and chance.random() < 0.5)
        else make_fields(chance, schema, entity)
    )
    via = chance.choice((None, None, "stays", "works")) if entity == "ward.folk" and effect == "ALLOW" else None
    actions = chance.choice((READS, READS, ("list",), ("get",), ("list", "get", "list_removed")))
    if effect == "PROHIBIT" and chance.random() < 0.2:
        actions = ("list_removed",)
    if effect == "ALLOW" and chance.random() < 0.5:
        actions = ("list", "get", "list_removed")
    choices = CONDITIONS[entity]
    if effect == "PROHIBIT" and entity == "ward.site" and chance.random() < 0.7:
        choices = OF_POSTS
    return {
        "role": chance.choice(ROLES), "entity": entity, "actions": list(actions), "fields": fields, "effect": effect,
        "condition": chance.choice(choices) if conditional else None, "via": via,
        "district": chance.choice((None,) * 6 + ("north", "south")),
    }  # fmt: skip


def make_twins(chance: random.Random, schema: Schema, rule: dict[str, Any]) -> list[dict[str, Any]]:
    """What contradicts a rule: a district's own rule in its place, or a deny of all its rows."""
    if rule["effect"] == "DENY" or chance.random() < 0.85:
        return []
    if chance.random() < 0.3:
        return [{**rule, "effect": "DENY", "fields": {}, "condition": None, "via": None, "actions": ["list"]}]
    fields = make_fields(chance, schema, rule["entity"])
    return [
        {**rule, "effect": "ALLOW", "fields": fields, "condition": None, "district": chance.choice(("north", "south"))}
    ]


def make_fields(chance: random.Random, schema: Schema, entity: str) -> dict[str, str]:
    """The fields of a rule with their levels."""
    found = {"*": chance.choice(("clear", "clear", "masked"))} if chance.random() < 0.6 else {}
    known = list(schema.declared(entity).values())
    for field in chance.sample(known, min(len(known), chance.randrange(1, 8))):
        found[chance.choice((field.name, field.id))] = chance.choice(LEVELS)
        for part in field.parts:
            if chance.random() < 0.6:
                found[f"{field.name}.{part.name}"] = chance.choice(LEVELS)
    return found


def make_post(chance: random.Random) -> dict[str, Any]:
    """One post."""
    dates = chance.choice((FOREVER,) * 4 + ((PAST, FUTURE),) + NOT_NOW)
    area = chance.choice(("city", "north", "north", "north_1", "south", "south_1"))
    return {"role": chance.choice(ROLES), "area": area, "unit": chance.choice(UNITS)[0], "dates": dates}


def make_enabled(chance: random.Random, module: str) -> list[dict[str, Any]]:
    """Where a module is on."""
    if chance.random() < (0.9 if module == "base" else 0.5):
        return [{"module": module, "district": None, "dates": FOREVER}]
    places = chance.choice((["north"], ["south"], ["north", "south"], ["north", "south"]))
    chosen = (FOREVER,) * 3 + NOT_NOW
    return [{"module": module, "district": d, "dates": chance.choice(chosen)} for d in places]


# --- asking under a policy ---

STORED = ("rule", "role", "post", "enablement", "account")


async def store_policy(proving: Proving, policy: Policy) -> UUID:
    """Replace the stored policy; the account that holds the posts."""
    connection, now = proving.connection, dt.datetime.now(dt.UTC)
    account = uuid7()
    person = proving.persons[policy.person] if policy.person is not None else None
    async with connection.transaction():
        for table in STORED:
            await connection.execute(f"DELETE FROM wangge.{table}")
        await connection.execute(
            "INSERT INTO wangge.account (id, login, name, state, person) VALUES ($1, $2, $2, $3, $4)", account, LOGIN, policy.state, person
        )  # fmt: skip
        for module, state in policy.module_states.items():
            await connection.execute("UPDATE wangge.module SET state = $2 WHERE code = $1", module, state)
        for role, inherits in policy.roles.items():
            sql = "INSERT INTO wangge.role (id, code, zh, en, module, inherits, removed_at) VALUES ($1, $2, $2, $2, 'ward', $3, $4)"
            await connection.execute(sql, uuid7(), role, inherits, now if role in policy.removed_roles else None)
        for rule in policy.rules:
            await _store_rule(proving, rule)
        for post in policy.posts:
            await _store_post(proving, post, account, now)
        other = uuid7()
        sql = "INSERT INTO wangge.account (id, login, name, state) VALUES ($1, 'other', 'other', 'ACTIVE')"
        await connection.execute(sql, other)
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
        "INSERT INTO wangge.rule (id, role, entity, actions, fields, condition, effect, via, origin, district, removed_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'proof', $9, $10)",
        uuid7(), rule["role"], rule["entity"], rule["actions"], rule["fields"], tree, rule["effect"], rule["via"],
        proving.areas[rule["district"]].id if rule["district"] else None, _gone(rule, dt.datetime.now(dt.UTC)),
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
    effort: int = 2,
    paths: Sequence[str] = tuple(PATHS),
    stop: bool = False,
) -> Report:
    """What the API answers under a policy against what the naive evaluator says; with `stop` no more after a disagreement."""
    account = await store_policy(proving, policy)
    world = await load_world(proving.connection, proving.model)
    facts = await load_facts(proving.connection, account)
    report = Report(stop=stop)
    if facts is None:  # the account may not act, and so it is asked nothing
        return report
    subject = Subject(account, LOGIN, build_scope(world, Roles(world), facts))
    await prove(
        proving.engine, proving.schema, proving.rows, proving.connection, subject, report, chance,
        unseal=unseal_with(proving.keys), effort=effort, paths=paths,
    )  # fmt: skip
    return report
