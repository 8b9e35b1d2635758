"""What a token may be limited to: addresses and a purpose, never wider than the token that its maker came with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import Denied, Invalid
from ..identity.networks import checked, covered
from ..identity.tokens import Limits, check_purpose


async def wanted_limits(
    connection: Any, context: Any, addresses: Sequence[str] | None, purpose: str | None, *, own: bool
) -> Limits:
    """The limits that were asked for; those of the caller's own token where nothing was.

    Raises Invalid for what is no address or purpose and for what is wider than the caller's own token, Denied for a purpose
    that the own account may not name.
    """
    credential = context.credential
    mine = Limits(credential.addresses, credential.purpose) if credential is not None else Limits()
    chosen = checked(addresses) if addresses else mine.addresses
    purpose = purpose or mine.purpose
    if mine.addresses and not covered(chosen, mine.addresses):
        raise Invalid(
            "token.wider_than_yours",
            "a token made with a token works from no more addresses",
            path=["addresses"],
            allowed=", ".join(mine.addresses),
        )
    if mine.purpose is not None and purpose != mine.purpose:
        raise Denied(
            "token.other_purpose",
            f'this token is for the purpose "{mine.purpose}" only',
            path=["purpose"],
            purpose=mine.purpose,
        )
    await check_purpose(connection, purpose)
    if own and purpose is not None and not context.scope.shape.may_name(purpose):
        raise Denied("purpose.not_allowed", "this is no purpose that the caller may use", path=["purpose"])
    return Limits(chosen, purpose)
