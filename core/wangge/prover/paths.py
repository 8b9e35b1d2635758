"""The paths on which an account can learn something of a row: a path that is not in `PATHS` is not proved.

Whoever adds a path to the API (aggregates, search, subscriptions, files, export) adds a function here that asks on it and
compares the answer with the naive evaluator's, and names it in the table.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ..proof.rows import Raw
from . import cells, cubes, groups, nodes, roots, walk, writes
from .asks import NESTED, Asks
from .case import Case, Pair
from .changes import changes
from .lists import arguments, limited, limits, listed, lists, query_of
from .probes import Probe, Probes
from .searches import searches

Prove = Callable[[Case], Awaitable[None]]
TYPES = """query { __schema { queryType { fields { name args { name } } }
  types { name kind fields { name args { name } } inputFields { name } possibleTypes { name } enumValues { name } } } }"""
AT_ONCE = 12
"""root fields of one document."""
PAGE = 3


async def schema(case: Case) -> None:
    """Introspection: the types, fields, filters and orderings that exist, and no others."""
    data = await case.ask("schema", TYPES)
    if data is None:
        return
    case.types = {t["name"]: t for t in data["__schema"]["types"]}
    roots = {f["name"] for f in data["__schema"]["queryType"]["fields"]}
    generated = {e.plural for e in case.schema.entities.values()}
    generated |= {e.type[0].lower() + e.type[1:] for e in case.schema.entities.values()}
    expected = await case.naive(lambda: case.surface.roots() | cubes.roots(case))
    _same_names(case, "", "Query", expected, roots & generated)
    for name, entity in case.schema.entities.items():
        types = case.types
        kinds = await case.naive(lambda n=name: case.surface.kinds(n, "list", "get"))  # type: ignore[misc] # bound now
        if entity.type in types and kinds:
            node = await case.naive(lambda n=name: case.surface.node(n))  # type: ignore[misc] # bound now
            _same_names(case, name, entity.type, node, _names(types[entity.type], "fields"))
            await _same_parts(case, name, node)
        elif bool(kinds) < (entity.type in types):
            case.disagree("schema", name, "", entity.type, "no type", "a type")
        seen = await case.naive(lambda n=name: case.surface.kinds(n, "list"))  # type: ignore[misc] # bound now
        for suffix, surface in (("Where", case.surface.where), ("Order", case.surface.order)) if seen else ():
            if (type_ := types.get(entity.type + suffix)) is not None:
                names = await case.naive(lambda n=name, s=surface: s(n))  # type: ignore[misc] # bound now
                _same_names(case, name, type_["name"], names, _names(type_, "inputFields"))


async def _same_parts(case: Case, entity: str, node: set[str]) -> None:
    """The types of the parts of an entity's own lists."""
    for field in case.schema.entities[entity].fields:
        name = case.schema.entities[entity].type + field.name[0].upper() + field.name[1:]
        if field.kind == "list" and field.name in node and name in case.types:
            shown = await case.naive(lambda f=field: case.surface.parts(entity, f))  # type: ignore[misc] # bound now
            plain = {p.name for p in field.parts if p.kind not in NESTED}
            _same_names(case, entity, name, shown & plain, _names(case.types[name], "fields") & plain)
        where = case.types.get(f"{name}Where") if field.kind == "list" else None
        if where is not None:
            asked = await case.naive(lambda f=field: case.surface.where_names(entity, f))  # type: ignore[misc] # bound now
            _same_names(case, entity, f"{name}Where", asked, _names(where, "inputFields"))


def _names(type_: Mapping[str, Any], what: str) -> set[str]:
    return {f["name"] for f in type_[what] or ()}


def _same_names(case: Case, entity: str, type_: str, expected: set[str], seen: set[str]) -> None:
    for name in sorted(expected | seen):
        case.same("schema", entity, None, f"{type_}.{name}", name in expected, name in seen)


async def connection(case: Case) -> None:
    """Every list, in order of id, with every cell, label, part, reference and to-many of its nodes."""
    for entity, pairs, limit in await lists(case):
        asks = Asks(case)
        below = {k: asks.of(k, entity, 1, "list") for k in case.surface.kinds(entity, "list")}
        query = f"{{ nodes {{ {asks.spread(below)} }} totalCount {{ value exact }} }}"
        found = await listed(case, "list", entity, query, limit)
        if found is None:
            continue
        expected = await case.matching(pairs)
        if case.same_list("list", entity, expected, [n["id"] for n in found["nodes"]], query):
            case.same_nodes("list", expected, await case.nodes(expected, below), found["nodes"], "list", query)
        count = {"value": len(expected), "exact": True}
        case.same("count", entity, None, "totalCount", count, found["totalCount"], asked=query)


