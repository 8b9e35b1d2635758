"""Whom a command speaks of: the login of an account, or a role over the whole city."""

from __future__ import annotations

from typing import Any

from ..errors import SettingsError
from ..identity.scopes import Credential
from ..model.mistakes import nearest
from ..policy.scope import Scope
from .registration import scope_of


async def scope_of_name(pool: Any, scopes: Any, name: str) -> Scope:
    """The Scope. Raises SettingsError for what is neither."""
    account = await pool.fetchval("SELECT id FROM wangge.account WHERE login = $1", name)
    if account is not None:
        found: Scope = await scopes.scope(Credential(account))
        return found
    roles = scopes.world.inherits
    if name not in roles:
        raise SettingsError(
            "sdl.unknown", f'there is no account and no role "{name}".{nearest(name, roles)}', name=name
        )
    return scope_of(await scopes.policy([name]), name)
