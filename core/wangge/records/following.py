"""Rows that follow others: children take their parent's area, rows with `scope: through` the areas of their links.

Called after a row was written, in the same transaction; every row whose areas changed becomes an event `areas`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import msgspec

from ..model import names
from ..model.names import quote
from ..model.pinyin import spelt
from ..model.specs import sort_column
from ..model.types import Entity, Field, Model

HOME = "home"
"""`via` of the area of a row without a link: the one that created it, or its last."""


class Link(msgspec.Struct, frozen=True):
    """Rows of `entity` are links of `upper` (scope through `children`), which they name in `ref`."""

    upper: Entity
    children: str
    entity: Entity
    ref: Field
    main: Field | None
    """the computed reference of `upper` that names the main link."""


class Following:
    """Who follows whom, by model; the statements are made once."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._links = [link for entity in model.entities.values() for link in self._links_of(entity)]
        self._parents: dict[str, list[tuple[Entity, Field]]] = {}
        for entity in model.entities.values():
            scope = entity.scope
            if scope.kind == "parent" and entity.kind_of is None:
                field = model.fields_of(entity.name)[scope.fields[0]]
                for target in field.to:
                    self._parents.setdefault(target, []).append((entity, field))
        self._sql: dict[str, str] = {}

    def _links_of(self, entity: Entity) -> Iterable[Link]:
        """The link entities of a `through` entity."""
        if entity.scope.kind != "through":
            return
        fields = self._model.fields_of(entity.name)
        for name in entity.scope.fields:
            children = fields[name]
            for target in children.to:
                link = self._model.entities[target]
                ref = self._model.fields_of(target)[children.inverse or ""]
                mains = [f for f in fields.values() if f.kind == "ref" and f.computed and f.to == (target,)]
                yield Link(entity, name, link, ref, mains[0] if mains else None)

    def links(self, entity: str) -> list[Link]:
        """The `through` entities that rows of this entity link."""
        return [link for link in self._links if link.entity.name == entity]

    def through(self, entity: str) -> list[Link]:
        """The links of a `through` entity."""
        return [link for link in self._links if link.upper.name == entity]

    def via(self, entity: str, values: Mapping[str, Any]) -> str | None:
        """The relation of a new row's home area when the row already names its main link, as rows of bulk loads may."""
        named = (
            link for link in self.through(entity) if link.main is not None and values.get(link.main.id) is not None
        )
        return next((link.children for link in named), None)

    async def moved(self, connection: Any, entity: str, ids: Iterable[UUID]) -> None:
        """Rows of `entity` may lie elsewhere now: move what has them as parent, and what they link."""
        rows = list(ids)
        if not rows:
            return
        for level in self._model.chain(entity):
            for child, field in self._parents.get(level.name, ()):
                moved = await connection.fetch(self._cascade(level.name, child, field), rows)
                await self._move(connection, child, [row["id"] for row in moved])
        for link in self.links(entity):
            sql = (
                f"SELECT DISTINCT {quote(names.column(link.ref))} FROM {names.table(link.entity)} "
                f"WHERE id = ANY($1::uuid[]) AND {quote(names.column(link.ref))} IS NOT NULL"
            )
            await self.relink(connection, link.upper.name, [row[0] for row in await connection.fetch(sql, rows)])

    async def _move(self, connection: Any, entity: Entity, rows: list[UUID]) -> None:
        """The area columns of the kinds of moved rows follow, and then what follows them."""
        below = list(self._model.kinds_of(entity.name))
        while below:
            kind = below.pop()
            below += self._model.kinds_of(kind)
            await connection.execute(
                f"UPDATE {names.table(self._model.entities[kind])} k SET area_id = t.area_id, area_ord = t.area_ord, "
                f"district_id = t.district_id FROM {names.table(entity)} t WHERE t.id = k.id AND t.id = ANY($1::uuid[])",
                rows,
            )
            await self.moved(connection, kind, rows)
        if not self._model.kinds_of(entity.name):
            await self.moved(connection, entity.name, rows)

    async def relink(self, connection: Any, entity: str, ids: Iterable[UUID]) -> None:
        """Work out the areas of `through` rows again from their links."""
        rows = sorted(set(ids))
        if not rows:
            return
        sql = self._sql.get(entity)
        if sql is None:
            sql = self._sql[entity] = self._relink(self.through(entity))
        table = names.table(self._model.entities[entity])
        lock = f"SELECT id FROM {table} WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE"
        await connection.execute(lock, rows)
        await connection.execute(self._homes(self.through(entity)), rows)
        await connection.execute(sql, rows)
        if entity in self._parents:
            await self.moved(connection, entity, rows)

    def _cascade(self, entity: str, child: Entity, field: Field) -> str:
        """Children of moved rows take their areas; returns the ids of those that moved."""
        parent, column = names.table(self._model.entities[entity]), quote(names.column(field))
        name = "u.entity" if self._model.kinds_of(child.name) else f"'{child.name}'"
        concrete = ", c.entity" if self._model.kinds_of(child.name) else ""
        return (
            f"WITH old AS (SELECT c.id, c.area_id, c.area_ord, c.district_id, p.area_id AS new_id, p.area_ord AS new_ord, "
            f"p.district_id AS new_district FROM {names.table(child)} c JOIN {parent} p ON p.id = c.{column} "
            "WHERE p.id = ANY($1::uuid[]) AND (c.area_id, c.area_ord, c.district_id) IS DISTINCT FROM "
            "(p.area_id, p.area_ord, p.district_id) ORDER BY c.id FOR NO KEY UPDATE OF c), "
            f"u AS (UPDATE {names.table(child)} c SET area_id = old.new_id, area_ord = old.new_ord, "
            f"district_id = old.new_district FROM old WHERE c.id = old.id RETURNING c.id, c.revision{concrete}), "
            "e AS (INSERT INTO wangge.outbox (id, kind, entity, row_id, revision, area_id, area_ord, district_id, before) "
            f"SELECT uuidv7(), 'areas', {name}, u.id, u.revision, old.area_id, old.area_ord, old.district_id, "
            "jsonb_build_object('area_id', old.area_id, 'area_ord', old.area_ord, 'district_id', old.district_id) "
            "FROM u JOIN old USING (id)) SELECT id FROM u ORDER BY id"
        )

    def _linked(self, links: list[Link]) -> str:
        """The links of the rows in $1 with their areas, which one is main, whether it is in force, since when."""
        parts = []
        for link in links:
            fields = self._model.fields_of(link.entity.name)
            main = (
                f"coalesce(e.{quote('main')}, FALSE)"
                if "main" in fields and fields["main"].kind == "boolean"
                else "FALSE"
            )
            dates = {
                n: names.quote(names.column(fields[n])) for n in ("validFrom", "validTo") if is_date(fields.get(n))
            }
            live = f"coalesce(e.{dates['validTo']} >= current_date, TRUE)" if "validTo" in dates else "TRUE"
            since = f"e.{dates['validFrom']}" if "validFrom" in dates else "NULL::date"
            ref = quote(names.column(link.ref))
            parts.append(
                f"SELECT e.{ref} AS row_id, e.id, e.area_id, e.area_ord, e.district_id, '{link.children}'::text AS via, "
                f"{main} AS main, {live} AS live, {since} AS since FROM {names.table(link.entity)} e "
                f"WHERE e.{ref} = ANY($1::uuid[]) AND e.removed_at IS NULL AND e.area_id IS NOT NULL"
            )
        return " UNION ALL ".join(parts)

    def _homes(self, links: list[Link]) -> str:
        """The main link of each row in $1 gives it its home area; a row without links keeps the one that it has.

        A link that has ended comes last; of two main ones the later begun counts, which is where somebody moved to.
        """
        upper = names.table(links[0].upper)
        mains = [link for link in links if link.main is not None]
        sets, alike, table = "", "", ""
        for link in mains:
            assert link.main is not None
            column = quote(names.column(link.main))
            sets += f", {column} = CASE WHEN h.via = '{link.children}' THEN h.id END"
            alike += f" OR t.{column} IS DISTINCT FROM CASE WHEN h.via = '{link.children}' THEN h.id END"
            table += f", {column} = NULL"
        return (
            f"WITH l AS ({self._linked(links)}), "
            "h AS (SELECT DISTINCT ON (row_id) * FROM l "
            "ORDER BY row_id, live DESC, main DESC, CASE WHEN main THEN since END DESC NULLS LAST, id), "
            + (
                f"n AS (UPDATE {upper} t SET {table[2:]} WHERE t.id = ANY($1::uuid[]) "
                "AND NOT EXISTS (SELECT 1 FROM l WHERE l.row_id = t.id)) "
                if mains
                else "n AS (SELECT 1) "
            )
            + f"UPDATE {upper} t SET area_id = h.area_id, area_ord = h.area_ord, district_id = h.district_id{sets} "
            f"FROM h WHERE t.id = h.row_id AND (t.area_id IS DISTINCT FROM h.area_id{alike})"
        )

    def _relink(self, links: list[Link]) -> str:
        """Make the area table of the rows in $1 what their links say; one event per row that changed."""
        upper, table = links[0].upper, names.area_table(links[0].upper)
        sort = sort_sql(self._model, upper)
        return (
            f"WITH l AS ({self._linked(links)}), "
            "w AS (SELECT DISTINCT row_id, area_id, area_ord, district_id, via FROM l UNION ALL "
            f"SELECT t.id, t.area_id, t.area_ord, t.district_id, '{HOME}' FROM {names.table(upper)} t "
            "WHERE t.id = ANY($1::uuid[]) AND t.area_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM l WHERE l.row_id = t.id)), "
            f"gone AS (DELETE FROM {table} a WHERE a.row_id = ANY($1::uuid[]) AND NOT EXISTS (SELECT 1 FROM w WHERE "
            "w.row_id = a.row_id AND w.area_id = a.area_id AND w.area_ord = a.area_ord AND w.via = a.via "
            "AND w.district_id IS NOT DISTINCT FROM a.district_id) RETURNING a.row_id, a.area_id, a.area_ord, a.district_id), "
            f"come AS (INSERT INTO {table} (row_id, area_id, area_ord, district_id, via, sort) "
            f"SELECT w.row_id, w.area_id, w.area_ord, w.district_id, w.via, {sort} FROM w "
            f"JOIN {names.table(upper)} t ON t.id = w.row_id WHERE NOT EXISTS (SELECT 1 FROM {table} a WHERE "
            "a.row_id = w.row_id AND a.area_id = w.area_id AND a.area_ord = w.area_ord AND a.via = w.via "
            "AND w.district_id IS NOT DISTINCT FROM a.district_id) RETURNING row_id) "
            "INSERT INTO wangge.outbox (id, kind, entity, row_id, revision, area_id, area_ord, district_id, before) "
            f"SELECT uuidv7(), 'areas', '{upper.name}', t.id, t.revision, g.area_id, g.area_ord, g.district_id, "
            "jsonb_build_object('_areas', (SELECT coalesce(jsonb_agg(jsonb_build_object('area_id', a.area_id, 'area_ord', "
            "a.area_ord, 'district_id', a.district_id, 'via', a.via)), '[]'::jsonb) "
            f"FROM {table} a WHERE a.row_id = t.id)) "
            f"FROM {names.table(upper)} t LEFT JOIN LATERAL (SELECT * FROM gone WHERE gone.row_id = t.id LIMIT 1) g ON TRUE "
            "WHERE t.id = ANY($1::uuid[]) AND (g.row_id IS NOT NULL OR EXISTS (SELECT 1 FROM come WHERE come.row_id = t.id))"
        )


def is_date(field: Field | None) -> bool:
    """Whether a field is there and one column holds it as a date."""
    return field is not None and field.kind == "date"


def sort_field(model: Model, entity: Entity) -> Field | None:
    """The field whose ordering key `sort` of the area table copies: the first of the default ordering, when it is a plain text."""
    if not entity.order:
        return None
    field = model.fields_of(entity.name).get(entity.order[0][0])
    texts = ("text", "code", "enum", "number", "month", "url", "credit_code")
    return field if field is not None and field.kind in texts and not field.sealed else None


def sort_value(field: Field, values: Mapping[str, Any]) -> str | None:
    """`sort` of a row with these values."""
    value: str | None = values.get(field.id)
    return spelt(value).sort if field.pinyin and value is not None else value


def sort_sql(model: Model, entity: Entity) -> str:
    """`sort` of a row `t`, as SQL."""
    field = sort_field(model, entity)
    return f"t.{quote(sort_column(field))}" if field else "NULL::text"
