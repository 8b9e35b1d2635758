"""Small cells: which cells of a cube are hidden so that no hidden one follows from those that are shown (PERMISSIONS.md 3).

First every cell that holds fewer than ten. Then, in every line with exactly one hidden cell, the next smallest too, until
nothing more changes. Then whatever still follows from several lines together, found by linear algebra over all hidden cells
that hang together (decision 0013). Cells that hold nothing hide nothing: a caller may know which they are.
"""

from __future__ import annotations

import collections
from collections.abc import Collection, Iterable, Mapping

from .determined import Equation, determined
from .lattice import Lattice, Line

SMALLEST = 10
"""what a cell must hold to be shown."""
AT_ONCE = 60_000
"""hidden cells that are examined in one system of equations. Of more than that a part is examined while the others stand
still, which can only hide too much."""


def suppress(
    lattice: Lattice, counts: Mapping[int, int], small: Iterable[int] = (), before: Collection[int] = ()
) -> frozenset[int]:
    """The hidden cells of `counts` (cells that hold something): those below ten, those of `small`, and what protects them.

    `before`: cells that were not shown the last time; they protect others before any that were, so that nights agree.
    """
    work = _Work(lattice, counts, before)
    work.hide(sorted({cell for cell, count in counts.items() if count < SMALLEST} | set(small)))
    while True:
        work.settle()
        more = work.exposed()
        if not more:
            return frozenset(work.hidden)
        work.hide(more)


class _Work:
    """The hiding of one cube."""

    def __init__(self, lattice: Lattice, counts: Mapping[int, int], before: Collection[int]) -> None:
        self.hidden: set[int] = set()
        self._proved: set[int] = set()
        """hidden cells that follow from nothing; hiding more never changes that."""
        self._by_node: dict[int, list[int]] = {}
        self._lattice = lattice
        self._counts = counts
        self._before = before
        self._waiting: collections.deque[Line] = collections.deque()
        self._upwards = [node for node in lattice.upwards() if lattice.children[node] or lattice.parents[node] is None]

    def hide(self, cells: Iterable[int]) -> None:
        """Hide cells; their lines are looked at anew."""
        for cell in cells:
            if cell not in self.hidden:
                self.hidden.add(cell)
                self._by_node.setdefault(self._lattice.node(cell), []).append(cell)
                self._waiting.extend(self._lattice.lines(cell))

    def settle(self) -> None:
        """Hide the next smallest cell of every line with exactly one that is hidden."""
        while self._waiting:
            line = self._waiting.popleft()
            below = self._below(line)
            hidden = [cell for cell in (line[0], *below) if cell in self.hidden]
            if len(hidden) == 1:
                shown = [cell for cell in below if cell not in self.hidden]
                self.hide([min(shown, key=self._size)] if shown else [line[0]])

    def _below(self, line: Line) -> list[int]:
        return [cell for cell in self._lattice.below(line) if cell in self._counts]

    def _size(self, cell: int) -> tuple[bool, int, int]:
        return (cell not in self._before, self._counts[cell], cell)

    # --- what follows from several lines ---

    def exposed(self) -> list[int]:
        """Shown cells that have to be hidden too, because hidden ones may follow from several lines together."""
        for node in self._upwards:
            block = {cell for n in self._below_node(node) for cell in self._by_node.get(n, ())}
            self._prove(block)
        left = sorted(self.hidden - self._proved)
        return sorted({cell for each in left for cell in self._neighbour(each)})

    def _below_node(self, node: int) -> list[int]:
        """A node and all nodes below it."""
        found = [node]
        for each in found:
            found += self._lattice.children[each]
        return found

    def _prove(self, block: set[int]) -> None:
        """Find hidden cells of a block that can vary while all outside it stay as they are: so they follow from nothing."""
        left = sorted(block - self._proved)
        for start in range(0, len(left), AT_ONCE // 4):
            asked = set(left[start : start + AT_ONCE // 4]) - self._proved
            if asked:
                system = block if len(block) <= AT_ONCE else self._around(asked, block)
                self._proved |= system - determined(system, self._equations(system))

    def _around(self, cells: set[int], block: set[int]) -> set[int]:
        """As many hidden cells around some as are examined at once."""
        found, pending = set(cells), collections.deque(sorted(cells))
        while pending and len(found) < AT_ONCE:
            near = [c for c in sorted(self._near(pending.popleft())) if c in block and c not in found]
            near = near[: AT_ONCE - len(found)]
            found.update(near)
            pending.extend(near)
        return found

    def _near(self, cell: int) -> set[int]:
        """The hidden cells that share a line with one."""
        lines = self._lattice.lines(cell)
        return {c for line in lines for c in (line[0], *self._lattice.below(line)) if c in self.hidden}

    def _equations(self, system: set[int]) -> list[Equation]:
        """The lines of a system; hidden cells outside it do not vary."""
        found: dict[Line, Equation] = {}
        for cell in sorted(system):
            for line in self._lattice.lines(cell):
                found.setdefault(line, {})[cell] = 1 if cell == line[0] else -1
        return list(found.values())

    def _neighbour(self, cell: int) -> list[int]:
        """The smallest shown cell beside a hidden one, or, if there is none, beside those that are bound to it."""
        seen, ring = {cell}, [cell]
        while ring:
            beside = {c for each in ring for line in self._lattice.lines(each) for c in (line[0], *self._below(line))}
            shown = [c for c in beside if c in self._counts and c not in self.hidden]
            if shown:
                return [min(shown, key=self._size)]
            ring = sorted((beside & self.hidden) - seen)
            seen.update(ring)
        return []
