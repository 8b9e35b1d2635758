"""What a filter sees (PERMISSIONS 5): SQL and the in-memory evaluator agree, over all cells and over those that a caller sees.

The rows are projected for the evaluator by hand: a cell that the caller may not see is absent, so is a hidden reference.
"""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import msgspec
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.city import City, approve, served
from tests.graphql.zoo import label, write_zoo
from wangge.identity.accounts import enable_module
from wangge.model.conditions import parse_filter
from wangge.model.evaluate import Context, Target, evaluate
from wangge.model.load import load_model
from wangge.model.types import Model
from wangge.modules.discover import discover
from wangge.prepare import prepare
from wangge.settings import Settings
from wangge.store.database import Database
from wangge.store.pool import Pool

ALL, PART = "city-admin", "nanming-admin"
FIELDS: list[dict[str, Any]] = [
    {"name": "text1", "type": "text", "label": label("文")},
    {"name": "integer1", "type": "integer", "label": label("数")},
    {"name": "enum1", "type": "enum", "values": ["ALPHA", "BETA"], "label": label("类")},
    {"name": "codes1", "type": "codes", "table": "coat", "label": label("码")},
    {"name": "date1", "type": "date", "label": label("日")},
    {"name": "ref1", "type": "ref", "to": "zoo.keeper", "label": label("人")},
    {
        "name": "list1",
        "type": "list",
        "label": label("表"),
        "fields": [
            {"name": "n", "type": "integer", "label": label("数")},
            {"name": "s", "type": "text", "label": label("文")},
        ],
    },
]
ROWS: list[dict[str, Any]] = [
    {
        "text1": "a%",
        "integer1": 1,
        "enum1": "ALPHA",
        "codes1": ["A"],
        "date1": "2026-01-01",
        "ref1": "seen",
        "list1": [{"n": 1, "s": "x"}],
    },
    {
        "text1": "ab",
        "integer1": 2,
        "enum1": "BETA",
        "codes1": ["A-1", "B"],
        "date1": "2026-06-30",
        "ref1": "seen",
        "list1": [{"n": 2}],
    },
    {"text1": "b_", "integer1": None, "enum1": "ALPHA", "codes1": [], "date1": None, "ref1": "hidden", "list1": []},
    {
        "text1": None,
        "integer1": 3,
        "enum1": "BETA",
        "codes1": ["B"],
        "date1": "2026-12-31",
        "ref1": None,
        "list1": [{"n": None}, {"n": 5}],
    },
    {
        "text1": "A",
        "integer1": -1,
        "enum1": None,
        "codes1": ["A-1"],
        "date1": "2025-01-01",
        "ref1": "hidden",
        "list1": [{"s": "y"}],
    },
    {
        "text1": "王小明",
        "integer1": 2,
        "enum1": "ALPHA",
        "codes1": ["B"],
        "date1": "2026-06-30",
        "ref1": None,
        "list1": [{"n": 1}, {"n": 2}],
    },
]
CASES: list[dict[str, Any]] = [
    {},
    {"or": []},
    {"and": []},
    {"not": {}},
    {"not": {"or": []}},
    {"text1": {"eq": "A"}},
    {"text1": {"ne": "A"}},
    {"text1": {"in": ["A", "ab"]}},
    {"text1": {"notIn": ["A", "ab"]}},
    {"text1": {"in": []}},
    {"text1": {"notIn": []}},
    {"text1": {"isNull": True}},
    {"text1": {"isNull": False}},
    {"text1": {"contains": "%"}},
    {"text1": {"contains": "_"}},
    {"text1": {"startsWith": "a"}},
    {"text1": {"startsWith": "王"}},
    {"text1": {"gt": "Z"}},
    {"text1": {"eq": None}},
    {"text1": {"ne": None}},
    {"not": {"text1": {"eq": None}}},
    {"integer1": {"gte": 2}},
    {"not": {"integer1": {"gte": 2}}},
    {"integer1": {"lt": 2, "gt": -1}},
    {"integer1": {"isNull": True}},
    {"integer1": {"ne": 2}},
    {"enum1": {"in": ["ALPHA"]}},
    {"enum1": {"isNull": True}},
    {"date1": {"lte": "2026-06-30"}},
    {"codes1": {"has": "B"}},
    {"codes1": {"hasAny": ["A", "A-1"]}},
    {"codes1": {"hasAll": ["A-1", "B"]}},
    {"codes1": {"under": "A"}},
    {"not": {"codes1": {"has": "B"}}},
    {"ref1": {}},
    {"not": {"ref1": {}}},
    {"ref1": {"name": {"eq": "seen"}}},
    {"ref1": {"name": {"ne": "seen"}}},
    {"not": {"ref1": {"name": {"eq": "seen"}}}},
    {"list1": {"some": {}}},
    {"list1": {"some": {"n": {"gt": 1}}}},
    {"list1": {"every": {"n": {"isNull": False}}}},
    {"list1": {"none": {"s": {"isNull": False}}}},
    {"not": {"list1": {"every": {"n": {"eq": 1}}}}},
    {"or": [{"text1": {"eq": "ab"}}, {"and": [{"integer1": {"eq": 2}}, {"not": {"ref1": {}}}]}]},
    {"text1": {"isNull": False}, "or": [{"integer1": {"gt": 2}}, {"codes1": {"has": "A"}}]},
]


