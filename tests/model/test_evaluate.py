"""Filters over rows in memory: two-valued logic, every operator, references that are loaded when they are asked for."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest

from wangge.model.durations import SHANGHAI, shift
from wangge.model.evaluate import Context, Target, evaluate
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
from wangge.model.types import Entity, Field, Model, RowScope
from wangge.values import Label

NOW = dt.datetime(2026, 11, 24, 1, 0, tzinfo=dt.UTC)
NAMED = Label("", "")
A, B, C = UUID(int=1), UUID(int=2), UUID(int=3)


def field(name: str, kind: str, **more: Any) -> Field:
    """A field."""
    return Field(id=name, name=name, kind=kind, label=NAMED, **more)


FIELDS = (
    field("text", "text"),
    field("number", "integer"),
    field("amount", "decimal"),
    field("yes", "boolean"),
    field("day", "date"),
    field("at", "datetime"),
    field("code", "code", table="m.t"),
    field("codes", "codes", table="m.t"),
    field("ref", "ref", to=("m.other",)),
    field("refs", "refs", to=("m.other",)),
    field("parts", "list", fields=(field("size", "integer"),)),
    field("point", "point"),
    field("kids", "children", to=("m.other",), inverse="up"),
)


def entity(name: str, *fields: Field) -> Entity:
    """An entity."""
    return Entity(name=name, type=name, plural=name, label=NAMED, scope=RowScope("area"), fields=fields)


MODEL = Model(
    version="",
    modules={},
    entities={"m.row": entity("m.row", *FIELDS), "m.other": entity("m.other", field("name", "text"))},
    tables={},
    purposes={},
    roles={},
)
ROW: MappingProxyType[str, Any] = MappingProxyType(
    {
        "id": A, "area": B, "text": "贵阳市云岩区", "number": 7, "amount": Decimal("12.50"), "yes": False, "day": dt.date(2026, 11, 24),
        "at": NOW, "code": "E-01-02", "codes": ["E-01", "C"], "ref": B, "refs": [B, C], "parts": [{"size": 1}, {"size": 5}],
        "point": {"lon": 106.7, "lat": 26.6},
    }
)  # fmt: skip
EMPTY = MappingProxyType({"id": A, "area": None, **{f.id: None for f in FIELDS if f.kind != "children"}})


def given(name: str, operator: str, value: Any) -> Filter:
    """A comparison with a constant."""
    return Compare(name, operator, Given(value))


HOLDS = {
    "eq text": given("text", "eq", "贵阳市云岩区"),
    "in": given("number", "in", [1, 7]),
    "lt of texts by code point": given("text", "lt", "贵阳市云岩区a"),
    "decimal against text": given("amount", "gte", "12.5"),
    "false is a value": given("yes", "eq", False),
    "day against today": Compare("day", "eq", FromNow()),
    "day within two days": Compare("day", "gt", FromNow("-P2D")),
    "moment against wire": given("at", "eq", "2026-11-24T09:00:00+08:00"),
    "contains": given("text", "contains", "云岩"),
    "startsWith": given("text", "startsWith", "贵阳"),
    "under itself": given("code", "under", "E-01-02"),
    "under an ancestor": given("code", "under", "E"),
    "codes under": given("codes", "under", "E"),
    "has": given("codes", "has", "C"),
    "hasAny": given("codes", "hasAny", ["X", "C"]),
    "hasAll": given("codes", "hasAll", ["E-01", "C"]),
    "near": given("point", "near", {"point": {"lon": 106.7, "lat": 26.601}, "metres": 120}),
    "in a polygon": given(
        "point", "within", {"type": "Polygon", "coordinates": [[[106, 26], [107, 26], [107, 27], [106, 27], [106, 26]]]}
    ),
    "the row itself": Compare("number", "eq", FromRow("new", ("number",))),
    "the row before": Compare("number", "gt", FromRow("old", ("number",))),
    "a value inside": Compare("number", "lt", FromRow("new", ("point", "lon"))),
    "the actor": Compare("ref", "eq", FromActor("account")),
    "the areas of the actor": Compare("area", "in", FromActor("areas")),
    "the area of the post": Compare("area", "eq", FromArea()),
    "a reference": Refers("ref", given("name", "eq", "b")),
    "a reference is there": Refers("ref", TRUE),
    "the area": Refers("area", Compare(SELF, "within", Given(str(C)))),
    "some of many": Many("refs", "some", given("name", "eq", "c")),
    "every part": Many("parts", "every", given("size", "gte", 1)),
    "some part": Many("parts", "some", given("size", "eq", 5)),
    "no part": Many("parts", "none", given("size", "eq", 2)),
    "a child": Many("kids", "some", given("name", "eq", "kid")),
    "all": Every((given("number", "eq", 7), Not(given("number", "eq", 8)))),
    "one": Some((given("number", "eq", 8), given("number", "eq", 7))),
}
ABSENT = {
    "eq": (given("text", "eq", ""), False),
    "ne includes null": (given("text", "ne", "x"), True),
    "notIn includes null": (given("number", "notIn", [1]), True),
    "lt": (given("number", "lt", 5), False),
    "not lt": (Not(given("number", "lt", 5)), True),
    "isNull": (given("text", "isNull", True), True),
    "is not null": (given("text", "isNull", False), False),
    "isNull of null": (given("text", "isNull", None), False),
    "eq null": (given("text", "eq", None), False),
    "ne null": (given("text", "ne", None), True),
    "no reference": (Refers("ref", TRUE), False),
    "every of nothing": (Many("parts", "every", FALSE), True),
    "some of nothing": (Many("refs", "some", TRUE), False),
    "none of nothing": (Many("parts", "none", TRUE), True),
    "has": (given("codes", "has", "C"), False),
    "near": (given("point", "near", {"point": {"lon": 1, "lat": 1}, "metres": 1e9}), False),
    "or of nothing": (FALSE, False),
    "and of nothing": (TRUE, True),
}


def context(new: Any) -> Context:
    """A context that knows the rows behind references."""
    parents = {"E-01-02": "E-01", "E-01": "E", "E": "", "C": ""}
    made = Context(
        MODEL,
        NOW,
        new=new,
        old={"number": 5},
        actor={"account": B, "areas": [B]},
        area=B,
        parents=lambda table: parents if table == "m.t" else {},
    )
    made.rows = {
        ("m.other", B): Target("m.other", {"id": B, "name": "b"}),
        ("m.other", C): Target("m.other", {"id": C, "name": "c"}),
        ("wangge.area", B): Target("m.other", {"id": B, "ord": 5, "ordEnd": 6}),
        ("wangge.area", C): Target("m.other", {"id": C, "ord": 1, "ordEnd": 9}),
    }
    made.children = {("m.row", "kids", A): [Target("m.other", {"id": C, "name": "kid"})]}
    return made


@pytest.mark.parametrize("name", sorted(HOLDS))
def test_a_filter_holds_and_its_complement_does_not(name: str) -> None:
    assert evaluate(HOLDS[name], ROW, context(ROW), "m.row") is True
    assert evaluate(Not(HOLDS[name]), ROW, context(ROW), "m.row") is False


@pytest.mark.parametrize("name", sorted(ABSENT))
def test_what_is_absent_follows_the_two_valued_rules(name: str) -> None:
    found, expected = ABSENT[name]
    assert evaluate(found, EMPTY, context(EMPTY), "m.row") is expected


def test_an_unknown_row_is_noted_and_counts_as_absent() -> None:
    bare = Context(MODEL, NOW, new=ROW)
    assert evaluate(Refers("ref", given("name", "eq", "b")), ROW, bare, "m.row") is False
    assert bare.missing == {("m.other", B)}
    bare.rows["m.other", B] = None
    bare.missing.clear()
    assert evaluate(Not(Refers("ref", TRUE)), ROW, bare, "m.row") is True
    assert bare.missing == set()
    evaluate(Many("kids", "some", TRUE), ROW, bare, "m.row")
    assert bare.missing_children == {("m.row", "kids", A)}


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        ("P1D", "2024-03-01T10:00:00+08:00"),
        ("-P1Y", "2023-02-28T10:00:00+08:00"),
        ("P1M", "2024-03-29T10:00:00+08:00"),
        ("PT36H", "2024-03-01T22:00:00+08:00"),
        ("-P1Y2M3DT4H", "2022-12-26T06:00:00+08:00"),
        ("P2W", "2024-03-14T10:00:00+08:00"),
    ],
)
def test_durations_follow_the_calendar(duration: str, expected: str) -> None:
    assert shift(dt.datetime(2024, 2, 29, 10, tzinfo=SHANGHAI), duration).isoformat() == expected


@pytest.mark.parametrize("duration", ["", "P", "PT", "1D", "P1H", "-", "P-1D", "P1.5D"])
def test_another_form_is_no_duration(duration: str) -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        shift(NOW, duration)
