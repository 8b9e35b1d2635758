"""Every kind of field: what it takes, in its canonical form, and at least ten values that it refuses."""

from __future__ import annotations

import datetime as dt
import pickle
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wangge.model.identifiers import check_of_credit_code, check_of_id_number
from wangge.model.kind_messages import MESSAGES, sentence
from wangge.model.types import FIELD_KINDS, EnumValue, Field
from wangge.model.values_of_kinds import BadValue, PartialDate, check_value, parse_value, wire_of_text
from wangge.values import Label

ONE = UUID("0192f0c8-0000-7000-8000-000000000001")
TWO = UUID("0192f0c8-0000-7000-8000-000000000002")
NAME = Label("字段", "Field")
RING = [[106.6, 26.5], [106.7, 26.5], [106.7, 26.6], [106.6, 26.5]]
POLYGON = {"type": "Polygon", "coordinates": [RING]}
CHINA = dt.timezone(dt.timedelta(hours=8))


def field(kind: str, **more: Any) -> Field:
    return Field(id="x", name="x", kind=kind, label=NAME, **more)


class Kind(NamedTuple):
    """A field, wire values with what they become, and wire values that are refused."""

    field: Field
    good: list[tuple[Any, Any]]
    bad: list[Any]


LETTERS = field("text", max=5, pattern="[a-z]+")
STATE = field("enum", values=(EnumValue("OPEN", NAME), EnumValue("NO", NAME)))
PARTS = field(
    "list", fields=(field("text", max=3, required=True), Field(id="n", name="n", kind="integer", label=NAME, default=1))
)
NOT_TEXT = [None, 5, 5.5, True, ["a"], {"a": 1}]
CONTROL = ["a\x00", "a\x1b", "a\x7f", "a\ud800", "\u202eab"]
ZEROS = "00000000-0000-0000-0000-00000000000"

