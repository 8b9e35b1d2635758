"""Plans over the values of filled columns: a text is sealed with its revisions, masks are made anew, keys are claimed."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.apps.sealing import PLAIN, SEALED, Task
from tests.city import eventually
from tests.store.shapes import entity, field, insert, model, row_id

from wangge.crypto import Keys, load_keys
from wangge.errors import PlanError
from wangge.model.sealed import use_of
from wangge.model.types import Entity, Field, Mask, Model, Unique
from wangge.store.apply import apply_model, plan_model
from wangge.store.catalog import drift
from wangge.store.database import Database
from wangge.store.embedded import EmbeddedPostgres

USE = use_of("shop.place", "it")
REVISION = """INSERT INTO wangge.revision (row_id, revision, entity, kind, actor_kind, actor_name, fields, changes)
VALUES ($1, $2, 'shop.place', 'update', 'account', 'x', '{it}', $3)"""
EVENT = """INSERT INTO wangge.outbox (id, kind, entity, row_id, revision, before)
VALUES (uuidv7(), 'update', 'shop.place', $1, 2, $2)"""


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """Keys of this test's own."""
    return load_keys(tmp_path)


async def steps(bare: Database, owner: Any, wanted: Model, keys: Keys) -> list[str]:
    """Apply, and check that the catalogue is what the model says and that a second plan is empty; the steps that ran."""
    applied = await apply_model(bare, wanted, keys=lambda: keys)
    assert await drift(owner, wanted) == []
    assert await plan_model(bare, wanted) == ()
    return [one.name for one in applied.steps]


async def opened(owner: Any, keys: Keys, table: str = "shop.place", row: str = "id", use: str = USE) -> list[str]:
    """The values of the column `it` by id."""
    found = await owner.fetch(f"SELECT {row} AS row, it_enc FROM {table} WHERE it_enc IS NOT NULL ORDER BY id")
    return [keys.open(use, r["it_enc"], r["row"].bytes).decode() for r in found]


def dump(postgres: EmbeddedPostgres, database: str) -> str:
    """What `pg_dump` writes of a database."""
    program, *options = postgres.psql(database, "admin")
    command = [program.removesuffix("psql") + "pg_dump", *(each for each in options if each != "-X")]
    return subprocess.run(command, capture_output=True, text=True, env={"PATH": os.defpath}, check=True).stdout


def on_disk(postgres: EmbeddedPostgres, database: str, text: str) -> list[str]:
    """The files of a database, its indexes and catalogues among them, that hold a text."""
    number = postgres.sql(f"CHECKPOINT; SELECT oid FROM pg_database WHERE datname = '{database}'").strip()
    folder = postgres.place.folder / "postgres" / "base" / number
    return [file.name for file in sorted(folder.iterdir()) if text.encode() in file.read_bytes()]


async def filled(bare: Database, owner: Any, of: Entity, *rows: Mapping[str, Any]) -> None:
    """A database with these rows."""
    await apply_model(bare, model(of))
    await insert(owner, of, *map(dict, rows))


