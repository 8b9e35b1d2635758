"""Scale L: 0.9 M persons in 800 grids, with the figures of a real district, made in bounded memory and asked at once."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.long.served import ROOT, Served

pytestmark = pytest.mark.long
SCALE, COMMUNITIES = "L", 101
MEBIBYTES = 700
"""what the process that makes the city may use; the database has its own."""
QUERIES = (
    "{ persons(first: 50) { nodes { id name } pageInfo { hasNextPage } } }",
    "{ persons(first: 50, orderBy: [{name: ASC}]) { nodes { id name area { name } } } }",
    '{ persons(first: 50, where: {name: {startsWith: "王"}}) { nodes { id name } totalCount(limit: 1000) { value } } }',
    '{ persons(first: 50, where: {area: {code: {startsWith: "520102"}}}) { nodes { id } } }',
    '{ persons(first: 50, where: {area: {kind: {eq: "grid"}}}, orderBy: [{name: DESC}]) { nodes { id } } }',
)


@pytest.fixture
def home(service_home: Path) -> Iterator[Served]:
    """A home without a city."""
    made = Served(service_home)
    yield made
    made.destroy()


def peak(pid: int) -> int:
    """The most memory that a process has used so far, MiB; 0 when it is gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = [line.split()[1] for line in text.splitlines() if line.startswith("VmHWM")]
    return int(found[0]) // 1024 if found else 0


async def test_a_district_is_made_with_its_figures_and_answers(
    home: Served, record_property: Callable[[str, object], None]
) -> None:
    seconds, most = make(home)
    assert most < MEBIBYTES
    home.start()
    figures(home)
    slowest = await answers(home)
    record_property("seconds", round(seconds))
    print(f"made in {seconds:.0f} s, {most} MiB at most, load {os.getloadavg()[0]:.1f}; slowest answer {slowest:.2f} s")


def make(home: Served) -> tuple[float, int]:
    """Run `wangge demo`; the seconds it took and the most memory that it used."""
    began, most = time.monotonic(), 0
    with open(home.said, "wb") as said:
        made = subprocess.Popen(
            home.words("demo", "--scale", SCALE),
            env=os.environ | {"WANGGE_HOME": str(home.home)},
            stdout=said,
            stderr=said,
            cwd=ROOT,
        )
    while made.poll() is None:
        most = max(most, peak(made.pid))
        time.sleep(0.5)
    assert made.returncode == 0, home.said.read_text()[-2000:]
    return time.monotonic() - began, most


def figures(city: Served) -> None:
    """Point 8 of the foundation, and DOMAIN.md 8.3, by SQL."""

    def number(sql: str) -> float:
        return float(city.sql(sql)[0][0])

    persons, households = number("SELECT count(*) FROM base.person"), number("SELECT count(*) FROM base.household")
    assert abs(persons / (COMMUNITIES * 9_000) - 1) < 0.05
    assert abs(persons / households - 2.81) <= 0.1
    assert households / COMMUNITIES == pytest.approx(3_200, rel=0.01)
    assert number("SELECT avg(vacant::int) FROM base.room") == pytest.approx(0.12, abs=0.005)
    assert number("SELECT avg((hukou_division NOT LIKE '5201%')::int) FROM base.person") >= 0.05
    owners = (
        "SELECT avg((m.room IS DISTINCT FROM r.room)::int) FROM base.residence r "
        "LEFT JOIN base.residence m ON m.person = r.person AND m.main WHERE r.kind = 'OWNER'"
    )
    assert number(owners) == pytest.approx(0.02, abs=0.005)
    assert number("SELECT avg((kind = 'EVENT')::int) FROM urban_management.incident") == pytest.approx(0.87, abs=0.01)


async def answers(city: Served) -> float:
    """Every query as both districts' accounts; the slowest of the second answers, seconds."""
    slowest = 0.0
    for login in ("nanming-civil-affairs", "yunyan-civil-affairs"):
        async with city.client(login) as client:
            for query in QUERIES:
                await client.post("/graphql", json={"query": query})
                began = time.monotonic()
                answer = (await client.post("/graphql", json={"query": query})).json()
                slowest = max(slowest, time.monotonic() - began)
                assert "errors" not in answer, answer
    return slowest
