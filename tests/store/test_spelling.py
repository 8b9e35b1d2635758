"""`pinyin:` that comes, goes, or meets new texts on a filled table: the readings follow, in the same apply."""

from __future__ import annotations

from typing import Any

from tests.store.shapes import entity, field, row_id
from tests.store.test_plan_on_rows import altered, column, filled

from wangge.model.sealed import ValueWork
from wangge.model.specs import spelt_columns
from wangge.store import sealed_values
from wangge.store.database import Database

PLAIN = field("it")
READ = field("it", pinyin=True)
KEYS = ["zeng1曾san1三", None, "wang2王wu3五"]


async def test_readings_are_made_on_a_filled_table_and_dropped_again(bare: Database, owner: Any) -> None:
    await filled(bare, owner, entity("shop.place", PLAIN), {"it": "曾三"}, {"it": None}, {"it": "王五"})
    ran = await altered(bare, owner, entity("shop.place", READ, order=(("it", False),)))
    assert "spell shop.place.it" in ran
    assert await column(owner, "it_sort") == KEYS
    assert await column(owner, "it_pinyin") == ["zengsan", None, "wangwu"]
    assert await column(owner, "it_initials") == ["zs", None, "ww"]
    indexed = await owner.fetchval("SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%it_sort%'")
    assert indexed > 0
    assert await altered(bare, owner, entity("shop.place", READ, order=(("it", False),))) == []
    assert "spell shop.place.it" in await altered(bare, owner, entity("shop.place", PLAIN, order=(("it", False),)))
    left = await owner.fetch("SELECT column_name FROM information_schema.columns WHERE table_name = 'place'")
    assert not {row[0] for row in left} & set(spelt_columns(READ))


async def test_more_rows_than_one_batch_are_all_read(bare: Database, owner: Any) -> None:
    await filled(bare, owner, entity("shop.place", PLAIN))
    count = 2 * sealed_values.BATCH + 1
    await owner.execute("INSERT INTO shop.place (it) SELECT '王' || n FROM generate_series(1, $1) n", count)
    await altered(bare, owner, entity("shop.place", READ))
    assert await owner.fetchval("SELECT count(*) FROM shop.place WHERE it_sort = 'wang2' || it") == count


async def test_an_apply_that_ended_in_the_middle_is_gone_on_with(bare: Database, owner: Any) -> None:
    await filled(bare, owner, entity("shop.place", READ), {"it": "曾三"}, {"it": None}, {"it": "王五"})
    await owner.execute("UPDATE shop.place SET it_sort = 'zeng1曾san1三' WHERE id = $1", row_id(1))
    work = ValueWork(kind="spell", table='"shop"."place"', columns=(), plain='"it"')
    await sealed_values.work_on_values(owner, work, lambda: None)  # type: ignore[arg-type,return-value] # reading needs no keys
    assert await column(owner, "it_sort") == KEYS


async def test_a_text_that_becomes_required_by_a_default_is_read_too(bare: Database, owner: Any) -> None:
    await filled(bare, owner, entity("shop.place", READ), {"it": None})
    needed = field("it", pinyin=True, required=True, default="单五")
    await altered(bare, owner, entity("shop.place", needed))
    assert await column(owner, "it_sort") == ["shan4单wu3五"]
    added = field("more", pinyin=True, required=True, default="仇六")
    await altered(bare, owner, entity("shop.place", needed, added))
    assert await column(owner, "more_pinyin") == ["qiuliu"]


async def test_a_text_that_is_retired_takes_its_readings_along(bare: Database, owner: Any) -> None:
    await filled(bare, owner, entity("shop.place", READ), {"it": "曾三", "it_sort": KEYS[0]})
    gone = entity("shop.place", retired=("it",))
    await altered(bare, owner, gone, allow=frozenset({"drop_column shop.place.it"}))
