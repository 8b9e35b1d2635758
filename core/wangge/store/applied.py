"""The model that a database holds: its whole content as JSON in `wangge.model`, and back."""

from __future__ import annotations

from typing import Any

import msgspec

from ..errors import PlanError
from ..model.types import Model

LAST = "SELECT content FROM wangge.model ORDER BY number DESC LIMIT 1"
# Only the last content is kept: it says which columns there are, older ones only matter as a list of versions.
STORE = """WITH forgotten AS (UPDATE wangge.model SET content = NULL WHERE content IS NOT NULL)
INSERT INTO wangge.model (version, content) VALUES ($1, $2)"""


def plain(model: Model) -> Model:
    """A model as it is after it was stored and read, so that two can be compared."""
    return msgspec.convert(msgspec.json.decode(msgspec.json.encode(model)), Model)


async def read_model(connection: Any) -> Model | None:
    """The model that was applied last, None for a database without one. Raises PlanError."""
    if await connection.fetchval("SELECT to_regclass('wangge.model')") is None:
        return None
    content = await connection.fetchval(LAST)
    if content is None:
        return None
    try:
        return msgspec.convert(content, Model)
    except msgspec.ValidationError as error:
        raise PlanError(
            "plan.unreadable_model",
            f"the applied model in wangge.model cannot be read by this version of Wangge ({error}): "
            "apply with the version that wrote it first",
        ) from error


async def store_model(connection: Any, held: Model) -> None:
    """Note that the database now holds `held`."""
    await connection.execute(STORE, held.version, msgspec.to_builtins(held))
