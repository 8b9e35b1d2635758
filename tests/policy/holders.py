"""More accounts for a served city: whoever a test needs besides those of the demonstration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from tests.city import City
from wangge.crypto import load_keys
from wangge.identity.accounts import create_account, create_post
from wangge.identity.tokens import create_token
from wangge.model.conditions import parse_filter
from wangge.model.dimensions import read_dimensions
from wangge.model.load import load_model
from wangge.modules.discover import discover
from wangge.store.pool import Pool
from wangge.values import uuid7

MODEL = load_model([m.folder for m in discover()])
ROLE = """INSERT INTO wangge.role (id, revision, created_at, updated_at, code, zh, en, module, inherits, documents_only)
VALUES ($1, 1, now(), now(), $2, $2, $2, 'test', $3, FALSE)"""
RULE = """INSERT INTO wangge.rule (id, revision, created_at, updated_at, role, entity, actions, fields, condition, purpose, effect,
  via, origin, district, version, dimensions)
VALUES ($1, 1, now(), now(), $2, $3, $4, $5, $6, $7, $8, $9, 'published', $10, 1, $11)"""


async def area_id(owner: Pool, code: str) -> UUID:
    """The id of an area by its code."""
    found: UUID = await owner.fetchval("SELECT id FROM wangge.area WHERE code = $1", code)
    return found


async def hire(city: City, owner: Pool, login: str, *posts: tuple[str, str], person: UUID | None = None) -> str:
    """Make an account with posts of (role, area code) at the city's unit; its login, with which it may ask."""
    unit = await owner.fetchval("SELECT id FROM wangge.unit WHERE code = 'GY'")
    async with owner.transaction() as connection:
        home = await area_id(owner, posts[0][1])
        account = await create_account(connection, login, login, home, person=person)
        for role, code in posts:
            await create_post(connection, account, role, unit, await area_id(owner, code))
        token = await create_token(connection, load_keys(city.settings.home, None), account)
    city.accounts[login] = {"account": login, "token": token, "area_code": posts[0][1], "role": posts[0][0]}
    return login


def _dimensions(rule: dict[str, Any]) -> list[Any] | None:
    """The dimensions as they are stored."""
    given = rule.get("dimensions")
    if given is None:
        return None
    found = read_dimensions(MODEL, rule["entity"], given, rule["fields"], alone=True, plain=True)
    return list(msgspec.to_builtins(found))


async def define(owner: Pool, role: str, *rules: dict[str, Any], inherits: Sequence[str] = ()) -> str:
    """Store a role with rules {entity, actions, fields, where, purpose, effect, via, district, dimensions}; its name."""
    async with owner.transaction() as connection:
        await connection.execute(ROLE, uuid7(), role, list(inherits))
        for rule in rules:
            where = rule.get("where")
            condition = msgspec.to_builtins(parse_filter(MODEL, rule["entity"], where)) if where is not None else None
            await connection.execute(
                RULE, uuid7(), role, rule["entity"], rule["actions"].split(), rule.get("fields") or {}, condition,
                rule.get("purpose"), rule.get("effect", "ALLOW"), rule.get("via"), rule.get("district"),
                _dimensions(rule),
            )  # fmt: skip
        await connection.execute("SELECT wangge.touch('rule', $1)", f"role:{role}")
    return role
