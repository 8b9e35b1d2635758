"""Scopes: grants per post, united over posts, minus denies; equal shapes for callers alike."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest

from wangge.model.conditions import parse_filter
from wangge.model.load import load_model
from wangge.model.types import Dimension
from wangge.modules.discover import discover
from wangge.policy.build import build_scope
from wangge.policy.roles import Roles
from wangge.policy.scope import CUBE, Form, Level, Scope
from wangge.policy.world import Enabled, Facts, HeldPost, StoredRule, World
from wangge.values import Actor, uuid7

MODEL = load_model([m.folder for m in discover()])
NOW = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
CITY, NORTH, SOUTH, STREET = (uuid7() for _ in range(4))
SPANS = {CITY: (1, 1000), NORTH: (100, 199), SOUTH: (200, 299), STREET: (110, 119)}
INCIDENT = "urban_management.incident"
ACCOUNT = uuid7()


def rule(
    role: str, entity: str, actions: str, fields: Mapping[str, str] | None = None, where: Any = None, **more: Any
) -> StoredRule:
    """A stored rule."""
    condition = parse_filter(MODEL, entity, where) if where else None
    return StoredRule(
        id=uuid7(),
        role=role,
        entity=entity,
        actions=tuple(actions.split()),
        fields=fields or {},
        condition=condition,
        **more,
    )


def world(
    *rules: StoredRule,
    enabled: tuple[Enabled, ...] | None = None,
    inherits: Mapping[str, tuple[str, ...]] | None = None,
) -> World:
    """A policy of two districts, every module on everywhere unless said."""
    on = enabled if enabled is not None else tuple(Enabled(m, None, None, None) for m in MODEL.modules)
    return World(
        model=MODEL,
        rules=rules,
        inherits=inherits or {},
        enabled=on,
        districts={NORTH: SPANS[NORTH], SOUTH: SPANS[SOUTH]},
        counters={},
    )


def post(role: str, area: UUID, until: dt.datetime | None = None) -> HeldPost:
    """A post for an area."""
    district = {NORTH: NORTH, SOUTH: SOUTH, STREET: NORTH}.get(area)
    unit = uuid7()
    return HeldPost(
        id=uuid7(),
        role=role,
        area=area,
        span=SPANS[area],
        district=district,
        whole_city=area == CITY,
        whole_district=area == district,
        unit=unit,
        unit_span=(1, 2),
        units=(unit,),
        until=until,
    )


def scope(found: World, *posts: HeldPost, until: dt.datetime | None = None) -> Scope:
    """The Scope of an account with posts."""
    facts = Facts(actor=Actor("account", "a", account=ACCOUNT), posts=posts, now=NOW, until=until)
    return build_scope(found, Roles(found), facts)


def levels(made: Scope, action: str = "list", entity: str = INCIDENT) -> list[dict[str, Level]]:
    """The fields of each grant."""
    shape = made.shape.entity(entity)
    return [dict(grant.fields) for grant in shape.grants(action)] if shape else []


def test_no_post_no_rights() -> None:
    made = scope(world(rule("officer", INCIDENT, "list", {"*": "clear"})))
    assert made.shape.entities == {}
    assert made.slots == ()


@pytest.mark.parametrize(
    ("area", "form", "spans"),
    [(CITY, Form.CITY, ()), (NORTH, Form.DISTRICT, ((100, 199),)), (STREET, Form.SPAN, ((110, 119),))],
)
def test_the_form_of_a_slot_follows_the_area_of_the_post(
    area: UUID, form: Form, spans: tuple[tuple[int, int], ...]
) -> None:
    made = scope(world(rule("officer", INCIDENT, "list", {"*": "clear"})), post("officer", area))
    assert [(s.form, s.spans) for s in made.slots] == [(form, spans)]


def test_a_module_that_is_off_somewhere_turns_the_city_into_ranges() -> None:
    on = (Enabled("urban_management", NORTH, None, None),)
    found = world(rule("officer", INCIDENT, "list", {"*": "clear"}), enabled=on)
    assert [(s.form, s.spans) for s in scope(found, post("officer", CITY)).slots] == [(Form.DISTRICT, ((100, 199),))]
    assert scope(found, post("officer", SOUTH)).shape.entities == {}
    assert "urban_management" in scope(found, post("officer", STREET)).shape.modules
    both = world(*found.rules, enabled=(*on, Enabled("urban_management", SOUTH, None, None)))
    assert [(s.form, s.spans) for s in scope(both, post("officer", CITY)).slots] == [(Form.SPAN, ((100, 299),))]


def test_callers_alike_share_a_shape_and_differ_in_parameters() -> None:
    found = world(rule("officer", INCIDENT, "list get", {"*": "clear"}))
    north, south = scope(found, post("officer", NORTH)), scope(found, post("officer", SOUTH))
    assert north.shape == south.shape
    assert (north.slots[0].district, south.slots[0].district) == (NORTH, SOUTH)


def test_posts_are_united_and_never_merged() -> None:
    found = world(
        rule("reader", INCIDENT, "list", {"caseNo": "clear"}),
        rule("clerk", INCIDENT, "list", {"description": "clear"}, {"state": {"eq": "CLOSED"}}),
    )
    made = scope(found, post("reader", NORTH), post("clerk", SOUTH))
    assert sorted(sorted(fields) for fields in levels(made)) == [["caseNo"], ["description"]]
    assert len(made.slots) == 2


def test_equal_grants_of_two_posts_are_one_over_both_areas() -> None:
    found = world(rule("reader", INCIDENT, "list", {"caseNo": "clear"}))
    made = scope(found, post("reader", NORTH), post("reader", STREET))
    assert [(s.form, s.district) for s in made.slots] == [(Form.DISTRICT, NORTH)]
    assert len(levels(made)) == 1


def test_a_star_covers_public_and_internal_fields_only() -> None:
    made = scope(
        world(rule("reader", INCIDENT, "list", {"*": "clear", "reporterName": "masked"})), post("reader", NORTH)
    )
    (fields,) = levels(made)
    assert fields["caseNo"] is Level.CLEAR
    assert fields["reporterName"] is Level.MASKED
    assert "reporterPhone" not in fields
    person = scope(
        world(rule("reader", "base.person", "list", {"*": "clear", "phones": "clear"})), post("reader", NORTH)
    )
    (fields,) = levels(person, entity="base.person")
    assert fields["phones.verified"] is Level.CLEAR
    assert "phones.number" not in fields


def test_inheritance_takes_over_the_rules_of_the_role() -> None:
    found = world(
        rule("member", INCIDENT, "list", {"caseNo": "clear"}), inherits={"chief": ("staff",), "staff": ("member",)}
    )
    assert [sorted(f) for f in levels(scope(found, post("chief", NORTH)))] == [["caseNo"]]
    assert levels(scope(found, post("stranger", NORTH))) == []


def test_a_deny_beats_an_allow_of_the_same_post() -> None:
    allow = rule("reader", INCIDENT, "list get", {"caseNo": "clear", "description": "clear"})
    whole = world(allow, rule("reader", INCIDENT, "list", effect="DENY"))
    assert levels(scope(whole, post("reader", NORTH))) == []
    assert len(levels(scope(whole, post("reader", NORTH)), "get")) == 1
    field = world(allow, rule("reader", INCIDENT, "list", {"description": "clear"}, effect="DENY"))
    assert [sorted(f) for f in levels(scope(field, post("reader", NORTH)))] == [["caseNo"]]
    rows = world(allow, rule("reader", INCIDENT, "list", where={"state": {"eq": "VOID"}}, effect="DENY"))
    shape = scope(rows, post("reader", NORTH)).shape.entity(INCIDENT)
    assert shape is not None
    assert "Not" in str(shape.grants("list")[0].condition)


def test_a_prohibit_holds_whatever_else_is_held() -> None:
    found = world(
        rule("reader", INCIDENT, "list", {"caseNo": "clear"}),
        rule("staff", INCIDENT, "list", where={"state": {"eq": "VOID"}}, effect="PROHIBIT"),
    )
    shape = scope(found, post("reader", NORTH), post("staff", SOUTH)).shape.entity(INCIDENT)
    assert shape is not None
    assert len(shape.prohibits["list"]) == 1


def test_a_prohibition_that_speaks_of_the_post_knows_who_holds_it() -> None:
    where = {"holder": {"id": {"in": {"$actor": "units"}}}}
    found = world(
        rule("reader", INCIDENT, "list", {"caseNo": "clear"}),
        rule("staff", INCIDENT, "list", where=where, effect="PROHIBIT"),
    )
    reader, staff = post("reader", NORTH), post("staff", SOUTH)
    made = scope(found, reader, staff)
    shape = made.shape.entity(INCIDENT)
    assert shape is not None
    (prohibition,) = shape.prohibits["list"]
    assert prohibition.slot is not None
    assert [(p.post, p.units) for p in made.slots[prohibition.slot].posts] == [(staff.id, staff.units)]


def test_a_prohibition_may_name_a_list() -> None:
    where = {"state": {"in": ["VOID", "REJECTED"]}}
    found = world(
        rule("reader", INCIDENT, "list", {"caseNo": "clear"}),
        rule("reader", INCIDENT, "list", where=where, effect="PROHIBIT"),
    )
    shape = scope(found, post("reader", NORTH)).shape.entity(INCIDENT)
    assert shape is not None
    assert [p.slot for p in shape.prohibits["list"]] == [None]


def test_a_districts_own_rules_never_lift_a_prohibition() -> None:
    found = world(
        rule("reader", INCIDENT, "list", where={"state": {"eq": "VOID"}}, effect="PROHIBIT"),
        rule("reader", INCIDENT, "list", {"caseNo": "clear"}, district=NORTH),
    )
    shape = scope(found, post("reader", NORTH)).shape.entity(INCIDENT)
    assert shape is not None
    assert len(shape.prohibits["list"]) == 1


@pytest.mark.parametrize("level", ["hidden", "masked", "clear"])
def test_a_deny_takes_what_it_names_whatever_level_it_writes(level: str) -> None:
    allow = rule("reader", "base.person", "list", {"name": "clear", "phones": "clear", "phones.number": "clear"})
    one = world(allow, rule("reader", "base.person", "list", {"phones.number": level}, effect="DENY"))
    (fields,) = levels(scope(one, post("reader", NORTH)), entity="base.person")
    assert ("phones" in fields, "phones.number" in fields) == (True, False)
    whole = world(allow, rule("reader", "base.person", "list", {"phones": level}, effect="DENY"))
    (fields,) = levels(scope(whole, post("reader", NORTH)), entity="base.person")
    assert sorted(fields) == ["name"]


def test_a_districts_own_rules_replace_the_default_for_a_role_and_entity() -> None:
    found = world(
        rule("reader", INCIDENT, "list", {"caseNo": "clear", "description": "clear"}),
        rule("reader", INCIDENT, "list", {"caseNo": "clear"}, district=NORTH),
    )
    assert [sorted(f) for f in levels(scope(found, post("reader", NORTH)))] == [["caseNo"]]
    assert [sorted(f) for f in levels(scope(found, post("reader", SOUTH)))] == [["caseNo", "description"]]


def test_the_scope_is_sure_until_the_nearest_date() -> None:
    soon, later = NOW + dt.timedelta(hours=1), NOW + dt.timedelta(days=3)
    on = (Enabled("urban_management", NORTH, None, later),)
    found = world(rule("reader", INCIDENT, "list", {"caseNo": "clear"}), enabled=on)
    assert scope(found, post("reader", NORTH)).valid_until == later
    assert scope(found, post("reader", NORTH, until=soon)).valid_until == soon
    assert scope(found, post("reader", NORTH), until=soon).valid_until == soon


def test_conditions_of_the_post_keep_the_posts_apart() -> None:
    own = {"holder": {"id": {"in": {"$actor": "units"}}}}
    found = world(rule("reader", INCIDENT, "list", {"caseNo": "clear"}, own))
    made = scope(found, post("reader", NORTH), post("reader", SOUTH))
    shape = made.shape.entity(INCIDENT)
    assert shape is not None
    assert shape.grants("list")[0].per_post
    assert len(made.slots[0].posts) == 2


def by_sex(**more: Any) -> StoredRule:
    """A rule that gives counts by sex without rows."""
    by = (Dimension("area", "community"), Dimension("sex"))
    return rule("statistician", "base.person", "aggregate", {"sex": "clear"}, dimensions=by, **more)


def test_a_rule_with_dimensions_is_a_grant_of_its_own_kind() -> None:
    found = scope(world(by_sex()), post("statistician", NORTH))
    person = found.shape.entities["base.person"]
    (grant,) = person.grants(CUBE)
    assert {*person.actions} == {CUBE}
    assert [one.field for one in grant.dimensions] == ["area", "sex"]


def test_rows_that_would_have_to_leave_a_cube_take_it() -> None:
    """A deny over rows, a row condition and a prohibition: two cubes over different rows could be subtracted."""
    men = {"sex": {"eq": "1"}}
    denied = world(by_sex(), rule("statistician", "base.person", "aggregate", where=men, effect="DENY"))
    barred = world(by_sex(), rule("statistician", "base.person", "aggregate", where=men, effect="PROHIBIT"))
    for policy in (denied, barred, world(by_sex(where=men))):
        assert "base.person" not in scope(policy, post("statistician", NORTH)).shape.entities


def test_a_dimension_that_a_deny_takes_is_none() -> None:
    denied = world(by_sex(), rule("statistician", "base.person", "aggregate", {"sex": "clear"}, effect="DENY"))
    (grant,) = scope(denied, post("statistician", NORTH)).shape.entities["base.person"].grants(CUBE)
    assert [one.field for one in grant.dimensions] == ["area"]


def test_casbin_agrees_with_what_it_was_asked() -> None:
    found = world(rule("member", INCIDENT, "list", {"caseNo": "clear"}), inherits={"staff": ("member",)})
    roles = Roles(found)
    assert roles.explains("staff", NORTH, found.rules[0])
    assert not roles.explains("stranger", NORTH, found.rules[0])
