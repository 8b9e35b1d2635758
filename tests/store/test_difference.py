"""The difference of two models, as names of steps."""

from __future__ import annotations

import pytest
from tests.store.shapes import entity, field, model

from wangge.model.difference import difference
from wangge.model.tables import physical
from wangge.model.types import Entity, Layout, Mask, Unique
from wangge.values import Label

PLACE = entity("shop.place", field("name"), field("size", "integer"))


def steps(old: Entity, new: Entity) -> list[str]:
    return [f"{one.name} ({one.risk})" for one in difference(model(old), model(new))]


def changed(old: str, new: str, **more: object) -> list[str]:
    """Steps when a field `it` changes its kind."""
    return steps(entity("shop.place", field("it", old)), entity("shop.place", field("it", new, **more)))


def test_an_empty_database_gets_schema_tables_and_then_foreign_keys() -> None:
    owner = entity("shop.owner", field("name"))
    place = entity("shop.place", field("owner", "ref", to=("shop.owner",)))
    found = [one.kind for one in difference(None, model(place, owner))]
    assert found == ["create_schema", "create_table", "create_table", "add_foreign_key"]


def test_a_model_does_not_differ_from_itself() -> None:
    assert steps(PLACE, PLACE) == []


def test_a_renamed_field_is_no_step() -> None:
    assert steps(PLACE, entity("shop.place", field("name", name="title"), field("size", "integer"))) == []


def test_another_label_or_order_of_fields_is_no_step() -> None:
    assert (
        steps(PLACE, entity("shop.place", field("size", "integer"), field("name", description=Label("甲", "a")))) == []
    )


def test_a_dropped_field_may_lose_data_when_it_is_retired() -> None:
    without = entity("shop.place", field("name"), retired=("size",))
    assert steps(PLACE, without) == ["drop_column shop.place.size (loses_data)"]


def test_a_field_that_vanished_without_being_retired_is_refused_by_its_values() -> None:
    assert steps(PLACE, entity("shop.place", field("name"))) == ["drop_column shop.place.size (refused_by_rows)"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("integer", "decimal", ["widen shop.place.it (none)"]),
        ("money", "decimal", ["widen shop.place.it (none)"]),
        ("date", "datetime", ["widen shop.place.it (none)"]),
        ("integer", "text", ["narrow shop.place.it (refused_by_rows)", "widen shop.place.it (none)"]),
        ("decimal", "integer", ["narrow shop.place.it (refused_by_rows)", "convert shop.place.it (loses_data)"]),
        ("datetime", "date", ["convert shop.place.it (loses_data)"]),
        ("text", "url", ["narrow shop.place.it (refused_by_rows)"]),
        ("boolean", "date", ["convert shop.place.it (refused_by_rows)"]),
        ("text", "point", ["convert shop.place.it (refused_by_rows)"]),
        ("file", "files", ["convert shop.place.it (none)"]),
    ],
)
def test_a_field_of_another_kind(old: str, new: str, expected: list[str]) -> None:
    found = [one for one in changed(old, new) if "_index" not in one and "foreign_key" not in one]
    assert found == expected


def test_larger_bounds_make_a_bigint() -> None:
    assert changed("integer", "integer", max=10**12) == ["widen shop.place.it (none)"]


def test_a_longer_text_is_no_step_and_a_shorter_one_asks_the_rows() -> None:
    long, short = entity("shop.place", field("name", max=80)), entity("shop.place", field("name", max=20))
    assert steps(short, long) == []
    assert steps(long, short) == ["narrow shop.place.name (refused_by_rows)"]


def test_a_new_enum_value_is_no_step_and_a_removed_one_asks_the_rows() -> None:
    few = entity("shop.place", field("state", "enum", values=("OPEN",)))
    many = entity("shop.place", field("state", "enum", values=("OPEN", "CLOSED")))
    assert steps(few, many) == []
    assert steps(many, few) == ["narrow shop.place.state (refused_by_rows)"]


