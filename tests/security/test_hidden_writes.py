"""SECURITY 5, 19, 31-33: a write that names what the caller may not see is answered, byte for byte, as one that names nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from tests.city import City
from wangge.store.pool import Pool

GRID, OTHER = "nanming-grid-1", "yunyan-grid-1"
FOUND = """{ persons(first: 1) { nodes { id } } rooms(first: 1) { nodes { id } } households(first: 1) { nodes { id } }
  buildings(first: 1) { nodes { id area { id } } } residences(first: 1) { nodes { id } } incidents(first: 1) { nodes { id } } }"""
ERRORS = "errors { index path code message }"

WRITES: dict[str, tuple[str, str]] = {
    "a person into the own room": (
        "persons",
        """createResidence(input: {person: $id, room: $rooms, kind: OWNER, validFrom: "2026-01-01"}) { node { person { id } } E }""",
    ),
    "a foreign room for an own person": (
        "rooms",
        """createResidence(input: {person: $persons, room: $id, kind: OWNER, validFrom: "2026-01-01"}) { node { id } E }""",
    ),
    "a person into the own household": (
        "persons",
        'createHouseholdMember(input: {person: $id, household: $households, relation: "02"}) { node { id } E }',
    ),
    "a guardian": ("persons", "updatePerson(id: $persons, patch: {guardians: [$id]}) { node { id } E }"),
    "a guardian and a mistake": (
        "persons",
        'updatePerson(id: $persons, patch: {guardians: [$id], sex: "no", name: null}) { node { id } E }',
    ),
    "a consent of a person": (
        "persons",
        "createConsent(input: {person: $id, purpose: $id, notice: $id, channel: PAPER}) { node { id } E }",
    ),
    "an area": ("areas", 'createBuilding(input: {name: "测试", area: $id, code: "1"}) { node { id } E }'),
    "an area and nothing else": ("areas", "createBuilding(input: {area: $id}) { node { id } E }"),
    "an area and a mistake": (
        "areas",
        'createBuilding(input: {name: "测试", area: $id, compound: $persons}) { node { id } E }',
    ),
    "an area for what is there": ("areas", "updateBuilding(id: $buildings, patch: {area: $id}) { node { id } E }"),
    "a new area and a mistake": (
        "areas",
        "updateBuilding(id: $buildings, patch: {area: $id, code: null, compound: $persons}) { node { id } E }",
    ),
    "a change": ("persons", 'updatePerson(id: $id, patch: {name: "测试"}) { node { id name } E }'),
    "a change of a revision": (
        "persons",
        'updatePerson(id: $id, ifRevision: 99, patch: {name: "测试"}) { node { id name } E }',
    ),
    "a removal": ("residences", 'removeResidence(id: $id, reason: "x") { node { id } E }'),
    "a return": ("residences", "restoreResidence(id: $id) { node { id } E }"),
}
WANTED = ("persons", "rooms", "households", "buildings", "residences")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ids(city: City) -> AsyncIterator[dict[str, dict[str, str]]]:
    """A row of each kind that each of both sees."""
    found = {}
    for login in (GRID, OTHER):
        data = await city.data(login, FOUND)
        found[login] = {plural: part["nodes"][0]["id"] for plural, part in data.items()}
        found[login]["areas"] = data["buildings"]["nodes"][0]["area"]["id"]
    yield found


def missing(like: str) -> str:
    """An id of the same form that nothing has."""
    return str(UUID(int=UUID(like).int ^ 0xFFFF))


@pytest.mark.parametrize("name", WRITES)
async def test_what_is_hidden_is_written_of_like_what_is_missing(
    city: City, city_owner: Pool, ids: dict[str, dict[str, str]], name: str
) -> None:
    plural, text = WRITES[name]
    names = [n for n in WANTED if f"${n}" in text]
    head = "".join(f", ${n}: ID!" for n in names)
    query = f"mutation($id: ID!{head}) {{ {text.replace(' E }', f' {ERRORS} }}')} }}"
    given = {n: ids[GRID][n] for n in names}
    changed = "SELECT count(*) FROM wangge.revision"
    before = await city_owner.fetchval(changed)
    answers = []
    for target in (ids[OTHER][plural], missing(ids[OTHER][plural])):
        answer = await city.http.post(
            "/graphql", json={"query": query, "variables": {**given, "id": target}}, headers=city.headers(GRID)
        )
        answers.append((answer.status_code, answer.text.replace(target, "ID")))
    assert answers[0] == answers[1]
    assert '"code":"document.invalid"' not in answers[0][1]
    assert '"code":"' in answers[0][1]
    assert await city_owner.fetchval(changed) == before


async def test_an_id_of_a_hidden_row_is_unusable_like_any_that_is_taken(
    city: City, ids: dict[str, dict[str, str]]
) -> None:
    query = 'mutation($id: ID!) { createPerson(input: {id: $id, name: "测试"}) { node { id } errors { code path } } }'
    own: Any = await city.data(GRID, query, {"id": ids[GRID]["persons"]})
    foreign: Any = await city.data(GRID, query, {"id": ids[OTHER]["persons"]})
    assert own == foreign == {"createPerson": {"node": None, "errors": [{"code": "id.unusable", "path": ["id"]}]}}


SYSTEM = "createdBy created_by revision district districtId areaId areaOrd removedAt state role owner updatedAt".split()


@pytest.mark.parametrize("field", SYSTEM)
async def test_what_the_platform_sets_nobody_else_sets(city: City, field: str) -> None:
    query = f'mutation {{ createPerson(input: {{name: "测试", {field}: null}}) {{ node {{ id }} }} }}'
    assert await city.code(GRID, query) == "document.invalid"
