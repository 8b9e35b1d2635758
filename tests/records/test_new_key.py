"""Writers that hold an older key when a new one comes into force: none of them seals by it afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from wangge.crypto import Keys, load_keys, renew_key_file
from wangge.errors import Unavailable
from wangge.records.outcome import StaleScope
from wangge.records.resealing import SWITCH, counts
from wangge.store.connection import connect
from wangge.store.database import Database
from wangge.store.pool import Pool
from wangge.values import Actor

from .world import COUNTERS, City, discovered, make_city

LOADER = Actor("system", "test")
PHONES = "base.person.phones.number"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The key file of this city."""
    home = tmp_path_factory.mktemp("keys")
    load_keys(home)
    return home / "keys" / "wangge.key"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def renewed(empty_database: Database, file: Path) -> AsyncIterator[City]:
    """A city whose keys stand in `file`."""
    model = discovered()
    areas = await make_city(empty_database, model)
    async with Pool(empty_database, "app") as pool:
        yield City(model, areas, pool, load_keys(file.parent.parent))


def row(city: City, n: int) -> dict[str, Any]:
    """A person with a phone."""
    return {"area": city.areas["north_1"].id, "name": f"测试{n}", "phones": [{"number": f"138000{n:05}"}]}


async def test_a_write_that_began_under_the_older_key_is_refused_and_the_next_one_seals_by_the_new(
    renewed: City, file: Path
) -> None:
    counters = {**dict.fromkeys(COUNTERS, 0), "key": 0}
    known = renewed.scope("north", counters=counters)
    known = msgspec.structs.replace(known, subjects=frozenset({"keys"}))
    assert (await renewed.records.create(known, "base.person", [row(renewed, 1)])).errors == ()
    renew_key_file(file)
    assert await renewed.pool.fetchval(SWITCH, 2)
    with pytest.raises(StaleScope) as caught:
        await renewed.records.create(known, "base.person", [row(renewed, 2)])
    assert caught.value.facts == {"subject": "keys"}
    assert (await counts(renewed.pool, renewed.model))[PHONES] == {1: 1}
    renewed.keys.expect(2)  # as the process does that looks at the counters
    fresh = renewed.scope("north", counters={**counters, "key": 2})
    assert (await renewed.records.create(fresh, "base.person", [row(renewed, 3)])).errors == ()
    assert (await counts(renewed.pool, renewed.model))[PHONES] == {1: 1, 2: 1}
    assert not await renewed.pool.fetchval(SWITCH, 2)


async def test_a_load_in_the_middle_of_which_a_key_comes_into_force_seals_the_rest_by_it(
    renewed: City, file: Path, empty_database: Database
) -> None:
    sealed_before = (await counts(renewed.pool, renewed.model))[PHONES]
    generation = load_keys(file.parent.parent).generation + 1

    async def switch() -> None:
        connection = await connect(empty_database, "app")
        await connection.execute(SWITCH, generation)
        await connection.close()

    def batches() -> Iterator[Sequence[dict[str, Any]]]:
        yield [row(renewed, n) for n in range(10, 2_510)]
        renew_key_file(file)
        asyncio.run(switch())
        yield [row(renewed, n) for n in range(2_510, 2_610)]

    assert await renewed.records.load("base.person", batches(), LOADER, "test") == 2_600
    now = (await counts(renewed.pool, renewed.model))[PHONES]
    new = {key: number - sealed_before.get(key, 0) for key, number in now.items()}
    assert new[generation] >= 100
    assert set(new) <= {*sealed_before, generation}
    assert sum(new.values()) == 2_600


def test_who_does_not_have_the_key_in_force_seals_nothing() -> None:
    keys = Keys(b"m" * 32, b"s" * 32)
    sealed = keys.seal("use", b"value")
    keys.expect(2)
    with pytest.raises(Unavailable, match="key 2 is in force, and this process has 1") as caught:
        keys.seal("use", b"value")
    assert (caught.value.code, keys.open("use", sealed)) == ("keys.behind", b"value")
