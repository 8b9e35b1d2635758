"""Plans on filled tables: what rows contradict is refused with count and first ids, what loses values must be named."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.store.shapes import entity, field, insert, model, row_id

from wangge.errors import PlanError
from wangge.model.types import Entity, Mask, RowScope, Unique
from wangge.store.apply import apply_model, plan_model
from wangge.store.catalog import drift
from wangge.store.database import Database


async def refused(bare: Database, *entities: Entity, allow: frozenset[str] = frozenset(), **more: Any) -> PlanError:
    """The error of an apply that must not run, which leaves the plan as it was."""
    wanted = model(*entities, **more)
    before = [f.step.name for f in await plan_model(bare, wanted)]
    with pytest.raises(PlanError) as caught:
        await apply_model(bare, wanted, allow=allow)
    assert [f.step.name for f in await plan_model(bare, wanted)] == before
    return caught.value


async def altered(
    bare: Database, owner: Any, *entities: Entity, allow: frozenset[str] = frozenset(), **more: Any
) -> list[str]:
    """Apply, and check that the catalogue is what the model says and that a second plan is empty; the steps that ran."""
    wanted = model(*entities, **more)
    applied = await apply_model(bare, wanted, allow=allow)
    assert await drift(owner, wanted) == []
    assert await plan_model(bare, wanted) == ()
    return [one.name for one in applied.steps]


async def filled(bare: Database, owner: Any, of: Entity, *rows: dict[str, Any], **more: Any) -> None:
    """A database with these rows."""
    await apply_model(bare, model(of, **more))
    await insert(owner, of, *rows)


async def column(owner: Any, sql: str = "it") -> list[Any]:
    """The values of a column of shop.place by id."""
    return [row[0] for row in await owner.fetch(f"SELECT {sql} FROM shop.place ORDER BY id")]


async def test_a_renamed_field_keeps_its_values(bare: Database, owner: Any) -> None:
    await filled(bare, owner, entity("shop.place", field("it")), {"it": "茶馆"})
    assert await altered(bare, owner, entity("shop.place", field("it", name="title"))) == []
    assert await column(owner) == ["茶馆"]


async def test_numbers_widen_with_their_values(bare: Database, owner: Any) -> None:
    await filled(bare, owner, entity("shop.place", field("it", "integer")), {"it": 7}, {"it": None})
    assert await altered(bare, owner, entity("shop.place", field("it", "integer", max=10**12))) == [
        "widen shop.place.it"
    ]
    assert await altered(bare, owner, entity("shop.place", field("it", "decimal"))) == ["widen shop.place.it"]
    assert await column(owner) == [Decimal(7), None]


async def test_a_bigint_with_large_values_does_not_become_an_integer(bare: Database, owner: Any) -> None:
    large = entity("shop.place", field("it", "integer", max=10**12))
    await filled(bare, owner, large, {"it": 5}, {"it": 10**11})
    error = await refused(bare, entity("shop.place", field("it", "integer")))
    assert (error.code, error.facts["steps"]) == (
        "plan.contradicted",
        [{"name": "narrow shop.place.it", "count": 1, "ids": [str(row_id(2))]}],
    )
    await owner.execute("DELETE FROM shop.place WHERE it > 5")
    await altered(bare, owner, entity("shop.place", field("it", "integer")))
    assert await column(owner) == [5]


async def test_decimals_become_integers_only_when_that_is_named(bare: Database, owner: Any) -> None:
    await filled(bare, owner, entity("shop.place", field("it", "decimal")), {"it": Decimal("1.5")}, {"it": Decimal(2)})
    whole = entity("shop.place", field("it", "integer"))
    error = await refused(bare, whole)
    assert (error.code, error.facts["steps"]) == (
        "plan.needs_allow",
        [{"name": "convert shop.place.it", "count": 1, "ids": [str(row_id(1))]}],
    )
    await altered(bare, owner, whole, allow=frozenset({"convert shop.place.it"}))
    assert await column(owner) == [2, 2]


async def test_a_shorter_text_is_refused_with_count_and_first_ids_also_when_allowed(bare: Database, owner: Any) -> None:
    await filled(bare, owner, entity("shop.place", field("it")), *({"it": "x" * n} for n in range(1, 10)))
    error = await refused(
        bare,
        entity("shop.place", field("it", max=2)),
        allow=frozenset({"narrow shop.place.it", "drop_column shop.place.it"}),
    )
    assert error.facts["steps"] == [
        {"name": "narrow shop.place.it", "count": 7, "ids": [str(row_id(n)) for n in range(3, 8)]}
    ]
    assert f"7 rows contradict it, the first {row_id(3)}" in str(error)
    assert await altered(bare, owner, entity("shop.place", field("it", max=9))) == ["narrow shop.place.it"]


@pytest.mark.parametrize(
    ("old", "new", "good", "bad"),
    [
        (field("it"), field("it", pattern="[A-Z]{2}"), "AB", "abc"),
        (field("it"), field("it", "credit_code"), "91520100MA6DJTC02X", "91520100MA6DJTC023"),
        (field("it"), field("it", "enum", values=("OPEN", "SHUT")), "OPEN", "AJAR"),
        (field("it", "enum", values=("OPEN", "SHUT")), field("it", "enum", values=("OPEN",)), "OPEN", "SHUT"),
        (field("it"), field("it", "code", table="shop.kind"), "A-01", "A-02"),
        (field("it"), field("it", "integer"), "12", "twelve"),
        (field("it"), field("it", "date"), "2026-02-28", "2026-02-30"),
        (field("it", "integer"), field("it", "integer", max=10), 10, 11),
        (field("it", "decimal"), field("it", "decimal", min="0.5"), Decimal("0.5"), Decimal("0.4")),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
async def test_a_value_that_is_no_longer_allowed(
    bare: Database, owner: Any, old: Any, new: Any, good: Any, bad: Any
) -> None:
    tables = {"shop.kind": ("A-01",)}
    await filled(bare, owner, entity("shop.place", old), {"it": good}, {"it": bad}, {"it": None}, tables=tables)
    error = await refused(bare, entity("shop.place", new), tables=tables)
    assert [(s["count"], s["ids"]) for s in error.facts["steps"]] == [(1, [str(row_id(2))])]
    await owner.execute("DELETE FROM shop.place WHERE id = $1", row_id(2))
    await altered(bare, owner, entity("shop.place", new), tables=tables)


async def test_a_dropped_field_goes_only_when_named_and_empty_ones_go_by_themselves(bare: Database, owner: Any) -> None:
    await filled(bare, owner, entity("shop.place", field("it"), field("note")), {"it": "x"}, {"it": None})
    retired = entity("shop.place", retired=("it", "note"))
    error = await refused(bare, retired)
    assert error.code == "plan.needs_allow"
    assert error.facts["steps"] == [{"name": "drop_column shop.place.it", "count": 1, "ids": [str(row_id(1))]}]
    ran = await altered(bare, owner, retired, allow=frozenset({"drop_column shop.place.it"}))
    assert ran == ["drop_column shop.place.it", "drop_column shop.place.note"]


async def test_a_field_that_vanished_from_the_file_is_refused_even_when_named(bare: Database, owner: Any) -> None:
    await filled(bare, owner, entity("shop.place", field("it")), {"it": "x"})
    error = await refused(bare, entity("shop.place"), allow=frozenset({"drop_column shop.place.it"}))
    assert error.code == "plan.contradicted"
    assert "write it under `retired:`" in str(error)


async def test_a_dropped_list_loses_its_parts_when_named(bare: Database, owner: Any) -> None:
    place = entity("shop.place", field("hours", "list", fields=(field("day"),)))
    await filled(bare, owner, place, {}, {})
    await owner.execute(
        "INSERT INTO shop.place_hours (row_id, ord, day) SELECT id, n, 'Mon' FROM shop.place, generate_series(0, 1) n"
    )
    retired = entity("shop.place", retired=("hours",))
    error = await refused(bare, retired)
    assert [(s["name"], s["count"]) for s in error.facts["steps"]] == [("drop_column shop.place.hours", 2)]
    await altered(bare, owner, retired, allow=frozenset({"drop_column shop.place.hours"}))


async def test_the_id_of_a_retired_field_does_not_come_back_over_rows(bare: Database, owner: Any) -> None:
    hours = field("hours", "list", fields=(field("day"),), retired=("note",))
    await filled(bare, owner, entity("shop.place", hours, retired=("it", "tags")), {})
    await owner.execute("INSERT INTO shop.place_hours (row_id, ord, day) SELECT id, 0, 'Mon' FROM shop.place")
    again = msgspec.structs.replace(hours, fields=(field("day"), field("note")), retired=())
    error = await refused(
        bare,
        entity("shop.place", again, field("it"), field("tags", "codes", table="shop.kind")),
        tables={"shop.kind": ()},
    )
    assert [s["name"] for s in error.facts["steps"]] == [
        "add_column shop.place.hours.note",
        "add_column shop.place.it",
        "add_column shop.place.tags",
    ]
    assert "revisions of these rows hold other values under this id" in str(error)
    await owner.execute("DELETE FROM shop.place_hours")
    await owner.execute("DELETE FROM shop.place")
    await altered(bare, owner, entity("shop.place", hours, field("it"), retired=("tags",)))


async def test_a_removed_part_field_must_be_named(bare: Database, owner: Any) -> None:
    both = field("hours", "list", fields=(field("day"), field("note")))
    await filled(bare, owner, entity("shop.place", both), {})
    await owner.execute("INSERT INTO shop.place_hours (row_id, ord, note) SELECT id, 0, 'x' FROM shop.place")
    one = entity("shop.place", field("hours", "list", fields=(field("day"),), retired=("note",)))
    assert (await refused(bare, one)).facts["steps"][0]["name"] == "drop_column shop.place.hours.note"
    await altered(bare, owner, one, allow=frozenset({"drop_column shop.place.hours.note"}))


async def test_a_new_required_field_needs_a_default_while_there_are_rows(bare: Database, owner: Any) -> None:
    await filled(bare, owner, entity("shop.place"), {}, {})
    error = await refused(bare, entity("shop.place", field("it", required=True)))
    assert [(s["name"], s["count"]) for s in error.facts["steps"]] == [("add_column shop.place.it", 2)]
    await altered(bare, owner, entity("shop.place", field("it", required=True, default="茶馆")))
    assert await column(owner) == ["茶馆", "茶馆"]
    assert (
        await owner.fetchval(
            "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'shop' AND column_name = 'it' "
            "AND column_default IS NOT NULL"
        )
        == 0
    )


async def test_a_field_that_becomes_required_is_refused_by_rows_without_it(bare: Database, owner: Any) -> None:
    await filled(bare, owner, entity("shop.place", field("it", "integer")), {"it": 1}, {"it": None})
    error = await refused(bare, entity("shop.place", field("it", "integer", required=True)))
    assert error.facts["steps"] == [{"name": "require shop.place.it", "count": 1, "ids": [str(row_id(2))]}]
    await altered(bare, owner, entity("shop.place", field("it", "integer", required=True, default=9)))
    assert await column(owner) == [1, 9]


async def test_a_unique_key_over_duplicates_is_refused(bare: Database, owner: Any) -> None:
    await filled(bare, owner, entity("shop.place", field("it")), {"it": "a"}, {"it": "a"}, {"it": "b"}, {"it": None})
    unique = entity("shop.place", field("it"), unique=(Unique(("it",)),))
    error = await refused(bare, unique)
    assert error.facts["steps"] == [
        {"name": "add_unique shop.place.it", "count": 2, "ids": [str(row_id(1)), str(row_id(2))]}
    ]
    await owner.execute("DELETE FROM shop.place WHERE id = $1", row_id(2))
    await altered(bare, owner, unique)


async def test_a_key_that_claims_hold_is_only_added_to_an_empty_table(bare: Database, owner: Any) -> None:
    sealed = field("it", "phone", sealed=True)
    await filled(bare, owner, entity("shop.place", sealed), {"it_enc": b"1", "it_hash": b"1"})
    unique = entity("shop.place", sealed, unique=(Unique(("it",), "review"),))
    assert (await refused(bare, unique)).facts["steps"][0]["count"] == 1
    await owner.execute("DELETE FROM shop.place")
    await altered(bare, owner, unique)


async def test_a_filled_column_that_is_sealed_and_becomes_another_kind_is_refused(bare: Database, owner: Any) -> None:
    await filled(bare, owner, entity("shop.place", field("it")), {"it": "13800138000"})
    phone = entity("shop.place", field("it", "phone", sealed=True))
    assert (await refused(bare, phone)).code == "plan.contradicted"
    await owner.execute("UPDATE shop.place SET it = NULL")
    assert (await altered(bare, owner, phone))[0] == "convert shop.place.it"


async def test_a_sealed_column_with_values_is_not_unsealed(bare: Database, owner: Any) -> None:
    await filled(bare, owner, entity("shop.place", field("it", sealed=True)), {"it_enc": b"1", "it_hash": b"1"})
    assert (await refused(bare, entity("shop.place", field("it")))).code == "plan.contradicted"


async def test_kind_of_is_only_possible_on_an_empty_table(bare: Database, owner: Any) -> None:
    case = entity("shop.case", field("state"))
    await apply_model(bare, model(case, entity("shop.place", field("it"))))
    await insert(owner, entity("shop.place"), {"it": "x"})
    kind = entity("shop.place", field("it"), kind_of="shop.case")
    assert (await refused(bare, case, kind)).facts["steps"][0]["name"] == "rescope shop.place"
    await owner.execute("DELETE FROM shop.place")
    await altered(bare, owner, case, kind)
    assert await owner.fetchval("SELECT count(*) FROM shop.place JOIN shop.case USING (id)") == 0


async def test_an_upper_entity_with_rows_of_its_own_keeps_them_under_its_name(bare: Database, owner: Any) -> None:
    case = entity("shop.case", field("state"))
    await apply_model(bare, model(case))
    await insert(owner, case, {"state": "x"})
    await altered(bare, owner, case, entity("shop.fine", kind_of="shop.case"))
    assert await owner.fetchval("SELECT entity FROM shop.case") == "shop.case"


async def test_city_to_area_is_refused_while_there_are_rows_and_parent_to_area_keeps_the_areas(
    bare: Database, owner: Any
) -> None:
    await filled(bare, owner, entity("shop.place"), {})
    assert (await refused(bare, entity("shop.place", scope="area"))).facts["steps"][0]["name"] == "rescope shop.place"
    await owner.execute("DELETE FROM shop.place")
    parent = entity("shop.place", field("over", "ref", to=("shop.place",)))
    parent = Entity(
        **{name: getattr(parent, name) for name in parent.__struct_fields__} | {"scope": RowScope("parent", ("over",))}
    )
    await altered(bare, owner, parent)
    await insert(owner, parent, {"area_ord": 5})
    await altered(bare, owner, entity("shop.place", *parent.fields, scope="area"))
    assert await column(owner, "area_ord") == [5]


async def test_a_lowered_protection_waits_for_a_second_person(bare: Database, owner: Any) -> None:
    await filled(
        bare, owner, entity("shop.place", field("it", sensitivity="personal", mask=Mask(first=1))), {"it": "王"}
    )
    open_ = entity("shop.place", field("it", sensitivity="internal"))
    name = "lower_protection shop.place.it"
    error = await refused(bare, open_, allow=frozenset({name}))
    assert (error.code, error.facts["steps"][0]["name"]) == ("plan.needs_consent", name)
    await owner.execute(
        "INSERT INTO wangge.plan_consent (model, step, account_id, login, reason) VALUES ($1, $2, $3, 'li', 'agreed')",
        model(open_).version,
        name,
        row_id(1),
    )
    assert await altered(bare, owner, open_) == [name]


async def test_a_reference_that_points_to_nothing_is_refused(bare: Database, owner: Any) -> None:
    shop = entity("shop.shop", field("name"))
    loose = entity("shop.place", field("it", "ref", to=("shop.shop",), computed=True))
    await apply_model(bare, model(shop, loose))
    await insert(owner, shop, {"name": "a"})
    await insert(owner, loose, {"it": row_id(1)}, {"it": row_id(9)})
    firm = entity("shop.place", field("it", "ref", to=("shop.shop",)))
    error = await refused(bare, shop, firm)
    assert [(s["count"], s["ids"]) for s in error.facts["steps"]] == [(1, [str(row_id(2))])]
    await owner.execute("DELETE FROM shop.place WHERE id = $1", row_id(2))
    await altered(bare, owner, shop, firm)


async def test_a_reference_gets_further_targets_and_one_file_becomes_many(bare: Database, owner: Any) -> None:
    shop, stall = entity("shop.shop"), entity("shop.stall")
    one = entity("shop.place", field("it", "ref", to=("shop.shop",)), field("tags", "code", table="shop.kind"))
    await apply_model(bare, model(shop, stall, one))
    await insert(owner, shop, {})
    await insert(owner, one, {"it": row_id(1), "tags": "A"}, {"it": None, "tags": None})
    many = entity(
        "shop.place", field("it", "ref", to=("shop.shop", "shop.stall")), field("tags", "codes", table="shop.kind")
    )
    await altered(bare, owner, shop, stall, many)
    assert await column(owner, "it_entity") == ["shop.shop", None]
    assert await column(owner, "tags") == [["A"], None]
    links = entity("shop.place", field("it", "ref", to=("shop.shop",)), field("tags", "codes", table="shop.kind"))
    await altered(bare, owner, shop, stall, links)
    refs = entity("shop.place", field("it", "refs", to=("shop.shop",)), field("tags", "codes", table="shop.kind"))
    await altered(bare, owner, shop, stall, refs)
    assert [tuple(r) for r in await owner.fetch("SELECT row_id, target_id, ord FROM shop.place_it")] == [
        (row_id(1), row_id(1), 0)
    ]


async def test_a_searched_field_can_be_added_dropped_and_converted(bare: Database, owner: Any) -> None:
    await filled(bare, owner, entity("shop.place", field("it"), field("note")), {"it": "茶馆", "note": "Ａb"})
    await altered(bare, owner, entity("shop.place", field("it"), field("note"), search=("it", "note")))
    grams = "search @> wangge.grams('茶馆') AND search @> wangge.grams('aB') AND NOT search @> wangge.grams('馆茶')"
    assert await column(owner, grams) == [True]
    less = entity("shop.place", field("it"), search=("it",), retired=("note",))
    await altered(bare, owner, less, allow=frozenset({"drop_column shop.place.note"}))
    assert await column(owner, "search @> wangge.grams('ab')") == [False]


async def test_an_entity_that_is_gone_is_dropped_when_named(bare: Database, owner: Any) -> None:
    shop, place = entity("shop.shop"), entity("shop.place", field("it", "ref", to=("shop.shop",)))
    await apply_model(bare, model(shop, place))
    await insert(owner, shop, {})
    await insert(owner, place, {"it": row_id(1)})
    alone = entity("shop.place", retired=("it",))
    names = frozenset({"drop_table shop.shop", "drop_column shop.place.it"})
    assert {s["name"] for s in (await refused(bare, alone)).facts["steps"]} == names
    await altered(bare, owner, alone, allow=names)


async def test_a_module_that_comes_back_finds_its_rows(bare: Database, owner: Any) -> None:
    menu = entity("cafe.menu", field("it"))
    await apply_model(bare, model(menu, entity("shop.place")))
    await insert(owner, menu, {"it": "茶"})
    await apply_model(bare, model(entity("shop.place")))
    await altered(bare, owner, menu, entity("shop.place", field("opened", "date")))
    assert await owner.fetchval("SELECT it FROM cafe.menu") == "茶"


async def test_dates_and_moments_convert_in_the_citys_time(bare: Database, owner: Any) -> None:
    await filled(bare, owner, entity("shop.place", field("it", "date")), {"it": dt.date(2026, 11, 23)})
    await altered(bare, owner, entity("shop.place", field("it", "datetime")))
    assert await column(owner, "it::text") == ["2026-11-23 00:00:00+08"]
    await altered(bare, owner, entity("shop.place", field("it", "date")))
    assert await column(owner) == [dt.date(2026, 11, 23)]


async def test_fields_of_parts_convert_narrow_and_become_required_like_others(bare: Database, owner: Any) -> None:
    def hours(*parts: Any) -> Entity:
        return entity("shop.place", field("hours", "list", fields=parts))

    await filled(bare, owner, hours(field("day"), field("n", "decimal")), {}, {})
    await owner.execute(
        "INSERT INTO shop.place_hours (row_id, ord, day, n) VALUES ($1, 0, 'Mon', 1.5), ($1, 1, NULL, 2)", row_id(1)
    )
    error = await refused(bare, hours(field("day", required=True), field("n", "decimal", max=1)))
    assert [(s["name"], s["count"], s["ids"]) for s in error.facts["steps"]] == [
        ("narrow shop.place.hours.n", 2, [str(row_id(1))]),
        ("require shop.place.hours.day", 1, [str(row_id(1))]),
    ]
    whole = hours(field("day", required=True, default="Sun"), field("n", "integer", name="count"))
    await altered(bare, owner, whole, allow=frozenset({"convert shop.place.hours.n"}))
    parts = await owner.fetch("SELECT day, n FROM shop.place_hours ORDER BY ord")
    assert [tuple(row) for row in parts] == [("Mon", 2), ("Sun", 2)]
