"""Before workers start: the plan is applied. A plan that would lose data stops here and names `wangge plan`."""

from __future__ import annotations

from .model.load import load_model
from .modules.discover import discover
from .settings import Settings
from .store.apply import apply_model
from .store.database import Database


async def prepare(settings: Settings, database: Database) -> None:
    """Bring the database to the model of the installed modules. Raises PlanError or SchemaErrors."""
    model = load_model([module.folder for module in discover(settings.modules)])
    await apply_model(database, model)
