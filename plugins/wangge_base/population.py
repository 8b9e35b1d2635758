"""The population of a demonstration city: dwellings grid by grid, the households in them, and what ties people to rooms.

456 rooms a grid (4 buildings x 2 units x 19 floors x 3), 12 % of them vacant; 2 % of the owners live elsewhere; every
twelfth household is registered elsewhere. Communities are made one after the other, so that memory does not grow.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

from wangge import Area, Batch, City

from .households import HEAD, Member, members
from .people import ELSEWHERE, Numbers, birth_date, education, ethnic, identity_number, person_name, phone

__all__ = ["identity_number", "populate"]

BUILDINGS, UNITS, FLOORS, ON_FLOOR = 4, 2, 19, 3
VACANT = 55
"""of 456 rooms of a grid: 12 %."""
OWNERS_ELSEWHERE = 0.02
LET = 0.18
SAMPLE = 12
"""rooms of a grid that later modules may refer to."""
HEADS = 2000
SHOPS = 6
BASE_MILLIS = 1_767_225_600_000
"""2026-01-01: the moment inside the ids."""
Row = dict[str, Any]
Rows = dict[str, list[Row]]
ORDER = (
    "compound",
    "building",
    "building_unit",
    "room",
    "organisation",
    "place",
    "person",
    "household",
    "residence",
    "household_member",
)


class Ids:
    """Deterministic ids in the form of uuidv7, ascending."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._count = 0

    def next(self) -> str:
        """The next id."""
        self._count += 1
        millis = BASE_MILLIS + self._count
        bits = self._random.getrandbits(74)
        high, low = bits >> 62, bits & ((1 << 62) - 1)
        tail = f"{(0b10 << 62) | low:016x}"
        head = f"{millis:012x}"
        return f"{head[:8]}-{head[8:]}-7{high:03x}-{tail[:4]}-{tail[4:]}"


def populate(city: City) -> Iterable[Batch]:
    """All batches, community by community; tells later modules of rooms."""
    yield from Population(city).batches()


