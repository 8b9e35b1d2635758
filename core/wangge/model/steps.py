"""Steps of a plan: what is done to the database, what it locks, what it may lose, and which rows contradict it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from ..values import Label
from .sealed import ValueWork
from .specs import IndexSpec, TableSpec
from .types import Field

Lock = Literal["none", "brief", "rewrite"]
Risk = Literal["none", "refused_by_rows", "loses_data", "needs_consent"]
Phase = Literal["expand", "contract"]

ORDER = (
    "create_schema create_table drop_search drop_foreign_key drop_index drop_unique narrow rescope add_column widen convert "
    "seal remask require relax spell add_search add_index add_unique add_foreign_key lower_protection widen_rules retire drop_column "
    "drop_table"
).split()
"""The kinds of steps, in the order in which they run: what depends on a column goes before it changes, drops come last."""


CONTRACTING = frozenset("drop_column drop_table narrow require convert seal remask spell rescope add_unique".split())
"""The kinds that break what serves the old model."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step. Its `name` (`drop_column urban_management.incident.extent`) is what `--allow` takes."""

    name: str
    kind: str
    entity: str
    field: str = ""
    """field id, `<list>.<part>` for a part, or the name of an index."""
    lock: Lock = "none"
    risk: Risk = "none"
    sql: tuple[str, ...] = ()
    probe: str = ""
    """a query for the ids (column `id`) of the rows that contradict the step, or whose values it loses."""
    check: Field | None = None
    """the probe also gives `value`: a row contradicts when its value does not meet this field."""
    phase: Phase = "expand"
    label: Label
    instead: str = ""
    """what to do when it is refused."""
    values: ValueWork | None = None
    """what is done with the values of rows after `sql`, with the keys of the deployment."""
    after: tuple[str, ...] = ()
    """statements that follow it."""
    table: TableSpec | None = None
    index: IndexSpec | None = None
    """of `add_index` and `add_unique`: a large table gets it beside its writers."""


def step(
    kind: str,
    entity: str,
    field: str,
    label: tuple[str, str],
    *,
    sql: Sequence[str] = (),
    lock: Lock = "brief",
    risk: Risk = "none",
    probe: str = "",
    instead: str = "",
    check: Field | None = None,
    table: TableSpec | None = None,
    index: IndexSpec | None = None,
    values: ValueWork | None = None,
    after: Sequence[str] = (),
) -> Step:
    """A step with its name; `label` (zh, en) may name `{at}`, the entity and field."""
    at = f"{entity}.{field}" if field else entity
    contracting = kind in CONTRACTING
    return Step(
        name=f"{kind} {at}",
        kind=kind,
        entity=entity,
        field=field,
        lock=lock,
        risk=risk,
        sql=tuple(sql),
        probe=probe,
        check=check,
        phase="contract" if contracting else "expand",
        label=Label(label[0].format(at=at), label[1].format(at=at)),
        instead=instead,
        table=table,
        index=index,
        values=values,
        after=tuple(after),
    )


def ordered(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Steps as they run; those of one kind keep their order."""
    return tuple(sorted(steps, key=lambda s: ORDER.index(s.kind)))
