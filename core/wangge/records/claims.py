"""Unique keys that an index cannot hold: sealed values, and keys whose holder the writer may not see (MODEL.md 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from ..crypto import Keys
from ..model.types import Field, Model, Unique
from .columns import json_text

HOLDERS = (
    "SELECT key_hash, row_id FROM wangge.claim WHERE key_hash = ANY($1::bytea[]) AND NOT contested "
    "AND valid = '(,)'::tstzrange"
)
CONTESTED = "SELECT key_hash, row_id FROM wangge.claim WHERE key_hash = ANY($1::bytea[]) AND contested"
GIVE_UP = (
    "DELETE FROM wangge.claim c USING unnest($1::uuid[], $2::bytea[]) g(row_id, key_hash) "
    "WHERE c.row_id = g.row_id AND c.key_hash = g.key_hash AND c.valid = '(,)'::tstzrange"
)
MOVE_UP = (
    "UPDATE wangge.claim c SET contested = FALSE FROM (SELECT DISTINCT ON (key_hash) key_hash, row_id FROM wangge.claim w "
    "WHERE w.key_hash = ANY($1::bytea[]) AND w.contested AND NOT EXISTS (SELECT 1 FROM wangge.claim h "
    "WHERE h.key_hash = w.key_hash AND NOT h.contested) ORDER BY key_hash, row_id) n "
    "WHERE c.key_hash = n.key_hash AND c.row_id = n.row_id AND c.contested"
)
CANDIDATE = (
    "INSERT INTO wangge.duplicate_candidate (id, revision, created_at, updated_at, area_id, area_ord, district_id, "
    'entity, first, second, "constraint", state) '
    "SELECT uuidv7(), 1, now(), now(), x.area, x.ord, x.district, $1, x.first, x.second, x.name, 'OPEN' FROM "
    "unnest($2::uuid[], $3::integer[], $4::uuid[], $5::text[], $6::text[], $7::text[]) "
    "x(area, ord, district, first, second, name) WHERE x.first IS NOT NULL"
)


class Claim(msgspec.Struct, frozen=True):
    """One key of one row."""

    name: str
    unique: Unique
    key_hash: bytes


class Claims:
    """Works out the claims of rows; one per model."""

    def __init__(self, model: Model, keys: Keys) -> None:
        self._model = model
        self._keys = keys
        self._kept: dict[str, tuple[tuple[str, Unique], ...]] = {}

    def uniques(self, entity: str) -> tuple[tuple[str, Unique], ...]:
        """(name of the constraint, key) of the keys that claims hold; the others are unique indexes."""
        found = self._kept.get(entity)
        if found is None:
            found = self._kept[entity] = tuple(
                (f"{level.name}:{','.join(unique.fields)}", unique)
                for level in self._model.chain(entity)
                for unique in level.unique
                if is_claimed(unique, self._model.fields_of(entity))
            )
        return found

    def of(self, entity: str, values: Mapping[str, Any]) -> list[Claim]:
        """The claims of a row; a key with a missing value claims nothing."""
        claims = []
        for name, unique in self.uniques(entity):
            key = [values.get(field) for field in unique.fields]
            if None not in key:
                made = self._keys.keyed_hash(f"unique:{name}", json_text(key))
                claims.append(Claim(name, unique, made))
        return claims

    def is_sealed(self, entity: str, unique: Unique) -> bool:
        """Whether a key holds a sealed value, of which a refusal says that somebody has it."""
        fields = self._model.fields_of(entity)
        return any(fields[name].sealed for name in unique.fields if name in fields)

    async def holders(self, reader: Any, claims: list[Claim]) -> dict[bytes, UUID]:
        """Key -> the row that holds it."""
        if not claims:
            return {}
        found = await reader.fetch(HOLDERS, [claim.key_hash for claim in claims])
        return {bytes(row["key_hash"]): row["row_id"] for row in found}

    async def contested(self, reader: Any, claims: list[Claim]) -> dict[bytes, set[UUID]]:
        """Key -> the rows that would hold it if nobody did."""
        rows: dict[bytes, set[UUID]] = {}
        if claims:
            for row in await reader.fetch(CONTESTED, [claim.key_hash for claim in claims]):
                rows.setdefault(bytes(row["key_hash"]), set()).add(row["row_id"])
        return rows

    async def give_up(self, connection: Any, pairs: Sequence[tuple[UUID, bytes]]) -> None:
        """Rows hold these keys no longer: of those that contested one, the oldest holds it now."""
        if pairs:
            await connection.execute(GIVE_UP, [row for row, _ in pairs], [key for _, key in pairs])
            await connection.execute(MOVE_UP, sorted({key for _, key in pairs}))


def is_claimed(unique: Unique, fields: Mapping[str, Field]) -> bool:
    """Whether a key is held by claims instead of a unique index."""
    return unique.on_hidden == "review" or any(fields[f].sealed for f in unique.fields if f in fields)
