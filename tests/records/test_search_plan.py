"""The plan of a search: the indexes of what was typed, with the caller's area beside them, and no table from end to end."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.records.world import City
from wangge.model.filter import Param
from wangge.model.pinyin import spelt
from wangge.policy.scope import Scope
from wangge.sql.ast import Cell, Connection, Nodes, PageInfo, Search, Selection, Statement
from wangge.sql.catalog import Catalog
from wangge.sql.compile import compile_root
from wangge.values import uuid7

COUNT = 20_000
COLUMNS = ("id", "area_id", "area_ord", "district_id", "name", "name_sort", "name_pinyin", "name_initials")
NAMES = [a + b + c for a in "王李张刘陈杨黄赵吴周" for b in "伟芳娜敏静丽强磊军洋" for c in "勇艳杰娟涛明超秀霞平"]


async def fill(city: City) -> None:
    """Persons in four communities, known to the planner."""
    places = [city.areas[name] for name in ("north_1", "north_2", "south_1", "south_2")]
    rows = []
    for n in range(COUNT):
        name, area = NAMES[n % len(NAMES)], places[n % len(places)]
        read = spelt(name)
        rows.append((uuid7(), area.id, area.ord, area.district, name, read.sort, read.full, read.initials))
    async with city.pool.connection() as connection:
        await connection.copy_records_to_table("person", schema_name="base", records=rows, columns=COLUMNS)
        await connection.execute(
            "INSERT INTO base.person_area (row_id, area_id, area_ord, district_id, via, sort) "
            "SELECT id, area_id, area_ord, district_id, 'home', name_sort FROM base.person"
        )
        await connection.execute("SELECT wangge.analyze('{base.person,base.person_area}')")


def statement(city: City, scope: Scope) -> Statement:
    """A page of found persons."""
    nodes = Nodes("nodes", (Selection("base.person", (Cell("id", "id"), Cell("name", "name"))),))
    info = PageInfo("pageInfo", (("hasNextPage", "hasNextPage"),))
    search = Search(Param(0), Param(1), Param(2))
    return compile_root(
        Catalog(city.model), scope.shape, Connection("base.person", (nodes, info), search=search, first=Param(3))
    )


def scanned(plan: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(node, relation, index) of every scan of a plan."""
    found = [(plan["Node Type"], plan.get("Relation Name", ""), plan.get("Index Name", ""))]
    return [*found, *(scan for below in plan.get("Plans", ()) for scan in scanned(below))]


async def test_it_reads_indexes_only_and_keeps_the_condition_of_the_area(city: City) -> None:
    await fill(city)
    scope = city.scope("north")
    made = statement(city, scope)
    for text, letters, wanted in (
        ("王伟", None, {"person_search"}),
        ("wangwei", "wangwei", {"person_search", "person_name_pinyin", "person_name_initials"}),
    ):
        async with city.pool.connection() as connection:
            values = made.bind(scope, [text, [text], letters, 5])
            found = await connection.fetchval(f"EXPLAIN (FORMAT JSON, VERBOSE) {made.sql}", *values)
        plan = msgspec.json.decode(found)[0]["Plan"]
        scans = scanned(plan)
        assert [scan for scan in scans if scan[0] in ("Seq Scan", "Function Scan")] == []
        indexes = {index.rpartition("_")[0] for _, _, index in scans if index}
        assert wanted <= indexes
        assert any("person_area" in index for index in indexes)
        assert "district_id" in str(plan)


async def test_each_text_has_a_plan_of_its_own_however_often_it_is_asked(city: City) -> None:
    scope = city.scope("north_1")
    made = statement(city, scope)
    async with city.pool.connection() as connection:
        for n in range(12):
            await connection.fetchval(made.sql, *made.bind(scope, [NAMES[n], [NAMES[n]], None, 5]))
        kept = await connection.fetchrow(
            "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement = $1", made.sql
        )
    assert tuple(kept) == (0, 12)


async def test_a_search_of_one_district_finds_its_rows_alone(city: City) -> None:
    for area, number in (("north", COUNT // 2), ("north_1", COUNT // 4), ("city", COUNT)):
        scope = city.scope(area)
        made = statement(city, scope)
        async with city.pool.connection() as connection:
            answer = await connection.fetchval(made.sql, *made.bind(scope, ["王", ["王"], None, 1000]))
        assert len(answer.decode().split('"name"')) - 1 == min(1000, number // 10)