KINDS = {
    "text": Kind(LETTERS, [("abc", "abc"), ("abcde", "abcde")], [*NOT_TEXT, *CONTROL, "", "abcdef", "ABC", "ab\n"]),
    "url": Kind(
        field("url"),
        [("https://gz.gov.cn/a?b=1", "https://gz.gov.cn/a?b=1"), ("http://localhost:80", "http://localhost:80")],
        [*NOT_TEXT, "", "gz.gov.cn", "ftp://a.cn", "javascript:alert(1)", "https://", "https://a b.cn", "https://a@b.cn", "http://a\x00"],
    ),
    "email": Kind(
        field("email"),
        [("Zhang.San@Example.CN", "Zhang.San@example.cn"), (" a@b.cn ", "a@b.cn")],
        [*NOT_TEXT, "", "a", "a@", "@b.cn", "a@b", "a b@c.cn", "a@b..cn", ".a@b.cn", "a@-b.cn", "张@b.cn", "a@b.cn\n.x"],
    ),
    "phone": Kind(
        field("phone"),
        [
            ("13812345678", "13812345678"),
            ("+86 138-1234-5678", "13812345678"),
            ("010-85551234", "010-85551234"),
            ("01085551234", "010-85551234"),
            ("0851-85551234-12", "0851-85551234-12"),
            ("400 123 4567", "4001234567"),
        ],
        [*NOT_TEXT, "", "1381234567", "138123456789", "12812345678", "85551234", "+1 2025550100", "1381234567a", "１３８１２３４５６７８"],
    ),
    "id_number": Kind(
        field("id_number"),
        [("520102190001010009", "520102190001010009"), ("52010219000101005x", "52010219000101005X")],
        [
            *NOT_TEXT, "", "520115190002290016", "520102190001010019", "520102900101001", "52010219000101000", "5201021900010100090",
            "520102290001010007", "020102190001010009", "52010219000101X009", "520102190013010009", "a20102190001010009",
        ],
    ),
    "credit_code": Kind(
        field("credit_code"),
        [("91520102MA00000078", "91520102MA00000078"), ("92520103ma0te5t08x", "92520103MA0TE5T08X")],
        [
            *NOT_TEXT, "", "91520102MA00000079", "91520102MA0000007", "91520102MA000000788", "9152010IMA00000078", "91520102MA0000007O",
            "91520102MA0000007S", "9152010AMA00000078", "91520102MA 000007 ", "９1520102MA00000078",
        ],
    ),
    "month": Kind(
        field("month"),
        [("2026-11", "2026-11")],
        [*NOT_TEXT, "", "2026-13", "2026-00", "2026-1", "202611", "2026-11-01", "11-2026", "2026/11", "0026-11", "2026-11\n"],
    ),
    "integer": Kind(
        field("integer", min=-5, max=10),
        [(3, 3), ("7", 7), (4.0, 4), (-5, -5), (10, 10)],
        [None, True, "x", "", 3.5, "3.5", 11, -6, 2**70, float("nan"), float("inf"), [1], "1e3", "0x1", "٣", "1_0"],
    ),
    "duration": Kind(field("duration"), [(90, 90)], [None, True, -1, "PT90M", 1.5, 2**40, "x", "", [], {}, "1:30"]),
    "decimal": Kind(
        field("decimal", min="0", max="1"),
        [("0.25", Decimal("0.25")), (1, Decimal(1)), (0.1, Decimal("0.1")), (Decimal("1.000"), Decimal("1.000"))],
        [None, True, "x", "", "1.1", "-0.1", "1e-1", "NaN", float("inf"), "0.12345678901", "1,0", "٠", [], "0x1", "."],
    ),
    "money": Kind(
        field("money"),
        [("12.50", Decimal("12.50")), (-3, Decimal(-3))],
        [None, True, "12.505", "¥12", "12,50", "1e3", "", "NaN", 10**17, "99999999999999999.00", [], {}],
    ),
    "boolean": Kind(field("boolean"), [(True, True), (False, False)], [None, 0, 1, "true", "false", "", "是", "yes", [], {}, 0.0]),
    "date": Kind(
        field("date"),
        [("2026-11-23", dt.date(2026, 11, 23)), (dt.date(2024, 2, 29), dt.date(2024, 2, 29))],
        [*NOT_TEXT, "", "2026-02-29", "2026-11", "2026-1-1", "20261123", "2026-W48-1", "23.11.2026", "0999-01-01", "2026-11-23T00:00:00Z"],
    ),
    "time": Kind(
        field("time"),
        [("08:30", dt.time(8, 30)), ("08:30:15", dt.time(8, 30, 15))],
        [*NOT_TEXT, "", "8:30", "24:00", "08:60", "0830", "08", "08:30Z", "08:30+08:00", "8.30", "08:30:15.1234567"],
    ),
    "datetime": Kind(
        field("datetime"),
        [
            ("2026-11-23T08:30:00+08:00", dt.datetime(2026, 11, 23, 8, 30, tzinfo=CHINA)),
            ("2026-11-23 00:30:00.5Z", dt.datetime(2026, 11, 23, 0, 30, 0, 500000, tzinfo=dt.UTC)),
        ],
        [
            *NOT_TEXT, "", "2026-11-23T08:30:00", "2026-11-23", "2026-11-31T08:30:00Z", "2026-11-23T25:30:00Z", "20261123T083000Z",
            "2026-11-23T08:30:00+0800", "2026-11-23T08:30:00+99:99", "now", dt.datetime(2026, 1, 1), "0001-01-01T00:00:00Z",
        ],
    ),
    "enum": Kind(STATE, [("OPEN", "OPEN"), ("NO", "NO")], [*NOT_TEXT, "", "open", "CLOSED", " OPEN", "OPEN ", "0", False]),
    "code": Kind(field("code", table="a.b"), [("E-01-02", "E-01-02")], [*NOT_TEXT, "", "a b", "-a", "犬", "a/b", "a" * 81, "a\n", "%"]),
    "codes": Kind(
        field("codes", table="a.b"),
        [(["A", "B"], ["A", "B"]), ([], [])],
        [None, "A", 5, {"a": 1}, [1], [None], [""], ["A", "A"], ["a b"], [["A"]], ["x"] * 1001, True],
    ),
    "ref": Kind(field("ref", to=("a.b",)), [(str(ONE), ONE), (ONE, ONE)], [*NOT_TEXT, "", "x", ONE.hex, f"{{{ONE}}}", ZEROS, str(ONE) + "0"]),
    "refs": Kind(
        field("refs", to=("a.b",)),
        [([str(ONE), str(TWO)], [ONE, TWO])],
        [None, str(ONE), 5, [5], [None], ["x"], [str(ONE), str(ONE)], {"id": str(ONE)}, [[str(ONE)]], True, [ZEROS]],
    ),
    "children": Kind(field("children", to=("a.b",), inverse="c"), [], [[], [str(ONE)], str(ONE), 1, {}, "", True, 0.5, [{}], [1]]),
    "list": Kind(
        PARTS,
        [([{"x": "ab"}, {"x": "c", "n": 2}], [{"x": "ab", "n": 1}, {"x": "c", "n": 2}]), ([], [])],
        [None, "a", {"x": "a"}, ["a"], [None], [{}], [{"n": 1}], [{"x": "abcd"}], [{"x": "a", "y": 1}], [{"x": "a", "n": "b"}], [{"x": None}]],
    ),
    "point": Kind(
        field("point"),
        [
            ({"lon": 106.7, "lat": 26.57}, {"lon": 106.7, "lat": 26.57}),
            (
                {"lon": 106, "lat": 26, "crs": "GCJ02", "accuracy": 12},
                {"lon": 106.0, "lat": 26.0, "crs": "GCJ02", "accuracy": 12.0},
            ),
        ],
        [
            None, "106.7,26.57", [106.7, 26.57], {}, {"lon": 106.7}, {"lon": 0, "lat": 0}, {"lon": 26.57, "lat": 106.7},
            {"lon": 2.35, "lat": 48.85}, {"lon": "106.7", "lat": "26.57"}, {"lon": True, "lat": 26}, {"lon": float("nan"), "lat": 26},
            {"lon": 106, "lat": 26, "z": 1}, {"lon": 106, "lat": 26, "crs": "X"}, {"lon": 106, "lat": 26, "accuracy": -1},
        ],
    ),
    "polygon": Kind(
        field("polygon"),
        [(POLYGON, POLYGON), ({"type": "MultiPolygon", "coordinates": [[RING]]}, {"type": "MultiPolygon", "coordinates": [[RING]]})],
        [
            None, "POLYGON", [], {}, {"type": "Point", "coordinates": [106, 26]}, {"type": "Polygon"},
            {"type": "Polygon", "coordinates": []}, {"type": "Polygon", "coordinates": [RING[:3]]},
            {"type": "Polygon", "coordinates": [[*RING[:3], [106.61, 26.5]]]}, {"type": "Polygon", "coordinates": [[[0, 0]] * 4]},
            {"type": "Polygon", "coordinates": [[["106", "26"]] * 4]}, {"type": "Polygon", "coordinates": RING},
            {"type": "Polygon", "coordinates": [[[106.6, 26.5]] * 4]}, {**POLYGON, "properties": {}},
        ],
    ),
    "file": Kind(field("file"), [(str(ONE), ONE)], [*NOT_TEXT, "", "a.jpg", ONE.hex, ZEROS]),
    "signature": Kind(field("signature"), [(str(ONE), ONE)], [*NOT_TEXT, "", "data:image/png;base64,", ONE.hex, ZEROS]),
    "files": Kind(
        field("files"), [([str(ONE)], [ONE])], [None, str(ONE), 1, [1], [None], ["x"], [str(ONE)] * 2, {}, True, [[]], [ZEROS]]
    ),
    "photos": Kind(
        field("photos", roles=("near", "far")),
        [([{"role": "near", "file": str(ONE)}], [{"role": "near", "file": ONE}])],
        [
            None, str(ONE), [str(ONE)], [{}], [{"role": "near"}], [{"file": str(ONE)}], [{"role": "side", "file": str(ONE)}],
            [{"role": None, "file": str(ONE)}], [{"role": "near", "file": "x"}], [{"role": "near", "file": str(ONE), "a": 1}], [1],
        ],
    ),
    "json": Kind(
        field("json"),
        [({"a": [1, None]}, {"a": [1, None]}), ("x", "x"), (0, 0)],
        [
            float("nan"), float("inf"), {1, 2}, object(), b"x", "\x00", {"a": "\x00"}, "\ud800", {"a": float("nan")}, "x" * 70_000,
            {ONE: 1}, dt.date(2026, 1, 1),
        ],
    ),
    "number": Kind(field("number", pattern="{seq:5}"), [], ["00001", 1, "", True, [], {}, 1.5, "x", "2026", "1-1"]),
}  # fmt: skip


