"""Shapes: what is alike is one, whoever holds it, and is built once however many ask at the same moment."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import msgspec
import pytest_asyncio

from tests.policy.holders import area_id, define
from tests.policy.test_build import ACCOUNT, CITY, INCIDENT, MODEL, NORTH, NOW, SOUTH, STREET, post, rule, scope, world
from wangge.app import Parts, compose
from wangge.graphql.exchange import Request
from wangge.identity.accounts import create_account, create_post, enable_module
from wangge.identity.scopes import Credential
from wangge.policy.build import build_scope
from wangge.policy.recipes import Memory
from wangge.policy.roles import Roles
from wangge.policy.rule_book import RuleBook
from wangge.policy.scope import Scope
from wangge.policy.world import Enabled, Facts, HeldPost, StoredRule, World
from wangge.settings import Settings
from wangge.store.pool import Pool
from wangge.values import Actor

ROLES, SHAPES, CALLERS = 50, 5, 500
FIELDS = ("caseNo", "description", "state", "category", "source")


def test_the_names_of_roles_are_no_part_of_a_shape() -> None:
    found = world(*(rule(role, INCIDENT, "list get", {"caseNo": "clear"}) for role in ("reader", "clerk")))
    reader, clerk = scope(found, post("reader", NORTH)), scope(found, post("clerk", SOUTH))
    assert reader.shape == clerk.shape
    assert [*reader.roles, *clerk.roles] == ["reader", "clerk"]


def test_conditions_that_say_the_same_in_another_order_are_one_shape() -> None:
    said = ({"state": {"eq": "CLOSED"}}, {"source": {"eq": "STAFF"}})
    found = world(
        rule("reader", INCIDENT, "list get", {"caseNo": "clear"}, {"and": list(said)}),
        rule("clerk", INCIDENT, "get list", {"caseNo": "clear"}, {"and": [said[1], {"and": [said[0], said[1]]}]}),
        rule("other", INCIDENT, "get list", {"caseNo": "clear"}, {"or": list(said)}),
    )
    reader, clerk, other = (scope(found, post(role, NORTH)) for role in ("reader", "clerk", "other"))
    assert reader.shape.key == clerk.shape.key
    assert reader.shape.key != other.shape.key


def test_the_order_of_denies_is_no_part_of_a_shape() -> None:
    allow = ("list", {"caseNo": "clear", "description": "clear"})
    denies = ({"state": {"eq": "VOID"}}, {"source": {"eq": "STAFF"}})
    rules = [rule(role, INCIDENT, *allow) for role in ("reader", "clerk")]
    rules += [rule("reader", INCIDENT, "list", where=where, effect="DENY") for where in denies]
    rules += [rule("clerk", INCIDENT, "list", where=where, effect="DENY") for where in reversed(denies)]
    found = world(*rules)
    assert scope(found, post("reader", NORTH)).shape.key == scope(found, post("clerk", NORTH)).shape.key


def test_the_posts_may_be_held_in_any_order() -> None:
    found = world(
        rule("reader", INCIDENT, "list", {"caseNo": "clear"}),
        rule("clerk", INCIDENT, "list", {"description": "clear"}, {"holder": {"id": {"in": {"$actor": "units"}}}}),
        rule("clerk", INCIDENT, "list", where={"state": {"eq": "VOID"}}, effect="PROHIBIT"),
    )
    reader, clerk = post("reader", NORTH), post("clerk", SOUTH)
    assert scope(found, reader, clerk).shape.key == scope(found, clerk, reader).shape.key


def test_what_was_built_before_changes_nothing() -> None:
    memory, chance = Memory(), random.Random(11)
    for _ in range(40):
        found = _world(chance)
        roles, booked = Roles(found), Roles(msgspec.structs.replace(found, rules=()), _book(found.rules))
        for _ in range(12):
            posts = [post(chance.choice("abc"), chance.choice((CITY, NORTH, SOUTH, STREET))) for _ in range(3)]
            facts = Facts(actor=Actor("account", "a", account=ACCOUNT), posts=_some(chance, posts), now=NOW)
            anew = build_scope(found, roles, facts)
            assert build_scope(found, roles, facts, memory=memory) == anew
            assert build_scope(found, booked, facts, memory=memory) == anew
    assert memory.built > 100


def _world(chance: random.Random) -> World:
    """A policy of three roles, one above the others, with rules of all effects and of districts."""
    rules = [
        rule(
            chance.choice("abc"),
            chance.choice((INCIDENT, "base.person", "base.building")),
            chance.choice(("list", "list get", "get update")),
            {"*": "clear"} if chance.random() < 0.7 else {},
            chance.choice((None, {"id": {"ne": str(ACCOUNT)}}, {"area": {"within": "$area"}})),
            effect=chance.choice(("ALLOW", "ALLOW", "ALLOW", "DENY", "PROHIBIT")),
            district=chance.choice((None, None, NORTH)),
        )
        for _ in range(chance.randint(2, 9))
    ]
    on = tuple(Enabled(module, chance.choice((None, NORTH, SOUTH)), None, None) for module in MODEL.modules)
    return world(*rules, enabled=on, inherits={"a": ("b",)} if chance.random() < 0.5 else {})


def _some(chance: random.Random, posts: Sequence[HeldPost]) -> tuple[HeldPost, ...]:
    return tuple(posts[: chance.randint(1, len(posts))])


def _book(rules: Sequence[StoredRule]) -> RuleBook:
    """The rules as a process holds them."""
    book = RuleBook()
    for role in "abc":
        book.put(role, [each for each in rules if each.role == role])
    return book


def test_rules_of_many_roles_alike_are_held_once() -> None:
    book = RuleBook()
    for n in range(100):
        book.put(f"r{n}", [rule("r", INCIDENT, "list get", {FIELDS[n % 2]: "clear"}) for _ in range(3)])
    assert len({id(book[f"r{n}"]) for n in range(100)}) == 2
    assert len({id(each) for n in range(100) for each in book[f"r{n}"]}) == 2
    book.forget(["r0", "r2"])
    assert book.missing(["r0", "r1", "r2", "r4"]) == {"r0", "r2"}
    book.put("r0", [rule("r", INCIDENT, "get list", {FIELDS[0]: "clear"})])
    assert book["r0"] is book["r4"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def parts(city_settings: Settings, city_owner: Pool) -> AsyncIterator[Parts]:
    """The parts of one process over a city with many roles of few shapes."""
    for n in range(ROLES):
        await define(city_owner, f"role{n}", *_grants(n))
    async with city_owner.transaction() as connection:
        for module in MODEL.modules:
            await enable_module(connection, module, None)
    made = compose(city_settings)
    async with made.pool:
        await made.scopes.open()
        await made.reads.open()
        yield made
        await made.reads.close()
        await made.scopes.close()


def _grants(n: int) -> list[dict[str, Any]]:
    """The rules of role number n: what they show depends on its remainder alone."""
    fields = dict.fromkeys(FIELDS[: n % SHAPES + 1], "clear")
    return [{"entity": INCIDENT, "actions": "list get", "fields": fields}]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def callers(parts: Parts, city_owner: Pool) -> list[Credential]:
    """Accounts, each with one of the roles in one of the districts."""
    districts = await city_owner.fetch("SELECT id FROM wangge.area WHERE kind = 'district' ORDER BY ord")
    unit = await city_owner.fetchval("SELECT id FROM wangge.unit WHERE code = 'GY'")
    home = await area_id(city_owner, "520100000000")
    made = []
    async with city_owner.transaction() as connection:
        for n in range(CALLERS):
            account = await create_account(connection, f"caller{n}", "测试", home)
            await create_post(connection, account, f"role{n % ROLES}", unit, districts[n % len(districts)]["id"])
            made.append(Credential(account))
    return made


async def _ask(parts: Parts, caller: Credential) -> Scope:
    found = await parts.scopes.scope(caller)
    answer = await parts.engine.execute(Request("{ incidents(first: 1) { nodes { caseNo } } }"), found, caller)
    assert b'"errors"' not in answer.body
    return found


async def test_all_who_ask_at_once_after_a_publish_cause_one_build_for_each_shape(
    parts: Parts, callers: list[Credential], city_owner: Pool
) -> None:
    for _ in range(2):
        await define(city_owner, f"one-more-{parts.scopes.misses}")
        async with city_owner.transaction() as connection:
            for n in range(ROLES):
                await connection.execute("SELECT wangge.touch('rule', $1)", f"role:role{n}")
        await parts.scopes.refresh()
        before = (parts.scopes.misses, parts.engine.built, parts.scopes.memory.built)
        asked = [asyncio.create_task(_ask(parts, caller)) for caller in callers for _ in range(2)]
        found = await asyncio.gather(*asked)
        assert len({each.shape.key for each in found}) == len({id(each.shape) for each in found}) == SHAPES
        assert parts.scopes.misses - before[0] == CALLERS
        assert parts.engine.built - before[1] == (SHAPES if before[1] == 0 else 0)
        assert parts.scopes.memory.built - before[2] <= SHAPES


async def test_who_leaves_while_a_scope_is_built_does_not_take_it_from_the_others(
    parts: Parts, callers: list[Credential], city_owner: Pool
) -> None:
    await _touch(city_owner, "account", f"account:{callers[0].account}")
    await parts.scopes.refresh()
    misses = parts.scopes.misses
    first, second = (asyncio.create_task(parts.scopes.scope(callers[0])) for _ in range(2))
    while parts.scopes.misses == misses:  # noqa: ASYNC110 # until the build has begun
        await asyncio.sleep(0)
    first.cancel()
    assert (await second).actor.account == callers[0].account
    assert (first.cancelled(), parts.scopes.misses - misses) == (True, 1)


async def test_a_change_of_one_drops_no_scope_of_anybody_else_and_copies_none(
    parts: Parts, callers: list[Credential], city_owner: Pool
) -> None:
    before = await asyncio.gather(*(parts.scopes.scope(caller) for caller in callers))
    await _touch(city_owner, "account", f"account:{callers[7].account}")
    await parts.scopes.refresh()
    misses = parts.scopes.misses
    after = await asyncio.gather(*(parts.scopes.scope(caller) for caller in callers))
    assert parts.scopes.misses - misses == 1
    assert {each.counters["account"] for each in after} == {before[0].counters["account"] + 1}
    assert [a.shape is b.shape for a, b in zip(before, after, strict=True)] == [True] * CALLERS


async def test_a_change_of_rules_reads_those_of_its_roles_alone(
    parts: Parts, callers: list[Credential], city_owner: Pool
) -> None:
    await asyncio.gather(*(parts.scopes.scope(caller) for caller in callers))
    await _touch(city_owner, "rule", "role:role3")
    await parts.scopes.refresh()
    misses = parts.scopes.misses
    await asyncio.gather(*(parts.scopes.scope(caller) for caller in callers))
    assert parts.scopes.misses - misses == CALLERS // ROLES


async def test_a_module_that_is_switched_ends_every_scope(
    parts: Parts, callers: list[Credential], city_owner: Pool
) -> None:
    await asyncio.gather(*(parts.scopes.scope(caller) for caller in callers[:20]))
    await _touch(city_owner, "module", "module:urban_management")
    await parts.scopes.refresh()
    misses = parts.scopes.misses
    await asyncio.gather(*(parts.scopes.scope(caller) for caller in callers[:20]))
    assert parts.scopes.misses - misses == 20


async def _touch(owner: Pool, kind: str, subject: str) -> None:
    async with owner.transaction() as connection:
        await connection.execute("SELECT wangge.touch($1, $2)", kind, subject)


async def test_the_policy_is_read_with_the_rules_of_some_roles_and_those_above(parts: Parts, city_owner: Pool) -> None:
    await define(city_owner, "upper", {"entity": INCIDENT, "actions": "list", "fields": {"caseNo": "clear"}})
    await define(city_owner, "lower", {"entity": INCIDENT, "actions": "get"}, inherits=["upper"])
    some = await parts.scopes.policy(["lower"])
    assert sorted(each.role for each in some.rules) == ["lower", "upper"]
    every = await parts.scopes.policy()
    assert {each.id for each in some.rules} < {each.id for each in every.rules}
    assert isinstance(every.rules[0].id, UUID)
