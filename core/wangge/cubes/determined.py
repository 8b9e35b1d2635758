"""Which hidden cells follow from the shown ones, whatever sums and differences are taken: exact linear algebra.

The lines of a cube are equations over the hidden cells. A hidden cell follows from them exactly when it is zero in every
solution of the equations with zeros on the right. One random solution modulo a large prime shows that: a cell that may
vary is zero in it with a probability of about 1 in 10^18.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable

PRIME = (1 << 61) - 1
Equation = dict[int, int]
"""cell -> factor."""


def determined(cells: Iterable[int], equations: Iterable[Equation]) -> set[int]:
    """The cells that have one value only, given what the equations say of them."""
    free = set(cells)
    found = _solution(free, _triangle([dict(e) for e in equations if e]))
    return {cell for cell in free if not found[cell]}


def _triangle(rows: list[Equation]) -> list[tuple[int, Equation]]:
    """Pivots in order: each equation solved for a cell that no later one holds."""
    holding: dict[int, set[int]] = {}
    for n, row in enumerate(rows):
        for cell in row:
            holding.setdefault(cell, set()).add(n)
    pivots: list[tuple[int, Equation]] = []
    alone = [cell for cell in sorted(holding) if len(holding[cell]) == 1]
    done: set[int] = set()
    short = [(len(row), n) for n, row in enumerate(rows)]
    heapq.heapify(short)
    while True:
        found = next_alone(alone, holding)
        at = next(iter(holding[found])) if found is not None else _shortest(short, rows, done)
        if at is None:
            return pivots
        cell = found if found is not None else min(rows[at], key=lambda c: (len(holding[c]), c))
        _eliminate(rows, holding, at, cell, alone)
        pivots.append((cell, rows[at]))
        done.add(at)


def _shortest(short: list[tuple[int, int]], rows: list[Equation], done: set[int]) -> int | None:
    """An equation of few cells that is not solved yet; those that grew meanwhile are put back behind."""
    while short:
        length, at = heapq.heappop(short)
        if at in done or not rows[at]:
            continue
        if len(rows[at]) <= length:
            return at
        heapq.heappush(short, (len(rows[at]), at))
    return None


def next_alone(alone: list[int], holding: dict[int, set[int]]) -> int | None:
    """A cell that stands in one equation only: solving for it changes no other."""
    while alone:
        cell = alone.pop()
        if len(holding[cell]) == 1:
            return cell
    return None


def _eliminate(rows: list[Equation], holding: dict[int, set[int]], at: int, cell: int, alone: list[int]) -> None:
    """Take a cell out of all equations but one, which is then set aside."""
    pivot = rows[at]
    inverse = pow(pivot[cell], -1, PRIME)
    for n in [n for n in holding[cell] if n != at]:
        row = rows[n]
        factor = row[cell] * inverse % PRIME
        for other, value in pivot.items():
            left = (row.get(other, 0) - factor * value) % PRIME
            if left:
                row[other] = left
                holding[other].add(n)
            elif other in row:
                del row[other]
                holding[other].discard(n)
                if len(holding[other]) == 1:
                    alone.append(other)
    for other in pivot:
        holding[other].discard(at)
        if len(holding[other]) == 1:
            alone.append(other)


def _solution(cells: set[int], pivots: list[tuple[int, Equation]]) -> dict[int, int]:
    """A random solution: cells that no equation is solved for are free."""
    draw = random.Random(len(cells))  # not a secret: it only has to hit no accidental zero
    solved = {cell for cell, _ in pivots}
    found = {cell: draw.randrange(1, PRIME) for cell in sorted(cells) if cell not in solved}
    for cell, row in reversed(pivots):
        rest = sum(value * found[other] for other, value in row.items() if other != cell)
        found[cell] = -rest * pow(row[cell], -1, PRIME) % PRIME
    return found
