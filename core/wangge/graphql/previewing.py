"""A request that looks as a role: its Scope is the intersection of two, and the ledger knows of it before it is answered."""

from __future__ import annotations

from typing import Any

from ..audit.entries import append
from ..errors import Denied, Invalid
from ..policy.scope import Scope
from ..records.outcome import StaleScope
from ..records.storing import check_fresh

PREVIEWS = ("wangge.rule", "do:preview")
"""the right to look as a role."""


async def previewing(scopes: Any, pool: Any, scope: Scope, credential: Any, role: str) -> Scope:
    """The Scope of a preview; once more when the caller's rights changed meanwhile.

    Raises Denied for who may not, and then says nothing of the role; Invalid for a role that there is not.
    """
    try:
        return await _previewed(scopes, pool, scope, credential, role)
    except StaleScope:
        await scopes.refresh()
    return await _previewed(scopes, pool, await scopes.scope(credential), credential, role)


async def _previewed(scopes: Any, pool: Any, scope: Scope, credential: Any, role: str) -> Scope:
    """Checked, noted, made."""
    if credential is None or not scope.shape.may(*PREVIEWS):
        raise Denied("preview.not_allowed", "the caller may not preview as a role")
    if role not in scopes.world.inherits:
        raise Invalid("preview.unknown_role", f'there is no role "{role}" to preview as', role=role)
    async with pool.transaction() as connection:
        await check_fresh(connection, scope)
        await append(
            connection, scope.actor, "preview_as", entity="wangge.role", district=scope.home_district, reason=role
        )
    previewed: Scope = await scopes.preview(credential, role, PREVIEWS)
    return previewed