class Population:
    """Makes one city; deterministic by seed."""

    def __init__(self, city: City) -> None:
        self._city = city
        self._random = Random(city.seed)
        self._ids = Ids(self._random)
        self._numbers = Numbers()
        self._names = {area.id: area for area in city.areas}
        self._heads: list[str] = []
        self._owed = 0.0
        self._since = dt.date(2015, 1, 1)

    def batches(self) -> Iterator[Batch]:
        """The batches of all communities."""
        rooms = self._city.made.setdefault("rooms", [])
        pending: list[Area] = []
        for grid in self._city.grids():
            if pending and pending[0].parent != grid.parent:
                yield from self._community(pending, rooms)
                pending = []
            pending.append(grid)
        yield from self._community(pending, rooms)

    def _community(self, grids: list[Area], rooms: list[Any]) -> Iterator[Batch]:
        """The batches of one community's grids."""
        rows: Rows = {name: [] for name in ORDER}
        for grid in grids:
            self._grid(grid, rows, rooms)
        for name in ORDER:
            if rows[name]:
                yield Batch(f"base.{name}", rows[name])

    def _grid(self, grid: Area, rows: Rows, rooms: list[Any]) -> None:
        """One grid: a compound with its buildings, shops, households."""
        community = self._names[grid.parent] if grid.parent is not None else grid
        division = grid.code[:6]
        lon, lat = centre(grid)
        compound = self._ids.next()
        rows["compound"].append(
            {"id": compound, "area": str(grid.id), "name": f"{grid.name}小区", "position": {"lon": lon, "lat": lat}}
        )
        own: list[Row] = []
        for number in range(1, BUILDINGS + 1):
            own += self._building(grid, community, compound, number, (lon + number * 0.0004, lat), rows)
        self._shops(grid, community, (lon, lat), rows)
        vacant = set(self._random.sample(range(len(own)), VACANT))
        for at, room in enumerate(own):
            if at in vacant:
                room["vacant"], room["use"] = True, "VACANT"
            else:
                self._household(grid, division, room, rows)
        for room in self._random.sample(own, SAMPLE):
            rooms.append((room["id"], str(grid.id), lon, lat))

    def _building(
        self, grid: Area, community: Area, compound: str, number: int, place: tuple[float, float], rows: Rows
    ) -> list[Row]:
        """One building with its units and rooms; the rooms."""
        building = self._ids.next()
        address = f"{community.name}{grid.name.removeprefix(community.name)}{number}栋"
        rows["building"].append(
            {
                "id": building,
                "area": str(grid.id),
                "code": f"{grid.code}{number:02d}",
                "name": f"{number}栋",
                "compound": compound,
                "address": address,
                "floorsAbove": FLOORS,
                "floorsBelow": 1,
                "use": "RESIDENTIAL",
                "builtYear": self._random.randrange(1988, 2022),
                "lifts": UNITS,
                "position": {"lon": round(place[0], 6), "lat": round(place[1], 6)},
            }
        )
        made: list[Row] = []
        for unit_number in range(1, UNITS + 1):
            unit = self._ids.next()
            rows["building_unit"].append({"id": unit, "building": building, "name": f"{unit_number}单元"})
            for floor in range(1, FLOORS + 1):
                for door in range(1, ON_FLOOR + 1):
                    made.append(self._room(building, unit, f"{address}{unit_number}单元", floor, door))
        rows["room"] += made
        return made

    def _room(self, building: str, unit: str, address: str, floor: int, door: int) -> Row:
        """One room."""
        number = f"{floor}{door:02d}"
        return {
            "id": self._ids.next(),
            "building": building,
            "buildingUnit": unit,
            "floor": floor,
            "number": number,
            "address": f"{address}{number}室",
            "floorArea": f"{self._random.randrange(38, 160)}.{self._random.randrange(10)}",
            "use": "OWN",
            "vacant": False,
        }

    def _shops(self, grid: Area, community: Area, place: tuple[float, float], rows: Rows) -> None:
        """Shops along the street, some with an organisation."""
        for number in range(1, SHOPS + 1):
            organisation = self._ids.next()
            name = f"测试{grid.name}{number}号商店"
            kind = "INDIVIDUAL" if number % 3 else "ENTERPRISE"
            rows["organisation"].append(
                {
                    "id": organisation,
                    "area": str(grid.id),
                    "name": name,
                    "kind": kind,
                    "employees": self._random.randrange(1, 12),
                }
            )
            rows["place"].append(
                {
                    "id": self._ids.next(),
                    "area": str(grid.id),
                    "name": name,
                    "kind": "SHOP",
                    "organisation": organisation,
                    "address": f"{community.name}{number}号门面",
                    "position": {"lon": round(place[0] + number * 0.0001, 6), "lat": round(place[1] + 0.0005, 6)},
                }
            )

    def _household(self, grid: Area, division: str, room: Row, rows: Rows) -> None:
        """The household of one room: persons, their links, who owns it."""
        random = self._random
        found = members(random)
        let = random.random() < LET
        if let:
            room["use"] = "LET"
        registered = random.choice(ELSEWHERE) if random.random() < 1 / 12 else None
        household = self._ids.next()
        surname = person_name(random)[0]
        since = (self._since + dt.timedelta(days=random.randrange(3600))).isoformat()
        ids = [
            self._person(grid, division, m, surname if m.same_name else None, registered, room, since, rows, let)
            for m in found
        ]
        rows["household"].append({"id": household, "kind": "FAMILY", "room": room["id"], "head": ids[0]})
        for person, member in zip(ids, found, strict=True):
            rows["household_member"].append(
                {
                    "id": self._ids.next(),
                    "household": household,
                    "person": person,
                    "relation": member.relation,
                    "validFrom": since,
                }
            )
        self._owner(ids[0], room, since, rows, let)

    def _owner(self, head: str, room: Row, since: str, rows: Rows, let: bool) -> None:
        """An own dwelling belongs to its head; two of a hundred owners live in another grid, and their room is let."""
        if not let:
            rows["residence"].append(self._link(head, room["id"], "OWNER", since, main=False))
            self._owed += OWNERS_ELSEWHERE / (1 - OWNERS_ELSEWHERE)
            if len(self._heads) < HEADS:
                self._heads.append(head)
            elif self._random.random() < 0.05:
                self._heads[self._random.randrange(HEADS)] = head
        elif self._owed >= 1 and len(self._heads) >= 400:
            self._owed -= 1
            owner = self._heads[self._random.randrange(len(self._heads) // 2)]
            rows["residence"].append(self._link(owner, room["id"], "OWNER", since, main=False))

    def _link(self, person: str, room: str, kind: str, since: str, *, main: bool) -> Row:
        """A tie of a person to a room."""
        return {"id": self._ids.next(), "person": person, "room": room, "kind": kind, "main": main, "validFrom": since}

    def _person(
        self,
        grid: Area,
        division: str,
        member: Member,
        surname: str | None,
        registered: str | None,
        room: Row,
        since: str,
        rows: Rows,
        let: bool,
    ) -> str:
        """One person with the link to the dwelling."""
        random = self._random
        person = self._ids.next()
        link = self._link(person, room["id"], "TENANT" if let else "RESIDENT", since, main=True)
        rows["residence"].append(link)
        row: Row = {
            "id": person,
            "area": str(grid.id),
            "name": person_name(random, surname),
            "sex": "1" if member.male else "2",
            "birthDate": birth_date(random, self._city.today, member.age),
            "idType": "111",
            "idNumber": self._numbers.issue(registered or division, member.male),
            "ethnic": ethnic(random),
            "marital": member.marital,
            "hukouDivision": registered or division,
            "residence": link["id"],
            "dataQuality": "VERIFIED" if member.relation == HEAD else "UNVERIFIED",
        }
        if (level := education(random, member.age)) is not None:
            row["education"] = level
        if member.age >= 14 and random.random() < 0.8:
            row["phones"] = [{"number": phone(random), "verified": member.relation == HEAD}]
        rows["person"].append(row)
        return person


def centre(area: Area) -> tuple[float, float]:
    """A point for an area without geometry: spread over the built-up Guiyang by its number."""
    step = area.ord * 2654435761 % 2**32
    return round(106.55 + (step % 1000) / 1000 * 0.25, 6), round(26.50 + (step // 1000 % 1000) / 1000 * 0.2, 6)