def _by_id(pairs: list[Pair]) -> list[Pair]:
    return sorted(pairs, key=lambda pair: pair[1]["id"])


async def by_id(case: Case) -> None:
    """`type(id:)` of rows that may be seen and of rows that may not, removed ones too."""
    roots = case.surface.roots()
    for entity in case.schema.entities.values():
        name = entity.type[0].lower() + entity.type[1:]
        if name not in roots or entity.type not in case.types:
            continue
        pairs, _ = await case.candidates(entity.name)
        chosen = case.chance.sample(pairs, min(case.sample, len(pairs)))
        for at in range(0, len(chosen), AT_ONCE):
            await _nodes(case, entity.name, name, chosen[at : at + AT_ONCE])


async def _nodes(case: Case, entity: str, name: str, pairs: list[Pair]) -> None:
    """Several rows by id in one document."""
    asks = Asks(case)
    below = {k: asks.of(k, entity, 1, "get") for k in case.surface.kinds(entity, "get")}
    fields = " ".join(f'n{at}: {name}(id: "{r["id"]}") {{ ...F }}' for at, (_, r) in enumerate(pairs))
    query = f"{{ {fields} }} fragment F on {case.schema.entities[entity].type} {{ {asks.spread(below)} }}"
    data = await case.ask("by id", query)
    for at, (kind, row) in enumerate(pairs):
        if data is None:
            return

        def expected(kind: str = kind, row: Raw = row) -> Any:
            seen = kind in below and case.sight.visible(kind, "get", row)
            return case.answers.node(kind, row, "get", below[kind]) if seen else None

        made = await case.naive(expected)
        case.same_node("by id", kind, row, made, data[f"n{at}"], "get", query)


async def removed(case: Case) -> None:
    """Lists with removed rows: a right of its own."""
    for entity, pairs, limit in await lists(case):
        if "removed" not in arguments(case, entity):
            continue
        for word in ("ONLY", "INCLUDE"):
            query = "{ nodes { id } totalCount { value } }"
            found = await listed(case, "removed", entity, query, limit, removed=word)
            if found is None:
                continue

            wanted = []
            for pair in pairs:
                if await case.naive(lambda p=pair, w=word: _with_removed(case, *p, only=w == "ONLY")):  # type: ignore[misc] # bound now
                    wanted.append(pair)
            wanted = _by_id(wanted)
            case.same_list("removed", entity, wanted, [n["id"] for n in found["nodes"]], f"{word} {query}")
            case.same("removed", entity, None, "totalCount", len(wanted), found["totalCount"]["value"], asked=word)


def _with_removed(case: Case, kind: str, row: Raw, *, only: bool) -> bool:
    """Whether a row stands in a list that asks for removed rows."""
    if row["removed_at"] is None:
        return not only and case.sight.visible(kind, "list", row)
    return case.sight.allowed(kind, "list", row) and case.sight.allowed(kind, "list_removed", row)


async def filters(case: Case) -> None:
    """Every filterable field, with values that hold and values that do not; each filter, its complement and their joins."""
    for entity, pairs, limit in await lists(case):
        made = await case.naive(lambda e=entity, p=pairs: list(Probes(case).of(e, p)))  # type: ignore[misc] # bound now
        tried = [item for path, p in made for item in ((path, p), (f"{path} not", p.negated()))]
        if len(made) > 1:
            (_, one), (_, two) = case.chance.sample(made, 2)
            tried += [("filter or", one.joined(two, "or")), ("filter and", one.joined(two.negated(), "and"))]
        for at in range(0, len(tried), AT_ONCE):
            await _tried(case, entity, pairs, limit, tried[at : at + AT_ONCE])


async def _tried(
    case: Case, entity: str, pairs: list[Pair], limit: list[str] | None, tried: list[tuple[str, Probe]]
) -> None:
    """Several filters in one document."""
    declared = case.schema.entities[entity]
    wheres = {f"w{at}": limited(probe.api, limit) for at, (_, probe) in enumerate(tried)}
    head = ", ".join(f"${name}: {declared.type}Where" for name in wheres)
    root = f"{declared.plural}(first: {case.bounds.first}, orderBy: [{{id: ASC}}], where: $"
    fields = [f"{name}: {root}{name}) {{ nodes {{ id }} totalCount {{ value }} }}" for name in wheres]
    data = await case.ask(tried[0][0], f"query ({head}) {{ {' '.join(fields)} }}", wheres)
    if data is None:
        return
    for (path, probe), (name, api) in zip(tried, wheres.items(), strict=True):
        expected = await case.matching(pairs, probe.tree)
        seen = [n["id"] for n in data[name]["nodes"]]
        case.same_list(path, entity, expected, seen, f"{declared.plural}(where: {api})")
        case.same("count filtered", entity, None, "totalCount", len(expected), data[name]["totalCount"]["value"])


