"""Drafts of rules: what an author may write, the second person, one commit, obeyed by every worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.city import City, eventually, served
from tests.policy.holders import area_id, hire
from wangge.store.pool import Pool
from wangge.store.seeding import seed

pytestmark = pytest.mark.asyncio(loop_scope="module")
ADMIN, SECOND, LOCAL = "security-admin", "security-second", "security-nanming"
CITY, NANMING, YUNYAN = "520100000000", "520102000000", "520103000000"
PAYLOAD = (
    "{ node { id revision state title agreedBy { id } } version widens { role entity field } errors { path code } }"
)
CREATE = (
    """mutation($title: String!, $changes: [RuleSetInput!]!) { made: createRuleDraft(title: $title, changes: $changes) """
    + PAYLOAD
    + "}"
)
UPDATE = (
    """mutation($id: ID!, $title: String!, $changes: [RuleSetInput!]!) {
  made: updateRuleDraft(id: $id, title: $title, changes: $changes) """
    + PAYLOAD
    + "}"
)
AGREE = "mutation($id: ID!, $revision: Int!) { made: agreeToRuleDraft(id: $id, ifRevision: $revision) " + PAYLOAD + "}"
PUBLISH = "mutation($id: ID!) { made: publishRuleDraft(id: $id) " + PAYLOAD + "}"
DISCARD = "mutation($id: ID!) { made: discardRuleDraft(id: $id) " + PAYLOAD + "}"
COMPOUNDS = "{ compounds(first: 1) { nodes { id } totalCount { value } } }"


def rules(role: str, entity: str, *given: dict[str, Any], **more: Any) -> dict[str, Any]:
    """One set."""
    return {"role": role, "entity": entity, "rules": list(given), **more}


def allow(actions: str, fields: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """One rule that allows."""
    return {"actions": actions.split(), "fields": fields or {"*": "clear"}, **more}


async def made(city: City, login: str, mutation: str, **variables: Any) -> Any:
    """The payload of a mutation."""
    return (await city.data(login, mutation, variables))["made"]


async def codes(city: City, login: str, *changes: dict[str, Any]) -> list[tuple[str, str]]:
    """What is wrong with a new draft: (path, code)."""
    payload = await made(city, login, CREATE, title="t", changes=list(changes))
    assert payload["errors"] == [] or payload["node"] is None
    return [("/".join(error["path"]), error["code"]) for error in payload["errors"]]


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def admins(city: City, city_owner: Pool) -> AsyncIterator[None]:
    """A second security administrator, and one of a district."""
    await hire(city, city_owner, SECOND, ("security_admin", CITY))
    await hire(city, city_owner, LOCAL, ("security_admin", NANMING))
    yield


async def publish(city: City, *changes: dict[str, Any], login: str = ADMIN) -> Any:
    """Create and publish; with the second person's agreement where one is needed."""
    draft = await made(city, login, CREATE, title="发布", changes=list(changes))
    assert draft["errors"] == []
    node = draft["node"]
    if draft["widens"]:
        agreed = await made(city, SECOND, AGREE, id=node["id"], revision=node["revision"])
        assert agreed["errors"] == []
    return await made(city, login, PUBLISH, id=node["id"])


async def sees(city: City, login: str, query: str = COMPOUNDS) -> bool:
    """Whether an account has the field at all."""
    return "errors" not in await city.ask(login, query)


async def test_only_the_security_administrator_has_the_mutations(city: City) -> None:
    query = "{ __schema { mutationType { fields { name } } } }"
    found = {}
    for login in (ADMIN, "audit-admin", "system-admin", "city-admin", "nanming-grid-1"):
        schema = (await city.data(login, query))["__schema"]
        names = {field["name"] for field in (schema["mutationType"] or {"fields": []})["fields"]}
        found[login] = sorted(name for name in names if "RuleDraft" in name)
    mutations = [f"{verb}RuleDraft" for verb in ("agreeTo", "create", "discard", "publish", "update")]
    assert found == {ADMIN: mutations, "audit-admin": [], "system-admin": [], "city-admin": [], "nanming-grid-1": []}


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (rules("nobody", "base.compound", allow("list")), [("changes/0/role", "draft.unknown_role")]),
        (rules("mediator", "base.nothing", allow("list")), [("changes/0/entity", "draft.unknown_entity")]),
        (rules("mediator", "casework.case", allow("list")), [("changes/0/entity", "draft.unknown_entity")]),
        (rules("mediator", "base.compound", allow("")), [("changes/0/rules/0/actions", "draft.no_actions")]),
        (
            rules("mediator", "base.room", allow("aggregate list", dimensions=["vacant"])),
            [("changes/0/rules/0/dimensions", "draft.dimensions")],
        ),
        (
            rules("mediator", "base.room", allow("aggregate", dimensions=["number"])),
            [("changes/0/rules/0/dimensions", "draft.dimensions")],
        ),
        (rules("mediator", "base.compound", allow("fly")), [("changes/0/rules/0/actions", "draft.unknown_action")]),
        (rules("mediator", "wangge.unit", allow("create")), [("changes/0/rules/0/actions", "draft.unknown_action")]),
        (rules("mediator", "base.compound", allow("do:fly")), [("changes/0/rules/0/actions", "draft.unknown_action")]),
        (
            rules("mediator", "base.compound", allow("list", {"nme": "clear"})),
            [("changes/0/rules/0/fields", "draft.unknown_field")],
        ),
        (
            rules("mediator", "base.compound", allow("list", {"name": "bright"})),
            [("changes/0/rules/0/fields", "draft.unknown_level")],
        ),
        (
            rules("mediator", "base.compound", allow("list", purpose="fun")),
            [("changes/0/rules/0/purpose", "draft.unknown_purpose")],
        ),
        (
            rules("mediator", "base.person", allow("list", {"name": "clear"})),
            [("changes/0/rules/0/purpose", "draft.clear_without_purpose")],
        ),
        (
            rules("grid_staff", "base.person", allow("reveal", {"sex": "masked"})),
            [("changes/0/rules/0/purpose", "draft.reveal_without_purpose")],
        ),
        (rules("mediator", "base.compound", allow("list", via="owner")), [("changes/0/rules/0/via", "draft.no_links")]),
        (
            rules("mediator", "base.compound", allow("list", effect="MAYBE")),
            [("changes/0/rules/0/effect", "draft.unknown_effect")],
        ),
        (
            rules("mediator", "base.compound", allow("list", where={"nme": {"eq": "a"}})),
            [("changes/0/rules/0/where", "draft.condition")],
        ),
        (
            rules("mediator", "base.compound", allow("list"), district="0190a000-0000-7000-8000-000000000000"),
            [("changes/0/district", "draft.unknown_district")],
        ),
        (
            rules("mediator", "base.compound", allow("list"), district="no district"),
            [("changes/0/district", "draft.unknown_district")],
        ),
        (
            rules("mediator", "base.compound", allow("list"), reset=True),
            [("changes/0/rules", "draft.reset_with_rules")],
        ),
    ],
)
async def test_what_a_rule_may_not_say_is_named_with_its_place(
    city: City, change: dict[str, Any], wrong: list[tuple[str, str]]
) -> None:
    assert await codes(city, ADMIN, change) == wrong


