"""Retention: what is over vanishes everywhere, as many rows as the answer file says; killed runs go on; a second one finds nothing."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest_asyncio

from tests.records.keeper import Moment
from tests.records.test_changing import person, residence
from tests.records.test_creating import id_number, room
from tests.records.test_erasing import everything, verified
from tests.records.test_kinds import give, some_files
from tests.records.world import LAB, City, discovered, make_city
from wangge.crypto import Keys
from wangge.records.retention import Schedule
from wangge.store.database import Database
from wangge.store.pool import Pool

ANSWERS = json.loads((Path(__file__).parent / "retention.json").read_text("utf-8"))
NOW = dt.datetime.fromisoformat(ANSWERS.pop("now"))
ENDED = {entity: answer["ended"] for entity, answer in ANSWERS.items()}
OVER, KEPT = "到期甲", "未到乙"
MASTER, SIGNING = b"1" * 32, b"2" * 32


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kept(empty_database: Database) -> AsyncIterator[City]:
    """A city with the seeded rows."""
    model = discovered(LAB)
    areas = await make_city(empty_database, model)
    async with Pool(empty_database, "app") as pool:
        city = City(model, areas, pool, Keys(MASTER, SIGNING))
        await seed(city)
        yield city


def moments(entity: str) -> list[tuple[str | None, str]]:
    """(date, a word for the text of the row) of every row to seed; what the answer file ends is `OVER`."""
    answer = ANSWERS[entity]
    found = [date for date, number in answer["dates"].items() for _ in range(number)] + [None] * answer["none"]
    return [(date, str(date)) for date in found]


async def seed(city: City) -> None:
    """Rows of every entity of the answer file, changed once, so that they have a past."""
    scope, where = city.scope("city"), await room(city)
    for at, (date, _) in enumerate(moments("base.person")):
        text = f"{'甲' if date is not None and date < '2016-11-26' else '乙'}氏{at}"
        who = await person(
            city, name=f"测试旧{text}", idNumber=id_number(at), phones=[{"number": f"1380000{at:04d}"}], deceasedAt=date
        )
        assert (await city.records.update(scope, "base.person", who, {"name": f"测试新{text}"})).errors == ()
    for date, _ in moments("base.residence"):
        await residence(city, await person(city), where, validFrom="2010-01-01", validTo=date)
    area = city.areas["north_1"]
    for date, word in moments("lab.trace"):
        (file,) = await some_files(city, 1)
        await give(city, scope, [file])
        wire = {"area": area.id, "text": f"踪{word}", "note": f"迹{word}", "seen": date, "file": file}
        assert (await city.records.create(scope, "lab.trace", [wire])).errors == ()
    for date, word in moments("urban_management.incident"):
        wire = {
            "area": area.id, "kind": "EVENT", "category": "E-01-02", "duty": "6", "source": "STAFF",
            "state": "CLOSED_SELF" if date else "REPORTED", "reportedAt": "2020-01-01T08:00:00+08:00",
            "description": "占道经营", "location": {"lon": 106.7, "lat": 26.6}, "closedAt": date,
            "reporterName": f"报{word}",
        }  # fmt: skip
        made = await city.records.create(scope, "urban_management.incident", [wire])
        assert made.errors == (), made.errors


async def test_a_dry_run_counts_what_the_answer_file_says_and_changes_nothing(kept: City) -> None:
    before = await everything(kept)
    counts = await Schedule(kept.records.kit).counts(NOW)
    assert {entity: number for entity, number in counts.items() if number} == ENDED
    assert await everything(kept) == before


async def test_a_killed_run_goes_on_and_everything_that_was_over_is_gone(kept: City, empty_database: Database) -> None:
    keeper = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.records.keeper", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    task = Moment(empty_database, kept.areas["north_1"], MASTER, SIGNING, NOW)
    keeper.stdin.write(msgspec.json.encode(task) + b"\n")
    for _ in range(4):
        await asyncio.wait_for(keeper.stdout.readline(), 60)
    keeper.kill()
    await keeper.wait()
    done = await marked(kept)
    assert 0 < sum(done.values()) < sum(ENDED.values())
    rest = await Schedule(kept.records.kit).run(NOW, batch=4)
    assert await marked(kept) == ENDED
    assert sum(rest.values()) < sum(ENDED.values())
    report = await kept.pool.fetch("SELECT state, done, total FROM wangge.task WHERE kind = 'retention'")
    assert [tuple(row) for row in report] == [("DONE", sum(ENDED.values()), sum(ENDED.values()))]
    left = await everything(kept)
    over = [(e, w) for e in ("lab.trace", "urban_management.incident") for d, w in moments(e) if not is_kept(e, d)]
    assert over
    assert [word for _, word in over if f"踪{word}" in left or f"报{word}" in left or f"迹{word}" in left] == []
    assert [text for text in ("旧甲氏", "新甲氏") if text in left] == []
    assert all(text in left for text in ("测试新乙氏", "报None", "踪2026-08-28"))


def is_kept(entity: str, date: str | None) -> bool:
    """What the edge of the answer file keeps, said once more by hand."""
    edges = {
        "lab.trace": ("2026-08-28", "2026-08", "2026"),
        "urban_management.incident": ("2021-11-25T02:31:00+08:00",),
    }
    return date is None or date in edges[entity]


async def marked(city: City) -> dict[str, int]:
    """Ended rows by entity."""
    return dict(await city.pool.fetch("SELECT entity, count(*) FROM wangge.erased GROUP BY entity"))


async def test_search_columns_hashes_keys_and_files_of_what_was_over_are_gone(kept: City) -> None:
    ids = [r[0] for r in await kept.pool.fetch("SELECT row_id FROM wangge.erased WHERE entity = 'base.person'")]
    persons = await kept.pool.fetch("SELECT * FROM base.person WHERE id = ANY($1::uuid[])", ids)
    assert len(persons) == ENDED["base.person"]
    for row in persons:
        shown = {
            n: row[n]
            for n in ("name", "id_number_enc", "id_number_hash", "id_number_mask", "deceased_at", "removed_at")
        }
        assert shown == {**dict.fromkeys(shown), "name": ""}
        assert row["search"] in ([], [""])
    for table in ("wangge.row_key", "wangge.claim", "base.person_phones"):
        assert await kept.pool.fetchval(f"SELECT count(*) FROM {table} WHERE row_id = ANY($1::uuid[])", ids) == 0
    assert await kept.pool.fetchval("SELECT count(*) FROM wangge.file") == sum(
        1 for date, _ in moments("lab.trace") if is_kept("lab.trace", date)
    )
    cut = "SELECT count(*) FROM base.residence WHERE person IS NULL"
    assert await kept.pool.fetchval(cut) == ENDED["base.residence"]


async def test_it_stands_in_the_ledger_as_named_system_work_and_the_ledger_verifies(kept: City) -> None:
    sql = """SELECT actor_kind, actor_name, action, entity, reason, count(*) FROM wangge.ledger_entry
        WHERE actor_name = 'retention' GROUP BY ALL ORDER BY entity"""
    entries = [tuple(row) for row in await kept.pool.fetch(sql.replace("GROUP BY ALL", "GROUP BY 1, 2, 3, 4, 5"))]
    assert entries[:-1] == [
        ("system", "retention", "anonymise", "base.person", "retention: anonymise P10Y after deceasedAt", 14),
        ("system", "retention", "anonymise", "base.residence", "retention: anonymise P10Y after validTo", 9),
        ("system", "retention", "erase", "lab.trace", "retention: erase P90D after seen", 9),
        ("system", "retention", "anonymise", "urban_management.incident", "retention: anonymise P5Y after closedAt", 5),
    ]
    assert entries[-1][:4] == ("system", "retention", "retention", "wangge.task")
    assert await verified(kept) == []


async def test_a_second_run_changes_nothing(kept: City) -> None:
    before = await everything(kept)
    done = await Schedule(kept.records.kit).run(NOW)
    assert set(done.values()) == {0}
    assert await everything(kept) == before


async def test_rows_that_are_left_can_still_be_written(kept: City) -> None:
    who: UUID = (await kept.pool.fetchrow("SELECT row_id FROM wangge.erased WHERE entity = 'base.person'"))[0]  # type: ignore[index] # there are 14
    done: Any = await kept.records.update(kept.scope("city"), "base.person", who, {"dataQuality": "DISPUTED"})
    assert done.errors == ()
