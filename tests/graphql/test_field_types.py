"""Every field type through its whole life: create, ten bad values, every operator, ordering, nesting, revision, remove, plan.

A type without a row in `ROWS` fails the first test.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from tests.city import City, approve, served
from tests.graphql.zoo import label, write_zoo
from wangge.graphql.inputs import UNORDERED
from wangge.identity.accounts import enable_module
from wangge.model.load import load_model
from wangge.model.operators import operators_of
from wangge.model.types import FIELD_KINDS
from wangge.modules.discover import discover
from wangge.prepare import prepare
from wangge.settings import Settings
from wangge.store.apply import plan_model
from wangge.store.database import Database
from wangge.store.pool import Pool
from wangge.values import uuid7

ADMIN = "city-admin"
LONG = "x" * 3000
SHAPES: list[Any] = [["x"], {"x": 1}, True, 7, 1.5]
"""values of other types."""


class Row(msgspec.Struct, frozen=True):
    """One kind: what its field declares, two values in order, ten that it refuses, how it is selected and compared."""

    low: Any
    high: Any
    bad: list[Any]
    extra: dict[str, Any] = {}
    select: str = ""
    key: Callable[[Any], Any] = lambda value: value
    special: dict[str, tuple[Any, str]] = {}
    """operator -> (operand, names of the rows that it finds) where comparing values does not say it."""


def numbers(*more: Any) -> list[Any]:
    """What no number is."""
    return [["x"], {"x": 1}, True, "", "x", "1e", "1,5", "０x", *more]


TEXTS: list[Any] = [*SHAPES, "\x00", "a\x07b", LONG]
ROWS: dict[str, Row] = {
    "text": Row("abc", "王小", [*TEXTS, "DEF", "a1"], {"max": 20, "pattern": "[a-z王小]+"}),
    "integer": Row(-5, 40, numbers(-6, 101, 2**31), {"min": -5, "max": 100}),
    "decimal": Row("-0.50", "10.25", numbers("NaN", "Infinity", "-0.51"), {"min": "-0.5"}, key=Decimal),
    "money": Row("0.01", "99999.99", numbers("0.001", "1e30", "NaN"), key=Decimal),
    "boolean": Row(False, True, ["x", "", "true", 1, 0, 1.5, ["x"], {"x": 1}, "yes", "否"]),
    "date": Row("2020-02-29", "2026-11-24", [*SHAPES, "2021-02-29", "2026-13-01", "24.11.2026", "", "x"]),
    "time": Row("08:30:00", "23:59:59", [*SHAPES, "24:00:01", "8h", "", "x", "12:60:00"]),
    "month": Row("2026-01", "2026-11", [*SHAPES, "2026-13", "2026-1", "2026", "", "2026-00"]),
    "duration": Row(5, 600, numbers(-1, 2**31)),
    "datetime": Row(
        "2026-01-01T00:00:00+08:00",
        "2026-11-24T12:00:00+08:00",
        [*SHAPES, "2026-11-24T12:00:00", "2026-11-24", "x", "", "2026-02-30T00:00:00+08:00"],
        key=dt.datetime.fromisoformat,
    ),
    "enum": Row(
        "ALPHA",
        "BETA",
        [*SHAPES, "alpha", "GAMMA", "", "A", "ALPHA "],
        {"values": [{"value": v, "label": label(v)} for v in ("ALPHA", "BETA")]},
    ),
    "code": Row("A-1", "B", [*SHAPES, "C", "", "A-2", "a-1", LONG], {"table": "coat"}, special={"under": ("A", "a")}),
    "codes": Row(
        ["A-1"],
        ["A-1", "B"],
        [["C"], [""], {"x": 1}, True, 7, "C", ["A-1", "C"], [["B"]], [7], [None]],
        {"table": "coat"},
        special={
            "has": ("B", "b"),
            "hasAny": (["A-1", "B"], "ab"),
            "hasAll": (["A-1", "B"], "b"),
            "under": ("A", "ab"),
        },
    ),
    "ref": Row(
        "keeper:0",
        "keeper:1",
        [*SHAPES, "x", "", "file:0", "00000000-0000-7000-8000-000000000000", LONG],
        {"to": "zoo.keeper"},
        "{ id }",
    ),
    "refs": Row(
        ["keeper:0"],
        ["keeper:1", "keeper:0"],
        [["x"], {"x": 1}, True, 7, "x", [""], ["file:0"], ["00000000-0000-7000-8000-000000000000"], [7.5], [None]],
        {"to": "zoo.keeper"},
        "{ nodes { id } }",
    ),
    "children": Row(None, None, [], {"to": "zoo.cub", "inverse": "animal"}, "{ nodes { id } }"),
    "list": Row(
        [{"item": "ONE", "amount": "1.5"}],
        [{"item": "ONE", "amount": "2"}, {"item": "TWO", "amount": None}],
        [
            ["x"],
            True,
            7,
            "x",
            [{"item": "X"}],
            [{"amount": "x"}],
            [{"other": 1}],
            [{"amount": "-1"}],
            {"item": "X"},
            [[{}]],
        ],
        {
            "fields": [
                {"name": "item", "type": "enum", "values": ["ONE", "TWO"], "required": True, "label": label("项")},
                {"name": "amount", "type": "decimal", "min": "0", "label": label("数")},
            ]
        },
        "{ item amount }",
    ),
    "point": Row(
        {"lon": 106.7, "lat": 26.6},
        {"lon": 106.8, "lat": 26.5},
        [
            ["x"],
            {"x": 1},
            True,
            7,
            "x",
            {"lon": 0, "lat": 0},
            {"lon": 26.6, "lat": 106.7},
            {"lon": 10, "lat": 50},
            {"lon": "x", "lat": 1},
            {"lon": 106},
        ],
        {},
        "{ lon lat }",
        special={
            "near": ({"point": {"lon": 106.7, "lat": 26.6}, "metres": 1000}, "a"),
            "within": (
                {"type": "Polygon", "coordinates": [[[106.75, 26], [107, 26], [107, 27], [106.75, 27], [106.75, 26]]]},
                "b",
            ),
        },
    ),
    "polygon": Row(
        {"type": "Polygon", "coordinates": [[[106.5, 26.5], [106.6, 26.5], [106.6, 26.6], [106.5, 26.5]]]},
        {"type": "Polygon", "coordinates": [[[106.5, 26.5], [106.7, 26.5], [106.7, 26.6], [106.5, 26.5]]]},
        [
            ["x"],
            {"x": 1},
            True,
            7,
            "x",
            {"type": "Point", "coordinates": [1, 2]},
            {"type": "Polygon", "coordinates": []},
        ]
        + [
            {"type": "Polygon", "coordinates": [ring]}
            for ring in ([[106, 26], [107, 26], [107, 27]], [[106, 26]], ["x"])
        ],
    ),
    "file": Row(
        "file:0", "file:1", [*SHAPES, "x", "", "keeper:0", "00000000-0000-7000-8000-000000000000", LONG], {}, "{ id }"
    ),
    "files": Row(
        ["file:0"],
        ["file:1", "file:0"],
        [["x"], {"x": 1}, True, 7, "x", [""], ["keeper:0"], ["00000000-0000-7000-8000-000000000000"], [7.5], [None]],
        {},
        "{ file { id } }",
    ),
    "photos": Row(
        [{"file": "file:0", "role": "near"}],
        [{"file": "file:1", "role": "far"}, {"file": "file:0", "role": "near"}],
        [
            ["x"],
            {"x": 1},
            True,
            7,
            "x",
            [{"file": "x"}],
            [{"file": "file:0", "role": "upside"}],
            [{"role": "near"}],
            [{"file": "keeper:0"}],
            [None],
        ],
        {"roles": ["near", "far"]},
        "{ role file { id } }",
    ),
    "signature": Row(
        "file:0", "file:1", [*SHAPES, "x", "", "keeper:0", "00000000-0000-7000-8000-000000000000", LONG], {}, "{ id }"
    ),
    "json": Row({"a": [1, "二"]}, [True, None], [{"x": LONG * 50}, [LONG] * 50, *[LONG * (30 + n) for n in range(8)]]),
    "phone": Row("13812345678", "0851-85812345", [*TEXTS, "12345", "abc"]),
    "id_number": Row(
        "520102190001011239",
        "520102190001011255",
        [*TEXTS, "520102190001011230", "520102190002301234", "5201021900010112"],
    ),
    "credit_code": Row("91520100MA6DL12349", "92520100MA6DL12346", [*TEXTS, "91520100MA6DL12", "OOOOOOOOOOOOOOOOOO"]),
    "email": Row("a@example.cn", "b.c@example.com", [*TEXTS, "a@", "a b@example.cn"]),
    "url": Row("http://example.cn/a", "https://example.cn/b?c=d", [*TEXTS, "javascript:alert(1)", "example"]),
    "number": Row(None, None, [], {"pattern": "{yyyy}{seq:4}"}),
}
"""kind -> its row."""


def field_name(kind: str) -> str:
    """The name of the field of a kind: `credit_code` -> `creditCode1`."""
    first, *rest = kind.split("_")
    return first + "".join(word.capitalize() for word in rest) + "1"


def declared(prefix: str = "") -> list[dict[str, Any]]:
    """The fields as they stand in the file; with a prefix they are renamed, and keep their ids."""
    found = []
    for kind, row in ROWS.items():
        name = field_name(kind)
        field = {
            "name": prefix + name[0].upper() + name[1:] if prefix else name,
            "type": kind,
            "label": label(kind),
            **row.extra,
        }
        found.append({**field, "id": name} if prefix else field)
    return found


UPLOAD = """INSERT INTO wangge.upload (file, account, until, bytes)
SELECT $1::uuid, a.id, now() + interval '1 hour', 1 FROM wangge.account a WHERE a.login = $2 ON CONFLICT DO NOTHING"""


class Zoo:
    """The served city with the module, and three animals for each kind: a (low), b (high), n (null)."""

    def __init__(self, city: City, owner: Pool, ids: dict[str, str], area: str) -> None:
        self.city = city
        self.owner = owner
        self.ids = ids
        self.area = area
        self.animals: dict[str, dict[str, str]] = {}

    def real(self, value: Any) -> Any:
        """A value with ids for `keeper:0` and `file:0`."""
        if isinstance(value, str):
            return self.ids.get(value, value)
        if isinstance(value, list):
            return [self.real(item) for item in value]
        return {name: self.real(item) for name, item in value.items()} if isinstance(value, dict) else value

    async def create(self, field: str, value: Any) -> dict[str, Any]:
        """The answer to the creation of one animal."""
        text = "mutation($i: CreateZooAnimalInput!) { createZooAnimal(input: $i) { node { id revision } errors { code path message } } }"
        given = {"area": self.area, field: self.real(value)}
        for number in range(2):  # whoever creates has just uploaded them
            await self.owner.execute(UPLOAD, self.ids[f"file:{number}"], ADMIN)
        return await self.city.ask(ADMIN, text, {"i": given})

    async def made(self, kind: str) -> dict[str, str]:
        """The three animals of a kind: made once."""
        if kind not in self.animals:
            found = {}
            for name, value in (("a", ROWS[kind].low), ("b", ROWS[kind].high), ("n", None)):
                given = (field_name(kind), value) if value is not None else ("text1", None)
                answer = await self.create(*given)
                node = answer["data"]["createZooAnimal"]["node"]
                assert node is not None, answer
                found[name] = node["id"]
            self.animals[kind] = found
        return self.animals[kind]

    async def found(self, kind: str, where: str, variables: dict[str, Any], types: str) -> str:
        """The names of the animals of a kind that a condition finds, in order."""
        ids = await self.made(kind)
        names = {v: k for k, v in ids.items()}
        query = f"query($ids: [ID!]!{types}) {{ zooAnimals(where: {{id: {{in: $ids}}, and: [{where}]}}) {{ nodes {{ id }} }} }}"
        data = await self.city.data(ADMIN, query, {"ids": list(ids.values()), **variables})
        return "".join(sorted(names[node["id"]] for node in data["zooAnimals"]["nodes"]))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def zoo(
    city_settings: Settings, city_database: Database, city_owner: Pool, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Zoo]:
    """The city with the module installed and on."""
    folder = write_zoo(tmp_path_factory.mktemp("modules"), declared())
    settings = msgspec.structs.replace(city_settings, modules=(folder,))
    await approve(city_owner, "zoo")
    await prepare(settings, city_database)
    async with city_owner.transaction() as connection:
        await enable_module(connection, "zoo", None)
    area = await city_owner.fetchval("SELECT id::text FROM wangge.area WHERE kind = 'grid' ORDER BY code LIMIT 1")
    ids = {}
    for number in range(2):
        file = ids[f"file:{number}"] = str(uuid7())
        await city_owner.execute(
            """INSERT INTO wangge.file (id, revision, created_at, updated_at, sha256, media_type, bytes)
            VALUES ($1::uuid, 1, now(), now(), $2, 'image/png', 1)""",
            file,
            f"{number:064d}",
        )
    async with served(settings, city_database) as city:
        for number in range(2):
            text = "mutation($i: CreateZooKeeperInput!) { createZooKeeper(input: $i) { node { id } errors { code } } }"
            made = await city.data(ADMIN, text, {"i": {"area": area, "name": f"keeper {number}"}})
            ids[f"keeper:{number}"] = made["createZooKeeper"]["node"]["id"]
        yield Zoo(city, city_owner, ids, area)


def test_every_field_type_has_a_row() -> None:
    assert set(ROWS) == set(FIELD_KINDS)
    assert [k for k, row in ROWS.items() if len(row.bad) < 10 and row.low is not None] == []


STORED = [kind for kind, row in ROWS.items() if row.low is not None]


@pytest.mark.parametrize("kind", STORED)
async def test_values_come_back_as_they_were_given(zoo: Zoo, kind: str) -> None:
    row, ids = ROWS[kind], await zoo.made(kind)
    name = field_name(kind)
    query = f"query($id: ID!) {{ zooAnimal(id: $id) {{ {name} {row.select} }} }}"
    for which, value in (("a", row.low), ("b", row.high), ("n", None)):
        shown = (await zoo.city.data(ADMIN, query, {"id": ids[which]}))["zooAnimal"][name]
        assert shown == expected(zoo, kind, value)


def expected(zoo: Zoo, kind: str, value: Any) -> Any:
    """What a read shows of a value that was given."""
    given = zoo.real(value)
    if kind in ("ref", "file", "signature"):
        return None if given is None else {"id": given}
    if kind == "refs":
        return {"nodes": [{"id": i} for i in sorted(given or [])]}
    if kind == "files":
        return [{"file": {"id": i}} for i in given or []]
    if kind == "photos":
        return [{"role": p["role"], "file": {"id": p["file"]}} for p in given or []]
    if kind == "list":
        return given or []
    if kind in ("phone", "id_number", "email"):
        return None if given is None else masked(kind, given)
    return given


def masked(kind: str, value: str) -> str:
    """The default masks of sealed kinds (core/decisions/0009)."""
    if kind == "id_number":
        return value[:2] + "*" * 16
    if kind == "email":
        return value[0] + "***" + value[value.index("@") :]
    return value[:3] + "*" * (len(value) - 7) + value[-4:]


@pytest.mark.parametrize("kind", STORED)
async def test_bad_values_are_refused_and_nothing_is_stored(zoo: Zoo, kind: str) -> None:
    before = await zoo.owner.fetchval("SELECT count(*) FROM zoo.animal")
    for value in ROWS[kind].bad:
        answer = await zoo.create(field_name(kind), value)
        if "errors" in answer:
            assert answer["errors"][0]["extensions"]["code"] in ("document.invalid", "value.not_text"), (value, answer)
        else:
            made = answer["data"]["createZooAnimal"]
            assert made["node"] is None, (value, made)
            assert made["errors"][0]["path"][0] == field_name(kind), (value, made)
            assert made["errors"][0]["message"], value
    assert await zoo.owner.fetchval("SELECT count(*) FROM zoo.animal") == before


def wanted(operator: str, operand: Any, row: Row) -> str:
    """The rows that a comparison finds, by the semantics of PERMISSIONS 5."""
    values = {"a": row.low, "b": row.high, "n": None}
    key = row.key

    def holds(value: Any) -> bool:
        if operator == "isNull":
            return (value is None) is operand
        if operator in ("ne", "notIn"):
            return not (value is not None and (value == operand if operator == "ne" else value in operand))
        if value is None:
            return False
        if operator in ("eq", "in"):
            return bool(value == operand if operator == "eq" else value in operand)
        if operator in ("contains", "startsWith"):
            return bool(operand in value if operator == "contains" else value.startswith(operand))
        left, right = key(value), key(operand)
        return bool({"lt": left < right, "lte": left <= right, "gt": left > right, "gte": left >= right}[operator])

    return "".join(name for name, value in values.items() if holds(value))


COMPARED = [k for k in STORED if k not in ("ref", "refs", "list", "file", "files", "photos", "signature")]


@pytest.mark.parametrize("kind", COMPARED)
async def test_every_operator_finds_what_it_says(zoo: Zoo, kind: str) -> None:
    row, name = ROWS[kind], field_name(kind)
    folder = zoo.city.settings.modules[0]
    model = load_model([m.folder for m in discover((folder,))])
    field = model.fields_of("zoo.animal")[name]
    group = f"ZooAnimal{name[0].upper()}{name[1:]}Where" if kind == "enum" else None
    for operator in operators_of(field):
        operands = operand_of(operator, row)
        for operand in operands:
            special = row.special.get(operator)
            rows = special[1] if special else wanted(operator, operand, row)
            type_ = await input_type(zoo, name, group)
            where, variables = f"{{{name}: $w}}", {"w": {operator: operand}}
            assert await zoo.found(kind, where, variables, f", $w: {type_}") == rows, (operator, operand)
            other = "".join(sorted(set("abn") - set(rows)))
            assert await zoo.found(kind, f"{{not: {where}}}", variables, f", $w: {type_}") == other, (operator, operand)


async def input_type(zoo: Zoo, name: str, group: str | None) -> str:
    """The operator input of a field, by introspection."""
    if group is not None:
        return group
    fields = await zoo.city.data(ADMIN, '{ __type(name: "ZooAnimalWhere") { inputFields { name type { name } } } }')
    return next(str(f["type"]["name"]) for f in fields["__type"]["inputFields"] if f["name"] == name)


def operand_of(operator: str, row: Row) -> list[Any]:
    """The operands to try."""
    if operator in row.special:
        return [row.special[operator][0]]
    if operator == "isNull":
        return [True, False]
    if operator in ("in", "notIn"):
        return [[row.low], [row.low, row.high], []]
    if operator == "contains":
        return [row.low[1:3], row.high, "%"]
    if operator == "startsWith":
        return [row.low[:1], row.high, "%"]
    return [row.low, row.high]


@pytest.mark.parametrize(
    "kind", [k for k in STORED if k not in UNORDERED and k not in ("phone", "id_number", "email", "ref")]
)
async def test_rows_are_ordered_with_nulls_last_ascending(zoo: Zoo, kind: str) -> None:
    ids = await zoo.made(kind)
    names = {v: k for k, v in ids.items()}
    low_first = ROWS[kind].key(ROWS[kind].low) < ROWS[kind].key(ROWS[kind].high)
    for direction, order in (("ASC", "abn" if low_first else "ban"), ("DESC", "nba" if low_first else "nab")):
        query = f"""query($ids: [ID!]!) {{ zooAnimals(where: {{id: {{in: $ids}}}}, orderBy: [{{{field_name(kind)}: {direction}}}]) {{
            nodes {{ id }} }} }}"""
        data = await zoo.city.data(ADMIN, query, {"ids": list(ids.values())})
        assert "".join(names[node["id"]] for node in data["zooAnimals"]["nodes"]) == order


@pytest.mark.parametrize("kind", STORED)
async def test_a_change_makes_a_revision_and_a_removed_row_comes_back(zoo: Zoo, kind: str) -> None:
    row, name = ROWS[kind], field_name(kind)
    made = (await zoo.create(name, row.low))["data"]["createZooAnimal"]["node"]
    patch = {"id": made["id"], "p": {name: zoo.real(row.high)}}
    update = f"""mutation($id: ID!, $p: UpdateZooAnimalInput!) {{ updateZooAnimal(id: $id, patch: $p, ifRevision: 1) {{
        node {{ revision {name} {row.select} }} errors {{ code path }} }} }}"""
    changed = (await zoo.city.data(ADMIN, update, patch))["updateZooAnimal"]
    assert changed == {"node": {"revision": 2, name: expected(zoo, kind, row.high)}, "errors": []}
    kept = await zoo.owner.fetch("SELECT revision, fields FROM wangge.revision WHERE row_id = $1::uuid", made["id"])
    assert [tuple(one) for one in kept] == [(2, [name])]
    assert await zoo.city.code(ADMIN, update, patch) == "row.changed"
    remove = "mutation($id: ID!) { removeZooAnimal(id: $id) { errors { code } } }"
    restore = f"mutation($id: ID!) {{ restoreZooAnimal(id: $id) {{ node {{ revision {name} {row.select} }} }} }}"
    seen = "query($id: ID!) { zooAnimal(id: $id) { id } }"
    assert (await zoo.city.data(ADMIN, remove, {"id": made["id"]}))["removeZooAnimal"] == {"errors": []}
    assert (await zoo.city.data(ADMIN, seen, {"id": made["id"]}))["zooAnimal"] is None
    back = (await zoo.city.data(ADMIN, restore, {"id": made["id"]}))["restoreZooAnimal"]["node"]
    assert back == {"revision": 4, name: expected(zoo, kind, row.high)}


async def test_references_children_and_lists_are_filtered_by_what_is_behind_them(zoo: Zoo) -> None:
    ids = await zoo.made("ref")
    keeper = zoo.ids["keeper:0"]
    assert await zoo.found("ref", "{ref1: {}}", {}, "") == "ab"
    assert await zoo.found("ref", "{not: {ref1: {}}}", {}, "") == "n"
    assert await zoo.found("ref", "{ref1: {id: {eq: $k}}}", {"k": keeper}, ", $k: ID") == "a"
    nested = f'{{ zooKeeper(id: "{keeper}") {{ name animals(where: {{text1: {{isNull: true}}}}) {{ nodes {{ id }} totalCount {{ value }} }} }} }}'
    assert ids["a"] in [n["id"] for n in (await zoo.city.data(ADMIN, nested))["zooKeeper"]["animals"]["nodes"]]
    await zoo.made("refs")
    assert await zoo.found("refs", "{refs1: {some: {id: {eq: $k}}}}", {"k": keeper}, ", $k: ID") == "ab"
    assert await zoo.found("refs", "{refs1: {every: {id: {eq: $k}}}}", {"k": keeper}, ", $k: ID") == "an"
    assert await zoo.found("refs", "{refs1: {none: {}}}", {}, "") == "n"
    await zoo.made("list")
    assert await zoo.found("list", "{list1: {some: {amount: {gt: $x}}}}", {"x": "1.6"}, ", $x: Decimal") == "b"
    assert await zoo.found("list", "{list1: {every: {item: {eq: ONE}}}}", {}, "") == "an"
    assert await zoo.found("list", "{list1: {none: {amount: {isNull: true}}}}", {}, "") == "an"


@pytest.mark.parametrize("kind", ["file", "signature"])
async def test_one_file_is_filtered_by_whether_it_is_there(zoo: Zoo, kind: str) -> None:
    await zoo.made(kind)
    assert await zoo.found(kind, f"{{{kind}1: {{isNull: true}}}}", {}, "") == "n"
    assert await zoo.found(kind, f"{{{kind}1: {{isNull: false}}}}", {}, "") == "ab"


async def test_numbers_are_issued_in_order_filtered_and_never_given(zoo: Zoo) -> None:
    ids = await zoo.made("number")
    order = "query($ids: [ID!]!) { zooAnimals(where: {id: {in: $ids}}, orderBy: [{number1: DESC}]) { nodes { id number1 } } }"
    nodes = (await zoo.city.data(ADMIN, order, {"ids": list(ids.values())}))["zooAnimals"]["nodes"]
    assert [node["id"] for node in nodes] == [ids["n"], ids["b"], ids["a"]]
    numbers = {name: node["number1"] for node, name in zip(nodes, "nba", strict=True)}
    low, high = numbers["a"], numbers["b"]
    for operator, operand, rows in (
        ("eq", low, "a"), ("ne", low, "bn"), ("in", [low, high], "ab"), ("notIn", [low], "bn"), ("lt", high, "a"),
        ("lte", high, "ab"), ("gt", high, "n"), ("gte", high, "bn"), ("isNull", True, ""), ("contains", low[2:], "a"),
        ("startsWith", low[:4], "abn"),
    ):  # fmt: skip
        type_ = await input_type(zoo, "number1", None)
        found = await zoo.found("number", "{number1: $w}", {"w": {operator: operand}}, f", $w: {type_}")
        assert found == rows, (operator, operand)
    never: list[Any] = ["20260001", 7, None, "", [], {}, True, LONG, "x", low]
    for value in never:
        answer = await zoo.create("number1", value)
        assert answer["errors"][0]["extensions"]["code"] == "document.invalid", value


async def test_children_and_numbers_come_from_elsewhere(zoo: Zoo) -> None:
    animal = (await zoo.made("text"))["a"]
    text = "mutation($i: CreateZooCubInput!) { createZooCub(input: $i) { node { id animal { id number1 } } errors { code path } } }"
    cub = (await zoo.city.data(ADMIN, text, {"i": {"name": "x", "animal": animal}}))["createZooCub"]["node"]
    assert cub["animal"]["id"] == animal
    assert cub["animal"]["number1"].startswith(str(dt.date.today().year))
    seen = await zoo.city.data(
        ADMIN, f'{{ zooAnimal(id: "{animal}") {{ children1 {{ nodes {{ id }} totalCount {{ value }} }} }} }}'
    )
    assert seen["zooAnimal"]["children1"] == {"nodes": [{"id": cub["id"]}], "totalCount": {"value": 1}}
    names = await zoo.city.data(ADMIN, '{ __type(name: "CreateZooAnimalInput") { inputFields { name } } }')
    assert {"number1", "children1"} & {f["name"] for f in names["__type"]["inputFields"]} == {"children1"}
    many = """mutation($i: CreateZooAnimalInput!) { createZooAnimal(input: $i) { node { children1 { nodes { name } } }
        errors { code path } } }"""
    area = (await zoo.city.data(ADMIN, "{ areas(first: 1) { nodes { id } } }"))["areas"]["nodes"][0]["id"]
    given = {"i": {"area": area, "children1": [{"name": "y"}]}}
    assert (await zoo.city.data(ADMIN, many, given))["createZooAnimal"]["node"] == {
        "children1": {"nodes": [{"name": "y"}]}
    }


async def test_renamed_fields_keep_their_values(zoo: Zoo, city_database: Database, tmp_path: Path) -> None:
    ids = {kind: await zoo.made(kind) for kind in STORED}
    folder = write_zoo(tmp_path, [f if f["type"] != "ref" else {**f} for f in declared("new")])
    keeper = folder / "entities" / "keeper.yaml"
    keeper.write_text(keeper.read_text().replace('"ref1"', '"newRef1"'))
    settings = msgspec.structs.replace(zoo.city.settings, modules=(folder,))
    model = load_model([m.folder for m in discover((folder,))])
    assert [f.step.name for f in await plan_model(city_database, model) if f.step.sql] == []
    await prepare(settings, city_database)
    async with served(settings, city_database) as renamed:
        for kind in STORED:
            name = field_name(kind)
            name = "new" + name[0].upper() + name[1:]
            query = f'{{ zooAnimal(id: "{ids[kind]["b"]}") {{ {name} {ROWS[kind].select} }} }}'
            assert (await renamed.data(ADMIN, query))["zooAnimal"][name] == expected(zoo, kind, ROWS[kind].high)
