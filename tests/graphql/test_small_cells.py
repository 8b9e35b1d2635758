"""Aggregates of callers who may aggregate and not list, over HTTP: only dimensions, only shown cells, from a cube that stands still."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from fractions import Fraction
from typing import Any

import pytest
import pytest_asyncio

from tests.city import City, eventually
from tests.graphql.test_commands import wangge
from tests.graphql.test_read_records import Since
from tests.policy.holders import area_id, define, hire
from wangge.cubes.rebuild import Cubes
from wangge.events.jobs import enqueue
from wangge.model.load import load_model
from wangge.modules.discover import discover
from wangge.sql.catalog import Catalog
from wangge.store.pool import Pool

CITY, NANMING, YUNYAN = "520100000000", "520102000000", "520103000000"
PERSONS = {
    "entity": "base.person",
    "actions": "aggregate",
    "fields": {"sex": "clear", "birthDate": "clear"},
    "purpose": "population_register",
    "dimensions": ["sex", {"birthDate": "YEAR"}, {"area": "COMMUNITY"}],
}
ROOMS = {
    "entity": "base.room",
    "actions": "aggregate",
    "fields": {"*": "clear"},
    "dimensions": ["vacant", {"floor": [3, 6]}, {"area": "TOWNSHIP"}],
}
CELLS = """{ persons { aggregate(%s) { key { sex birthDate area { id } } count suppressed } } }"""
RAW = """SELECT p.sex, to_char(p.birth_date, 'YYYY') AS year, c.id AS community, t.id AS township, d.id AS district
FROM base.person p LEFT JOIN wangge.area a ON a.id = p.area_id
LEFT JOIN wangge.area c ON c.kind = 'community' AND a.ord BETWEEN c.ord AND c.ord_end
LEFT JOIN wangge.area t ON t.kind = 'township' AND a.ord BETWEEN t.ord AND t.ord_end
LEFT JOIN wangge.area d ON d.kind = 'district' AND a.ord BETWEEN d.ord AND d.ord_end WHERE p.removed_at IS NULL"""
LEVELS = ("CITY", "DISTRICT", "TOWNSHIP", "COMMUNITY")
Cell = tuple[str | None, str | None, str | None, str]
"""(sex, year, area, level); "*" for all."""


async def rebuild(owner: Pool) -> None:
    """Count the cubes anew, as every night does."""
    await Cubes(owner, Catalog(load_model([m.folder for m in discover(())]))).rebuild()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def counted(city: City, city_owner: Pool) -> AsyncIterator[City]:
    """The city with statisticians of several areas, after a night."""
    await define(city_owner, "statistician", PERSONS, ROOMS)
    communities = await city_owner.fetch(
        """SELECT c.code FROM base.person p JOIN wangge.area a ON a.id = p.area_id
        JOIN wangge.area c ON c.kind = 'community' AND a.ord BETWEEN c.ord AND c.ord_end
        WHERE p.removed_at IS NULL GROUP BY c.code ORDER BY count(*) DESC LIMIT 2"""
    )
    grid = await city_owner.fetchval("SELECT code FROM wangge.area WHERE kind = 'grid' ORDER BY code LIMIT 1")
    one, other = (row["code"] for row in communities)
    for login, areas in {
        "of-city": [CITY],
        "of-nanming": [NANMING],
        "of-both": [NANMING, YUNYAN],
        "of-community": [one],
        "of-two": [one, other],
        "of-overlap": [NANMING, one, CITY],
        "of-grid": [grid],
    }.items():
        await hire(city, city_owner, login, *[("statistician", code) for code in areas])
    await rebuild(city_owner)
    yield city


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(counted: City) -> AsyncIterator[dict[Cell, int | None]]:
    """All that a statistician of the city can ask by groups."""
    yield await answers(counted, "of-city")


async def total(city: City, login: str, where: str = "") -> Any:
    """The count without groups."""
    found = await city.data(login, f"{{ persons{where} {{ aggregate {{ count suppressed }} }} }}")
    (group,) = found["persons"]["aggregate"]
    assert group["suppressed"] == (group["count"] is None)
    return group["count"]


async def answers(city: City, login: str, levels: tuple[str, ...] = LEVELS) -> dict[Cell, int | None]:
    """All that can be asked by groups: each set of dimensions with each level of areas."""
    found: dict[Cell, int | None] = {}
    for sex in (False, True):
        for year in (False, True):
            for level in (None, *levels):
                terms = ["{sex: VALUE}"] * sex + ["{birthDate: YEAR}"] * year + [f"{{area: {level}}}"] * bool(level)
                key = " ".join(["sex"] * sex + ["birthDate"] * year + ["area { id }"] * bool(level))
                by = f"(groupBy: [{', '.join(terms)}])" if terms else ""
                asked = f"key {{ {key} }}" if key else ""
                query = f"{{ persons {{ aggregate{by} {{ {asked} count suppressed }} }} }}"
                for group in (await city.data(login, query))["persons"]["aggregate"]:
                    assert group["suppressed"] == (group["count"] is None)
                    told = group.get("key") or {}
                    area = (told.get("area") or {}).get("id") if level else "*"
                    cell = (told.get("sex") if sex else "*", told.get("birthDate") if year else "*", area, level or "*")
                    assert cell not in found
                    found[cell] = group["count"]
    return found


async def raw(owner: Pool) -> Counter[tuple[str | None, str | None, str | None, str | None, str | None]]:
    """The persons by sex, year, community, township, district."""
    rows = await owner.fetch(RAW)
    return Counter(
        (r["sex"], r["year"], *(str(r[k]) if r[k] else None for k in ("community", "township", "district")))
        for r in rows
    )


def members(cell: Cell, kinds: list[Any], years: set[str], root: str) -> list[int]:
    """Which kinds of persons a cell counts; years outside the range of the cube count as without one."""
    sex, year, area, level = cell
    at = {"COMMUNITY": 2, "TOWNSHIP": 3, "DISTRICT": 4}.get(level)
    found = []
    for n, kind in enumerate(kinds):
        own = kind[1] if kind[1] in years else None
        inside = level in ("*", "CITY") or (at is not None and kind[at] == area)
        if inside and sex in ("*", kind[0]) and year in ("*", own):
            found.append(n)
    return found


async def test_shown_cells_are_right_and_small_ones_are_not_shown(
    told: dict[Cell, int | None], city_owner: Pool
) -> None:
    found = told
    people = await raw(city_owner)
    kinds, years = list(people), {cell[1] for cell in found if cell[1] not in ("*", None)}
    root = str(await area_id(city_owner, CITY))
    truth = {cell: sum(people[kinds[n]] for n in members(cell, kinds, years, root)) for cell in found}
    assert {cell: count for cell, count in found.items() if count not in (None, truth[cell])} == {}
    assert [cell for cell, count in found.items() if count is not None and count < 10] == []
    assert found["*", "*", "*", "*"] == people.total()
    shown = sum(count is not None for count in found.values())
    assert shown > 20
    assert len(found) - shown > 100


async def test_no_combination_of_answers_gives_a_hidden_cell(told: dict[Cell, int | None], city_owner: Pool) -> None:
    """Exact linear algebra over all shown cells, with everything known about who could be in them."""
    found = told
    people = await raw(city_owner)
    kinds, years = list(people), {cell[1] for cell in found if cell[1] not in ("*", None)}
    root = str(await area_id(city_owner, CITY))
    rows = {cell: members(cell, kinds, years, root) for cell in found}
    basis: dict[int, dict[int, Fraction]] = {}
    for cell in sorted((c for c in found if found[c] is not None), key=lambda c: len(rows[c])):
        rest = reduced(basis, rows[cell])
        if rest:
            first = min(rest)
            basis[first] = {n: value / rest[first] for n, value in rest.items()}
    hidden = [cell for cell, count in found.items() if count is None and rows[cell]]
    assert hidden
    assert [cell for cell in hidden if not reduced(basis, rows[cell])] == []


def reduced(basis: dict[int, dict[int, Fraction]], members: list[int]) -> dict[int, Fraction]:
    """What is left of a sum over a basis of sums."""
    row = {n: Fraction(1) for n in members}
    done: set[int] = set()
    while (at := min((n for n in row if n in basis and n not in done), default=None)) is not None:
        factor = row[at]
        for n, value in basis[at].items():
            left = row.get(n, Fraction(0)) - factor * value
            if left:
                row[n] = left
            else:
                row.pop(n, None)
        done.add(at)
    return row


async def test_where_and_group_by_tell_the_same(counted: City) -> None:
    found = await answers(counted, "of-city", ())
    for sex in ("1", "2"):
        where = f'(where: {{sex: {{eq: "{sex}"}}}})'
        assert await total(counted, "of-city", where) == found[sex, "*", "*", "*"]
    year = next(
        cell[1] for cell, count in found.items() if cell[1] not in ("*", None) and cell[0] == "*" and count is None
    )
    assert await total(counted, "of-city", f'(where: {{birthDate: {{eq: "{year}"}}}})') is None
    shown = [c[0] for c, n in found.items() if c[0] not in ("*", None) and c[1:3] == ("*", "*") and n is not None]
    several = ", ".join(f'"{value}"' for value in shown)
    total_of = sum(found[value, "*", "*", "*"] or 0 for value in shown)
    assert await total(counted, "of-city", f"(where: {{sex: {{in: [{several}]}}}})") == total_of
    with_hidden = f'(where: {{birthDate: {{in: ["{year}", "1980"]}}}})'
    assert await total(counted, "of-city", with_hidden) is None


async def test_posts_are_united_and_none_counts_twice(counted: City, city_owner: Pool) -> None:
    people = await raw(city_owner)
    at = {code: str(await area_id(city_owner, code)) for code in (NANMING, YUNYAN)}
    own = {code: sum(n for kind, n in people.items() if kind[4] == id_) for code, id_ in at.items()}
    assert await total(counted, "of-nanming") == own[NANMING]
    assert await total(counted, "of-both") == own[NANMING] + own[YUNYAN]
    assert await total(counted, "of-overlap") == people.total()
    one, both = await total(counted, "of-community"), await total(counted, "of-two")
    assert one is None or both is None or one < both


async def test_a_grid_is_no_area_of_the_cube(counted: City) -> None:
    assert await total(counted, "of-grid") is None
    query = "{ persons { aggregate(groupBy: [{area: COMMUNITY}]) { key { area { code } } count } } }"
    assert (await counted.data("of-grid", query))["persons"]["aggregate"] == []


async def test_a_caller_asks_in_the_own_area_only(counted: City, city_owner: Pool) -> None:
    other = await area_id(city_owner, YUNYAN)
    assert await total(counted, "of-nanming", f'(where: {{area: {{within: "{other}"}}}})') is None
    mine = await area_id(city_owner, NANMING)
    assert await total(counted, "of-city", f'(where: {{area: {{within: "{mine}"}}}})') == await total(
        counted, "of-nanming"
    )
    query = "{ persons { aggregate(groupBy: [{area: DISTRICT}]) { key { area { code } } count } } }"
    groups = (await counted.data("of-nanming", query))["persons"]["aggregate"]
    assert [g["key"]["area"]["code"] for g in groups if g["key"]["area"]] == [NANMING]


async def test_todays_registration_shows_tomorrow(counted: City, city_owner: Pool) -> None:
    before = await answers(counted, "of-city", ("DISTRICT",))
    move = """UPDATE base.person SET removed_at = $1 WHERE id IN (SELECT id FROM base.person ORDER BY id LIMIT 3) RETURNING id"""
    gone = await city_owner.fetchval("SELECT now()")
    await city_owner.fetch(move, gone)
    assert await answers(counted, "of-city", ("DISTRICT",)) == before
    await rebuild(city_owner)
    assert await total(counted, "of-city") == (before["*", "*", "*", "*"] or 0) - 3
    await city_owner.fetch(move, None)
    await rebuild(city_owner)
    assert await answers(counted, "of-city", ("DISTRICT",)) == before


async def test_numbers_are_summed_where_enough_rows_have_them(counted: City, city_owner: Pool) -> None:
    query = """{ rooms { aggregate(groupBy: [{floor: BAND}]) { key { floor } count sum { floorArea } avg { floorArea } } } }"""
    found = (await counted.data("of-city", query))["rooms"]["aggregate"]
    rows = await city_owner.fetch(
        """SELECT (ARRAY['..3', '3..6', '6..'])[width_bucket(floor, ARRAY[3, 6]) + 1] AS band, count(*) AS n,
        sum(floor_area) AS total, round(avg(floor_area), 6) AS mean FROM base.room WHERE removed_at IS NULL GROUP BY 1"""
    )
    truth = {row["band"]: row for row in rows}
    assert [group["key"]["floor"] for group in found] == ["..3", "3..6", "6..", None]
    for group in (g for g in found if g["count"] is not None):
        row = truth[group["key"]["floor"]]
        assert group["count"] == row["n"]
        assert float(group["sum"]["floorArea"]) == pytest.approx(float(row["total"]))
        assert float(group["avg"]["floorArea"]) == pytest.approx(float(row["mean"]))


async def test_what_is_hidden_has_no_place_in_an_order_and_meets_no_condition(counted: City) -> None:
    query = """query($way: SortDirection) { persons { aggregate(groupBy: [{birthDate: YEAR}], orderBy: [{count: $way}]) {
        key { birthDate } count } } }"""
    for way in ("ASC", "DESC"):
        groups = (await counted.data("of-city", query, {"way": way}))["persons"]["aggregate"]
        counts = [group["count"] for group in groups if group["count"] is not None]
        assert counts == sorted(counts, reverse=way == "DESC")
        hidden = [group["key"]["birthDate"] for group in groups if group["count"] is None]
        assert [group["count"] for group in groups[len(counts) :]] == [None] * len(hidden)
        years = [year for year in hidden if year is not None]
        assert years == sorted(years)
    having = """{ persons { aggregate(groupBy: [{birthDate: YEAR}], having: {count: {%s}}) { count } } }"""
    for condition in ("lt: 10", "lte: 9", "eq: 3", "in: [1, 2, 3, 4, 5, 6, 7, 8, 9]"):
        assert (await counted.data("of-city", having % condition))["persons"]["aggregate"] == []


@pytest.mark.parametrize(
    "asked",
    [
        "nodes { id }",
        "edges { cursor }",
        "totalCount { value }",
        "pageInfo { hasNextPage }",
        "aggregate { min { birthDate } }",
        "aggregate { countDistinct { sex } }",
        "aggregate(groupBy: [{%s: VALUE}]) { count }",
        "aggregate(groupBy: [{birthDate: MONTH}]) { count }",
        "aggregate(groupBy: [{area: GRID}]) { count }",
        "aggregate(having: {sum: {%s: {gt: 1}}}) { count }",
    ],
)
async def test_a_field_that_is_no_dimension_is_answered_as_one_that_does_not_exist(counted: City, asked: str) -> None:
    queries = [f"{{ persons {{ {asked.replace('%s', name)} }} }}" for name in ("ethnic", "nothin")]
    hidden, missing = [await counted.ask("of-city", query) for query in queries]
    assert [e["extensions"]["code"] for e in hidden["errors"]] == ["document.invalid"]
    assert str(hidden).replace("ethnic", "nothin") == str(missing)


async def test_hidden_fields_of_conditions_and_rows_do_not_exist(counted: City) -> None:
    for query in (
        '{ persons(where: {%s: {eq: "1"}}) { aggregate { count } } }',
        '{ persons(where: {not: {%s: {eq: "1"}}}) { aggregate { count } } }',
        "{ persons(orderBy: [{%s: ASC}]) { aggregate { count } } }",
        '{ person(id: "%s") { id } }',
    ):
        hidden, missing = [await counted.ask("of-city", query.replace("%s", name)) for name in ("ethnic", "nothin")]
        assert hidden["errors"][0]["extensions"]["code"] == "document.invalid"
        assert str(hidden).replace("ethnic", "nothin") == str(missing)


async def test_answers_leave_a_read_record_of_how_many_rows(counted: City, city_owner: Pool) -> None:
    async with Since(city_owner) as since:
        await counted.data("of-nanming", "{ persons { aggregate { count } } }")
        found = await counted.data(
            "of-nanming", "{ persons { aggregate(groupBy: [{sex: VALUE}]) { key { sex } count } } }"
        )
        (record,) = await since.records(1)
    shown = sum(group["count"] or 0 for group in found["persons"]["aggregate"])
    assert record["entities"] == [{"entity": "base.person", "fields": ["sex"], "count": shown}]
    assert list(record["row_ids"]) == []


async def test_a_rule_without_a_cube_answers_nothing_until_the_next_night(counted: City, city_owner: Pool) -> None:
    dated = PERSONS | {"dimensions": [{"birthDate": "QUARTER"}]}
    await define(city_owner, "later", dated)
    login = await hire(counted, city_owner, "of-later", ("later", CITY))
    query = "{ persons { aggregate(groupBy: [{birthDate: QUARTER}]) { count } } }"

    async def obeyed() -> bool:
        return "errors" not in await counted.ask(login, query)

    await eventually(obeyed, 5)
    assert (await counted.data(login, query))["persons"]["aggregate"] == []


async def test_who_may_list_has_the_rows_and_no_cube(counted: City, city_owner: Pool) -> None:
    login = await hire(counted, city_owner, "of-clerks", ("statistician", CITY), ("station_clerk", NANMING))
    found = await counted.data(login, "{ persons(first: 1) { nodes { id } aggregate { count } } }")
    assert len(found["persons"]["nodes"]) == 1
    assert found["persons"]["aggregate"] == [{"count": await total(counted, "of-nanming")}]


async def test_a_prohibition_takes_the_cube_because_rows_cannot_leave_it(counted: City, city_owner: Pool) -> None:
    gone = {"entity": "base.person", "actions": "aggregate", "effect": "PROHIBIT", "where": {"sex": {"eq": "1"}}}
    await define(city_owner, "barred", PERSONS, gone)
    login = await hire(counted, city_owner, "of-barred", ("barred", CITY))
    assert await counted.code(login, "{ persons { aggregate { count } } }") == "document.invalid"


async def test_the_command_and_the_nightly_job_count_anew(counted: City, city_owner: Pool) -> None:
    built = "SELECT built_at FROM wangge.cube WHERE entity = 'base.person'"
    before = await city_owner.fetchval(built)

    async def queue() -> bool:
        return bool(await city_owner.fetchval("SELECT to_regclass('jobs.pgqueuer') IS NOT NULL"))

    await eventually(queue)
    async with Pool(counted.database, "app") as serving, serving.transaction() as connection:
        await enqueue(connection, "cubes")

    async def done() -> bool:
        return bool(await city_owner.fetchval(built) > before)

    await eventually(done, 30)
    status, out, err = await wangge(counted, "cube", "rebuild")
    assert (status, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == ["base.person", "base.room", "2"]
    generations = await city_owner.fetch("SELECT DISTINCT generation FROM wangge.cube_cell ORDER BY 1")
    assert generations == await city_owner.fetch("SELECT generation FROM wangge.cube ORDER BY 1")