@pytest.mark.parametrize(
    ("entity", "where"),
    [
        ("base.person", {"birthDate": {"lt": "1960-01-01"}}),
        ("base.person", {"not": {"or": [{"sex": {"eq": "FEMALE"}}]}}),
        ("base.person", {"phones": {"some": {"number": {"isNull": False}}}}),
        ("base.residence", {"person": {"name": {"startsWith": "王"}}}),
        ("base.person", {"residences": {"some": {"kind": {"eq": "OWNER"}}}}),
        ("base.person", {"id": {"eq": "0190a000-0000-7000-8000-000000000000"}}),
        ("base.compound", {"name": {"contains": "园"}}),
    ],
)
async def test_a_condition_names_only_what_its_author_may_filter_by(
    city: City, entity: str, where: dict[str, Any]
) -> None:
    purpose = {"purpose": "population_register"}
    change = rules("grid_staff", entity, allow("list get", {"*": "clear"}, where=where, **purpose))
    assert {code for _, code in await codes(city, ADMIN, change)} == {"draft.condition_not_yours"}


async def test_a_condition_over_what_the_author_filters_by_is_taken(city: City) -> None:
    change = rules("mediator", "wangge.unit", allow("list get", where={"kind": {"eq": "station"}}))
    assert await codes(city, ADMIN, change) == []


async def test_who_filters_in_one_area_writes_no_condition_for_another(city: City, city_owner: Pool) -> None:
    login = await hire(city, city_owner, "security-mixed", ("security_admin", CITY), ("community_clerk", NANMING))
    where = {"name": {"contains": "园"}}
    here, there = [str(await area_id(city_owner, code)) for code in (NANMING, YUNYAN)]
    change = rules("mediator", "base.compound", allow("list", where=where))
    assert await codes(city, login, {**change, "district": here}) == []
    assert [code for _, code in await codes(city, login, {**change, "district": there})] == [
        "draft.condition_not_yours"
    ]
    assert [code for _, code in await codes(city, login, change)] == ["draft.condition_not_yours"]


