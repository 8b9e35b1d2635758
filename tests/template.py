"""What every test database starts with; `conftest.py` calls it once per run."""

from __future__ import annotations

from wangge.store.database import Database


async def prepare_template(database: Database) -> None:
    """Fill the template: nothing yet but what the embedded server brings (roles, extensions)."""