async def orders(case: Case) -> None:
    """Every ordering in both directions, through references too, and the entity's own."""
    for entity, pairs, limit in await lists(case):
        plural = case.schema.entities[entity].plural
        wanted: list[tuple[str, list[tuple[tuple[str, ...], bool]]]] = []
        for path, names in await case.naive(lambda e=entity: list(Probes(case).orders(e))):  # type: ignore[misc] # bound now
            down = case.chance.random() < 0.5
            wanted.append((_order_text(names, down), [(path, down)]))
        wanted = case.chance.sample(wanted, min(len(wanted), 6 * case.effort))
        wanted.append(("", await case.naive(lambda e=entity: case.surface.default_order(e))))  # type: ignore[misc] # bound now
        for at in range(0, len(wanted), AT_ONCE):
            chunk = wanted[at : at + AT_ONCE]
            where = ", where: $w" if limit is not None else ""
            fields = [
                f"o{n}: {plural}(first: {case.bounds.first}{f', orderBy: [{text}]' if text else ''}{where}) {{ nodes {{ id }} }}"
                for n, (text, _) in enumerate(chunk)
            ]
            data = await case.ask("order", query_of(case, entity, " ".join(fields), limit), limits(limit))
            for n, (text, terms) in enumerate(chunk) if data is not None else ():
                expected = await case.in_order(pairs, terms)
                seen = [node["id"] for node in (data or {})[f"o{n}"]["nodes"]]
                case.same_list("order" if text else "order default", entity, expected, seen, f"{plural} by {text}")


def _order_text(names: Any, down: bool) -> str:
    """`{building: {name: ASC}}`."""
    if isinstance(names, str):
        return f"{{{names}: {'DESC' if down else 'ASC'}}}"
    ((name, below),) = names.items()
    return f"{{{name}: {_order_text(below, down)}}}"


async def pages(case: Case) -> None:
    """Walking a list page by page with cursors gives each row once, in order."""
    for entity, pairs, limit in await lists(case):
        plural, type_ = case.schema.entities[entity].plural, case.schema.entities[entity].type
        found = await case.naive(lambda e=entity: [o for o in Probes(case).orders(e) if isinstance(o[1], str)])  # type: ignore[misc] # bound now
        path, names = case.chance.choice(found)
        down = case.chance.random() < 0.5
        expected = await case.in_order(pairs, [(path, down)])
        text = f"orderBy: [{_order_text(names, down)}]"
        head = f"query ($a: String, $w: {type_}Where) {{ {plural}"
        query = f"{head}(first: {PAGE}, after: $a, where: $w, {text}) {{ edges {{ node {{ id }} }} pageInfo {{ hasNextPage endCursor }} }} }}"
        seen: list[str] = []
        after = None
        for _ in range(len(expected) // PAGE + 2):
            data = await case.ask("page", query, {"a": after, "w": limited({}, limit)})
            if data is None:
                break
            seen += [e["node"]["id"] for e in data[plural]["edges"]]
            after = data[plural]["pageInfo"]["endCursor"]
            if not data[plural]["pageInfo"]["hasNextPage"]:
                break
        case.same_list("page", entity, expected, seen, f"{plural} {text}")


async def matches(case: Case) -> None:
    """Sealed fields that are not in clear, asked for equality with values that occur: counted, and in the ledger."""
    for entity, pairs, limit in await lists(case):
        made = await case.naive(lambda e=entity, p=pairs: list(Probes(case).matches(e, p)))  # type: ignore[misc] # bound now
        if made:
            await _tried(case, entity, pairs, limit, [("match", probe) for probe in made])


PATHS: Mapping[str, Prove] = {
    "schema": schema,
    "list": connection,
    "by id": by_id,
    "removed": removed,
    "filter": filters,
    "order": orders,
    "page": pages,
    "match": matches,
    "search": searches,
    "reveal": cells.reveals,
    "absent": cells.absences,
    "explain": cells.explanations,
    "changes": changes,
    "aggregate": groups.aggregates,
    "node": nodes.nodes,
    "walk": walk.walk,
    "root": roots.roots,
    "cube": cubes.cubes,
}
"""Every path of the API that reads rows; `schema` first, since the others ask only for what exists."""
WRITTEN: Mapping[str, Prove] = {"write": writes.writes}
"""Paths that only a proof that names them takes: they leave refusals in the ledger."""
ALL: Mapping[str, Prove] = {**PATHS, **WRITTEN}
PREVIEWED = ("schema", "list", "by id", "removed", "filter", "order", "page", "absent", "aggregate", "node", "walk")
"""the paths of a preview, which only reads."""
