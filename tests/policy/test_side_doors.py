"""The ways round by which an administrator of a district could learn what the own rights do not show (PERMISSIONS.md 6)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from tests.city import City
from tests.policy.holders import area_id, hire
from wangge.model.load import load_model
from wangge.model.rule_checks import PERSONAL
from wangge.modules.discover import discover
from wangge.store.pool import Pool

pytestmark = pytest.mark.asyncio(loop_scope="module")
MODEL = load_model([found.folder for found in discover()])
NANMING = "520102000000"
LOCAL, DISTRICT = "security-of-nanming", "nanming-admin"
CREATE = """mutation($changes: [RuleSetInput!]!) { createRuleDraft(title: "t", changes: $changes) {
  node { id } errors { path code } } }"""
MODULES = '{ moduleDifference(module: "base") { gains { role } } }'
APPROVE = 'mutation { approveModule(module: "base", reason: "x") { errors { code } } }'
EXPLAIN = """query($account: String!) { access { explainFor(account: $account, type: "Person",
  id: "0190a000-0000-7000-8000-000000000000", field: "name") { __typename } } }"""


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def local(city: City, city_owner: Pool) -> AsyncIterator[None]:
    """A security administrator of one district."""
    await hire(city, city_owner, LOCAL, ("security_admin", NANMING))
    yield


def personal() -> Iterator[tuple[str, str]]:
    """Each personal or sensitive field with its entity."""
    for entity in MODEL.entities.values():
        for field in MODEL.fields_of(entity.name).values():
            if field.sensitivity in PERSONAL:
                yield entity.name, field.name


def forms(name: str) -> Iterator[dict[str, Any]]:
    """A condition over a field: plain, turned round, among others."""
    plain = {name: {"isNull": False}}
    yield plain
    yield {"not": plain}
    yield {"or": [{"id": {"isNull": True}}, {"and": [plain]}]}


def hops(entity: str, where: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The same condition from the entities beside it, through references and lists of children."""
    for other in MODEL.entities.values():
        for field in MODEL.fields_of(other.name).values():
            if field.to == (entity,) and field.kind == "ref":
                yield other.name, {field.name: where}
            elif field.to == (entity,) and field.kind == "children":
                yield other.name, {field.name: {"some": where}}


async def refusals(city: City, entity: str, wheres: list[dict[str, Any]], district: str) -> dict[int, set[str]]:
    """Number of a rule -> the codes for which it is refused; -1 for what is refused as a whole."""
    rules = [{"actions": ["list"], "fields": {"*": "clear"}, "where": where} for where in wheres]
    change = {"role": "mediator", "entity": entity, "rules": rules, "district": district}
    made = (await city.data(LOCAL, CREATE, {"changes": [change]}))["createRuleDraft"]
    assert made["node"] is None
    found: dict[int, set[str]] = {}
    for error in made["errors"]:
        path = error["path"]
        found.setdefault(int(path[3]) if len(path) > 3 else -1, set()).add(error["code"])
    return found


async def test_no_condition_over_a_personal_field_is_written_by_who_cannot_filter_by_it(
    city: City, city_owner: Pool
) -> None:
    here = str(await area_id(city_owner, NANMING))
    cases: dict[str, list[dict[str, Any]]] = {}
    for entity, name in personal():
        cases.setdefault(entity, []).extend(forms(name))
        for other, where in hops(entity, {name: {"isNull": False}}):
            cases.setdefault(other, []).append(where)
    refused, known = 0, {"draft.condition_not_yours"}
    for entity, wheres in cases.items():
        codes = await refusals(city, entity, wheres, here)
        unsayable = {n for n, found in codes.items() if found == {"draft.condition"}}
        wheres = [where for n, where in enumerate(wheres) if n not in unsayable]
        if unsayable and wheres:  # what can be said is looked at once all of it can be
            codes = await refusals(city, entity, wheres, here)
        if codes.get(-1) == {"draft.unknown_entity"}:  # what several kinds have in common has no rules of its own
            continue
        assert [where for n, where in enumerate(wheres) if not known <= codes.get(n, set())] == [], entity
        refused += len(wheres)
    assert refused > 100


@pytest.mark.parametrize(
    "query",
    [
        '{ persons(where: {idNumber: {eq: "520102199001011234"}}) { totalCount { value } } }',
        '{ persons(where: {name: {startsWith: "王"}}) { totalCount { value } } }',
        "{ persons(orderBy: [{birthDate: ASC}]) { nodes { id } } }",
        "{ persons { nodes { idNumber(reveal: true) } } }",
    ],
)
async def test_a_preview_shows_sorts_and_counts_no_more_than_its_looker_may_see(city: City, query: str) -> None:
    as_clerk = {"wangge-preview-as": "station_clerk"}
    answer = await city.ask(LOCAL, query, {}, **as_clerk)
    assert answer["errors"][0]["extensions"]["code"] == "document.invalid"
    refused = await city.ask(DISTRICT, query, {}, **as_clerk)
    assert "data" not in refused


async def test_what_is_the_whole_citys_is_not_approved_in_a_district(city: City) -> None:
    assert await city.code(LOCAL, MODULES) == "module.city_only"
    made = await city.data(LOCAL, APPROVE)
    assert made == {"approveModule": {"errors": [{"code": "module.city_only"}]}}
    for query in (MODULES, APPROVE, CREATE.replace("$changes: [RuleSetInput!]!", "$c: Int")):
        assert await city.code(DISTRICT, query) == "document.invalid"


async def test_rights_of_an_account_in_another_district_are_explained_like_those_of_none(city: City) -> None:
    there, nowhere = [await city.ask(LOCAL, EXPLAIN, {"account": name}) for name in ("yunyan-station", "no-such-login")]
    assert str(there).replace("yunyan-station", "?") == str(nowhere).replace("no-such-login", "?")
    assert nowhere["errors"][0]["extensions"]["code"] == "access.unknown_account"


async def test_accounts_of_another_district_are_found_by_no_filter(city: City) -> None:
    for where in (
        'login: {eq: "yunyan-station"}',
        'posts: {some: {role: {eq: "audit_admin"}}}',
        'name: {contains: "云岩"}',
    ):
        found = await city.data(
            DISTRICT, f"{{ accounts(where: {{{where}}}) {{ nodes {{ login }} totalCount {{ value }} }} }}"
        )
        assert found == {"accounts": {"nodes": [], "totalCount": {"value": 0}}}
