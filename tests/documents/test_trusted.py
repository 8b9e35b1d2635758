"""Trusted documents from the command to the answer: registered, asked for by GraphQL and by REST, ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.city import City, eventually
from tests.documents.conftest import Folder
from tests.graphql.test_commands import wangge
from wangge.store.pool import Pool

OFFICER, OTHER, CLERK = "nanming-urban-management", "yunyan-urban-management", "nanming-station"
OPEN = """# zh: 本区未结事件
# en: Open incidents of the district
# roles: urban_management_officer
# purpose: case_handling
query Open($first: Int = 3, $kinds: [IncidentKind!], $number: String) {
  incidents(where: {state: {ne: CLOSED}, kind: {in: $kinds}, caseNo: {eq: $number}}, first: $first) {
    nodes { id caseNo kind reportedAt district { name } }
    totalCount { value }
  }
}
"""
REPORT = """# zh: 上报事件
# en: Report an incident
# roles: urban_management_officer
mutation Report($input: CreateIncidentInput!) { createIncident(input: $input) { node { id description } errors { code path } } }
"""
AREAS = """# zh: 网格名录
# en: Grids
# roles: public, member
query Grids($code: String!) { areas(where: {code: {startsWith: $code}}, first: 2) { nodes { code name } } }
"""


async def let_the_public_see_areas(owner: Pool) -> None:
    """A rule that a security administrator would publish."""
    async with owner.transaction() as connection:
        await connection.execute(
            "INSERT INTO wangge.rule (id, revision, created_at, updated_at, role, entity, actions, fields, effect, origin, version) "
            'VALUES (uuidv7(), 1, now(), now(), \'public\', \'wangge.area\', \'["list", "get"]\', \'{"code": "clear", "name": '
            "\"clear\"}', 'ALLOW', 'published', 0)"
        )
        await connection.execute("SELECT wangge.touch('rule', 'role:public')")


@pytest.fixture(scope="module")
def answers() -> Callable[..., Awaitable[tuple[int, Any]]]:
    async def get(city: City, login: str | None, path: str, **parameters: Any) -> tuple[int, Any]:
        reply = await city.http.get(path, params=parameters, headers=city.headers(login))
        return reply.status_code, reply.json()

    return get


async def register(city: City, folder: Any) -> list[str]:
    status, out, err = await wangge(city, "document", "register", str(folder))
    assert (status, err) == (0, "")
    return out.splitlines()


async def known(city: City, login: str | None, id_: str) -> None:
    async def there() -> bool:
        reply = await city.http.get(f"/api/q/{id_}", headers=city.headers(login))
        return reply.status_code not in (401, 404)

    await eventually(there, 5)


async def test_a_document_is_one_query_in_graphql_and_rest_with_the_rights_of_each_caller(
    city: City, folder: Folder, answers: Callable[..., Awaitable[tuple[int, Any]]]
) -> None:
    assert await register(city, folder(open_incidents_v1=OPEN)) == ["open-incidents/v1: registered"]
    await known(city, OFFICER, "open-incidents/v1")
    free = await city.ask(OFFICER, OPEN, {"kinds": ["EVENT"], "first": 2})
    by_id = await city.http.post(
        "/graphql",
        json={"documentId": "open-incidents/v1", "variables": {"kinds": ["EVENT"], "first": 2}},
        headers=city.headers(OFFICER),
    )
    assert free["data"]["incidents"]["totalCount"]["value"] > 0
    assert by_id.json() == free
    assert await answers(city, OFFICER, "/api/q/open-incidents/v1", kinds="EVENT", first=2) == (200, free)
    posted = await city.http.post(
        "/api/q/open-incidents/v1", json={"kinds": ["EVENT"], "first": 2}, headers=city.headers(OFFICER)
    )
    assert (posted.status_code, posted.json()) == (200, free)
    _, other = await answers(city, OTHER, "/api/q/open-incidents/v1", kinds="EVENT", first=2)
    names = {node["district"]["name"] for node in other["data"]["incidents"]["nodes"]}
    assert names == {"云岩区"}


async def test_its_purpose_stands_in_the_read_record(city: City, city_owner: Pool, folder: Folder) -> None:
    shows = OPEN.replace("caseNo kind", "caseNo reporterName").replace("urban_management_officer", "station_clerk")
    await register(
        city, folder(reporters_v1=shows.replace("# purpose: case_handling\n", "# purpose: population_register\n"))
    )
    await known(city, CLERK, "reporters/v1")
    reply = await city.http.get("/api/q/reporters/v1", headers={**city.headers(CLERK), "wangge-purpose": "contact"})
    assert (reply.status_code, reply.json()["errors"][0]["extensions"]["code"]) == (403, "document.other_purpose")


async def test_wrong_parameters_wrong_methods_and_strangers_are_told_apart(
    city: City, folder: Folder, answers: Callable[..., Awaitable[tuple[int, Any]]]
) -> None:
    await register(city, folder(open_incidents_v1=OPEN, report_v1=REPORT))
    await known(city, OFFICER, "report/v1")

    async def code(login: str | None, path: str, **parameters: Any) -> tuple[int, str]:
        status, body = await answers(city, login, path, **parameters)
        return status, body["errors"][0]["extensions"]["code"]

    path = "/api/q/open-incidents/v1"
    assert await code(OFFICER, path, nope=1) == (422, "parameter.unknown")
    assert await code(OFFICER, path, first="x") == (422, "parameter.wrong")
    assert await code(OFFICER, path, first=5_000) == (422, "page.out_of_bounds")
    assert await code(OFFICER, path, kinds="NO_KIND") == (400, "document.invalid")
    assert await code(OFFICER, "/api/q/report/v1") == (405, "request.mutation_over_get")
    assert await code(OFFICER, "/api/q/open-incidents/v2") == (404, "document.unknown")
    assert await code(CLERK, path) == (404, "document.unknown")
    assert await code(None, path) == (401, "auth.required")
    assert await code(None, "/api/q/no-such/v1") == (401, "auth.required")
    assert await code(OFFICER, "/api/other") == (404, "request.no_route")
    wrong = await city.http.delete(path, headers=city.headers(OFFICER))
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, POST")
    written = await city.http.options("/api/q/report/v1", headers=city.headers(OFFICER))
    assert (written.status_code, written.headers["allow"]) == (405, "POST")
    assert (await city.http.delete("/api/docs", headers=city.headers(OFFICER))).headers["allow"] == "GET"
    listed = await city.http.post(path, json=[1], headers=city.headers(OFFICER))
    assert (listed.status_code, listed.json()["errors"][0]["extensions"]["code"]) == (400, "request.malformed")
    both = await city.http.post(
        "/graphql", json={"documentId": "open-incidents/v1", "query": "{ __typename }"}, headers=city.headers(OFFICER)
    )
    assert both.json()["errors"][0]["extensions"]["code"] == "request.malformed"


async def test_a_mutation_writes_by_post_under_the_callers_rights(city: City, folder: Folder) -> None:
    await register(city, folder(report_v1=REPORT))
    await known(city, OFFICER, "report/v1")
    grid = (await city.data(OFFICER, '{ areas(where: {kind: {eq: "grid"}}, first: 1) { nodes { id } } }'))["areas"][
        "nodes"
    ][0]
    given = {
        "area": grid["id"],
        "duty": "6",
        "source": "STAFF",
        "kind": "EVENT",
        "category": "E-01-02",
        "description": "备案查询",
    }
    reply = await city.http.post("/api/q/report/v1", json={"input": given}, headers=city.headers(OFFICER))
    made = reply.json()["data"]["createIncident"]
    assert (reply.status_code, made["node"]["description"], made["errors"]) == (200, "备案查询", [])


async def test_the_public_has_only_its_documents_and_only_what_its_rules_show(
    city: City, city_owner: Pool, folder: Folder, answers: Callable[..., Awaitable[tuple[int, Any]]]
) -> None:
    status, _, err = await wangge(city, "document", "register", str(folder(grids_v1=AREAS)))
    assert (status, "document.invalid" in err, "grids.v1.graphql:4" in err) == (1, True, True)
    await let_the_public_see_areas(city_owner)
    await register(city, folder(grids_v1=AREAS))
    await known(city, None, "grids/v1")
    status, body = await answers(city, None, "/api/q/grids/v1", code="520102")
    assert (status, [node["code"][:6] for node in body["data"]["areas"]["nodes"]]) == (200, ["520102", "520102"])
    by_id = await city.http.post("/graphql", json={"documentId": "grids/v1", "variables": {"code": "520102"}})
    assert by_id.json() == body
    free = await city.http.post("/graphql", json={"query": "{ areas { nodes { code } } }"})
    assert (free.status_code, free.json()["errors"][0]["extensions"]["code"]) == (401, "auth.required")
    wider = AREAS.replace("code name", "code name ord")
    status, _, err = await wangge(city, "document", "register", str(folder(wider_v1=wider)))
    assert (status, 'as "public"' in err) == (1, True)
    writes = REPORT.replace("urban_management_officer", "public")
    status, _, err = await wangge(city, "document", "register", str(folder(writes_v1=writes)))
    assert (status, "document." in err) == (1, True)


async def test_a_version_never_changes_and_ends_for_good(
    city: City, folder: Folder, answers: Callable[..., Awaitable[tuple[int, Any]]]
) -> None:
    await register(city, folder(open_incidents_v1=OPEN))
    assert await register(city, folder(open_incidents_v1=OPEN)) == ["open-incidents/v1: unchanged"]
    renamed = OPEN.replace("en: Open", "en: All open").replace("query Open", "query Open")
    status, _, err = await wangge(city, "document", "register", str(folder(open_incidents_v1=renamed)))
    assert (status, "save this one as open-incidents.v2.graphql" in err) == (1, True)
    dated = OPEN.replace("# purpose: case_handling", "# purpose: case_handling\n# deprecated_on: 2027-01-31")
    assert await register(city, folder(open_incidents_v1=OPEN, open_incidents_v2=dated)) == [
        "open-incidents/v1: unchanged",
        "open-incidents/v2: registered",
    ]
    await known(city, OFFICER, "open-incidents/v2")
    reply = await city.http.get("/api/q/open-incidents/v2", headers=city.headers(OFFICER))
    assert (reply.status_code, reply.headers["deprecation"]) == (200, "@1801324800")
    assert (await wangge(city, "document", "end", "open-incidents/v2"))[0] == 0

    async def ended() -> bool:
        return (await answers(city, OFFICER, "/api/q/open-incidents/v2"))[0] == 410

    await eventually(ended, 5)
    status, _, err = await wangge(city, "document", "register", str(folder(open_incidents_v2=dated)))
    assert (status, "open-incidents.v3.graphql" in err) == (1, True)
    status, _, err = await wangge(city, "document", "end", "open-incidents/v2")
    assert (status, "there is no trusted document" in err) == (1, True)


MISTAKES = {
    "unknown role": (OPEN.replace("urban_management_officer", "urban_manager"), ":3:", 'no role "urban_manager"'),
    "unknown purpose": (OPEN.replace("case_handling", "case_handing"), ":4:", 'Did you mean "case_handling"'),
    "a field that the role has not": (OPEN.replace("caseNo kind", "caseNo kinds"), ":7:", "kinds"),
    "no syntax": (OPEN + "{", ":11:", "document.invalid"),
    "two operations": (OPEN + "query B { __typename }", ":1:", "document.invalid"),
}


@pytest.mark.parametrize("what", MISTAKES)
async def test_a_document_that_a_role_could_not_use_is_refused_with_its_line(
    city: City, folder: Folder, what: str
) -> None:
    text, line, told = MISTAKES[what]
    status, _, err = await wangge(city, "document", "register", str(folder(wrong_v1=text)))
    assert status == 1
    assert f"wrong.v1.graphql{line}" in err
    assert told in err


async def test_the_books_say_who_registered_and_the_command_lists(city: City, city_owner: Pool, folder: Folder) -> None:
    await register(city, folder(listed_v1=OPEN))
    status, out, _ = await wangge(city, "document", "list")
    line = next(line for line in out.splitlines() if line.startswith("listed/v1"))
    assert (status, "Open incidents of the district" in line, "urban_management_officer" in line) == (0, True, True)
    found = await city_owner.fetch("SELECT action, actor_name FROM wangge.ledger_entry WHERE reason = 'listed/v1'")
    assert [tuple(row) for row in found] == [("register_document", "operator")]
    rows = await city.data(
        "security-admin", '{ trustedDocuments(where: {name: {eq: "listed"}}) { nodes { version purpose } } }'
    )
    assert rows["trustedDocuments"]["nodes"] == [{"version": 1, "purpose": "case_handling"}]
