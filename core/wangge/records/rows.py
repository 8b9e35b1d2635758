"""Whole rows out of the database as values by field id, for hooks, checks and revisions; who may ask is decided elsewhere."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import msgspec

from ..crypto import Keys
from ..model import names
from ..model.specs import SEARCH, spelt_columns
from ..model.types import Model
from .columns import SIDE_KINDS, Put, decode, encoder, is_stored
from .inputs import defaults_of
from .sealing import Sealer
from .statements import Tables, tables_of

EXACT = msgspec.json.Decoder(float_hook=decimal.Decimal)
IMPLICIT = {"area": "area_id", "district": "district_id", "unit": "unit_id"}


class Rows:
    """Reads and assembles rows of one model; layouts and sealers are made once per entity."""

    def __init__(self, model: Model, keys: Keys) -> None:
        self._model = model
        self._keys = keys
        self._tables: dict[str, Tables] = {}
        self._sealers: dict[str, Sealer] = {}
        self._blank: dict[str, Mapping[str, tuple[()] | None]] = {}
        self._encoders: dict[str, dict[str, Put]] = {}
        self._defaults: dict[str, tuple[tuple[str, Any], ...]] = {}

    def tables(self, entity: str) -> Tables:
        """Where the entity's values stand."""
        found = self._tables.get(entity)
        if found is None:
            found = self._tables[entity] = tables_of(self._model, entity)
        return found

    def sealer(self, entity: str) -> Sealer:
        """What seals the entity's fields."""
        found = self._sealers.get(entity)
        if found is None:
            owners = {field.id: field.owner or entity for field in self._model.fields_of(entity).values()}
            found = self._sealers[entity] = Sealer(self._keys, entity, owners)
        return found

    def encoders(self, entity: str) -> dict[str, Put]:
        """Field id (of parts `<list>.<part>`) -> what puts its values into records."""
        found = self._encoders.get(entity)
        if found is None:
            sealer = self.sealer(entity)
            found = {}
            for field in self.tables(entity).fields.values():
                if field.kind not in SIDE_KINDS and is_stored(field):
                    found[field.id] = encoder(field, sealer)
                for part in field.fields:
                    found[f"{field.id}.{part.id}"] = encoder(part, sealer, f"{field.id}.")
            self._encoders[entity] = found
        return found

    def derived(self, entity: str) -> frozenset[str]:
        """The columns that say again what others say: grams, and how texts are read."""
        fields = self.tables(entity).fields.values()
        return frozenset((SEARCH, *(name for field in fields for name in spelt_columns(field))))

    def defaults(self, entity: str) -> tuple[tuple[str, Any], ...]:
        """(field id, value or NOW) of the fields with a default."""
        found = self._defaults.get(entity)
        if found is None:
            found = self._defaults[entity] = defaults_of(self.tables(entity).fields.values())
        return found

    def whole(self, entity: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row with every stored field: those without a value hold None, lists nothing, as `assemble` gives them."""
        found = self._blank.get(entity)
        if found is None:
            stored = [field for field in self.tables(entity).fields.values() if is_stored(field)]
            found = self._blank[entity] = {f.id: () if f.kind in SIDE_KINDS else None for f in stored}
        return {**{name: [] if value == () else None for name, value in found.items()}, **row}

    def assemble(
        self, entity: str, stored: Mapping[str, Any], sheets: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The values of a row from its columns (as PostgreSQL's JSON) and the records of its part and link tables."""
        row = UUID(str(stored["id"]))
        sealer = self.sealer(entity)
        values: dict[str, Any] = {"id": row, "revision": stored.get("revision")}
        for name, column in (("createdAt", "created_at"), ("updatedAt", "updated_at"), ("removedAt", "removed_at")):
            text = stored.get(column)
            values[name] = dt.datetime.fromisoformat(text) if text else None
        for name, column in IMPLICIT.items():
            if column in stored:
                values[name] = UUID(stored[column]) if stored[column] else None
        for field in self.tables(entity).fields.values():
            if not is_stored(field):
                continue
            if field.kind in SIDE_KINDS:
                records = (sheets or {}).get(field.id) or []
                values[field.id] = self._side(entity, field.id, records, row)
            else:
                values[field.id] = decode(field, stored, sealer, row)
        return values

    def _side(self, entity: str, field_id: str, records: list[dict[str, Any]], row: UUID) -> list[Any]:
        """Parts as mappings, links as ids, photos as `{role, file}`."""
        field = self.tables(entity).fields[field_id]
        if field.kind == "photos":
            return [{"role": r.get("role"), "file": UUID(r["target_id"])} for r in records]
        if field.kind != "list":
            return [UUID(r["target_id"]) for r in records]
        sealer = self.sealer(entity)
        parts = [part for part in field.fields if is_stored(part)]
        return [{part.id: decode(part, r, sealer, row, f"{field.id}.") for part in parts} for r in records]

    async def sheets(self, reader: Any, entity: str, ids: Iterable[UUID]) -> dict[UUID, dict[str, Any]]:
        """The part and link records of rows, by field id; {} for an entity without any."""
        tables = self.tables(entity)
        if not tables.sheets:
            return {}
        pairs = ", ".join(
            f"'{s.field.id}', (SELECT json_agg(to_json(s.*) ORDER BY s.ord) FROM {s.table} s WHERE s.row_id = i.id)"
            for s in tables.sheets
        )
        sql = f"SELECT i.id, json_build_object({pairs}) FROM unnest($1::uuid[]) i(id)"
        return {row[0]: EXACT.decode(row[1]) for row in await reader.fetch(sql, list(ids))}

    async def load(self, reader: Any, entity: str, ids: Iterable[UUID]) -> dict[UUID, dict[str, Any]]:
        """Rows that are not removed, by id."""
        tables = self.tables(entity)
        aliases = [f"t{n}" for n in range(len(tables.chain))]
        joins = "".join(
            f" JOIN {names.table(level)} t{n} ON t{n}.id = t0.id" for n, level in enumerate(tables.chain) if n > 0
        )
        merged = " || ".join(f"to_jsonb({alias}.*)" for alias in reversed(aliases))
        sql = (
            f"SELECT ({merged})::json FROM {names.table(tables.chain[0])} t0{joins} "
            "WHERE t0.id = ANY($1::uuid[]) AND t0.removed_at IS NULL"
        )
        wanted = list(ids)
        side = await self.sheets(reader, entity, wanted)
        found = [EXACT.decode(row[0]) for row in await reader.fetch(sql, wanted)]
        rows = [self.assemble(entity, stored, side.get(UUID(stored["id"]))) for stored in found]
        return {row["id"]: row for row in rows}

    async def children(
        self, reader: Any, entity: str, field_id: str, row: UUID
    ) -> dict[str, dict[UUID, dict[str, Any]]]:
        """The rows behind a children field that are not removed, by entity."""
        field = self.tables(entity).fields[field_id]
        found = {}
        for target in field.to:
            tables = self.tables(target)
            inverse = tables.fields[field.inverse or ""]
            table = names.table(tables.chain[tables.level(inverse)])
            sql = f"SELECT id FROM {table} WHERE {names.quote(names.column(inverse))} = $1"
            found[target] = await self.load(reader, target, [r[0] for r in await reader.fetch(sql, row)])
        return found
