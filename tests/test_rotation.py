"""The key of seals is renewed while a city is served: every value is sealed anew, wherever the command is killed."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import random
import sys
from asyncio.subprocess import PIPE
from collections import Counter
from typing import Any
from uuid import UUID

import msgspec
import pytest

from tests.apps.rotation import Task
from tests.city import *  # noqa: F403 # fixtures
from tests.city import City, eventually
from wangge.app import load
from wangge.crypto import Keys, SealBroken, load_keys
from wangge.keys import renew_seals
from wangge.model.identifiers import check_of_id_number
from wangge.model.types import Model
from wangge.modules.discover import discover
from wangge.records.resealing import counts, places
from wangge.store.pool import Pool

KILLS = 3
GRID, CLERK = "nanming-grid-1", "nanming-station"
CREATE = "mutation($i: CreatePersonInput!) { createPerson(input: $i) { node { id revision } errors { path code } } }"
UPDATE = """mutation($id: ID!, $p: UpdatePersonInput!) { updatePerson(id: $id, patch: $p) { node { id revision }
    errors { path code } } }"""


@pytest.fixture(scope="module")
def model(city_template: str) -> Model:
    """The model of the city."""
    return load(discover())


async def opened(pool: Pool, model: Model, keys: Keys) -> str:
    """The MD5 over every sealed value in clear, with its place and row."""
    lines = []
    for place in places(model):
        aad = place.aad or "NULL::uuid"
        rows = await pool.fetch(
            f"SELECT {place.id} AS id, {aad} AS aad, {place.column} AS value FROM {place.table} "
            f"WHERE {place.column} IS NOT NULL AND {place.where} ORDER BY 1"
        )
        for row in rows:
            plain = keys.open(place.use, bytes(row["value"]), row["aad"].bytes if row["aad"] else b"")
            lines.append(f"{place.name} {row['id']} {plain.hex()}")
    assert len(lines) > 500
    return hashlib.md5("\n".join(lines).encode(), usedforsecurity=False).hexdigest()


async def by_generation(pool: Pool, model: Model) -> Counter[int]:
    """How many values each generation of the key sealed."""
    total: Counter[int] = Counter()
    for numbers in (await counts(pool, model)).values():
        total.update(numbers)
    return total


async def person(city: City, document: str, phone: str) -> str:
    """A new person of the grid, by HTTP."""
    area = (await city.data(GRID, "{ me { posts { area { id } } } }"))["me"]["posts"][0]["area"]["id"]
    given = {"name": "测试轮换", "area": area, "idNumber": document, "phones": [{"number": phone}]}
    made = (await city.data(GRID, CREATE, {"i": given}))["createPerson"]
    assert made["errors"] == []
    return str(made["node"]["id"])


async def rotate(city: City, *options: str) -> tuple[int, str, str]:
    """Run the command in a process of its own; status, output, errors."""
    where = f"host={city.database.host}&port={city.database.port}"
    environment = {
        **os.environ,
        "WANGGE_HOME": str(city.settings.home),
        "WANGGE_DATABASE_URL": f"postgresql://wangge_app@/{city.database.name}?{where}",
        "WANGGE_KEY_FILE": str(city.settings.home / "keys" / "wangge.key"),
        "WANGGE_S3_URL": "http://a:b@127.0.0.1:9/c",
    }
    command = [sys.executable, "-m", "wangge", "keys", *options]
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=PIPE, stderr=PIPE)
    output, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


async def kill_after(city: City, pool: Pool, model: Model, number: int, newest: int) -> None:
    """Begin to seal anew, and kill -9 once the newest key sealed `number` values."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.apps.rotation", stdin=PIPE, stdout=PIPE)
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(Task(city.database, str(city.settings.home))))
    process.stdin.close()

    async def reached() -> bool:
        return (await by_generation(pool, model))[newest] >= number

    await eventually(reached, 60)
    process.kill()
    await process.wait()


