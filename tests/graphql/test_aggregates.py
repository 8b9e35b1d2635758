"""Aggregates: generated groups of every account against plain Python over raw rows, and each rule of API.md 1 by name."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from tests.city import City, eventually
from tests.graphql.naive import Eyes, Naive, Row, World, eyes_of
from tests.graphql.stored_rules import allow
from tests.graphql.test_differential import LOGINS, Generator, term
from tests.graphql.test_read_records import Since
from wangge.model.load import load_model
from wangge.modules.discover import discover
from wangge.store.pool import Pool

ROUNDS = int(os.environ.get("WANGGE_TEST_ROUNDS", "6"))
"""generated aggregates per account."""
DEPARTMENT, CLERK, RESIDENT = "nanming-urban-management", "nanming-station", "nanming-resident"
SHANGHAI = dt.timezone(dt.timedelta(hours=8))
GROUPED = ("text", "number", "credit_code", "code", "enum", "boolean", "integer")
NUMBERS = ("integer", "decimal")
UNITS = ("DAY", "ISO_WEEK", "MONTH", "QUARTER", "YEAR")
LEVELS = {"CITY": "city", "DISTRICT": "district", "TOWNSHIP": "township", "COMMUNITY": "community", "GRID": "grid"}
Term = tuple[tuple[str, ...], str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(city_owner: Pool) -> AsyncIterator[World]:
    """The raw rows of the city."""
    made = World(load_model([m.folder for m in discover(())]))
    await made.load(city_owner)
    yield made


class Groups:
    """Groups rows as an account may see them: of a row that it may list and aggregate, the cells that both show in clear."""

    def __init__(self, world: World, eyes: Eyes) -> None:
        self.world, self.eyes, self.naive = world, eyes, Naive(world, eyes)

    def rows(self, entity: str, where: dict[str, Any]) -> list[tuple[str, Row]]:
        """The rows that count."""
        listed = ((kind, row) for kind, row in self.naive.rows(entity) if self.naive.meets(kind, row, where))
        return [(kind, row) for kind, row in listed if self.eyes.holding(kind, row, "aggregate")]

    def cell(self, kind: str, row: Row, name: str) -> Any:
        """A cell of a row that counts."""
        field = self.world.fields(kind).get(name)
        if field is not None and self.eyes.level(kind, row, "aggregate", field) != "clear":
            return None
        return self.naive.cell(kind, row, name)

    def key(self, kind: str, row: Row, term: Term) -> Any:
        """What a row is grouped by."""
        (name, *rest), unit = term
        if rest:
            found = self.naive.target(kind, row, name) if self.cell(kind, row, name) is not None else None
            return behind(self.naive, *found, (tuple(rest), unit)) if found else None
        return bucket(self.naive, self.cell(kind, row, name), unit)


def behind(naive: Naive, kind: str, row: Row, term: Term) -> Any:
    """What lies behind a reference."""
    (name, *rest), unit = term
    if not rest:
        return bucket(naive, naive.cell(kind, row, name), unit)
    found = naive.target(kind, row, name)
    return behind(naive, *found, (tuple(rest), unit)) if found else None


def bucket(naive: Naive, value: Any, unit: str) -> Any:
    """A value in its unit, as it goes over the wire; of areas the one of the kind that holds it, where it is seen."""
    if value is None or unit == "VALUE":
        return value
    if unit in LEVELS:
        areas = naive.world.rows["wangge.area"]
        while value is not None and areas[value]["kind"] != LEVELS[unit]:
            value = areas[value]["parent"]
        return str(value) if value is not None and naive.seen("wangge.area", areas[value]) else None
    day = value.astimezone(SHANGHAI).date() if isinstance(value, dt.datetime) else value
    year, week, _ = day.isocalendar()
    return {
        "DAY": day.isoformat(),
        "ISO_WEEK": f"{year}-W{week:02d}",
        "MONTH": f"{day:%Y-%m}",
        "QUARTER": f"{day.year}-Q{(day.month + 2) // 3}",
        "YEAR": str(day.year),
    }[unit]


def group_path(generator: Generator, entity: str, depth: int = 2) -> Term:
    """A term that the account may group by."""
    world, eyes, random = generator.world, generator.eyes, generator.random
    fields = [f for f in world.fields(entity).values() if eyes.filterable(entity, f) and not f.sealed]
    hops = [f for f in fields if f.kind == "ref" and len(f.to) == 1 and generator.listed(f.to[0])]
    hops = [f for f in hops if f.to != ("wangge.area",)]
    if hops and depth and random.random() < 0.3:
        hop = random.choice(hops)
        path, unit = group_path(generator, hop.to[0], depth - 1)
        return (hop.name, *path), unit
    if world.model.root_scope(entity).kind in ("area", "parent", "through") and random.random() < 0.3:
        return (random.choice(["area", "district"]),), random.choice(sorted(LEVELS))
    plain = [f for f in fields if f.kind in GROUPED and f.expression is None]
    dates = [f for f in fields if f.kind in ("date", "datetime") and not f.precision]
    if dates and random.random() < 0.3:
        return (random.choice(dates).name,), random.choice(UNITS)
    if plain and random.random() < 0.8:
        return (random.choice(plain).name,), "VALUE"
    return ("createdAt",), random.choice(UNITS)


def tree(path: tuple[str, ...], leaf: str) -> Any:
    """A path as nested objects of the input."""
    return tree(path[:-1], {path[-1]: leaf}) if path else leaf  # type: ignore[arg-type] # nested from inside out


def nested(path: tuple[str, ...], unit: str) -> str:
    """A path as nested selections of the key."""
    inner = " { id }" if unit in LEVELS else ""
    return " { ".join(path) + inner + " }" * (len(path) - 1)


def at(key: Any, path: tuple[str, ...], unit: str) -> Any:
    """The value at a path of a key that came over the wire."""
    for name in path:
        key = key[name] if key is not None else None
    return key["id"] if unit in LEVELS and key is not None else key


def plain(value: Any) -> Any:
    """A stored value as it goes over the wire."""
    return str(value) if isinstance(value, UUID) else value


def measured(groups: Groups, rows: list[tuple[str, Row]], function: str, field: str) -> Any:
    """A measure of rows."""
    values = [Decimal(v) for kind, row in rows if (v := groups.cell(kind, row, field)) is not None]
    if function == "countDistinct":
        return len(set(values))
    if not values:
        return None
    total = sum(values, Decimal())
    if function == "avg":
        return (total / len(values)).quantize(Decimal("0.000001"))
    return {"sum": total, "min": min(values), "max": max(values)}[function]


@pytest.mark.parametrize("login", [login for login in LOGINS if login != RESIDENT])
async def test_generated_groups_are_what_plain_python_finds(
    city: City, city_owner: Pool, world: World, login: str
) -> None:
    eyes = await eyes_of(world, city_owner, login)
    generator, groups = Generator(world, eyes, f"groups {login}"), Groups(world, eyes)
    done = 0
    while done < ROUNDS:
        entity = generator.entity()
        if not all((kind, "aggregate") in eyes.grants for kind in world.kinds(entity)):
            continue
        done += 1
        where = generator.where(entity)
        terms = list({path: (path, unit) for path, unit in (group_path(generator, entity) for _ in range(2))}.values())
        fields = [
            f for f in world.fields(entity).values() if f.kind in NUMBERS and not f.sealed and f.expression is None
        ]
        fields = [
            f
            for f in fields
            if all(eyes.may(k, a, f) == "clear" for k in world.kinds(entity) for a in ("list", "aggregate"))
        ]
        numbers = " ".join(f.name for f in fields)
        asked = "".join(
            f"{function} {{ {numbers} }} " for function in ("countDistinct", "sum", "avg", "min", "max") if numbers
        )
        declared = world.model.entities[entity]
        query = f"""query($w: {declared.type}Where, $g: [{declared.type}GroupBy!]) {{ found: {declared.plural}(where: $w) {{
            aggregate(groupBy: $g) {{ key {{ {" ".join(nested(*t) for t in terms)} }} count {asked} }} }} }}"""
        variables = {"w": where, "g": [tree(*one) for one in terms]}
        found = (await city.data(login, query, variables))["found"]["aggregate"]
        expected: dict[tuple[Any, ...], list[tuple[str, Row]]] = {}
        for kind, row in groups.rows(entity, where):
            key = tuple(plain(groups.key(kind, row, one)) for one in terms)
            expected.setdefault(key, []).append((kind, row))
        assert {tuple(at(g["key"], *t) for t in terms): g["count"] for g in found} == {
            key: len(rows) for key, rows in expected.items()
        }, (entity, where, terms)
        for group in found:
            rows = expected[tuple(at(group["key"], *t) for t in terms)]
            for function in ("countDistinct", "sum", "avg", "min", "max") if numbers else ():
                for field in fields:
                    value = group[function][field.name]
                    told = value if value is None or function == "countDistinct" else Decimal(value)
                    assert told == measured(groups, rows, function, field.name), (entity, where, function, field.name)


async def test_without_group_by_there_is_one_row_and_nothing_sums_to_null(city: City) -> None:
    query = """query($n: String) { rooms(where: {number: {eq: $n}}) { aggregate { key { use } count countDistinct { number }
        sum { floorArea } avg { floor } min { floorArea } max { floor } } } }"""
    assert (
        await city.code(CLERK, query.replace("key { use } ", "key { number } "), {"n": "x"}) == "aggregate.not_grouped"
    )
    found = await city.data(CLERK, query.replace("key { use } ", ""), {"n": "no such room"})
    assert found["rooms"]["aggregate"] == [
        {
            "count": 0,
            "countDistinct": {"number": 0},
            "sum": {"floorArea": None},
            "avg": {"floor": None},
            "min": {"floorArea": None},
            "max": {"floor": None},
        }
    ]


async def test_groups_are_kept_by_having_and_ordered_by_a_measure_or_a_key(city: City, city_owner: Pool) -> None:
    query = """query($least: Int) { incidents { aggregate(groupBy: [{category: VALUE}], having: {count: {gte: $least}, not:
        {countDistinct: {state: {lt: 2}}}}, orderBy: [{count: DESC}, {key: {category: DESC}}], first: 3) {
        key { category categoryLabel(lang: EN) } count } } }"""
    rows = await city_owner.fetch(
        """SELECT i.category, v.en, count(*) AS n FROM urban_management.incident i JOIN casework.case c ON c.id = i.id
        JOIN wangge.area d ON d.id = i.district_id JOIN wangge.code_value v ON v.code = i.category
        AND v.table_name = 'urban_management.urban_category' WHERE d.name = '南明区' AND c.removed_at IS NULL
        GROUP BY i.category, v.en HAVING count(*) >= 2 AND count(DISTINCT c.state) >= 2
        ORDER BY n DESC, i.category DESC LIMIT 3"""
    )
    found = (await city.data(DEPARTMENT, query, {"least": 2}))["incidents"]["aggregate"]
    assert found == [
        {"key": {"category": row["category"], "categoryLabel": row["en"]}, "count": row["n"]} for row in rows
    ]
    assert len(found) == 3


async def test_an_aggregate_nests_in_a_connection_of_children_and_stands_beside_its_nodes(city: City) -> None:
    query = """{ buildings(first: 2, orderBy: [{code: ASC}]) { nodes { rooms(where: {vacant: {eq: true}}, first: 1) {
        nodes { number } totalCount { value } aggregate { count } } } } }"""
    for building in (await city.data(CLERK, query))["buildings"]["nodes"]:
        rooms = building["rooms"]
        assert rooms["aggregate"] == [{"count": rooms["totalCount"]["value"]}]
        assert rooms["totalCount"]["value"] > len(rooms["nodes"]) == 1


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("aggregate(groupBy: [{sex: VALUE, birthDate: YEAR}]) { count }", "aggregate.one_key"),
        ("aggregate(groupBy: [{sex: VALUE}, {sex: VALUE}]) { count }", "aggregate.twice"),
        ("aggregate(groupBy: [{sex: null}]) { count }", "aggregate.one_key"),
        ("aggregate(groupBy: [{sex: VALUE}]) { key { birthDate } }", "aggregate.not_grouped"),
        ("aggregate(orderBy: [{key: {sex: ASC}}]) { count }", "aggregate.not_grouped"),
        ("aggregate(first: 10001) { count }", "page.out_of_bounds"),
        ("aggregate(groupBy: [{idNumber: VALUE}]) { count }", "document.invalid"),
        ("aggregate(groupBy: [{phones: VALUE}]) { count }", "document.invalid"),
        ("aggregate { min { idNumber } }", "document.invalid"),
    ],
)
async def test_what_cannot_be_aggregated_is_refused(city: City, asked: str, code: str) -> None:
    assert await city.code(CLERK, f"{{ persons {{ {asked} }} }}") == code


async def test_who_may_only_list_has_no_aggregate(city: City) -> None:
    assert await city.code(RESIDENT, "{ residences { aggregate { count } } }") == "document.invalid"


async def test_rows_and_cells_that_only_list_shows_are_not_aggregated(city: City, city_owner: Pool) -> None:
    where = {"main": {"eq": True}}
    await allow(city_owner, "resident", "base.residence", ["aggregate"], {"kind": "clear"}, where=where)
    query = """{ residences { aggregate(groupBy: [{kind: VALUE}]) { key { kind } count } nodes { kind main } } }"""

    async def obeyed() -> bool:
        return "errors" not in await city.ask(RESIDENT, query)

    await eventually(obeyed, 5)
    found = (await city.data(RESIDENT, query))["residences"]
    mains = [node["kind"] for node in found["nodes"] if node["main"]]
    assert found["aggregate"] == [{"key": {"kind": kind}, "count": mains.count(kind)} for kind in sorted(set(mains))]
    assert len(mains) < len(found["nodes"])
    by_year = "{ residences { aggregate(groupBy: [{validFrom: YEAR}]) { count } } }"
    assert await city.code(RESIDENT, by_year) == "aggregate.not_allowed"


async def test_groups_by_personal_fields_leave_a_record_of_how_many_rows(city: City, city_owner: Pool) -> None:
    query = """{ persons(where: {sex: {eq: "1"}}) { aggregate(groupBy: [{sex: VALUE}, {birthDate: YEAR}], first: 2) { count } } }"""
    async with Since(city_owner) as since:
        await city.data(CLERK, "{ persons { aggregate { count } } }")
        await city.data(CLERK, query)
        counted = (await city.data(CLERK, query.replace("sex: VALUE}, {", "").replace(", first: 2", "")))["persons"]
        stored = await since.records(2)
    total = sum(group["count"] for group in counted["aggregate"])
    assert [(r["root_field"], r["total"], list(r["row_ids"]), r["entities"]) for r in stored] == [
        ("persons", total, [], [{"entity": "base.person", "fields": fields, "count": total}])
        for fields in (["birthDate", "sex"], ["birthDate"])
    ]


def test_terms_nest_as_their_paths_say() -> None:
    assert (tree(("room", "building", "name"), "VALUE"), term(("a", "b"), down=True)) == (
        {"room": {"building": {"name": "VALUE"}}},
        {"a": {"b": "DESC"}},
    )
