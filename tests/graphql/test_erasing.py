"""Erase over the API: who has the action has the field; afterwards the row is as one that never was, but for `_absent`."""

from __future__ import annotations

from uuid import UUID, uuid4

from tests.city import City
from tests.graphql.accounts import admit
from wangge.store.pool import Pool

CLERK, OFFICER, OTHER = "nanming-station", "nanming-officer", "yunyan-station"
ERASE = 'mutation($id: ID!) { erasePerson(id: $id, reason: "本人申请") { id errors { code message } } }'
RESIDENCE = """SELECT r.id, r.person FROM base.residence r JOIN wangge.post p ON TRUE JOIN wangge.account a ON a.id = p.account
JOIN wangge.area g ON g.id = p.area_id WHERE a.login = $1 AND r.area_ord BETWEEN g.ord AND g.ord_end AND r.removed_at IS NULL
ORDER BY r.id OFFSET $2 LIMIT 1"""


async def test_an_erased_person_is_gone_and_its_references_say_so_to_those_who_may_know(
    city: City, city_owner: Pool
) -> None:
    await admit(city, city_owner, OFFICER, "data_officer", like=CLERK)
    row = await city_owner.fetchrow(RESIDENCE, CLERK, 3)
    assert row is not None
    home, who = str(row["id"]), str(row["person"])
    done = await city.data(OFFICER, ERASE, {"id": who})
    assert done["erasePerson"] == {"id": who, "errors": []}
    query = f'{{ person(id: "{who}") {{ id }} residence(id: "{home}") {{ person {{ id }} _absent }} }}'
    seen = await city.data(CLERK, query)
    assert seen["person"] is None
    assert (seen["residence"]["person"], seen["residence"]["_absent"]["person"]) == (None, "ERASED")
    where = "query($id: ID!) { residences(where: {person: {id: {eq: $id}}}) { totalCount { value } } }"
    assert (await city.data(CLERK, where, {"id": who}))["residences"]["totalCount"]["value"] == 0
    listed = "query($id: ID!) { persons(where: {id: {eq: $id}}, removed: INCLUDE) { nodes { id } } }"
    assert (await city.data(CLERK, listed, {"id": who}))["persons"]["nodes"] == []
    answers = [await city.ask(OFFICER, ERASE, {"id": each}) for each in (who, str(uuid4()))]
    assert answers[0] == answers[1]
    assert answers[0]["errors"][0]["extensions"]["code"] == "row.unknown"


async def test_who_may_not_erase_has_no_such_field_and_a_reason_is_needed(city: City, city_owner: Pool) -> None:
    row = await city_owner.fetchrow(RESIDENCE, CLERK, 6)
    assert row is not None
    assert await city.code(CLERK, ERASE, {"id": str(row["person"])}) == "document.invalid"
    without = f'mutation {{ erasePerson(id: "{row["person"]}") {{ id }} }}'
    assert await city.code(OFFICER, without) == "document.invalid"
    foreign = await city_owner.fetchrow(RESIDENCE, OTHER, 0)
    assert foreign is not None
    assert await city.code(OFFICER, ERASE, {"id": str(foreign["person"])}) == "row.unknown"
    kept = await city_owner.fetchval(
        "SELECT count(*) FROM base.person WHERE id = ANY($1::uuid[]) AND removed_at IS NULL",
        [UUID(str(row["person"])), foreign["person"]],
    )
    assert kept == 2
