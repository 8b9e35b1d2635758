"""`search:` over the API: what is found, in which order, for whom; against a search in plain Python over raw rows."""

from __future__ import annotations

import os
import random
import re
import unicodedata
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from tests.city import City
from tests.graphql.naive import Eyes, Naive, Row, World, eyes_of
from wangge.model import names
from wangge.model.load import load_model
from wangge.model.pinyin import spelt
from wangge.modules.discover import discover
from wangge.store.pool import Pool
from wangge.values import uuid7

ROUNDS = int(os.environ.get("WANGGE_TEST_ROUNDS", "20"))
"""searches per account."""
LOGINS = ["city-admin", "nanming-admin", "nanming-civil-affairs", "nanming-grid-1", "nanming-station", "yunyan-station"]
STATION, GRID, ADMIN = "nanming-station", "nanming-grid-1", "city-admin"
PINYIN = re.compile("[a-z0-9]*[a-z][a-z0-9]*")
FIND = "query($s: String, $n: Int) { persons(search: $s, first: $n) { nodes { id name } totalCount { value } } }"
CREATE = "mutation($i: [CreatePersonInput!]!) { createPersons(inputs: $i) { nodes { id } errors { code path } } }"
DIGITS = """SELECT right(p.number_mask, 4) FROM base.person_phones p JOIN base.person_area a ON a.row_id = p.row_id
JOIN base.person t ON t.id = p.row_id WHERE t.removed_at IS NULL AND a.area_ord BETWEEN $1 AND $2 ORDER BY 1 LIMIT 1"""
SPAN = """SELECT d.ord, d.ord_end FROM wangge.post p JOIN wangge.account a ON a.id = p.account
JOIN wangge.area d ON d.id = p.area_id WHERE a.login = $1"""


def fold(text: str) -> str:
    """Small letters of normal width."""
    return unicodedata.normalize("NFKC", text).lower()


class Searches:
    """What one account finds, and what it may type."""

    def __init__(self, world: World, eyes: Eyes, seed: str) -> None:
        self.world, self.eyes, self.naive = world, eyes, Naive(world, eyes)
        self.random = random.Random(seed)

    def entities(self) -> list[str]:
        """What the account may search."""
        listed = sorted({e for e, action in self.eyes.grants if action == "list" and self.world.rows.get(e)})
        return [e for e in listed if any(self.eyes.filterable(e, f) for f in self.fields(e))]

    def fields(self, entity: str) -> list[Any]:
        """The searched fields."""
        levels = self.world.model.chain(entity)
        named = next((level.search for level in levels if level.search), ())
        return [f for f in self.world.fields(entity).values() if f.id in named]

    def texts(self, entity: str) -> list[str]:
        """Every value of a searched field, seen or not."""
        rows = self.world.rows[entity].values()
        return [v for f in self.fields(entity) for row in rows if (v := row.get(names.column(f)))]

    def typed(self, entity: str) -> Iterator[str]:
        """Whole values, beginnings, pieces, two pieces, pinyin and initials of values that occur."""
        text = self.random.choice(self.texts(entity))
        at = self.random.randrange(len(text))
        read = spelt(text)
        yield text
        yield text[: self.random.randrange(1, 4)]
        yield text[at : at + self.random.randrange(1, 5)]
        yield f"{text[at:]} {text[: at + 1]}"
        if read.full:
            yield read.full[: self.random.randrange(1, len(read.full) + 1)]
            yield read.initials[: self.random.randrange(1, 4)].upper()

    def found(self, entity: str, text: str) -> list[str]:
        """The ids in order: how well they fit, the entity's own ordering, the id."""
        declared = next((level.order for level in self.world.model.chain(entity) if level.order), ())
        order = [((name,), down) for name, down in declared]
        order = [term for term in order if self.eyes.filterable(entity, self.world.fields(entity)[term[0][0]])]
        ranks = {
            str(row["id"]): (rank, (kind, row))
            for kind, row in self.naive.rows(entity)
            if (rank := self.rank(kind, row, text)) is not None
        }
        every = self.naive.ordered([pair for _, pair in ranks.values()], order)
        return sorted(every, key=lambda id_: ranks[id_][0])

    def rank(self, kind: str, row: Row, text: str) -> int | None:
        """0 the whole, 1 its beginning, 2 initials, 3 every word somewhere; None: not found."""
        words = [fold(word) for word in text.split()]
        whole = " ".join(words)
        letters: str | None = re.sub("[ '’-]", "", whole).replace("ü", "v")
        letters = letters if letters and PINYIN.fullmatch(letters) else None
        best: int | None = None
        cells = [(f, self.naive.cell(kind, row, f.name)) for f in self.fields(kind)]
        shown = [fold(value) for _, value in cells if value is not None]
        if all(any(word in cell for cell in shown) for word in words):
            best = 3
        for field, value in cells:
            if value is None:
                continue
            read, folded = spelt(value), fold(value)
            ranks = [(folded == whole, 0), (folded.startswith(whole), 1)]
            if field.pinyin and letters is not None:
                ranks += [(read.full == letters, 0), (read.full.startswith(letters), 1)]
                ranks += [(read.initials.startswith(letters), 2)]
            fits = [rank for holds, rank in ranks if holds]
            best = min([*fits, *([] if best is None else [best])], default=None)
        return best


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(city: City, city_owner: Pool) -> AsyncIterator[World]:
    """The raw rows of the city, with persons whose names are read in their own ways."""
    area = await city_owner.fetchval(
        "SELECT p.area_id::text FROM wangge.post p JOIN wangge.account a ON a.id = p.account WHERE a.login = $1", GRID
    )
    given = ["单于明", "曾国藩", "仇英", "解珍", "吕布", "阿依古丽·买买提", "Ａlice Ｗang", "王小", "王小明", "大王小"]
    made = await city.data(GRID, CREATE, {"i": [{"name": name, "area": area, "id": str(uuid7())} for name in given]})
    assert made["createPersons"]["errors"] == []
    found = World(load_model([m.folder for m in discover(())]))
    await found.load(city_owner)
    yield found


