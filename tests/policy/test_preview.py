"""Preview as a role: the intersection of two scopes, reads only, in the ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.city import City
from tests.policy.holders import hire
from wangge.store.pool import Pool
from wangge.values import uuid7

pytestmark = pytest.mark.asyncio(loop_scope="module")
CITY, NANMING = "520100000000", "520102000000"
LISTS = ("compounds", "persons", "incidents", "rooms", "households", "residences", "accounts", "areas")
ROLES = ("grid_staff", "station_clerk", "civil_affairs_officer", "urban_management_officer", "resident", "member")
LOOKER = "security-looker"


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def looker(city: City, city_owner: Pool) -> AsyncIterator[None]:
    """A security administrator of the city who is a clerk of one district too, and a holder of each role in the city."""
    await hire(city, city_owner, LOOKER, ("security_admin", CITY), ("community_clerk", NANMING))
    for role in ROLES:
        await hire(city, city_owner, f"whole-{role}", (role, CITY))
    yield


async def rows(city: City, login: str, plural: str, field: str = "id", **headers: str) -> dict[str, Any] | None:
    """Id -> a field, over all pages of a list; None where the caller does not have it."""
    query = f"""query($a: String) {{ found: {plural}(first: 1000, after: $a) {{
      nodes {{ id value: {field} }} pageInfo {{ hasNextPage endCursor }} }} }}"""
    found: dict[str, Any] = {}
    after = None
    while True:
        answer = await city.ask(login, query, {"a": after}, **headers)
        if "data" not in answer:
            return None
        page = answer["data"]["found"]
        found |= {node["id"]: node["value"] for node in page["nodes"]}
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return found


async def ids(city: City, login: str, plural: str, **headers: str) -> set[str]:
    """The ids of a list; none where the caller does not have it."""
    return set(await rows(city, login, plural, **headers) or ())


async def types(city: City, login: str, **headers: str) -> dict[str, set[str]]:
    """Type -> fields of a caller's schema."""
    answer = await city.ask(login, "{ __schema { types { name fields { name } } } }", {}, **headers)
    return {t["name"]: {f["name"] for f in t["fields"] or ()} for t in answer["data"]["__schema"]["types"]}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("plural", LISTS)
async def test_the_rows_are_those_of_both(city: City, role: str, plural: str) -> None:
    seen = await ids(city, LOOKER, plural, **{"wangge-preview-as": role})
    assert seen == await ids(city, LOOKER, plural) & await ids(city, f"whole-{role}", plural)


@pytest.mark.parametrize("role", ROLES)
async def test_the_schema_has_nothing_that_one_of_both_lacks(city: City, role: str) -> None:
    seen = await types(city, LOOKER, **{"wangge-preview-as": role})
    own, theirs = await types(city, LOOKER), await types(city, f"whole-{role}")
    for name, fields in seen.items():
        if name in ("Query", "Mutation") or name.startswith(("Access", "Me", "Rule")):
            continue
        assert name in own, name
        assert name in theirs, name
        assert fields <= own[name] & theirs[name], name


@pytest.mark.parametrize("role", ["grid_staff", "civil_affairs_officer", "station_clerk"])
async def test_a_cell_is_shown_as_the_lesser_of_both_shows_it(city: City, role: str) -> None:
    compared = []
    for field in ("name", "sex", "birthDate", "idNumber", "hukouAddress", "nationality"):
        seen = await rows(city, LOOKER, "persons", field, **{"wangge-preview-as": role})
        own, theirs = await rows(city, LOOKER, "persons", field), await rows(city, f"whole-{role}", "persons", field)
        if own is None or theirs is None:
            assert seen is None, field
            continue
        assert seen, field
        for row, value in seen.items():
            assert value in (own[row], theirs[row]), field
            stars = [each for each in (own[row], theirs[row]) if own[row] != theirs[row] and "*" in str(each)]
            assert not stars or value in stars, field
        compared.append(field)
    assert "name" in compared


async def test_a_preview_only_reads(city: City) -> None:
    mutation = 'mutation { discardRuleDraft(id: "' + str(uuid7()) + '") { errors { code } } }'
    preview = {"wangge-preview-as": "security_admin"}
    answer = await city.ask(LOOKER, mutation, {}, **preview)
    assert answer["errors"][0]["extensions"]["code"] in ("preview.reads_only", "document.invalid")
    update = 'mutation { updateCompound(id: "x", patch: {}) { errors { code } } }'
    answer = await city.ask(LOOKER, update, {}, **{"wangge-preview-as": "community_clerk"})
    assert answer["errors"][0]["extensions"]["code"] == "document.invalid"
    reveal = "{ persons(first: 1) { nodes { idNumber(reveal: true) } } }"
    headers = {"wangge-preview-as": "station_clerk", "wangge-purpose": "population_register"}
    assert "errors" in await city.ask(LOOKER, reveal, {}, **headers)


async def test_only_the_security_administrator_previews_and_others_learn_no_roles(city: City) -> None:
    query = "{ me { account { id } } }"
    answers: list[Any] = []
    for login in ("audit-admin", "city-admin", "nanming-grid-1"):
        for role in ("grid_staff", "no_such_role"):
            answers.append(await city.ask(login, query, {}, **{"wangge-preview-as": role}))
    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["errors"][0]["extensions"]["code"] == "preview.not_allowed"
    answer = await city.ask(LOOKER, query, {}, **{"wangge-preview-as": "no_such_role"})
    assert answer["errors"][0]["extensions"]["code"] == "preview.unknown_role"


async def test_every_preview_stands_in_the_ledger(city: City, city_owner: Pool) -> None:
    noted = "SELECT count(*) FROM wangge.ledger_entry WHERE action = 'preview_as' AND actor_name = $1 AND reason = $2"
    before = await city_owner.fetchval(noted, LOOKER, "supervisor")
    await city.ask(LOOKER, "{ me { account { id } } }", {}, **{"wangge-preview-as": "supervisor"})
    assert await city_owner.fetchval(noted, LOOKER, "supervisor") == before + 1
