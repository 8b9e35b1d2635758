"""What changed, as callers see it: events of the outbox, each with the row of this moment, or the fact that it is gone.

One statement serves many callers of one shape: their parameters are rows of `q`. For each caller and event it says whether the
row is there for the caller now and whether it was before the change (images.py). A row that is there is CREATED when it was not
before, else UPDATED, and comes as it is now. One that came and went several times is CREATED by the last change before which it
was not there; one that is not there now is told once, by the last change before which it was. Rights are those of the moment,
of images too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ..errors import Invalid
from ..model import names
from ..model.filter import TRUE as ALL
from ..model.filter import Filter
from ..policy.scope import Shape
from .ast import Noted, Selection, Value
from .catalog import Catalog
from .cells import found_node, text
from .conditions import condition
from .images import Image, Now, Watched, erased_here
from .rows import Build, all_of

EVENT = "position, sub, kind, entity, row_id, revision, created_at, id, area_id, area_ord, district_id, before"
PRESENT = "(SELECT p.value FROM wangge.position p WHERE p.epoch = $2::integer)"
CHANGED = """SELECT o.position, NULL::uuid AS sub, o.kind, o.entity, o.row_id, o.revision, o.created_at, o.id, o.area_id,
 o.area_ord, o.district_id, o.before FROM wangge.outbox o WHERE o.epoch = $2::integer AND o.position > $3::bigint
 AND o.position <= coalesce($5::bigint, {present}) AND o.kind <> 'batch' AND o.entity = ANY (ARRAY[{kinds}]) ORDER BY o.position LIMIT $6::bigint"""
LOADED = """SELECT o.position, t.id AS sub, 'create', o.entity, t.id AS row_id, 1, o.created_at, o.id, NULL::uuid, NULL::integer,
 NULL::uuid, NULL::jsonb FROM wangge.outbox o CROSS JOIN LATERAL (SELECT t.id FROM {table} t JOIN {top} u ON u.id = t.id
 WHERE t.id BETWEEN (o.before ->> 'first')::uuid AND (o.before ->> 'last')::uuid AND u.batch_id = o.batch_id
 AND (o.position > $3::bigint OR t.id > $4::uuid) ORDER BY t.id LIMIT $6::bigint) t WHERE o.epoch = $2::integer AND o.position >= $3::bigint
 AND (o.position > $3::bigint OR $4::uuid IS NOT NULL) AND o.position <= coalesce($5::bigint, {present}) AND o.kind = 'batch' AND o.entity = {kind}
 ORDER BY o.position, t.id LIMIT $6::bigint"""
STORED = """SELECT $3::bigint AS position, t.id AS sub, 'create', {kind}, t.id AS row_id, 1, NULL::timestamptz, NULL::uuid, NULL::uuid,
 NULL::integer, NULL::uuid, NULL::jsonb FROM q CROSS JOIN LATERAL (SELECT {alias}.id FROM {rows} WHERE {where}
 ORDER BY {alias}.id LIMIT $6::bigint) t"""
HEAD = """SELECT -1, e.position, e.sub, NULL::text, NULL::uuid, NULL::boolean, NULL::boolean, json_build_object('epoch', p.epoch,
 'value', p.value, 'oldest', (SELECT min(o.position) FROM wangge.outbox o WHERE o.epoch = p.epoch AND o.position IS NOT NULL),
 'count', (SELECT count(*) FROM ev), 'asked', json_build_array($2::integer, $4::uuid, $5::bigint)), NULL::bytea
 FROM (SELECT epoch, value FROM wangge.position ORDER BY epoch DESC LIMIT 1) p
 LEFT JOIN LATERAL (SELECT position, sub FROM ev ORDER BY _n DESC LIMIT 1) e ON TRUE"""


class Feed(msgspec.Struct, frozen=True):
    """One compiled statement. Its parameters: $1 the callers, $2 the epoch, then which events, in the order of (position, sub):

    $3 and $4 after which position and, inside a loaded batch or the stored rows, after which row; $5 up to which position, null
    for the present one; $6 how many events are looked at; $7 how many of them are answered, null for all.

    Each row of the result is (caller, position, sub, kind of the event, row, there, was there, node, notes). The last, of caller
    -1, is the event that was looked at last, with {epoch, value, oldest, count} in the place of its node.
    """

    sql: str
    values: tuple[Value, ...]
    types: tuple[str, ...]
    kinds: tuple[str, ...]
    """the entities whose events it reads."""
    marks: bool
    noted: tuple[Noted, ...]

    def parameters(self, scope: Any, params: list[Any]) -> tuple[Any, ...]:
        """What of a caller the statement depends on, hashable: callers with equal ones get equal answers."""
        return tuple([_plain(value.take(scope, params)) for value in self.values])


def callers(given: Sequence[tuple[Any, ...]]) -> bytes:
    """$1 of a statement: the parameters of callers, who are numbered in this order."""
    rows = [{"_s": at, **{f"p{n}": value for n, value in enumerate(each, 1)}} for at, each in enumerate(given)]
    return msgspec.json.encode(rows)


def _plain(value: Any) -> Any:
    """A value as JSON that PostgreSQL reads as the parameter's type."""
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    return tuple([_plain(item) for item in value]) if isinstance(value, list | tuple) else value


