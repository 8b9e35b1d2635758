"""Nobody grants more than the grantor has: the check of a post against a plain reading of decision 0005, over generated roles and trees."""

from __future__ import annotations

import datetime as dt

from hypothesis import given, settings
from hypothesis import strategies as st

from wangge.identity.delegation import Delegation, Given, Roles

NAMES = ("a", "b", "c", "d", "e")
DAY = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
Tree = tuple[int | None, ...]
"""node -> its parent, which stands before it."""
TREES: tuple[Tree, ...] = ((None, 0, 0, 1, 1, 2, 3), (None, 0, 1, 2), (None, 0, 0, 0))


def spans(tree: Tree) -> list[tuple[int, int]]:
    """The nested intervals of a tree, as areas and units have them."""
    found: dict[int, tuple[int, int]] = {}
    at = 0

    def number(node: int) -> None:
        nonlocal at
        begin = at = at + 1
        for child, parent in enumerate(tree):
            if parent == node:
                number(child)
        at += 1
        found[node] = (begin, at)

    number(0)
    return [found[node] for node in range(len(tree))]


def inside(tree: Tree, node: int | None, upper: int) -> bool:
    """Whether a node is another or lies below it."""
    while node is not None and node != upper:
        node = tree[node]
    return node == upper


ends = st.one_of(st.none(), st.integers(1, 4).map(lambda days: DAY + dt.timedelta(days=days)))
some = st.lists(st.sampled_from(NAMES), max_size=2, unique=True).map(tuple)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Tree, Roles]:
    """A tree for areas and units, and roles."""
    inherits = {name: tuple(r for r in draw(some) if r > name) for name in NAMES}
    given_by = {name: draw(some) for name in NAMES}
    return draw(st.sampled_from(TREES)), Roles(inherits, given_by, dict.fromkeys(NAMES, "wangge"))


@st.composite
def posts(draw: st.DrawFn) -> tuple[str, int, int, dt.datetime | None]:
    """(role, area, unit, end); nodes are taken modulo the size of the tree."""
    return draw(st.sampled_from(NAMES)), draw(st.integers(0, 6)), draw(st.integers(0, 6)), draw(ends)


def whole(roles: Roles, role: str) -> set[str]:
    """A role with all that it takes over."""
    return {role}.union(*(whole(roles, upper) for upper in roles.inherits[role]))


@settings(max_examples=600, deadline=None)
@given(worlds(), st.lists(posts(), max_size=3), posts())
def test_a_post_is_given_exactly_where_one_post_of_the_grantor_covers_it(
    world: tuple[Tree, Roles],
    own: list[tuple[str, int, int, dt.datetime | None]],
    wanted: tuple[str, int, int, dt.datetime | None],
) -> None:
    tree, roles = world
    size, at = len(tree), spans(tree)

    def made(post: tuple[str, int, int, dt.datetime | None]) -> Given:
        role, area, unit, until = post
        return Given(role, at[area % size], at[unit % size], until)

    def may(post: tuple[str, int, int, dt.datetime | None], *, timed: bool) -> bool:
        role, area, unit, until = post
        new, new_area, new_unit, new_until = wanted
        mine = whole(roles, role)
        asked = {r for r in whole(roles, new) if r == new or roles.delegated_by[r]}
        given_by_me = all(mine & set(roles.delegated_by[r]) for r in asked)
        placed = inside(tree, new_area % size, area % size) and inside(tree, new_unit % size, unit % size)
        lasts = until is None or (new_until is not None and new_until <= until)
        return given_by_me and placed and (lasts or not timed)

    delegation = Delegation(tuple(made(post) for post in own), roles)
    for timed in (True, False):
        assert delegation.covers(made(wanted), timed=timed) == any(may(post, timed=timed) for post in own)
