"""Small cells: whatever is added up and subtracted of the shown cells of a cube, no hidden one comes out."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Mapping
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from wangge.cubes import suppression
from wangge.cubes.determined import determined
from wangge.cubes.lattice import Lattice
from wangge.cubes.squares import Squares
from wangge.cubes.suppression import SMALLEST, suppress

Cells = Mapping[int, int]
TREES: tuple[list[int | None], ...] = (
    [None],
    [None, 0, 0],
    [None, 0, 0, 0, 0],
    [None, 0, 0, 0, 1, 1, 1, 2, 2],
    [None, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3],
)


def places(lattice: Lattice) -> list[int]:
    """Where a row can be: an area without areas below it, and a value of each dimension."""
    leaves = [node for node in range(len(lattice.parents)) if not lattice.children[node]]
    return [
        lattice.cell(leaf, dict(enumerate(values)))
        for leaf in leaves
        for values in itertools.product(*(range(1, size + 1) for size in lattice.sizes))
    ]


class Attacker:
    """Knows every shown cell, which cells of the cube hold nobody, and how cells add up; works with rows, not with the lattice's lines."""

    def __init__(self, lattice: Lattice, base: Cells, hidden: Iterable[int]) -> None:
        self._lattice, self._hidden = lattice, set(hidden)
        counts = lattice.sums(base)
        self._base = sorted(place for place in places(lattice) if lattice.sums({place: 1}).keys() <= counts.keys())
        self._shown = {cell: count for cell, count in counts.items() if cell not in self._hidden}
        self._parts = {cell: [n for n, each in enumerate(self._base) if self._holds(cell, each)] for cell in counts}

    def _holds(self, cell: int, base: int) -> bool:
        """Whether the rows of a base cell lie in a cell."""
        lattice, node = self._lattice, self._lattice.node(base)
        while node != lattice.node(cell):
            above = lattice.parents[node]
            if above is None:
                return False
            node = above
        pairs = ((lattice.value(cell, d), lattice.value(base, d)) for d in range(len(lattice.sizes)))
        return all(wanted in (0, value) for wanted, value in pairs)

    def computed(self) -> set[int]:
        """The hidden cells that are a sum of multiples of shown ones, in exact fractions."""
        rows = [self._vector(cell) for cell in self._shown]
        basis: list[tuple[int, list[Fraction]]] = []
        for row in rows:
            if (rest := _reduced(basis, row)) is not None:
                basis.append(rest)
        return {cell for cell in self._hidden if _reduced(basis, self._vector(cell)) is None}

    def _vector(self, cell: int) -> list[Fraction]:
        held = set(self._parts[cell])
        return [Fraction(n in held) for n in range(len(self._base))]

    def worlds(self, most: int) -> dict[int, set[int]] | None:
        """The values of each hidden cell in all whole-numbered worlds with the same shown cells; None when there are too many."""
        sums = sorted(self._shown.items())
        held = [[at for at, (cell, _) in enumerate(sums) if n in self._parts[cell]] for n in range(len(self._base))]
        left = [count for _, count in sums]
        pending = [sum(n in self._parts[cell] for n in range(len(self._base))) for cell, _ in sums]
        found: dict[int, set[int]] = {cell: set() for cell in self._hidden}
        world, tried = [0] * len(self._base), 0

        def fill(n: int) -> bool:
            nonlocal tried
            tried += 1
            if tried > most:
                return False
            if n == len(world):
                for cell in self._hidden:
                    found[cell].add(sum(world[part] for part in self._parts[cell]))
                return True
            top = min((left[at] for at in held[n]), default=3 * SMALLEST)
            last = any(pending[at] == 1 for at in held[n])
            for value in [top] if last else range(top + 1):
                if any(pending[at] == 1 and left[at] != value for at in held[n]):
                    continue
                world[n] = value
                for at in held[n]:
                    left[at] -= value
                    pending[at] -= 1
                fine = fill(n + 1)
                for at in held[n]:
                    left[at] += value
                    pending[at] += 1
                if not fine:
                    return False
            return True

        return found if fill(0) else None


def _reduced(basis: list[tuple[int, list[Fraction]]], row: list[Fraction]) -> tuple[int, list[Fraction]] | None:
    """What is left of a row over a basis, its first number 1; None when nothing is."""
    row = list(row)
    for at, known in basis:
        if factor := row[at]:
            row = [a - factor * b for a, b in zip(row, known, strict=True)]
    first = next((n for n, value in enumerate(row) if value), None)
    return None if first is None else (first, [value / row[first] for value in row])


