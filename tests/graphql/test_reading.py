"""Reading: every form of a query against hand-written SQL, and the number of statements that it costs."""

from __future__ import annotations

import re

import pytest

from tests.city import City, eventually
from wangge.store.pool import Pool

NANMING, YUNYAN, CITY_WIDE, GRID = (
    "nanming-urban-management",
    "yunyan-urban-management",
    "city-urban-management",
    "nanming-grid-1",
)

INCIDENTS = """SELECT i.id::text FROM urban_management.incident i JOIN casework.case c ON c.id = i.id
JOIN wangge.area d ON d.id = i.district_id WHERE i.removed_at IS NULL AND d.name = $1 AND c.state <> 'CLOSED'
ORDER BY c.reported_at DESC, i.id LIMIT 20"""


async def test_a_department_sees_the_incidents_of_its_own_district_only(city: City, city_owner: Pool) -> None:
    query = """{ incidents(where: {state: {ne: CLOSED}}, orderBy: [{reportedAt: DESC}], first: 20) {
        nodes { id district { name } } totalCount { value exact } } }"""
    for login, district in ((NANMING, "南明区"), (YUNYAN, "云岩区")):
        expected = [row[0] for row in await city_owner.fetch(INCIDENTS, district)]
        total = await city_owner.fetchval(f"SELECT count(*) FROM ({INCIDENTS.replace(' LIMIT 20', '')}) x", district)
        found = (await city.data(login, query))["incidents"]
        assert [node["id"] for node in found["nodes"]] == expected
        assert {node["district"]["name"] for node in found["nodes"]} == {district}
        assert found["totalCount"] == {"value": total, "exact": True}


async def test_references_and_children_nest_with_their_own_arguments(city: City, city_owner: Pool) -> None:
    query = """{ rooms(where: {households: {some: {}}}, orderBy: [{address: ASC}], first: 3) { nodes {
        address building { name rooms(first: 2, orderBy: [{number: DESC}]) { nodes { number } totalCount { value } } }
        households { nodes { members(orderBy: [{relation: ASC}]) { nodes { relation relationLabel person { name } } } } } } } }"""
    rows = (await city.data("nanming-station", query))["rooms"]["nodes"]
    addresses = await city_owner.fetch(
        """SELECT DISTINCT r.address FROM base.room r JOIN base.household h ON h.room = r.id
        JOIN wangge.area d ON d.id = r.district_id WHERE d.name = '南明区' ORDER BY r.address LIMIT 3"""
    )
    assert [row["address"] for row in rows] == [row[0] for row in addresses]
    assert rows[0]["building"]["rooms"]["totalCount"]["value"] == 114
    numbers = [node["number"] for node in rows[0]["building"]["rooms"]["nodes"]]
    assert numbers == sorted(numbers, reverse=True)
    members = [m for row in rows for h in row["households"]["nodes"] for m in h["members"]["nodes"]]
    heads = [m for m in members if m["relation"] == "02"]
    assert len(heads) == 3
    assert {m["relationLabel"] for m in heads} == {"户主"}
    assert all(m["person"]["name"] for m in members)


async def test_each_root_field_is_one_statement(city: City, city_admin: Pool) -> None:
    query = """{ a: incidents(first: 5) { nodes { room { building { rooms { nodes { number } } } } } totalCount { value } }
        b: components(first: 3) { edges { cursor node { incidents { nodes { caseNo } } } } pageInfo { endCursor } } }"""
    await city.data(NANMING, query)
    await city_admin.execute("SELECT public.pg_stat_statements_reset()")
    await city.data(NANMING, query)
    calls = await city_admin.fetch(
        """SELECT s.query, s.calls FROM public.pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid
        WHERE r.rolname = 'wangge_app' AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND s.query LIKE '%"incident"%'"""
    )
    assert sum(row["calls"] for row in calls) == 2


