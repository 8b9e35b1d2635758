"""The difference as a draft shows it: rewrites, rules of the actor, witnesses, the command."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.city import City
from tests.policy.commands import outside
from tests.policy.holders import hire
from tests.policy.naive_difference import Rule
from tests.policy.rule_sets import MODEL, counted, stored
from wangge.cli import main
from wangge.policy.world import World
from wangge.store.pool import Pool

pytestmark = pytest.mark.asyncio(loop_scope="module")


def rule(role: str, entity: str, actions: str, fields: dict[str, str], **more: Any) -> Rule:
    """One rule that allows."""
    return {"role": role, "entity": entity, "actions": actions.split(), "fields": fields, "effect": "allow", **more}


async def test_a_rewrite_that_means_the_same_shows_nothing(city_owner: Pool, loaded: World) -> None:
    where = {"sex": {"eq": "FEMALE"}}
    one = [rule("volunteer", "base.person", "list get", {"name": "clear", "sex": "masked"}, where=where)]
    fields = ({"name": "clear"}, {"sex": "masked"})
    split = [rule("volunteer", "base.person", a, f, where=where) for a in ("list", "get") for f in fields]
    other = {"not": {"not": {"and": [where, {"or": [where]}]}}}
    twice = [{**one[0], "where": other}, {**one[0], "where": {"and": [where, {"sex": {"isNull": False}}]}}]
    halves = [
        {**one[0], "where": {"and": [where, {"birthDate": {"lt": "1980-01-01"}}]}},
        {**one[0], "where": {"and": [where, {"not": {"birthDate": {"lt": "1980-01-01"}}}]}},
    ]
    for rewrite in (split, twice, halves, [*one, *one]):
        assert await counted(city_owner, stored(loaded, one), stored(loaded, rewrite)) == {}
        assert await counted(city_owner, stored(loaded, rewrite), stored(loaded, one)) == {}


async def test_a_rule_of_the_actor_is_counted_over_those_who_hold_the_role(
    city: City, city_owner: Pool, loaded: World
) -> None:
    person = await city_owner.fetchval("SELECT id FROM base.person WHERE removed_at IS NULL ORDER BY id LIMIT 1")
    await hire(city, city_owner, "reader-of-one", ("mediator", "520102000000"), person=person)
    own = {"id": {"eq": {"$actor": "person"}}}
    after = [rule("mediator", "base.person", "get", {"name": "clear"}, where=own)]
    found = await counted(city_owner, stored(loaded, []), stored(loaded, after))
    key = ("mediator", "base.person", "get")
    assert found == {(*key, None, 0, 2): (1, 1), (*key, "name", 0, 2): (1, 1)}


CREATE = """mutation($changes: [RuleSetInput!]!) { made: createRuleDraft(title: "t", changes: $changes) {
  node { id } errors { path code } } }"""
DIFFERENCE = """query($id: ID!) { found: ruleDraftDifference(id: $id) {
  role entity action field purpose was now rows districts text witnesses { id cells } } }"""
CITY, NANMING = "520100000000", "520102000000"


async def drafted(city: City, login: str, *changes: dict[str, Any]) -> str:
    """A draft of sets; its id."""
    made = (await city.data(login, CREATE, {"changes": list(changes)}))["made"]
    assert made["errors"] == []
    return str(made["node"]["id"])


def sets(role: str, entity: str, *given: dict[str, Any]) -> dict[str, Any]:
    """One set of a draft."""
    return {"role": role, "entity": entity, "rules": list(given)}


async def test_a_draft_says_what_each_role_gains(city: City, city_owner: Pool) -> None:
    names_ = {"actions": ["list"], "fields": {"name": "clear"}}
    id_ = await drafted(city, "security-admin", sets("volunteer", "base.compound", names_))
    found = (await city.data("security-admin", DIFFERENCE, {"id": id_}))["found"]
    counts = "SELECT count(*), count(DISTINCT district_id) FROM base.compound WHERE removed_at IS NULL"
    total, districts = (await city_owner.fetch(counts))[0]
    same = {"role": "volunteer", "entity": "base.compound", "action": "list", "purpose": None, "was": "HIDDEN",
            "now": "CLEAR", "rows": total, "districts": districts, "witnesses": []}  # fmt: skip
    assert [{k: v for k, v in line.items() if k != "text"} for line in found] == [
        {**same, "field": None},
        {**same, "field": "name"},
    ]
    english = await city.ask("security-admin", DIFFERENCE, {"id": id_}, **{"accept-language": "en"})
    assert english["data"]["found"][1]["text"] == (
        f"volunteer gains name clear (list) on {total:,} compounds in {districts} district{'' if districts == 1 else 's'}"
    )


async def test_witnesses_show_only_what_the_reader_sees_anyway(city: City, city_owner: Pool) -> None:
    purpose = {"purpose": "population_register"}
    more = {"actions": ["list"], "fields": {"*": "clear", "name": "clear", "sex": "clear"}, **purpose}
    change = sets("data_officer", "base.person", more)
    login = await hire(city, city_owner, "security-clerk", ("security_admin", CITY), ("station_clerk", NANMING))
    nothing, some = await drafted(city, "security-admin", change), await drafted(city, login, change)
    blind = (await city.data("security-admin", DIFFERENCE, {"id": nothing}))["found"]
    found = (await city.data(login, DIFFERENCE, {"id": some}))["found"]
    assert [{**line, "witnesses": []} for line in found] == blind
    shown = [witness for line in found for witness in line["witnesses"]]
    assert shown
    query = "query($id: ID!) { person(id: $id) { id area { district: id } } }"
    for witness in shown:
        assert (await city.data(login, query, {"id": witness["id"]}))["person"] is not None
    fields = MODEL.fields_of("base.person").values()
    personal = {field.name for field in fields if field.sensitivity in ("personal", "sensitive")}
    assert not personal & {name for witness in shown for name in witness["cells"]}


async def test_only_who_edits_drafts_has_the_difference(city: City) -> None:
    query = "{ __schema { queryType { fields { name } } } }"
    have = []
    for login in ("security-admin", "audit-admin", "city-admin", "nanming-grid-1"):
        fields = (await city.data(login, query))["__schema"]["queryType"]["fields"]
        have.append("ruleDraftDifference" in {field["name"] for field in fields})
    assert have == [True, False, False, False]


async def test_the_command_prints_the_difference_of_a_draft_and_of_a_file(
    city: City, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    names_ = {"actions": ["list"], "fields": {"name": "clear"}}
    change = sets("volunteer", "base.compound", names_)
    id_ = await drafted(city, "security-admin", change)
    file = tmp_path / "rules.yaml"
    file.write_text(msgspec.json.encode({"changes": [change]}).decode(), encoding="utf-8")
    outside(monkeypatch, city)
    assert await asyncio.to_thread(main, ["policy", "diff", "--draft", id_]) == 0
    first = capsys.readouterr().out
    assert await asyncio.to_thread(main, ["policy", "diff", "--file", str(file)]) == 0
    assert capsys.readouterr().out == first
    assert "volunteer gains name clear (list) on" in first
    file.write_text('{"changes": [{"role": "nobody", "entity": "base.compound", "rules": []}]}', encoding="utf-8")
    assert await asyncio.to_thread(main, ["policy", "diff", "--file", str(file)]) == 1
    assert "draft.unknown_role" in capsys.readouterr().err
