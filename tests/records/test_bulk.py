"""Many rows in one call: what they leave is what single writes leave, and one wrong row costs nothing of the others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from tests.records.test_creating import id_number
from tests.records.world import LAB, City, discovered, hooks_of, make_city
from wangge.crypto import Keys
from wangge.errors import Denied, Throttled, Unavailable
from wangge.hookspecs import hookimpl
from wangge.model.filter import Compare, Given
from wangge.policy.scope import Scope
from wangge.records.draft import OnConflict
from wangge.records.locking import Asked
from wangge.records.outcome import Outcome, StaleScope
from wangge.records.repeats import Repeat, forget
from wangge.store.connection import connect
from wangge.store.database import Database
from wangge.store.pool import Pool
from wangge.surface import Flag, Rejected, Warn
from wangge.values import Change, Patch, uuid7

PASSING = {
    "id",
    "row_id",
    "created_at",
    "updated_at",
    "at",
    "created_by",
    "case_no",
    "number",
    "key",
    "key_hash",
    "digest",
    "position",
    "txid",
    "id_number_mask",
}
"""Columns that say which row it is and when it came; digests and hashes are of the row's own key."""
TRACES = ("wangge.outbox", "wangge.revision", "wangge.ledger_entry", "wangge.row_key", "wangge.claim")


class Module:
    """A module that does what the names of buildings say, one by one and all at once."""

    batches: list[list[str]]

    def __init__(self) -> None:
        self.batches = []
        self.cut: asyncio.Event | None = None
        self.goes_on = asyncio.Event()

    @hookimpl
    async def before_write(self, change: Change) -> Patch | None:
        """Patch, flag, refuse or ask."""
        name = change.after.get("name")
        if name == "refused":
            raise Rejected("base.test_refused", field="name")
        if name == "asked":
            raise Warn("base.test_asked", field="name")
        if name == "flagged":
            return {"$flags": [Flag("base.test_flagged")]}
        return {"lifts": 7} if name == "patched" else None

    @hookimpl
    async def before_write_batch(self, changes: Sequence[Change], records: Any) -> Mapping[UUID, Any] | None:
        """Refuse rows of a batch in each way that there is."""
        names = [str(change.after.get("name") or change.after.get("number")) for change in changes]
        self.batches.append(names)
        if "cut" in names and self.cut is not None:
            self.cut.set()
            await self.goes_on.wait()
        for change in changes:
            if change.after.get("name") == "named":
                raise Rejected("base.test_named", row=change.id)
            if change.after.get("name") == "inner":
                await records.create("base.building", [{"code": "inner", "name": ""}])
        if "unnamed" in names:
            raise Rejected("base.test_unnamed")
        said: dict[UUID, Any] = {c.id: Rejected("base.test_said") for c in changes if c.after.get("name") == "said"}
        return {**said, **{c.id: {"floorsAbove": 9} for c in changes if c.after.get("name") == "raised"}}


@pytest.fixture(scope="module")
def module() -> Module:
    """The module under test."""
    return Module()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lab(empty_database: Database, keys: Keys, module: Module) -> AsyncIterator[City]:
    """The city with the module `lab`, and a module that watches base data."""
    model = discovered(LAB)
    areas = await make_city(empty_database, model)
    async with Pool(empty_database, "app") as pool:
        yield City(model, areas, pool, keys, hooks_of({"base": module}))


def brief(outcome: Outcome) -> list[tuple[int, tuple[str | int, ...], str]]:
    """Index, path and code of what is wrong or asked."""
    return [(one.index, one.path, one.code) for one in (*outcome.errors, *outcome.warnings)]


def buildings(city: City, *names: str, area: str = "north_1") -> list[dict[str, Any]]:
    """Inputs of buildings."""
    return [{"area": city.areas[area].id, "code": uuid7().hex[-10:], "name": name} for name in names]


