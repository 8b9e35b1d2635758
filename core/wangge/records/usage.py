"""What an account may do in an hour with sealed values: rows that it reveals, values that it tries (core/decisions/0009)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ..errors import Throttled

PER_HOUR = {"reveal": 300, "match": 200}
"""rows that an account may reveal, and values that it may try by `match` or by writes that are refused, in an hour."""
USED = """INSERT INTO wangge.usage AS u (account_id, kind, hour, used) VALUES ($1, $2, date_trunc('hour', now()), $3)
ON CONFLICT (account_id, kind, hour) DO UPDATE SET used = u.used + excluded.used RETURNING used"""


async def use(connection: Any, account: UUID | None, kind: str, number: int) -> None:
    """Count; raises Throttled beyond what an account may use in an hour."""
    if not number:
        return
    used = await connection.fetchval(USED, account, kind, number)
    if used > PER_HOUR[kind]:
        raise Throttled(
            f"{kind}.too_often",
            f"this account may do so {PER_HOUR[kind]} times an hour: wait for the next",
            retry_after=3600,
        )
