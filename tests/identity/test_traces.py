"""What is done to accounts, posts, tokens and modules stands in the ledger, and what is changed has a revision."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tests.city import City
from wangge.crypto import load_keys
from wangge.identity.accounts import (
    create_account,
    create_post,
    disable_module,
    enable_module,
    end_post,
    quarantine_module,
    release_module,
)
from wangge.identity.tokens import create_token, revoke_token
from wangge.store.pool import Pool

SINCE = "SELECT action, entity, actor_kind, reason FROM wangge.ledger_entry WHERE at > $1 ORDER BY at, id"
REVISIONS = "SELECT entity, operation, fields, changes FROM wangge.revision WHERE at > $1 ORDER BY at, row_id"


async def test_every_operation_of_an_operator_leaves_its_entry(city: City, city_owner: Pool) -> None:
    keys = load_keys(city.settings.home)
    area = await city_owner.fetchval("SELECT id FROM wangge.area WHERE code = '520102000000'")
    unit = await city_owner.fetchval("SELECT id FROM wangge.unit LIMIT 1")
    began = await city_owner.fetchval("SELECT clock_timestamp()")
    made: dict[str, Any] = {}

    async def account(connection: Any) -> None:
        made["account"] = await create_account(connection, "new", "新", area)

    async def post(connection: Any) -> None:
        made["post"] = await create_post(connection, made["account"], "grid_staff", unit, area)

    async def token(connection: Any) -> None:
        made["token"] = (await create_token(connection, keys, made["account"])).split("_")[1]

    steps: list[Any] = [
        account,
        post,
        token,
        lambda c: revoke_token(c, made["token"]),
        lambda c: revoke_token(c, made["token"]),
        lambda c: end_post(c, made["post"]),
        lambda c: enable_module(c, "urban_management", None),
        lambda c: disable_module(c, "urban_management", None),
        lambda c: quarantine_module(c, "urban_management"),
        lambda c: release_module(c, "urban_management"),
        lambda c: release_module(c, "urban_management"),
    ]
    for step in steps:
        async with city_owner.transaction() as connection:
            await step(connection)
    operator = ("system", "a command on the server")
    entries = [tuple(row) for row in await city_owner.fetch(SINCE, began)]
    assert entries == [
        ("create_account", "wangge.account", *operator),
        ("create_post", "wangge.post", *operator),
        ("create_token", "wangge.token", *operator),
        ("revoke_token", "wangge.token", *operator),
        ("end_post", "wangge.post", *operator),
        ("enable_module", "wangge.enablement", "system", "urban_management"),
        ("disable_module", "wangge.enablement", "system", "urban_management"),
        ("quarantine_module", "wangge.module", "system", "its code stood still"),
        ("release_module", "wangge.module", *operator),
    ]
    revisions = await city_owner.fetch(REVISIONS, began)
    assert [(row["entity"], row["operation"], row["fields"]) for row in revisions] == [
        ("wangge.token", "revoke_token", ["revokedAt"]),
        ("wangge.post", "end_post", ["validTo"]),
        ("wangge.enablement", "disable_module", ["validTo"]),
        ("wangge.module", "quarantine_module", ["state"]),
        ("wangge.module", "release_module", ["state"]),
    ]
    assert revisions[-1]["changes"] == {"state": {"from": "QUARANTINED", "to": "INSTALLED"}}
    assert isinstance(made["post"], UUID)
