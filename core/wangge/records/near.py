"""The rows that a load made last: what follows them may refer to them while they are still being stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from ..model.types import Model
from .draft import Draft
from .placing import Place

KEPT = 40_000
"""rows of each of the two generations that are kept: more than lie between a row and what refers to it in a load by places."""


class Near:
    """The places of the latest rows of one load, by entity; older ones are asked of the database."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._older: dict[str, dict[UUID, Place]] = {}
        self._newer: dict[str, dict[UUID, Place]] = {}
        self._count = 0

    def add(self, drafts: Iterable[Draft]) -> None:
        """Rows that are about to be stored, after those that were added before."""
        if self._count >= KEPT:
            self._older, self._newer, self._count = self._newer, {}, 0
        for draft in drafts:
            for level in self._model.chain(draft.entity):
                self._newer.setdefault(level.name, {})[draft.id] = draft.place
            self._count += 1

    def missing(self, entity: str, ids: Iterable[UUID]) -> set[UUID]:
        """Those of `ids` that are not among the latest rows of an entity."""
        newer, older = self._newer.get(entity, {}), self._older.get(entity, {})
        return {row for row in ids if row not in newer and row not in older}

    def places(self, entity: str, ids: Iterable[UUID]) -> Mapping[UUID, Place]:
        """The places of those of `ids` that are among the latest rows of an entity."""
        newer, older = self._newer.get(entity, {}), self._older.get(entity, {})
        found = ((row, newer.get(row) or older.get(row)) for row in ids)
        return {row: place for row, place in found if place is not None}