async def test_a_district_writes_rules_for_itself_only(city: City, city_owner: Pool) -> None:
    here, there = [str(await area_id(city_owner, code)) for code in (NANMING, YUNYAN)]
    change = rules("mediator", "base.compound", allow("list"))
    assert await codes(city, LOCAL, {**change, "district": here}) == []
    assert await codes(city, LOCAL, {**change, "district": there}) == [("changes/0/district", "draft.outside_area")]
    assert await codes(city, LOCAL, change) == [("changes/0/district", "draft.outside_area")]
    prohibit = rules("mediator", "base.compound", allow("list", effect="PROHIBIT"), district=here)
    assert await codes(city, LOCAL, prohibit) == [("changes/0/rules/0/effect", "draft.prohibit_in_district")]


async def test_nobody_widens_the_own_role_nor_grants_what_is_not_the_own(city: City) -> None:
    own = rules("security_admin", "base.person", allow("list get", {"*": "clear"}))
    assert await codes(city, ADMIN, own) == [("changes/0/role", "draft.own_role")]
    below = rules("member", "base.compound", allow("list get"))
    assert await codes(city, ADMIN, below) == [("changes/0/role", "draft.own_role")]
    ledger = rules("mediator", "wangge.ledger", allow("list get"))
    assert {code for _, code in await codes(city, ADMIN, ledger)} == {"draft.more_than_yours"}
    assert await codes(city, ADMIN, rules("mediator", "wangge.rule", allow("list get"))) == []


async def test_a_published_draft_is_obeyed_by_every_worker_within_a_second(city: City, city_owner: Pool) -> None:
    async with served(city.settings, city.database) as second:
        second.accounts = city.accounts
        login = await hire(city, city_owner, "mediator-1", ("mediator", NANMING))
        assert [await sees(each, login) for each in (city, second)] == [False, False]
        done = await publish(city, rules("mediator", "base.compound", allow("list get")))
        began = asyncio.get_running_loop().time()
        assert done["errors"] == []

        async def obeyed() -> bool:
            return all([await sees(each, login) for each in (city, second)])

        await eventually(obeyed, 5)
        assert asyncio.get_running_loop().time() - began < 5
        stored = await city_owner.fetch(
            "SELECT origin, version FROM wangge.rule WHERE role = 'mediator' AND entity = 'base.compound' AND removed_at IS NULL"
        )
        assert [tuple(row) for row in stored] == [("published", done["version"])]
        told = (
            "SELECT action FROM wangge.ledger_entry WHERE actor_name = $1 AND action IN ('publish_rules', 'add_rule')"
        )
        assert {row["action"] for row in await city_owner.fetch(told, ADMIN)} == {"publish_rules", "add_rule"}


async def test_a_rule_for_aggregates_without_rows_is_published_with_its_dimensions(
    city: City, city_owner: Pool
) -> None:
    by = ["vacant", {"floor": [3, 6]}, {"area": "TOWNSHIP"}]
    payload = await publish(city, rules("volunteer", "base.room", allow("aggregate", dimensions=by)))
    assert payload["errors"] == []
    stored = await city_owner.fetchval(
        "SELECT dimensions FROM wangge.rule WHERE role = 'volunteer' AND entity = 'base.room' AND removed_at IS NULL"
    )
    assert stored == [
        {"field": "vacant", "unit": "VALUE", "bands": []},
        {"field": "floor", "unit": "BAND", "bands": [3.0, 6.0]},
        {"field": "area", "unit": "township", "bands": []},
    ]


async def test_more_of_a_personal_field_needs_another_security_administrator(city: City) -> None:
    more = allow("list get", {"*": "clear", "name": "clear"}, purpose="contact")
    fewer = allow("list get", {"*": "clear", "name": "masked"}, purpose="contact")
    role = "civil_affairs_officer"
    masked = await publish(city, rules(role, "base.person", fewer))
    assert masked["errors"] == []
    draft = await made(city, ADMIN, CREATE, title="t", changes=[rules(role, "base.person", more)])
    assert draft["widens"] == [{"role": role, "entity": "base.person", "field": "name"}]
    id_, revision = draft["node"]["id"], draft["node"]["revision"]
    refused = await made(city, ADMIN, PUBLISH, id=id_)
    assert [error["code"] for error in refused["errors"]] == ["draft.needs_second"]
    assert await city.code(ADMIN, AGREE, {"id": id_, "revision": revision}) == "draft.own_agreement"
    assert await city.code(SECOND, AGREE, {"id": id_, "revision": revision + 1}) == "row.changed"
    assert (await made(city, LOCAL, AGREE, id=id_, revision=revision))["errors"][0]["code"] == "draft.outside_area"
    agreed = (await made(city, SECOND, AGREE, id=id_, revision=revision))["node"]
    assert agreed["agreedBy"] is not None
    edited = await made(city, ADMIN, UPDATE, id=id_, title="t2", changes=[rules(role, "base.person", more)])
    assert edited["node"]["agreedBy"] is None
    assert [e["code"] for e in (await made(city, ADMIN, PUBLISH, id=id_))["errors"]] == ["draft.needs_second"]
    await made(city, SECOND, AGREE, id=id_, revision=edited["node"]["revision"])
    assert (await made(city, ADMIN, PUBLISH, id=id_))["node"]["state"] == "PUBLISHED"
    assert await city.code(ADMIN, PUBLISH, {"id": id_}) == "draft.not_open"


