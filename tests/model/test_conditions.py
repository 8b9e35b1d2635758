"""Mappings come to typed filters, for YAML, for rows of rules and for what modules ask."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from wangge.errors import Invalid
from wangge.model.conditions import parse_filter
from wangge.model.filter import (
    FALSE,
    SELF,
    TRUE,
    Compare,
    Every,
    Filter,
    FromActor,
    FromArea,
    FromNow,
    FromRow,
    Given,
    Many,
    Not,
    Refers,
    Some,
)
from wangge.model.load import load_model
from wangge.model.types import Model

from .sample import DOGS, REAL

AREA = "0192f0c8-0000-7000-8000-000000000001"
POLYGON = {"type": "Polygon", "coordinates": [[[106.6, 26.5], [106.7, 26.5], [106.7, 26.6], [106.6, 26.5]]]}


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model([*REAL, DOGS])


RIGHT: list[tuple[str, dict[str, Any], Filter]] = [
    ("dog_registry.dog", {}, TRUE),
    ("dog_registry.dog", {"or": []}, FALSE),
    ("dog_registry.dog", {"and": []}, TRUE),
    ("dog_registry.dog", {"name": {"eq": "旺财"}}, Compare("name", "eq", Given("旺财"))),
    ("dog_registry.dog", {"name": {"eq": None}}, Compare("name", "eq", Given(None))),
    ("dog_registry.dog", {"name": {"eq": "$area"}}, Compare("name", "eq", Given("$area"))),
    ("dog_registry.dog", {"name": {}}, TRUE),
    (
        "dog_registry.dog",
        {"name": {"startsWith": "旺", "ne": "旺财"}},
        Every((Compare("name", "startsWith", Given("旺")), Compare("name", "ne", Given("旺财")))),
    ),
    (
        "dog_registry.dog",
        {"or": [{"state": {"in": ["KEPT", "LOST"]}}, {"not": {"diedOn": {"isNull": True}}}]},
        Some((Compare("state", "in", Given(["KEPT", "LOST"])), Not(Compare("diedOn", "isNull", Given(True))))),
    ),
    ("dog_registry.dog", {"weight": {"gt": 0.5}}, Compare("weight", "gt", Given("0.5"))),
    ("dog_registry.dog", {"weight": {"gt": Decimal("0.50")}}, Compare("weight", "gt", Given("0.50"))),
    ("dog_registry.dog", {"litter": {"lte": 3}}, Compare("litter", "lte", Given(3))),
    ("dog_registry.dog", {"bornOn": {"lt": dt.date(2026, 1, 2)}}, Compare("bornOn", "lt", Given("2026-01-02"))),
    ("dog_registry.dog", {"bornOn": {"lt": "2026"}}, Compare("bornOn", "lt", Given("2026-01-01"))),
    ("dog_registry.dog", {"bornOn": {"lt": {"$now": "-P1Y"}}}, Compare("bornOn", "lt", FromNow("-P1Y"))),
    ("dog_registry.dog", {"bornOn": {"lt": "$now"}}, Compare("bornOn", "lt", FromNow())),
    (
        "dog_registry.dog",
        {"createdAt": {"lt": "2026-01-02"}},
        Compare("createdAt", "lt", Given("2026-01-02T00:00:00+08:00")),
    ),
    ("dog_registry.dog", {"keeperPhone": {"eq": "138 1234 5678"}}, Compare("keeperPhone", "eq", Given("13812345678"))),
    ("dog_registry.dog", {"breed": {"under": "A"}}, Compare("breed", "under", Given("A"))),
    ("dog_registry.dog", {"mother": {}}, Refers("mother", TRUE)),
    ("dog_registry.dog", {"mother": {"isNull": True}}, Compare("mother", "isNull", Given(True))),
    (
        "dog_registry.dog",
        {"mother": {"isNull": False, "name": {"eq": "旺财"}}},
        Every((Compare("mother", "isNull", Given(False)), Refers("mother", Compare("name", "eq", Given("旺财"))))),
    ),
    ("dog_registry.dog", {"id": {"eq": UUID(AREA)}}, Compare("id", "eq", Given(AREA))),
    ("dog_registry.dog", {"area": {"within": AREA}}, Refers("area", Compare(SELF, "within", Given(AREA)))),
    ("dog_registry.dog", {"area": {"within": "$area"}}, Refers("area", Compare(SELF, "within", FromArea()))),
    (
        "dog_registry.dog",
        {"area": {"within": {"$new": "district"}}},
        Refers("area", Compare(SELF, "within", FromRow("new", ("district",)))),
    ),
    (
        "dog_registry.dog",
        {"bites": {"some": {"on": {"gte": "2026-01-01"}}}},
        Many("bites", "some", Compare("on", "gte", Given("2026-01-01"))),
    ),
    ("dog_registry.dog", {"vaccinations": {"none": {}}}, Many("vaccinations", "none", TRUE)),
    (
        "dog_registry.dog",
        {"vaccinations": {"every": {"clinic": {"name": {"contains": "宠"}}}}},
        Many("vaccinations", "every", Refers("clinic", Compare("name", "contains", Given("宠")))),
    ),
    (
        "dog_registry.dog",
        {"home": {"near": {"point": {"lon": 106.7, "lat": 26.5}, "metres": 200}}},
        Compare("home", "near", Given({"point": {"lon": 106.7, "lat": 26.5}, "metres": 200})),
    ),
    ("dog_registry.dog", {"home": {"within": POLYGON}}, Compare("home", "within", Given(POLYGON))),
    (
        "dog_registry.dog",
        {"home": {"isNull": False}, "bornOn": {"lt": {"$new": "diedOn"}}},
        Every((Compare("home", "isNull", Given(False)), Compare("bornOn", "lt", FromRow("new", ("diedOn",))))),
    ),
    (
        "base.staff",
        {"unit": {"id": {"in": {"$actor": "units"}}}},
        Refers("unit", Compare("id", "in", FromActor("units"))),
    ),
    ("urban_management.incident", {"caseNo": {"eq": "1"}}, Compare("caseNo", "eq", Given("1"))),
    ("base.person", {"sex": {"eq": 1}}, Compare("sex", "eq", Given("1"))),
]


@pytest.mark.parametrize(("entity", "mapping", "wanted"), RIGHT, ids=lambda v: str(v)[:50])
def test_a_mapping_comes_to_a_filter(model: Model, entity: str, mapping: dict[str, Any], wanted: Filter) -> None:
    assert parse_filter(model, entity, mapping) == wanted


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"nme": {"eq": "x"}}, "schema.unknown_field"),
    ({"name": "x"}, "schema.condition"),
    ({"name": {"like": "x"}}, "schema.unknown_operator"),
    ({"keeperPhone": {"contains": "1"}}, "schema.operator_of_kind"),
    ({"state": {"eq": "GONE"}}, "schema.unknown_value"),
    ({"litter": {"eq": "many"}}, "schema.operand"),
    ({"or": {"name": {"eq": "x"}}}, "schema.condition"),
    ({"mother": "x"}, "schema.condition"),
    ({"vaccinations": {"givenOn": {"eq": "2026-01-01"}}}, "schema.unknown_operator"),
    ({"area": {"within": "x'; DROP TABLE"}}, "schema.operand"),
    ({"home": {"near": {"point": {"lon": 0, "lat": 0}, "metres": 5}}}, "schema.operand"),
]


@pytest.mark.parametrize(("mapping", "reason"), WRONG, ids=str)
def test_a_wrong_mapping_is_refused_with_its_reason(model: Model, mapping: dict[str, Any], reason: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_filter(model, "dog_registry.dog", mapping)
    assert (caught.value.code, caught.value.facts) == ("filter.invalid", {"reason": reason})


def test_a_deep_mapping_is_refused(model: Model) -> None:
    mapping: dict[str, Any] = {"name": {"eq": "x"}}
    for _ in range(2000):
        mapping = {"not": mapping}
    with pytest.raises(Invalid):
        parse_filter(model, "dog_registry.dog", mapping)
