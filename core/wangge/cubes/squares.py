"""Hidden cells that can vary, seen at a glance: two values of each dimension, in two areas, all hidden (the hypercube method).

Take one more away from a cell, add it to the next along a dimension, and so on around all corners of such a square, and every sum
stays as it was; "all values together" is a corner too, which varies as its one part does. Areas come in two chains from
siblings down to areas without areas below, or in one chain from the root. Hidden cells are bits of one number per node, so that
all squares of two areas are tried at once. What is in no square may vary in other ways: `determined` finds those.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from .lattice import Lattice

CHAINS = 4
"""chains that are tried below a node."""


class Squares:
    """The hidden cells of a cube as bits."""

    def __init__(self, lattice: Lattice, cells: Iterable[int] = ()) -> None:
        """Of no cells yet but `cells`."""
        self.bits = [0] * len(lattice.parents)
        """node -> its cells, those that are hidden or any others."""
        self._lattice = lattice
        whole = [mask for mask in lattice.masks if not any(mask != m and mask & m == mask for m in lattice.masks)]
        by_size = sorted(range(len(lattice.sizes)), key=lambda d: lattice.sizes[d])
        self._families = {mask: [d for d in by_size if mask >> d & 1] for mask in whole}
        self._slices = [
            [sum(1 << x for x in range(lattice.width) if self._value(x, d) == v) for v in range(size + 1)]
            for d, size in enumerate(lattice.sizes)
        ]
        for cell in cells:
            self.add(cell)

    def add(self, cell: int) -> None:
        """One more cell."""
        node, place = divmod(cell, self._lattice.width)
        self.bits[node] |= 1 << place

    def around(self, cell: int) -> Iterator[list[int]]:
        """The squares that a cell is a corner of, each as its corners.

        Where several families of dimensions are answered, sums belong to all of them: only squares without sums count.
        """
        node, place = divmod(cell, self._lattice.width)
        mask = self._lattice.mask(cell)
        if len(self._families) == 1:
            (dimensions,), sums = self._families.values(), True
        elif mask in self._families:
            dimensions, sums = self._families[mask], False
        else:
            return
        for common, nodes in self._areas(node, place):
            for steps in self._squares(common, place, dimensions, sums):
                corners = [place]
                for step in steps:
                    corners += [corner + step for corner in corners]
                yield [n * self._lattice.width + corner for n in nodes for corner in corners]

    def _areas(self, node: int, place: int) -> Iterator[tuple[int, list[int]]]:
        """(what stands in all of them, nodes) of areas among which a cell of `node` may be exchanged."""
        lattice = self._lattice
        for common, chain in self._below(node, place):
            at, above, nodes = node, common, chain
            while (parent := lattice.parents[at]) is not None:
                for other in lattice.children[parent]:
                    if other != at:
                        for there, minus in self._below(other, place):
                            yield above & there, nodes + minus
                at = parent
                above &= self.bits[at]
                nodes = [*nodes, at]
                if not above >> place & 1:
                    break
            else:
                yield above, nodes

    def _below(self, node: int, place: int) -> list[tuple[int, list[int]]]:
        """Chains from a node down in which a place stands throughout, with what stands in all of their nodes."""
        found: list[tuple[int, list[int]]] = []
        pending = [(self.bits[node], [node])]
        while pending and len(found) < CHAINS:
            common, chain = pending.pop()
            if not common >> place & 1:
                continue
            children = self._lattice.children[chain[-1]]
            pending += [(common & self.bits[child], [*chain, child]) for child in children]
            if not children:
                found.append((common, chain))
        return found

    def _squares(self, cells: int, place: int, dimensions: Sequence[int], sums: bool) -> Iterator[list[int]]:
        """The steps along each dimension to the other side of the squares that lie in `cells` and have a corner at `place`."""
        if not cells >> place & 1:
            return
        if not dimensions:
            yield []
            return
        first, *rest = dimensions
        stride, value = self._lattice.strides[first], self._value(place, first)
        here = cells & self._slices[first][value]
        for other in range(0 if sums else 1, self._lattice.sizes[first] + 1):
            step = (other - value) * stride
            both = here & (cells >> step if step > 0 else cells << -step)
            if step and both >> place & 1:
                yield from ([step, *steps] for steps in self._squares(both, place, rest, sums))

    def _value(self, place: int, dimension: int) -> int:
        return place // self._lattice.strides[dimension] % (self._lattice.sizes[dimension] + 1)
