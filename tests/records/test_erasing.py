"""Erase: the content of a row ends in every table at once; a stub and a verifiable ledger entry stay."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from tests.records.test_changing import person, residence
from tests.records.test_creating import id_number, room
from tests.records.test_kinds import give, some_files
from tests.records.world import City
from wangge.audit.linker import Linker
from wangge.audit.verify import verify
from wangge.errors import Denied
from wangge.records.outcome import Outcome
from wangge.store.connection import connect
from wangge.values import uuid7

ACTIONS = ("list", "get", "create", "update", "remove", "restore", "erase")
NAME, PHONE = "测试待删除者", "13900001234"
DUMP = """SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"""


async def everything(city: City) -> str:
    """All rows of all tables as text, as a dump has them."""
    owner = await connect(city.pool.database, "owner")
    tables = [row[0] for row in await owner.fetch(DUMP)]
    texts = [await owner.fetchval(f"SELECT string_agg(t::text, E'\\n') FROM {table} t") for table in tables]
    await owner.close()
    return "\n".join(text for text in texts if text)


async def verified(city: City) -> list[Any]:
    """What `wangge audit verify` finds, once everything is linked."""
    sealer = await connect(city.pool.database, "sealer")
    while await Linker(city.keys).link(sealer, 1):
        pass
    report = await verify(sealer, city.keys)
    await sealer.close()
    return list(report.findings)


async def test_nothing_of_an_erased_person_is_left_in_any_table_and_the_ledger_verifies(city: City) -> None:
    scope, number = city.scope("north", actions=ACTIONS), id_number(811)
    who = await person(city, name=NAME, idNumber=number, phones=[{"number": PHONE}], hukouAddress="待删地址1号")
    home = await residence(city, who, await room(city))
    other = await city.records.update(
        scope, "base.person", who, {"formerName": f"{NAME}旧", "guardians": [await person(city)]}
    )
    assert other.errors == ()
    hashes = await city.pool.fetchrow("SELECT id_number_enc e, id_number_hash h FROM base.person WHERE id = $1", who)
    assert hashes is not None
    assert NAME in await everything(city)
    done = await city.records.erase(scope, "base.person", who, "本人申请")
    assert (done.ids, done.errors) == ((who,), ())
    left = await everything(city)
    for gone in (
        NAME,
        PHONE,
        "ceshidaishanchuzhe",
        "csdscz",
        "chu2除zhe3者",
        "待删地址",
        bytes(hashes["e"]).hex(),
        bytes(hashes["h"]).hex(),
    ):
        assert gone not in left
    counts = {
        table: await city.pool.fetchval(f"SELECT count(*) FROM {table} WHERE row_id = $1", who)
        for table in (
            "base.person_phones",
            "base.person_guardians",
            "base.person_area",
            "wangge.claim",
            "wangge.row_key",
        )
    }
    assert set(counts.values()) == {0}, counts
    stub = await city.pool.fetchrow("SELECT * FROM base.person WHERE id = $1", who)
    assert stub is not None
    kept = {name for name, value in stub.items() if value not in (None, "", [])}
    assert kept == {
        "id",
        "revision",
        "created_at",
        "created_by",
        "updated_at",
        "removed_at",
        "area_id",
        "area_ord",
        "district_id",
    }
    entry = await city.pool.fetchrow("SELECT * FROM wangge.ledger_entry WHERE row_id = $1 AND action = 'erase'", who)
    assert entry is not None
    assert (entry["reason"], entry["revision"], entry["account_id"]) == (
        "本人申请",
        stub["revision"],
        scope.actor.account,
    )
    assert await verified(city) == []
    seen = await city.records.kit.references.visible(city.pool, scope, "base.person", {who})
    assert seen == set()
    assert await city.pool.fetchval("SELECT person FROM base.residence WHERE id = $1", home) == who


async def test_a_contested_number_moves_up_and_may_be_registered_again(city: City) -> None:
    scope, number = city.scope("north", actions=ACTIONS), id_number(812)
    first = await person(city, "north_1", idNumber=number)
    made = await city.records.create(
        city.scope("south"), "base.person", [{"area": city.areas["south_1"].id, "name": "测试乙", "idNumber": number}]
    )
    claims = "SELECT row_id, contested FROM wangge.claim WHERE row_id = ANY($1::uuid[])"
    both = [first, made.ids[0]]
    assert {tuple(r) for r in await city.pool.fetch(claims, both)} == {(first, False), (made.ids[0], True)}
    await city.records.erase(scope, "base.person", first, "重复")
    assert [tuple(r) for r in await city.pool.fetch(claims, both)] == [(made.ids[0], False)]
    texts = [str(row) for row in both]
    left = "SELECT count(*) FROM wangge.duplicate_candidate WHERE first = ANY($1::text[]) OR second = ANY($1::text[])"
    assert await city.pool.fetchval(left, texts) == 0
    again = await city.records.create(
        city.scope("south"), "base.person", [{"area": city.areas["south_1"].id, "name": "测试丙", "idNumber": number}]
    )
    assert [error.code for error in again.errors] == ["unique.taken"]


async def test_an_erased_row_is_like_one_that_never_was(city: City) -> None:
    scope, who = city.scope("north", actions=ACTIONS), await person(city)
    await city.records.remove(scope, "base.person", who)
    await city.records.erase(scope, "base.person", who, "到期")
    writes: list[Callable[[UUID], Awaitable[Outcome]]] = [
        lambda row: city.records.erase(scope, "base.person", row, "x"),
        lambda row: city.records.restore(scope, "base.person", row),
        lambda row: city.records.update(scope, "base.person", row, {"name": "测试"}),
        lambda row: city.records.remove(scope, "base.person", row),
    ]
    for write in writes:
        refused = []
        for row in (who, uuid7()):
            with pytest.raises(Denied) as denied:
                await write(row)
            refused.append((denied.value.code, denied.value.message, denied.value.facts))
        assert refused[0] == refused[1]


async def test_only_who_has_the_action_erases_and_only_in_reach(city: City) -> None:
    who = await person(city, "south_1")
    for scope in (city.scope("south", actions=ACTIONS[:-1]), city.scope("north", actions=ACTIONS)):
        with pytest.raises(Denied):
            await city.records.erase(scope, "base.person", who, "x")
    assert await city.pool.fetchval("SELECT name FROM base.person WHERE id = $1", who) == "测试甲"
    assert await city.pool.fetchval("SELECT count(*) FROM wangge.erased WHERE row_id = $1", who) == 0


async def test_of_an_erased_residence_the_person_follows_and_files_that_others_hold_stay(city: City) -> None:
    scope, who = city.scope("city", actions=ACTIONS), await person(city, "north_2")
    flat = await room(city, "south_1")
    home = await residence(city, who, flat, main=True)
    assert await city.pool.fetchval("SELECT residence FROM base.person WHERE id = $1", who) == home
    await city.records.erase(scope, "base.residence", home, "误登")
    row = await city.pool.fetchrow("SELECT person, removed_at FROM base.residence WHERE id = $1", home)
    assert row is not None
    assert (row["person"], row["removed_at"] is not None) == (None, True)
    assert await city.pool.fetchval("SELECT residence FROM base.person WHERE id = $1", who) is None


async def test_files_go_with_the_last_row_that_holds_them(city: City) -> None:
    scope = city.scope("city", actions=ACTIONS)
    own, shared = await some_files(city, 2)
    cases = [await incident(city, [own, shared])]
    cases.append(await incident(city, [shared]))  # as nobody can who only writes: an import may
    files = "SELECT id FROM wangge.file WHERE id = ANY($1::uuid[])"
    await city.records.erase(scope, "urban_management.incident", cases[0], "到期")
    assert [row[0] for row in await city.pool.fetch(files, [own, shared])] == [shared]
    await city.records.erase(scope, "urban_management.incident", cases[1], "到期")
    assert await city.pool.fetch(files, [own, shared]) == []
    stubs = await city.pool.fetch("SELECT case_no, description FROM casework.case WHERE id = ANY($1::uuid[])", cases)
    assert [(r["case_no"], r["description"]) for r in stubs] == [(None, "")] * 2


async def incident(city: City, photos: list[UUID]) -> UUID:
    """An incident with photos of its place before."""
    wire = {
        "area": city.areas["north_1"].id, "kind": "EVENT", "category": "E-01-02", "duty": "6", "source": "STAFF",
        "description": "占道经营", "location": {"lon": 106.7, "lat": 26.6}, "state": "CLOSED_SELF",
        "closedAt": "2099-01-01T00:00:00+08:00", "photosBefore": [{"role": "near", "file": each} for each in photos],
    }  # fmt: skip
    scope = city.scope("city")
    await give(city, scope, photos)
    made = await city.records.create(scope, "urban_management.incident", [wire])
    assert made.errors == (), made.errors
    return made.ids[0]
