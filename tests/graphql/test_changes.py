"""`changes`: what a caller can see of what changed, page by page, and what it must not learn."""

from __future__ import annotations

from typing import Any

from tests.city import City, eventually
from tests.graphql.accounts import admit
from tests.graphql.stored_rules import allow
from tests.graphql.test_erasing import CLERK, ERASE, RESIDENCE
from tests.graphql.test_writing import NANMING, REMOVE, RESTORE, UPDATE, YUNYAN, created, grid_of
from tests.policy.holders import define
from wangge.crypto import load_keys
from wangge.graphql import cursors
from wangge.store.pool import Pool

FEED = """query($a: String, $n: Int, $t: ChangingType!) { changes(entity: $t, after: $a, first: $n) {
    nodes { kind id reason position node { id ... on Incident { description state } } } endPosition hasNextPage rightsChanged } }"""


async def page(city: City, login: str, after: str | None, first: int = 1000, type_: str = "Incident") -> dict[str, Any]:
    """One page of changes."""
    query = FEED if type_ == "Incident" else FEED.replace("... on Incident { description state }", "")
    made: dict[str, Any] = (await city.data(login, query, {"a": after, "n": first, "t": type_}))["changes"]
    return made


async def settled(city: City) -> None:
    """Wait until all that was written has its position."""
    async with Pool(city.database, "app") as pool:

        async def done() -> bool:
            return not await pool.fetchval("SELECT EXISTS (SELECT 1 FROM wangge.outbox WHERE position IS NULL)")

        await eventually(done)


async def end_of(city: City, login: str, type_: str = "Incident") -> str:
    """The position of this moment."""
    await settled(city)
    at, more = None, True
    while more:
        found = await page(city, login, at, type_=type_)
        at, more = found["endPosition"], found["hasNextPage"]
    return str(at)


def told(found: dict[str, Any]) -> list[tuple[str, str]]:
    """(kind, id) of each change."""
    return [(node["kind"], node["id"]) for node in found["nodes"]]


async def test_without_a_position_all_rows_come_first(city: City) -> None:
    listed = await city.data(NANMING, "{ incidents(first: 1000, orderBy: [{id: ASC}]) { nodes { id } } }")
    wanted = [node["id"] for node in listed["incidents"]["nodes"]]
    seen, at, more = list[str](), None, True
    while more:
        found = await page(city, NANMING, at, 7)
        assert {node["kind"] for node in found["nodes"]} <= {"CREATED"}
        seen += [node["id"] for node in found["nodes"]]
        at, more = found["endPosition"], found["hasNextPage"]
    assert seen == wanted


async def test_a_row_comes_changes_and_goes(city: City) -> None:
    begin = {login: await end_of(city, login) for login in (NANMING, YUNYAN)}
    row = (await created(city))["id"]
    await settled(city)
    found = await page(city, NANMING, begin[NANMING])
    assert told(found) == [("CREATED", row)]
    assert found["nodes"][0]["node"]["description"] == "路边垃圾堆放"
    at = found["endPosition"]
    await city.data(NANMING, UPDATE, {"id": row, "p": {"description": "已清理一半"}})
    await settled(city)
    found = await page(city, NANMING, at)
    assert [(n["kind"], n["node"]["description"]) for n in found["nodes"]] == [("UPDATED", "已清理一半")]
    at = found["endPosition"]
    await city.data(NANMING, REMOVE, {"id": row, "why": "重复"})
    await settled(city)
    found = await page(city, NANMING, at)
    assert [(n["kind"], n["reason"], n["id"], n["node"]) for n in found["nodes"]] == [("REMOVED", "REMOVED", row, None)]
    at = found["endPosition"]
    await city.data(NANMING, RESTORE, {"id": row})
    await settled(city)
    found = await page(city, NANMING, at)
    assert told(found) == [("CREATED", row)]
    assert told(await page(city, YUNYAN, begin[YUNYAN])) == []


