"""Components along the streets, and the incidents of the last eight weeks: 87 % events, states with their times in order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

from wangge import Batch, City

ZONE = dt.timezone(dt.timedelta(hours=8))
EVENTS = (
    ("E-01-02", "人行道旁有暴露垃圾，约两平方米", "E-01-02-1"),
    ("E-01-04", "路面有泥土和落叶，需清扫", "E-01-04-1"),
    ("E-02-01", "楼道口张贴非法小广告", "E-02-01-1"),
    ("E-01-10", "路面破损，有坑洼", "E-01-10-1"),
    ("E-01-01", "楼顶正在搭建彩钢棚", "E-01-01-1"),
)
COMPONENTS = (("C-01-01", "上水井盖"), ("C-01-02", "污水井盖"), ("C-01-03", "雨水井盖"), ("C-01-04", "雨水箅子"))
PER_GRID = 12
"""components and, over eight weeks, about twice as many incidents."""
INCIDENTS = 25
STATES = (
    "REPORTED",
    "VERIFYING",
    "FILED",
    "DISPATCHED",
    "HANDLING",
    "TO_CHECK",
    "CHECKED",
    "CLOSED",
    "CLOSED",
    "CLOSED",
    "CLOSED",
)
FILED = STATES.index("FILED")
TIMES = ("acceptedAt", "filedAt", "dispatchedAt", "receivedAt", "handledAt", "checkedAt", "closedAt")
REACHED = {
    "REPORTED": 0,
    "VERIFYING": 1,
    "FILED": 2,
    "DISPATCHED": 3,
    "HANDLING": 4,
    "TO_CHECK": 5,
    "CHECKED": 6,
    "CLOSED": 7,
}
LIMITS = (("WORK_HOUR", 4, 4), ("WORK_DAY", 1, 24), ("WORK_DAY", 3, 72))
BATCH = 5000
BASE_MILLIS = 1_767_300_000_000


def report_incidents(city: City) -> Iterable[Batch]:
    """Components first, then the incidents that refer to them."""
    yield from Reports(city).batches()


class Reports:
    """Makes the reports of one city; deterministic by seed."""

    def __init__(self, city: City) -> None:
        self._random = Random(city.seed * 31 + 7)
        self._count = 0
        self._today = city.today
        self._conditions = dict(city.made.get("filing_conditions", []))
        self._rooms: dict[str, list[Any]] = {}
        for room in city.made.get("rooms", []):
            self._rooms.setdefault(room[1], []).append(room)

    def batches(self) -> Iterator[Batch]:
        """The batches of all grids."""
        components: list[dict[str, Any]] = []
        of_grid: dict[str, list[str]] = {}
        for grid, rooms in self._rooms.items():
            made = [self._component(grid, rooms, n) for n in range(PER_GRID)]
            of_grid[grid] = [row["id"] for row in made]
            components += made
            if len(components) >= BATCH:
                yield Batch("urban_management.component", components)
                components = []
        if components:
            yield Batch("urban_management.component", components)
        yield from self._incidents(of_grid)

    def _incidents(self, of_grid: dict[str, list[str]]) -> Iterator[Batch]:
        """The incidents, in batches."""
        rows: list[dict[str, Any]] = []
        for grid, rooms in self._rooms.items():
            rows += [self._incident(grid, rooms, of_grid[grid]) for _ in range(INCIDENTS)]
            if len(rows) >= BATCH:
                yield Batch("urban_management.incident", rows)
                rows = []
        if rows:
            yield Batch("urban_management.incident", rows)

    def _id(self) -> str:
        """The next deterministic id."""
        self._count += 1
        bits = self._random.getrandbits(74)
        tail = f"{(0b10 << 62) | bits & ((1 << 62) - 1):016x}"
        head = f"{BASE_MILLIS + self._count:012x}"
        return f"{head[:8]}-{head[8:]}-7{bits >> 62:03x}-{tail[:4]}-{tail[4:]}"

    def _component(self, grid: str, rooms: list[Any], number: int) -> dict[str, Any]:
        """One manhole cover or grating."""
        category, name = COMPONENTS[number % len(COMPONENTS)]
        _, _, lon, lat = rooms[0]
        return {
            "id": self._id(),
            "area": grid,
            "code": f"{self._count:016d}",
            "category": category,
            "name": f"{name}{number + 1}号",
            "state": "INTACT" if self._random.random() < 0.9 else "BROKEN",
            "position": self._near(lon, lat),
            "accuracyClass": "B",
        }

    def _near(self, lon: float, lat: float) -> dict[str, float]:
        """A point within about 200 m."""
        return {
            "lon": round(lon + self._random.uniform(-0.002, 0.002), 6),
            "lat": round(lat + self._random.uniform(-0.0018, 0.0018), 6),
        }

    def _incident(self, grid: str, rooms: list[Any], components: list[str]) -> dict[str, Any]:
        """One incident with its course so far."""
        random = self._random
        room, _, lon, lat = random.choice(rooms)
        event = random.random() < 0.87
        state = random.choice(STATES)
        reported = self._moment()
        kind, value, hours = random.choice(LIMITS)
        row: dict[str, Any] = {
            "id": self._id(),
            "area": grid,
            "duty": "6",
            "source": random.choice(("STAFF", "STAFF", "STAFF", "12345", "PORTAL")),
            "kind": "EVENT" if event else "COMPONENT",
            "state": state,
            "location": self._near(lon, lat),
            "gridAtReport": grid,
            "urgency": "NORMAL" if random.random() < 0.9 else "URGENT",
            "reportedAt": reported.isoformat(),
            "limitKind": kind,
            "limitValue": value,
            "dueAt": (reported + dt.timedelta(hours=hours)).isoformat(),
        }
        if random.random() < 0.7:
            row["room"] = room
        self._class(row, event, components)
        moment = reported
        for name in TIMES[: REACHED[state]]:
            moment += dt.timedelta(minutes=random.randrange(10, 600))
            row[name] = moment.isoformat()
        return row

    def _class(self, row: dict[str, Any], event: bool, components: list[str]) -> None:
        """Category, description and filing condition; without a condition in the catalogue a case stays unfiled."""
        random = self._random
        if event:
            row["category"], row["description"], code = random.choice(EVENTS)
        else:
            at = random.randrange(len(components))
            row["component"] = components[at]
            row["category"], name = COMPONENTS[at % len(COMPONENTS)]
            row["description"], code = f"{name}破损或缺失", f"{row['category']}-1"
        condition = self._conditions.get(code)
        if condition is None and self._conditions:
            condition = next(iter(self._conditions.values()))
        if condition is not None:
            row["condition"] = condition
        elif REACHED[row["state"]] >= FILED:
            row["state"] = "VERIFYING"
        if random.random() < 0.05:
            row["permitHolderPhone"] = f"138{random.randrange(10**8):08d}"

    def _moment(self) -> dt.datetime:
        """A moment of the last eight weeks, in the day."""
        day = self._today - dt.timedelta(days=self._random.randrange(1, 57))
        return dt.datetime(
            day.year, day.month, day.day, self._random.randrange(7, 20), self._random.randrange(60), tzinfo=ZONE
        )
