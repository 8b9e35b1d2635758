"""When a change of rules shows more of a personal field, whatever rows there are, so that a second person must agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.policy.test_build import NORTH, SOUTH, rule, world
from wangge.policy.rule_drafts import needs_second, widened
from wangge.policy.world import StoredRule

PERSON = "base.person"
FEMALE = {"sex": {"eq": "FEMALE"}}
OLD = {"birthDate": {"lt": "1960-01-01"}}


def person(
    role: str = "clerk", actions: str = "list", fields: Mapping[str, str] | None = None, where: Any = None, **more: Any
) -> StoredRule:
    """A rule on persons."""
    return rule(role, PERSON, actions, fields if fields is not None else {"name": "clear"}, where, **more)


def gains(
    before: list[StoredRule], after: list[StoredRule], **inherits: tuple[str, ...]
) -> list[tuple[str, str | None]]:
    """(role, field) for which a second person is needed."""
    found = needs_second(world(*before, inherits=inherits), world(*after, inherits=inherits))
    return [(role, field) for role, _, field in found]


DENY: dict[str, Any] = {"effect": "DENY"}
FORBID: dict[str, Any] = {"effect": "PROHIBIT"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], [person()]),
        ([person(fields={"name": "masked"})], [person()]),
        ([person(fields={"sex": "clear"})], [person(fields={"sex": "clear", "name": "masked"})]),
        ([person(where=FEMALE)], [person()]),
        ([person(where=FEMALE)], [person(where=OLD)]),
        ([person(where=FEMALE)], [person(where=FEMALE), person(where=OLD)]),
        ([person(via="owner")], [person()]),
        ([person()], [person(actions="list get")]),
        ([person(), person(fields={"name": "clear"}, **DENY)], [person()]),
        ([person(), person(fields={}, where=FEMALE, **DENY)], [person()]),
        ([person(), person(fields={}, where=FEMALE, **FORBID)], [person()]),
        ([person(), person(fields={}, where=FEMALE, **FORBID)], [person(), person(fields={}, where=OLD, **FORBID)]),
        ([person(), person(fields={"sex": "clear"}, district=NORTH)], [person()]),
        ([person(actions="reveal", purpose="contact")], [person(actions="reveal", purpose="population_register")]),
    ],
)
def test_more_of_a_name_needs_a_second_person(before: list[StoredRule], after: list[StoredRule]) -> None:
    assert ("clerk", "name") in gains(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([person()], [person(fields={"name": "masked"})]),
        ([person()], [person(where=FEMALE)]),
        ([person(actions="list get")], [person(), person(actions="get")]),
        ([person(fields={"name": "clear", "sex": "clear"})], [person(), person(fields={"sex": "clear"})]),
        ([person(), person(fields={"sex": "clear"})], [person(fields={"name": "clear", "sex": "clear"})]),
        ([person()], [person(), person(where=OLD)]),
        ([person()], [person(), person(fields={}, where=FEMALE, **DENY)]),
        ([person()], [person(), person(fields={}, where=FEMALE, **FORBID)]),
        ([person()], [person(via="owner")]),
        ([person()], [person(), person(district=NORTH)]),
        ([person()], []),
    ],
)
def test_who_shows_no_more_needs_nobody(before: list[StoredRule], after: list[StoredRule]) -> None:
    assert gains(before, after) == []


def test_more_of_an_open_field_needs_nobody_but_is_a_widening() -> None:
    before, after = world(), world(rule("clerk", "base.room", "list", {"floor": "clear"}))
    assert needs_second(before, after) == ()
    assert widened(before, after) == (("clerk", "base.room", "floor"), ("clerk", "base.room", None))


def test_who_inherits_gains_too() -> None:
    assert gains([], [person()], chief=("clerk",)) == [("chief", "name"), ("clerk", "name")]


def test_a_deny_that_goes_frees_what_the_heir_has_of_its_own() -> None:
    own = person(role="chief")
    before = [own, person(fields={"name": "clear"}, **DENY)]
    assert gains(before, [own], chief=("clerk",)) == [("chief", "name")]


def test_an_override_that_goes_frees_the_default_of_its_district_only() -> None:
    default, override = person(), person(fields={"sex": "clear"}, district=NORTH)
    assert gains([default, override], [default]) == [("clerk", "name")]
    south = person(fields={"sex": "clear"}, district=SOUTH)
    assert gains([default, south, override], [default, south]) == [("clerk", "name")]


def test_a_part_of_a_list_is_a_field_of_its_own() -> None:
    masked, clear = ({"phones": "clear", "phones.number": level} for level in ("masked", "clear"))
    assert gains([person(fields=masked)], [person(fields=clear)]) == [("clerk", "phones.number")]
