"""Copies that are kept by subscriptions which break and go on, while several processes write: nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from tests.city import City, served
from tests.graphql.test_changes import CITY, FEED, end_of
from tests.graphql.test_subscriptions import CHANGED, begun, short
from tests.graphql.test_writing import NANMING, REMOVE, UPDATE, YUNYAN, created, grid_of
from tests.listening import listening
from wangge.crypto import load_keys
from wangge.graphql import cursors
from wangge.store.pool import Pool

WRITERS, WRITES = 4, 12
LAST = "复制结束"
WORDS = ("复制甲", "复制乙", "复制丙")
LIST = "query($w: IncidentWhere) { incidents(where: $w, first: 1000) { nodes { id description } } }"
ACCOUNT = "SELECT id FROM wangge.account WHERE login = $1"


class Copy:
    """What one subscriber knows, and where it stands."""

    def __init__(self, position: str) -> None:
        self.rows: dict[str, str] = {}
        self.position = position
        self.passed: list[str] = [position]
        self.complete = False

    def take(self, change: dict[str, Any]) -> None:
        """Obey one change."""
        self.position = change["position"]
        self.passed.append(self.position)
        if change["kind"] in ("CREATED", "UPDATED"):
            self.rows[change["id"]] = change["node"]["description"]
        else:
            self.rows.pop(change["id"], None)
        self.complete = self.complete or LAST in self.rows.values()


async def keep(cities: list[City], login: str, where: dict[str, Any] | None, copy: Copy, chance: random.Random) -> None:
    """Follow until the last row has come, with a new connection after every few changes."""
    while not copy.complete:
        async with listening(chance.choice(cities), login) as one:
            await one.subscribe(CHANGED, {"w": where, "a": copy.position})
            for _ in range(chance.randint(1, 9)):
                if not copy.complete:
                    copy.take(await one.next())


async def write(city: City, chance: random.Random) -> None:
    """Rows that come, change, move between districts, and go."""
    grids = [await grid_of(city, NANMING), await grid_of(city, YUNYAN)]
    rows: list[str] = []
    for _ in range(WRITES):
        what = chance.choice(("create", "create", "change", "change", "move", "remove"))
        if what == "create" or not rows:
            rows.append((await created(city, description=chance.choice(WORDS)))["id"])
        elif what == "remove":
            await city.data(CITY, REMOVE, {"id": rows.pop(chance.randrange(len(rows))), "why": "x"})
        else:
            change = {"description": chance.choice(WORDS)} if what == "change" else {"area": chance.choice(grids)}
            await city.data(CITY, UPDATE, {"id": chance.choice(rows), "p": change})


async def test_copies_that_break_off_and_go_on_are_what_a_list_says(city: City, city_owner: Pool) -> None:
    chance = random.Random(16)
    keys = load_keys(city.settings.home, None)
    wheres: list[tuple[str, dict[str, Any] | None]] = [
        (NANMING, None),
        (NANMING, {"description": {"in": [WORDS[0], LAST]}}),
        (CITY, {"description": {"startsWith": "复制"}}),
        (YUNYAN, {"or": [{"description": {"ne": WORDS[1]}}, {"state": {"eq": "CLOSED"}}]}),
    ]
    async with served(city.settings, city.database) as other:
        cities = [city, other]
        begin = {login: await end_of(city, login) for login in {login for login, _ in wheres}}
        copies = [Copy(begin[login]) for login, _ in wheres]
        following = [
            asyncio.create_task(keep(cities, login, where, copy, random.Random(n)))
            for n, ((login, where), copy) in enumerate(zip(wheres, copies, strict=True))
        ]
        await asyncio.gather(*(write(cities[n % 2], random.Random(chance.random())) for n in range(WRITERS)))
        for login in (NANMING, YUNYAN):
            await created(other, login, description=LAST)
        async with asyncio.timeout(60):
            await asyncio.gather(*following)
    for (login, where), copy in zip(wheres, copies, strict=True):
        account = str(await city_owner.fetchval(ACCOUNT, login))
        opened = [cursors.open_cursor(keys, account, "position", at, 5)[:2] for at in copy.passed]
        assert opened == sorted(opened)
        assert len({tuple(at) for at in opened}) == len(opened)
        found = (await city.data(login, LIST, {"w": where}))["incidents"]["nodes"]
        listed = {node["id"]: node["description"] for node in found if node["description"].startswith("复制")}
        assert {row: text for row, text in copy.rows.items() if text.startswith("复制") and text != LAST} == {
            row: text for row, text in listed.items() if text != LAST
        }


async def test_a_restored_database_ends_what_was_told_of_before(city: City, city_owner: Pool) -> None:
    at = await end_of(city, NANMING)
    async with listening(city, NANMING) as one:
        await begun(one)
        await city_owner.execute("INSERT INTO wangge.position (epoch) VALUES (2)")
        assert await one.error() == "position.expired"
        assert await city.code(NANMING, FEED, {"a": at, "n": 5, "t": "Incident"}) == "position.expired"
        await begun(one)
        row = (await created(city))["id"]
        change = await one.next()
        assert short(change) == ("CREATED", row)
        await one.subscribe(CHANGED, {"a": at})
        assert await one.error() == "position.expired"
