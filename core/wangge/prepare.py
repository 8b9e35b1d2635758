"""Before workers start: the plan is applied and the modules' seed rows are stored.

A plan that would lose data stops here and names `wangge plan`.
"""

from __future__ import annotations

from .installation import missing, store_missing
from .keys import keys_of
from .model.load import load_model
from .model.types import Model
from .modules.discover import discover
from .modules.hooks import start
from .records.records import Records
from .records.sealing import hash_of
from .settings import Settings
from .sql.catalog import Catalog
from .store.apply import apply_model
from .store.database import Database
from .store.pool import Pool


async def prepare(settings: Settings, database: Database) -> None:
    """Bring the database to the model of the installed modules. Raises PlanError or SchemaErrors."""
    model = load_model([module.folder for module in discover(settings.modules)])
    await apply_model(database, model, keys=lambda: keys_of(settings))
    await install_rows(settings, database, model)


async def install_rows(settings: Settings, database: Database, model: Model) -> int:
    """Store the seed rows that the database does not have; how many."""
    async with Pool(database, "app", size=2) as pool:
        if not await missing(pool, model):
            return 0
        keys = keys_of(settings)
        hooks = start(discover(settings.modules), model)
        return await store_missing(Records(pool, Catalog(model, hash_of(keys)), hooks, keys), pool, model)
