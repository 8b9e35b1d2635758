"""SECURITY.md 6, 47: what is there but hidden takes as long as what is missing, over HTTP, on every path by id or key."""

from __future__ import annotations

import datetime as dt
import random
import shutil
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from tests.long.served import OFFICER, Served
from tests.long.timing import PAIRS, Caller, Timing, compare
from wangge.crypto import load_keys
from wangge.files.links import Bearer, Holder, Links
from wangge.values import uuid7

pytestmark = pytest.mark.long
CLERK = "nanming-civil-affairs"
OTHER = "520103000000"
"""a district whose rows these accounts do not see."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A demonstration city with one worker, on which nothing else happens."""
    home = tmp_path_factory.mktemp("timing") / "home"
    made = Served(home, WANGGE_WORKERS="1")
    try:
        made.start()
        yield made
    finally:
        made.destroy()
        shutil.rmtree(home, ignore_errors=True)


def hidden_ids(served: Served, table: str) -> list[str]:
    """Rows of the other district, each once if there are enough."""
    rows = served.sql(
        f"SELECT t.id FROM {table} t JOIN wangge.area d ON d.id = t.district_id WHERE d.code = '{OTHER}' ORDER BY random()"
    )
    found = [row[0] for row in rows if row[0]]
    assert found
    return [found[n % len(found)] for n in range(PAIRS)]


def missing_ids() -> list[str]:
    """Ids as the server makes them, of no row."""
    return [str(uuid7()) for _ in range(PAIRS)]


def caller(served: Served, login: str = OFFICER) -> Caller:
    """A connection with the token of an account."""
    return Caller(served.port, served.accounts()[login]["token"])


READS = {
    "by id": ("urban_management.incident", "query($id: ID!) { incident(id: $id) { id caseNo } }"),
    "by id, personal": ("base.person", "query($id: ID!) { person(id: $id) { id name } }"),
    "filter by id": (
        "urban_management.incident",
        "query($id: ID!) { incidents(where: {id: {eq: $id}}) { nodes { id } } }",
    ),
    "filter by a reference": (
        "base.building",
        "query($id: ID!) { rooms(where: {building: {id: {eq: $id}}}, first: 5) { nodes { id } totalCount { value } } }",
    ),
    "explain": (
        "urban_management.incident",
        'query($id: ID!) { access { explain(type: "Incident", id: $id, field: "caseNo") { seen level } } }',
    ),
    "update": (
        "urban_management.incident",
        'mutation($id: ID!) { updateIncident(id: $id, patch: {description: "x"}) { node { id } errors { code } } }',
    ),
    "remove": ("urban_management.incident", "mutation($id: ID!) { removeIncident(id: $id) { errors { code } } }"),
}


@pytest.mark.parametrize("channel", READS)
def test_a_hidden_row_takes_as_long_as_a_missing_one(served: Served, channel: str) -> None:
    table, query = READS[channel]
    table = {"urban_management.incident": "casework.case"}.get(table, table)
    asking = caller(served, CLERK if table.startswith("base.") else OFFICER)

    def ask(id_: Any) -> tuple[float, bytes]:
        return asking.post("/graphql", {"query": query, "variables": {"id": id_}})

    check(channel, compare(ask, hidden_ids(served, table), missing_ids()))
    asking.close()


REFER = """mutation($i: CreateIncidentInput!) { createIncident(input: $i) { node { id } errors { path code } } }"""


def test_a_reference_to_a_hidden_row_is_refused_as_fast_as_one_to_nothing(served: Served) -> None:
    asking = caller(served)
    (grid,) = served.sql("SELECT id FROM wangge.area WHERE kind = 'grid' AND code LIKE '520102%' LIMIT 1")
    given = {
        "area": grid[0],
        "duty": "6",
        "source": "STAFF",
        "kind": "COMPONENT",
        "category": "C-01-01",
        "description": "x",
    }

    def ask(id_: Any) -> tuple[float, bytes]:
        return asking.post("/graphql", {"query": REFER, "variables": {"i": {**given, "component": id_}}})

    check("reference", compare(ask, hidden_ids(served, "urban_management.component"), missing_ids()))
    asking.close()


