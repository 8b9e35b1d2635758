"""One row through the bulk path and through the single one: the same columns, parts, areas, claims and revision."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from tests.records.test_creating import building, id_number, room
from tests.records.world import City
from wangge.model.identifiers import check_of_credit_code
from wangge.values import Actor

OWN = {"id", "credit_code", "created_at", "updated_at", "created_by", "batch_id", "case_no", "reported_at"}
"""Columns that say which row it is and when it came."""
SIDES = {"base.person": ["phones", "guardians"], "urban_management.incident": ["extent"], "base.compound": ["aliases"]}
CHAINS = {"urban_management.incident": ["casework.case", "urban_management.incident"]}
THROUGH = {"base.person"}


def credit_code(serial: int) -> str:
    """A credit code with a right check character."""
    symbols = f"91520103MA6{serial:06d}"
    return symbols + check_of_credit_code(symbols)


async def stored(city: City, entity: str, row: UUID) -> dict[str, Any]:
    """Everything that is stored of a row but what makes it itself; ciphertexts aside."""
    found: dict[str, Any] = {}
    for table in CHAINS.get(entity, [entity]):
        text = await city.pool.fetchval(f"SELECT to_json(t.*) FROM {table} t WHERE id = $1", row)
        columns = json.loads(text).items()
        found[table] = {n: v for n, v in columns if n not in OWN and not n.endswith(("_enc", "_hash", "_mask"))}
    for side in SIDES.get(entity, []):
        texts = await city.pool.fetch(f"SELECT to_json(t.*) FROM {entity}_{side} t WHERE row_id = $1 ORDER BY ord", row)
        found[side] = [
            {n: v for n, v in json.loads(t[0]).items() if n not in ("id", "row_id") and not n.endswith("_enc")}
            for t in texts
        ]
    if entity in THROUGH:
        areas = await city.pool.fetch(
            f"SELECT area_id, area_ord, district_id, via, sort FROM {entity}_area WHERE row_id = $1", row
        )
        found["areas"] = [tuple(each) for each in areas]
    claims = "SELECT constraint_name, contested FROM wangge.claim WHERE row_id = $1"
    found["claims"] = [tuple(each) for each in await city.pool.fetch(claims, row)]
    flags = await city.pool.fetch('SELECT code FROM wangge.flag WHERE "row" = $1', str(row))
    found["flags"] = [each["code"] for each in flags]
    return found


@pytest.mark.parametrize(
    ("entity", "wires"),
    [
        ("base.compound", [{"name": "小区", "aliases": [{"alias": "老院"}]}]),
        ("base.building", [{"code": "1", "name": "楼", "position": {"lon": 106.7, "lat": 26.6}}]),
        ("base.room", [{"building": "$building", "number": "1", "address": "一号", "floorArea": "88.50"}]),
        ("base.organisation", [{"name": "甲", "kind": "ENTERPRISE", "creditCode": credit_code(n)} for n in (1, 2)]),
        ("base.place", [{"name": "店", "kind": "SHOP", "room": "$room"}]),
        (
            "base.person",
            [
                {
                    "name": "测试甲",
                    "birthDate": "1980-05",
                    "idNumber": id_number(n),
                    "phones": [{"number": "+86 138 0000 0001"}],
                    "guardians": ["$person"],
                }
                for n in (901, 902)
            ],
        ),
        ("base.residence", [{"person": "$person", "room": "$room", "kind": "OWNER", "validFrom": "2020-01-01"}]),
        (
            "urban_management.incident",
            [
                {
                    "duty": "6",
                    "source": "STAFF",
                    "kind": "EVENT",
                    "category": "E-01-02",
                    "description": "垃圾",
                    "state": "CLOSED_SELF",
                    "closedAt": "2099-01-01T00:00:00+08:00",
                    "location": {"lon": 106.7, "lat": 26.6},
                    "extent": [{"item": "AREA", "amount": "2.5"}],
                }
            ],
        ),
    ],
)
async def test_both_paths_store_the_same(city: City, entity: str, wires: list[dict[str, Any]]) -> None:
    area = city.areas["north_1"].id
    person = await city.records.create(city.scope("city"), "base.person", [{"area": area, "name": "测试丙"}])
    known = {"$building": await building(city), "$room": await room(city), "$person": person.ids[0]}
    given = [
        {n: [known[v[0]]] if v == ["$person"] else known.get(str(v), v) for n, v in wire.items()} for wire in wires
    ]
    kind = city.model.root_scope(entity).kind
    one, other = ({"area": area, **g} if kind != "parent" else g for g in (given[0], given[-1]))
    made = await city.records.create(city.scope("city"), entity, [one])
    assert made.errors == ()
    newest = f"SELECT id FROM {CHAINS.get(entity, [entity])[0]} ORDER BY created_at DESC, id DESC LIMIT 1"
    assert await city.records.load(entity, [[other]], Actor("system", "test"), "both paths") == 1
    loaded = await city.pool.fetchval(newest)
    assert loaded != made.ids[0]
    assert await stored(city, entity, made.ids[0]) == await stored(city, entity, loaded)
