"""Tokens that work from some addresses and for one purpose only: checked at each request, by every process (API.md 5)."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from tests.city import City, eventually, served
from wangge.errors import Invalid
from wangge.identity.networks import checked, covered, networks, within
from wangge.settings import Settings
from wangge.store.database import Database
from wangge.store.pool import Pool

CLERK, OTHER, ADMIN = "nanming-station", "yunyan-station", "nanming-admin"
MAKE = "mutation($i: CreateTokenInput!) { createToken(input: $i) { token errors { code path } } }"
LIMIT = "mutation($id: ID!, $a: [String!], $p: String) { limitToken(id: $id, addresses: $a, purpose: $p) { errors { code path } } }"
MINE = "{ myTokens { id publicId addresses purpose } }"
ME = "{ me { account { id } } }"
REVEAL = "{ persons(first: 1) { nodes { idNumber(reveal: true) } } }"
HERE, THERE = "203.0.113.7", "198.51.100.7"
FORMS = ["203.0.113.0/24", "2001:DB8:0::/48", "203.0.113.0/24", "203.0.113.9/32", " ::1"]


def test_a_list_has_one_form() -> None:
    assert checked(FORMS) == ("203.0.113.0/24", "203.0.113.9", "::1", "2001:db8::/48")


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("203.0.113.7/24", "203.0.113.0/24"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("example.org", "203.0.113.7, 203.0.113.0/24, 2001:db8::/32"),
        ("203.0.113.7:80", "203.0.113.7, 203.0.113.0/24, 2001:db8::/32"),
        ("", "203.0.113.7, 203.0.113.0/24, 2001:db8::/32"),
    ],
)
def test_what_is_no_address_is_told_what_instead(text: str, instead: str) -> None:
    with pytest.raises(Invalid) as told:
        checked([text])
    assert (told.value.code, told.value.facts["instead"]) == ("token.bad_address", instead)


def test_an_address_lies_in_a_network_of_its_own_kind() -> None:
    allowed = networks(["203.0.113.0/24", "2001:db8::/32"])
    assert [within(one, allowed) for one in (HERE, "2001:db8::1", THERE, "2001:db9::1", "", "x")] == [
        True, True, False, False, False, False,
    ]  # fmt: skip
    assert covered(["203.0.113.128/25", "2001:db8::1"], ["203.0.113.0/24", "2001:db8::/32"])
    assert not covered(["203.0.112.0/23"], ["203.0.113.0/24"])
    assert not covered(["::/0"], ["203.0.113.0/24"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(city_settings: Settings, city_database: Database) -> AsyncIterator[City]:
    """The city behind a proxy at 127.0.0.1."""
    async with served(msgspec.structs.replace(city_settings, proxies=("127.0.0.0/8",)), city_database) as made:
        yield made


async def made(
    city: City, name: str, by: str = CLERK, headers: dict[str, str] | None = None, **given: Any
) -> list[str]:
    """A new token under a name that both servers know; the codes of what is wrong with it."""
    answer = (await city.ask(by, MAKE, {"i": given}, **(headers or {})))["data"]["createToken"]
    city.accounts[name] = {"token": answer["token"]}
    return [error["code"] for error in answer["errors"]]


async def from_(city: City, name: str, address: str, query: str = ME, **more: str) -> tuple[int, str | None]:
    """(status, code) of a request from an address."""
    headers = {**city.headers(name), "x-forwarded-for": address, **more}
    answer = await city.http.post("/graphql", json={"query": query}, headers=headers)
    errors = answer.json().get("errors")
    return answer.status_code, errors[0]["extensions"]["code"] if errors else None


async def test_a_token_works_from_its_addresses_only(city: City, behind: City, city_owner: Pool) -> None:
    assert await made(behind, "near", addresses=["203.0.113.0/24", "2001:db8::/32"]) == []
    city.accounts["near"] = behind.accounts["near"]
    assert [await from_(behind, "near", one) for one in (HERE, "2001:DB8::1")] == [(200, None)] * 2
    assert [await from_(behind, "near", one) for one in (THERE, "x")] == [(403, "token.wrong_address")] * 2
    assert await from_(city, "near", HERE) == (403, "token.wrong_address")  # nobody believes this header there
    entry = await city_owner.fetchrow(
        "SELECT actor_name, address, reason FROM wangge.ledger_entry WHERE action = 'denied:token' ORDER BY at DESC LIMIT 1"
    )
    assert entry is not None
    assert tuple(entry) == (CLERK, "127.0.0.1", "token.wrong_address")


async def test_what_limits_a_token_is_changed_for_every_process(city: City, behind: City, city_owner: Pool) -> None:
    assert await made(behind, "moving", addresses=["203.0.113.0/24"]) == []
    city.accounts["moving"] = behind.accounts["moving"]
    public = behind.accounts["moving"]["token"].split("_")[1]
    token = next(one for one in (await city.data(CLERK, MINE))["myTokens"] if one["publicId"] == public)
    assert (token["addresses"], token["purpose"]) == (["203.0.113.0/24"], None)
    assert await from_(behind, "moving", HERE) == (200, None)
    answer = await city.data(CLERK, LIMIT, {"id": token["id"], "a": ["127.0.0.1"], "p": "population_register"})
    assert answer["limitToken"]["errors"] == []

    async def moved() -> bool:
        return await from_(behind, "moving", HERE) == (403, "token.wrong_address")

    await eventually(moved)

    async def here() -> bool:
        return await from_(city, "moving", HERE) == (200, None)

    await eventually(here)
    revision = await city_owner.fetchrow(
        "SELECT fields, changes FROM wangge.revision WHERE row_id = $1::uuid", token["id"]
    )
    assert revision is not None
    assert (revision["fields"], revision["changes"]["addresses"]) == (
        ["addresses", "purpose"],
        {"from": ["203.0.113.0/24"], "to": ["127.0.0.1"]},
    )
    foreign = await city.ask(OTHER, LIMIT, {"id": token["id"]})
    assert foreign == await city.ask(OTHER, LIMIT, {"id": "019a0000-0000-7000-8000-000000000000"})


async def test_a_token_gives_no_token_that_works_from_more_or_for_more(behind: City) -> None:
    there = {"x-forwarded-for": HERE}
    limits: dict[str, Any] = {"addresses": ["203.0.113.0/24"], "purpose": "population_register"}
    assert await made(behind, "parent", **limits) == []
    assert await made(behind, "child", "parent", there) == []
    assert await from_(behind, "child", THERE) == (403, "token.wrong_address")
    assert await made(behind, "narrow", "parent", there, addresses=[HERE]) == []
    assert await made(behind, "wide", "parent", there, addresses=["203.0.112.0/23"]) == ["token.wider_than_yours"]
    assert await made(behind, "free", "parent", there, purpose="case_handling") == ["token.other_purpose"]
    mine = (await behind.ask("child", MINE, None, **there))["data"]["myTokens"]
    public = behind.accounts["child"]["token"].split("_")[1]
    own = next(one for one in mine if one["publicId"] == public)
    assert {name: own[name] for name in limits} == limits
    await behind.ask("child", LIMIT, {"id": own["id"], "a": [], "p": None}, **there)
    assert await from_(behind, "child", THERE) == (403, "token.wrong_address")


async def test_a_token_with_a_purpose_needs_not_name_it_and_may_name_no_other(city: City, city_owner: Pool) -> None:
    assert await made(city, "register", purpose="population_register") == []
    assert await from_(city, CLERK, HERE, REVEAL) == (200, "reveal.needs_purpose")
    assert await from_(city, "register", HERE, REVEAL) == (200, None)
    noted = "SELECT purpose FROM wangge.ledger_entry WHERE action = 'reveal' ORDER BY at DESC LIMIT 1"
    assert await city_owner.fetchval(noted) == "population_register"
    same, other = ({"wangge-purpose": purpose} for purpose in ("population_register", "case_handling"))
    assert await from_(city, "register", HERE, REVEAL, **same) == (200, None)
    assert await from_(city, "register", HERE, ME, **other) == (403, "token.other_purpose")


async def command(city: City, *words: str) -> tuple[int, str, str]:
    """Run `wangge token` in a process of its own; status, output, errors."""
    where = f"host={city.database.host}&port={city.database.port}"
    environment = {
        **os.environ,
        "WANGGE_HOME": str(city.settings.home),
        "WANGGE_DATABASE_URL": f"postgresql://wangge_app@/{city.database.name}?{where}",
        "WANGGE_KEY_FILE": str(city.settings.home / "keys" / "wangge.key"),
        "WANGGE_S3_URL": "http://a:b@127.0.0.1:9/c",
    }
    line = [sys.executable, "-m", "wangge", "token", *words]
    process = await asyncio.create_subprocess_exec(*line, env=environment, stdout=PIPE, stderr=PIPE)
    output, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode().strip(), errors.decode()


async def test_a_command_limits_a_token_too(behind: City) -> None:
    limits = ("--address", "203.0.113.0/24", "--address", "::1", "--purpose", "population_register")
    status, token, errors = await command(behind, CLERK, *limits)
    assert (status, errors) == (0, "")
    behind.accounts["made"] = {"token": token}
    assert await from_(behind, "made", HERE, REVEAL) == (200, None)
    assert await from_(behind, "made", THERE) == (403, "token.wrong_address")
    for words, sentence in (
        (("--address", "203.0.113.7/24"), "write 203.0.113.0/24"),
        (("--purpose", "nothing"), 'there is no purpose "nothing"'),
    ):
        status, token, errors = await command(behind, CLERK, *words)
        assert (status, token) == (1, "")
        assert sentence in errors


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"addresses": ["203.0.113.7/24"]}, "token.bad_address"),
        ({"addresses": [f"10.0.0.{n}" for n in range(51)]}, "token.many_addresses"),
        ({"purpose": "no_such_purpose"}, "token.unknown_purpose"),
        ({"purpose": "dog_registration' --"}, "token.unknown_purpose"),
        ({"purpose": "party_building"}, "token.unknown_purpose"),
    ],
)
async def test_what_is_wrong_with_limits_is_told(city: City, given: dict[str, Any], code: str) -> None:
    assert await made(city, "wrong", **given) == [code]


async def test_a_purpose_that_the_account_may_not_name_is_refused(city: City) -> None:
    assert await made(city, "wrong", ADMIN, purpose="population_register") == ["purpose.not_allowed"]


async def test_a_token_that_is_tried_from_elsewhere_fills_no_ledger(
    city_settings: Settings, city_database: Database, city_owner: Pool
) -> None:
    count = "SELECT count(*) FROM wangge.ledger_entry WHERE action = 'denied:token'"
    async with served(city_settings, city_database) as city:
        assert await made(city, "stolen", addresses=["203.0.113.0/24"]) == []
        before = await city_owner.fetchval(count)
        seen = [await from_(city, "stolen", HERE) for _ in range(103)]
        assert seen == [(403, "token.wrong_address")] * 100 + [(429, "auth.too_many_tries")] * 3
        assert await city_owner.fetchval(count) == before + 100
