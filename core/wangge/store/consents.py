"""A second person's consent to a step that lowers a protection: recorded once, for one version of the model."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ..crypto import check_password
from ..errors import PlanError
from ..model.types import Model
from .apply import plan_model
from .connection import connect
from .database import Database
from .piccolo import on
from .service_tables import PlanConsent

ROLE = "security_admin"
"""Who may agree (PERMISSIONS.md 6): the security administrators of the whole city, who cannot change the system themselves."""
ACCOUNT = """SELECT a.id, s.value, EXISTS (SELECT 1 FROM wangge.post p WHERE p.account = a.id AND p.role = $2
  AND p.removed_at IS NULL AND p.valid_from <= now() AND (p.valid_to IS NULL OR p.valid_to > now())
  AND EXISTS (SELECT 1 FROM wangge.area r WHERE r.id = p.area_id AND r.parent IS NULL)) AS may
FROM wangge.account a LEFT JOIN wangge.secret s ON s.owner_id = a.id AND s.kind = 'password'
WHERE a.login = $1 AND a.state = 'ACTIVE' AND a.removed_at IS NULL AND (a.expires_at IS NULL OR a.expires_at > now())"""


async def record_consent(database: Database, model: Model, step: str, login: str, password: str, reason: str) -> None:
    """Record that `login`, a security administrator, agrees to `step` of the plan to `model`. Raises PlanError."""
    asked = [f.step.name for f in await plan_model(database, model) if f.verdict == "consent"]
    if step not in asked:
        raise PlanError(
            "plan.no_such_consent",
            f"{step!r} is no step of this plan that needs consent; those are: {', '.join(asked) or 'none'}",
            step=step,
        )
    connection = await connect(database, "owner")
    try:
        account = await consenting_account(connection, login, password)
        consent = PlanConsent(model=model.version, step=step, account_id=account, login=login, reason=reason)
        with on(connection):
            await PlanConsent.insert(consent).on_conflict(action="DO NOTHING")
    finally:
        await connection.close()


async def consenting_account(connection: Any, login: str, password: str) -> UUID:
    """The account behind a login and its password, when it may agree; one answer for all that is wrong."""
    row = await connection.fetchrow(ACCOUNT, login, ROLE)
    stored = bytes(row["value"]) if row is not None and row["value"] is not None else None
    if not check_password(password, stored) or row is None or not row["may"]:
        raise PlanError(
            "plan.consent_refused",
            f"login or password is wrong, or the account has no post as {ROLE}: a security administrator must agree",
            login=login,
        )
    account: UUID = row["id"]
    return account