CITY, RESIDENT = "city-urban-management", "nanming-resident"
ACCOUNT = "SELECT id, person FROM wangge.account WHERE login = $1"
ALONE = f"""SELECT x.id, x.person FROM ({RESIDENCE.replace("OFFSET $2 LIMIT 1", "")}) x
WHERE (SELECT count(*) FROM base.residence o WHERE o.person = x.person) = 1 ORDER BY x.id DESC LIMIT 1"""
SETTLE = "mutation($i: CreateResidenceInput!) { createResidence(input: $i) { node { id } errors { code } } }"
MOVE_OUT = 'mutation($id: ID!) { removeResidence(id: $id, reason: "x") { errors { code } } }'


async def position(city: City, owner: Pool, login: str, *values: Any) -> str:
    """A position of an account: epoch, value, row, stored, rights."""
    keys = load_keys(city.settings.home, None)
    account = await owner.fetchval(ACCOUNT, login)
    return cursors.seal(keys, str(account), "position", list(values))


async def test_a_row_that_moves_leaves_one_district_and_comes_into_the_other(city: City) -> None:
    row = (await created(city))["id"]
    begin = {login: await end_of(city, login) for login in (NANMING, YUNYAN, CITY)}
    there = await grid_of(city, YUNYAN)
    moved = await city.data(CITY, UPDATE, {"id": row, "p": {"area": there}})
    assert moved["updateIncident"]["errors"] == []
    await city.data(CITY, UPDATE, {"id": row, "p": {"description": "已在云岩"}})
    await settled(city)
    assert [
        (n["kind"], n["reason"], n["id"], n["node"]) for n in (await page(city, NANMING, begin[NANMING]))["nodes"]
    ] == [("LEFT", "LEFT", row, None)]
    assert told(await page(city, YUNYAN, begin[YUNYAN])) == [("CREATED", row), ("UPDATED", row)]
    assert told(await page(city, CITY, begin[CITY])) == [("UPDATED", row), ("UPDATED", row)]


async def test_a_row_that_was_never_seen_leaves_no_trace(city: City) -> None:
    begin = await end_of(city, NANMING)
    row = (await created(city, YUNYAN))["id"]
    await city.data(YUNYAN, UPDATE, {"id": row, "p": {"description": "二"}})
    await city.data(YUNYAN, REMOVE, {"id": row, "why": "x"})
    mine = (await created(city))["id"]
    await city.data(NANMING, REMOVE, {"id": mine, "why": "x"})
    await settled(city)
    found = await page(city, NANMING, begin, 1)
    assert (told(found), found["hasNextPage"]) == ([("REMOVED", mine)], False)


async def test_a_condition_of_a_rule_that_is_met_no_longer_is_a_row_that_left(city: City, city_owner: Pool) -> None:
    await define(city_owner, "watcher_of_roads")
    where = {"description": {"startsWith": "路边"}}
    fields = {"*": "clear"}
    await allow(city_owner, "watcher_of_roads", "urban_management.incident", ["list", "get"], fields, where=where)
    await admit(city, city_owner, "roads", "watcher_of_roads", like=NANMING)
    begin = await end_of(city, "roads")
    row = (await created(city))["id"]
    other = (await created(city, description="河边"))["id"]
    await settled(city)
    found = await page(city, "roads", begin)
    assert told(found) == [("CREATED", row)]
    for text in ("桥边", "桥边二", "桥边三"):
        await city.data(NANMING, UPDATE, {"id": row, "p": {"description": text}})
    await city.data(NANMING, REMOVE, {"id": row, "why": "x"})
    await city.data(NANMING, UPDATE, {"id": other, "p": {"description": "路边二"}})
    await settled(city)
    assert told(await page(city, "roads", found["endPosition"])) == [("LEFT", row), ("CREATED", other)]
    assert told(await page(city, "roads", begin)) == [("LEFT", row), ("CREATED", other)]