async def stored(city: City, ids: Sequence[UUID | None], table: str = "base.building") -> list[str]:
    """The names of rows in the order of their ids."""
    found = {r["id"]: r["name"] for r in await city.pool.fetch(f"SELECT id, name FROM {table} WHERE id = ANY($1)", ids)}
    return [found[row] for row in ids if row is not None]


async def left(city: City, entity: str, row: UUID) -> dict[str, Any]:
    """All that is stored of a row and all that its writes left, but what makes it itself."""
    tables = [f"{level.name}" for level in city.model.chain(entity)]
    sides = {"base.person": ["base.person_phones", "base.person_area"], "lab.thing": ["lab.thing_parts"]}.get(
        entity, []
    )
    found: dict[str, Any] = {}
    for table in [*tables, *sides, *TRACES]:
        key = "id" if table in tables else "row_id"
        rows = await city.pool.fetch(f"SELECT to_json(t.*) FROM {table} t WHERE {key} = $1", row)
        found[table] = sorted((_kept(json.loads(one[0])) for one in rows), key=repr)
    flags = await city.pool.fetch('SELECT code FROM wangge.flag WHERE "row" = $1', str(row))
    candidates = await city.pool.fetch("SELECT entity FROM wangge.duplicate_candidate WHERE second = $1", str(row))
    return {**found, "flags": [one["code"] for one in flags], "candidates": len(candidates)}


