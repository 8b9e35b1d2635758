"""More accounts of the served city, for roles that the demonstration does not show."""

from __future__ import annotations

from uuid import UUID

from tests.city import City
from wangge.crypto import load_keys
from wangge.identity.accounts import create_account, create_post
from wangge.identity.tokens import create_token
from wangge.store.pool import Pool

PLACE = """SELECT p.unit, p.area_id FROM wangge.post p JOIN wangge.account a ON a.id = p.account WHERE a.login = $1"""


async def admit(city: City, owner: Pool, login: str, *roles: str, like: str, person: UUID | None = None) -> UUID:
    """An account with these roles at the unit and area of `like`; the city can be asked as `login` then."""
    keys = load_keys(city.settings.home, None)
    async with owner.transaction() as connection:
        place = await connection.fetchrow(PLACE, like)
        account = await create_account(connection, login, "测试", place["area_id"], person=person)
        for role in roles:
            await create_post(connection, account, role, place["unit"], place["area_id"])
        token = await create_token(connection, keys, account, label="test")
    city.accounts[login] = {"account": login, "token": token}
    return account
