"""Circles in a graph of names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def cycles(edges: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Each circle once, beginning with its first name in order; names that only lead into a circle are not in it."""
    found: list[list[str]] = []
    done: set[str] = set()
    for start in sorted(edges):
        path: list[str] = []
        at: dict[str, int] = {}
        stack: list[tuple[str, bool]] = [(start, False)]
        while stack:
            name, leaving = stack.pop()
            if leaving:
                path.pop()
                del at[name]
                done.add(name)
                continue
            if name in at:
                circle = path[at[name] :]
                first = circle.index(min(circle))
                found.append(circle[first:] + circle[:first])
                continue
            if name in done:
                continue
            at[name] = len(path)
            path.append(name)
            stack.append((name, True))
            stack.extend((following, False) for following in sorted(edges.get(name, ()), reverse=True))
    return found
