"""What changes in the fields of an entity that stays, as steps: new, dropped, widened, converted, narrowed, required."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .specs import TableSpec
from .steps import Step
from .types import Entity, Model


def of_fields(
    old: Model, new: Model, was: Entity, now: Entity, before: Mapping[str, TableSpec], after: Mapping[str, TableSpec]
) -> Iterable[Step]:
    """The steps of all fields of an entity, of its lists' parts too."""
    return ()