async def test_who_narrows_needs_nobody(city: City) -> None:
    fewer = allow("list", {"*": "clear"}, purpose="contact")
    draft = await made(city, ADMIN, CREATE, title="t", changes=[rules("data_officer", "base.person", fewer)])
    assert (draft["errors"], draft["widens"]) == ([], [])
    gone = await made(city, ADMIN, DISCARD, id=draft["node"]["id"])
    assert gone["node"]["state"] == "DISCARDED"


async def test_of_two_drafts_for_one_pair_the_later_has_to_look_again(city: City) -> None:
    changes = [rules("volunteer", "base.compound", allow("list"))]
    first, second = [await made(city, ADMIN, CREATE, title="t", changes=changes) for _ in range(2)]
    assert (await made(city, ADMIN, PUBLISH, id=first["node"]["id"]))["errors"] == []
    assert await city.code(ADMIN, PUBLISH, {"id": second["node"]["id"]}) == "draft.overtaken"
    await made(city, ADMIN, UPDATE, id=second["node"]["id"], title="t", changes=changes)
    assert (await made(city, ADMIN, PUBLISH, id=second["node"]["id"]))["errors"] == []


async def test_a_district_override_replaces_the_default_there_and_is_taken_back(city: City, city_owner: Pool) -> None:
    here = await area_id(city_owner, NANMING)
    logins = [
        await hire(city, city_owner, f"partner-{n}", ("partner", code)) for n, code in enumerate((NANMING, YUNYAN))
    ]
    await publish(city, rules("partner", "base.compound", allow("list", {"name": "clear"})))

    async def both(expected: list[bool], query: str) -> None:
        async def holds() -> bool:
            return [await sees(city, login, query) for login in logins] == expected

        await eventually(holds, 5)

    await both([True, True], COMPOUNDS)
    done = await publish(city, rules("partner", "base.compound", allow("get"), district=str(here)), login=LOCAL)
    assert done["errors"] == []
    await both([False, True], COMPOUNDS)
    await publish(city, rules("partner", "base.compound", district=str(here)), login=LOCAL)
    await both([True, True], COMPOUNDS)


async def test_published_rules_outlive_an_apply_and_a_reset_brings_the_modules_own_back(
    city: City, city_owner: Pool
) -> None:
    from wangge.app import load
    from wangge.modules.discover import discover

    query = "SELECT origin, fields FROM wangge.rule WHERE role = 'supervisor' AND entity = 'base.room' AND removed_at IS NULL"
    before = [tuple(row) for row in await city_owner.fetch(query)]
    await publish(city, rules("supervisor", "base.room", allow("list", {"floor": "clear"})))
    model = load(discover(()))
    async with city_owner.transaction() as connection:
        await seed(connection, model, model)
    assert [tuple(row) for row in await city_owner.fetch(query)] == [("published", {"floor": "clear"})]
    done = await publish(city, rules("supervisor", "base.room", reset=True))
    assert done["errors"] == []
    assert [tuple(row) for row in await city_owner.fetch(query)] == before


async def test_publishing_waits_for_a_write_and_gives_up_while_one_stays(city: City, city_owner: Pool) -> None:
    draft = await made(
        city, ADMIN, CREATE, title="t", changes=[rules("feed", "base.compound", allow("list", {"name": "clear"}))]
    )
    async with city_owner.transaction() as connection:
        await connection.execute("SELECT pg_advisory_xact_lock_shared(7146001)")
        assert await city.code(ADMIN, PUBLISH, {"id": draft["node"]["id"]}) == "draft.busy"
        assert await city_owner.fetchval("SELECT count(*) FROM wangge.rule WHERE role = 'feed'") == 0
        waiting = asyncio.create_task(made(city, ADMIN, PUBLISH, id=draft["node"]["id"]))
        await asyncio.wait([waiting], timeout=0.3)
        assert not waiting.done()
    assert (await waiting)["errors"] == []


async def test_the_mutations_are_the_only_way_to_a_rule(city: City) -> None:
    schema = (await city.data(ADMIN, "{ __schema { mutationType { fields { name } } } }"))["__schema"]
    names = {field["name"] for field in schema["mutationType"]["fields"]}
    assert {"createRule", "updateRule", "removeRule", "createDraft", "updateDraft"}.isdisjoint(names)