async def test_a_person_follows_its_residences(city: City, city_owner: Pool) -> None:
    await admit(city, city_owner, "mover", "data_officer", like=CITY)
    row = await city_owner.fetchrow(ALONE, CLERK)
    there = await city_owner.fetchrow(RESIDENCE, "yunyan-station", 0)
    assert row is not None
    assert there is not None
    who, room = (
        str(row["person"]),
        await city_owner.fetchval("SELECT room FROM base.residence WHERE id = $1", there["id"]),
    )
    logins = (CLERK, "yunyan-station", "mover")
    begin = {login: await end_of(city, login, "Person") for login in logins}
    link = {"person": who, "room": str(room), "kind": "TENANT", "validFrom": "2026-01-01"}
    assert (await city.data("mover", SETTLE, {"i": link}))["createResidence"]["errors"] == []
    assert (await city.data("mover", MOVE_OUT, {"id": str(row["id"])}))["removeResidence"]["errors"] == []
    await settled(city)
    found = {login: told(await page(city, login, begin[login], type_="Person")) for login in logins}
    assert found[CLERK] == [("UPDATED", who), ("LEFT", who)] or found[CLERK] == [("LEFT", who)]
    assert found["yunyan-station"] == [("CREATED", who), ("UPDATED", who)]
    assert found["mover"] == [("UPDATED", who), ("UPDATED", who)]


async def test_an_erased_row_is_told_to_those_who_may_know_of_it(city: City, city_owner: Pool) -> None:
    await admit(city, city_owner, "eraser", "data_officer", like=CLERK)
    row = await city_owner.fetchrow(RESIDENCE, CLERK, 9)
    assert row is not None
    who = str(row["person"])
    begin = {login: await end_of(city, login, "Person") for login in (CLERK, "yunyan-station")}
    await city.data("eraser", ERASE, {"id": who})
    await settled(city)
    found = await page(city, CLERK, begin[CLERK], type_="Person")
    assert [(n["kind"], n["reason"], n["id"], n["node"]) for n in found["nodes"]] == [("REMOVED", "ERASED", who, None)]
    assert told(await page(city, "yunyan-station", begin["yunyan-station"], type_="Person")) == []


async def test_rows_of_loaded_batches_are_told_each_once(city: City, city_owner: Pool) -> None:
    at: str | None = await position(city, city_owner, CITY, 1, 0, None, False, "")
    seen, more, moved = list[str](), True, list[bool]()
    while more:
        found = await page(city, CITY, at, 11, "Component")
        seen += [node["id"] for node in found["nodes"]]
        at, more = found["endPosition"], found["hasNextPage"]
        moved.append(found["rightsChanged"])
    listed = await city.data(CITY, "{ components(first: 1000) { nodes { id } totalCount { value } } }")
    assert len(seen) == len(set(seen)) == listed["components"]["totalCount"]["value"]
    assert set(seen) == {node["id"] for node in listed["components"]["nodes"]}
    assert moved == [True] + [False] * (len(moved) - 1)


async def test_positions_are_of_one_account_and_of_this_database(city: City, city_owner: Pool) -> None:
    mine = await end_of(city, NANMING)
    wrong = {
        "another account's": (await end_of(city, YUNYAN), "position.invalid"),
        "forged": (mine[:-4] + "AAAA", "position.invalid"),
        "no position": ("1.42", "position.invalid"),
        "of another epoch": (await position(city, city_owner, NANMING, 7, 1, None, False, ""), "position.expired"),
        "of the future": (await position(city, city_owner, NANMING, 1, 10**9, None, False, ""), "position.expired"),
    }
    found = {
        name: await city.code(NANMING, FEED, {"a": at, "n": 5, "t": "Incident"}) for name, (at, _) in wrong.items()
    }
    assert found == {name: code for name, (_, code) in wrong.items()}
    assert await city.code(NANMING, FEED, {"a": None, "n": 1001, "t": "Incident"}) == "page.out_of_bounds"
    assert await city.code("nanming-grid-1", FEED, {"a": None, "n": 1, "t": "Token"}) == "document.invalid"
