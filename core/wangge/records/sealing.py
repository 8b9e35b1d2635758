"""Sealed columns: the ciphertext, the keyed hash for exact search and unique keys, the stored mask (MODEL.md 2)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ..crypto import Keys
from ..model import names
from ..model.sealed import masked, use_of
from ..model.types import Field
from ..sql.catalog import Hash


def hash_of(keys: Keys) -> Hash:
    """The function that the SQL compiler hashes operands with: (entity, field path, value) -> stored hash."""
    return lambda entity, path, value: keys.keyed_hash(use_of(entity, path), str(value).encode())


class Sealer:
    """Seals and opens the fields of one entity; `owners` maps a field id to the entity whose table holds it."""

    def __init__(self, keys: Keys, entity: str, owners: dict[str, str]) -> None:
        self._keys = keys
        self._entity = entity
        self._owners = owners
        self._uses: dict[str, str] = {}

    def use(self, path: str) -> str:
        """The use of the key of a field path."""
        found = self._uses.get(path)
        if found is None:
            owner = self._owners.get(path.partition(".")[0]) or self._entity
            found = self._uses[path] = use_of(owner, path)
        return found

    def seal(self, field: Field, value: Any, row: UUID, prefix: str = "") -> dict[str, Any]:
        """The three columns of a sealed value; bytes as PostgreSQL's hex text."""
        use, stem = self.use(prefix + field.id), names.column(field)
        text = str(value)
        plain = text.encode()
        return {
            f"{stem}_enc": "\\x" + self._keys.seal(use, plain, row.bytes).hex(),
            f"{stem}_hash": "\\x" + self._keys.keyed_hash(use, plain).hex(),
            f"{stem}_mask": masked(field, text),
        }

    def open(self, field: Field, stored: str | None, row: UUID, prefix: str = "") -> str | None:
        """The plain value of a stored ciphertext (hex text)."""
        if stored is None:
            return None
        return self._keys.open(self.use(prefix + field.id), bytes.fromhex(stored[2:]), row.bytes).decode()
