"""What an installation brings as rows: the `seed/<entity>.csv` of every module, stored by key and never overwritten."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from .identity.trees import stable_id
from .model.names import table
from .model.types import Field, Model
from .modules.discover import first_party_folder
from .modules.hooks import order_of
from .records.records import Records
from .values import Actor

SYSTEM = Actor("system", "installation", reason="seed rows of the modules")


class SeedRows(msgspec.Struct, frozen=True):
    """The rows of one file: field id -> wire value, `id` made from the key."""

    entity: str
    rows: list[dict[str, Any]]


def seeds_of(model: Model) -> Iterator[SeedRows]:
    """All seed files, in the order of requirements."""
    for module in order_of(model):
        folder = Path(model.modules[module].folder) if model.modules[module].folder else first_party_folder() / module
        for file in sorted((folder / "seed").glob("*.csv")):
            entity = file.stem if "." in file.stem else f"{module}.{file.stem}"
            if entity in model.entities:
                yield SeedRows(entity, list(_rows(model, entity, file)))


async def missing(pool: Any, model: Model) -> list[SeedRows]:
    """The seed rows that the database does not have; one that was changed or removed there counts as had."""
    found = []
    for seed in seeds_of(model):
        sql = f"SELECT id::text FROM {table(model.entities[seed.entity])} WHERE id = ANY($1::uuid[])"
        there = {row["id"] for row in await pool.fetch(sql, [row["id"] for row in seed.rows])}
        left = [row for row in seed.rows if row["id"] not in there]
        if left:
            found.append(SeedRows(seed.entity, left))
    return found


async def store_missing(records: Records, pool: Any, model: Model) -> int:
    """Store the seed rows that are missing; how many. Raises BatchRejected for a row that its entity refuses."""
    stored = 0
    for seed in await missing(pool, model):
        stored += await records.load(seed.entity, [seed.rows], SYSTEM, "seed", resume=True)
    return stored


def _rows(model: Model, entity: str, file: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file, whole numbers as numbers."""
    fields = {field.name: field for field in model.fields_of(entity).values()}
    key = [_present_name(fields, name) for name in model.entities[entity].unique[0].fields]
    with open(file, encoding="utf-8", newline="") as opened:
        for row in csv.DictReader(opened):
            made: dict[str, Any] = {"id": str(stable_id(entity, "|".join(row[name] for name in key)))}
            for name, text in row.items():
                if text:
                    made[fields[name].id] = int(text) if fields[name].kind == "integer" else text
            yield made


def _present_name(fields: Mapping[str, Field], field_id: str) -> str:
    """The name under which a file has a field."""
    return next((name for name, field in fields.items() if field.id == field_id), field_id)
