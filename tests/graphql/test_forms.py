"""Forms of a selection that are easily got wrong: long keys, empty selections, the id inside an ordering, computed cells."""

from __future__ import annotations

import pytest

from tests.city import City
from wangge.store.pool import Pool

OFFICER = "nanming-urban-management"
LONG = "a" * 70
INCIDENTS = """SELECT {what} FROM urban_management.incident i JOIN casework.case c USING (id)
JOIN wangge.area d ON d.id = i.district_id WHERE d.name = '南明区' AND i.removed_at IS NULL"""


async def test_keys_that_postgresql_would_cut_count_and_page_like_short_ones(city: City) -> None:
    fields = "nodes { {0}1: id {0}2: caseNo } totalCount { {0}1: value {0}2: exact } pageInfo { {0}1: hasNextPage {0}2: endCursor }"
    long = (await city.data(OFFICER, "{ incidents(first: 2) { " + fields.replace("{0}", LONG) + " } }"))["incidents"]
    short = (await city.data(OFFICER, "{ incidents(first: 2) { " + fields.replace("{0}", "a") + " } }"))["incidents"]

    def named(value: dict[str, object]) -> list[object]:
        return list(value.values())

    assert [named(n) for n in long["nodes"]] == [named(n) for n in short["nodes"]]
    assert named(long["totalCount"]) == named(short["totalCount"])
    assert named(long["pageInfo"])[0] == named(short["pageInfo"])[0]


async def test_an_object_may_have_hundreds_of_keys_short_or_long(city: City) -> None:
    keys = " ".join(f"k{n}: id {LONG}{n}: caseNo" for n in range(120))
    node = (await city.data(OFFICER, f"{{ incidents(first: 1) {{ nodes {{ {keys} }} }} }}"))["incidents"]["nodes"][0]
    assert list(node) == [key for n in range(120) for key in (f"k{n}", f"{LONG}{n}")]
    assert len(set(node.values())) == 2


