"""`myData`: a resident sees the own record and who used it, by department and role, and asks for what the law grants."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest_asyncio

from tests.city import City, eventually
from tests.graphql.accounts import admit
from wangge.store.pool import Pool

RESIDENT, CLERK, OFFICER, OTHER = "nanming-resident", "nanming-visited-station", "nanming-officer", "yunyan-resident"
USES = "{ myData { uses { at kind unit roles purposes fields inListOf } } }"
TASKS = "{ tasks { nodes { id kind state request person { id } dueAt createdAt } } }"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def person(city: City, city_owner: Pool) -> str:
    """The resident's person; a clerk and a data officer of the district."""
    found = await city_owner.fetchval("SELECT person FROM wangge.account WHERE login = $1", RESIDENT)
    await admit(city, city_owner, CLERK, "station_clerk", like="nanming-admin")
    await admit(city, city_owner, OFFICER, "data_officer", like="nanming-admin")
    return str(found)


async def uses(city: City, wanted: int) -> list[dict[str, Any]]:
    """Wait until so many uses are stored."""

    async def there() -> bool:
        return len((await city.data(RESIDENT, USES))["myData"]["uses"]) >= wanted

    await eventually(there)
    found: list[dict[str, Any]] = (await city.data(RESIDENT, USES))["myData"]["uses"]
    return found


async def test_reads_lists_and_reveals_are_told_by_department_and_role(city: City, person: str) -> None:
    await city.data(CLERK, f'{{ person(id: "{person}") {{ name birthDate }} }}')
    await uses(city, 1)
    known = await city.data(CLERK, "{ persons(first: 3) { nodes { id } } }")
    ids = json.dumps(sorted({person, *(node["id"] for node in known["persons"]["nodes"])}))
    listed = await city.data(CLERK, f"{{ persons(where: {{id: {{in: {ids}}}}}) {{ nodes {{ id name }} }} }}")
    shown = len(listed["persons"]["nodes"])
    assert shown in (3, 4)
    await uses(city, 2)
    asked = {"wangge-purpose": "population_register"}
    await city.ask(CLERK, f'{{ person(id: "{person}") {{ idNumber(reveal: true) }} }}', None, **asked)
    await city.data(RESIDENT, f'{{ person(id: "{person}") {{ name birthDate }} }}')
    found = await uses(city, 3)
    assert [(use["kind"], use["fields"], use["inListOf"]) for use in found] == [
        ("REVEAL", ["证件号码"], None),
        ("LIST", ["姓名"], shown),
        ("READ", ["出生日期", "姓名"], None),
    ]
    assert {(use["unit"] is not None, *use["roles"], *use["purposes"]) for use in found} == {
        (True, "站点人员", "实有人口登记")
    }
    moments = [dt.datetime.fromisoformat(use["at"]) for use in found]
    assert moments == sorted(moments, reverse=True)
    assert CLERK not in json.dumps(found)
    others = (await city.data(OTHER, USES))["myData"]["uses"]
    assert [use for use in others if use["kind"] != "LIST"] == []


async def test_the_export_holds_every_own_row_and_no_foreign_one(city: City, city_owner: Pool, person: str) -> None:
    found = (await city.data(RESIDENT, "{ myData { person { id name } export } }"))["myData"]
    assert found["person"]["id"] == person
    (own,) = found["export"]["Person"]
    row = await city_owner.fetchrow(
        "SELECT name, sex, id_number_mask FROM base.person WHERE id = $1::text::uuid", person
    )
    assert row is not None
    assert (own["id"], own["name"], own["sex"], own["idNumber"]) == (person, *tuple(row))
    assert "marital" not in own
    homes = await city_owner.fetch(
        "SELECT id::text FROM base.residence WHERE person = $1::text::uuid AND removed_at IS NULL ORDER BY id", person
    )
    assert [each["id"] for each in found["export"]["Residence"]] == [home["id"] for home in homes]
    entry = "SELECT count(*) FROM wangge.ledger_entry WHERE action = 'export_own' AND row_id = $1::text::uuid"
    assert await city_owner.fetchval(entry, person) == 1


async def test_a_request_is_a_task_with_a_due_date_for_the_data_officer_alone(
    city: City, city_owner: Pool, person: str
) -> None:
    asked = await city.data(RESIDENT, 'mutation { requestCorrection(text: "出生日期有误") { id errors { code } } }')
    made = asked["requestCorrection"]
    assert made["errors"] == []
    (task,) = (await city.data(OFFICER, TASKS))["tasks"]["nodes"]
    days = dt.datetime.fromisoformat(task["dueAt"]) - dt.datetime.fromisoformat(task["createdAt"])
    assert (task["id"], task["kind"], task["state"], task["request"], task["person"]["id"], days.days) == (
        made["id"], "correction", "WAITING", "出生日期有误", person, 15,
    )  # fmt: skip
    assert await city.code("nanming-admin", "{ tasks { nodes { request } } }") == "document.invalid"
    told = 'mutation($id: ID!) { answerRequest(id: $id, answer: "已更正") { id errors { code } } }'
    assert await city.code(RESIDENT, told, {"id": made["id"]}) == "document.invalid"
    assert (await city.data(OFFICER, told, {"id": made["id"]}))["answerRequest"]["errors"] == []
    assert await city.code(OFFICER, told, {"id": made["id"]}) == "row.unknown"
    requests = (await city.data(RESIDENT, "{ myData { requests { id kind state answer } } }"))["myData"]["requests"]
    assert requests == [{"id": made["id"], "kind": "correction", "state": "DONE", "answer": "已更正"}]
    actions = "SELECT action FROM wangge.ledger_entry WHERE row_id = $1::text::uuid ORDER BY at"
    left = [row["action"] for row in await city_owner.fetch(actions, made["id"])]
    assert left == ["do:requestCorrection", "do:answerRequest"]
    assert (await city.data(OTHER, "{ myData { requests { id } } }"))["myData"]["requests"] == []


async def test_requests_say_what_is_wrong_and_do_not_pile_up(city: City, person: str) -> None:
    ask = "mutation($t: String!) { requestDeletion(text: $t) { id errors { index path code message } } }"
    for text, code in (("  ", "field.required"), ("长" * 2001, "value.too_long")):
        errors = (await city.data(RESIDENT, ask, {"t": text}))["requestDeletion"]["errors"]
        assert [(error["index"], error["path"], error["code"]) for error in errors] == [(0, ["text"], code)]
        assert errors[0]["message"] != code
    for _ in range(5):
        assert (await city.data(RESIDENT, ask, {"t": "删除"}))["requestDeletion"]["errors"] == []
    errors = (await city.data(RESIDENT, ask, {"t": "删除"}))["requestDeletion"]["errors"]
    assert [error["code"] for error in errors] == ["my_data.too_many"]


async def test_who_is_no_resident_has_none_of_it(city: City, person: str) -> None:
    for login in (CLERK, OFFICER, "city-admin", "audit-admin"):
        assert await city.code(login, "{ myData { uses { at } } }") == "document.invalid"
        assert await city.code(login, 'mutation { requestDeletion(text: "x") { id } }') == "document.invalid"