async def with_secrets(city: City, owner: Pool, keys: Keys) -> str:
    """A person with a sealed revision, and an authenticator: what is sealed besides columns; the person's id."""
    row = await person(city, number(5001), "13900000001")
    for nationality in ("CHN", "FRA"):
        changed = await city.data(GRID, UPDATE, {"id": row, "p": {"nationality": nationality}})
        assert changed["updatePerson"]["errors"] == []
    account = await owner.fetchval("SELECT id FROM wangge.account WHERE login = $1", GRID)
    sealed = keys.seal("totp", b"SECRET", account.bytes)
    await owner.execute(
        "INSERT INTO wangge.secret (owner_id, kind, value) VALUES ($1, 'totp_draft', $2)", account, sealed
    )
    return row


async def revisions(owner: Pool, keys: Keys, row: str) -> list[Any]:
    """The changes that the sealed revisions of a row hold, opened by the row's key."""
    stored = await owner.fetchval("SELECT key FROM wangge.row_key WHERE row_id = $1", UUID(row))
    key = keys.open("row_key", bytes(stored))
    found = await owner.fetch("SELECT sealed FROM wangge.revision WHERE row_id = $1 ORDER BY revision", UUID(row))
    return [msgspec.json.decode(Keys(key, key).open("revision", bytes(r["sealed"]), UUID(row).bytes)) for r in found]


async def test_a_rotation_that_is_killed_anywhere_is_continued(city: City, city_owner: Pool, model: Model) -> None:
    keys = load_keys(city.settings.home)
    row = await with_secrets(city, city_owner, keys)
    before, kept = await opened(city_owner, model, keys), await revisions(city_owner, keys, row)
    total = sum((await by_generation(city_owner, model)).values())
    renew_seals(city.settings)
    for number in sorted(random.Random(7).sample(range(1, total), KILLS)):
        await kill_after(city, city_owner, model, number, 2)
    assert (await by_generation(city_owner, model))[1] > 0
    status, output, errors = await rotate(city, "rotate")
    assert (status, errors) == (0, "")
    assert output.splitlines()[0] == "going on with key 2"
    assert await by_generation(city_owner, model) == {2: total}
    keys = load_keys(city.settings.home)
    assert await opened(city_owner, model, keys) == before
    assert await revisions(city_owner, keys, row) == kept
    assert kept == [{"nationality": {"from": "CHN", "to": "FRA"}}]


async def test_the_key_is_renewed_under_writes_and_every_process_learns_of_it(
    city: City, city_owner: Pool, model: Model
) -> None:
    newest, ended = load_keys(city.settings.home).generation + 1, asyncio.Event()
    written: dict[str, str] = {}

    async def write() -> None:
        n = 0
        while not ended.is_set():
            n += 1
            phone = f"1381000{n:04}"
            written[await person(city, number(n), phone)] = phone

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write())
        await eventually(lambda: _later(bool(written)))
        status, output, errors = await rotate(city, "rotate")
        ended.set()
    assert (status, errors) == (0, "")
    assert output.splitlines()[0] == f"key {newest} is made"
    assert set(await by_generation(city_owner, model)) == {newest}
    last = await person(city, number(5002), "13800000000")
    written[last] = "13800000000"
    assert set(await by_generation(city_owner, model)) == {newest}
    keys = load_keys(city.settings.home)
    rows = await city_owner.fetch(
        "SELECT row_id, number_enc FROM base.person_phones WHERE row_id = ANY($1::uuid[])",
        [UUID(row) for row in written],
    )
    plain = {
        str(r["row_id"]): keys.open(
            "field:base.person.phones.number", bytes(r["number_enc"]), r["row_id"].bytes
        ).decode()
        for r in rows
    }
    assert plain == written
    shown = await city.ask(
        GRID,
        f'{{ person(id: "{last}") {{ idNumber(reveal: true) }} }}',
        None,
        **{"wangge-purpose": "population_register"},
    )
    assert shown["data"]["person"] == {"idNumber": number(5002)}
    entries = await city_owner.fetch(
        "SELECT action, reason FROM wangge.ledger_entry WHERE actor_name = 'keys' ORDER BY at DESC LIMIT 2"
    )
    assert [tuple(entry) for entry in entries] == [("keys_rotated", f"key {newest}"), ("rotate_keys", f"key {newest}")]


