"""Every kind of field on a filled table: added, renamed, dropped, and changed into every other kind."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest
from tests.store.shapes import entity, field, insert, model, row_id

from wangge.model import names
from wangge.model.specs import columns_of
from wangge.model.types import FIELD_KINDS, Entity, Field
from wangge.store.apply import apply_model, plan_model
from wangge.store.catalog import drift
from wangge.store.database import Database

ROW = row_id(1)
OPTIONS: dict[str, dict[str, Any]] = {
    "enum": {"values": ("A",)},
    "code": {"table": "shop.kind"},
    "codes": {"table": "shop.kind"},
    "ref": {"to": ("shop.shop",)},
    "refs": {"to": ("shop.shop",)},
    "children": {"to": ("shop.shop",), "inverse": "place"},
    "list": {"fields": (field("day"), field("count", "integer"))},
    "number": {"pattern": "{yyyy}{seq:5}"},
    "photos": {"roles": ("near",)},
    **{kind: {"sealed": True} for kind in ("phone", "id_number", "email")},
}
VALUES: dict[str, Any] = {
    "integer": 7, "duration": 7, "decimal": Decimal("7.25"), "money": Decimal("7.25"), "boolean": True,
    "date": dt.date(2026, 11, 23), "time": dt.time(8, 30), "datetime": dt.datetime(2026, 11, 23, 1, tzinfo=dt.UTC),
    "month": "2026-11", "enum": "A", "code": "A", "codes": ["A", "B"], "ref": ROW, "file": ROW, "signature": ROW,
    "polygon": {"type": "Polygon", "coordinates": []}, "json": {"a": 1}, "credit_code": "91520100MA6DJTC02X",
    "url": "https://a.example", "number": "202600001", "text": "A",
}  # fmt: skip
"""kind -> a value of its first column; sealed ones and points have bytes and degrees."""

BECOMES: dict[str, str] = {
    "text": "code codes enum number",
    "integer": "decimal duration money number text",
    "decimal": "duration integer money number text",
    "money": "decimal duration integer number text",
    "boolean": "",
    "date": "datetime number text",
    "time": "",
    "month": "codes number text",
    "duration": "decimal integer money number text",
    "datetime": "date",
    "enum": "code codes number text",
    "code": "codes enum number text",
    "codes": "code enum number text",
    "ref": "file refs signature",
    "refs": "",
    "children": " ".join(kind for kind in FIELD_KINDS if kind != "children"),
    "list": "",
    "point": "",
    "polygon": "",
    "file": "files photos ref signature",
    "files": "photos",
    "photos": "files",
    "signature": "file files ref",
    "json": "",
    "phone": "",
    "id_number": "",
    "credit_code": "codes number text",
    "email": "",
    "url": "codes number text",
    "number": "codes decimal duration integer text",
}
"""kind -> the kinds that its value in VALUES becomes, when losses are allowed; all others are refused. What is stored nowhere
(children) can become all, and every unsealed kind can become that."""


def made(id_: str, kind: str) -> Field:
    """A field of a kind with what the kind needs."""
    return field(id_, kind, **OPTIONS.get(kind, {}))


def values(of: Iterable[Field]) -> dict[str, Any]:
    """Column -> value of a row that has all fields."""
    row: dict[str, Any] = {}
    for each in of:
        for n, column in enumerate(columns_of(each)):
            if each.sealed:
                row[column.name] = b"1" if column.type == "bytea" else "*"
            elif each.kind == "point":
                row[column.name] = "wgs84" if column.name.endswith("crs") else 26.5
            elif n == 0:
                row[column.name] = VALUES[each.kind]
    return row


async def fill(owner: Any, place: Entity) -> None:
    """A row with every field, and a part or link behind the others."""
    await insert(owner, entity("shop.shop"), {})
    await insert(owner, place, values(place.fields))
    for each in place.fields:
        table = names.side_table(place, each)
        if each.kind == "list":
            await owner.execute(f"INSERT INTO {table} (row_id, ord, day, count) VALUES ($1, 0, 'Mon', 3)", ROW)
        elif each.kind in ("refs", "files", "photos"):
            await owner.execute(f"INSERT INTO {table} (row_id, target_id, ord) VALUES ($1, $1, 0)", ROW)


async def allowing(bare: Database, owner: Any, *entities: Entity) -> None:
    """Apply with everything allowed that may be; the catalogue is then what the model says, and nothing is left to do."""
    wanted = model(*entities, tables={"shop.kind": ("A", "B")})
    named = frozenset(f.step.name for f in await plan_model(bare, wanted))
    await apply_model(bare, wanted, allow=named)
    assert await drift(owner, wanted) == []
    assert await plan_model(bare, wanted) == ()


async def test_a_field_of_every_kind_is_added_renamed_and_dropped(bare: Database, owner: Any) -> None:
    shop = entity("shop.shop")
    await allowing(bare, owner, shop, entity("shop.place"))
    await insert(owner, entity("shop.place"), {})
    await owner.execute("DELETE FROM shop.place")
    full = entity("shop.place", *(made(f"f{n}", kind) for n, kind in enumerate(FIELD_KINDS)))
    await allowing(bare, owner, shop, full)
    await fill(owner, full)
    renamed = entity(
        "shop.place", *(field(f.id, f.kind, name=f"r{n}", **OPTIONS.get(f.kind, {})) for n, f in enumerate(full.fields))
    )
    assert (await apply_model(bare, model(shop, renamed, tables={"shop.kind": ("A", "B")}))).steps == ()
    gone = model(shop, entity("shop.place", retired=tuple(f.id for f in full.fields)))
    losing = {f.step.field for f in await plan_model(bare, gone) if f.verdict == "allow"}
    assert losing == {f.id for f in full.fields if f.kind != "children"}
    await allowing(bare, owner, shop, entity("shop.place", retired=tuple(f.id for f in full.fields)))


@pytest.mark.parametrize("old", FIELD_KINDS)
async def test_a_filled_field_becomes_every_other_kind_or_is_refused(bare: Database, owner: Any, old: str) -> None:
    shop = entity("shop.shop")
    before = entity("shop.place", *(made(f"to{n}", old) for n in range(len(FIELD_KINDS))))
    await allowing(bare, owner, shop, before)
    await fill(owner, before)
    after = entity("shop.place", *(made(f"to{n}", kind) for n, kind in enumerate(FIELD_KINDS)))
    findings = await plan_model(bare, model(shop, after, tables={"shop.kind": ("A", "B")}))
    refused = {f.step.field for f in findings if f.verdict in ("refused", "consent")}
    mixed = entity(
        "shop.place", *(b if a.id in refused else a for a, b in zip(after.fields, before.fields, strict=True))
    )
    await allowing(bare, owner, shop, mixed)
    became = {f.kind for f in mixed.fields if f.kind not in (old, "children")}
    assert became == set(BECOMES[old].split())


def test_every_kind_has_a_row_in_the_table() -> None:
    assert set(BECOMES) == set(FIELD_KINDS)
