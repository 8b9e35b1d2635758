"""SECURITY 43, 44, 47, 49, 50: who calls is said by a token of our own making or a session's cookie, and by nothing else."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.city import City, served
from wangge.settings import Settings
from wangge.store.database import Database

GRID, ADMIN = "nanming-grid-1", "nanming-admin"
COUNT = "{ me { account { id } } persons { totalCount { value } } }"
WRITE = 'mutation { createStaff(input: {name: "测试"}) { node { id } } }'


def part(value: dict[str, Any]) -> str:
    """One part of a JWT."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def forged(token: str) -> dict[str, str]:
    """Tokens that somebody makes who knows the public half of a right one."""
    prefix, public, secret = token.split("_")
    claims = part({"sub": GRID, "aud": "wangge", "exp": 4_000_000_000})
    return {
        "alg none": f"{part({'alg': 'none'})}.{claims}.",
        "a key by its path": f"{part({'alg': 'HS256', 'kid': '../../dev/null'})}.{claims}.AAAA",
        "no secret": f"{prefix}_{public}_",
        "another secret": f"{prefix}_{public}_{'x' * len(secret)}",
        "a secret cut short": token[:-1],
        "a longer secret": token + "A",
        "another case": f"{prefix}_{public.upper()}_{secret}".swapcase(),
        "a wildcard": f"{prefix}_%_{secret}",
        "a quote": f"{prefix}_' OR 1=1--_{secret}",
        "two tokens": f"{token}, {token}",
        "very long": f"{prefix}_{public}_{'a' * 5_000}",
    }


async def test_forged_tokens_have_one_answer(city: City) -> None:
    answers = set()
    for token in forged(city.accounts[GRID]["token"]).values():
        answer = await city.http.post("/graphql", json={"query": COUNT}, headers={"authorization": f"Bearer {token}"})
        answers.add((answer.status_code, answer.headers["www-authenticate"], answer.text))
    assert [(status, scheme) for status, scheme, _ in answers] == [(401, "Bearer")]


NAMES = """x-user x-user-id x-remote-user remote-user x-forwarded-user x-hasura-role x-hasura-user-id x-actor wangge-actor
wangge-account wangge-role wangge-post x-original-user x-authenticated-user x-client-cert ssl-client-s-dn x-http-method-override
x-original-url x-rewrite-url""".split()


async def test_fields_that_name_somebody_name_nobody(city: City) -> None:
    more = dict.fromkeys(NAMES, "city-admin")
    assert await city.ask(GRID, COUNT, None, **more) == await city.ask(GRID, COUNT)
    answer = await city.http.post("/graphql", json={"query": COUNT}, headers=more)
    assert answer.status_code == 401


async def test_a_token_counts_in_its_own_field_alone(city: City) -> None:
    token = city.accounts[GRID]["token"]
    for path, body, headers in [
        (f"/graphql?access_token={token}", {"query": COUNT, "access_token": token}, {}),
        ("/graphql", {"query": COUNT}, {"cookie": f"wangge_session={token}; authorization={token}"}),
        ("/graphql", {"query": COUNT}, {"authorization": f"Basic {base64.b64encode(token.encode()).decode()}"}),
        ("/graphql", {"query": COUNT}, {"x-api-key": token}),
    ]:
        assert (await city.http.post(path, json=body, headers=headers)).status_code == 401


async def test_nobody_without_a_name_reads_anything(city: City) -> None:
    """SECURITY 30."""
    for query in ("{ __schema { types { name } } }", "{ __typename }", COUNT, "{"):
        answer = await city.http.post("/graphql", json={"query": query})
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (401, "auth.required")


SIMPLE = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/graphql",
    "",
]


@pytest.mark.parametrize("type_", SIMPLE)
async def test_a_form_of_another_site_writes_nothing(city: City, type_: str) -> None:
    headers = {**city.headers(ADMIN), "content-type": type_}
    answer = await city.http.post("/graphql", content=json.dumps({"query": WRITE}), headers=headers)
    assert answer.status_code == 415
    assert (await city.data(ADMIN, '{ staffMembers(where: {name: {eq: "测试"}}) { totalCount { value } } }')) == {
        "staffMembers": {"totalCount": {"value": 0}}
    }


async def test_another_site_is_allowed_nothing(city: City) -> None:
    there = {"origin": "https://elsewhere.example", "access-control-request-method": "POST"}
    asked = {**there, "access-control-request-headers": "authorization, content-type, wangge-csrf"}
    for method, path in [("OPTIONS", "/graphql"), ("OPTIONS", "/session"), ("GET", "/session"), ("GET", "/admin/")]:
        answer = await city.http.request(method, path, headers=asked)
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "default-src 'self'" in answer.headers["content-security-policy"]


async def test_answers_with_personal_data_are_not_kept(city: City) -> None:
    """SECURITY 26."""
    for answer in [
        await city.http.post("/graphql", json={"query": COUNT}, headers=city.headers(GRID)),
        await city.http.get("/graphql", params={"query": COUNT}, headers=city.headers(GRID)),
    ]:
        assert (answer.status_code, answer.headers["cache-control"], answer.headers.get("etag")) == (
            200,
            "no-store",
            None,
        )


@pytest.mark.parametrize(
    "path", ["/admin/%00", "/admin/%2e%2e/%2e%2e/app.py", "/admin/..%2f..%2fapp.py", "/admin/" + "a" * 3_000]
)
async def test_odd_paths_show_no_file_and_break_nothing(city: City, path: str) -> None:
    answer = await city.http.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "def build" not in answer.text


async def test_who_guesses_tokens_waits_and_those_who_are_known_do_not(
    city_settings: Settings, city_database: Database
) -> None:
    async with served(city_settings, city_database) as city:
        assert "data" in await city.ask(GRID, COUNT)
        wrong = {"authorization": "Bearer wg_0123456789abcdef_guess"}
        seen = []
        for _ in range(101):
            seen.append((await city.http.post("/graphql", json={"query": COUNT}, headers=wrong)).status_code)
        assert seen == [401] * 100 + [429]
        answer = await city.http.post("/graphql", json={"query": COUNT}, headers=city.headers(ADMIN))
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (429, "auth.too_many_tries")
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert "data" in await city.ask(GRID, COUNT)
