"""`changes`: the rows that are there, and what the last events of the outbox come to, beside the naive evaluator.

A row before an event is the row of now with what the event keeps of it, and lies where the event says that it lay. Rows whose
content was erased or anonymised are left out: what was kept of them is gone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from ..proof.rows import Raw
from ..proof.sight import Sight
from .asks import Asks
from .case import Case, Pair
from .lists import lists

EVENTS = 300
"""how many of the last positions are looked at."""
FIRST = 1000
LAY = "_areas"
PRESENT = "SELECT epoch, value FROM wangge.position ORDER BY epoch DESC LIMIT 1"
LOADED = "SELECT max(position) FROM wangge.outbox WHERE epoch = $1 AND kind = 'batch' AND entity = ANY ($2::text[])"
CHANGED = """SELECT o.id, o.position, o.kind, o.entity, o.row_id, o.before IS NOT NULL AS kept, o.before -> '_areas' AS lay
FROM wangge.outbox o WHERE o.kind NOT IN ('create', 'batch') AND o.row_id = ANY (SELECT x.row_id FROM wangge.outbox x
WHERE x.epoch = $1 AND x.position > $2 AND x.entity = ANY ($3::text[])) ORDER BY o.revision, o.created_at, o.id"""
TOLD = """SELECT id, position, kind, entity, row_id FROM wangge.outbox WHERE epoch = $1 AND position > $2
AND entity = ANY ($3::text[]) AND kind <> 'batch' AND NOT EXISTS (SELECT 1 FROM wangge.erased e WHERE e.row_id = outbox.row_id)
ORDER BY position"""
WAS = """SELECT r.* FROM wangge.outbox o JOIN {table} t ON t.id = o.row_id
CROSS JOIN LATERAL jsonb_populate_record(NULL::{table}, to_jsonb(t) || o.before) r WHERE o.id = $1"""
PAGE = """query ($t: ChangingType!, $a: String) { changes(entity: $t, after: $a, first: 1000) {
  nodes { kind id node { %s } } endPosition hasNextPage } }"""


class Before(Sight):
    """What the account sees of rows as they were."""

    def _links(self, entity: str, row: Raw) -> Iterator[tuple[str, UUID | None]]:
        if row.get(LAY) is None:
            return super()._links(entity, row)
        return iter([(each["via"], UUID(each["area_id"])) for each in row[LAY] if each["area_id"]])


async def changes(case: Case) -> None:
    """All rows of each entity, then its last events."""
    if case.position is None or "changes" not in {f["name"] for f in case.types["Query"]["fields"]}:
        return
    types = {v["name"] for v in case.types["ChangingType"]["enumValues"]}
    present = await case.fetch(PRESENT)
    for entity, pairs, limit in await lists(case):
        if case.schema.entities[entity].type not in types:
            continue
        if limit is None:
            await _stored(case, entity, pairs)
        await _events(case, entity, present[0]["epoch"], present[0]["value"])


async def _told(case: Case, entity: str, after: str | None) -> tuple[str, list[dict[str, Any]]] | None:
    """(query, all changes after a position) of an entity."""
    asks = Asks(case)
    below = {k: asks.of(k, entity, 1, "list") for k in case.surface.kinds(entity, "list")}
    query = PAGE % asks.spread(below)
    found: list[dict[str, Any]] = []
    while True:
        given = {"t": case.schema.entities[entity].type, "a": after}
        data = await case.ask("changes", query, given)
        if data is None:
            return None
        found += data["changes"]["nodes"]
        after = data["changes"]["endPosition"]
        if not data["changes"]["hasNextPage"]:
            return query, found


async def _stored(case: Case, entity: str, pairs: list[Pair]) -> None:
    """Without a position: every row that a list has, with its cells."""
    told = await _told(case, entity, None)
    if told is None:
        return
    query, found = told
    expected = await case.matching(pairs)
    if case.same_list("changes", entity, expected, [change["id"] for change in found], query):
        asks = Asks(case)
        below = {k: asks.of(k, entity, 1, "list") for k in case.surface.kinds(entity, "list")}
        nodes = await case.nodes(expected, below)
        case.same_nodes("changes", expected, nodes, [change["node"] for change in found], "list", query)
        case.same("changes", entity, None, "kinds", ["CREATED"] * len(found), [c["kind"] for c in found], asked=query)


async def _events(case: Case, entity: str, epoch: int, last: int) -> None:
    """After a position: each event that the account can have noticed, once."""
    assert case.position is not None
    kinds = case.schema.kinds(entity)
    loaded = await case.fetch(LOADED, epoch, kinds)
    start = max(last - EVENTS, loaded[0]["max"] or 0, 0)
    events = await case.fetch(TOLD, epoch, start, kinds)
    if not events:
        return
    images = await _images(case, await case.fetch(CHANGED, epoch, start, kinds))
    expected = [one for event in events if (one := await _expected(case, event, images)) is not None]
    told = await _told(case, entity, case.position(epoch, start))
    if told is not None:
        erased = {str(row["row_id"]) for row in await case.fetch("SELECT row_id FROM wangge.erased")}
        seen = [(change["kind"], change["id"]) for change in told[1] if change["id"] not in erased]
        case.same("changes", entity, None, "events", expected, seen, asked=f"{told[0]} after {epoch}.{start}")


async def _images(case: Case, rows: list[Mapping[str, Any]]) -> dict[UUID, list[tuple[UUID, bool]]]:
    """Row -> (event, whether the row was there for the account before it), in order."""
    before = Before(case.sight.policy)
    before.seen.open, before.whole.open = case.sight.seen.open, case.sight.whole.open
    found: dict[UUID, list[tuple[UUID, bool]]] = {}
    for event in rows:
        known = False
        if event["kept"]:
            row: Raw = {}
            for level in reversed(case.schema.chain(event["entity"])):
                stored = await case.fetch(WAS.format(table=level.table), event["id"])
                row |= dict(stored[0]) if stored else {}
            lay = event["lay"]
            row[LAY] = json.loads(lay) if isinstance(lay, str) else lay
            kind = event["entity"]
            known = await case.naive(lambda k=kind, r=row: before.visible(k, "list", r))  # type: ignore[misc] # bound now
        found.setdefault(event["row_id"], []).append((event["id"], known))
    return found


async def _expected(
    case: Case, event: Mapping[str, Any], images: Mapping[UUID, list[tuple[UUID, bool]]]
) -> tuple[str, str] | None:
    """(kind, id) that the account is told of an event, None when it is told nothing."""
    kind, row_id = event["entity"], event["row_id"]
    row = await case.naive(lambda: case.rows.get(kind, row_id))
    there = await case.naive(lambda: case.sight.visible(kind, "list", row))
    ids = [each for each, _ in images.get(row_id, [])]
    at = ids.index(event["id"]) if event["id"] in ids else -1
    known = at >= 0 and images[row_id][at][1]
    later = [was for _, was in images.get(row_id, [])[at + 1 :]]
    if there:
        if not known and not all(later):
            return None
        return ("UPDATED" if known else "CREATED"), str(row_id)
    if not known or any(later):
        return None
    return ("REMOVED" if event["kind"] == "remove" else "LEFT"), str(row_id)
