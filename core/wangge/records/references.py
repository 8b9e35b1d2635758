"""What an input points to: rows that the caller may see, codes that are valid today in the row's district."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from ..model import names
from ..model.durations import SHANGHAI
from ..model.types import Field, Model
from ..policy.kept import Lru
from ..policy.scope import Scope
from ..sql.ast import Statement
from ..sql.catalog import Catalog
from ..sql.compile import compile_visible

KEPT_STATEMENTS = 2_000

FILE = "wangge.file"
CODES = (
    "SELECT code, parent, valid_from, valid_to, district AS of_district, hidden FROM wangge.code_value "
    "WHERE table_name = $1 AND removed_at IS NULL"
)
KEPT_SECONDS = 1.0
Path = tuple[str | int, ...]


POINTING = frozenset(("ref", "file", "signature", "refs", "files", "photos"))
CODED = frozenset(("code", "codes"))


def holding(fields: Mapping[str, Field], kinds: frozenset[str]) -> dict[str, Field]:
    """The fields of these kinds, and lists whose parts have one."""
    return {n: f for n, f in fields.items() if f.kind in kinds or any(part.kind in kinds for part in f.fields)}


def pointed(
    fields: Mapping[str, Field], values: Mapping[str, Any], at: Path = ()
) -> Iterator[tuple[Path, Field, UUID]]:
    """(path, field, id) of every reference and file of `fields` in the values, those in parts included."""
    for name, field in fields.items():
        value = values.get(name)
        if value is None:
            continue
        if field.kind in ("ref", "file", "signature"):
            yield (*at, name), field, value["id"] if isinstance(value, Mapping) else value
        elif field.kind in ("refs", "files", "photos"):
            for n, item in enumerate(value):
                found = item.get("file", item.get("id")) if isinstance(item, Mapping) else item
                yield (*at, name, n), field, found
        elif field.kind == "list":
            inner = {part.id: part for part in field.fields}
            for n, part in enumerate(value):
                yield from pointed(inner, part, (*at, name, n))


def coded(fields: Mapping[str, Field], values: Mapping[str, Any], at: Path = ()) -> Iterator[tuple[Path, Field, str]]:
    """(path, field, code) of every code of `fields` in the values, those in parts included."""
    for name, field in fields.items():
        value = values.get(name)
        if value is None:
            continue
        if field.kind == "code":
            yield (*at, name), field, value
        elif field.kind == "codes":
            for n, item in enumerate(value):
                yield (*at, name, n), field, item
        elif field.kind == "list":
            inner = {part.id: part for part in field.fields}
            for n, part in enumerate(value):
                yield from coded(inner, part, (*at, name, n))


class References:
    """Checks references under the caller's rights; statements are kept per shape."""

    def __init__(self, model: Model, catalog: Catalog) -> None:
        self._model = model
        self._catalog = catalog
        self._statements = Lru(KEPT_STATEMENTS)

    def targets(self, to: tuple[str, ...]) -> tuple[str, ...]:
        """The entities that a reference or file field may point to, installed ones only."""
        return tuple(t for t in (to or (FILE,)) if t in self._model.entities)

    async def unseen(
        self, reader: Any, scope: Scope | None, found: Iterable[tuple[Path, Field, UUID]]
    ) -> set[tuple[tuple[str, ...], UUID]]:
        """The (`to` of the field, id) of references to what is missing or hidden from the caller: one answer for both."""
        pairs = {(field.to, row) for _, field, row in found}
        wanted: dict[str, set[UUID]] = {}
        for to, row in pairs:
            for target in self.targets(to):
                wanted.setdefault(target, set()).add(row)
        seen = {target: await self.visible(reader, scope, target, ids) for target, ids in wanted.items()}
        return {(to, row) for to, row in pairs if not any(row in seen[target] for target in self.targets(to))}

    async def visible(self, reader: Any, scope: Scope | None, entity: str, ids: set[UUID]) -> set[UUID]:
        """Those of `ids` that the caller may see under `get`; without a Scope those that exist."""
        if scope is None:
            return ids - await self.missing(reader, entity, ids)
        key = (scope.shape.key, entity)
        statement: Statement | None = self._statements.find(key)
        if statement is None:
            statement = compile_visible(self._catalog, scope.shape, entity)
            self._statements.keep(key, statement)
        return {row[0] for row in await reader.fetch(statement.sql, *statement.bind(scope, [sorted(ids)]))}

    async def missing(self, reader: Any, entity: str, ids: set[UUID]) -> set[UUID]:
        """Those of `ids` that no row has, or only a removed one."""
        table = names.table(self._model.entities[entity])
        sql = (
            "SELECT i.id FROM unnest($1::uuid[]) i(id) WHERE NOT EXISTS "
            f"(SELECT 1 FROM {table} t WHERE t.id = i.id AND t.removed_at IS NULL)"
        )
        return {row["id"] for row in await reader.fetch(sql, list(ids))}


class Codes:
    """Code tables as stored, kept for a second: (table) -> code -> rows of the city and of districts."""

    def __init__(self) -> None:
        self._tables: dict[str, tuple[float, dict[str, list[Mapping[str, Any]]]]] = {}

    async def table(self, reader: Any, name: str, clock: float) -> dict[str, list[Mapping[str, Any]]]:
        """The values of a table by code."""
        kept = self._tables.get(name)
        if kept is not None and clock - kept[0] < KEPT_SECONDS:
            return kept[1]
        found: dict[str, list[Mapping[str, Any]]] = {}
        for row in await reader.fetch(CODES, name):
            found.setdefault(row["code"], []).append(row)
        self._tables[name] = (clock, found)
        return found

    def parents(self, name: str) -> Mapping[str, str]:
        """code -> parent of a table that was read."""
        kept = self._tables.get(name)
        return {code: rows[0]["parent"] or "" for code, rows in kept[1].items()} if kept else {}


def is_valid(rows: list[Mapping[str, Any]] | None, district: UUID | None, now: dt.datetime) -> bool:
    """Whether a code may be entered today in a district: a city row, unless hidden there, or a row of the district's own."""
    today = now.astimezone(SHANGHAI).date()
    own = [row for row in rows or () if row["of_district"] is not None and row["of_district"] == district]
    city = [row for row in rows or () if row["of_district"] is None]
    if any(row["hidden"] for row in own):
        return False
    return any(
        not row["hidden"]
        and (row["valid_from"] is None or row["valid_from"] <= today)
        and (row["valid_to"] is None or today <= row["valid_to"])
        for row in own or city
    )
