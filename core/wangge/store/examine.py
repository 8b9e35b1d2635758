"""Look at the rows before a plan runs: which steps they contradict, and which would lose their values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec

from ..errors import PlanError
from ..model.steps import Step
from ..model.types import Field
from ..model.values_of_kinds import check_value
from .piccolo import on
from .service_tables import PlanConsent

SHOWN = 5


class Finding(msgspec.Struct, frozen=True):
    """A step with the rows behind it: how many, and the first ids."""

    step: Step
    count: int = 0
    ids: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """fine, refused (never runs on these rows), allow (must be named), consent (a second person must agree)."""
        if self.step.risk == "needs_consent":
            return "consent"
        if self.step.risk == "refused_by_rows":
            return "refused" if self.count else "fine"
        return "allow" if self.step.risk == "loses_data" and self.count else "fine"


async def examine(connection: Any, steps: Sequence[Step]) -> tuple[Finding, ...]:
    """Each step with what its probe finds now. Raises PlanError when the database is not what its model says."""
    return tuple([await _examine(connection, one) for one in steps])


async def _examine(connection: Any, one: Step) -> Finding:
    """One step."""
    if not one.probe:
        return Finding(one, 1 if one.risk == "loses_data" else 0)
    if one.check is not None:
        return await _check(connection, one, one.check)
    sql = (
        f"WITH q AS MATERIALIZED ({one.probe}) SELECT (SELECT count(*) FROM q) AS count, "
        f"ARRAY(SELECT DISTINCT id::text FROM q ORDER BY 1 LIMIT {SHOWN}) AS ids"
    )
    try:
        row = await connection.fetchrow(sql)
    except asyncpg.PostgresError as error:
        raise PlanError(
            "plan.drift",
            f"{one.name}: the rows cannot be looked at ({error}). The tables are not what the applied model says: "
            "compare them with `wangge doctor`",
            step=one.name,
        ) from error
    return Finding(one, row["count"], tuple(row["ids"]))


async def _check(connection: Any, one: Step, field: Field) -> Finding:
    """A step whose values Python judges, as it judges input."""
    count = 0
    ids: list[str] = []
    async for row in connection.cursor(one.probe, prefetch=5000):
        if check_value(field, row["value"]) is not None:
            count += 1
            if len(ids) < SHOWN:
                ids.append(str(row["id"]))
    return Finding(one, count, tuple(sorted(ids)))


async def refuse(connection: Any, findings: Sequence[Finding], version: str, allow: frozenset[str]) -> None:
    """Raise PlanError unless every step may run: contradicted ones never, losing ones when named, lowering ones by consent."""
    contradicted = [f for f in findings if f.verdict == "refused"]
    if contradicted:
        raise PlanError("plan.contradicted", "\n".join(map(contradiction, contradicted)), steps=_facts(contradicted))
    consented = await _consents(connection, version) if _asks(findings) else set()
    unagreed = [f for f in findings if f.verdict == "consent" and f.step.name not in consented]
    if unagreed:
        raise PlanError(
            "plan.needs_consent",
            "\n".join(
                f"{f.step.name}: {f.step.label.en} lowers a protection. A second person agrees with "
                f"`wangge consent '{f.step.name}' --account LOGIN --reason TEXT`"
                for f in unagreed
            ),
            steps=_facts(unagreed),
        )
    losing = [f for f in findings if f.verdict == "allow" and f.step.name not in allow]
    if losing:
        raise PlanError("plan.needs_allow", "\n".join(map(loss, losing)), steps=_facts(losing))


def contradiction(found: Finding) -> str:
    """The sentence of a refused step."""
    what = f"{found.count} rows contradict it, the first {', '.join(found.ids)}"
    return f"{found.step.name}: {what}: {found.step.instead or 'correct them first'}"


def loss(found: Finding) -> str:
    """The sentence of a step that loses values."""
    rows = f"of {found.count} rows" if found.ids else "that are there"
    return (
        f"{found.step.name}: loses the values {rows}: run `wangge apply --allow '{found.step.name}'` if that is meant"
    )


async def _consents(connection: Any, version: str) -> set[str]:
    """The steps that a second person agreed to, for this version of the model."""
    with on(connection):
        rows = await PlanConsent.select(PlanConsent.step).where(PlanConsent.model == version)
    return {row["step"] for row in rows}


def _asks(findings: Sequence[Finding]) -> bool:
    return any(f.verdict == "consent" for f in findings)


def _facts(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """The findings for programs."""
    return [{"name": f.step.name, "count": f.count, "ids": list(f.ids)} for f in findings]
