"""Root fields that modules and the core write by hand: every row in their answers must be one that the caller may see, cell by cell.

What they should answer besides is theirs to say, so a row that is missing is no disagreement.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from ..proof.rows import Raw
from .asks import Asks
from .case import Case

PATH = "root"
DEPTH = 4
OF = "kind name ofType { kind name ofType { kind name ofType { kind name } } }"
SCHEMA = f"""{{ __schema {{ queryType {{ fields {{ name args {{ type {{ kind }} defaultValue }} type {{ {OF} }} }} }}
  types {{ name kind fields {{ name args {{ type {{ kind }} defaultValue }} type {{ {OF} }} }} possibleTypes {{ name }} }} }} }}"""
Type = Mapping[str, Any]


async def roots(case: Case) -> None:
    """Every root field that is not generated and needs no argument, four levels deep."""
    data = await case.ask(PATH, SCHEMA)
    if data is None:
        return
    schema = data["__schema"]
    made = {e.plural for e in case.schema.entities.values()} | {"node"}
    made |= {e.type[0].lower() + e.type[1:] for e in case.schema.entities.values()}
    texts = _Texts({t["name"]: t for t in schema["types"]}, {e.type for e in case.schema.entities.values()})
    for field in schema["queryType"]["fields"]:
        if field["name"] not in made and (text := texts.field(field, DEPTH, whole=True)):
            query = f"{{ {text} }}"
            for kind, node, action in _rows(case, await case.told(query), "get"):
                await _same(case, kind, node, action, query)


class _Texts:
    """Selections from introspection alone."""

    def __init__(self, types: Mapping[str, Type], entities: set[str]) -> None:
        self._types = types
        self._entities = entities

    def field(self, field: Type, depth: int, *, whole: bool) -> str:
        """A field with everything below it; "" for one that needs an argument, or leads on where the depth ends."""
        if any(a["type"]["kind"] == "NON_NULL" and a["defaultValue"] is None for a in field["args"]):
            return ""
        type_ = field["type"]
        while type_.get("ofType"):
            type_ = type_["ofType"]
        found = self._types[type_["name"]]
        if found["kind"] in ("SCALAR", "ENUM"):
            return str(field["name"])
        inner = self._below(found, depth - 1, whole=whole) if depth else ""
        return f"{field['name']} {{ {inner} }}" if inner else ""

    def _below(self, type_: Type, depth: int, *, whole: bool) -> str:
        """The fields of a type; rows below rows have their own cells only."""
        row = type_["name"] in self._entities
        if type_["kind"] == "INTERFACE":
            kinds = [self._types[each["name"]] for each in type_["possibleTypes"]]
            return "__typename " + " ".join(
                f"... on {k['name']} {{ {self._below(k, depth, whole=whole)} }}" for k in kinds
            )
        deeper = depth if whole or not row else 0
        texts = [self.field(f, deeper, whole=whole and not row) for f in type_["fields"] or ()]
        return " ".join(["__typename", *(text for text in texts if text)])


def _rows(case: Case, value: Any, action: str) -> Iterator[tuple[str, dict[str, Any], str]]:
    """(entity, node, the action under which it is read) of every row in an answer."""
    if isinstance(value, list):
        for each in value:
            yield from _rows(case, each, action)
    if isinstance(value, dict):
        kinds = {e.type: e.name for e in case.schema.entities.values()}
        if value.get("__typename") in kinds and value.get("id") is not None:
            yield kinds[value["__typename"]], value, action
        for key, each in value.items():
            yield from _rows(case, each, "list" if key in ("nodes", "node", "edges") else "get")


async def _same(case: Case, kind: str, node: dict[str, Any], action: str, query: str) -> None:
    """A row that was shown may be seen, and its cells are as they may be."""
    row: Raw | None = await case.row(kind, UUID(node["id"]))
    shown = row is not None and await case.naive(lambda: case.sight.visible(kind, action, row))
    case.same(PATH, kind, row or {"id": node["id"]}, "row", shown, True, action=action, asked=query)
    if not shown or row is None:
        return
    ask = await case.naive(lambda: Asks(case).of(kind, kind, 0, action))
    wanted = await case.naive(lambda: case.answers.node(kind, row, action, ask))
    both = {key: value for key, value in wanted.items() if key in node}
    case.same_node(PATH, kind, row, both, node, action, query)
