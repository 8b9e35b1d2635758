"""System, security and audit administration are apart, see no personal field, and nobody deletes the ledger; suppliers end."""

from __future__ import annotations

import asyncpg
import pytest

from tests.city import City
from tests.identity.test_administration import CITY, Town
from tests.policy.holders import define, hire
from wangge.model.load import load_model
from wangge.model.rule_checks import PERSONAL
from wangge.modules.discover import discover
from wangge.store.pool import Pool

MODEL = load_model([found.folder for found in discover()])
THREE = ("system-admin", "security-admin", "audit-admin")
TYPES = "{ __schema { types { name fields { name } } } }"
LATER = "2099-01-01T00:00:00+08:00"


@pytest.fixture(scope="module")
def town(city: City, city_owner: Pool) -> Town:
    """The served city."""
    return Town(city, city_owner)


@pytest.mark.parametrize("login", [*THREE, "city-admin", "nanming-admin"])
async def test_administrators_have_no_personal_field_by_default(city: City, login: str) -> None:
    told = (await city.data(login, TYPES))["__schema"]["types"]
    shown = {type_["name"]: {field["name"] for field in type_["fields"] or ()} for type_ in told}
    personal = {
        (entity.type, field.name)
        for entity in MODEL.entities.values()
        for field in MODEL.fields_of(entity.name).values()
        if field.sensitivity in PERSONAL
    }
    assert len(personal) > 20
    assert [pair for pair in sorted(personal) if pair[1] in shown.get(pair[0], ())] == []


@pytest.mark.parametrize("login", [*THREE, "city-admin", "nanming-admin"])
async def test_no_administrator_has_a_way_to_change_the_ledger(city: City, login: str) -> None:
    told = await city.data(login, "{ __schema { mutationType { fields { name } } } }")
    names = {field["name"].lower() for field in told["__schema"]["mutationType"]["fields"]}
    assert [name for name in names if "ledger" in name or "readrecord" in name] == []


@pytest.mark.parametrize("sql", ["DELETE FROM wangge.ledger_entry", "UPDATE wangge.ledger_entry SET reason = 'x'"])
async def test_the_role_that_serves_cannot_change_the_ledger(city: City, sql: str) -> None:
    async with Pool(city.database, "app", size=1) as pool:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(sql)


@pytest.mark.parametrize(
    ("holder", "role"),
    [
        ("audit-admin", "system_admin"),
        ("audit-admin", "security_admin"),
        ("system-admin", "audit_admin"),
        ("system-admin", "security_admin"),
    ],
)
async def test_nobody_holds_two_of_the_three(town: Town, holder: str, role: str) -> None:
    account = await town.account(holder)
    assert await town.give("security-admin", account, role, "GY-data", CITY) == ["post.separate_duties"]


async def test_a_role_that_takes_one_over_counts_as_it(town: Town) -> None:
    await define(town.owner, "archivist", inherits=["audit_admin"])
    await define(town.owner, "everything", inherits=["audit_admin", "system_admin"])
    sql = "UPDATE wangge.role SET module = 'wangge', delegated_by = '[\"security_admin\"]' WHERE code = ANY($1)"
    await town.owner.execute(sql, ["archivist", "everything"])
    system = await town.account("system-admin")
    assert await town.give("security-admin", system, "archivist", "GY-data", CITY) == ["post.separate_duties"]
    assert await town.give("security-admin", await town.new(), "everything", "GY-data", CITY) == [
        "post.separate_duties"
    ]
    assert "id" in await town.give("security-admin", await town.new(), "archivist", "GY-data", CITY)


async def test_somebody_of_a_partner_gets_a_post_that_ends(town: Town) -> None:
    partner = "UPDATE wangge.unit SET kind = 'partner' WHERE code = 'GY-data' RETURNING id"
    await town.owner.execute(partner)
    account = await town.new("security-admin", CITY)
    try:
        assert await town.give("security-admin", account, "auditor", "GY-data", CITY) == ["post.supplier_without_end"]
        assert "id" in await town.give("security-admin", account, "auditor", "GY-data", CITY, validTo=LATER)
    finally:
        await town.owner.execute(partner.replace("'partner'", "'department'"))


async def test_whether_a_login_is_taken_is_told_a_few_times_alike_for_every_district_and_each_time_in_the_ledger(
    town: Town,
) -> None:
    guesser = await hire(town.city, town.owner, "guesser", ("district_admin", "520102000000"))
    query = """mutation ($l: String!, $a: ID!) { createAccount(input: {login: $l, name: "x", area: $a}) {
      node { id } errors { index path code message } } }"""
    area = await town.area("520102000000")

    async def answer(login: str) -> object:
        made = await town.city.ask(guesser, query, {"l": login, "a": area})
        if "errors" in made:
            return made["errors"][0]["extensions"]["code"]
        return [
            error | {"message": error["message"].replace(login, "?")}
            for error in made["data"]["createAccount"]["errors"]
        ]

    assert [await answer(f"fresh-{n}") for n in range(7)] == [[]] * 7
    logins = ("nanming-station", "yunyan-station", "security-admin", "yunyan-resident", "yunyan-grid-1")
    told = [await answer(login) for login in logins]
    assert told == [told[0]] * 5
    assert [error["code"] for error in told[0]] == ["account.login_taken"]  # type: ignore[attr-defined] # a list
    assert [await answer(login) for login in ("yunyan-grid-2", "quite-free")] == ["auth.too_many_tries"] * 2
    noted = await town.owner.fetch(
        "SELECT reason FROM wangge.ledger_entry WHERE action = 'denied:create_account' AND account_id::text = $1",
        await town.account(guesser),
    )
    assert [row["reason"] for row in noted] == ["account.login_taken"] * 5
    assert await town.new()
