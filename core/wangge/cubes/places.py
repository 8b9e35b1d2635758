"""The areas of a cube as a tree of nodes: each area down to the finest kind, and below it the rows that lie directly in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import msgspec

AREAS = "SELECT id, parent, kind FROM wangge.area ORDER BY ord"
LEVELS = {"city": 0, "district": 1, "functional_zone": 1, "township": 2, "community": 3}
"""kind of area -> how fine it is."""
NOWHERE = UUID(int=0)
"""the area of an entity without areas, and of rows that lie in none."""


class Places(msgspec.Struct, frozen=True):
    """Nodes: their parents, which area each stands for, and whether only for the rows that lie directly in it."""

    parents: list[int | None]
    ids: list[UUID]
    direct: list[bool]
    leaf_of: Mapping[UUID, int]
    """area -> the node that its rows are counted in."""
    roots: tuple[int, ...]

    def leaf(self, area: UUID | None) -> int:
        """The node of rows of an area; those of none are counted directly in the first root."""
        found = self.leaf_of.get(area) if area is not None else None
        return self.leaf_of[NOWHERE] if found is None else found


def places(rows: Iterable[Mapping[str, Any]], level: str, *, areas: bool = True) -> Places:
    """The nodes of a cube whose finest areas are of kind `level`."""
    if not areas:
        return Places([None], [NOWHERE], [False], {NOWHERE: 0}, (0,))
    finest, made = LEVELS[level], Places([], [], [], {}, ())
    leaves: dict[UUID, int] = {}
    nodes: dict[UUID, int] = {}
    for row in rows:
        here, above = row["id"], row["parent"]
        rank = LEVELS.get(row["kind"])
        if above in nodes and (rank is None or rank > finest):
            nodes[here], leaves[here] = nodes[above], leaves[above]
            continue
        nodes[here] = leaves[here] = _add(made, here, nodes.get(above))
        if rank is None or rank < finest:
            leaves[here] = _add(made, here, nodes[here], direct=True)
    roots = tuple(node for node, parent in enumerate(made.parents) if parent is None)
    if roots:
        leaves[NOWHERE] = leaves[made.ids[roots[0]]]
    return Places(made.parents, made.ids, made.direct, leaves, roots)


def _add(made: Places, area: UUID, parent: int | None, *, direct: bool = False) -> int:
    """A node more."""
    made.parents.append(parent)
    made.ids.append(area)
    made.direct.append(direct)
    return len(made.parents) - 1
