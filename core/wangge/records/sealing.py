"""Sealed columns: the ciphertext, the keyed hash for exact search and unique keys, the stored mask (MODEL.md 2)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ..crypto import Keys
from ..model import names
from ..model.types import Field
from ..sql.catalog import Hash

DEFAULT_MASKS = {"id_number": (2, 1), "phone": (3, 4)}
"""kind -> characters shown at the beginning and at the end."""
HIDDEN = "***"


def use_of(entity: str, path: str) -> str:
    """The use of a derived key: `field:base.person.phones.number`."""
    return f"field:{entity}.{path}"


def hash_of(keys: Keys) -> Hash:
    """The function that the SQL compiler hashes operands with: (entity, field path, value) -> stored hash."""
    return lambda entity, path, value: keys.keyed_hash(use_of(entity, path), str(value).encode())


def mask(field: Field, value: str) -> str:
    """What a masked reader sees: `52***************9`, `138****1234`, `z***@example.cn`."""
    if field.kind == "email" and field.mask is None:
        name, _, domain = value.partition("@")
        return f"{name[:1]}{HIDDEN}@{domain}"
    first, last = DEFAULT_MASKS.get(field.kind, (0, 0))
    if field.mask is not None:
        first, last = field.mask.first, field.mask.last
    if not first and not last:
        return HIDDEN
    middle = len(value) - first - last
    return value[:first] + "*" * middle + value[len(value) - last :] if middle > 0 else HIDDEN


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
            f"{stem}_mask": mask(field, text),
        }

    def open(self, field: Field, stored: str | None, row: UUID, prefix: str = "") -> str | None:
        """The plain value of a stored ciphertext (hex text)."""
        if stored is None:
            return None
        return self._keys.open(self.use(prefix + field.id), bytes.fromhex(stored[2:]), row.bytes).decode()
