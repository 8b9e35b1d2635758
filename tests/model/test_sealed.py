"""Masks leave so many values that the other fields of a row do not tell which one it is."""

from __future__ import annotations

import datetime as dt

from tests.store.shapes import field
from wangge.model.identifiers import check_of_id_number, parse_id_number
from wangge.model.sealed import DEFAULT_MASKS, LEAST, left_open, masked
from wangge.model.types import Mask


def numbers(division: str, born: dt.date, *, male: bool) -> list[str]:
    """Every number of a person of whom all of that is known."""
    made = (f"{division}{born:%Y%m%d}{sequence:03d}" for sequence in range(1 if male else 0, 1000, 2))
    return [each + check_of_id_number(each) for each in made]


def test_the_default_mask_of_an_id_number_tells_nothing_that_other_fields_do_not() -> None:
    known = numbers("520102", dt.date(1985, 3, 4), male=False)
    assert len(known) == LEAST
    assert {masked(field("it", "id_number"), parse_id_number(each)) for each in known[1:]} == {"52" + "*" * 16}


def test_the_check_character_would_leave_fifty_numbers_at_most() -> None:
    known = numbers("520102", dt.date(1985, 3, 4), male=False)
    told = field("it", "id_number", mask=Mask(first=2, last=1))
    shown = [masked(told, each) for each in known]
    fewest = min(shown.count(each) for each in set(shown))
    assert (fewest, left_open("id_number", Mask(first=2, last=1))) == (45, 45)


def test_what_is_left_open_is_counted_for_every_mask() -> None:
    counted = {
        (kind, first, last): left_open(kind, Mask(first, last))
        for kind, first, last in (
            ("id_number", 0, 2),
            ("id_number", 6, 4),
            ("id_number", 17, 0),
            ("id_number", 0, 18),
            ("phone", 3, 4),
            ("phone", 5, 4),
            ("phone", 7, 7),
            ("text", 9, 9),
        )
    }
    assert counted == {
        ("id_number", 0, 2): 9,
        ("id_number", 6, 4): 1,
        ("id_number", 17, 0): 1,
        ("id_number", 0, 18): 1,
        ("phone", 3, 4): 10_000,
        ("phone", 5, 4): 100,
        ("phone", 7, 7): 1,
        ("text", 9, 9): None,
    }


def test_every_default_mask_leaves_enough() -> None:
    left = {kind: left_open(kind, mask) for kind, mask in DEFAULT_MASKS.items()}
    assert left == {"id_number": LEAST, "phone": 10_000}