async def names_of(city: City, login: str, text: str, first: int = 1000) -> list[str]:
    """The names that a search finds, in order."""
    return [node["name"] for node in (await city.data(login, FIND, {"s": text, "n": first}))["persons"]["nodes"]]


@pytest.mark.parametrize("login", LOGINS)
async def test_searches_find_what_a_naive_search_finds_in_its_order(
    city: City, city_owner: Pool, world: World, login: str
) -> None:
    searches = Searches(world, await eyes_of(world, city_owner, login), login)
    for _ in range(ROUNDS):
        entity = searches.random.choice(searches.entities())
        declared = world.model.entities[entity]
        for text in searches.typed(entity):
            if not text.strip() or re.fullmatch("[0-9]{4}", text):
                continue
            query = f"""query($s: String) {{ found: {declared.plural}(search: $s, first: 1000) {{
                nodes {{ id }} totalCount {{ value }} }} }}"""
            answer = (await city.data(login, query, {"s": text}))["found"]
            expected = searches.found(entity, text)
            assert answer["totalCount"]["value"] == len(expected), (entity, text)
            assert [n["id"] for n in answer["nodes"]] == expected[:1000], (entity, text)


async def test_the_best_fit_comes_first(city: City, world: World) -> None:
    assert (await names_of(city, GRID, "王小"))[0] == "王小"
    found = await names_of(city, GRID, "王小明")
    assert found[0] == "王小明"
    every = await names_of(city, GRID, "王小")
    assert every.index("王小明") < every.index("大王小")
    assert (await names_of(city, GRID, "zengguofan")) == ["曾国藩"]
    assert "解珍" in await names_of(city, GRID, "xz")
    assert (await names_of(city, GRID, "xie zhen")) == ["解珍"]
    assert (await names_of(city, GRID, "lübu")) == ["吕布"]
    assert (await names_of(city, GRID, "chan yu'ming")) == ["单于明"]
    assert (await names_of(city, GRID, "ALICE")) == ["Ａlice Ｗang"]
    assert (await names_of(city, GRID, "wang alice")) == ["Ａlice Ｗang"]
    assert (await names_of(city, GRID, "古丽 买买")) == ["阿依古丽·买买提"]
    assert (await names_of(city, GRID, "100%_")) == []