@st.composite
def cubes(draw: st.DrawFn) -> tuple[Lattice, dict[int, int]]:
    """A small cube: a tree of areas, up to three dimensions that may be asked in one or two families, and rows."""
    parents = draw(st.sampled_from(TREES))
    sizes = draw(st.lists(st.integers(2, 3), min_size=0 if len(parents) > 1 else 1, max_size=3))
    every = frozenset(range(len(sizes)))
    families = draw(st.sampled_from([[every], [every - {0}, every - {len(sizes) - 1}]]))
    lattice = Lattice(parents, sizes, families)
    spots = places(lattice)
    many = st.one_of(st.integers(0, 3), st.integers(5, 15), st.integers(10, 60))
    counts = draw(st.lists(many, min_size=len(spots), max_size=len(spots)))
    return lattice, {place: count for place, count in zip(spots, counts, strict=True) if count}


@settings(max_examples=300, deadline=None)
@given(cubes())
def test_no_sum_of_shown_cells_gives_a_hidden_one(cube: tuple[Lattice, dict[int, int]]) -> None:
    lattice, base = cube
    counts = lattice.sums(base)
    hidden = suppress(lattice, counts)
    assert all(counts[cell] >= SMALLEST for cell in counts.keys() - hidden)
    assert Attacker(lattice, base, hidden).computed() == set()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(cubes())
def test_every_hidden_cell_may_be_one_of_several_whole_numbers(cube: tuple[Lattice, dict[int, int]]) -> None:
    lattice, base = cube
    hidden = suppress(lattice, lattice.sums(base))
    worlds = Attacker(lattice, base, hidden).worlds(20_000)
    assume(worlds is not None)
    assert worlds is not None
    assert {cell: values for cell, values in worlds.items() if len(values) < 2} == {}


@settings(max_examples=100, deadline=None)
@given(cubes())
def test_a_cube_that_is_examined_in_parts_gives_nothing_away_either(cube: tuple[Lattice, dict[int, int]]) -> None:
    lattice, base = cube
    whole, at_once = suppress(lattice, lattice.sums(base)), suppression.AT_ONCE
    suppression.AT_ONCE = 8
    try:
        hidden = suppress(lattice, lattice.sums(base))
    finally:
        suppression.AT_ONCE = at_once
    assert Attacker(lattice, base, hidden).computed() == set()
    assert len(hidden) >= len({cell for cell in whole if lattice.sums(base)[cell] < SMALLEST})


@settings(max_examples=200, deadline=None)
@given(cubes())
def test_nothing_but_its_corners_changes_when_a_square_is_turned(cube: tuple[Lattice, dict[int, int]]) -> None:
    """Some factors, none of them zero, of the corners of any square leave every sum as it was."""
    lattice, base = cube
    counts = lattice.sums(base)
    squares = Squares(lattice, counts)
    for cell in sorted(counts):
        for corners in itertools.islice(squares.around(cell), 20):
            assert cell in corners
            assert set(corners) <= counts.keys()
            assert len(set(corners)) == len(corners)
            assert determined(corners, lines_of(lattice, corners)) == set()


def lines_of(lattice: Lattice, cells: Iterable[int]) -> list[dict[int, int]]:
    """The sums that some cells are part of, while all others stand still."""
    found: dict[tuple[int, int], dict[int, int]] = {}
    for cell in cells:
        for line in lattice.lines(cell):
            found.setdefault(line, {})[cell] = 1 if cell == line[0] else -1
    return list(found.values())


@pytest.mark.parametrize("families", [[{0, 1, 2}], [{0, 1}, {1, 2}]])
def test_a_cube_with_many_small_cells_is_hidden_in_parts_and_gives_nothing_away_as_a_whole(
    families: list[set[int]],
) -> None:
    draw = random.Random(7)
    parents = [None, *[0] * 3, *[1 + n % 3 for n in range(12)]]
    lattice = Lattice(parents, [3, 6, 4], [frozenset(family) for family in families])
    base: dict[int, int] = {}
    for _ in range(3000):
        values = {
            d: draw.choices(range(1, size + 1), [8, 5, 3, 2, 1, 1][:size])[0] for d, size in enumerate(lattice.sizes)
        }
        place = lattice.cell(draw.randrange(4, 16), values)
        base[place] = base.get(place, 0) + 1
    counts, at_once = lattice.sums(base), suppression.AT_ONCE
    whole = suppress(lattice, counts)
    suppression.AT_ONCE = 150
    try:
        hidden = suppress(lattice, counts)
    finally:
        suppression.AT_ONCE = at_once
    assert all(counts[cell] >= SMALLEST for cell in counts.keys() - hidden)
    assert determined(hidden, lines_of(lattice, sorted(hidden))) == set()
    assert len(hidden) < 1.2 * len(whole)


