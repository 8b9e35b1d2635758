"""A second person's consent to a step that lowers a protection: recorded once, for one version of the model."""

from __future__ import annotations

from uuid import UUID

from ..errors import PlanError
from ..model.types import Model
from .apply import plan_model
from .connection import connect
from .database import Database
from .piccolo import on
from .service_tables import PlanConsent


async def record_consent(database: Database, model: Model, step: str, who: tuple[UUID, str], reason: str) -> None:
    """Record that an account, (id, login) of a security administrator, agrees to `step` of the plan to `model`.

    Raises PlanError.
    """
    account, login = who
    asked = [f.step.name for f in await plan_model(database, model) if f.verdict == "consent"]
    if step not in asked:
        raise PlanError(
            "plan.no_such_consent",
            f"{step!r} is no step of this plan that needs consent; those are: {', '.join(asked) or 'none'}",
            step=step,
        )
    connection = await connect(database, "owner")
    try:
        consent = PlanConsent(model=model.version, step=step, account_id=account, login=login, reason=reason)
        with on(connection):
            await PlanConsent.insert(consent).on_conflict(action="DO NOTHING")
    finally:
        await connection.close()