async def test_pages_filters_orders_and_aggregates_work_with_a_search(city: City, world: World) -> None:
    whole = await names_of(city, GRID, "王")
    assert len(whole) > 12
    seen, after = [], None
    while True:
        query = """query($a: String) { persons(search: "王", first: 5, after: $a) {
            nodes { name } pageInfo { hasNextPage endCursor } } }"""
        page = (await city.data(GRID, query, {"a": after}))["persons"]
        seen += [node["name"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == whole
    query = """{ all: persons(search: "王", orderBy: [{name: DESC}], first: 1000) { nodes { name } aggregate { count } }
        some: persons(search: "王", where: {sex: {eq: "1"}}, first: 1000) { nodes { sex name } totalCount { value } } }"""
    made = await city.data(GRID, query)
    assert [n["name"] for n in made["all"]["nodes"]] == sorted(whole, key=lambda name: spelt(name).sort, reverse=True)
    assert made["all"]["aggregate"] == [{"count": len(whole)}]
    assert {node["sex"] for node in made["some"]["nodes"]} == {"1"}
    assert 0 < made["some"]["totalCount"]["value"] < len(whole)
    none = await city.data(GRID, "query($s: String) { persons(search: $s) { totalCount { value } } }", {"s": None})
    assert none == await city.data(GRID, "{ persons { totalCount { value } } }")


async def test_a_cursor_of_a_search_belongs_to_searches(city: City, world: World) -> None:
    query = '{ persons(search: "王", first: 1) { pageInfo { endCursor } } }'
    cursor = (await city.data(GRID, query))["persons"]["pageInfo"]["endCursor"]
    other = "query($a: String) { persons(first: 1, after: $a) { nodes { id } } }"
    assert await city.code(GRID, other, {"a": cursor}) in ("cursor.invalid", "cursor.stale")


async def test_rooms_are_found_by_pieces_of_their_address_also_below_their_building(city: City, world: World) -> None:
    room = (await city.data(STATION, "{ rooms(first: 1) { nodes { id address building { id } } } }"))["rooms"]["nodes"][
        0
    ]
    words = f"{room['address'][-5:]} {room['address'][3:6]}"
    query = "query($s: String) { rooms(search: $s, first: 1000) { nodes { id address } } }"
    found = (await city.data(STATION, query, {"s": words}))["rooms"]["nodes"]
    assert room["id"] in [node["id"] for node in found]
    assert all(word in node["address"] for node in found for word in words.split())
    nested = "query($b: ID!, $s: String) { building(id: $b) { rooms(search: $s, first: 1000) { nodes { id } } } }"
    inside = await city.data(STATION, nested, {"b": room["building"]["id"], "s": words})
    assert room["id"] in [node["id"] for node in inside["building"]["rooms"]["nodes"]]


async def arguments(city: City, login: str, plural: str) -> set[str]:
    """The arguments of a root field in the caller's schema."""
    fields = (await city.data(login, "{ __schema { queryType { fields { name args { name } } } } }"))["__schema"]
    return {a["name"] for f in fields["queryType"]["fields"] if f["name"] == plural for a in f["args"]}


async def test_search_is_offered_to_who_sees_a_searched_field(city: City, world: World) -> None:
    assert "search" in await arguments(city, GRID, "persons")
    assert "search" not in await arguments(city, ADMIN, "persons")
    assert "search" in await arguments(city, ADMIN, "staffMembers")
    assert "search" not in await arguments(city, GRID, "staffMembers")
    assert "search" not in await arguments(city, GRID, "residences")
    refused = await city.ask(ADMIN, '{ persons(search: "王") { nodes { id } } }')
    assert "search" in refused["errors"][0]["message"]


async def test_what_cannot_be_searched_for_is_told(city: City, world: World) -> None:
    assert await city.code(GRID, FIND, {"s": " \u3000 "}) == "search.blank"
    assert await city.code(GRID, FIND, {"s": ""}) == "search.blank"
    assert await city.code(GRID, FIND, {"s": "王" * 101}) == "search.too_long"
    assert await city.code(GRID, FIND, {"s": "王\0"}) == "value.not_text"


async def test_the_last_digits_of_a_phone_are_for_who_may_match_it_and_stand_in_the_ledger(
    city: City, city_owner: Pool, world: World
) -> None:
    ends = await city_owner.fetchrow(SPAN, STATION)
    assert ends is not None
    digits = await city_owner.fetchval(DIGITS, *ends)
    for text in (digits, f" {digits} ", "".join(chr(ord(c) + 0xFEE0) for c in digits)):
        assert await city.code(GRID, FIND, {"s": text}) == "search.needs_match"
    assert await city.code("nanming-civil-affairs", FIND, {"s": digits}) == "search.needs_match"
    count = "SELECT count(*) FROM wangge.ledger_entry WHERE action = 'match' AND fields = '{phones.number}'"
    before = await city_owner.fetchval(count)
    query = "query($s: String) { persons(search: $s, first: 1000) { nodes { id phones { number } } } }"
    found = (await city.data(STATION, query, {"s": digits}))["persons"]["nodes"]
    assert found
    assert all(any(phone["number"].endswith(digits) for phone in node["phones"]) for node in found)
    assert await city_owner.fetchval(count) == before + 1
    assert await city.data(STATION, query, {"s": "王"})
    assert await city_owner.fetchval(count) == before + 1
    rooms = await city.ask(GRID, "query($s: String) { rooms(search: $s) { nodes { id } } }", {"s": digits})
    assert "errors" not in rooms