async def test_what_is_skipped_leaves_empty_objects(city: City) -> None:
    query = """{ incidents(first: 1) { nodes { id @skip(if: true) } edges { cursor @skip(if: true) }
        pageInfo { endCursor @skip(if: true) } totalCount { value @skip(if: true) } } }"""
    found = (await city.data(OFFICER, query))["incidents"]
    assert found == {"nodes": [{}], "edges": [{}], "pageInfo": {}, "totalCount": {}}


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
async def test_the_id_leaves_no_ties_for_what_stands_after_it(city: City, city_owner: Pool, direction: str) -> None:
    query = """query($d: SortDirection!, $after: String) {
        incidents(orderBy: [{kind: ASC}, {id: $d}, {caseNo: ASC}], first: 11, after: $after) {
          nodes { id } pageInfo { endCursor } } }"""
    expected = await city_owner.fetch(f"{INCIDENTS.format(what='i.id::text')} ORDER BY i.kind, i.id {direction}")
    seen: list[str] = []
    after = None
    while len(seen) < len(expected):
        page = (await city.data(OFFICER, query, {"d": direction, "after": after}))["incidents"]
        assert page["nodes"]
        seen += [node["id"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
    assert seen == [row[0] for row in expected]


async def test_a_computed_field_can_be_filtered_by(city: City, city_owner: Pool) -> None:
    query = "{ incidents(where: {overdueMinutes: {gt: 60}}) { totalCount { value } } }"
    late = f"{INCIDENTS.format(what='count(*)')} AND extract(epoch FROM coalesce(c.closed_at, now()) - c.due_at) >= 61 * 60"
    found = (await city.data(OFFICER, query))["incidents"]["totalCount"]["value"]
    assert found == await city_owner.fetchval(late)
    assert found > 0
    none = await city.data(OFFICER, "{ incidents(where: {overdueMinutes: {isNull: true}}) { totalCount { value } } }")
    assert none["incidents"]["totalCount"]["value"] == 0


async def test_a_year_or_a_month_stands_for_its_first_day(city: City) -> None:
    query = "query($d: Date) { persons(where: {birthDate: {gte: $d}}) { totalCount { value } } }"
    counts = [
        (await city.data("nanming-station", query, {"d": day}))["persons"]["totalCount"]["value"]
        for day in ("1980", "1980-01", "1980-01-01", "1980-02-01")
    ]
    assert counts[0] == counts[1] == counts[2] > counts[3] > 0


async def test_within_takes_several_polygons_and_leaves_out_their_holes(city: City, city_owner: Pool) -> None:
    lon, lat = "c.location_lon", "c.location_lat"
    ends = f"min({lon}), max({lon}), min({lat}), max({lat}), percentile_disc(0.25) WITHIN GROUP (ORDER BY {lon})"
    left, right, low, high, quarter = (await city_owner.fetch(INCIDENTS.format(what=ends)))[0]
    x = (left + right) / 2

    def ring(x1: float, y1: float, x2: float, y2: float) -> list[list[float]]:
        return [[x1, y1], [x2, y1], [x2, y2], [x1, y2], [x1, y1]]

    west, east = ring(left - 1, low - 1, x, high + 1), ring(x, low - 1, right + 1, high + 1)
    hole = ring(left - 0.5, low - 0.5, quarter, high + 0.5)
    place = {"type": "MultiPolygon", "coordinates": [[west, hole], [east]]}
    query = "query($p: GeoJSON) { incidents(where: {location: {within: $p}}) { totalCount { value } } }"
    found = (await city.data(OFFICER, query, {"p": place}))["incidents"]["totalCount"]["value"]
    total = f"{INCIDENTS.format(what='count(*)')} AND {lon} IS NOT NULL"
    assert found == await city_owner.fetchval(f"{total} AND {lon} > $1", quarter)
    assert 0 < found < await city_owner.fetchval(total)


READS: list[tuple[str, int]] = [
    ("{ incidents(first: 3) { totalCount { value } } }", 1),
    (
        """{ incidents(first: 3) { nodes { id } edges { cursor node { caseNo } }
        pageInfo { hasNextPage } totalCount(limit: 5) { value } } }""",
        1,
    ),
    ("{ cases(first: 3) { nodes { __typename ... on Incident { component { name } } } } }", 1),
    ("{ rooms(first: 2) { nodes { building { rooms(first: 2) { nodes { building { compound { name } } } } } } } }", 1),
    ('{ incident(id: "00000000-0000-7000-8000-000000000000") { room { address } } }', 1),
    (
        """{ a: incidents(first: 1) { nodes { categoryLabel } } b: rooms(first: 1) { nodes { useLabel(lang: EN) } }
        c: areas { totalCount { value } } }""",
        3,
    ),
    (
        """{ incidents(where: {room: {building: {rooms: {some: {number: {startsWith: "1"}}}}}},
        orderBy: [{room: {address: DESC}}], offset: 2) { nodes { id } } }""",
        1,
    ),
    (f"{{ incidents(first: 1) {{ nodes {{ {LONG}1: id {LONG}2: room {{ {LONG}3: number }} }} }} }}", 1),
    ("{ me { account { name } } incidentsNearby(lon: 106.7, lat: 26.6) { nodes { id room { number } } } }", 1),
]


@pytest.mark.parametrize(("query", "statements"), READS)
async def test_every_form_of_a_read_is_one_statement_a_root_field(
    city: City, city_admin: Pool, query: str, statements: int
) -> None:
    await city.data(OFFICER, query)
    await city_admin.execute("SELECT public.pg_stat_statements_reset()")
    await city.data(OFFICER, query)
    calls = await city_admin.fetchval(
        """SELECT coalesce(sum(s.calls), 0)::int FROM public.pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid
        WHERE r.rolname = 'wangge_app' AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND s.query ~ '^SELECT [(]' AND s.query LIKE '%::json'"""
    )
    assert calls == statements


async def test_each_part_of_a_count_may_be_asked_alone(city: City) -> None:
    query = """{ rooms { totalCount { exact } } areas { totalCount { __typename } }
      limited: rooms { totalCount(limit: 2) { __typename } } nested: rooms(first: 1) { nodes { residences { totalCount { exact } } } } }"""
    assert await city.data("nanming-station", query) == {
        "rooms": {"totalCount": {"exact": True}},
        "areas": {"totalCount": {"__typename": "TotalCount"}},
        "limited": {"totalCount": {"__typename": "TotalCount"}},
        "nested": {"nodes": [{"residences": {"totalCount": {"exact": True}}}]},
    }
