"""Posts that nobody holds: a role for a whole district or the whole city, to see what its rules come to there."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from ..values import Actor
from .world import Facts, HeldPost, World

NOBODY = UUID(int=0)
NUMBERS = (0, 2**31 - 1)


def nominal_post(world: World, role: str, district: UUID | None) -> HeldPost:
    """A post of the role for a whole district, or the whole city, at a unit above all units."""
    return HeldPost(
        id=NOBODY,
        role=role,
        area=district or NOBODY,
        span=world.districts[district] if district is not None else NUMBERS,
        district=district,
        whole_city=district is None,
        whole_district=district is not None,
        unit=NOBODY,
        unit_span=NUMBERS,
        units=(NOBODY,),
    )


def nominal_facts(post: HeldPost, now: dt.datetime | None = None) -> Facts:
    """The facts of somebody who holds the post and nothing else."""
    actor = Actor("system", "nominal", reason="what a role comes to")
    return Facts(actor=actor, posts=(post,), now=now or dt.datetime.now(dt.UTC))