async def test_sealing_a_filled_column_seals_its_rows_revisions_and_events(
    bare: Database, owner: Any, keys: Keys, postgres: EmbeddedPostgres
) -> None:
    place = entity("shop.place", field("it"), field("other"))
    await filled(bare, owner, place, {"it": "clear-0001", "other": "b"}, {"it": None}, {"it": "clear-0002"})
    await owner.execute(REVISION, row_id(1), 2, {"it": {"from": "clear-0003", "to": "clear-0001"}})
    await owner.execute(REVISION, row_id(1), 3, {"other": {"from": None, "to": "b"}})
    await owner.execute(EVENT, row_id(1), {"it": "clear-0003", "other": "a"})
    await owner.execute("UPDATE shop.place SET it = 'clear-0004' WHERE id = $1", row_id(3))  # leaves a dead row
    await owner.execute("ANALYZE shop.place")
    assert on_disk(postgres, bare.name, "clear-0") != []
    sealed = entity("shop.place", field("it", sealed=True, mask=Mask(first=2)), field("other"))
    assert (await plan_model(bare, model(sealed)))[0].step.label.en == "Seal shop.place.it, its revisions and events"
    ran = await steps(bare, owner, model(sealed), keys)
    assert ran[0] == "seal shop.place.it"
    assert await opened(owner, keys) == ["clear-0001", "clear-0004"]
    row = await owner.fetchrow("SELECT * FROM shop.place WHERE id = $1", row_id(1))
    assert (row["it_mask"], row["it_hash"], row["other"]) == ("cl********", keys.keyed_hash(USE, b"clear-0001"), "b")
    assert "it" not in row
    key = keys.open("row_key", await owner.fetchval("SELECT key FROM wangge.row_key WHERE row_id = $1", row_id(1)))
    kept = await owner.fetch("SELECT changes, sealed FROM wangge.revision ORDER BY revision")
    changes = Keys(key, key).open("revision", kept[0]["sealed"], row_id(1).bytes)
    assert (kept[0]["changes"], msgspec.json.decode(changes)) == (
        None,
        {"it": {"from": "clear-0003", "to": "clear-0001"}},
    )
    assert (kept[1]["changes"], kept[1]["sealed"]) == ({"other": {"from": None, "to": "b"}}, None)
    assert await owner.fetchval("SELECT before FROM wangge.outbox") == {"other": "a"}
    assert "clear-0" not in dump(postgres, bare.name)
    assert on_disk(postgres, bare.name, "clear-0") == []


async def test_a_part_is_sealed_under_the_id_of_its_row(bare: Database, owner: Any, keys: Keys) -> None:
    def of(part: Field) -> Entity:
        return entity("shop.place", field("lines", "list", fields=(part,)))

    await filled(bare, owner, of(field("it")), {})
    await owner.execute(
        "INSERT INTO shop.place_lines (row_id, ord, it) VALUES ($1, 0, 'one'), ($1, 1, 'two')", row_id(1)
    )
    assert (await steps(bare, owner, model(of(field("it", sealed=True))), keys))[0] == "seal shop.place.lines.it"
    found = await opened(owner, keys, "shop.place_lines", "row_id", use_of("shop.place", "lines.it"))
    assert sorted(found) == ["one", "two"]


async def test_a_unique_key_of_a_column_that_is_sealed_is_held_by_claims(
    bare: Database, owner: Any, keys: Keys
) -> None:
    of = entity("shop.place", field("it"), field("kind"), unique=(Unique(("kind", "it")),))
    await filled(bare, owner, of, {"it": "1", "kind": "a"}, {"it": "1", "kind": "b"}, {"it": None, "kind": "a"})
    key = Unique(("kind", "it"), "review")
    ran = await steps(
        bare, owner, model(entity("shop.place", field("it", sealed=True), field("kind"), unique=(key,))), keys
    )
    assert "add_unique shop.place.kind,it" in ran
    held = await owner.fetch("SELECT constraint_name, key_hash, row_id, contested FROM wangge.claim ORDER BY row_id")
    name = "shop.place:kind,it"
    assert [tuple(claim) for claim in held] == [
        (name, keys.keyed_hash(f"unique:{name}", msgspec.json.encode([kind, "1"])), row_id(n), False)
        for n, kind in ((1, "a"), (2, "b"))
    ]


async def test_rows_that_are_not_unique_refuse_the_claims_of_a_column_that_is_sealed(
    bare: Database, owner: Any, keys: Keys
) -> None:
    await filled(bare, owner, entity("shop.place", field("it")), {"it": "1"}, {"it": "1"}, {"it": "2"})
    wanted = model(entity("shop.place", field("it", sealed=True), unique=(Unique(("it",), "review"),)))
    with pytest.raises(PlanError) as caught:
        await apply_model(bare, wanted, keys=lambda: keys)
    assert (caught.value.code, caught.value.facts["steps"][0]["count"]) == ("plan.contradicted", 2)
    assert [row["it"] for row in await owner.fetch("SELECT it FROM shop.place ORDER BY id")] == ["1", "1", "2"]


