"""Read records: who saw personal fields of others in clear, collected by the statement itself, stored and chained."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from tests.city import City, eventually, served
from wangge.audit.reads import STORE, ReadRecord
from wangge.store.pool import Pool

CLERK, GRID, DEPARTMENT, AUDITOR = "nanming-station", "nanming-grid-1", "nanming-urban-management", "audit-admin"
STORED = """SELECT l.root_field, l.purposes, l.entities, l.row_ids, l.total, a.login, u.code AS unit, d.code AS district
FROM wangge.read_log l JOIN wangge.account a ON a.id = l.account_id JOIN wangge.unit u ON u.id = l.unit_id
JOIN wangge.area d ON d.id = l.chain WHERE l.at > $1 ORDER BY l.at, l.id"""


class Since:
    """The records that are stored from now on."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._from: Any = None

    async def __aenter__(self) -> Since:
        self._from = await self._pool.fetchval("SELECT clock_timestamp()")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing to end."""

    async def records(self, wanted: int) -> list[dict[str, Any]]:
        """Wait until so many are stored; all of them."""

        async def there() -> bool:
            found: int = await self._pool.fetchval("SELECT count(*) FROM wangge.read_log WHERE at > $1", self._from)
            return found >= wanted

        await eventually(there)
        return [dict(row) for row in await self._pool.fetch(STORED, self._from)]


async def test_a_list_of_persons_leaves_one_record_that_names_its_rows(city: City, city_owner: Pool) -> None:
    async with Since(city_owner) as since:
        found = await city.data(
            CLERK, "{ list: persons(first: 3) { nodes { id name birthDate } pageInfo { hasNextPage } } }"
        )
        (stored,) = await since.records(1)
    station = city.accounts[CLERK]
    assert {
        key: stored[key] for key in ("root_field", "purposes", "entities", "total", "login", "unit", "district")
    } == {
        "root_field": "list",
        "purposes": ["population_register"],
        "entities": [{"entity": "base.person", "fields": ["birthDate", "name"], "count": 3}],
        "total": 3,
        "login": CLERK,
        "unit": station["unit"],
        "district": "520102000000",
    }
    assert [str(row) for row in stored["row_ids"]] == [node["id"] for node in found["list"]["nodes"]]


async def test_rows_at_any_depth_are_collected_and_each_counts_once(city: City, city_owner: Pool) -> None:
    query = """{ rooms(where: {households: {some: {}}}, first: 4) { nodes { address households { nodes {
        head { id name } members { nodes { relation person { id name } } } } } } } }"""
    async with Since(city_owner) as since:
        found = await city.data(CLERK, query)
        (stored,) = await since.records(1)
    households = [h for room in found["rooms"]["nodes"] for h in room["households"]["nodes"]]
    persons = {m["person"]["id"] for h in households for m in h["members"]["nodes"]} | {
        h["head"]["id"] for h in households
    }
    by_entity = {(e["entity"], tuple(e["fields"])): e["count"] for e in stored["entities"]}
    members = sum(len(h["members"]["nodes"]) for h in households)
    assert by_entity == {
        ("base.household", ("head",)): len(households),
        ("base.household_member", ("person", "relation")): members,
        ("base.person", ("name",)): len(persons),
    }
    assert persons <= {str(row) for row in stored["row_ids"]}
    assert stored["total"] == len(households) + members + len(persons)


async def test_the_answer_with_records_is_the_same_as_the_rows_say(city: City, city_owner: Pool) -> None:
    query = """{ households(first: 5) { edges { cursor node { id head { name residences { nodes { room { address } } } } } }
        nodes { id } totalCount { value } } }"""
    found = (await city.data(CLERK, query))["households"]
    for edge in found["edges"]:
        name = await city_owner.fetchval(
            "SELECT p.name FROM base.household h JOIN base.person p ON p.id = h.head WHERE h.id = $1",
            UUID(edge["node"]["id"]),
        )
        assert edge["node"]["head"]["name"] == name
        rooms = await city_owner.fetch(
            """SELECT m.address FROM base.household h JOIN base.residence r ON r.person = h.head
            JOIN base.room m ON m.id = r.room WHERE h.id = $1 ORDER BY r.id""",
            UUID(edge["node"]["id"]),
        )
        got = [n["room"]["address"] for n in edge["node"]["head"]["residences"]["nodes"]]
        assert sorted(got) == sorted(row[0] for row in rooms)
    assert [edge["node"]["id"] for edge in found["edges"]] == [node["id"] for node in found["nodes"]]


async def test_what_shows_nothing_personal_leaves_no_record(city: City, city_owner: Pool) -> None:
    async with Since(city_owner) as since:
        await city.data(DEPARTMENT, "{ incidents(first: 5) { nodes { caseNo } } }")
        await city.data(CLERK, "{ persons(first: 5) { nodes { id createdAt } totalCount { value } } }")
        await city.data(CLERK, '{ persons(first: 5, where: {name: {eq: ""}}) { nodes { name } } }')
        await city.data(CLERK, "{ persons(first: 1) { nodes { name } } }")
        stored = await since.records(1)
    assert [row["total"] for row in stored] == [1]


async def test_a_resident_reads_the_own_record_without_a_record(city: City, city_owner: Pool) -> None:
    async with Since(city_owner) as since:
        person = await city_owner.fetchval("SELECT person FROM wangge.account WHERE login = 'nanming-resident'")
        own = await city.data("nanming-resident", f'{{ person(id: "{person}") {{ name birthDate }} }}')
        await city.data(CLERK, "{ persons(first: 1) { nodes { name } } }")
        stored = await since.records(1)
    assert own["person"]["name"]
    assert [row["login"] for row in stored] == [CLERK]


async def test_the_purpose_of_the_request_is_recorded_and_a_foreign_one_is_refused(
    city: City, city_owner: Pool
) -> None:
    query = "{ persons(first: 1) { nodes { name } } }"
    async with Since(city_owner) as since:
        answer = await city.ask(CLERK, query, None, **{"wangge-purpose": "population_register"})
        assert len(answer["data"]["persons"]["nodes"]) == 1
        (stored,) = await since.records(1)
    assert stored["purposes"] == ["population_register"]
    for purpose in ("allowance", "no_such_purpose"):
        refused = await city.ask(CLERK, query, None, **{"wangge-purpose": purpose, "accept-language": "en"})
        assert refused == {
            "errors": [
                {
                    "message": "The header Wangge-Purpose names no purpose that the caller may use",
                    "extensions": {"code": "purpose.not_allowed"},
                }
            ]
        }


async def test_auditors_see_records_and_ledger_without_values_and_others_see_neither(city: City) -> None:
    await city.data(GRID, "{ persons(first: 2) { nodes { name } } }")
    query = """{ readRecords(where: {actorName: {eq: "nanming-grid-1"}}, first: 1) { nodes { actorName rootField purposes
        entities total unit { name } place } } ledgerEntries(first: 3) { nodes { actorName action entity row fields } } }"""

    async def linked() -> bool:
        found = (await city.data(AUDITOR, query))["readRecords"]["nodes"]
        return bool(found) and found[0]["place"] is not None

    await eventually(linked)
    found = await city.data(AUDITOR, query)
    (record,) = found["readRecords"]["nodes"]
    assert (record["actorName"], record["rootField"], record["total"]) == (GRID, "persons", 2)
    assert record["entities"] == [{"entity": "base.person", "fields": ["name"], "count": 2}]
    assert len(found["ledgerEntries"]["nodes"]) == 3
    for login in ("city-admin", "system-admin", "security-admin", CLERK):
        assert await city.code(login, "{ readRecords { nodes { id } } }") == "document.invalid"
        assert await city.code(login, "{ ledgerEntries { nodes { id } } }") == "document.invalid"


async def test_a_killed_process_leaves_its_records_to_the_next_start(city: City, city_owner: Pool) -> None:
    await city.data(CLERK, "{ persons(first: 1) { nodes { name } } }")
    row = await city_owner.fetchrow("SELECT l.* FROM wangge.read_log l ORDER BY at DESC LIMIT 1")
    assert row is not None
    ids = tuple(each.hex for each in row["row_ids"])
    left = msgspec.convert({**row, "id": UUID(int=row["id"].int ^ 1), "row_ids": ids}, ReadRecord)
    journal = city.settings.home / "journal"
    (journal / "0-left.jsonl").write_bytes(msgspec.json.encode(left) + b"\n" + msgspec.json.encode(left)[:40])
    async with served(city.settings, city.database) as second:
        stored = await city_owner.fetch("SELECT root_field FROM wangge.read_log WHERE id = $1", left.id)
        assert [found["root_field"] for found in stored] == ["persons"]
        assert not (journal / "0-left.jsonl").exists()
        assert len(list(journal.glob("*.jsonl"))) == 2
        await second.data(CLERK, "{ persons(first: 1) { nodes { name } } }")
    await city_owner.execute(STORE, msgspec.json.encode([left]))
    assert await city_owner.fetchval("SELECT count(*) FROM wangge.read_log WHERE id = $1", left.id) == 1
