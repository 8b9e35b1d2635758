"""Applying the real model: from nothing, again, twice at once, and after it was interrupted."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest
from tests.store.shapes import entity, field, insert, model, row_id

from wangge.errors import PlanError, Unavailable, WanggeError
from wangge.model.filter import Filter
from wangge.model.load import load_model
from wangge.model.types import Model, Unique
from wangge.modules.discover import core_folder, first_party_folder
from wangge.store.apply import apply_model, plan_model
from wangge.store.catalog import drift
from wangge.store.connection import connect
from wangge.store.database import Database, external
from wangge.store.embedded import EmbeddedPostgres
from wangge.store.index_builds import LARGE

PLACE = entity("shop.place", field("it"))


@pytest.fixture(scope="module")
def real() -> Model:
    """The model of the built-in module and the first-party ones."""
    folders = [path for path in sorted(first_party_folder().iterdir()) if (path / "module.yaml").is_file()]
    return load_model([core_folder(), *folders])


def changed_roles(real: Model, **changes: Any) -> Model:
    """The real model with another module `wangge`."""
    modules = {**real.modules, "wangge": msgspec.structs.replace(real.modules["wangge"], **changes)}
    return msgspec.structs.replace(real, modules=modules, version=f"{real.version}-{len(changes)}")


async def test_an_empty_database_becomes_what_the_model_says(bare: Database, owner: Any, real: Model) -> None:
    applied = await apply_model(bare, real)
    assert await drift(owner, real) == []
    assert applied.seeded["wangge.code_value"] == sum(len(t.codes) for t in real.tables.values())
    assert applied.seeded["wangge.rule"] == sum(len(m.rules) for m in real.modules.values())


async def test_a_second_apply_does_nothing(bare: Database, owner: Any, real: Model) -> None:
    await apply_model(bare, real)
    before = await owner.fetch("SELECT kind, value FROM wangge.change_counter ORDER BY kind")
    again = await apply_model(bare, real)
    assert (again.changed, await plan_model(bare, real)) == (False, ())
    assert await owner.fetch("SELECT kind, value FROM wangge.change_counter ORDER BY kind") == before
    assert await owner.fetchval("SELECT count(*) FROM wangge.model") == 1


async def test_two_applies_at_once_do_not_collide(bare: Database, owner: Any, real: Model) -> None:
    done = await asyncio.gather(*(apply_model(bare, real) for _ in range(3)))
    assert sorted(one.changed for one in done) == [False, False, True]
    assert await drift(owner, real) == []


async def test_an_interrupted_apply_leaves_nothing_and_the_next_one_does_all(
    bare: Database, owner: Any, real: Model
) -> None:
    class Interrupted(Exception):
        pass

    def stop(step: str) -> None:
        if step == "create_table base.person":
            raise Interrupted

    with pytest.raises(Interrupted):
        await apply_model(bare, real, progress=stop)
    assert await owner.fetchval("SELECT to_regclass('wangge.model')") is None
    await apply_model(bare, real)
    assert await drift(owner, real) == []


async def test_a_connection_that_is_killed_in_the_middle_leaves_nothing(
    bare: Database, owner: Any, real: Model
) -> None:
    began = asyncio.Event()
    task = asyncio.create_task(apply_model(bare, real, progress=lambda _: began.set()))
    await began.wait()
    await owner.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7146002"
    )
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, WanggeError, OSError)):
        await task
    assert await owner.fetchval("SELECT to_regclass('wangge.model')") is None
    await apply_model(bare, real)
    assert await drift(owner, real) == []


async def test_rules_are_stored_with_conditions_that_can_be_read_back(bare: Database, owner: Any, real: Model) -> None:
    await apply_model(bare, real)
    rows = await owner.fetch("SELECT role, entity, condition, origin FROM wangge.rule WHERE condition IS NOT NULL")
    stored = {
        (r["origin"], r["role"], r["entity"], msgspec.json.encode(msgspec.convert(r["condition"], Filter)))
        for r in rows
    }
    declared = {
        (f"module:{m.id}", r.role, r.entity, msgspec.json.encode(r.where))
        for m in real.modules.values()
        for r in m.rules
        if r.where is not None
    }
    assert declared
    assert stored == declared


async def test_a_rule_that_is_gone_from_the_files_is_removed_and_ends_the_scopes_of_its_role(
    bare: Database, owner: Any, real: Model
) -> None:
    await apply_model(bare, real)
    rules = real.modules["wangge"].rules
    last = await owner.fetchval("SELECT max(id) FROM wangge.change_log")
    applied = await apply_model(bare, changed_roles(real, rules=rules[1:]))
    assert {table: count for table, count in applied.seeded.items() if count} == {"wangge.rule": 1}
    gone = await owner.fetch("SELECT role, entity FROM wangge.rule WHERE removed_at IS NOT NULL")
    assert [tuple(row) for row in gone] == [(rules[0].role, rules[0].entity)]
    told = await owner.fetch("SELECT kind, subject FROM wangge.change_log WHERE id > $1", last)
    assert [tuple(row) for row in told] == [("rule", f"role:{rules[0].role}")]
    await apply_model(bare, real)
    assert await owner.fetchval("SELECT count(*) FROM wangge.rule WHERE removed_at IS NOT NULL") == 0


async def test_rules_of_a_district_and_codes_edited_online_are_left_alone(
    bare: Database, owner: Any, real: Model
) -> None:
    await apply_model(bare, real)
    await owner.execute(
        "INSERT INTO wangge.rule (role, entity, actions, effect, origin) "
        "VALUES ('member', 'base.room', '[]', 'ALLOW', 'district:1')"
    )
    await owner.execute("UPDATE wangge.code_value SET zh = '改' WHERE table_name = 'base.sex'")
    assert not (await apply_model(bare, real)).changed
    assert (
        await owner.fetchval("SELECT count(*) FROM wangge.rule WHERE origin = 'district:1' AND removed_at IS NULL") == 1
    )
    assert await owner.fetchval("SELECT bool_and(zh = '改') FROM wangge.code_value WHERE table_name = 'base.sex'")


async def test_a_module_whose_files_are_gone_is_missing_and_its_rules_hold_no_longer(
    bare: Database, owner: Any, real: Model
) -> None:
    await apply_model(bare, real)
    name = "urban_management"
    less = msgspec.structs.replace(
        real,
        version="less",
        modules={k: m for k, m in real.modules.items() if k != name},
        entities={k: e for k, e in real.entities.items() if e.module != name},
    )
    await apply_model(bare, less)
    assert not (await apply_model(bare, less)).changed
    states = await owner.fetch("SELECT code FROM wangge.module WHERE state = 'MISSING'")
    assert [row[0] for row in states] == [name]
    of_module = "SELECT count(*) FROM wangge.rule WHERE origin = 'module:urban_management' AND removed_at IS NULL"
    assert await owner.fetchval(of_module) == 0
    await apply_model(bare, real)
    assert await owner.fetchval(of_module) == len(real.modules[name].rules)
    assert await drift(owner, real) == []


async def test_the_role_that_serves_may_write_rows_and_not_history(bare: Database, real: Model) -> None:
    await apply_model(bare, real)
    app = await connect(bare, "app")
    try:
        await app.execute("INSERT INTO wangge.calendar_day (day, working) VALUES ('2026-10-10', TRUE)")
        await app.execute("DELETE FROM wangge.calendar_day")
        for forbidden in (
            "UPDATE wangge.ledger_entry SET action = 'x'",
            "DELETE FROM wangge.ledger_entry",
            "DELETE FROM wangge.revision",
            "DELETE FROM wangge.change_log",
            "UPDATE wangge.model SET version = 'x'",
            "INSERT INTO wangge.plan_consent VALUES ('a', 'b', uuidv7(), 'c', 'd')",
            "CREATE TABLE wangge.mine ()",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await app.execute(forbidden)
    finally:
        await app.close()


async def test_a_table_in_use_is_waited_for_and_its_readers_go_first(bare: Database, owner: Any) -> None:
    await apply_model(bare, model(PLACE))
    reader = await connect(bare, "app")
    transaction = reader.transaction()
    await transaction.start()
    await reader.fetch("SELECT * FROM shop.place")
    waited = asyncio.Event()
    task = asyncio.create_task(
        apply_model(
            bare,
            model(entity("shop.place", *PLACE.fields, field("more"))),
            progress=lambda t: waited.set() if "in use" in t else None,
        )
    )
    await waited.wait()
    await reader.fetch("SELECT * FROM shop.place")
    await transaction.rollback()
    await reader.close()
    assert [one.name for one in (await task).steps] == ["add_column shop.place.more"]


async def test_what_takes_columns_away_waits_for_the_workers_and_what_adds_does_not(bare: Database, owner: Any) -> None:
    await apply_model(bare, model(PLACE))
    worker = await connect(bare, "app")
    more = entity("shop.place", *PLACE.fields, field("more"))
    assert (await apply_model(bare, model(more), wait_for_workers=0)).changed
    less = model(entity("shop.place", field("more"), retired=("it",)))
    with pytest.raises(PlanError, match="1 connections still serve the old model"):
        await apply_model(bare, less, wait_for_workers=0)
    task = asyncio.create_task(apply_model(bare, less, wait_for_workers=30))
    await worker.close()
    assert [one.name for one in (await task).steps] == ["drop_column shop.place.it"]


async def grown(bare: Database, owner: Any) -> None:
    """shop.place with more rows than an index is built over in a transaction."""
    await apply_model(bare, model(PLACE))
    await owner.execute(f"INSERT INTO shop.place (it) SELECT 'x' || n FROM generate_series(0, {LARGE}) n")
    await owner.execute("ANALYZE shop.place")


async def test_an_index_of_a_large_table_that_was_left_half_built_is_built_again(bare: Database, owner: Any) -> None:
    await grown(bare, owner)
    wanted = model(entity("shop.place", *PLACE.fields, order=(("it", False),)))
    writer = await connect(bare, "app")
    transaction = writer.transaction()
    await transaction.start()
    await writer.execute("INSERT INTO shop.place (it) VALUES ('open')")
    task = asyncio.create_task(apply_model(bare, wanted))
    builder = (
        "SELECT pid FROM pg_stat_progress_create_index WHERE relid = 'shop.place'::regclass AND phase LIKE 'waiting%'"
    )
    while (pid := await owner.fetchval(builder)) is None:  # noqa: ASYNC110 - PostgreSQL tells nobody that it waits
        await asyncio.sleep(0)
    await owner.execute("SELECT pg_terminate_backend($1)", pid)
    with pytest.raises(Unavailable, match="run the command again when it is back"):
        await task
    await transaction.commit()
    await writer.close()
    assert any("is not valid" in sentence for sentence in await drift(owner, wanted))
    (left,) = await plan_model(bare, wanted)
    assert (left.step.kind, left.step.lock, "CONCURRENTLY" in left.step.sql[0]) == ("add_index", "none", True)
    assert len((await apply_model(bare, wanted)).indexes) == 1
    assert await drift(owner, wanted) == []


async def test_a_unique_key_of_a_large_table_with_duplicates_is_refused(bare: Database, owner: Any) -> None:
    await grown(bare, owner)
    await insert(owner, PLACE, {"it": "twin"}, {"it": "twin"})
    wanted = model(entity("shop.place", *PLACE.fields, unique=(Unique(("it",)),)))
    with pytest.raises(PlanError) as caught:
        await apply_model(bare, wanted)
    assert caught.value.facts["steps"] == [
        {"name": "add_unique shop.place.it", "count": 2, "ids": [str(row_id(1)), str(row_id(2))]}
    ]
    await owner.execute("DELETE FROM shop.place WHERE id = $1", row_id(2))
    await apply_model(bare, wanted)
    assert await drift(owner, wanted) == []


async def test_drift_names_what_somebody_changed_by_hand(bare: Database, owner: Any) -> None:
    wanted = model(entity("shop.place", field("it"), field("n", "integer", required=True), order=(("it", False),)))
    await apply_model(bare, wanted)
    await owner.execute(
        "ALTER TABLE shop.place DROP COLUMN it, ADD COLUMN stray text, ALTER n TYPE bigint, ALTER n DROP NOT NULL"
    )
    await owner.execute("CREATE TABLE shop.hidden (a integer)")
    found = [sentence for sentence in await drift(owner, wanted) if "index" not in sentence]
    assert found == [
        "shop.place.it: the column is missing",
        "shop.place.n: is bigint, should be integer",
        "shop.place.n: may be null, unlike its field",
        "shop.place.stray: no field has this column",
        "shop.hidden: no entity has this table",
    ]


async def test_the_stored_model_of_another_version_is_refused_with_a_sentence(bare: Database, owner: Any) -> None:
    await apply_model(bare, model(PLACE))
    await owner.execute("UPDATE wangge.model SET content = '{\"version\": 1}'")
    with pytest.raises(PlanError, match="cannot be read by this version"):
        await apply_model(bare, model(PLACE))


async def test_the_user_of_an_external_url_is_let_in(bare: Database, owner: Any, postgres: EmbeddedPostgres) -> None:
    postgres.sql(
        "CREATE ROLE city_server; GRANT wangge_app, wangge_sealer TO wangge_owner WITH ADMIN TRUE, INHERIT FALSE, SET FALSE"
    )
    at = f"@/{bare.name}?host={bare.host}"
    url = external(f"postgresql://city_server{at}", f"postgresql://wangge_owner{at}")
    try:
        for _ in range(2):
            await apply_model(url, model(PLACE))
        may = "SELECT has_table_privilege('city_server', 'shop.place', 'UPDATE')"
        assert await owner.fetchval(may)
    finally:
        postgres.sql("REVOKE wangge_app, wangge_sealer FROM wangge_owner CASCADE; DROP ROLE city_server")


async def test_a_role_of_ours_is_no_user_of_an_external_url(bare: Database) -> None:
    at = f"@/{bare.name}?host={bare.host}"
    url = external(f"postgresql://wangge_app{at}", f"postgresql://wangge_owner{at}")
    with pytest.raises(PlanError, match="is only one of the two that a server needs: make a user of its own"):
        await apply_model(url, model(PLACE))


async def test_an_owner_without_the_rights_is_told_which(bare: Database, postgres: EmbeddedPostgres) -> None:
    postgres.sql(f'ALTER DATABASE "{bare.name}" OWNER TO postgres')
    with pytest.raises(PlanError, match="needs the rights to create schemas and roles"):
        await apply_model(bare, model(PLACE))


def test_bootstrap_files_are_in_the_package() -> None:
    from wangge.store.bootstrap_files import bootstrap_files

    folder = Path(__file__).parents[2] / "core" / "wangge" / "store" / "bootstrap"
    assert list(bootstrap_files()) == sorted(path.name for path in folder.glob("*.sql"))
