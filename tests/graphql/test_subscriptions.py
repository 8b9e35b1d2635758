"""Subscriptions: what is told to whom, in which order, from which position, and when it ends."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID

from tests.city import City, eventually, served
from tests.graphql.accounts import admit
from tests.graphql.stored_rules import allow
from tests.graphql.test_changes import CITY, end_of, page, position, settled
from tests.graphql.test_changes import told as told_of
from tests.graphql.test_writing import NANMING, REMOVE, RESTORE, UPDATE, YUNYAN, created, grid_of
from tests.listening import Listener, listening, streaming
from tests.policy.holders import define
from wangge.app import Parts, compose
from wangge.events.channel import Channel
from wangge.graphql.exchange import Request
from wangge.graphql.streams import MOST_WAITING, Stream
from wangge.graphql.subscriptions import AT_ONCE, Hub
from wangge.identity.scopes import Credential
from wangge.store.pool import Pool
from wangge.values import Actor, uuid7

CHANGED = """subscription($w: IncidentWhere, $a: String) { incidentsChanged(where: $w, after: $a) {
    kind id reason position node { id description reporterPhone area { code } } } }"""


async def begun(listener: Listener, query: str = CHANGED, variables: dict[str, Any] | None = None) -> None:
    """A subscription that is in force: what was asked after it has been answered."""
    await listener.subscribe(query, variables)
    name = await listener.subscribe("{ __typename }")
    assert (await listener.hear())["id"] == name
    assert await listener.hear() == {"id": name, "type": "complete"}


def short(change: dict[str, Any]) -> tuple[str, str]:
    """(kind, id) of a change."""
    return change["kind"], change["id"]


async def test_a_row_is_followed_from_its_beginning_to_its_end(city: City) -> None:
    async with listening(city, NANMING) as mine, listening(city, YUNYAN) as other:
        await begun(mine)
        await begun(other)
        row = (await created(city))["id"]
        change = await mine.next()
        assert short(change) == ("CREATED", row)
        assert change["node"]["description"] == "路边垃圾堆放"
        await city.data(NANMING, UPDATE, {"id": row, "p": {"description": "已清理"}})
        change = await mine.next()
        assert (short(change), change["node"]["description"]) == (("UPDATED", row), "已清理")
        await city.data(NANMING, REMOVE, {"id": row, "why": "x"})
        change = await mine.next()
        assert (short(change), change["reason"], change["node"]) == (("REMOVED", row), "REMOVED", None)
        await city.data(NANMING, RESTORE, {"id": row})
        assert short(await mine.next()) == ("CREATED", row)
        await city.data(CITY, UPDATE, {"id": row, "p": {"area": await grid_of(city, YUNYAN)}})
        assert short(await mine.next()) == ("LEFT", row)
        assert short(await other.next()) == ("CREATED", row)
        await mine.silent(city)
        await other.silent(city)


async def test_a_condition_says_what_is_told_and_when_it_leaves(city: City) -> None:
    async with listening(city, NANMING) as one, listening(city, NANMING) as two:
        await begun(one, variables={"w": {"description": {"startsWith": "井盖"}}})
        await begun(two, variables={"w": {"description": {"startsWith": "路灯"}}})
        row = (await created(city, description="井盖破损"))["id"]
        assert short(await one.next()) == ("CREATED", row)
        await city.data(NANMING, UPDATE, {"id": row, "p": {"description": "路灯不亮"}})
        assert short(await one.next()) == ("LEFT", row)
        assert short(await two.next()) == ("CREATED", row)
        await city.data(NANMING, REMOVE, {"id": row, "why": "x"})
        assert short(await two.next()) == ("REMOVED", row)
        await one.silent(city)


async def test_areas_and_ids_of_references_may_stand_in_a_condition_and_others_not(city: City) -> None:
    grid = await grid_of(city, NANMING)
    async with listening(city, NANMING) as one:
        await begun(one, variables={"w": {"area": {"within": grid}, "state": {"ne": "CLOSED"}}})
        row = (await created(city))["id"]
        assert short(await one.next()) == ("CREATED", row)
        for where in ({"extent": {"some": {"item": {"eq": "AREA"}}}}, {"component": {"code": {"eq": "x"}}}):
            await one.subscribe(CHANGED, {"w": where})
            assert await one.error() in ("subscription.where", "document.invalid")
        await begun(one, variables={"w": {"component": {"id": {"in": [row]}}}})


async def test_a_subscription_goes_on_from_a_position_without_loss_or_repetition(city: City) -> None:
    start = await end_of(city, NANMING)
    rows = [(await created(city, description=f"断线{n}"))["id"] for n in range(3)]
    await settled(city)
    async with listening(city, NANMING) as one:
        await one.subscribe(CHANGED, {"a": start})
        told = [await one.next() for _ in rows]
        assert [short(change) for change in told] == [("CREATED", row) for row in rows]
    rows += [(await created(city, description=f"断线{n}"))["id"] for n in range(3, 6)]
    async with listening(city, NANMING) as two:
        await two.subscribe(CHANGED, {"a": told[1]["position"]})
        await two.subscribe(CHANGED, {"a": told[1]["position"]})
        rows.append((await created(city, description="断线6"))["id"])
        seen: dict[str, list[str]] = {"1": [], "2": []}
        while min(map(len, seen.values())) < 5:
            message = await two.hear()
            seen[message["id"]].append(message["payload"]["data"]["incidentsChanged"]["id"])
        assert seen == {"1": rows[2:], "2": rows[2:]}
        await two.silent(city)


async def test_positions_that_do_not_hold_are_refused(city: City, city_owner: Pool) -> None:
    async with listening(city, NANMING) as one:
        await one.subscribe(CHANGED, {"a": await end_of(city, YUNYAN)})
        assert await one.error() == "position.invalid"
        await one.subscribe(CHANGED, {"a": await position(city, city_owner, NANMING, 3, 1, None, False, "")})
        assert await one.error() == "position.expired"


async def test_who_may_list_and_not_watch_has_no_subscription(city: City, city_owner: Pool) -> None:
    async with listening(city, "nanming-grid-1") as one:
        await one.subscribe(CHANGED)
        assert await one.error() == "document.invalid"
    await define(city_owner, "only_watches")
    await allow(city_owner, "only_watches", "urban_management.incident", ["subscribe"], {"*": "clear"})
    await admit(city, city_owner, "watches", "only_watches", like=NANMING)
    async with listening(city, "watches") as one:
        await one.subscribe(CHANGED)
        assert await one.error() == "document.invalid"


async def test_rows_and_cells_are_those_of_both_actions(city: City, city_owner: Pool) -> None:
    await define(city_owner, "watches_some")
    entity, where = "urban_management.incident", {"description": {"startsWith": "河道"}}
    await allow(city_owner, "watches_some", entity, ["list", "get"], {"*": "clear"})
    await allow(city_owner, "watches_some", entity, ["subscribe"], {"state": "clear", "caseNo": "clear"}, where=where)
    await admit(city, city_owner, "some", "watches_some", like=NANMING)
    async with listening(city, "some") as one:
        await begun(one, "subscription { incidentsChanged { kind id node { id caseNo description } } }")
        await created(city, description="路边")
        row = await created(city, description="河道")
        assert await one.next() == {
            "kind": "CREATED",
            "id": row["id"],
            "node": {"id": row["id"], "caseNo": row["caseNo"], "description": None},
        }
        await one.subscribe(CHANGED, {"w": {"description": {"eq": "河道"}}})
        assert await one.error() in ("filter.not_allowed", "document.invalid")


async def test_masked_cells_stay_masked_and_personal_ones_are_recorded(city: City, city_owner: Pool) -> None:
    await define(city_owner, "sees_phones")
    fields = {"*": "clear", "reporterName": "clear"}
    actions = ["list", "get", "subscribe"]
    await allow(city_owner, "sees_phones", "urban_management.incident", actions, fields, purpose="case_handling")
    account = await admit(city, city_owner, "phones", "sees_phones", like=NANMING)
    query = "subscription { incidentsChanged { id node { reporterName } } }"
    async with listening(city, "phones") as clear, listening(city, NANMING) as masked:
        await begun(clear, query)
        await begun(masked, query)
        row = (await created(city, reporterName="测试张三"))["id"]
        assert (await clear.next())["node"]["reporterName"] == "测试张三"
        assert (await masked.next())["node"]["reporterName"] not in (None, "测试张三")

    async def recorded() -> bool:
        sql = "SELECT count(*) FROM wangge.read_log WHERE account_id = $1 AND $2::uuid = ANY(row_ids)"
        return bool(await city_owner.fetchval(sql, account, row) == 1)

    await eventually(recorded)
    assert await city_owner.fetchval("SELECT root_field FROM wangge.read_log WHERE account_id = $1", account) == (
        "incidentsChanged"
    )


async def test_events_come_as_a_stream_over_http(city: City) -> None:
    async with streaming(city, NANMING, CHANGED) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.aiter_lines()
        assert await anext(lines) == ":"
        row = (await created(city))["id"]
        async with asyncio.timeout(10):
            found = [line async for line in _until_data(lines)]
        assert found[-2] == "event: next"
        change = json.loads(found[-1].removeprefix("data: "))["data"]["incidentsChanged"]
        assert short(change) == ("CREATED", row)


async def _until_data(lines: Any) -> Any:
    """The lines up to the first with data."""
    async for line in lines:
        yield line
        if line.startswith("data:"):
            return


async def test_events_come_in_parts_where_these_are_asked_for(city: City) -> None:
    accept = "multipart/mixed;subscriptionSpec=1.0, application/json"
    async with streaming(city, NANMING, CHANGED, accept=accept) as answer:
        assert answer.headers["content-type"].startswith("multipart/mixed")
        row = (await created(city))["id"]
        text = ""
        async with asyncio.timeout(10):
            async for piece in answer.aiter_text():
                text += piece
                if row in text:
                    break
        assert '{"payload":{"data":{"incidentsChanged":{"kind":"CREATED"' in text
    async with streaming(city, NANMING, "{ __typename }", accept=accept) as answer:
        assert (answer.headers["content-type"], await answer.aread()) == (
            "application/json; charset=utf-8",
            b'{"data":{"__typename":"Query"}}',
        )


async def test_a_stream_of_one_answer_and_one_of_errors_end(city: City) -> None:
    async with streaming(city, NANMING, "{ __typename }") as answer:
        assert await answer.aread() == (
            b':\n\nevent: next\ndata: {"data":{"__typename":"Query"}}\n\nevent: complete\ndata:\n\n'
        )
    async with streaming(city, NANMING, "subscription { nothingChanged { id } }") as answer:
        text = (await answer.aread()).decode()
        assert (answer.status_code, text.count("event: next"), text.count("event: complete")) == (200, 1, 1)
        assert "document.invalid" in text
    asked = await city.http.post("/graphql", json={"query": CHANGED}, headers=city.headers(NANMING))
    assert (asked.status_code, asked.json()["errors"][0]["extensions"]["code"]) == (200, "request.needs_stream")


async def test_a_change_is_told_by_every_process(city: City) -> None:
    async with (
        served(city.settings, city.database) as other,
        listening(city, NANMING) as one,
        listening(other, NANMING) as two,
    ):
        await begun(one)
        await begun(two)
        rows = [(await created(each))["id"] for each in (city, other, city)]
        for listener in (one, two):
            assert [short(await listener.next()) for _ in rows] == [("CREATED", row) for row in rows]
    await created(city)


async def loaded(city: City, parts: Parts, count: int) -> list[str]:
    """So many incidents stored by one batch; their ids in order."""
    grid = UUID(await grid_of(city, NANMING))
    given = {
        "area": grid,
        "duty": "6",
        "source": "STAFF",
        "kind": "EVENT",
        "category": "E-01-02",
        "description": "导入",
    }
    rows = [{"id": each, **given} for each in sorted(uuid7() for _ in range(count))]
    await parts.records.load("urban_management.incident", [rows], Actor(kind="system", name="import"), "x")
    return [str(row["id"]) for row in rows]


async def test_rows_of_a_loaded_batch_are_told_one_by_one(city: City) -> None:
    count = AT_ONCE + 100
    query = "subscription($a: String) { incidentsChanged(after: $a) { kind id position } }"
    begin = await end_of(city, NANMING)
    parts = compose(city.settings)
    async with listening(city, NANMING) as one, parts.pool:
        await begun(one, query)
        rows = await loaded(city, parts, count)
        told = [await one.next() for _ in rows]
        assert [short(change) for change in told] == [("CREATED", row) for row in rows]
        await one.silent(city)
        await one.subscribe(query, {"a": told[AT_ONCE - 7]["position"]})
        again = [await one.next() for _ in range(count - AT_ONCE + 6)]
        assert [change["id"] for change in again] == [change["id"] for change in told[AT_ONCE - 6 :]]
        await one.silent(city)
    found = await page(city, NANMING, begin, 1000)
    assert told_of(found) == [("CREATED", row) for row in rows]


async def test_who_reads_slowly_is_told_all_and_lets_little_wait(city: City, city_owner: Pool) -> None:
    account = await city_owner.fetchval("SELECT id FROM wangge.account WHERE login = $1", NANMING)
    parts = compose(city.settings)
    hub = Hub(parts.engine, parts.pool, parts.scopes, parts.keys, Channel(parts.database))
    async with parts.pool:
        await parts.scopes.open()
        credential = Credential(account)
        request = Request("subscription { incidentsChanged { id } }")
        slow = await hub.open(request, await parts.scopes.scope(credential), credential)
        quick = await hub.open(request, await parts.scopes.scope(credential), credential)
        assert isinstance(slow, Stream)
        assert isinstance(quick, Stream)
        rows = await loaded(city, parts, 2 * MOST_WAITING)
        seen = [json.loads(await anext(quick))["data"]["incidentsChanged"]["id"] for _ in rows]
        assert seen == rows
        assert slow.waiting <= MOST_WAITING // 2 + 1
        late = []
        async with asyncio.timeout(30):
            for _ in rows:
                late.append(json.loads(await anext(slow))["data"]["incidentsChanged"]["id"])
        assert late == rows
        await hub.close()
        await parts.scopes.close()
