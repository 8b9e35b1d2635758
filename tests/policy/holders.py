"""More accounts for a served city: whoever a test needs besides those of the demonstration."""

from __future__ import annotations

from uuid import UUID

from tests.city import City
from wangge.crypto import load_keys
from wangge.identity.accounts import create_account, create_post
from wangge.identity.tokens import create_token
from wangge.store.pool import Pool


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
