"""The model that a database holds: its whole content as JSON in `wangge.model`, and back."""

from __future__ import annotations

from typing import Any

import msgspec

from ..errors import PlanError
from ..model.types import Model
from .piccolo import on
from .service_tables import AppliedModel


def plain(model: Model) -> Model:
    """A model as it is after it was stored and read, so that two can be compared."""
    return msgspec.convert(msgspec.json.decode(msgspec.json.encode(model)), Model)


async def read_model(connection: Any) -> Model | None:
    """The model that was applied last, None for a database without one. Raises PlanError."""
    if await connection.fetchval("SELECT to_regclass('wangge.model')") is None:
        return None
    with on(connection):
        last = await AppliedModel.select(AppliedModel.content).order_by(AppliedModel.number, ascending=False).first()
    if last is None or last["content"] is None:
        return None
    try:
        return msgspec.convert(last["content"], Model)
    except msgspec.ValidationError as error:
        raise PlanError(
            "plan.unreadable_model",
            f"the applied model in wangge.model cannot be read by this version of Wangge ({error}): "
            "apply with the version that wrote it first",
        ) from error


async def store_model(connection: Any, held: Model) -> None:
    """Note that the database now holds `held`.

    Only the last content is kept: it says which columns there are, older ones only matter as a list of versions.
    """
    row = AppliedModel(version=held.version, content=msgspec.to_builtins(held))
    with on(connection):
        await AppliedModel.update({AppliedModel.content: None}).where(AppliedModel.content.is_not_null())
        await AppliedModel.insert(row)
