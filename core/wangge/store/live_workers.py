"""Workers that serve the old model: what takes columns away waits until their connections have ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from ..errors import PlanError
from ..model.steps import Step

# An owner sees of other users' sessions only whose they are; of its own (one user for all, at an external server) their names.
WORKERS = """SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND (usename = 'wangge_app' OR application_name = 'wangge app')"""


async def leave_workers_time(connection: Any, steps: Sequence[Step], seconds: float) -> None:
    """Return when no worker is connected, or at once when no step contracts. Raises PlanError after `seconds`."""
    contracting = [one.name for one in steps if one.phase == "contract" and (one.sql or one.values)]
    if not contracting:
        return
    deadline = time.monotonic() + seconds
    while workers := await connection.fetchval(WORKERS):
        if time.monotonic() > deadline:
            raise PlanError(
                "plan.served",
                f"{workers} connections still serve the old model, which {', '.join(contracting)} would break: "
                "stop `wangge up`, run `wangge apply` again, then start it",
                steps=contracting,
                connections=workers,
            )
        await asyncio.sleep(0.1)
