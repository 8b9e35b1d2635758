"""The cells of a cube and how they add up: areas in their tree, times the values of each dimension and all of them together.

A cell is one whole number. Two cells are bound by a line: a cell is the sum of its children along one dimension, or along
the tree of areas. Rows that lie directly in an area with children stand in a node of their own below it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

TREE = -1
"""the direction of a line that adds up the children of an area."""
Line = tuple[int, int]
"""(the cell that is the sum, the direction: a dimension's number or TREE)."""


class Lattice:
    """Nodes with their parents, dimensions with their numbers of values, and the sets of dimensions that are answered."""

    def __init__(self, parents: Sequence[int | None], sizes: Sequence[int], families: Sequence[frozenset[int]]) -> None:
        self.parents = tuple(parents)
        self.sizes = tuple(sizes)
        self.children: list[list[int]] = [[] for _ in parents]
        for node, parent in enumerate(parents):
            if parent is not None:
                self.children[parent].append(node)
        strides, width = [], 1
        for size in sizes:
            strides.append(width)
            width *= size + 1
        self.strides = tuple(strides)
        self.width = width
        """cells of one node."""
        self._steps: dict[int, tuple[tuple[int, int], ...]] = {}
        self.masks = {sum(1 << d for d in part) for family in families for part in _subsets(sorted(family))} | {0}

    def cell(self, node: int, values: Mapping[int, int]) -> int:
        """The cell of a node; `values` by dimension, counted from 1, all others together."""
        return node * self.width + sum(value * self.strides[d] for d, value in values.items())

    def upwards(self) -> list[int]:
        """The nodes, those below before those above."""
        found = [node for node, parent in enumerate(self.parents) if parent is None]
        for node in found:
            found += self.children[node]
        return found[::-1]

    def node(self, cell: int) -> int:
        """The node of a cell."""
        return cell // self.width

    def value(self, cell: int, dimension: int) -> int:
        """The value of a dimension, 0 for all of them."""
        return cell // self.strides[dimension] % (self.sizes[dimension] + 1)

    def mask(self, cell: int) -> int:
        """The dimensions that have a value, as bits."""
        return sum(1 << d for d in range(len(self.sizes)) if self.value(cell, d))

    def lines(self, cell: int) -> list[Line]:
        """Every line that a cell is part of, as the sum or as one of its children."""
        node, place = divmod(cell, self.width)
        steps = self._steps.get(place)
        if steps is None:
            steps = self._steps[place] = self._of_values(place)
        found: list[Line] = [(cell - step, d) for step, d in steps]
        above = self.parents[node]
        if above is not None:
            found.append((cell + (above - node) * self.width, TREE))
        if self.children[node]:
            found.append((cell, TREE))
        return found

    def _of_values(self, place: int) -> tuple[tuple[int, int], ...]:
        """The lines along dimensions of a place in any node: how far below it their sum stands, the dimension."""
        found, mask = [], self.mask(place)
        for d, stride in enumerate(self.strides):
            if mask >> d & 1:
                found.append((self.value(place, d) * stride, d))
            elif mask | 1 << d in self.masks:
                found.append((0, d))
        return tuple(found)

    def below(self, line: Line) -> Iterator[int]:
        """The cells whose sum the line gives, also those that hold nothing."""
        total, direction = line
        if direction == TREE:
            node = self.node(total)
            for child in self.children[node]:
                yield total + (child - node) * self.width
        else:
            stride = self.strides[direction]
            yield from range(total + stride, total + stride * (self.sizes[direction] + 1), stride)

    def sums(self, base: Mapping[int, int]) -> dict[int, int]:
        """All cells that hold something, of those without a child in the tree and with values of a whole family."""
        found: dict[int, int] = {}
        for cell, count in base.items():
            node: int | None = self.node(cell)
            parts = [0]
            for d, stride in enumerate(self.strides):
                value = self.value(cell, d) * stride
                parts += [part + value for part in parts]
            kept = [part for part in parts if self.mask(part) in self.masks]
            while node is not None:
                start = node * self.width
                for part in kept:
                    at = start + part
                    found[at] = found.get(at, 0) + count
                node = self.parents[node]
        return found


def _subsets(items: Sequence[int]) -> Iterator[frozenset[int]]:
    """Every subset."""
    for bits in range(1 << len(items)):
        yield frozenset(item for n, item in enumerate(items) if bits >> n & 1)
