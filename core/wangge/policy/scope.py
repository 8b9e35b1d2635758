"""What a caller may do, as data: a `Shape` (canonical, shared by all callers alike) and a `Scope` (a shape with parameters).

A post's rule comes to a `Grant`: where (a slot of the scope) x row condition x field levels x action. Over posts the
grants are united, never merged. Two callers whose grants differ only in areas, posts or persons have one shape, so
GraphQL schemas and SQL plans are cached per shape (PERMISSIONS.md 2).
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Mapping
from uuid import UUID

import msgspec

from ..model.filter import Filter
from ..model.types import Dimension
from ..values import Actor

CUBE = "cube"
"""the action that a rule with dimensions comes to: aggregates without rows, answered from a cube."""


class Level(enum.IntEnum):
    """How a cell is shown."""

    HIDDEN = 0
    MASKED = 1
    CLEAR = 2


class Form(enum.StrEnum):
    """The form of a slot: what its SQL condition looks like. Part of the shape."""

    CITY = "city"
    """every row, no condition."""
    DISTRICT = "district"
    """`district_id = $1`: exactly one whole district."""
    SPAN = "span"
    """`area_ord BETWEEN $1 AND $2`: one subtree that is not a district."""
    SPANS = "spans"
    """several merged ranges."""


class PostReach(msgspec.Struct, frozen=True):
    """One post inside a slot, for conditions with `$area`, `$actor.post`, `$actor.units`, `$actor.areas`."""

    post: UUID
    area: UUID
    unit: UUID
    units: tuple[UUID, ...]
    """the unit and those below it."""
    lo: int
    hi: int


class Slot(msgspec.Struct, frozen=True):
    """The parameters of one slot: where the rows of a grant lie."""

    form: Form
    district: UUID | None = None
    spans: tuple[tuple[int, int], ...] = ()
    """merged, disjoint, ascending ranges of `area_ord` (also filled for DISTRICT and SPAN; () for CITY)."""
    unit_spans: tuple[tuple[int, int], ...] = ()
    """ranges of `unit_ord`, for entities of scope `unit`."""
    posts: tuple[PostReach, ...] = ()


class Grant(msgspec.Struct, frozen=True):
    """Rows in `slot` that meet `condition`, with these field levels; equal grants of several posts are one.

    For scope `self` the slot does not count: the row's person is `$actor.person`. For scope `city` it does not either.
    For scope `through` with `via`, only the links of that relation count.
    """

    slot: int
    condition: Filter | None = None
    via: str | None = None
    fields: tuple[tuple[str, Level], ...] = ()
    """(field id, level), sorted, hidden left out. For create, update and operations: CLEAR names what may be set."""
    per_post: bool = False
    """the condition names `$area` or a per-post value of `$actor`: it is evaluated per post of the slot."""
    own: bool = False
    """an entity of scope `self`: `$actor.person` instead of the slot."""
    purpose: str | None = None
    """for the action reveal: the purpose that the request must name."""
    unraised: tuple[str, ...] = ()
    """field ids whose CLEAR counts as MASKED in rows where the class of the field is raised, of a list's part in all rows."""
    dimensions: tuple[Dimension, ...] = ()
    """for CUBE: what may be asked by."""

    def level(self, field: str) -> Level:
        """The level of a field id in this grant: the highest, where it is not the same in all rows."""
        for name, level in self.fields:
            if name == field:
                return min(level, Level.MASKED) if "." in field and field in self.unraised else level
        return Level.HIDDEN


class Prohibition(msgspec.Struct, frozen=True):
    """Rows that are taken from every grant, wherever they lie."""

    condition: Filter
    slot: int | None = None
    """whose posts hold it, where the condition names `$area` or a per-post value of `$actor`: it is tried for each."""


class EntityShape(msgspec.Struct, frozen=True):
    """All grants of one entity by action; an action that is absent is not allowed in any row."""

    actions: Mapping[str, tuple[Grant, ...]]
    prohibits: Mapping[str, tuple[Prohibition, ...]] = {}
    """what is subtracted last, whatever else the caller holds."""
    purposes: tuple[str, ...] = ()
    """the purposes of the rules that let rows be read: what a read record says when the request names none."""

    def grants(self, action: str) -> tuple[Grant, ...]:
        """The grants of `action`; () when it is not allowed."""
        return self.actions.get(action, ())

    def best(self, action: str, field: str) -> Level:
        """The highest level that any grant of `action` gives to a field id."""
        return max((g.level(field) for g in self.grants(action)), default=Level.HIDDEN)


NOTHING = EntityShape(actions={})
"""The rights on an entity that the caller must not know of."""


class Shape(msgspec.Struct, frozen=True):
    """The canonical form of a scope: equal for all callers whose rights differ only in parameters."""

    key: str
    """hex digest over the canonical content, model version included."""
    model: str
    """the version of the model that it speaks of."""
    slots: tuple[Form, ...]
    entities: Mapping[str, EntityShape]
    """only entities with at least one grant."""
    modules: frozenset[str]
    """modules whose handwritten fields the caller has."""

    def entity(self, name: str) -> EntityShape | None:
        """The entity's grants, or None when the caller must not know that it exists."""
        return self.entities.get(name)

    def may(self, entity: str, action: str) -> bool:
        """Whether some grant of an action is there."""
        found = self.entities.get(entity)
        return found is not None and bool(found.grants(action))

    def may_name(self, purpose: str) -> bool:
        """Whether some rule of the caller is for a purpose."""
        return any(
            purpose in found.purposes or any(grant.purpose == purpose for grant in found.grants("reveal"))
            for found in self.entities.values()
        )


class Scope(msgspec.Struct, frozen=True):
    """What one caller may do now: a shape, its parameters, and how long that is sure without asking again."""

    actor: Actor
    shape: Shape
    slots: tuple[Slot, ...]
    """parallel to `shape.slots`."""
    valid_until: dt.datetime | None
    """the nearest end of a post, token, rule or module date, in database time; None: no end in sight."""
    subjects: frozenset[str]
    """what a change_log entry must name to end it: `account:<id>`, `role:<id>`, `area:<id>`, `token:<id>`; `modules` for any."""
    counters: Mapping[str, int]
    """the change counters that it was built at, by kind (account, post, rule, module, area, token)."""
    roles: frozenset[str] = frozenset()
    """the roles of its posts: names of parameters, as the posts are, and not of the shape."""
    home_area: UUID | None = None
    home_unit: UUID | None = None
    home_district: UUID | None = None
