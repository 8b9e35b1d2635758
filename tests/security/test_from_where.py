"""SECURITY 44, 71: from where somebody wrote, read, signed in or was refused stands in both books, and only a proxy may tell it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import httpx
import msgspec
import pytest
import pytest_asyncio

from tests.city import City, eventually, served
from wangge.crypto import load_keys
from wangge.http.addresses import address_of
from wangge.identity.tokens import create_token
from wangge.settings import Settings
from wangge.store.database import Database
from wangge.store.pool import Pool

CLERK, GRID, OFFICER, ADMIN, SECURITY, AUDITOR, RESIDENT = (
    "nanming-station",
    "nanming-grid-1",
    "nanming-urban-management",
    "nanming-admin",
    "security-admin",
    "audit-admin",
    "nanming-resident",
)
PURPOSE = {"wangge-purpose": "population_register"}
THERE = "203.0.113.9"
NEWEST = "SELECT origin, address FROM wangge.ledger_entry WHERE action = $1 ORDER BY at DESC, id DESC LIMIT 1"
READ = "SELECT origin, address FROM wangge.read_log ORDER BY at DESC, id DESC LIMIT 1"
NUMBER = "{ persons(first: 1) { nodes { idNumber(reveal: true) } } }"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(city_settings: Settings, city_database: Database) -> AsyncIterator[City]:
    """The city behind a proxy at 127.0.0.1."""
    async with served(msgspec.structs.replace(city_settings, proxies=("127.0.0.0/8",)), city_database) as made:
        yield made


async def entry(owner: Pool, action: str) -> tuple[str, str]:
    """(origin, address) of the newest entry of an action."""
    row = await owner.fetchrow(NEWEST, action)
    assert row is not None, action
    return row["origin"], row["address"]


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:DB8:0::9", "2001:db8::9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("fe80::1%\x1b[31m", "fe80::1"),
        ("unknown", ""),
        ("203.0.113.9\r\nx: y", ""),
        ("010.0.0.1", ""),
        ("", ""),
    ],
)
def test_an_address_has_one_form_and_other_texts_are_none(host: str, address: str) -> None:
    assert address_of({"client": (host, 1)}) == address
    assert address_of({"client": None}) == ""


CREATE = 'mutation { createBuilding(input: {code: "%s", name: "x"}) { node { id } } }'
ASKED: dict[str, tuple[str, str, dict[str, str], str]] = {
    "a create": (CLERK, CREATE % "from-1", {}, "create"),
    "a create of several": (
        CLERK,
        'mutation { createBuildings(inputs: [{code: "from-2", name: "x"}, {code: "from-3", name: "x"}]) { ids } }',
        {},
        "create",
    ),
    "a write that is denied": (
        CLERK,
        'mutation { updateBuilding(id: "019a0000-0000-7000-8000-000000000000", patch: {name: "y"}) { node { id } } }',
        {},
        "denied:update",
    ),
    "a reveal": (CLERK, NUMBER, PURPOSE, "reveal"),
    "a match": (
        CLERK,
        '{ persons(where: {idNumber: {eq: "11010519491231002X"}}) { totalCount { value } } }',
        PURPOSE,
        "match",
    ),
    "a read that is denied": (GRID, "{ areas { nodes { id } } }", {"wangge-purpose": "nothing"}, "denied:read"),
    "a preview": (SECURITY, "{ areas { nodes { id } } }", {"wangge-preview-as": "grid_staff"}, "preview_as"),
    "a token": (ADMIN, "mutation { createToken(input: {}) { token errors { code } } }", {}, "create_token"),
    "an own copy": (RESIDENT, "{ myData { export } }", {}, "export_own"),
}


@pytest.mark.parametrize("name", ASKED)
async def test_what_is_asked_stands_in_the_ledger_with_its_address(behind: City, city_owner: Pool, name: str) -> None:
    login, query, headers, action = ASKED[name]
    await behind.ask(login, query, None, **headers, **{"x-forwarded-for": f"198.51.100.7, {THERE}"})
    assert await entry(city_owner, action) == ("request", THERE)


async def test_a_change_and_an_end_of_a_row_do_too(behind: City, city_owner: Pool) -> None:
    row = (await behind.data(OFFICER, "{ incidents(first: 1) { nodes { id } } }"))["incidents"]["nodes"][0]["id"]
    texts = {
        "update": f'mutation {{ updateIncident(id: "{row}", patch: {{description: "水管破裂，已围挡并通知产权单位"}}) {{ errors {{ code }} }} }}',
        "remove": f'mutation {{ removeIncident(id: "{row}", reason: "r") {{ errors {{ code }} }} }}',
        "restore": f'mutation {{ restoreIncident(id: "{row}") {{ errors {{ code }} }} }}',
    }
    for number, (action, text) in enumerate(texts.items()):
        done = await behind.ask(OFFICER, text, None, **{"x-forwarded-for": f"203.0.113.{number}"})
        assert [made["errors"] for made in done["data"].values()] == [[]], done
        assert await entry(city_owner, action) == ("request", f"203.0.113.{number}")


async def test_nobody_but_the_proxy_says_where_it_is(city: City, city_owner: Pool) -> None:
    lies = {"x-forwarded-for": THERE, "x-real-ip": THERE, "forwarded": f"for={THERE}", "x-client-ip": THERE}
    await city.ask(CLERK, CREATE % "from-5", None, **lies)
    assert await entry(city_owner, "create") == ("request", "127.0.0.1")
    await city.ask(GRID, "{ areas { nodes { id } } }", None, **lies, **{"wangge-purpose": "nothing"})
    assert await entry(city_owner, "denied:read") == ("request", "127.0.0.1")


async def recorded(city: City, owner: Pool, **headers: str) -> tuple[str, str]:
    """(origin, address) of the read record of a list of names."""
    before: int = await owner.fetchval("SELECT count(*) FROM wangge.read_log")
    assert "data" in await city.ask(CLERK, "{ persons(first: 1) { nodes { name } } }", None, **headers)

    async def there() -> bool:
        count: int = await owner.fetchval("SELECT count(*) FROM wangge.read_log")
        return count == before + 1

    await eventually(there)
    row = await owner.fetchrow(READ)
    assert row is not None
    origin, address = row["origin"], row["address"]
    return origin, address


async def test_reads_are_recorded_with_their_address(city: City, behind: City, city_owner: Pool) -> None:
    claimed = {"x-forwarded-for": "2001:DB8::9"}
    assert await recorded(behind, city_owner, **claimed) == ("request", "2001:db8::9")
    assert await recorded(city, city_owner, **claimed) == ("request", "127.0.0.1")


@asynccontextmanager
async def browser(city: City, address: str) -> AsyncIterator[httpx.AsyncClient]:
    """A browser at an address."""
    async with httpx.AsyncClient(base_url=city.url, headers={"x-forwarded-for": address}) as made:
        yield made


async def test_signing_in_and_out_and_failing_to_do_not_hide_where(behind: City, city_owner: Pool) -> None:
    account = {"login": GRID, "password": behind.accounts[GRID]["password"]}
    async with browser(behind, "203.0.113.20") as client:
        made = await client.post("/session", json=account)
        assert await entry(city_owner, "sign_in") == ("request", "203.0.113.20")
        cookie = {"cookie": made.headers["set-cookie"].partition(";")[0], "wangge-csrf": made.json()["csrf"]}
        wrong = {"current": "wrong wrong wrong", "new": "another long one"}
        assert (await client.post("/session/password", json=wrong, headers=cookie)).status_code == 422
        assert await entry(city_owner, "denied:password") == ("request", "203.0.113.20")
        assert (await client.delete("/session", headers=cookie)).status_code == 204
        assert await entry(city_owner, "sign_out") == ("request", "203.0.113.20")
    for number, login in ((21, GRID), (22, "nobody-here")):
        async with browser(behind, f"203.0.113.{number}") as client:
            assert (await client.post("/session", json={"login": login, "password": "wrong"})).status_code == 401
        assert await entry(city_owner, "denied:sign_in") == ("request", f"203.0.113.{number}")
    assert await city_owner.fetchval(
        "SELECT host(address::inet) FROM wangge.session ORDER BY created_at DESC LIMIT 1"
    ) == ("203.0.113.20")


async def test_a_command_has_no_address_and_says_that_it_is_one(city: City, city_owner: Pool) -> None:
    account: UUID = await city_owner.fetchval("SELECT id FROM wangge.account WHERE login = $1", GRID)
    async with city_owner.transaction() as connection:
        await create_token(connection, load_keys(city.settings.home, None), account)
    assert await entry(city_owner, "create_token") == ("command", "")
    assert await entry(city_owner, "load") == ("command", "")
    assert await entry(city_owner, "approve_module") == ("platform", "")


ENTRIES = '{ ledgerEntries(where: {address: {eq: "%s"}}) { nodes { origin address action } } }'


async def test_who_reads_the_books_reads_it_and_who_was_looked_at_does_not(city: City, behind: City) -> None:
    await behind.ask(CLERK, CREATE % "from-6", None, **{"x-forwarded-for": "203.0.113.30"})
    found = (await city.data(AUDITOR, ENTRIES % "203.0.113.30"))["ledgerEntries"]["nodes"]
    assert found == [{"origin": "request", "address": "203.0.113.30", "action": "create"}]
    commands = '{ ledgerEntries(where: {origin: {eq: "command"}}, first: 1) { nodes { origin address } } }'
    assert (await city.data(AUDITOR, commands))["ledgerEntries"]["nodes"] == [{"origin": "command", "address": None}]
    assert (await city.data(AUDITOR, "{ readRecords(first: 1) { nodes { origin address } } }"))["readRecords"]
    assert await city.code(ADMIN, ENTRIES % THERE) == "document.invalid"
    uses = await city.data(RESIDENT, '{ __type(name: "MyDataUse") { fields { name } } }')
    told = {field["name"] for field in uses["__type"]["fields"]}
    assert told == {"at", "kind", "unit", "roles", "purposes", "fields", "inListOf"}