async def test_another_mask_is_shown_by_the_plan_and_made_for_every_row(bare: Database, owner: Any, keys: Keys) -> None:
    wide = entity("shop.place", field("it", "id_number", sealed=True, mask=Mask(first=2, last=1)))
    await apply_model(bare, model(wide))
    number = "520102190512319913"
    sealed = keys.seal(USE, number.encode(), row_id(1).bytes)
    await insert(owner, wide, {"it_enc": sealed, "it_hash": b"1", "it_mask": "52***************3"}, {})
    narrow = entity("shop.place", field("it", "id_number", sealed=True, mask=Mask(first=2)))
    with pytest.raises(PlanError, match="needs the keys of the deployment") as caught:
        await apply_model(bare, model(narrow))
    assert caught.value.code == "plan.needs_keys"
    assert await steps(bare, owner, model(narrow), keys) == ["remask shop.place.it"]
    masks = [row["it_mask"] for row in await owner.fetch("SELECT it_mask FROM shop.place ORDER BY id")]
    assert masks == ["52****************", None]


async def test_an_apply_that_is_killed_while_it_seals_has_done_nothing_and_the_next_one_seals_all(
    bare: Database, owner: Any, keys: Keys, tmp_path: Path
) -> None:
    await apply_model(bare, PLAIN)
    await owner.execute(
        "INSERT INTO shop.place (it) SELECT 'value ' || n || repeat('.', 50) FROM generate_series(1, 30000) n"
    )
    plain = await values(owner)
    for seen in (1, 5, 9):
        await kill_in_the_middle(bare, owner, tmp_path, seen)
        assert await values(owner) == plain
        assert (await plan_model(bare, SEALED))[0].step.name == "seal shop.place.it"
    assert (await steps(bare, owner, SEALED, keys))[0] == "seal shop.place.it"
    assert md5(await opened(owner, keys)) == plain


async def values(owner: Any) -> str:
    """The MD5 over the plain values by id."""
    return md5([row["it"] for row in await owner.fetch("SELECT it FROM shop.place ORDER BY id")])


def md5(lines: list[str]) -> str:
    """The MD5 over lines."""
    return hashlib.md5("\n".join(lines).encode(), usedforsecurity=False).hexdigest()


HELD = 7_000_001
"""an advisory lock of this test."""


async def kill_in_the_middle(bare: Database, owner: Any, home: Path, seen: int) -> None:
    """Begin to seal, and kill -9 while the row after so many batches is being written: a trigger holds it there."""
    row = await owner.fetchval("SELECT id FROM shop.place ORDER BY id OFFSET $1 LIMIT 1", seen * 1_000)
    await owner.execute(
        f"CREATE OR REPLACE FUNCTION shop.hold() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN PERFORM pg_advisory_xact_lock({HELD}); RETURN NEW; END $$"
    )
    await owner.execute(
        f"CREATE TRIGGER hold BEFORE UPDATE ON shop.place FOR EACH ROW WHEN (OLD.id = '{row}') EXECUTE FUNCTION shop.hold()"
    )
    await owner.execute(f"SELECT pg_advisory_lock({HELD})")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.apps.sealing", stdin=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(Task(bare, str(home))))
    process.stdin.close()

    async def reached() -> bool:
        waits = "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = $1 AND NOT granted)"
        return bool(await owner.fetchval(waits, HELD))

    await eventually(reached, 60)
    process.kill()
    await process.wait()
    await owner.execute(f"SELECT pg_advisory_unlock({HELD})")
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()"

    async def gone() -> bool:
        return bool(await owner.fetchval(others, bare.name) == 0)

    await eventually(gone, 60)
    await owner.execute("DROP FUNCTION shop.hold() CASCADE")


async def test_tables_that_a_killed_apply_did_not_write_anew_are_written_by_the_next(
    bare: Database, owner: Any, keys: Keys
) -> None:
    await apply_model(bare, PLAIN)
    file = "SELECT pg_relation_filenode('shop.place')"
    before = await owner.fetchval(file)
    await owner.execute("INSERT INTO wangge.rewrite (table_name) VALUES ('\"shop\".\"place\"'), ('shop.gone')")
    assert [f.step.name for f in await plan_model(bare, PLAIN)] == ['rewrite "shop"."place"', "rewrite shop.gone"]
    assert await steps(bare, owner, PLAIN, keys) == []
    assert await owner.fetchval(file) != before
