"""The contract with modules (pluggy): signatures and docstrings only, in sections by phase.

Order: modules run in the order of their requirements (a required module before the one that needs it), then by id.
Start-up hooks are `def` and return data; moment hooks are `async def`. A misspelt hook stops the start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import pluggy

from .values import Batch, Change, City, Patch

NAMESPACE = "wangge"
hookspec = pluggy.HookspecMarker(NAMESPACE)
hookimpl = pluggy.HookimplMarker(NAMESPACE)


# --- start-up: called once per process, in the order of requirements ---


@hookspec
def graphql_query() -> type | None:
    """A Strawberry type whose fields become root fields of `Query` for callers in whose districts the module is on.

    Its resolvers may return own Strawberry types, `Ref` or `Query`; never entity rows.
    """


@hookspec
def graphql_mutation() -> type | None:
    """A Strawberry type whose fields become root fields of `Mutation`; they write through `info.context.records` only."""


@hookspec
def computed_fields() -> Mapping[str, Callable[[Sequence[Mapping[str, Any]]], Sequence[Any]]]:
    """Batch functions of computed fields: `<entity>.<field>` -> f(rows of declared inputs) -> values in the same order.

    The inputs are declared in the entity's file (`inputs:`). Called once per response and field, with the caller's cells.
    """
    raise NotImplementedError


@hookspec
def demonstration(city: City) -> Iterable[Batch]:
    """The rows that the module puts into a demonstration city, in an order in which references are there before they are used.

    Called only under `wangge demo`, in the order of requirements: what earlier modules made stands in `city`.
    """
    raise NotImplementedError


# --- moments: inside the transaction of a write ---


@hookspec
async def before_write(change: Change) -> Patch | None:
    """Asked before a row is stored, inside the transaction; may fill fields or refuse.

    Two modules that set one field differently is a `HookConflict`.
    Raises `Rejected` to refuse: nothing is stored, and its sentence reaches the caller.
    """


@hookspec
async def before_write_batch(changes: Sequence[Change], records: Any) -> Mapping[UUID, Patch] | None:
    """As `before_write`, with all changes of one call at once and the `records` handle, for rules over several rows.

    Returns patches by row id. Bulk loads and calls of many rows ask with up to 10,000 changes; rows that `before_write` refused
    are not among them. A `Rejected` or `Warn` in the place of a patch is about that row alone, and so is one that is raised with
    `row=change.id`. One that names no row is about all of them: a call in which each row stands for itself asks again in halves.
    """