def compile_feed(
    catalog: Catalog,
    shape: Shape,
    entity: str,
    selections: Sequence[Selection],
    *,
    where: Filter = ALL,
    also: str | None = None,
    stored: bool = False,
) -> Feed:
    """The changes of an entity's rows, or, `stored`, the rows that are there, which are told as created.

    `also` is an action that is needed beside `list`. Raises Invalid for what the caller may not filter by or reveal here.
    """
    build = Build(catalog, shape)
    kinds = [kind for kind in build.kinds(entity, "list") if also is None or build.grants(kind, also)]
    makers = [_Kind(build, at, kind, where, also) for at, kind in enumerate(kinds)]
    nodes = []
    for made in makers:
        found = next((s for s in selections if s.entity == made.kind), Selection(made.kind, ()))
        row = Watched(build, made.kind, also)
        nodes.append(found_node(build, found, row, [f"{row.own('id')} = q.row_id"]).as_noted())
    if any(noted.reveal for noted in build.noted):
        raise Invalid("reveal.not_here", "values are revealed by queries that come by POST only")
    events = _stored(build, makers, where) if stored else _events(build, kinds)
    ctes = [
        f"ev AS MATERIALIZED (SELECT row_number() OVER (ORDER BY position, sub) AS _n, x.* FROM ({events}) x({EVENT}))"
    ]
    hits = " UNION ALL ".join(made.hits(stored=stored) for made in makers) or "SELECT NULL WHERE FALSE"
    for made in makers:
        ctes += made.was.stored(made.prefix, "ev")
    node = f"CASE q._k {' '.join(f'WHEN {n} THEN {sql}' for n, sql in enumerate(nodes))} END"
    shown = f"CASE WHEN q.there THEN {node} END"
    ctes.append(
        "hit AS MATERIALIZED (SELECT q._s, q._n, q.position, q.sub, q.kind, q.row_id, q.there, q.known, "
        f"{shown} AS n FROM (SELECT * FROM ({hits}) h ORDER BY h._n LIMIT $7::bigint) q)"
    )
    main = f"SELECT _s, position, sub, kind, row_id, there, known, (n).j, (n).i FROM hit UNION ALL {HEAD}"
    text_, values, types = build.binder.spread(f"{', '.join(ctes)} {main}", "q.p")
    columns = "".join(f", p{n} {type_}" for n, type_ in enumerate(types, 1))
    head = f"WITH q AS MATERIALIZED (SELECT * FROM jsonb_to_recordset($1::jsonb) AS q(_s integer{columns})), "
    return Feed(head + text_, values, types, tuple(kinds), build.marks, tuple(build.noted))


class _Kind:
    """The hits of one concrete entity."""

    def __init__(self, build: Build, at: int, kind: str, where: Filter, also: str | None) -> None:
        self._build, self._at, self.kind, self._where, self._also = build, at, kind, where, also
        self.prefix = f"was{at}_"
        self.now = Now(build, kind, also)
        self.was = Image(build, kind, also, "e")
        self._there = all_of([self.now.met(), condition(self.now, where)])
        self._known = self._before(self.was, "e")

    def _before(self, image: Image, event: str) -> str:
        """Whether the row was there for the caller before an event."""
        seen = all_of([image.met(), condition(image, self._where)])
        gone = erased_here(self._build, self.kind, event)
        return (
            f"CASE WHEN {event}.before IS NOT NULL THEN {seen} WHEN {event}.kind <> 'create' THEN {gone} ELSE FALSE END"
        )

    def hits(self, *, stored: bool) -> str:
        """Events whose row is there for a caller, or was there until this event; each once (see the head of this file)."""
        there, known = f"({self._there}) IS TRUE", f"({self._known}) IS TRUE"
        inner = (
            f"SELECT q.*, {self._at} AS _k, e.*, e.id AS event_id, {there} AS there, {known} AS known FROM q CROSS JOIN "
            f"(SELECT * FROM ev WHERE entity = {text(self.kind)}) e{self.now.joins('e')}{self.was.joins(self.prefix)} OFFSET 0"
        )
        comes = "q.there" if stored else f"q.there AND (q.known OR NOT {self._later('IS NOT TRUE')})"
        return (
            f"SELECT q.* FROM ({inner}) q WHERE {comes} OR (NOT q.there AND q.known AND NOT {self._later('IS TRUE')})"
        )

    def _later(self, met: str) -> str:
        """Whether before a later event of the row it was there for the caller, or was not: then that event tells of it."""
        image = Image(self._build, self.kind, self._also, "l")
        known = self._before(image, "l")
        return (
            f"EXISTS (SELECT 1 FROM wangge.outbox l{image.laterals()} WHERE l.row_id = q.row_id AND l.kind <> 'create' "
            f"AND (l.revision, l.created_at, l.id) > (q.revision, q.created_at, q.event_id) AND ({known}) {met})"
        )


def _events(build: Build, kinds: Sequence[str]) -> str:
    """Changes of rows, and rows of loaded batches."""
    listed = ", ".join(text(kind) for kind in kinds) or "NULL"
    parts = [CHANGED.format(present=PRESENT, kinds=listed)]
    for kind in kinds:
        chain = build.catalog.chain(kind)
        table, top = names.table(chain[0]), names.table(chain[-1])
        parts.append(LOADED.format(table=table, top=top, kind=text(kind), present=PRESENT))
    return _merged(parts)


def _stored(build: Build, makers: Sequence[_Kind], where: Filter) -> str:
    """Rows that are there for the one caller, in order of id."""
    parts = []
    for made in makers:
        row = Watched(build, made.kind, None)
        met = all_of([f"{row.own('id')} > $4::uuid", row.met(), condition(row, where)])
        rows = row.from_clause()
        parts.append(STORED.format(kind=text(made.kind), alias=row.alias, rows=rows, where=met))
    return _merged(parts)


def _merged(parts: Sequence[str]) -> str:
    """Several ordered, limited parts as one."""
    every = " UNION ALL ".join(f"({part})" for part in parts)
    return f"SELECT * FROM ({every}) x({EVENT}) ORDER BY position, sub LIMIT $6::bigint"
