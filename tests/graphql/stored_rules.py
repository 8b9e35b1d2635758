"""Rules that a test adds to the stored policy of a served city, as a publish would."""

from __future__ import annotations

from typing import Any

import msgspec

from wangge.model.conditions import parse_filter
from wangge.model.load import load_model
from wangge.modules.discover import discover
from wangge.store.pool import Pool

RULE = """INSERT INTO wangge.rule (id, revision, created_at, updated_at, role, entity, actions, fields, condition, purpose,
  effect, origin) VALUES (uuidv7(), 1, now(), now(), $1, $2, $3, $4, $5, $6, 'ALLOW', 'test')"""


async def allow(
    owner: Pool,
    role: str,
    entity: str,
    actions: list[str],
    fields: dict[str, str],
    *,
    where: dict[str, Any] | None = None,
    purpose: str | None = None,
) -> None:
    """Add one rule and say so."""
    condition = None
    if where is not None:
        parsed = parse_filter(load_model([module.folder for module in discover()]), entity, where)
        condition = msgspec.to_builtins(parsed)
    async with owner.transaction() as connection:
        await connection.execute(RULE, role, entity, actions, fields, condition, purpose)
        await connection.execute("SELECT wangge.touch('rule', $1)", f"role:{role}")
