"""Consent: a purpose that rests on it counts only for persons who gave it, and no longer once it is withdrawn."""

from __future__ import annotations

from typing import Any

import pytest_asyncio

from tests.city import City
from tests.graphql.accounts import admit
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