@pytest.mark.parametrize(
    "where",
    [
        "{component: {id: {eq: $id}}}",
        "{component: {id: {in: [$id]}}}",
        "{and: [{component: {and: [{id: {eq: $id}}, {name: {isNull: false}}]}}, {state: {ne: CLOSED}}]}",
    ],
)
async def test_a_filter_by_the_id_of_a_reference_names_its_own_column_so_that_its_index_serves(
    city: City, city_admin: Pool, where: str
) -> None:
    known = await city_admin.fetchval("SELECT component FROM urban_management.incident WHERE component IS NOT NULL")
    await city_admin.execute("SELECT public.pg_stat_statements_reset()")
    await city.data(
        NANMING, f"query($id: ID!) {{ incidents(where: {where}) {{ nodes {{ id }} }} }}", {"id": str(known)}
    )
    sent = await city_admin.fetchval(
        """SELECT s.query FROM public.pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid
        WHERE r.rolname = 'wangge_app' AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND s.query LIKE '%"incident"%'"""
    )
    assert re.search(r't1\."component" = (ANY\()?\$\d+::uuid', sent)


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
async def test_a_walk_by_cursors_meets_every_row_once(city: City, city_owner: Pool, direction: str) -> None:
    query = """query($after: String, $d: SortDirection!) { incidents(first: 7, after: $after, orderBy: [{closedAt: $d}]) {
        nodes { id closedAt } pageInfo { hasNextPage endCursor } } }"""
    seen: list[str] = []
    after = None
    while True:
        page = (await city.data(NANMING, query, {"after": after, "d": direction}))["incidents"]
        seen += [node["id"] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    expected = await city_owner.fetch(
        f"""SELECT i.id::text FROM urban_management.incident i JOIN casework.case c USING (id)
        JOIN wangge.area d ON d.id = i.district_id WHERE d.name = '南明区' ORDER BY c.closed_at {direction}, i.id"""
    )
    assert seen == [row[0] for row in expected]


async def test_a_cursor_of_another_list_or_account_is_refused(city: City) -> None:
    first = "{ incidents(first: 1, orderBy: [{dueAt: ASC}]) { pageInfo { endCursor } } }"
    cursor = (await city.data(NANMING, first))["incidents"]["pageInfo"]["endCursor"]
    other = "query($c: String) { incidents(first: 1, after: $c, orderBy: [{dueAt: DESC}]) { nodes { id } } }"
    same = "query($c: String) { incidents(first: 1, after: $c, orderBy: [{dueAt: ASC}]) { nodes { id } } }"
    assert await city.code(NANMING, other, {"c": cursor}) == "cursor.invalid"
    assert await city.code(YUNYAN, same, {"c": cursor}) == "cursor.invalid"
    assert await city.code(NANMING, same, {"c": "AAAA"}) == "cursor.invalid"
    assert len((await city.data(NANMING, same, {"c": cursor}))["incidents"]["nodes"]) == 1


async def test_masked_cells_show_their_mask_and_cannot_be_filtered_by(city: City) -> None:
    node = (await city.data(GRID, "{ persons(first: 1) { nodes { name idNumber phones { number } birthDate } } }"))[
        "persons"
    ]["nodes"][0]
    assert node["idNumber"].startswith("52") or node["idNumber"][:2].isdigit()
    assert node["idNumber"][2:-1] == "*" * 15
    assert await city.code(GRID, '{ persons(where: {idNumber: {eq: "1"}}) { nodes { id } } }') == "document.invalid"
    assert await city.code(GRID, "{ persons(orderBy: [{idNumber: ASC}]) { nodes { id } } }") == "document.invalid"
    officer = (await city.data("nanming-civil-affairs", "{ persons(first: 1) { nodes { birthDate } } }"))["persons"][
        "nodes"
    ][0]
    assert len(officer["birthDate"]) == 4


async def test_what_is_hidden_is_not_in_the_schema(city: City) -> None:
    assert await city.code(NANMING, "{ persons { nodes { id } } }") == "document.invalid"
    names = await city.data(NANMING, '{ __type(name: "Person") { name } __schema { types { name } } }')
    assert names["__type"] is None
    assert not any("Person" in t["name"] for t in names["__schema"]["types"])
    message = (await city.ask(NANMING, "{ person { nodes { id } } }"))["errors"][0]["message"]
    assert "Did you mean" not in message


async def test_a_module_that_is_off_in_a_district_is_invisible_there(city: City, city_owner: Pool) -> None:
    await city_owner.execute(
        "UPDATE wangge.enablement SET valid_to = now() WHERE district = (SELECT id FROM wangge.area WHERE name = '云岩区')"
    )
    await city_owner.fetchval("SELECT wangge.touch('module', 'module:urban_management')")
    try:

        async def gone() -> bool:
            return "errors" in await city.ask(YUNYAN, "{ incidents { nodes { id } } }")

        await eventually(gone)
        assert await city.code(YUNYAN, "{ incidents { nodes { id } } }") == "document.invalid"
        found = await city.data(CITY_WIDE, "{ incidents(first: 1000) { nodes { district { name } } } }")
        assert {n["district"]["name"] for n in found["incidents"]["nodes"]} == {"南明区"}
    finally:
        await city_owner.execute("UPDATE wangge.enablement SET valid_to = NULL")
        await city_owner.fetchval("SELECT wangge.touch('module', 'module:urban_management')")


async def test_upper_connections_show_every_kind_by_its_own_rules(city: City, city_owner: Pool) -> None:
    query = """{ cases(where: {state: {in: [CLOSED, HANDLING]}}, orderBy: [{reportedAt: ASC}], first: 3) {
        nodes { __typename id state ... on Incident { category } } totalCount { value } } }"""
    found = (await city.data(NANMING, query))["cases"]
    total = await city_owner.fetchval(
        """SELECT count(*) FROM casework.case c JOIN wangge.area d ON d.id = c.district_id
        WHERE d.name = '南明区' AND c.state IN ('CLOSED', 'HANDLING')"""
    )
    assert found["totalCount"]["value"] == total
    assert {n["__typename"] for n in found["nodes"]} == {"Incident"}
    assert all(n["category"] for n in found["nodes"])


async def test_handwritten_fields_stand_beside_generated_ones(city: City) -> None:
    query = """query($lon: Float!, $lat: Float!) { me { account { name } posts { role { id } area { name } } }
        incidentsNearby(lon: $lon, lat: $lat, metres: 500, first: 2) { nodes { id state } totalCount { value } }
        components(first: 1) { nodes { id } } }"""
    place = "{ incidents(where: {state: {eq: REPORTED}}, first: 1) { nodes { location { lon lat } } } }"
    point = (await city.data(NANMING, place))["incidents"]["nodes"][0]["location"]
    found = await city.data(NANMING, query, point)
    assert found["me"] == {
        "account": {"name": "测试区城管局"},
        "posts": [{"role": {"id": "urban_management_officer"}, "area": {"name": "南明区"}}],
    }
    assert found["incidentsNearby"]["totalCount"]["value"] >= 1
    assert len(found["components"]["nodes"]) == 1


async def test_variables_fragments_aliases_and_directives(city: City) -> None:
    query = """query Q($with: Boolean!, $state: IncidentStateUnused) { incidents { nodes { id } } }"""
    assert await city.code(NANMING, query) == "document.invalid"
    query = """query Q($with: Boolean!, $n: Int = 1) {
        few: incidents(first: $n) { nodes {
          ...Short @include(if: $with) key: id kindLabel(lang: EN) ... on Incident @skip(if: $with) { state } } } }
        fragment Short on Incident { __typename category }"""
    shown = (await city.data(NANMING, query, {"with": True}))["few"]["nodes"][0]
    assert list(shown) == ["__typename", "category", "key", "kindLabel"]
    hidden = (await city.data(NANMING, query, {"with": False, "n": 2}))["few"]["nodes"]
    assert [list(node) for node in hidden] == [["key", "kindLabel", "state"]] * 2


@pytest.mark.parametrize(
    ("given", "code"),
    [({"n": 2}, ""), ({}, "document.invalid"), ({"n": None}, "document.invalid"), ({"n": "2"}, "document.invalid")],
)
async def test_a_scalar_variable_must_be_given_and_of_its_type(city: City, given: dict[str, object], code: str) -> None:
    answer = await city.ask(NANMING, "query($n: Int!) { incidents(first: $n) { nodes { id } } }", given)
    if code:
        assert [error["extensions"]["code"] for error in answer["errors"]] == [code]
    else:
        assert len(answer["data"]["incidents"]["nodes"]) == given["n"]
