"""Consent: a purpose that rests on it counts only for persons who gave it, and no longer once it is withdrawn."""

from __future__ import annotations

from typing import Any

import pytest_asyncio

from tests.city import City, eventually
from tests.graphql.accounts import admit
from tests.graphql.stored_rules import allow
from tests.graphql.test_subscriptions import begun
from tests.listening import listening
from wangge.store.pool import Pool

CLERK, OFFICER, WORKER, RESIDENT = "nanming-station", "nanming-officer", "nanming-social-worker", "nanming-resident"
PERSONS = "{ persons(first: 100) { nodes { id name phones { number } } totalCount { value } } }"
GIVE = """mutation($person: ID!, $purpose: ID!, $notice: ID!) {
  createConsent(input: {person: $person, purpose: $purpose, notice: $notice, channel: PORTAL}) { node { id } errors { code } } }"""
WITHDRAW = """mutation($id: ID!) { updateConsent(id: $id, patch: {withdrawnAt: "2030-01-01T00:00:00+08:00"}) {
  node { id } errors { code } } }"""
NOTICE = """mutation($at: Date!, $version: String!) { createPrivacyNotice(input: {version: $version, title: "告知书", controller: "南明区",
  contact: "0851-00000000", kinds: "姓名、电话", keep: "三年", text: "……", validFrom: $at}) { node { id } errors { code } } }"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def given(city: City, city_owner: Pool) -> dict[str, Any]:
    """The accounts, a notice in force, and the resident's own person."""
    await admit(city, city_owner, OFFICER, "data_officer", like="nanming-admin")
    await admit(city, city_owner, WORKER, "social_worker", like="nanming-admin")
    notice = await city.data(OFFICER, NOTICE, {"at": "2026-01-01", "version": "1"})
    purposes = await city.data(RESIDENT, '{ purposes(where: {code: {eq: "care_service"}}) { nodes { id } } }')
    person = await city_owner.fetchval("SELECT person FROM wangge.account WHERE login = $1", RESIDENT)
    return {
        "person": str(person),
        "purpose": purposes["purposes"]["nodes"][0]["id"],
        "notice": notice["createPrivacyNotice"]["node"]["id"],
    }


async def test_without_a_consent_the_rule_shows_nobody(city: City, given: dict[str, Any]) -> None:
    found = (await city.data(WORKER, PERSONS))["persons"]
    assert found == {"nodes": [], "totalCount": {"value": 0}}
    assert (await city.data(WORKER, f'{{ person(id: "{given["person"]}") {{ name }} }}'))["person"] is None


async def test_a_consent_opens_its_person_and_its_withdrawal_closes_it_at_once(
    city: City, given: dict[str, Any]
) -> None:
    other = await city.data(CLERK, '{ purposes(where: {code: {eq: "contact"}}) { nodes { id } } }')
    await city.data(RESIDENT, GIVE, {**given, "purpose": other["purposes"]["nodes"][0]["id"]})
    assert (await city.data(WORKER, PERSONS))["persons"]["totalCount"]["value"] == 0
    made = (await city.data(RESIDENT, GIVE, given))["createConsent"]
    assert made["errors"] == []
    found = (await city.data(WORKER, PERSONS))["persons"]
    assert [node["id"] for node in found["nodes"]] == [given["person"]]
    assert found["nodes"][0]["name"]
    withdrawn = await city.data(RESIDENT, WITHDRAW, {"id": made["node"]["id"]})
    assert withdrawn["updateConsent"]["errors"] == []
    assert (await city.data(WORKER, PERSONS))["persons"] == {"nodes": [], "totalCount": {"value": 0}}
    assert (await city.data(WORKER, f'{{ person(id: "{given["person"]}") {{ name }} }}'))["person"] is None
    assert (await city.data(RESIDENT, GIVE, given))["createConsent"]["errors"] == []
    assert (await city.data(WORKER, PERSONS))["persons"]["totalCount"]["value"] == 1


async def test_nobody_consents_for_another_and_a_notice_must_be_in_force(
    city: City, city_owner: Pool, given: dict[str, Any]
) -> None:
    other = await city_owner.fetchval(
        "SELECT p.id FROM base.person p JOIN base.person o ON o.id = $1 WHERE p.id <> o.id AND p.area_id = o.area_id LIMIT 1",
        given["person"],
    )
    refused = (await city.data(RESIDENT, GIVE, {**given, "person": str(other)}))["createConsent"]
    assert (refused["node"], [error["code"] for error in refused["errors"]]) == (None, ["ref.unknown"])
    later = (await city.data(OFFICER, NOTICE, {"at": "2099-01-01", "version": "2"}))["createPrivacyNotice"]["node"][
        "id"
    ]
    refused = (await city.data(RESIDENT, GIVE, {**given, "notice": later}))["createConsent"]
    assert [error["code"] for error in refused["errors"]] == ["base.notice_not_in_force"]


async def matched(city: City) -> int:
    """How many statements matched changes with subscriptions."""
    lines = (await city.http.get("/metrics")).text.splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("wangge_subscription_statements_total"))


async def test_a_withdrawn_consent_narrows_an_open_stream(city: City, city_owner: Pool, given: dict[str, Any]) -> None:
    actions, fields = ["subscribe"], {"name": "clear"}
    await allow(city_owner, "social_worker", "base.person", actions, fields, purpose="care_service")

    async def may_watch() -> bool:
        return (await city.data(WORKER, "{ __schema { subscriptionType { name } } }"))["__schema"][
            "subscriptionType"
        ] is not None

    await eventually(may_watch)
    await city.data(RESIDENT, GIVE, given)
    rename = "mutation($id: ID!, $n: String!) { updatePerson(id: $id, patch: {name: $n}) { errors { code } } }"
    async with listening(city, WORKER) as one:
        await begun(one, "subscription { personsChanged { kind id node { name } } }")
        await city.data(OFFICER, rename, {"id": given["person"], "n": "测试甲"})
        told = {"kind": "UPDATED", "id": given["person"], "node": {"name": "测试甲"}}
        assert await one.next() == told
        query = "{ consents(where: {withdrawnAt: {isNull: true}}) { nodes { id } } }"
        for consent in (await city.data(RESIDENT, query))["consents"]["nodes"]:
            await city.data(RESIDENT, WITHDRAW, {"id": consent["id"]})
        before = await matched(city)
        await city.data(OFFICER, rename, {"id": given["person"], "n": "测试乙"})

        async def looked_at() -> bool:
            return await matched(city) > before

        await eventually(looked_at)
        await one.silent(city)
        await city.data(RESIDENT, GIVE, given)
        await city.data(OFFICER, rename, {"id": given["person"], "n": "测试丙"})
        assert (await one.next())["node"] == {"name": "测试丙"}
