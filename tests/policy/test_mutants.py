"""Wrong versions of the compiled system are found by the proof: a sample here, all of them in `make test-long`."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.policy.mutants import CONTROL, GROUPS, MUTANTS, SAMPLE
from tests.policy.mutation import CORE
from tests.policy.proving import make_proving
from wangge.audit.reads import Reads
from wangge.crypto import Keys
from wangge.store.database import Database
from wangge.store.embedded import EmbeddedPostgres
from wangge.store.pool import Pool

SLOTS = 2
"""mutants that run at once."""
ROOT = Path(__file__).parent.parent.parent
HINTS = Path(__file__).parent / "mutants.json"
"""mutant -> the policies that killed it before, which are tried first: a stale one costs time only."""


@pytest.fixture(scope="module")
def databases(
    postgres: EmbeddedPostgres,
    empty_database: Database,
    database_names: Iterator[str],
    keys: Keys,
    tmp_path_factory: Any,
) -> Iterator[list[Database]]:
    """Two copies of the city under proof, and one for each mutant that may write into it."""

    async def fill() -> None:
        async with Pool(empty_database, "app") as pool:
            reads = Reads(pool, tmp_path_factory.mktemp("journal"))
            await reads.open()
            proving = await make_proving(empty_database, pool, keys, reads)
            await proving.connection.close()
            await reads.close()

    asyncio.run(fill())
    names = [next(database_names) for _ in range(SLOTS + len(GROUPS["writes"]))]
    yield [postgres.create_database(name, empty_database.name) for name in names]
    for name in names:
        postgres.drop_database(name)


async def fates(databases: Sequence[Database], home: Path, folder: Path, names: Sequence[str]) -> list[dict[str, Any]]:
    """What became of the named mutants."""
    stored = [msgspec.json.encode(d).decode() for d in databases]
    job = {
        "names": list(names),
        "databases": stored[:SLOTS],
        "own": {m.name: database for m, database in zip(GROUPS["writes"], stored[SLOTS:], strict=True)},
        "home": str(home),
        "hints": json.loads(HINTS.read_text("utf-8")) if HINTS.exists() else {},
    }
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    command = (sys.executable, "-m", "tests.policy.mutation", str(folder / "job.json"))
    with (folder / "fates.jsonl").open("wb") as out:  # which can be followed while it grows
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=out)
        assert await process.wait() == 0
    return [json.loads(line) for line in (folder / "fates.jsonl").read_text("utf-8").splitlines()]


async def alive(databases: Sequence[Database], home: Path, folder: Path, names: Sequence[str]) -> list[str]:
    """The named mutants that nothing found."""
    made = await fates(databases, home, folder, names)
    assert sorted(fate["name"] for fate in made) == sorted(names)
    return [fate["name"] for fate in made if not fate["killed"]]


def test_each_mutant_changes_a_text_that_is_there_once() -> None:
    found = [(m.name, (CORE / m.file).read_text("utf-8").count(m.old)) for m in MUTANTS]
    assert [each for each in found if each[1] != 1] == []
    assert len({name for name, _ in found}) == len(found)
    assert len([*GROUPS["loading"], *GROUPS["roles"], *GROUPS["union"]]) >= 30


def test_the_list_of_mutants_names_each() -> None:
    _, _, words = (ROOT / "tests" / "README.md").read_text("utf-8").partition("## The mutants")
    assert [m.name for m in MUTANTS if m.name not in words] == []


async def test_a_sample_of_the_mutants_is_killed(databases: list[Database], home: Path, tmp_path: Path) -> None:
    assert await alive(databases, home, tmp_path, [m.name for m in SAMPLE]) == []


@pytest.mark.long
async def test_the_policies_that_kill_mutants_do_not_kill_the_program(
    databases: list[Database], home: Path, tmp_path: Path
) -> None:
    assert await alive(databases, home, tmp_path, [CONTROL.name]) == [CONTROL.name]


@pytest.mark.long
async def test_all_mutants_are_killed(databases: list[Database], home: Path, tmp_path: Path) -> None:
    assert len(MUTANTS) >= 100
    assert await alive(databases, home, tmp_path, [m.name for m in MUTANTS]) == []
