"""A field of changes made into one statement, and its rows made into what the caller is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from graphql import FieldNode, GraphQLField, GraphQLObjectType, SelectionSetNode, get_named_type

from ..errors import Invalid
from ..model.filter import TRUE, Compare, Every, Filter, Many, Not, Refers, Some
from ..policy.scope import Scope
from ..sql.ast import ByIds, Selection
from ..sql.catalog import SYSTEM, Catalog
from ..sql.feed import Feed, callers, compile_feed
from .arguments import Variables, arguments
from .filters import Params
from .limits import Cost, cost_of
from .positions import Place, check_kept, open_position, rights_of, seal
from .reading import Reader, Why
from .select import MAX_FIRST, Selector

DEFAULT_FIRST = 50
LEAST, MOST = 200, 2_000
"""how many events one statement of a page looks at: at least, at most."""
LOOKS = 20
"""statements of one page: whoever is far behind and sees little gets ahead by pages that are not full."""
FIRST_ID = UUID(int=0)
Items = tuple[tuple[str, str], ...]
"""(response key, field)."""


class Hit(msgspec.Struct, frozen=True):
    """One change for one caller."""

    caller: int
    position: int
    row: UUID
    sub: UUID | None
    event: str
    """the kind of the event."""
    there: bool
    known: bool
    node: bytes | None
    notes: bytes | None

    @property
    def kind(self) -> str:
        """What the caller is told."""
        if self.there:
            return "UPDATED" if self.known or self.event == "anonymise" else "CREATED"
        return "REMOVED" if self.event in ("remove", "erase") else "LEFT"

    @property
    def reason(self) -> str | None:
        """Why the row is gone."""
        return None if self.there else "ERASED" if self.event == "erase" else self.kind


class FeedPlan(msgspec.Struct, frozen=True):
    """A compiled field of changes: its statement, the values of a request, and what is asked of each change."""

    feed: Feed
    params: Params
    items: Items
    type: str
    cost: Cost
    """of one node."""

    def parameters(self, scope: Scope, variables: Variables) -> tuple[Any, ...]:
        """What the statement depends on in a request."""
        return self.feed.parameters(scope, self.params.values(variables))

    @property
    def personal(self) -> bool:
        """Whether the bytes of a change differ between callers who are told the same."""
        return self.feed.marks or any(what == "position" for _, what in self.items)


class Root(msgspec.Struct, frozen=True):
    """A field of changes in a document."""

    entity: str
    nodes: Sequence[SelectionSetNode]
    """what is selected of a change."""
    type: GraphQLObjectType


def plan_feed(
    selector: Selector,
    root: Root,
    *,
    where: Filter = TRUE,
    also: str | None = None,
    stored: bool = False,
) -> FeedPlan:
    """Compile a field; raises Invalid for what it may not ask."""
    asked = selector.collect(list(root.nodes), root.type)
    found = [nodes for nodes in asked.values() if nodes[0].name.value == "node"]
    if len(found) > 1:
        raise Invalid("changes.one_node", "ask for `node` once: the others would be the same")
    sets = [node.selection_set for nodes in found for node in nodes if node.selection_set]
    selections: tuple[Selection, ...] = selector.selections(sets, root.entity, "list") if sets else ()
    catalog, shape = selector.catalog, selector.shape
    feed = compile_feed(catalog, shape, root.entity, selections, where=where, also=also, stored=stored)
    ids = selector.params.add(lambda _: [])
    items = tuple((key, nodes[0].name.value) for key, nodes in asked.items())
    return FeedPlan(feed, selector.params, items, root.type.name, cost_of(ByIds(ids, selections)))


def check_where(catalog: Catalog, entity: str, found: Filter) -> None:
    """Raises Invalid for a condition that speaks of more than the row's own fields, its area and ids of its references."""
    if isinstance(found, Every | Some):
        for item in found.items:
            check_where(catalog, entity, item)
    elif isinstance(found, Not):
        check_where(catalog, entity, found.item)
    elif isinstance(found, Many):
        raise _too_far(found.field)
    elif isinstance(found, Refers):
        allowed = ("id", "") if found.field == "area" else ("id",)
        if not all(isinstance(c, Compare) and c.field in allowed for c in _leaves(found.inner)):
            raise _too_far(found.field)
    elif found.field not in SYSTEM and found.field and catalog.field(entity, found.field).sealed:
        raise _too_far(found.field)


def _leaves(found: Filter) -> Iterable[Filter]:
    """What a condition comes down to."""
    if isinstance(found, Every | Some):
        for item in found.items:
            yield from _leaves(item)
    elif isinstance(found, Not):
        yield from _leaves(found.item)
    else:
        yield found


def _too_far(field: str) -> Invalid:
    return Invalid(
        "subscription.where",
        f'"{field}" cannot stand here: a subscription takes fields of the row itself that are not sealed, its area, '
        "and ids of its references",
        field=field,
    )


async def changed(
    pool: Any,
    plan: FeedPlan,
    given: Sequence[tuple[Any, ...]],
    place: Place,
    *,
    to: int | None = None,
    scan: int,
    most: int | None = None,
) -> tuple[list[Hit], dict[str, Any], Place]:
    """(the changes after a place, the state of the sequence, the event that was looked at last) for several callers."""
    row = place.row if place.row is not None or not place.stored else FIRST_ID
    args = [msgspec.Raw(callers(given)), place.epoch, place.value, row, to, scan, most]
    rows = await pool.fetch(plan.feed.sql, *args)
    hits = [Hit(r[0], r[1], r[4], r[2], r[3], r[5], r[6], r[7], r[8]) for r in rows if r[0] >= 0]
    last = next(r for r in rows if r[0] < 0)
    head = msgspec.json.decode(last[7])
    reached = Place(place.epoch, last[1], last[2], place.stored) if head["count"] else place
    return sorted(hits, key=lambda hit: (hit.position, hit.sub or FIRST_ID)), head, reached