def test_a_link_to_a_file_that_is_hidden_gives_nothing_as_fast_as_one_to_nothing(served: Served) -> None:
    """Links as the server seals them, for an account that does not see the row, and to rows that never were."""
    (account,) = served.sql(f"SELECT id FROM wangge.account WHERE login = '{OFFICER}'")
    links = Links(load_keys(served.home), lambda: dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))
    asking = caller(served)

    def ask(row: Any) -> tuple[float, bytes]:
        holder = Holder("urban_management.incident", "photosBefore", UUID(row), uuid7())
        return asking.get(links.make(holder, Bearer(UUID(account[0])), small=False, purpose=None))

    check("file link", compare(ask, hidden_ids(served, "casework.case"), missing_ids()))
    asking.close()


POST = (
    "SELECT p.area_id FROM wangge.post p JOIN wangge.account a ON a.id = p.account WHERE a.login = '{}-grid-1' LIMIT 1"
)
PERSON = (
    """mutation($i: CreatePersonInput!) { createPerson(input: $i) { node { name idNumber } errors { path code } } }"""
)


def numbers(chance: random.Random, count: int) -> list[str]:
    """Right id numbers of nobody."""
    found: dict[str, None] = {}
    while len(found) < count:
        digits = f"520102{chance.randint(1901, 1925)}{chance.randint(1, 12):02}{chance.randint(1, 28):02}{chance.randint(0, 999):03}"
        weights = [(2 ** (17 - n)) % 11 for n in range(17)]
        check = "10X98765432"[sum(int(d) * w for d, w in zip(digits, weights, strict=True)) % 11]
        found[digits + check] = None
    return list(found)


def test_a_number_that_a_hidden_person_holds_is_stored_as_fast_as_one_of_nobody(served: Served) -> None:
    chance = random.Random(3)
    drawn = numbers(chance, 3 * PAIRS)
    held, free, spare = drawn[:PAIRS], drawn[PAIRS : 2 * PAIRS], drawn[2 * PAIRS :]
    other, own = caller(served, "yunyan-grid-1"), caller(served, "nanming-grid-1")
    areas = {district: served.sql(POST.format(district))[0][0] for district in ("yunyan", "nanming")}

    def create(asking: Caller, district: str, number: Any) -> tuple[float, bytes]:
        given = {"name": "测试", "sex": "1", "area": areas[district], "idNumber": number}
        return asking.post("/graphql", {"query": PERSON, "variables": {"i": given}})

    for number in held:
        assert b'"errors":[]' in create(other, "yunyan", number)[1]
    for number in spare[:20]:
        create(own, "nanming", number)

    def ask(number: Any) -> tuple[float, bytes]:
        spent, told = create(own, "nanming", number)
        masked = number[:2] + "*" * 15 + number[-1]
        return spent, told.replace(masked.encode(), b"NUMBER")

    check("unique key", compare(ask, held, free, warm=0))
    assert served.sql("SELECT count(*) FROM wangge.duplicate_candidate")[0][0] == str(PAIRS)
    other.close()
    own.close()


def test_an_unknown_login_is_refused_as_slowly_as_a_known_one(served: Served) -> None:
    known = sorted(served.accounts())
    asking = Caller(served.port, None)
    count = [0]

    def ask(login: Any) -> tuple[float, bytes]:
        if count[0] % 4 == 0:
            served.sql("DELETE FROM wangge.sign_in_try")
        count[0] += 1
        return asking.post("/session", {"login": login, "password": "not-the-password"})

    check(
        "sign-in", compare(ask, [known[n % len(known)] for n in range(PAIRS)], [f"nobody-{n:03}" for n in range(PAIRS)])
    )
    asking.close()


def check(channel: str, found: Timing) -> None:
    """One answer, and no time that tells."""
    print(f"{channel}: z {found.z:.1f}, {found.seconds * 1e6:.0f} us, {len(found.answers)} answers")
    assert len(found.answers) == 1, found.answers
    assert not found.tells, (channel, found.z, found.seconds)
