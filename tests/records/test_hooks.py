"""Modules at the door: they fill fields, refuse, ask, flag, and write further rows in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import pytest

from tests.records.test_creating import codes
from tests.records.world import City, hooks_of
from wangge.errors import Invalid
from wangge.hookspecs import hookimpl
from wangge.records.columns import is_stored
from wangge.surface import Flag, Rejected, Warn
from wangge.values import Actor, Change, Patch


class Module:
    """A module that does what the name of a building says."""

    seen: Change | None = None

    @hookimpl
    async def before_write(self, change: Change) -> Patch | None:
        """Obey the name."""
        if change.entity != "base.building":
            return None
        self.seen = change
        name = change.after["name"]
        if name == "refuse":
            raise Rejected("base.test_refused", field="name", number=7)
        if name == "ask":
            raise Warn("base.test_asked", field="name")
        if name == "break":
            raise RuntimeError("a secret")
        if name == "flag":
            return {"$flags": [Flag("base.test_flagged", why="x")], "lifts": 3}
        if name == "seven":
            return 7  # type: ignore[return-value] # what a module without types may do
        return {"builtYear": 2000} if name == "fill" else None

    @hookimpl
    async def before_write_batch(self, changes: Sequence[Change], records: Any) -> Mapping[UUID, Patch] | None:
        """Make a further building."""
        if any(c.entity == "base.building" and c.after["name"] == "without end" for c in changes):
            wire = {"area": changes[0].after["area"], "code": "further", "name": "without end"}
            await records.create("base.building", [wire])
        wanted = [c for c in changes if c.entity == "base.building" and c.after["name"] in ("more", "more and refuse")]
        for change in wanted:
            await records.create(
                "base.building", [{"area": change.after["area"], "code": "further", "name": "further"}]
            )
            if change.after["name"] == "more and refuse":
                raise Rejected("base.test_refused")
        return None


@pytest.fixture(scope="module")
def module() -> Module:
    """The module under test."""
    return Module()


@pytest.fixture(scope="module")
def hooked(city: City, module: Module) -> City:
    """The city with that module."""
    return City(city.model, city.areas, city.pool, city.keys, hooks_of({"base": module}))


async def create(city: City, name: str, **more: Any) -> Any:
    """A building of that name."""
    wire = {"area": city.areas["north_1"].id, "code": "T", "name": name}
    return await city.records.create(city.scope("north"), "base.building", [wire], **more)


async def test_a_hook_fills_fields_and_sees_the_whole_change(hooked: City, module: Module) -> None:
    made = await create(hooked, "fill")
    assert await hooked.pool.fetchval("SELECT built_year FROM base.building WHERE id = $1", made.ids[0]) == 2000
    assert module.seen is not None
    assert (module.seen.kind, module.seen.id, module.seen.before) == ("create", made.ids[0], None)
    assert module.seen.after["area"] == hooked.areas["north_1"].id
    await hooked.records.update(hooked.scope("north"), "base.building", made.ids[0], {"name": "other"})
    assert module.seen.kind == "update"
    assert module.seen.changed == {"name"}
    assert module.seen.before is not None
    assert module.seen.before["builtYear"] == 2000


async def test_a_hook_sees_fields_that_nobody_gave(hooked: City, module: Module) -> None:
    stored = {field.id for field in hooked.model.fields_of("base.building").values() if is_stored(field)}
    made = await create(hooked, "plain")
    assert module.seen is not None
    assert stored <= set(module.seen.after)
    assert module.seen.after["lifts"] is None
    created = {name for name in stored if module.seen.after[name] is None}
    await hooked.records.update(hooked.scope("north"), "base.building", made.ids[0], {"code": "again"})
    assert module.seen.before is not None
    assert {name for name in stored if module.seen.before[name] is None} == created
    rows = [{"area": hooked.areas["north_1"].id, "code": "W1", "name": "plain"}]
    await hooked.records.load("base.building", [rows], Actor(kind="system", name="t"), "x")
    assert stored <= set(module.seen.after)


async def test_a_hook_refuses_and_nothing_is_stored(hooked: City) -> None:
    made = await create(hooked, "refuse")
    assert (made.ids, codes(made), made.errors[0].facts) == ((), [(("name",), "base.test_refused")], {"number": 7})
    assert await hooked.pool.fetchval("SELECT count(*) FROM base.building WHERE name = 'refuse'") == 0


async def test_what_a_hook_asks_can_be_confirmed(hooked: City) -> None:
    asked = await create(hooked, "ask")
    assert (asked.ids, [(w.path, w.code) for w in asked.warnings]) == ((), [(("name",), "base.test_asked")])
    made = await create(hooked, "ask", confirm=frozenset({"base.test_asked"}))
    entry = "SELECT confirmed FROM wangge.ledger_entry WHERE row_id = $1"
    assert await hooked.pool.fetchval(entry, made.ids[0]) == ["base.test_asked"]


async def test_what_a_hook_refuses_is_told_of_its_own_row(hooked: City) -> None:
    wires = [{"area": hooked.areas["north_1"].id, "code": "T", "name": name} for name in ("fine", "refuse")]
    made = await hooked.records.create(hooked.scope("north"), "base.building", wires)
    assert [(error.index, error.code) for error in made.errors] == [(1, "base.test_refused")]


async def test_a_patch_that_is_none_names_the_module(hooked: City) -> None:
    with pytest.raises(Invalid) as caught:
        await create(hooked, "seven")
    assert (caught.value.code, caught.value.facts["module"]) == ("module.failed", "base")


async def test_a_failing_module_is_named_and_its_error_is_not_shown(hooked: City) -> None:
    with pytest.raises(Invalid) as caught:
        await create(hooked, "break")
    assert (caught.value.code, caught.value.facts["module"]) == ("module.failed", "base")
    assert "secret" not in str(caught.value)


async def test_a_flag_is_kept_for_review(hooked: City) -> None:
    made = await create(hooked, "flag")
    flag = await hooked.pool.fetchrow("SELECT * FROM wangge.flag WHERE row = $1", str(made.ids[0]))
    assert flag is not None
    assert (flag["code"], flag["entity"], flag["facts"], flag["district_id"]) == (
        "base.test_flagged",
        "base.building",
        {"why": "x"},
        hooked.areas["north"].id,
    )


async def test_what_a_module_writes_stands_or_falls_with_the_write(hooked: City) -> None:
    further = "SELECT count(*) FROM base.building WHERE name = 'further'"
    refused = await create(hooked, "more and refuse")
    assert (refused.ids, await hooked.pool.fetchval(further)) == ((), 0)
    made = await create(hooked, "more")
    assert (len(made.ids), await hooked.pool.fetchval(further)) == (1, 1)


async def test_modules_that_answer_themselves_are_stopped(hooked: City) -> None:
    with pytest.raises(Invalid) as caught:
        await create(hooked, "without end")
    assert caught.value.code == "module.too_deep"
    assert await hooked.pool.fetchval("SELECT count(*) FROM base.building WHERE name = 'without end'") == 0


async def test_bulk_loads_ask_the_modules_too(hooked: City) -> None:
    rows = [{"area": hooked.areas["north_1"].id, "code": f"L{n}", "name": "fill"} for n in range(3)]
    await hooked.records.load("base.building", [rows], Actor(kind="system", name="t"), "x")
    found = await hooked.pool.fetch("SELECT built_year FROM base.building WHERE code LIKE 'L_'")
    assert [row["built_year"] for row in found] == [2000, 2000, 2000]