def test_required_comes_with_a_question_and_goes_without() -> None:
    free, needed = entity("shop.place", field("name")), entity("shop.place", field("name", required=True))
    assert steps(needed, free) == ["relax shop.place.name (none)"]
    assert steps(free, needed) == ["require shop.place.name (refused_by_rows)"]


def test_less_protection_needs_consent_and_more_does_not() -> None:
    plain = entity("shop.place", field("name", sensitivity="internal"))
    personal = entity("shop.place", field("name", sensitivity="personal", mask=Mask(first=1)))
    open_ = entity("shop.place", field("name", sensitivity="personal", mask=Mask(first=2)))
    assert steps(plain, personal) == []
    assert steps(personal, plain) == ["lower_protection shop.place.name (needs_consent)"]
    assert steps(personal, open_) == ["lower_protection shop.place.name (needs_consent)"]
    assert steps(open_, personal) == []


def test_parts_of_a_list_are_fields_too() -> None:
    both = entity("shop.place", field("hours", "list", fields=(field("day"), field("from", "time"))))
    one = entity("shop.place", field("hours", "list", fields=(field("day"),), retired=("from",)))
    assert steps(both, one) == ["drop_column shop.place.hours.from (loses_data)"]
    never = entity("shop.place", field("hours", "list", fields=(field("day"),)))
    assert steps(never, both) == ["add_column shop.place.hours.from (none)"]
    assert steps(one, both) == ["add_column shop.place.hours.from (refused_by_rows)"]


def test_the_area_of_a_parent_is_kept_and_every_other_scope_asks_for_no_rows() -> None:
    owner = field("owner", "ref", to=("shop.place",))
    parent = entity("shop.place", owner, scope="parent")
    assert steps(parent, entity("shop.place", owner, scope="area")) == []
    found = steps(PLACE, entity("shop.place", field("name"), field("size", "integer"), scope="area"))
    assert "rescope shop.place (refused_by_rows)" in found


def test_a_unique_key_is_an_index_and_one_over_sealed_values_a_claim() -> None:
    key = Unique(("name",))
    assert steps(PLACE, entity("shop.place", *PLACE.fields, unique=(key,))) == [
        "add_unique shop.place.name (refused_by_rows)"
    ]
    sealed = entity("shop.place", field("name", sealed=True))
    found = difference(model(sealed), model(entity("shop.place", field("name", sealed=True), unique=(key,))))
    assert [(one.name, one.sql) for one in found] == [("add_unique shop.place.name", ())]


def test_data_of_a_module_that_is_missing_is_not_dropped() -> None:
    other = entity("cafe.menu", field("name"))
    assert [one.name for one in difference(model(PLACE, other), model(PLACE))] == []
    found = [one.name for one in difference(model(PLACE, other), model(PLACE, modules=("cafe",)))]
    assert found == ["drop_table cafe.menu"]


def test_another_ordering_is_another_index() -> None:
    ordered = entity("shop.place", *PLACE.fields, order=(("name", True),), layout=Layout(list=("name",)))
    assert [one.kind for one in difference(model(PLACE), model(ordered))] == ["add_index"]


def test_a_list_of_children_has_an_index_of_its_reference_in_its_order() -> None:
    place = entity("shop.place", field("owner", "ref", to=("shop.owner",)), field("name"), order=(("name", False),))
    alone = model(entity("shop.owner"), place)
    listed = model(entity("shop.owner", field("places", "children", to=("shop.place",), inverse="owner")), place)
    found = [[one.keys for one in physical(of)["shop.place"].indexes] for of in (alone, listed)]
    assert found == [
        [('"owner"',), ('"name"', '"id"')],
        [('"owner"', '"name"', '"id"'), ('"name"', '"id"')],
    ]
    assert sorted(one.kind for one in difference(alone, listed)) == ["add_index", "drop_index"]
