"""Delegated administration over GraphQL: what administrators may do to accounts, posts, tokens and sessions, and what they may not."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
from typing import Any

import pytest

from tests.city import City, eventually
from wangge.store.pool import Pool

ERRORS = "errors { index path code message }"
CREATE = f"""mutation ($login: String!, $area: ID!, $until: DateTime) {{
  createAccount(input: {{login: $login, name: "测试", area: $area, expiresAt: $until}}) {{ node {{ id login state expiresAt }} {ERRORS} }} }}"""
POST = f"""mutation ($i: CreatePostInput!) {{ createPost(input: $i) {{ node {{ id role validTo }} {ERRORS} }} }}"""
TOKEN = f"""mutation ($i: CreateTokenInput!) {{ createToken(input: $i) {{ token node {{ id }} {ERRORS} }} }}"""
OWN_TOKEN = f"""mutation ($i: CreateTokenInput!) {{ createToken(input: $i) {{ token {ERRORS} }} }}"""
NUMBERS = itertools.count()
NANMING, YUNYAN, CITY = "520102000000", "520103000000", "520100000000"
CLERK = "nanming-station"


def by_id(name: str, of: str = "id") -> str:
    """A mutation with one id."""
    return f"mutation ($id: ID!) {{ {name}({of}: $id) {{ node {{ id }} {ERRORS} }} }}"


class Town:
    """The served city with the ids that administration speaks of."""

    def __init__(self, city: City, owner: Pool) -> None:
        self.city = city
        self.owner = owner

    async def area(self, code: str) -> str:
        return str(await self.owner.fetchval("SELECT id FROM wangge.area WHERE code = $1", code))

    async def unit(self, code: str) -> str:
        return str(await self.owner.fetchval("SELECT id FROM wangge.unit WHERE code = $1", code))

    async def account(self, login: str) -> str:
        return str(await self.owner.fetchval("SELECT id FROM wangge.account WHERE login = $1", login))

    async def post(self, login: str) -> str:
        sql = "SELECT p.id FROM wangge.post p JOIN wangge.account a ON a.id = p.account WHERE a.login = $1 LIMIT 1"
        return str(await self.owner.fetchval(sql, login))

    async def new(self, by: str = "nanming-admin", area: str = NANMING) -> str:
        """A new account, made by an administrator."""
        made = await self.city.data(by, CREATE, {"login": f"new-{next(NUMBERS)}", "area": await self.area(area)})
        assert made["createAccount"]["errors"] == []
        found: str = made["createAccount"]["node"]["id"]
        return found

    async def give(self, by: str, account: str, role: str, unit: str, area: str, **more: Any) -> Any:
        """The answer to createPost: the codes of what is wrong, or the post."""
        given = {"account": account, "role": role, "unit": await self.unit(unit), "area": await self.area(area), **more}
        made = await self.city.ask(by, POST, {"i": given})
        if "errors" in made:
            return [error["extensions"]["code"] for error in made["errors"]]
        return [error["code"] for error in made["data"]["createPost"]["errors"]] or made["data"]["createPost"]["node"]

    async def done(self, by: str, mutation: str, id_: str) -> Any:
        """The codes of what is wrong with a mutation of one id, [] when it was done."""
        made = await self.city.ask(by, mutation, {"id": id_})
        if "errors" in made:
            return [error["extensions"].get("code") for error in made["errors"]]
        return [error["code"] for error in next(iter(made["data"].values()))["errors"]]


@pytest.fixture(scope="module")
def town(city: City, city_owner: Pool) -> Town:
    """The served city."""
    return Town(city, city_owner)


async def test_an_administrator_makes_an_account_that_works_with_its_post_and_stops_with_it(town: Town) -> None:
    account = await town.new()
    post = await town.give("nanming-admin", account, "station_clerk", "520102", NANMING)
    assert (post["role"], post["validTo"]) == ("station_clerk", None)
    made = await town.city.data("nanming-admin", TOKEN, {"i": {"account": account}})
    headers = {"authorization": f"Bearer {made['createToken']['token']}"}
    asked = {"query": "{ me { posts { role { id } } } }"}
    answer = await town.city.http.post("/graphql", json=asked, headers=headers)
    assert answer.json() == {"data": {"me": {"posts": [{"role": {"id": "station_clerk"}}]}}}
    assert await town.done("nanming-admin", by_id("endPost"), post["id"]) == []

    async def gone() -> bool:
        found = await town.city.http.post("/graphql", json=asked, headers=headers)
        return bool(found.json() == {"data": {"me": {"posts": []}}})

    await eventually(gone)
    assert await town.done("nanming-admin", by_id("disableAccount"), account) == []

    async def refused() -> bool:
        return (await town.city.http.post("/graphql", json=asked, headers=headers)).status_code == 401

    await eventually(refused)


@pytest.mark.parametrize(
    ("by", "role", "unit", "area", "refusal"),
    [
        ("nanming-admin", "city_admin", "520102", NANMING, "post.role_not_yours"),
        ("nanming-admin", "security_admin", "520102", NANMING, "post.role_not_yours"),
        ("nanming-admin", "auditor", "520102", NANMING, "post.role_not_yours"),
        ("nanming-admin", "no_such_role", "520102", NANMING, "post.role_not_yours"),
        ("nanming-admin", "member", "520102", NANMING, "post.role_not_yours"),
        ("nanming-admin", "station_clerk", "520102", YUNYAN, "post.place_unknown"),
        ("nanming-admin", "station_clerk", "520102", CITY, "post.place_unknown"),
        ("nanming-admin", "station_clerk", "520103", NANMING, "post.place_unknown"),
        ("nanming-admin", "station_clerk", "GY", NANMING, "post.place_unknown"),
        ("nanming-admin", "district_admin", "520103", YUNYAN, "post.place_unknown"),
        ("city-admin", "audit_admin", "GY", CITY, "post.role_not_yours"),
        ("security-admin", "station_clerk", "GY-data", CITY, "post.role_not_yours"),
        ("security-admin", "audit_admin", "GY", CITY, "post.place_unknown"),
    ],
)
async def test_nobody_gives_a_role_an_area_or_a_unit_that_is_not_theirs(
    town: Town, by: str, role: str, unit: str, area: str, refusal: str
) -> None:
    account = await town.new("nanming-admin")
    assert await town.give(by, account, role, unit, area) == [refusal]


async def test_an_unknown_area_is_refused_like_a_foreign_one(town: Town) -> None:
    account = await town.new()
    answers = []
    for area in (await town.area(YUNYAN), "019a0000-0000-7000-8000-000000000000", "no id"):
        given = {"account": account, "role": "station_clerk", "unit": await town.unit("520102"), "area": area}
        answers.append(await town.city.data("nanming-admin", POST, {"i": given}))
    assert answers[0] == answers[1] == answers[2]


async def test_what_an_administrator_may_give_ends_with_the_own_post(town: Town) -> None:
    account, until = await town.new(), dt.datetime.now(dt.UTC) + dt.timedelta(days=10)
    made = await town.give("city-admin", account, "district_admin", "520102", NANMING, validTo=until.isoformat())
    assert made["role"] == "district_admin"
    token = await town.city.data("city-admin", TOKEN, {"i": {"account": account, "expiresAt": until.isoformat()}})
    town.city.accounts["short"] = {"token": token["createToken"]["token"]}
    clerk = await town.new()
    later = (until + dt.timedelta(seconds=1)).isoformat()
    for more in ({}, {"validTo": later}):
        assert await town.give("short", clerk, "station_clerk", "520102", NANMING, **more) == ["post.longer_than_yours"]
    given = await town.give("short", clerk, "station_clerk", "520102", NANMING, validTo=until.isoformat())
    assert given["role"] == "station_clerk"
    assert await town.done("short", by_id("endPost"), given["id"]) == []


async def test_nobody_administers_the_own_account(town: Town) -> None:
    own = await town.account("nanming-admin")
    refusals = [await town.give("nanming-admin", own, "station_clerk", "520102", NANMING)]
    for name, of in (("disableAccount", "id"), ("enableAccount", "id"), ("setInitialPassword", "account")):
        refusals.append(await town.done("nanming-admin", by_id(name, of), own))
    assert refusals == [["account.own"]] * 4


async def test_accounts_with_rights_beyond_the_administrators_are_not_to_be_touched(town: Town) -> None:
    account = await town.new()
    assert (await town.give("city-admin", account, "supervisor", "GY", CITY))["role"] == "supervisor"
    for name, of in (("disableAccount", "id"), ("enableAccount", "id"), ("setInitialPassword", "account")):
        assert (await town.done("nanming-admin", by_id(name, of), account)) == ["post.place_unknown"]
    made = await town.city.data("nanming-admin", TOKEN, {"i": {"account": account}})
    assert [error["code"] for error in made["createToken"]["errors"]] == ["post.place_unknown"]


async def test_accounts_of_another_district_are_answered_like_missing_ones(town: Town) -> None:
    foreign, missing = await town.account("yunyan-station"), "019a0000-0000-7000-8000-000000000000"
    for name, of in (
        ("disableAccount", "id"),
        ("enableAccount", "id"),
        ("setInitialPassword", "account"),
        ("endPost", "id"),
    ):
        answers = [
            await town.city.ask("nanming-admin", by_id(name, of), {"id": id_})
            for id_ in (foreign, missing, await town.post("yunyan-station"))
        ]
        assert answers[0] == answers[1] == answers[2]
        assert answers[0]["errors"][0]["extensions"]["code"] == "row.unknown"


async def test_the_account_of_a_resident_is_entered_by_the_resident_only(town: Town) -> None:
    resident = await town.account("nanming-resident")
    assert await town.done("nanming-admin", by_id("setInitialPassword", "account"), resident) == ["account.of_a_person"]
    made = await town.city.data("nanming-admin", TOKEN, {"i": {"account": resident}})
    assert [error["code"] for error in made["createToken"]["errors"]] == ["account.of_a_person"]


async def test_the_last_administrator_of_a_kind_stays(town: Town) -> None:
    last = {"city-admin": "city-admin", "security-admin": "security-admin", "nanming-admin": "nanming-admin"}
    for login, by in last.items():
        assert await town.done(by, by_id("endPost"), await town.post(login)) == ["post.last_of_its_kind"]
    audit = await town.account("audit-admin")
    yunyan = await town.account("yunyan-admin")
    assert await town.done("city-admin", by_id("disableAccount"), yunyan) == ["post.last_of_its_kind"]
    update = f"mutation ($id: ID!, $p: UpdateAccountInput!) {{ updateAccount(id: $id, patch: $p) {{ node {{ id }} {ERRORS} }} }}"
    soon = (dt.datetime.now(dt.UTC) + dt.timedelta(days=1)).isoformat()
    made = await town.city.data("security-admin", update, {"id": audit, "p": {"expiresAt": soon}})
    assert [error["code"] for error in made["updateAccount"]["errors"]] == ["post.last_of_its_kind"]
    deputy = await town.new("city-admin", YUNYAN)
    assert (await town.give("city-admin", deputy, "district_admin", "520103", YUNYAN))["role"] == "district_admin"
    assert await town.done("city-admin", by_id("disableAccount"), yunyan) == []
    assert await town.done("city-admin", by_id("enableAccount"), yunyan) == []


async def test_system_security_and_audit_administration_are_kept_apart(town: Town) -> None:
    audit = await town.account("audit-admin")
    assert await town.give("security-admin", audit, "system_admin", "GY-data", CITY) == ["post.separate_duties"]


async def test_a_substitute_has_the_post_until_its_date_and_loses_it_with_the_post(town: Town) -> None:
    until = (dt.datetime.now(dt.UTC) + dt.timedelta(days=7)).isoformat()
    holder, other = await town.new(), await town.new()
    post = await town.give("nanming-admin", holder, "station_clerk", "520102", NANMING)
    mutation = f"mutation ($i: SubstitutePostInput!) {{ substitutePost(input: $i) {{ node {{ id role validTo substitutes {{ id }} }} {ERRORS} }} }}"
    made = await town.city.data(
        "nanming-admin", mutation, {"i": {"post": post["id"], "account": other, "validTo": until}}
    )
    node = made["substitutePost"]["node"]
    assert (node["role"], node["substitutes"], node["validTo"] is not None) == (
        "station_clerk",
        {"id": post["id"]},
        True,
    )
    assert await town.done("nanming-admin", by_id("endPost"), post["id"]) == []
    ended = "SELECT valid_to <= clock_timestamp() FROM wangge.post WHERE id = $1"
    assert await town.owner.fetchval(ended, node["id"]) is True
    own = {"post": await town.post("nanming-station"), "account": await town.account("nanming-admin"), "validTo": until}
    refused = await town.city.data("nanming-admin", mutation, {"i": own})
    assert [error["code"] for error in refused["substitutePost"]["errors"]] == ["account.own"]


async def test_a_token_of_the_own_account_holds_no_more_than_what_it_was_made_with(town: Town) -> None:
    post = await town.post(CLERK)
    soon = (dt.datetime.now(dt.UTC) + dt.timedelta(days=1)).isoformat()
    made = await town.city.data(CLERK, OWN_TOKEN, {"i": {"posts": [post], "expiresAt": soon}})
    town.city.accounts["limited"] = {"token": made["createToken"]["token"]}
    second = await town.city.data("limited", OWN_TOKEN, {"i": {}})
    stored = """SELECT array_agg(k.target_id::text), t.expires_at FROM wangge.token t
    LEFT JOIN wangge.token_posts k ON k.row_id = t.id WHERE t.public_id = $1 GROUP BY t.id"""
    found = await town.owner.fetchrow(stored, second["createToken"]["token"].split("_")[1])
    assert found is not None
    assert (found["array_agg"], found["expires_at"].isoformat()) == (
        [post],
        dt.datetime.fromisoformat(soon).isoformat(),
    )
    later = (dt.datetime.now(dt.UTC) + dt.timedelta(days=2)).isoformat()
    refused = [
        await town.city.data("limited", OWN_TOKEN, {"i": {"expiresAt": later}}),
        await town.city.data(CLERK, OWN_TOKEN, {"i": {"posts": [await town.post("nanming-admin")]}}),
        await town.city.data(CLERK, OWN_TOKEN, {"i": {"expiresAt": "2126-01-01T00:00:00+08:00"}}),
    ]
    codes = [answer["createToken"]["errors"][0]["code"] for answer in refused]
    assert codes == ["token.longer_than_yours", "token.post_unknown", "token.too_long"]


async def test_an_own_token_is_revoked_and_a_foreign_one_is_unknown(town: Town) -> None:
    made = await town.city.data(CLERK, OWN_TOKEN, {"i": {"label": "mine"}})
    town.city.accounts["mine"] = {"token": made["createToken"]["token"]}
    mine = await town.city.data("mine", "{ myTokens { id publicId label } }")
    id_ = next(t["id"] for t in mine["myTokens"] if t["label"] == "mine")
    revoke = f"mutation ($id: ID!) {{ revokeToken(id: $id) {{ {ERRORS} }} }}"
    foreign = await town.city.ask("yunyan-station", revoke, {"id": id_})
    missing = await town.city.ask("yunyan-station", revoke, {"id": "019a0000-0000-7000-8000-000000000000"})
    assert foreign == missing
    assert await town.done(CLERK, revoke, id_) == []

    async def refused() -> bool:
        asked = await town.city.http.post(
            "/graphql", json={"query": "{ me { account { id } } }"}, headers=town.city.headers("mine")
        )
        return asked.status_code == 401

    await eventually(refused)


async def test_fields_of_administration_exist_for_administrators_only(town: Town) -> None:
    names = "{ __schema { mutationType { fields { name } } } }"

    async def found(login: str) -> set[str]:
        made = await town.city.data(login, names)
        return {field["name"] for field in made["__schema"]["mutationType"]["fields"]}

    administration = {
        "createAccount", "updateAccount", "disableAccount", "enableAccount", "setInitialPassword",
        "createPost", "endPost", "substitutePost",
    }  # fmt: skip
    everyone = {"createToken", "revokeToken", "endSession"}
    assert await found(CLERK) & administration == set()
    assert everyone <= await found(CLERK)
    assert administration | everyone <= await found("nanming-admin")
    assert await found("audit-admin") & (administration | everyone) == everyone


async def test_what_is_done_and_what_is_denied_stands_in_the_ledger(town: Town) -> None:
    account = await town.new()
    await town.give("nanming-admin", account, "city_admin", "520102", NANMING)
    await town.give("nanming-admin", account, "station_clerk", "520102", NANMING)
    entries = await town.owner.fetch(
        "SELECT action, reason FROM wangge.ledger_entry WHERE actor_name = 'nanming-admin' ORDER BY at DESC, id DESC LIMIT 3"
    )
    assert [(entry["action"], entry["reason"]) for entry in entries] == [
        ("create_post", None),
        ("denied:create_post", "post.role_not_yours"),
        ("create_account", None),
    ]


async def test_two_administrators_who_end_each_other_at_once_leave_one(town: Town) -> None:
    first, second = "yunyan-admin", f"second-{next(NUMBERS)}"
    made = await town.city.data("city-admin", CREATE, {"login": second, "area": await town.area(YUNYAN)})
    account = made["createAccount"]["node"]["id"]
    await town.give("city-admin", account, "district_admin", "520103", YUNYAN)
    token = await town.city.data("city-admin", TOKEN, {"i": {"account": account}})
    town.city.accounts[second] = {"token": token["createToken"]["token"]}
    others = """SELECT p.id::text FROM wangge.post p JOIN wangge.account a ON a.id = p.account
    WHERE p.role = 'district_admin' AND a.login <> ALL($1) AND p.area_id = $2 AND (p.valid_to IS NULL OR p.valid_to > now())"""
    for row in await town.owner.fetch(others, [first, second], await town.area(YUNYAN)):
        assert await town.done("city-admin", by_id("endPost"), row["id"]) == []
    ends = (
        town.done(first, by_id("endPost"), await town.post(second)),
        town.done(second, by_id("endPost"), await town.post(first)),
    )
    answers = await asyncio.gather(*ends)
    assert sorted(answer == [] for answer in answers) == [False, True]
    left = """SELECT count(*) FROM wangge.post WHERE role = 'district_admin' AND area_id = $1
    AND (valid_to IS NULL OR valid_to > clock_timestamp())"""
    assert await town.owner.fetchval(left, await town.area(YUNYAN)) == 1


async def test_a_write_that_has_begun_is_waited_for_and_in_the_end_not_for_ever(town: Town) -> None:
    account = await town.new()
    async with town.owner.transaction() as writing:
        await writing.execute("SELECT pg_advisory_xact_lock_shared(7146001)")
        assert await town.done("nanming-admin", by_id("disableAccount"), account) == ["database.busy"]
    assert await town.done("nanming-admin", by_id("disableAccount"), account) == []
