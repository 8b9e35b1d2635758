"""Small models made by hand, and rows for them: what the tests of plan and apply change step by step."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from wangge.model import names
from wangge.model.types import Code, CodeTable, Entity, EnumValue, Field, Model, Module, RowScope, ScopeKind, Unique
from wangge.values import Label

LABEL = Label("名", "Name")


def field(id_: str, kind: str = "text", **more: Any) -> Field:
    """A field; `name` is its id unless given."""
    if "values" in more:
        more["values"] = tuple(EnumValue(value, LABEL) for value in more["values"])
    return Field(id=id_, name=more.pop("name", id_), kind=kind, label=LABEL, **more)


def entity(
    name: str, *fields: Field, scope: ScopeKind = "city", unique: tuple[Unique, ...] = (), **more: Any
) -> Entity:
    """An entity, city-wide unless a scope is named."""
    local = name.partition(".")[2]
    return Entity(
        name=name, type=local.title(), plural=local + "s", label=LABEL, scope=RowScope(scope), fields=fields, unique=unique, **more
    )  # fmt: skip


def model(*entities: Entity, tables: dict[str, tuple[str, ...]] | None = None, modules: tuple[str, ...] = ()) -> Model:
    """A model of these entities and code tables (name -> codes); its version tells its content."""
    named = sorted({e.module for e in entities} | set(modules))
    made = {
        name: CodeTable(
            name=name, label=LABEL, authority="", version="1", codes=tuple(Code(c, "", LABEL) for c in codes)
        )
        for name, codes in (tables or {}).items()
    }
    return Model(
        version=f"test:{hash((entities, tuple(sorted(made))))}",
        modules={name: Module(id=name, version="1.0.0", label=LABEL) for name in named},
        entities={e.name: e for e in entities},
        tables=made,
        purposes={},
        roles={},
    )


def row_id(number: int) -> UUID:
    """The id of the n-th row."""
    return UUID(int=number)


async def insert(connection: Any, of: Entity, *rows: dict[str, Any]) -> None:
    """Store rows by column, ids from 1 on in order."""
    for number, row in enumerate(rows, 1):
        columns = {"id": row_id(number), **row}
        marks = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
        listed = ", ".join(names.quote(c) for c in columns)
        await connection.execute(f"INSERT INTO {names.table(of)} ({listed}) VALUES ({marks})", *columns.values())