def test_every_kind_has_its_row() -> None:
    assert set(KINDS) == set(FIELD_KINDS)
    assert {kind: len(row.bad) for kind, row in KINDS.items() if len(row.bad) < 10} == {}


@pytest.mark.parametrize("kind", FIELD_KINDS)
def test_good_values_come_to_their_python_value(kind: str) -> None:
    row = KINDS[kind]
    for wire, value in row.good:
        parsed = parse_value(row.field, wire)
        assert (parsed, type(parsed)) == (value, type(value))


@pytest.mark.parametrize("kind", FIELD_KINDS)
def test_bad_values_are_refused_with_a_sentence(kind: str) -> None:
    row = KINDS[kind]
    for wire in row.bad:
        with pytest.raises(BadValue) as caught:
            parse_value(row.field, wire)
        bad = caught.value
        assert bad.code in MESSAGES or bad.code == "field.required"
        assert "{" not in sentence(bad.code, bad.facts, "zh").replace("{entity, id}", "")
        assert check_value(row.field, wire) == str(bad)


def test_a_date_may_be_known_to_the_month_or_year() -> None:
    partial = field("date", precision=True)
    known = {wire: parse_value(partial, wire) for wire in ("1950", "1950-03", "1950-03-07")}
    assert {wire: (day.isoformat(), day.precision) for wire, day in known.items()} == {
        "1950": ("1950-01-01", "year"),
        "1950-03": ("1950-03-01", "month"),
        "1950-03-07": ("1950-03-07", "day"),
    }
    copied = pickle.loads(pickle.dumps(known["1950"]))
    assert (copied, copied.precision) == (PartialDate.of(dt.date(1950, 1, 1), "year"), "year")
    assert check_value(partial, "1950-3") is not None


