"""Where the rows of a post's grants lie: the areas of a module in a post's area, and the union of several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .scope import Form, PostReach, Slot
from .world import Facts, HeldPost, Span, World

CORE = "wangge"


def reaches_of(world: World, facts: Facts, post: HeldPost) -> dict[str, Slot]:
    """The modules that are on somewhere in the post's area, and where."""
    reaches = {module: module_reach(world, facts, post, module) for module in world.model.modules}
    return {module: reach for module, reach in reaches.items() if reach is not None}


def module_reach(world: World, facts: Facts, post: HeldPost, module: str) -> Slot | None:
    """Where a post's rows of a module lie; None when the module is off everywhere there."""
    rows = [e for e in world.switched.get(module, ()) if e.holds(facts.now)]
    if module == CORE or any(e.district is None for e in rows):
        form = Form.CITY if post.whole_city else Form.DISTRICT if post.whole_district else Form.SPAN
        return slot_of(post, form, (post.span,))
    on = {e.district for e in rows if e.district is not None}
    if post.district is not None:
        form = Form.DISTRICT if post.whole_district else Form.SPAN
        return slot_of(post, form, (post.span,)) if post.district in on else None
    spans = merged(world.districts[d] for d in on if d in world.districts and _inside(world.districts[d], post.span))
    return slot_of(post, Form.SPANS, spans) if spans else None


def slot_of(post: HeldPost, form: Form, spans: tuple[Span, ...]) -> Slot:
    """A slot of one post."""
    lo, hi = post.span
    reach = PostReach(post.id, post.area, post.unit, post.units, lo, hi)
    district = post.district if form is Form.DISTRICT else None
    return Slot(form, district, () if form is Form.CITY else spans, (post.unit_span,), (reach,))


def _inside(inner: Span, outer: Span) -> bool:
    """Whether one range lies in another."""
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Disjoint, ascending ranges that cover the same numbers."""
    out: list[Span] = []
    for lo, hi in sorted(spans):
        if out and lo <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(out[-1][1], hi))
        else:
            out.append((lo, hi))
    return tuple(out)


def joined(world: World, parts: Sequence[Slot], *, keep_posts: bool) -> Slot:
    """One slot for several posts: the union of their areas, in its simplest form."""
    posts = tuple(dict.fromkeys(p for s in parts for p in s.posts)) if keep_posts else ()
    units = merged(span for s in parts for span in s.unit_spans)
    if any(s.form is Form.CITY for s in parts):
        return Slot(Form.CITY, None, (), units, posts)
    spans = merged(span for s in parts for span in s.spans)
    whole = world.whole.get(spans[0]) if len(spans) == 1 else None
    if whole is not None:
        return Slot(Form.DISTRICT, whole, spans, units, posts)
    return Slot(Form.SPAN if len(spans) == 1 else Form.SPANS, None, spans, units, posts)