def told(plan: FeedPlan, hit: Hit, node: bytes, position: str) -> bytes:
    """One change as the caller asked for it."""
    facts: Mapping[str, Any] = {
        "kind": hit.kind,
        "id": hit.row,
        "position": position,
        "reason": hit.reason,
        "node": msgspec.Raw(node),
        "__typename": plan.type,
    }
    return msgspec.json.encode({key: facts[what] for key, what in plan.items})


def after(place: Place, hit: Hit) -> Place:
    """The place after a change."""
    return Place(place.epoch, hit.position, hit.sub, place.stored)


class Pages:
    """Answers the root field `changes`."""

    def __init__(self, pool: Any, reader: Reader, keys: Any) -> None:
        self._pool = pool
        self._reader = reader
        self._keys = keys

    async def answer(
        self, plans: Mapping[bool, FeedPlan], given: Mapping[str, Any], variables: Variables, scope: Scope, why: Why
    ) -> tuple[list[bytes], str, bool, bool]:
        """(changes, position of the end, whether there are more, whether the rights are others than before)."""
        if plans[False].feed.noted:
            self._reader.check()
        rights = rights_of(scope)
        place, before = await self._begin(given.get("after"), scope, rights)
        left = page_size(given.get("first"))
        notes, made, more, looks = b"", list[bytes](), True, 0
        while more and left >= 0 and looks < LOOKS:
            looks += 1
            plan = plans[place.stored]
            scan = left + 1 if place.stored else min(max(4 * (left + 1), LEAST), MOST)
            sets = [plan.parameters(scope, variables)]
            hits, head, reached = await changed(self._pool, plan, sets, place, scan=scan, most=left + 1)
            check_kept(place, head)
            origin = place
            if len(hits) > left:
                hits = hits[:left]
                place = after(place, hits[-1]) if hits else place
                left = -1
            else:
                left -= len(hits)
                place, more = _further(place, reached, head, scan)
            for hit in hits:
                node = self._reader.resolved(hit.node, scope, marks=plan.feed.marks, why=why)
                at = seal(self._keys, scope, rights, after(origin, hit))
                made.append(told(plan, hit, node, at))
                notes += hit.notes or b""
        if notes:
            self._reader.record(scope, plans[False].feed.noted, why, notes)
        return made, seal(self._keys, scope, rights, place), more, before not in (None, rights)

    async def _begin(self, text: Any, scope: Scope, rights: str) -> tuple[Place, str | None]:
        """Where a page begins, and the rights of the page before."""
        if text is not None:
            return open_position(self._keys, scope, text)
        row = await self._pool.fetchrow("SELECT epoch, value FROM wangge.position ORDER BY epoch DESC LIMIT 1")
        return Place(row["epoch"], row["value"], stored=True), None


def _further(place: Place, reached: Place, head: dict[str, Any], scan: int) -> tuple[Place, bool]:
    """Where to go on when all that was found is told, and whether there may be more."""
    if head["count"] == scan:
        return reached, True
    if place.stored:
        return Place(place.epoch, place.value), True
    return Place(place.epoch, head["value"]), False


def page_size(first: Any) -> int:
    """The size of a page; raises Invalid."""
    size = DEFAULT_FIRST if first is None else int(first)
    if not 0 <= size <= MAX_FIRST:
        sentence = f"first lies between 0 and {MAX_FIRST}, not {size}"
        raise Invalid("page.out_of_bounds", sentence, argument="first", limit=MAX_FIRST)
    return size


def page_body(items: Items, page: tuple[list[bytes], str, bool, bool]) -> bytes:
    """`changes` as the caller asked for it."""
    nodes, end, more, rights = page
    facts = {
        "nodes": msgspec.Raw(b"[" + b",".join(nodes) + b"]"),
        "endPosition": end,
        "hasNextPage": more,
        "rightsChanged": rights,
        "__typename": "Changes",
    }
    return msgspec.json.encode({key: facts[what] for key, what in items})


def page_root(selector: Selector, nodes: Sequence[FieldNode], field: GraphQLField, entity: str) -> tuple[Items, Root]:
    """What is asked of a page, and of its changes."""
    page = get_named_type(field.type)
    assert isinstance(page, GraphQLObjectType)
    asked = selector.collect([n.selection_set for n in nodes if n.selection_set], page)
    change = get_named_type(page.fields["nodes"].type)
    assert isinstance(change, GraphQLObjectType)
    lists = [found for found in asked.values() if found[0].name.value == "nodes"]
    if len(lists) > 1:
        raise Invalid("changes.one_node", "ask for `nodes` once: the others would be the same")
    below = [n.selection_set for found in lists for n in found if n.selection_set]
    return tuple((key, found[0].name.value) for key, found in asked.items()), Root(entity, below, change)


def changed_root(
    selector: Selector, nodes: Sequence[FieldNode], field: GraphQLField, entity: str
) -> tuple[Root, Filter]:
    """What a subscription asks of each change, and its condition. Raises Invalid `subscription.where`."""
    type_ = get_named_type(field.type)
    assert isinstance(type_, GraphQLObjectType)
    given = arguments(nodes[0].arguments, field.args, selector.variables)
    where = selector.filters.where(given.get("where", {}), entity)
    check_where(selector.catalog, entity, where)
    return Root(entity, [n.selection_set for n in nodes if n.selection_set], type_), where