def test_a_multiline_text_keeps_its_lines() -> None:
    assert parse_value(field("text", multiline=True), "一\r\n二\t三") == "一\n二\t三"
    assert check_value(field("text"), "一\n二") is not None


def test_a_text_has_500_characters_unless_its_field_says_otherwise() -> None:
    assert check_value(field("text"), "汉" * 500) is None
    assert check_value(field("text"), "汉" * 501) == "At most 500 characters, not 501"


def test_a_reference_to_several_entities_names_one() -> None:
    union = field("ref", to=("base.person", "base.organisation"))
    assert parse_value(union, {"entity": "base.person", "id": str(ONE)}) == {"entity": "base.person", "id": ONE}
    for wire in (
        str(ONE),
        {"id": str(ONE)},
        {"entity": "base.room", "id": str(ONE)},
        {"entity": "base.person", "id": "x"},
    ):
        assert check_value(union, wire) is not None


def test_the_numbers_of_demonstration_people_can_be_refused() -> None:
    with pytest.raises(BadValue) as caught:
        parse_value(field("id_number"), "520102190001010009", reserved=False)
    assert caught.value.code == "value.id_number_reserved"


def test_a_mistake_inside_a_value_names_its_place() -> None:
    with pytest.raises(BadValue) as caught:
        parse_value(KINDS["photos"].field, [{"role": "near", "file": str(ONE)}, {"role": "side", "file": str(TWO)}])
    assert (caught.value.code, caught.value.path) == ("value.bad_role", (1, "role"))


def test_cells_of_a_csv_come_to_wire_values() -> None:
    cells = {"boolean": "true", "codes": "A; B", "integer": "3", "point": '{"lon": 106, "lat": 26}', "text": ""}
    assert {kind: wire_of_text(field(kind), text) for kind, text in cells.items()} == {
        "boolean": True,
        "codes": ["A", "B"],
        "integer": "3",
        "point": {"lon": 106, "lat": 26},
        "text": None,
    }


@given(
    st.integers(100000, 659999),
    st.dates(dt.date(1900, 1, 1), dt.date(2020, 1, 1)),
    st.integers(0, 999),
    st.integers(0, 17),
)
def test_one_wrong_digit_of_an_id_number_is_noticed(division: int, born: dt.date, order: int, place: int) -> None:
    digits = f"{division}{born:%Y%m%d}{order:03}"
    number = digits + check_of_id_number(digits)
    assert parse_value(field("id_number"), number) == number
    other = "1" if number[place] != "1" else "2"
    assert check_value(field("id_number"), number[:place] + other + number[place + 1 :]) is not None


@given(st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=9, max_size=9), st.integers(8, 17))
def test_one_wrong_symbol_of_a_credit_code_is_noticed(organisation: str, place: int) -> None:
    symbols = f"91520102{organisation}"
    code = symbols + check_of_credit_code(symbols)
    assert parse_value(field("credit_code"), code) == code
    other = "A" if code[place] != "A" else "B"
    assert check_value(field("credit_code"), code[:place] + other + code[place + 1 :]) is not None


@pytest.mark.parametrize("kind", FIELD_KINDS)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
        max_leaves=6,
    )
)
def test_any_value_is_taken_or_refused(kind: str, wire: Any) -> None:
    row = KINDS[kind]
    if wire is not None:
        why = check_value(row.field, wire)
        assert why is None or why