async def _later(value: bool) -> bool:
    return value


def number(n: int) -> str:
    """The n-th id number of these tests."""
    digits = f"5201021906{n // 800 % 12 + 1:02}12{n % 800 + 100:03}"
    return digits + check_of_id_number(digits)


async def test_status_counts_what_each_key_sealed(city: City, city_owner: Pool, model: Model) -> None:
    newest = load_keys(city.settings.home).generation
    total = (await by_generation(city_owner, model)).total()
    status, output, _ = await rotate(city, "status")
    lines = output.splitlines()
    assert (status, lines[-1]) == (0, f"key {newest} seals; 0 values are sealed by older ones")
    persons = await city_owner.fetchval("SELECT count(*) FROM base.person WHERE id_number_enc IS NOT NULL")
    assert f"{'base.person.idNumber':<50} key {newest}: {persons:,}" in lines
    status, output, _ = await rotate(city, "rotate", "--no-new-key")
    assert (status, output) == (0, f"key {newest} seals everything already: nothing to do\n")
    assert total == (await by_generation(city_owner, model))[newest]


async def test_keys_between_the_first_and_the_present_one_are_retired_once_nothing_names_them(
    city: City, city_owner: Pool, model: Model
) -> None:
    before = load_keys(city.settings.home).generation
    assert before >= 2
    assert (await rotate(city, "rotate"))[0] == 0
    text = await opened(city_owner, model, load_keys(city.settings.home))
    old = Keys(*raw_keys(city, before))
    row = await city_owner.fetchrow("SELECT id, id_number_enc FROM base.person WHERE id_number_enc IS NOT NULL LIMIT 1")
    assert row is not None
    plain = load_keys(city.settings.home).open(
        "field:base.person.idNumber", bytes(row["id_number_enc"]), row["id"].bytes
    )
    put = "UPDATE base.person SET id_number_enc = $2 WHERE id = $1"
    await city_owner.execute(put, row["id"], old.seal("field:base.person.idNumber", plain, row["id"].bytes))
    status, output, errors = await rotate(city, "retire", "--yes")
    assert (status, output) == (1, "")
    assert "base.person.idNumber 1" in errors
    await city_owner.execute(put, row["id"], bytes(row["id_number_enc"]))
    status, output, errors = await rotate(city, "retire")
    assert (status, errors, "keep a copy" in output) == (0, "", True)
    assert load_keys(city.settings.home).kept == tuple(range(1, before + 2))
    status, output, errors = await rotate(city, "retire", "--yes")
    assert (status, errors) == (0, "")
    keys = load_keys(city.settings.home)
    assert keys.kept == (1, before + 1)
    assert await opened(city_owner, model, keys) == text
    with pytest.raises(SealBroken, match="retired"):
        keys.open("x", old.seal("x", b"y"))
    last = await person(city, number(5003), "13800000001")
    assert set(await by_generation(city_owner, model)) == {before + 1}
    renew_seals(city.settings)
    assert (await rotate(city, "rotate"))[0] == 0  # a served process that knew the retired key takes the next one
    assert (await city.data(GRID, UPDATE, {"id": last, "p": {"nationality": "FRA"}}))["updatePerson"]["errors"] == []
    entry = "SELECT reason FROM wangge.ledger_entry WHERE action = 'retire_keys'"
    assert [row["reason"] for row in await city_owner.fetch(entry)] == [
        f"keys {', '.join(map(str, range(2, before + 1)))}"
    ]


def raw_keys(city: City, generation: int) -> tuple[bytes, bytes, list[bytes]]:
    """The keys of a file up to a generation."""
    stored = json.loads((city.settings.home / "keys" / "wangge.key").read_text())
    master, signing, *seals = (base64.b64decode(k) for k in (stored["master"], stored["signing"], *stored["seal"]))
    return master, signing, seals[: generation - 1]