def table(rows: list[list[int]]) -> tuple[Lattice, dict[int, int]]:
    """A table of two dimensions in one area."""
    lattice = Lattice([None], [len(rows), len(rows[0])], [frozenset((0, 1))])
    base = {
        lattice.cell(0, {0: y, 1: x}): count for y, row in enumerate(rows, 1) for x, count in enumerate(row, 1) if count
    }
    return lattice, base


def hidden_of(rows: list[list[int]]) -> set[tuple[int, int]]:
    """Row and column of what is hidden, counted from 1; 0 for all."""
    lattice, base = table(rows)
    return {(lattice.value(c, 0), lattice.value(c, 1)) for c in suppress(lattice, lattice.sums(base))}


def test_nothing_is_hidden_where_nothing_is_small() -> None:
    assert hidden_of([[10, 20], [30, 0]]) == set()


def test_the_next_smallest_hides_with_a_small_one_in_each_margin() -> None:
    assert hidden_of([[3, 40, 50], [20, 60, 90], [70, 80, 95]]) == {(1, 1), (1, 2), (2, 1), (2, 2)}


def test_a_small_total_hides_with_another_one() -> None:
    assert hidden_of([[2, 3], [40, 60], [70, 90]]) >= {(1, 1), (1, 2), (1, 0), (2, 0)}


def test_a_bridge_between_two_blocks_does_not_come_out() -> None:
    """Every row and column has two hidden cells, and yet the sums of rows less those of columns give the one between the blocks."""
    rows = [[5, 5, 7, 90], [5, 5, 80, 90], [80, 80, 5, 5], [80, 80, 5, 5]]
    lattice, base = table(rows)
    small = {cell for cell in lattice.sums(base) if lattice.sums(base)[cell] < SMALLEST}
    assert lattice.cell(0, {0: 1, 1: 3}) in Attacker(lattice, base, small).computed()
    assert Attacker(lattice, base, suppress(lattice, lattice.sums(base))).computed() == set()


def test_levels_of_areas_protect_each_other() -> None:
    """One small community of a township hides a sibling; one of each of two townships hide in theirs."""
    lattice = Lattice([None, 0, 0, 1, 1, 1, 2, 2], [], [frozenset()])
    base = {3: 4, 4: 30, 5: 20, 6: 50, 7: 60}
    assert suppress(lattice, lattice.sums(base)) == {3, 5}
    assert suppress(lattice, lattice.sums(base | {6: 4})) == {3, 5, 6, 7}


def test_cells_that_only_one_family_answers_are_no_cells_of_the_other() -> None:
    lattice = Lattice([None], [2, 2, 2], [frozenset((0, 1)), frozenset((1, 2))])
    base = {lattice.cell(0, {0: 1, 1: 1, 2: 1}): 12, lattice.cell(0, {0: 2, 1: 2, 2: 2}): 13}
    masks = {lattice.mask(cell) for cell in lattice.sums(base)}
    assert masks == {0b000, 0b001, 0b010, 0b011, 0b100, 0b110}


def test_more_small_cells_may_be_named() -> None:
    """As of a sum over which too few rows have a number."""
    lattice, base = table([[20, 30], [40, 50]])
    counts = lattice.sums(base)
    hidden = suppress(lattice, counts, [lattice.cell(0, {0: 1, 1: 1})])
    assert len(hidden) == 4


def test_a_cell_that_protected_another_yesterday_does_so_again() -> None:
    """Else two nights with the same rows would show what one hides."""
    lattice = Lattice([None, 0, 0, 0], [], [frozenset()])
    first = suppress(lattice, {0: 65, 1: 5, 2: 20, 3: 40})
    later = {0: 83, 1: 5, 2: 42, 3: 36}
    found = [first, suppress(lattice, later), suppress(lattice, later, before=first)]
    assert [set(cells) for cells in found] == [{1, 2}, {1, 3}, {1, 2}]


def test_the_same_rows_hide_the_same_cells() -> None:
    lattice, base = table([[3, 40, 50], [20, 60, 90], [70, 80, 95]])
    turned = dict(reversed(base.items()))
    assert suppress(lattice, lattice.sums(base)) == suppress(lattice, lattice.sums(turned))


def test_equations_determine_what_they_do() -> None:
    assert determined([1, 2, 3, 4], [{1: 1, 2: -1}, {1: 1, 2: 1}, {3: 1, 4: -1}]) == {1, 2}
    assert determined([1, 2], []) == set()
    assert determined([5], [{5: 2}]) == {5}