class World:
    """The served rows, and the same rows for the evaluator."""

    def __init__(self, city: City, model: Model, ids: list[UUID], keepers: dict[str, UUID]) -> None:
        self.city = city
        self.model = model
        self.ids = ids
        self.keepers = keepers

    async def by_sql(self, login: str, where: dict[str, Any]) -> set[int]:
        """The numbers of the rows that the API finds."""
        query = "query($w: ZooAnimalWhere) { zooAnimals(where: $w, first: 1000) { nodes { id } totalCount { value } } }"
        found = (await self.city.data(login, query, {"w": where}))["zooAnimals"]
        assert found["totalCount"]["value"] == len(found["nodes"])
        return {self.ids.index(UUID(node["id"])) for node in found["nodes"]}

    def by_hand(self, login: str, where: dict[str, Any]) -> set[int]:
        """The numbers of the rows that the evaluator finds."""
        parsed = parse_filter(self.model, "zoo.animal", where)
        found = set()
        for number, row in enumerate(ROWS):
            context = Context(self.model, dt.datetime.now(dt.UTC), parents=lambda _: {"A": "", "A-1": "A", "B": ""})
            for name, keeper in self.keepers.items():
                seen = login == ALL or name != "hidden"
                context.rows["zoo.keeper", keeper] = (
                    Target("zoo.keeper", {"id": keeper, "name": name}) if seen else None
                )
            if evaluate(parsed, self.projected(login, row, number), context, "zoo.animal"):
                found.add(number)
        return found

    def projected(self, login: str, row: dict[str, Any], number: int) -> dict[str, Any]:
        """The cells that the caller sees, as Python values; the others are absent."""
        made: dict[str, Any] = {"id": self.ids[number], **row}
        made["date1"] = dt.date.fromisoformat(row["date1"]) if row["date1"] else None
        made["ref1"] = self.keepers[row["ref1"]] if row["ref1"] else None
        made["list1"] = [{"n": part.get("n"), "s": part.get("s")} for part in row["list1"]]
        if login == PART and row["enum1"] != "ALPHA":
            made |= {"integer1": None, "codes1": None, "date1": None, "ref1": None, "list1": []}
        return made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def zoo(
    city_settings: Settings, city_database: Database, city_owner: Pool, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """The rows, stored through the API."""
    folder = write_zoo(tmp_path_factory.mktemp("modules"), FIELDS)
    changed = msgspec.structs.replace(city_settings, modules=(folder,))
    await approve(city_owner, "zoo")
    await prepare(changed, city_database)
    async with city_owner.transaction() as connection:
        await enable_module(connection, "zoo", None)
    area = await city_owner.fetchval("SELECT id::text FROM wangge.area WHERE kind = 'grid' ORDER BY code LIMIT 1")
    async with served(changed, city_database) as city:
        keepers, ids = {}, []
        for name in ("seen", "hidden"):
            text = "mutation($i: CreateZooKeeperInput!) { createZooKeeper(input: $i) { node { id } } }"
            made = await city.data(ALL, text, {"i": {"area": area, "name": name}})
            keepers[name] = UUID(made["createZooKeeper"]["node"]["id"])
        for row in ROWS:
            text = "mutation($i: CreateZooAnimalInput!) { createZooAnimal(input: $i) { node { id } errors { code path } } }"
            given = {**row, "area": area, "ref1": str(keepers[row["ref1"]]) if row["ref1"] else None}
            made = (await city.data(ALL, text, {"i": given}))["createZooAnimal"]
            assert made["errors"] == []
            ids.append(UUID(made["node"]["id"]))
        yield World(city, load_model([m.folder for m in discover((folder,))]), ids, keepers)


@pytest.mark.parametrize("login", [ALL, PART])
@pytest.mark.parametrize("where", CASES, ids=str)
async def test_sql_and_evaluator_agree(zoo: World, login: str, where: dict[str, Any]) -> None:
    assert await zoo.by_sql(login, where) == zoo.by_hand(login, where)


EDGES: list[tuple[dict[str, Any], set[int]]] = [
    ({"or": []}, set()),
    ({"and": []}, {0, 1, 2, 3, 4, 5}),
    ({"text1": {"eq": None}}, set()),
    ({"text1": {"ne": None}}, {0, 1, 2, 3, 4, 5}),
    ({"text1": {"ne": "A"}}, {0, 1, 2, 3, 5}),
    ({"ref1": {}}, {0, 1, 2, 4}),
    ({"list1": {"every": {"n": {"gt": 0}}}}, {0, 1, 2, 5}),
    ({"text1": {"contains": "%"}}, {0}),
    ({"codes1": {"under": "A"}}, {0, 1, 4}),
]


@pytest.mark.parametrize(("where", "rows"), EDGES, ids=str)
async def test_edge_cases_are_as_the_api_chapter_fixes_them(zoo: World, where: dict[str, Any], rows: set[int]) -> None:
    assert await zoo.by_sql(ALL, where) == rows


@pytest.mark.parametrize(
    ("name", "holds"), [("lt", operator.lt), ("lte", operator.le), ("gt", operator.gt), ("gte", operator.ge)]
)
async def test_rows_are_compared_by_their_ids(zoo: World, name: str, holds: Callable[[UUID, UUID], bool]) -> None:
    for bound in zoo.ids:
        met = {n for n, found in enumerate(zoo.ids) if holds(found, bound)}
        where = {"id": {name: str(bound)}}
        assert await zoo.by_sql(ALL, where) == zoo.by_hand(ALL, where) == met
    assert await zoo.by_sql(ALL, {"id": {name: "no id"}}) == set()


def compared(name: str, operand: st.SearchStrategy[Any], operators: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    """A comparison of a field."""
    one = st.builds(lambda o, v: {name: {o: v}}, st.sampled_from(operators), st.none() | operand)
    many = st.builds(lambda o, v: {name: {o: v}}, st.sampled_from(["in", "notIn"]), st.lists(operand, max_size=3))
    null = st.builds(lambda v: {name: {"isNull": v}}, st.booleans())
    return one | many | null


WORDS = st.sampled_from(["a%", "ab", "A", "a", "_", "%", "", "王", "王小明", "zz"])
WHOLE = st.integers(-2, 4)
RANGE = ["eq", "ne", "lt", "lte", "gt", "gte"]
CODES = st.sampled_from(["A", "A-1", "B"])
LEAVES = st.one_of(
    compared("text1", WORDS, [*RANGE, "contains", "startsWith"]),
    compared("integer1", WHOLE, RANGE),
    compared("enum1", st.sampled_from(["ALPHA", "BETA"]), ["eq", "ne"]),
    st.builds(lambda o, v: {"codes1": {o: v}}, st.sampled_from(["has", "under"]), CODES),
    st.builds(lambda o, v: {"codes1": {o: v}}, st.sampled_from(["hasAny", "hasAll"]), st.lists(CODES, max_size=2)),
    st.builds(
        lambda inner: {"ref1": inner}, st.just({}) | compared("name", st.sampled_from(["seen", "hidden"]), RANGE)
    ),
    st.builds(
        lambda q, inner: {"list1": {q: inner}}, st.sampled_from(["some", "every", "none"]), compared("n", WHOLE, RANGE)
    ),
)
FILTERS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda items: {"or": items}, st.lists(inner, max_size=3)),
        st.builds(lambda items: {"and": items}, st.lists(inner, max_size=3)),
        st.builds(lambda item: {"not": item}, inner),
    ),
    max_leaves=6,
)


@given(where=FILTERS, login=st.sampled_from([ALL, PART]))
@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
async def test_sql_and_evaluator_agree_over_generated_filters(zoo: World, where: dict[str, Any], login: str) -> None:
    assert await zoo.by_sql(login, where) == zoo.by_hand(login, where)
