"""Searches among 0.9 M persons: the wanted row is among the first five, no table is scanned, and how long each kind takes."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.long.searched import Prepared, fill
from tests.long.served import Served
from wangge.runtime import load_runtime
from wangge.store.connection import connect

pytestmark = pytest.mark.long
LOGIN = "nanming-civil-affairs"
QUERY = "query($s: String) {{ {plural}(search: $s, first: 5) {{ nodes {{ id {text} }} }} }}"
TEXTS = {"persons": "name", "rooms": "address"}
ROUNDS = 5
OF_100 = 95


@pytest.fixture
def home(service_home: Path) -> Iterator[Served]:
    """A served demonstration city."""
    made = Served(service_home)
    try:
        made.start()
        yield made
    finally:
        made.destroy()
        shutil.rmtree(service_home / "keys", ignore_errors=True)


async def test_the_wanted_row_is_among_the_first_five(home: Served) -> None:
    owner = await connect(load_runtime(home.settings).database, "owner")
    prepared = await fill(owner)
    await owner.close()
    assert len(prepared) == 100
    found, took = await asked(home, prepared)
    for kind, times in took.items():
        every = sorted(times)
        print(f"{kind}: median {statistics.median(every):.1f} ms, p95 {every[int(0.95 * len(every))]:.1f} ms")
    whole = sorted(t for times in took.values() for t in times)
    print(f"all: p95 {whole[int(0.95 * len(whole))]:.1f} ms; {len(found)} of {len(prepared)} among the first five")
    missed = [one for one in prepared if one.wanted not in found]
    assert len(missed) <= len(prepared) - OF_100, missed


async def asked(home: Served, prepared: list[Prepared]) -> tuple[set[Any], dict[str, list[float]]]:
    """The wanted rows that came among the first five, and the milliseconds of each kind, as the caller sees them."""
    found: set[Any] = set()
    took: dict[str, list[float]] = {}
    async with home.client(LOGIN) as client:
        for round_ in range(ROUNDS + 1):
            for one in prepared:
                query = QUERY.format(plural=one.plural, text=TEXTS[one.plural])
                began = time.perf_counter()
                answer = await client.post("/graphql", json={"query": query, "variables": {"s": one.typed}})
                milliseconds = 1000 * (time.perf_counter() - began)
                body = answer.json()
                assert "errors" not in body, body
                if str(one.wanted) in [node["id"] for node in body["data"][one.plural]["nodes"]]:
                    found.add(one.wanted)
                if round_:
                    took.setdefault(one.kind, []).append(milliseconds)
    return found, took
