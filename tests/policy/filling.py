"""The rows of the city under proof: of every entity, with and without values, in every area, some removed."""

from __future__ import annotations

import random
from typing import Any, TypeVar
from uuid import UUID

from tests.records.world import City
from wangge.values import Actor, Area, uuid7

SYSTEM = Actor(kind="system", name="proof")
T = TypeVar("T")
SEARCHED = (
    {"name": "李路", "secret": "李", "stage": "A", "size": 1},
    {"name": "李路", "stage": "B", "size": 3},
    {"name": "路李", "secret": "李路", "stage": "A", "size": 2},
)
"""Sites whose secrets, where they are not seen, would fit a search better than what is."""
Row = dict[str, Any]


class Filling:
    """Fills a city entity by entity; the same rows each time, but for their ids."""

    def __init__(self, city: City, areas: dict[str, Area], units: dict[str, UUID]) -> None:
        self._city = city
        self._areas = areas
        self._units = list(units.values())
        self._chance = random.Random(5)

    async def fill(self) -> list[UUID]:
        """Every row; the persons."""
        persons = await self._load(
            "base.person", [self._row(a, name=f"测试{n}") for n, a in enumerate(("north_1", "south_1", "north_2"))]
        )
        await self._consents(persons)
        tags = await self._load("ward.tag", [_tag(n, w) for n, w in (("红", 1), ("蓝", 1), (None, 2))])
        sites = await self._sites(persons, tags)
        items = await self._load("extra.item", [self._item(n, sites) for n in range(8)])
        folks = await self._load("ward.folk", [self._folk(n) for n in range(9)])
        stays = await self._load("ward.stay", [self._link(n, sites, folks) for n in range(8)])
        await self._load("ward.work", [self._link(n + 3, sites, folks, 1) for n in range(5)])
        await self._load("ward.pet", [self._pet(folks) for _ in range(8)])
        for kind in ("ward.call", "ward.audit"):
            visits = await self._load(kind, [self._visit(n, sites, folks) for n in range(7)])
            await self._remove(kind, visits[0])
        await self._load("ward.desk", [self._desk(n) for n in range(7)])
        await self._load("ward.wish", [_wish(p, text) for p in persons for text in ("a", "b")])
        for entity, row in (
            ("ward.site", sites[3]),
            ("ward.folk", folks[1]),
            ("ward.stay", stays[0]),
            ("ward.tag", tags[1]),
        ):
            await self._remove(entity, row)
        await self._load("base.person", [self._row("north_1", name="测试9")])  # who never agreed to anything
        heads = await self._load("ward.head", [self._head(n) for n in range(220)])
        for row in heads[:3]:
            await self._remove("ward.head", row)
        await self._point_back(sites, items)
        await self._load("ward.site", [self._row("north_1", **site) for site in SEARCHED])
        return [p["id"] for p in persons]

    # --- rows ---

    async def _consents(self, persons: list[Row]) -> None:
        """The first person agrees to care, the second no more and to something else, the third not yet, and only once."""
        notice = {
            "id": uuid7(),
            "version": "1",
            "title": "告知书",
            "controller": "区",
            "contact": "0851",
            "kinds": "姓名",
        }
        await self._load("base.privacy_notice", [{**notice, "keep": "三年", "text": "略", "validFrom": "2020-01-01"}])
        async with self._city.pool.connection() as connection:
            purposes = {r["code"]: r["id"] for r in await connection.fetch("SELECT id, code FROM wangge.purpose")}

        def consent(person: int, purpose: str, given: str = "2024-01-01", withdrawn: str | None = None) -> Row:
            moments = {"givenAt": f"{given}T00:00:00+08:00", "withdrawnAt": withdrawn and f"{withdrawn}T00:00:00+08:00"}
            row = {"id": uuid7(), "person": persons[person]["id"], "purpose": purposes[purpose], "notice": notice["id"]}
            return {**row, "channel": "PAPER", **moments}

        found = await self._load(
            "base.consent",
            [
                consent(0, "ward_care"),
                consent(1, "ward_care", withdrawn="2025-01-01"),
                consent(1, "care_service"),
                consent(2, "ward_care", given="2099-01-01"),
                consent(2, "ward_care"),
            ],
        )
        await self._remove("base.consent", found[-1])

    async def _sites(self, persons: list[Row], tags: list[Row]) -> list[Row]:
        """Sites one by one, so that `next` finds its row."""
        found: list[Row] = []
        for n in range(14):
            row = self._site(n, found, persons, tags)
            found += await self._load("ward.site", [row])
        return found

    def _site(self, n: int, before: list[Row], persons: list[Row], tags: list[Row]) -> Row:
        """A site with a value of most kinds."""
        maybe, any_of = self._maybe, self._chance.choice
        return self._row(
            self._place(n),
            name=maybe(any_of(("ab", "abc", "Ab", "b", "测试路", "%_"))),
            size=maybe(self._chance.randrange(4)),
            rate=maybe(any_of(("1.50", "2", "0.5"))),
            open=maybe(self._chance.random() < 0.5),
            since=maybe(any_of(("2024-02-29", "2026-11-01", "2030-01-01"))),
            seenAt=maybe(any_of(("2026-11-20T08:00:00+08:00", "2025-01-01T23:59:59.5+08:00"))),
            stage=maybe(any_of("ABC")),
            sex=maybe(any_of(("1", "2"))),
            marks=maybe(self._chance.sample(("1", "2", "9"), 2)),
            point=maybe({"lon": 106.7 + n / 1000, "lat": 26.6}),
            secret=maybe(any_of(("王小明", "李", "z"))),
            born=maybe(any_of(("1990-05-06", "1958-12-31"))),
            phone=maybe(any_of(("13800001111", "13900002222"))),
            holder=maybe(any_of(self._units)),
            author=maybe(any_of(persons)["id"]),
            next=maybe(any_of(before)["id"]) if before else None,
            tags=[t["id"] for t in tags if self._chance.random() < 0.5],
            lines=[self._line() for _ in range(self._chance.randrange(3))],
        )

    def _line(self) -> Row:
        maybe, any_of = self._maybe, self._chance.choice
        return {
            "amount": maybe(self._chance.randrange(3)),
            "hint": maybe(any_of(("x", "y"))),
            "contact": maybe(any_of(("甲乙", "丙"))),
        }

    def _item(self, n: int, sites: list[Row]) -> Row:
        site = self._maybe(self._chance.choice(sites)["id"])
        name, price = self._maybe(self._chance.choice(("p", "q"))), self._maybe("9.90")
        return self._row(self._place(n), name=name, price=price, site=site)

    def _folk(self, n: int) -> Row:
        name, alias = self._maybe(self._chance.choice(("甲", "乙", "丙丁"))), self._maybe("abcd")
        return self._row(
            self._place(n),
            name=name,
            alias=alias,
            age=self._maybe(self._chance.randrange(20, 23)),
            code=self._maybe(f"c{n % 2}"),
        )

    def _link(self, n: int, sites: list[Row], folks: list[Row], of: int = 0) -> Row:
        """A stay or work elsewhere; the last folks have none."""
        site, folk = sites[(n * 5 + 1) % len(sites)], folks[(n + of) % 6]
        return {"id": uuid7(), "site": site["id"], "folk": folk["id"], "grade": self._maybe(n % 2)}

    def _pet(self, folks: list[Row]) -> Row:
        return {"id": uuid7(), "folk": self._chance.choice(folks)["id"], "name": self._maybe("狗")}

    def _visit(self, n: int, sites: list[Row], folks: list[Row]) -> Row:
        maybe, any_of = self._maybe, self._chance.choice
        return {
            "id": uuid7(),
            "site": sites[(n * 3 + 1) % len(sites)]["id"],
            "note": maybe(any_of(("m", "n"))),
            "rank": maybe(self._chance.randrange(3)),
            "result": maybe("ok"),
            "by": maybe(any_of(folks)["id"]),
        }

    def _desk(self, n: int) -> Row:
        unit = self._units[n % len(self._units)]
        return {"id": uuid7(), "unit": unit, "name": self._maybe("台"), "floor": self._maybe(n % 3)}

    def _head(self, n: int) -> Row:
        """Few in some places, of one sex in others."""
        any_of = self._chance.choice
        area = any_of(("north_1",) * 5 + ("north_2",) * 4 + ("south_1",) * 3 + ("north", "south"))
        sex = any_of(("1", "2")) if area != "south_1" else any_of(("1",) * 9 + ("2", None))
        age, stage = any_of((*range(20, 70, 10), None)), any_of("AAAB")
        return self._row(area, sex=sex, stage=stage, age=age, debts=n % 7 if n % 3 else None)

    # --- storing ---

    def _row(self, area: str, **values: Any) -> Row:
        return {"id": uuid7(), "area": self._areas[area].id, **values}

    def _place(self, n: int) -> str:
        """Every area in turn."""
        places = list(self._areas)
        return places[n % len(places)]

    def _maybe(self, value: T) -> T | None:
        """A value three times of four."""
        return value if self._chance.random() < 0.75 else None

    async def _load(self, entity: str, rows: list[Row]) -> list[Row]:
        await self._city.records.load(entity, [rows], SYSTEM, "proof")
        return rows

    async def _remove(self, entity: str, row: Row) -> None:
        unit = next(iter(self._city.areas))
        scope = self._city.scope(unit, unit_spans=((1, 10_000),))
        outcome = await self._city.records.remove(scope, entity, row["id"], "proof")
        assert outcome.errors == ()

    async def _point_back(self, sites: list[Row], items: list[Row]) -> None:
        """Sites refer to items, which refer to sites."""
        async with self._city.pool.connection() as connection:
            for site in sites[::2]:
                item = self._chance.choice(items)["id"]
                await connection.execute("UPDATE ward.site SET item = $2 WHERE id = $1", site["id"], item)


def _tag(name: str | None, weight: int) -> Row:
    return {"id": uuid7(), "name": name, "weight": weight}


def _wish(person: Row, text: str) -> Row:
    return {"id": uuid7(), "person": person["id"], "text": text}
