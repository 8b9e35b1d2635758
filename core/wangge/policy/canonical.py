"""One form for filters that say the same in another order, so that the shapes of their callers are one."""

from __future__ import annotations

import msgspec

from ..model.filter import Every, Filter, Many, Not, Refers, Some


def canonical(found: Filter) -> Filter:
    """Conjunctions and disjunctions flat, in order and without repetition; everything else as it was."""
    if isinstance(found, Every | Some):
        return _list(found)
    if isinstance(found, Not):
        return Not(canonical(found.item))
    if isinstance(found, Refers | Many):
        return msgspec.structs.replace(found, inner=canonical(found.inner))
    return found


def _list(found: Every | Some) -> Filter:
    """The items of one kind of list, nested ones taken in."""
    items: dict[str, Filter] = {}
    for item in map(canonical, found.items):
        inner = item.items if type(item) is type(found) else (item,)
        items |= {text(each): each for each in inner}
    kept = tuple(items[each] for each in sorted(items))
    return kept[0] if len(kept) == 1 else type(found)(kept)


def text(value: object) -> str:
    """A canonical text of a filter."""
    return msgspec.json.encode(value, order="sorted").decode()
