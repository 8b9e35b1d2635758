"""Count what a change of rules gives to and takes from each role, and choose witnesses that the reader may see anyway."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from ..model import names
from ..policy.difference import Asked, Comparison, Line, Pair, differing
from ..policy.scope import EntityShape, Level, Scope
from ..policy.world import World
from ..sql.catalog import Catalog
from ..sql.compile import compile_guard
from ..sql.levels import Sight, compile_changes
from .loading import load_facts

HOLDERS = """SELECT id, account, district_id FROM wangge.post WHERE role = $1 AND removed_at IS NULL
AND valid_from <= now() AND (valid_to IS NULL OR valid_to > now()) ORDER BY id LIMIT $2"""
MOST_HOLDERS = 60
"""real posts of a role that are looked at where its rules speak of the actor."""
WITNESSES = 3
SHOWABLE = frozenset(
    "text integer decimal money boolean date time month duration datetime enum code number url".split()
)
"""kinds whose stored value is what is shown."""


class Witness(msgspec.Struct, frozen=True):
    """A row that changes, with cells that the reader may see already."""

    id: UUID
    cells: dict[str, Any]


class Differences:
    """Compares over the rows of one database; `connection` is anything that fetches."""

    def __init__(self, connection: Any, catalog: Catalog) -> None:
        self._connection = connection
        self._catalog = catalog

    async def lines(self, before: World, after: World) -> list[Line]:
        """Every change of level, by role, entity, action, field, purpose and levels."""
        comparison = Comparison(before, after)
        found: list[Line] = []
        for role in comparison.touched():
            nominal = comparison.nominal(role)
            for entity in comparison.entities():
                pairs = [*nominal, *(await self._holders(comparison, role, entity))]
                for asked in comparison.asked(role, entity, pairs):
                    found += await self._count(asked, differing(pairs, entity, asked.action))
        return found

    async def _holders(self, comparison: Comparison, role: str, entity: str) -> list[Pair]:
        """The real posts of a role, where it matters who holds them."""
        if not comparison.personal(role, entity):
            return []
        pairs = []
        for post in await self._connection.fetch(HOLDERS, role, MOST_HOLDERS):
            facts = await load_facts(self._connection, post["account"], only_posts=frozenset((post["id"],)))
            if facts is not None and facts.posts:
                pairs.append(comparison.pair(facts, post["district_id"]))
        return pairs

    async def _count(self, asked: Asked, pairs: Sequence[Pair]) -> list[Line]:
        """One statement."""
        sights = [Sight(p.before, p.after, p.district, p.rest) for p in pairs]
        made = compile_changes(self._catalog, sights, asked.entity, asked.action, asked.fields, asked.purpose)
        scopes = [scope for p in pairs for scope in (p.before, p.after)]
        return [
            Line(
                role=asked.role,
                entity=asked.entity,
                action=asked.action,
                field=asked.fields[row["n"] - 1],
                purpose=asked.purpose,
                was=Level(row["was"]),
                now=Level(row["now"]),
                rows=row["rows"],
                districts=row["districts"],
                ids=tuple(row["ids"]),
            )
            for row in await self._connection.fetch(made.sql, *made.bind(scopes, []))
        ]

    async def witnesses(self, reader: Scope, line: Line) -> list[Witness]:
        """Rows of a line that the reader may get, with the open fields that are clear to the reader; often none."""
        grants = (reader.shape.entity(line.entity) or EntityShape({})).grants("get")
        if not grants:
            return []
        guard = compile_guard(self._catalog, reader.shape, line.entity, "get")
        found: list[Witness] = []
        for record in await self._connection.fetch(guard.sql, *guard.bind(reader, [list(line.ids)])):
            row = msgspec.json.decode(record[0])
            if row["row"]["removed_at"] is None and len(found) < WITNESSES:
                shown = {name for n in row["grants"] for name, level in grants[n].fields if level is Level.CLEAR}
                found.append(Witness(UUID(row["id"]), self._cells(line.entity, shown, row["row"])))
        return found

    def _cells(self, entity: str, shown: set[str], row: dict[str, Any]) -> dict[str, Any]:
        """The plain values of fields that are neither personal nor sealed."""
        return {
            field.name: row[names.column(field)]
            for field in self._catalog.model.fields_of(entity).values()
            if field.id in shown and field.kind in SHOWABLE and not field.sealed and field.expression is None
            if field.sensitivity in ("public", "internal") and row.get(names.column(field)) is not None
        }
