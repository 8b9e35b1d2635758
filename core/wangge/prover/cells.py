"""Single cells on paths of their own: revealed for a purpose, absent for a reason, explained."""

from __future__ import annotations

from typing import Any

from ..proof.policy import CLEAR, HIDDEN
from ..proof.rows import Raw
from ..proof.schema import Field
from .case import Case, Pair
from .lists import listed, lists

AT_MOST = 20
"""rows that are asked to be revealed at once: the API's limit is 50."""
ASKED = 10
"""explanations of one type."""
LEVELS = ("HIDDEN", "MASKED", "CLEAR")
PLAIN = ("children", "refs", "list", "files", "photos", "point")
"""kinds of which `_absent` does not speak."""


async def reveals(case: Case) -> None:
    """Every field that may be revealed, for each purpose that the caller's rules name: counted, and in the ledger."""
    purposes = sorted(await case.naive(case.surface.purposes))
    for entity, pairs, _ in await lists(case):
        fields = await case.naive(lambda e=entity: _revealed(case, e))  # type: ignore[misc] # bound now
        some = sorted(pairs, key=lambda pair: pair[1]["id"])[:AT_MOST]
        for purpose in purposes if fields and some else ():
            await _reveal(case, entity, some, fields, purpose)


def _revealed(case: Case, entity: str) -> list[tuple[Field, Field | None]]:
    """(field, part) of what may be revealed through a type."""
    type_ = case.types[case.schema.entities[entity].type]
    there = {f["name"]: {a["name"] for a in f["args"]} for f in type_["fields"]}
    found: list[tuple[Field, Field | None]] = []
    for field in case.schema.fields(entity).values():
        if "reveal" in there.get(field.name, ()):
            found.append((field, None))
        if field.name in there:
            found += [(field, p) for p in field.parts if case.surface.reveals(entity, f"{field.id}.{p.id}")]
    return [(f, p) for f, p in found if (p or f).kind not in PLAIN and not (p or f).derived]


async def _reveal(
    case: Case, entity: str, pairs: list[Pair], fields: list[tuple[Field, Field | None]], purpose: str
) -> None:
    """One question for some rows."""
    cells = [f"{f.name}(reveal: true)" for f, part in fields if part is None]
    for each in {f.id: f for f, part in fields if part is not None}.values():
        inner = " ".join(f"{p.name}(reveal: true)" for f, p in fields if p is not None and f.id == each.id)
        cells.append(f"{each.name} {{ {inner} }}")
    query = f"{{ nodes {{ id {' '.join(cells)} }} }}"
    found = await listed(case, "reveal", entity, query, [str(r["id"]) for _, r in pairs], purpose=purpose)
    if found is None:
        return
    expected = await case.matching(pairs)
    asked = f"{purpose}: {query}"
    if case.same_list("reveal", entity, expected, [n["id"] for n in found["nodes"]], asked):
        for (kind, row), node in zip(expected, found["nodes"], strict=True):
            for field, part in fields:
                wanted = await case.naive(
                    lambda k=kind, r=row, f=field, p=part: case.answers.revealed(k, r, f, p, purpose)  # type: ignore[misc] # bound now
                )
                seen = node[field.name] if part is None else [each[part.name] for each in node[field.name]]
                case.same("reveal", kind, row, f"{field.id} {part.id if part else ''}", wanted, seen, asked=asked)


async def absences(case: Case) -> None:
    """Why cells of listed rows are not shown in clear."""
    for entity, pairs, limit in await lists(case):
        found = await listed(case, "absent", entity, "{ nodes { id _absent } }", limit)
        if found is None:
            continue
        rows = {str(row["id"]): (kind, row) for kind, row in pairs}
        for node in found["nodes"]:
            if node["id"] not in rows:
                continue  # which the path `list` tells
            kind, row = rows[node["id"]]
            wanted = await case.naive(lambda k=kind, r=row: _reasons(case, k, r))  # type: ignore[misc] # bound now
            case.same("absent", kind, row, "_absent", wanted, node["_absent"], asked=f"{entity} _absent")


def _reasons(case: Case, kind: str, row: Raw) -> dict[str, str]:
    """The reasons of a row, for the fields that the caller's own type has."""
    fields = _names(case, kind)
    return {
        field.name: reason
        for field in case.schema.declared(kind).values()
        if field.name in fields and field.kind not in PLAIN and not field.derived
        if (reason := case.answers.absence(kind, row, field))
    }


def _names(case: Case, entity: str) -> set[str]:
    """The fields of a type as the caller has it."""
    return {f["name"] for f in case.types[case.schema.entities[entity].type]["fields"] or ()}


async def explanations(case: Case) -> None:
    """The caller's own right on cells of rows, seen and unseen, under list and get."""
    access = {f["name"] for f in case.types["Query"]["fields"]}
    for entity in case.schema.entities if "access" in access else ():
        if case.schema.kinds(entity) != [entity] or case.schema.entities[entity].type not in case.types:
            continue
        pairs, _ = await case.candidates(entity)
        for kind, row in case.chance.sample(pairs, min(ASKED, len(pairs))):
            fields = list(case.schema.declared(entity).values())
            raised = [f for f in fields if f.raised is not None]
            for field in (case.chance.choice([None, *fields]), *raised):
                await _explained(case, kind, row, field, case.chance.choice(("list", "get")))


async def _explained(case: Case, kind: str, row: Raw, field: Field | None, action: str) -> None:
    """One explanation."""
    type_, name = case.schema.entities[kind].type, f', field: "{field.name}"' if field else ""
    query = f'{{ access {{ explain(type: "{type_}", id: "{row["id"]}"{name}, action: "{action}") {{ seen level }} }} }}'
    data = await case.ask("explain", query)
    if data is None:
        return

    def expected() -> dict[str, Any]:
        seen = case.sight.visible(kind, action, row)
        level = HIDDEN if not seen else CLEAR if field is None else case.sight.level(kind, action, row, field.id)
        return {"seen": seen, "level": LEVELS[level]}

    wanted = await case.naive(expected)
    told = data["access"]["explain"]
    case.same("explain", kind, row, field.id if field else "row", wanted, told, action=action, asked=query)
    if await _explains(case):
        await _chain(case, row, (type_, name, action), wanted)


async def _explains(case: Case) -> bool:
    """Whether the caller is told whole chains, in every row and of the own account."""
    questions = case.types.get("AccessQuestions") or {}
    if "explainFor" not in {f["name"] for f in questions.get("fields") or ()}:
        return False
    right, own = case.schema.entities.get("wangge.rule"), case.sight.policy.account
    whole = right is not None and await case.naive(lambda: case.sight.everywhere("wangge.rule", "do:explain"))
    account = await case.row("wangge.account", own) if whole else None
    return account is not None and await case.naive(lambda: case.sight.visible("wangge.account", "get", account))


async def _chain(case: Case, row: Raw, asked: tuple[str, str, str], wanted: dict[str, Any]) -> None:
    """The chain of rules of the own account comes to the same level, by the rules, by Casbin and as compiled."""
    type_, name, action = asked
    query = (
        f'{{ access {{ explainFor(account: "{case.login}", type: "{type_}", id: "{row["id"]}"{name}, '
        f'action: "{action}") {{ level compiled agrees }} }} }}'
    )
    data = await case.ask("explain", query)
    if data is not None:
        level = {"level": wanted["level"], "compiled": wanted["level"], "agrees": True}
        case.same("explain", "", row, f"{type_}{name}", level, data["access"]["explainFor"], asked=query)
