"""A dump of the database holds no sealed value in clear, wherever it may have been copied to (SECURITY.md, MODEL.md 2)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from uuid import UUID

import pytest

from tests.city import *  # noqa: F403 # fixtures
from wangge.app import load
from wangge.crypto import Keys, load_keys
from wangge.model import names
from wangge.model.sealed import use_of
from wangge.model.types import Field, Model
from wangge.modules.discover import discover
from wangge.settings import Settings
from wangge.store.embedded import EmbeddedPostgres
from wangge.store.pool import Pool

SHORTEST = 8
"""characters from which a value names somebody: a shorter text stands in the dump by chance."""


@pytest.fixture(scope="module")
def model(city_template: str) -> Model:
    """The model of the city."""
    return load(discover())


def sealed(model: Model) -> Iterator[tuple[str, str, str, str, str]]:
    """(entity, path, table, column of the row's id, column) of every sealed field."""
    for entity in model.entities.values():
        for field in entity.fields:
            if field.sealed:
                yield entity.name, field.id, names.table(entity), "id", _enc(field)
            for part in (each for each in field.fields if each.sealed and field.kind == "list"):
                yield entity.name, f"{field.id}.{part.id}", names.side_table(entity, field), "row_id", _enc(part)


def _enc(field: Field) -> str:
    return names.quote(f"{names.column(field)}_enc")


async def values(pool: Pool, model: Model, keys: Keys) -> dict[str, set[str]]:
    """Entity and path -> the values in clear."""
    found: dict[str, set[str]] = {}
    for entity, path, table, row_id, column in sealed(model):
        rows = await pool.fetch(f"SELECT {row_id} AS row, {column} AS enc FROM {table} WHERE {column} IS NOT NULL")
        opened = {_opened(keys, entity, path, bytes(row["enc"]), row["row"]) for row in rows}
        found[f"{entity}.{path}"] = {value for value in opened if len(value) >= SHORTEST}
    return found


def _opened(keys: Keys, entity: str, path: str, stored: bytes, row: UUID) -> str:
    return keys.open(use_of(entity, path), stored, row.bytes).decode()


def dump(postgres: EmbeddedPostgres, database: str) -> str:
    """What `pg_dump` writes of a database."""
    program, *options = postgres.psql(database, "admin")
    command = [program.removesuffix("psql") + "pg_dump", *(each for each in options if each != "-X")]
    done = subprocess.run(command, capture_output=True, text=True, env={"PATH": os.defpath}, check=True)
    return done.stdout


async def test_a_dump_holds_no_sealed_value_in_clear(
    city_settings: Settings, city_owner: Pool, model: Model, postgres: EmbeddedPostgres
) -> None:
    text = dump(postgres, await city_owner.fetchval("SELECT current_database()"))
    known = await values(city_owner, model, load_keys(city_settings.home))
    assert "COPY base.person (" in text
    assert len(known["base.person.idNumber"]) > 100
    assert len(known["base.person.phones.number"]) > 100
    shown = {name: sum(value in text for value in found) for name, found in known.items()}
    assert shown == dict.fromkeys(known, 0)
