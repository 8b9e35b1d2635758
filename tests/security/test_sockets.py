"""SECURITY.md 45, 50, 51, 59: sockets of nobody, of others and of slow readers, and those whose right has ended."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from websockets.exceptions import InvalidStatus

from tests.city import City
from tests.graphql.accounts import admit
from tests.graphql.test_changes import settled
from tests.graphql.test_subscriptions import CHANGED, begun, short
from tests.graphql.test_writing import NANMING, created
from tests.identity.test_ended_writes import OWN, _account, _post, _rule, _token, own_rules
from tests.listening import listening, raw, streaming
from wangge.app import compose
from wangge.errors import Throttled
from wangge.graphql import streams
from wangge.graphql.confirming import MOST_CONNECTIONS, Rights
from wangge.graphql.subscriptions import MOST_OF_ACCOUNT
from wangge.http import websocket
from wangge.identity.scopes import Credential
from wangge.store.pool import Pool
from wangge.values import uuid7

INIT = {"type": "connection_init"}
ASK = {"id": "1", "type": "subscribe", "payload": {"query": CHANGED}}


def allowed(city: City) -> dict[str, Any]:
    """The first message of somebody who may."""
    return {**INIT, "payload": {"authorization": city.headers(NANMING)["authorization"]}}


async def test_who_does_not_keep_to_the_protocol_is_told_so_by_a_code(city: City) -> None:
    init = allowed(city)
    cases: dict[str, tuple[list[Any], int]] = {
        "before connection_init": ([ASK], 4401),
        "no JSON": (["not json"], 4400),
        "no object": (["[]"], 4400),
        "no type": ([{"id": "1"}], 4400),
        "another type": ([init, {"type": "start"}], 4400),
        "no id": ([init, {"type": "subscribe", "payload": {"query": CHANGED}}], 4400),
        "no payload": ([init, {"id": "1", "type": "subscribe"}], 4400),
        "twice": ([init, init], 4429),
        "an id that is taken": ([init, ASK, ASK], 4409),
        "a token that is none": ([{**INIT, "payload": {"authorization": "Bearer wg_a_b"}}], 4403),
        "nobody": ([INIT], 4403),
        "too many operations": ([init, *({**ASK, "id": str(n)} for n in range(websocket.MOST_OPERATIONS + 1))], 4429),
    }
    found = {}
    for name, (messages, _) in cases.items():
        async with raw(city) as one:
            for message in messages:
                await one.connection.send(message if isinstance(message, str) else json.dumps(message))
            found[name] = (await one.closed())[0]
    assert found == {name: code for name, (_, code) in cases.items()}


async def test_the_legacy_protocol_is_not_spoken(city: City) -> None:
    async with raw(city, "graphql-ws") as one:
        assert one.connection.subprotocol is None
        assert (await one.closed())[0] == 4406


async def test_pings_are_answered_and_a_wrong_document_ends_only_its_operation(city: City) -> None:
    async with listening(city, NANMING) as one:
        await one.say("ping", payload={"n": 1})
        assert await one.hear() == {"type": "pong", "payload": {"n": 1}}
        await one.say("pong")
        await one.subscribe("subscription { incidentsChanged { nothing } }")
        assert await one.error() == "document.invalid"
        await one.subscribe("{ incidents(first: 1) { nodes { id } } }")
        message = await one.hear()
        assert (message["type"], len(message["payload"]["data"]["incidents"]["nodes"])) == ("next", 1)
        assert (await one.hear())["type"] == "complete"


async def test_an_operation_that_is_completed_says_nothing_more_and_its_id_is_free(city: City) -> None:
    async with listening(city, NANMING) as one:
        await begun(one)
        await one.say("complete", id="1")
        await one.silent(city)
        await created(city)
        await settled(city)
        await one.say("subscribe", id="1", payload={"query": CHANGED})
        await one.silent(city)
        row = (await created(city))["id"]
        assert short(await one.next()) == ("CREATED", row)


async def test_a_page_of_another_origin_cannot_connect_and_a_session_needs_its_csrf_value(city: City) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with raw(city, Origin="http://evil.example"):
            pass
    assert refused.value.response.status_code == 403
    account = city.accounts[NANMING]
    made = await city.http.post("/session", json={"login": NANMING, "password": account["password"]})
    cookie, csrf = f"wangge_session={made.cookies['wangge_session']}", made.json()["csrf"]
    city.http.cookies.clear()
    async with raw(city, Origin=city.url, Cookie=cookie) as one:
        await one.say("connection_init")
        assert await one.closed() == (4403, "auth.csrf")
    async with raw(city, Origin=city.url, Cookie=cookie) as one:
        await one.begin(**{"Wangge-CSRF": csrf})
        await begun(one)
        await city.http.delete("/session", headers={"cookie": cookie, "wangge-csrf": csrf})
        assert (await one.closed())[0] == 4401


ENDINGS = [_token, _post, _account, _rule]


@pytest.mark.parametrize("ending", ENDINGS, ids=["token", "post", "account", "rule"])
async def test_what_ends_a_right_ends_its_streams(
    city: City, city_owner: Pool, ending: Callable[[Any, UUID], Awaitable[None]]
) -> None:
    if not await city_owner.fetchval("SELECT EXISTS (SELECT 1 FROM wangge.role WHERE code = $1)", OWN):
        await own_rules(city_owner)
        async with city_owner.transaction() as connection:
            await connection.execute("SELECT wangge.touch('rule', $1)", f"role:{OWN}")
    login = f"ends-{ending.__name__}"
    account = await admit(city, city_owner, login, OWN, like=NANMING)
    async with listening(city, login) as one, streaming(city, login, CHANGED) as answer:
        await begun(one)
        async with city_owner.transaction() as connection:
            await ending(connection, account)
        if ending in (_token, _account):
            assert (await one.closed())[0] == 4401
            wanted = "auth.account_disabled"
        else:
            assert await one.error() == "subscription.rights_ended"
            wanted = "subscription.rights_ended"
        async with asyncio.timeout(10):
            text = (await answer.aread()).decode()
    assert wanted in text
    assert text.endswith("event: complete\ndata:\n\n")


async def test_a_slow_reader_is_ended_with_a_code_and_keeps_no_more_than_it_may(city: City) -> None:
    """The stream is filled directly: a reader over loopback would have to leave megabytes unread."""
    ended: list[streams.Stream] = []
    stream = streams.Stream(ended.append)
    for _ in range(streams.MOST_WAITING + 10):
        stream.put(b"x" * 100)
    assert ended == [stream]
    with pytest.raises(Exception, match="faster than they are read"):
        await anext(stream)
    large = streams.Stream(ended.append)
    large.put(b"x" * (streams.MOST_BYTES + 1))
    assert not large.has_room
    large.put(b"x")
    with pytest.raises(Exception, match="faster than they are read"):
        await anext(large)


async def test_an_account_holds_only_so_many_subscriptions(city: City) -> None:
    async with listening(city, NANMING) as one, listening(city, NANMING) as two, listening(city, NANMING) as three:
        for at in range(MOST_OF_ACCOUNT):
            await (one, two, three)[at % 3].subscribe(CHANGED)
        for each in (one, two, three):
            await each.silent(city)
        await three.subscribe(CHANGED)
        assert await three.error() == "limit.subscriptions"
        await two.say("complete", id="1")
        await two.silent(city)
        await begun(three)


async def test_an_open_stream_is_no_use_of_a_session(city: City, city_owner: Pool) -> None:
    password = city.accounts[NANMING]["password"]
    made = await city.http.post("/session", json={"login": NANMING, "password": password})
    session = UUID(hex=made.cookies["wangge_session"].partition(".")[0])
    city.http.cookies.clear()
    parts, ends = compose(city.settings), list[str]()
    async with parts.pool:
        await parts.scopes.open()
        account = await city_owner.fetchval("SELECT account FROM wangge.session WHERE id = $1", session)
        credential = Credential(account, session=session)
        for minutes, wanted in ((29, []), (31, ["auth.session_ended"])):
            sql = "UPDATE wangge.session SET seen_at = clock_timestamp() - make_interval(mins => $2) WHERE id = $1"
            await city_owner.execute(sql, session, minutes)
            rights = Rights(parts.pool, parts.scopes)
            rights.guard(credential, lambda error: ends.append(error.code))
            await rights.look([])
            assert ends == wanted
        await parts.scopes.close()


async def test_an_account_holds_only_so_many_connections() -> None:
    mine, other = (Credential(uuid7()) for _ in range(2))
    rights = Rights(None, None)
    frees = [rights.guard(mine, ends) for ends in [lambda _, n=n: None for n in range(MOST_CONNECTIONS)]]
    with pytest.raises(Throttled, match="connections open"):
        rights.guard(mine, lambda _: None)
    rights.guard(other, lambda _: None)
    frees[0]()
    frees[0]()
    rights.guard(mine, lambda _: None)
    with pytest.raises(Throttled, match="connections open"):
        rights.guard(mine, lambda _: None)