def _kept(columns: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a record that are alike in rows that are alike, those of a row before a change too."""
    kept = {n: v for n, v in columns.items() if n not in PASSING and not n.endswith(("_enc", "_hash", "sealed"))}
    if kept.get("before") is not None:
        kept["before"] = _kept(kept["before"])
    if "removedAt" in (kept.get("changes") or {}):
        kept["changes"] = sorted(kept["changes"])
    return {n: v is not None if n == "removed_at" else v for n, v in kept.items()}


SAME = [
    ("base.building", [{"code": f"s{n}", "name": name} for n, name in enumerate(("楼", "patched", "flagged", "raised"))], {"name": "改"}),
    ("base.person", [{"name": f"测试{n}", "idNumber": id_number(n), "phones": [{"number": f"1391234567{n % 10}"}]} for n in (901, 902)],
     {"phones": [{"number": "13800000000"}]}),
    ("base.organisation", [{"name": "甲", "kind": "ENTERPRISE"}, {"name": "乙", "kind": "ENTERPRISE"}], {"kind": "INSTITUTION"}),
    ("lab.thing", [{"integer": 13, "parts": [{"amount": "1.5"}]}, {"integer": 1, "date": "2020-02-29"}], {"decimal": "2.50"}),
]  # fmt: skip


@pytest.mark.parametrize(("entity", "wires", "patch"), SAME, ids=[entity for entity, _, _ in SAME])
async def test_many_at_once_leave_what_single_writes_leave(
    lab: City, entity: str, wires: list[dict[str, Any]], patch: dict[str, Any]
) -> None:
    scope = lab.scope("north")
    wires = [{**wire, "area": lab.areas["north_1"].id} for wire in wires]
    apart = [{**w, "idNumber": id_number(int(w["name"][2:]) + 50)} if "idNumber" in w else w for w in wires]
    singles = [(await lab.records.create(scope, entity, [wire], reason="r")).ids[0] for wire in apart]
    many = (await lab.records.create(scope, entity, wires, reason="r")).ids
    assert [await left(lab, entity, row) for row in many] == [await left(lab, entity, row) for row in singles]
    for row in singles:
        assert (await lab.records.update(scope, entity, row, patch, reason="r")).errors == ()
    changed = await lab.records.update_many(
        scope, entity, [Asked(n, row, patch) for n, row in enumerate(many)], reason="r"
    )
    assert (changed.errors, changed.ids) == ((), many)
    assert [await left(lab, entity, row) for row in many] == [await left(lab, entity, row) for row in singles]
    for action in ("remove", "restore"):
        for row in singles:
            await getattr(lab.records, action)(scope, entity, row, "r")
        asked = [Asked(n, row) for n, row in enumerate(many)]
        assert (await lab.records.put_away_many(scope, entity, action, asked, reason="r")).errors == ()
    assert [await left(lab, entity, row) for row in many] == [await left(lab, entity, row) for row in singles]


async def test_hooks_patch_and_refuse_single_rows_of_a_call(lab: City) -> None:
    wires = buildings(lab, "fine", "refused", "patched", "asked", "said", "raised")
    scope = lab.scope("north")
    wrong = [(1, ("name",), "base.test_refused"), (3, ("name",), "base.test_asked")]
    none = await lab.records.create(scope, "base.building", wires)
    assert (none.ids, brief(none)) == ((), [*wrong[:1], (4, (), "base.test_said"), *wrong[1:]])
    some = await lab.records.create(scope, "base.building", wires, policy="PER_ROW")
    assert brief(some) == [*wrong[:1], (4, (), "base.test_said"), *wrong[1:]]
    assert await stored(lab, some.ids) == ["fine", "patched", "raised"]
    found = await lab.pool.fetch(
        "SELECT lifts, floors_above FROM base.building WHERE id = ANY($1) ORDER BY name", some.ids
    )
    assert [tuple(row) for row in found] == [(None, None), (7, None), (None, 9)]
    confirmed = await lab.records.create(scope, "base.building", wires[3:4] * 1, confirm=frozenset({"base.test_asked"}))
    assert confirmed.errors == confirmed.warnings == ()


@pytest.mark.parametrize(
    ("name", "code", "path"),
    [("named", "base.test_named", ()), ("unnamed", "base.test_unnamed", ()), ("inner", "value.empty", ())],
)
async def test_a_refusal_of_a_batch_costs_only_the_row_that_it_is_about(
    lab: City, name: str, code: str, path: Any
) -> None:
    names = ["a", "b", "c", name, "d", "e", "f", "g", "h"]
    made = await lab.records.create(lab.scope("north"), "base.building", buildings(lab, *names), policy="PER_ROW")
    assert brief(made) == [(3, path, code)]
    assert await stored(lab, made.ids) == [each for each in names if each != name]
    assert await lab.pool.fetchval("SELECT count(*) FROM base.building WHERE code = 'inner'") == 0


async def test_a_batch_hook_sees_all_rows_of_a_call_at_once(lab: City, module: Module) -> None:
    module.batches.clear()
    rooms = [{"number": str(n), "address": f"x{n}"} for n in range(3)]
    wires = [{**wire, "rooms": rooms} for wire in buildings(lab, "一", "二")]
    made = await lab.records.create(lab.scope("north"), "base.building", wires)
    assert made.errors == ()
    assert module.batches == [["一", "二"], ["0", "1", "2", "0", "1", "2"]]


async def test_forbidden_rows_among_allowed_ones(lab: City) -> None:
    where = {"base.building": Compare("use", "eq", Given("RESIDENTIAL"))}
    scope = lab.scope("north", where=where)
    wires = [*buildings(lab, "in", "out", "in too"), *buildings(lab, "south", area="south_1")]
    wires[1]["use"] = "COMMERCIAL"
    wrong = [(1, (), "row.out_of_reach"), (3, ("area",), "area.unknown")]
    made = await lab.records.create(scope, "base.building", wires, policy="PER_ROW")
    assert (brief(made), await stored(lab, made.ids)) == (wrong, ["in", "in too"])
    mine, foreign = made.ids[0], (await lab.records.create(lab.scope("city"), "base.building", wires[3:])).ids[0]
    asked = [
        Asked(0, mine or uuid7(), {"use": "MIXED"}),
        Asked(1, foreign, {"name": "x"}),
        Asked(2, made.ids[2] or uuid7(), {"name": "ok"}),
    ]
    changed = await lab.records.update_many(scope, "base.building", asked, policy="PER_ROW")
    assert brief(changed) == [(0, (), "row.out_of_reach"), (1, ("id",), "row.unknown")]
    assert await stored(lab, [mine, foreign, made.ids[2]]) == ["in", "south", "ok"]
    denied = "SELECT action, row_id FROM wangge.ledger_entry WHERE account_id = $1 AND action LIKE 'denied:%'"
    assert [tuple(row) for row in await lab.pool.fetch(denied, scope.actor.account)] == [("denied:update", foreign)]
    with pytest.raises(Denied):
        await lab.records.create(lab.scope("north", actions=("list", "get")), "base.building", wires, policy="PER_ROW")


async def test_a_key_in_an_index_names_its_row(lab: City) -> None:
    scope, area = lab.scope("north"), lab.areas["north_1"].id
    first = await lab.records.create(scope, "lab.thing", [{"area": area, "key": "k1"}])
    wires = [{"area": area, "key": key} for key in ("k2", "k1", "k3", "k2", None, None)]
    wrong = [(1, ("key",), "unique.taken"), (3, ("key",), "unique.taken")]
    assert brief(await lab.records.create(scope, "lab.thing", wires)) == wrong
    some = await lab.records.create(scope, "lab.thing", wires, policy="PER_ROW")
    assert (brief(some), [n for n, row in enumerate(some.ids) if row]) == (wrong, [0, 2, 4, 5])
    left_alone = await lab.records.create(
        scope, "lab.thing", [{"area": area, "key": "k1", "text": "new"}], on_conflict="IGNORE"
    )
    updated = await lab.records.create(
        scope, "lab.thing", [{"area": area, "key": "k1", "text": "new"}], on_conflict="UPDATE"
    )
    assert left_alone.ids == updated.ids == first.ids
    assert await lab.pool.fetchval("SELECT revision FROM lab.thing WHERE id = $1", first.ids[0]) == 2
    hidden = [{"area": lab.areas["south_1"].id, "key": "k1", "text": "x"}]
    for conflict in ("IGNORE", "UPDATE"):
        foreign = await lab.records.create(lab.scope("south"), "lab.thing", hidden, on_conflict=conflict)
        assert (brief(foreign), foreign.errors[0].facts) == ([(0, ("key",), "unique.taken")], {})


async def test_who_may_not_update_is_told_that_the_key_is_taken(lab: City) -> None:
    area = lab.areas["north_1"].id
    first = await lab.records.create(lab.scope("north"), "lab.thing", [{"area": area, "key": "mine"}])
    wires = [{"area": area, "key": "mine", "text": "new"}, {"area": area, "key": "fresh"}]
    scope = lab.scope("north", actions=("list", "get", "create"))
    made = await lab.records.create(scope, "lab.thing", wires, on_conflict="UPDATE", policy="PER_ROW")
    assert brief(made) == [(0, (), "unique.taken")]
    twice = [{**wires[0]}, {**wires[0], "text": "newer"}]
    some = await lab.records.create(lab.scope("north"), "lab.thing", twice, on_conflict="UPDATE", policy="PER_ROW")
    assert (brief(some), list(some.ids)) == ([(1, (), "unique.taken")], [first.ids[0], None])
    narrow = lab.scope("north", where={"lab.thing": Compare("text", "eq", Given("other"))})
    with_rights = await lab.records.create(narrow, "lab.thing", wires[:1], on_conflict="UPDATE")
    assert brief(with_rights) == [(0, ("key",), "unique.taken")]


async def test_a_call_under_rights_that_ended_stores_nothing(lab: City) -> None:
    scope = lab.scope("south_2")
    await lab.pool.execute("SELECT wangge.touch('area', 'area:south_2')")
    with pytest.raises(StaleScope):
        await lab.records.create(
            scope, "base.building", buildings(lab, "stale", "stale", area="south_2"), policy="PER_ROW"
        )
    assert await lab.pool.fetchval("SELECT count(*) FROM base.building WHERE name = 'stale'") == 0


async def test_keys_are_removed_when_they_were_kept_long_enough(lab: City) -> None:
    scope, wires = lab.scope("north"), buildings(lab, "kept")
    repeat = Repeat("createBuildings", "old")
    first = await lab.records.create(scope, "base.building", wires, repeat=repeat)
    owner = await connect(lab.pool.database, "owner")
    await owner.execute("UPDATE wangge.idempotency SET at = at - interval '8 days' WHERE key = 'old'")
    await owner.close()
    kept = await lab.records.create(scope, "base.building", wires, repeat=Repeat("createBuildings", "new"))
    await forget(lab.pool)
    assert (
        await lab.records.create(scope, "base.building", wires, repeat=Repeat("createBuildings", "new"))
    ).ids == kept.ids
    assert (await lab.records.create(scope, "base.building", wires, repeat=repeat)).ids != first.ids


async def test_calls_that_want_the_same_keys_at_once_store_each_once(lab: City) -> None:
    scope, area = lab.scope("north"), lab.areas["north_1"].id
    wires = [{"area": area, "key": f"race {n}"} for n in range(40)]
    made = await asyncio.gather(
        *(lab.records.create(scope, "lab.thing", wires[n * 5 :] + wires[: n * 5], policy="PER_ROW") for n in range(6))
    )
    assert {one.code for outcome in made for one in outcome.errors} == {"unique.taken"}
    assert sum(row is not None for outcome in made for row in outcome.ids) == 40
    assert await lab.pool.fetchval("SELECT count(*) FROM lab.thing WHERE key LIKE 'race %'") == 40


async def test_rows_of_one_call_share_no_sealed_key(lab: City) -> None:
    scope, area = lab.scope("north"), lab.areas["north_1"].id
    wires = [{"area": area, "name": f"测试{n}", "idNumber": id_number(801)} for n in range(3)]
    assert brief(await lab.records.create(scope, "base.person", wires[1:])) == [(1, ("idNumber",), "unique.taken")]
    wires[0]["birthDate"] = "2999-01-01"  # what is refused itself takes no key from the others
    some = await lab.records.create(scope, "base.person", wires, policy="PER_ROW")
    assert brief(some) == [(0, (), "base.birth_in_future"), (2, ("idNumber",), "unique.taken")]
    assert await stored(lab, some.ids, "base.person") == ["测试1"]


async def test_a_row_that_is_refused_keeps_its_old_key(lab: City) -> None:
    scope, area = lab.scope("north"), lab.areas["north_1"].id
    wires = [{"area": area, "name": f"测试{n}", "idNumber": id_number(810 + n)} for n in range(3)]
    ids = (await lab.records.create(scope, "base.person", wires)).ids
    asked = [Asked(0, ids[0], {"idNumber": id_number(811)}), Asked(1, ids[2], {"idNumber": id_number(815)})]
    made = await lab.records.update_many(scope, "base.person", asked, policy="PER_ROW")
    assert brief(made) == [(0, ("idNumber",), "unique.taken")]
    assert list(made.ids) == [None, ids[2]]
    claims = await lab.pool.fetch("SELECT row_id, contested FROM wangge.claim WHERE row_id = ANY($1)", ids)
    assert sorted(tuple(row) for row in claims) == sorted((row, False) for row in ids)


USED = "SELECT sum(used) FROM wangge.usage WHERE account_id = $1"
TOLD = "SELECT reason, row_count FROM wangge.ledger_entry WHERE account_id = $1 AND action = 'match' ORDER BY at, id"


def people(lab: City, numbers: Sequence[int], name: str = "测试") -> list[dict[str, Any]]:
    """Inputs of persons whose id numbers differ."""
    area = lab.areas["north_1"].id
    return [{"area": area, "name": name, "idNumber": id_number(n % 1000, f"1901010{n // 1000 + 1}")} for n in numbers]


async def told(lab: City, scope: Scope) -> tuple[int | None, list[tuple[str, int]]]:
    """What an account has used of its hour, and what the ledger says of it."""
    account = scope.actor.account
    rows = await lab.pool.fetch(TOLD, account)
    return await lab.pool.fetchval(USED, account), [(row["reason"], row["row_count"]) for row in rows]


async def test_all_sealed_keys_of_a_call_that_stored_nothing_are_counted(lab: City) -> None:
    await lab.records.create(lab.scope("north"), "base.person", people(lab, [500]))
    guessing = lab.scope("north")
    made = await lab.records.create(guessing, "base.person", people(lab, range(499, 502)))
    assert brief(made) == [(1, ("idNumber",), "unique.taken")]
    assert await told(lab, guessing) == (3, [("refused", 3)])
    with pytest.raises(Throttled):
        await lab.records.create(guessing, "base.person", people(lab, range(400, 598)))
    assert await told(lab, guessing) == (4, [("refused", 3), ("refused", 198)])
    imported = await lab.records.create(guessing, "base.person", people(lab, range(400, 598)), policy="PER_ROW")
    assert brief(imported) == [(100, ("idNumber",), "unique.taken")]
    assert await told(lab, guessing) == (4, [("refused", 3), ("refused", 198), ("held", 1)])


@pytest.mark.parametrize("on_conflict", ["ERROR", "IGNORE"])
async def test_an_import_of_many_known_persons_goes_on_and_its_hits_stand_in_the_ledger(
    lab: City, on_conflict: Any
) -> None:
    first = 1000 if on_conflict == "ERROR" else 2000
    await lab.records.create(
        lab.scope("north"), "base.person", people(lab, range(first, first + 300)), policy="PER_ROW"
    )
    importing = lab.scope("north")
    wires = people(lab, range(first, first + 310))
    made = await lab.records.create(importing, "base.person", wires, policy="PER_ROW", on_conflict=on_conflict)
    assert len(made.errors) == (300 if on_conflict == "ERROR" else 0)
    assert sum(row is not None for row in made.ids) == (10 if on_conflict == "ERROR" else 310)
    assert await told(lab, importing) == (None, [("held", 300)])


async def test_keys_whose_rows_are_made_to_fail_afterwards_use_the_hour_up(lab: City) -> None:
    await lab.records.create(lab.scope("north"), "base.person", people(lab, [3100]))
    guessing = lab.scope("north", where={"base.person": Compare("name", "eq", Given("测试"))})
    wrong = [*people(lab, range(3000, 3100), "测试甲"), *people(lab, [3100])]
    made = await lab.records.create(guessing, "base.person", wrong, policy="PER_ROW")
    assert {one.code for one in made.errors} == {"row.out_of_reach", "unique.taken"}
    assert await told(lab, guessing) == (100, [("refused", 101)])
    more = [*people(lab, range(3101, 3202), "测试甲"), *people(lab, [3100]), *people(lab, [3300])]
    answers: tuple[OnConflict, ...] = ("ERROR", "IGNORE")
    for on_conflict in answers:  # what is right is not stored either, and no id is told
        with pytest.raises(Throttled):
            await lab.records.create(guessing, "base.person", more, policy="PER_ROW", on_conflict=on_conflict)
    used, _ = await told(lab, guessing)
    assert used is not None
    assert used >= 200
    for on_conflict in answers:
        with pytest.raises(Throttled):
            await lab.records.create(
                guessing, "base.person", people(lab, [3100]), policy="PER_ROW", on_conflict=on_conflict
            )
    new = await lab.records.create(guessing, "base.person", people(lab, [3300]), policy="PER_ROW")
    assert new.ids[0] is not None


async def test_children_whose_form_is_wrong_end_no_import(lab: City) -> None:
    importing = lab.scope("north")
    wrong = [{**wire, "residences": [{"kind": "NOWHERE"}]} for wire in people(lab, range(5000, 5250))]
    wires = [*wrong, *people(lab, [5300])]
    made = await lab.records.create(importing, "base.person", wires, policy="PER_ROW")
    assert {one.path[:2] for one in made.errors} == {("residences", 0)}
    assert {one.index for one in made.errors} == set(range(250))
    assert [row is not None for row in made.ids[-2:]] == [False, True]
    assert await told(lab, importing) == (None, [])


async def test_a_key_whose_row_falls_with_a_wrong_child_counts(lab: City) -> None:
    guessing = lab.scope("north")
    wires = [{**wire, "residences": [{"room": str(uuid7()), "kind": "RESIDENT"}]} for wire in people(lab, [4000, 4001])]
    made = await lab.records.create(guessing, "base.person", wires, policy="PER_ROW")
    assert {one.path[0] for one in made.errors} == {"residences"}
    assert list(made.ids) == []
    assert await told(lab, guessing) == (2, [("refused", 2)])


async def test_an_own_id_is_a_repeat_with_the_same_content_only(lab: City) -> None:
    scope = lab.scope("north")
    wires = [
        {**wire, "id": str(uuid7()), "rooms": [{"number": "1", "address": "r"}]} for wire in buildings(lab, "甲", "乙")
    ]
    first = await lab.records.create(scope, "base.building", wires)
    assert (await lab.records.create(scope, "base.building", wires)).ids == first.ids
    rooms = "SELECT count(*) FROM base.room WHERE building = ANY($1)"
    assert await lab.pool.fetchval(rooms, first.ids) == 2
    more = [wires[0], {**wires[1], "rooms": [{"number": "1", "address": "r"}, {"number": "2", "address": "r"}]}]
    assert brief(await lab.records.create(scope, "base.building", more)) == [(1, ("rooms", 1), "id.unusable")]
    other = [{**wires[0], "name": "丙"}, *buildings(lab, "丁"), wires[1], {**wires[1]}]
    some = await lab.records.create(scope, "base.building", other, policy="PER_ROW")
    assert brief(some) == [(0, ("id",), "id.unusable"), (3, ("id",), "id.unusable")]
    assert (some.ids[2], await stored(lab, some.ids)) == (first.ids[1], ["丁", "乙"])
    account = lab.scope("north")
    assert brief(await lab.records.create(account, "base.building", wires)) == [
        (n, ("id",), "id.unusable") for n in (0, 1)
    ]
    person = [
        {"id": wires[0]["id"], "name": "测试", "area": lab.areas["north_1"].id},
        {"name": "测试", "area": lab.areas["north_1"].id},
    ]
    assert brief(await lab.records.create(scope, "base.person", person)) == [(0, ("id",), "id.unusable")]


async def test_a_connection_that_is_killed_in_the_middle_leaves_nothing(
    lab: City, module: Module, empty_database: Database
) -> None:
    module.cut = asyncio.Event()
    wires = [{**wire, "rooms": [{"number": "cut", "address": "x"}]} for wire in buildings(lab, *["killed"] * 50)]
    writing = asyncio.create_task(lab.records.create(lab.scope("north"), "base.building", wires))
    await asyncio.wait_for(module.cut.wait(), 30)
    admin = await connect(empty_database, "admin")
    killed = await admin.fetchval(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() "
        "AND state = 'idle in transaction'"
    )
    await admin.close()
    module.cut = None
    module.goes_on.set()
    with pytest.raises(Unavailable):
        await writing
    assert killed == 1
    assert await lab.pool.fetchval("SELECT count(*) FROM base.building WHERE name = 'killed'") == 0
    codes = [wire["code"] for wire in wires]
    assert await lab.pool.fetchval("SELECT count(*) FROM base.building WHERE code = ANY($1)", codes) == 0
    orphans = (
        "SELECT count(*) FROM wangge.ledger_entry e WHERE entity = 'base.building' AND action = 'create' "
        "AND NOT EXISTS (SELECT 1 FROM base.building b WHERE b.id = e.row_id)"
    )
    assert await lab.pool.fetchval(orphans) == 0
