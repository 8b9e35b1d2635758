"""What an account may do in an hour with sealed values: rows that it reveals, values that it tries (core/decisions/0009)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ..errors import Throttled

PER_HOUR = {"reveal": 300, "match": 200}
"""rows that an account may reveal, and values that it may try by `match` or by writes that are refused, in an hour."""
USED = """INSERT INTO wangge.usage AS u (account_id, kind, hour, used) VALUES ($1, $2, date_trunc('hour', now()), $3)
ON CONFLICT (account_id, kind, hour) DO UPDATE SET used = u.used + excluded.used RETURNING used"""
ALLOWED = """INSERT INTO wangge.usage AS u (account_id, kind, hour, used)
VALUES ($1, $2, date_trunc('hour', now()), CASE WHEN $3::integer <= $5 THEN $3::integer ELSE $4::integer END)
ON CONFLICT (account_id, kind, hour) DO UPDATE SET used = u.used + CASE WHEN u.used + $3::integer <= $5 THEN $3::integer ELSE $4::integer END
RETURNING coalesce(old.used, 0) + $3::integer <= $5::integer"""
SO_FAR = "SELECT used FROM wangge.usage WHERE account_id = $1 AND kind = $2 AND hour = date_trunc('hour', now())"


async def allows(connection: Any, account: UUID | None, kind: str, number: int, over: int) -> bool:
    """Whether an account may use so much more this hour, which is counted; where it may not, `over` is counted.

    None at all is allowed as long as something is left.
    """
    most = PER_HOUR[kind]
    if not number:
        return (await connection.fetchval(SO_FAR, account, kind) or 0) < most
    allowed: bool = await connection.fetchval(ALLOWED, account, kind, number, over, most)
    return allowed


async def use(connection: Any, account: UUID | None, kind: str, number: int) -> None:
    """Count; raises Throttled beyond what an account may use in an hour."""
    if not number:
        return
    used = await connection.fetchval(USED, account, kind, number)
    if used > PER_HOUR[kind]:
        raise too_often(kind)


def too_often(kind: str) -> Throttled:
    """An account has used what it may use in an hour."""
    return Throttled(
        f"{kind}.too_often",
        f"this account may do so {PER_HOUR[kind]} times an hour: wait for the next",
        retry_after=3600,
    )
