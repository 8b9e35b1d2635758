"""Small cells: which cells of a cube are hidden so that no hidden one follows from those that are shown (PERMISSIONS.md 3).

First every cell that holds fewer than ten. Then, in every line with exactly one hidden cell, the next smallest too, until
nothing more changes. Then whatever may still follow from several lines together: each hidden cell is to be seen to vary, in a
square of hidden cells, or by linear algebra over those around it, a few areas at first and then more (decision 0013). Cells
that hold nothing hide nothing: a caller may know which they are.
"""

from __future__ import annotations

import collections
import itertools
from collections.abc import Collection, Iterable, Mapping

from .determined import Equation, determined
from .lattice import Lattice, Line
from .squares import Squares

SMALLEST = 10
"""what a cell must hold to be shown."""
AT_ONCE = 4_000
"""hidden cells that are examined in one system of equations, while all others stand still, which can only hide too much. A
cube with no more is examined as a whole at the end."""
MOST = 300
"""squares that are compared for one cell."""
REACHES = (1, 2)
"""areas beside and below one that are examined with it, one after the other."""


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
        self._squares = Squares(lattice)
        self._all = Squares(lattice, counts)
        self._upwards = lattice.upwards()

    def hide(self, cells: Iterable[int]) -> None:
        """Hide cells; their lines are looked at anew."""
        for cell in cells:
            if cell not in self.hidden:
                self.hidden.add(cell)
                self._by_node.setdefault(self._lattice.node(cell), []).append(cell)
                self._squares.add(cell)
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
        for cell in sorted(self.hidden - self._proved):
            if cell not in self._proved:
                self._proved.update(next(self._squares.around(cell), ()))
        for reach in REACHES:
            for node in self._upwards:
                if asked := [cell for cell in self._by_node.get(node, ()) if cell not in self._proved]:
                    near = self._surroundings(node, asked, reach)
                    self._prove(set(asked), {cell for n in near for cell in self._by_node.get(n, ())})
        if len(self.hidden) <= AT_ONCE:
            self._prove(self.hidden - self._proved, self.hidden)
            more = [self._neighbour(each) for each in sorted(self.hidden - self._proved)]
        else:
            more = self._closed()
        return sorted({cell for found in more for cell in found})

    def _closed(self) -> list[list[int]]:
        """For each hidden cell that was not seen to vary what makes it a corner of a square of hidden cells."""
        closed: set[int] = set()
        found = []
        for cell in sorted(self.hidden - self._proved):
            if cell not in closed:
                squares = itertools.islice(self._all.around(cell), MOST)
                square = min(squares, key=lambda corners: self._price(corners, closed), default=None)
                if square is None:
                    found.append(self._neighbour(cell))
                else:
                    found.append([c for c in square if c not in self.hidden])
                    closed.update(square)
        return found

    def _price(self, corners: list[int], closed: set[int]) -> tuple[int, int, list[int]]:
        """What it costs to hide a square: cells that were shown the last time, and the rows in all that are shown now."""
        shown = [c for c in corners if c not in self.hidden and c not in closed]
        return sum(c not in self._before for c in shown), sum(self._counts[c] for c in shown), corners

    def _surroundings(self, node: int, asked: Iterable[int], reach: int) -> set[int]:
        """A node, those below it, siblings, and, further on, what lies above: where most of what is asked is hidden too."""
        wanted = sum(1 << cell % self._lattice.width for cell in asked)
        found, at = set(self._descent(node, wanted, reach)), node
        while (parent := self._lattice.parents[at]) is not None:
            beside = [child for child in self._lattice.children[parent] if child != at]
            for other in self._best(beside, wanted, reach if at == node else reach // 2):
                found.update(self._descent(other, wanted, reach))
            if reach == REACHES[0]:
                break
            found.add(parent)
            at = parent
        return found

    def _descent(self, node: int, wanted: int, reach: int) -> list[int]:
        """A node, the best nodes below it, and those below them."""
        best = self._best(self._lattice.children[node], wanted, reach)
        return [node, *(each for child in best for each in self._descent(child, wanted, max(1, reach // 2)))]

    def _best(self, nodes: Iterable[int], wanted: int, most: int) -> list[int]:
        """The nodes in which most of the wanted cells are hidden."""
        bits = self._squares.bits
        return sorted(nodes, key=lambda node: (-(bits[node] & wanted).bit_count(), node))[:most]

    def _prove(self, asked: set[int], block: set[int]) -> None:
        """Find hidden cells of a block that can vary while all outside it stay as they are: so they follow from nothing."""
        left = sorted(asked - self._proved)
        for start in range(0, len(left), max(1, AT_ONCE // 4)):
            part = set(left[start : start + max(1, AT_ONCE // 4)]) - self._proved
            if part:
                system = block if len(block) <= AT_ONCE else self._around(part, block)
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
