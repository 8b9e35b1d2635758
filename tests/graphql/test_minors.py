"""Under 14 all is sensitive (PIPL 28, 31): a rule that was not given for that class shows the year only, to the day."""

from __future__ import annotations

from typing import Any

import pytest_asyncio

from tests.city import City, eventually
from tests.graphql.accounts import admit
from tests.graphql.stored_rules import allow
from wangge.store.pool import Pool

CLERK, VISITOR, REVEALER = "nanming-station", "nanming-visitor", "nanming-revealer"
FIELDS = {"name": "clear", "birthDate": "clear"}
PERSON = """query($id: ID!) { person(id: $id) { birthDate _absent } }"""
REVEAL = """query($id: ID!) { person(id: $id) { birthDate(reveal: true) } }"""
BY_DATE = "query($d: Date!) { persons(where: {birthDate: {eq: $d}}) { nodes { id birthDate } totalCount { value } } }"
ORDERED = "{ persons(orderBy: [{birthDate: DESC}], first: 1000) { nodes { id birthDate } } }"
BORN = """SELECT p.id, to_char(current_date - interval '14 years' + $2 * interval '1 day', 'YYYY-MM-DD') AS day
FROM base.person p JOIN base.person_area l ON l.row_id = p.id JOIN wangge.post t ON TRUE JOIN wangge.account a ON a.id = t.account
JOIN wangge.area g ON g.id = t.area_id
WHERE a.login = $1 AND l.area_ord BETWEEN g.ord AND g.ord_end AND p.removed_at IS NULL ORDER BY p.id OFFSET $3 LIMIT 1"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def born(city: City, city_owner: Pool) -> dict[int, dict[str, Any]]:
    """Age -> a person who turned 14 today, and one who turns 14 tomorrow; two roles that see birth dates for contact."""
    made: dict[int, dict[str, Any]] = {}
    for age, days, offset in ((14, 0, 2), (13, 1, 3)):
        row = await city_owner.fetchrow(BORN, CLERK, days, offset)
        assert row is not None
        made[age] = {"id": str(row["id"]), "day": row["day"]}
        await city_owner.execute(
            "UPDATE base.person SET birth_date = $2::text::date, birth_date_precision = NULL WHERE id = $1",
            row["id"],
            row["day"],
        )
    await allow(city_owner, "volunteer", "base.person", ["list", "get"], FIELDS, purpose="contact")
    await allow(city_owner, "partner", "base.person", ["list", "get"], FIELDS, purpose="contact")
    await allow(city_owner, "partner", "base.person", ["reveal"], {"birthDate": "clear"}, purpose="population_register")
    await admit(city, city_owner, VISITOR, "volunteer", like=CLERK)
    await admit(city, city_owner, REVEALER, "partner", like=CLERK)

    async def effective() -> bool:
        answer = await city.ask(REVEALER, PERSON, {"id": made[14]["id"]})
        return bool((answer.get("data") or {}).get("person"))

    await eventually(effective)
    return made


async def test_at_fourteen_the_date_is_clear_and_at_thirteen_its_year_alone(
    city: City, born: dict[int, dict[str, Any]]
) -> None:
    older = (await city.data(VISITOR, PERSON, {"id": born[14]["id"]}))["person"]
    younger = (await city.data(VISITOR, PERSON, {"id": born[13]["id"]}))["person"]
    assert older == {"birthDate": born[14]["day"], "_absent": {}}
    assert younger == {"birthDate": born[13]["day"][:4], "_absent": {"birthDate": "MASKED"}}


async def test_a_rule_given_for_the_class_shows_both(city: City, born: dict[int, dict[str, Any]]) -> None:
    for each in born.values():
        assert (await city.data(CLERK, PERSON, {"id": each["id"]}))["person"]["birthDate"] == each["day"]


async def test_what_is_raised_is_not_filtered_by_and_comes_last_in_an_ordering(
    city: City, born: dict[int, dict[str, Any]]
) -> None:
    seen = (await city.data(VISITOR, BY_DATE, {"d": born[14]["day"]}))["persons"]["nodes"]
    assert born[14]["id"] in [node["id"] for node in seen]
    assert {node["birthDate"] for node in seen} == {born[14]["day"]}
    hidden = (await city.data(VISITOR, BY_DATE, {"d": born[13]["day"]}))["persons"]
    assert hidden == {"nodes": [], "totalCount": {"value": 0}}
    assert born[13]["id"] in [
        n["id"] for n in (await city.data(CLERK, BY_DATE, {"d": born[13]["day"]}))["persons"]["nodes"]
    ]
    nodes = (await city.data(VISITOR, ORDERED))["persons"]["nodes"]
    masked = [len(node["birthDate"] or "") == 4 for node in nodes]
    assert True in masked
    assert False in masked
    assert masked == sorted(masked, reverse=True)


async def test_a_reveal_shows_the_raised_date_for_its_purpose_and_stands_in_the_ledger(
    city: City, city_owner: Pool, born: dict[int, dict[str, Any]]
) -> None:
    child = born[13]
    assert (await city.data(REVEALER, PERSON, {"id": child["id"]}))["person"]["birthDate"] == child["day"][:4]
    shown = await city.ask(REVEALER, REVEAL, {"id": child["id"]}, **{"wangge-purpose": "population_register"})
    assert shown["data"]["person"]["birthDate"] == child["day"]
    entry = "SELECT fields FROM wangge.ledger_entry WHERE action = 'reveal' AND row_id = $1::text::uuid"
    assert [row["fields"] for row in await city_owner.fetch(entry, child["id"])] == [["birthDate"]]
