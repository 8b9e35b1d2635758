"""The typed model: what the YAML files come to after loading. Pure data; `model/load.py` makes it.

Names. An entity is `<module>.<entity>`, e.g. `urban_management.incident`. A field has a stable `id` (its first name,
camelCase) and a present `name`. Its column is the id in snake_case (`permitHolderPhone` -> `permit_holder_phone`).

Storage per kind (all text columns are `COLLATE "C"`):

    text url credit_code month number enum code  text          integer duration bigint | integer
    decimal numeric   money numeric(18,2)   boolean   date (+ `<c>_precision text` when precision)   time   datetime timestamptz
    codes text[]      json jsonb            ref uuid (+ `<c>_entity text` when `to` has several)    file signature uuid
    refs files photos link table `<entity>_<column>` (row_id, target_id, ord; photos: role text)
    list              part table `<entity>_<column>` (id uuid, row_id, ord, columns of its fields)
    point             `<c>_lon`, `<c>_lat` double precision, `<c>_crs text` (crs_source as given), `<c>_accuracy` double precision
    polygon           `<c>` jsonb (GeoJSON), `<c>_box box`
    sealed            `<c>_enc bytea`, `<c>_hash bytea`, `<c>_mask text`   (phone, id_number, email by default)
    children          none: the inverse of a ref

System columns of every root row: id uuid, revision integer, created_at, created_by uuid, updated_at timestamptz,
removed_at timestamptz, batch_id uuid; by scope: area_id uuid, area_ord integer, district_id uuid (area, parent, through);
unit_id uuid, unit_ord integer (unit). A `kind_of` row has revision, created_*, updated_at, batch_id in the upper table
only; removed_at and the area columns stand in both; the upper table has `entity text`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from ..values import Label, Purpose
from .filter import Filter

Sensitivity = Literal["public", "internal", "personal", "sensitive"]
SENSITIVITIES: tuple[Sensitivity, ...] = ("public", "internal", "personal", "sensitive")
Grade = Literal["refuse", "confirm", "flag"]
ScopeKind = Literal["area", "parent", "through", "unit", "self", "city"]

FIELD_KINDS = (
    "text integer decimal money boolean date time month duration datetime enum code codes ref refs children list "
    "point polygon file files photos signature json phone id_number credit_code email url number"
).split()


class Source(msgspec.Struct, frozen=True):
    """Where something is declared, for error messages."""

    file: str = ""
    line: int = 0


class EnumValue(msgspec.Struct, frozen=True):
    """One value of an `enum` field; `value` is its GraphQL name."""

    value: str
    label: Label


class Mask(msgspec.Struct, frozen=True):
    """How a personal value is shown when masked: keep `first` and `last` characters, or cut a date or an address."""

    first: int = 0
    last: int = 0
    to: Literal["", "year", "month", "building"] = ""


class Raise(msgspec.Struct, frozen=True):
    """`raise: {to: sensitive, when: <filter>, purposes: [...]}`: the class of a field in some rows, and what for it is shown there."""

    to: Sensitivity
    when: Filter
    purposes: tuple[str, ...] = ()
    """a rule for one of these gives the field in clear where it is raised too (core/decisions/0008)."""


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field of an entity, a list part, or an extension; what does not apply to its kind is at its default."""

    id: str
    name: str
    kind: str
    label: Label
    description: Label | None = None
    table: str = ""
    """kind code/codes: full name `<module>.<table>`."""
    required: bool = False
    required_when: Filter | None = None
    visible_when: Filter | None = None
    computed: bool = False
    expression: str | None = None
    """computed by a declared SQL expression over fields of the row, written `{fieldId}`; None: set by a hook."""
    inputs: tuple[str, ...] | None = None
    """computed by a module's batch function over these fields of the row; () needs none, None: not computed so."""
    written_by: str | None = None
    default: Any = None
    sensitivity: Sensitivity = "internal"
    raises: Raise | None = None
    purposes: tuple[str, ...] = ()
    sealed: bool = False
    mask: Mask | None = None
    with_module: str | None = None
    max: int | float | str | None = None
    """text: characters (500 when not named); numbers: the greatest value, as text for decimal and money."""
    min: int | float | str | None = None
    pattern: str | None = None
    unit: str | None = None
    multiline: bool = False
    pinyin: bool = False
    precision: bool = False
    values: tuple[EnumValue, ...] = ()
    to: tuple[str, ...] = ()
    inverse: str | None = None
    """children: the id of the ref field in the target that points here."""
    fields: tuple[Field, ...] = ()
    """list: the fields of its parts."""
    order: tuple[tuple[str, bool], ...] = ()
    roles: tuple[str, ...] = ()
    max_age: str | None = None
    retired: tuple[str, ...] = ()
    owner: str = ""
    """the entity, upper entity or extension whose table holds it; "" is the declaring entity itself."""
    source: Source = Source()


class Check(msgspec.Struct, frozen=True):
    """A rule over a row that is being written; `when` is true for a row that is wrong."""

    code: str
    grade: Grade
    when: Filter
    message: Label
    source: Source = Source()


class Unique(msgspec.Struct, frozen=True):
    """A key; `review` stores a contested claim instead of refusing when the holder may be hidden."""

    fields: tuple[str, ...]
    on_hidden: Literal["refuse", "review"] = "refuse"
    source: Source = Source()


class RowScope(msgspec.Struct, frozen=True):
    """How rows of an entity belong to areas (PERMISSIONS.md 1); `fields` are the ref (parent, self) or children (through)."""

    kind: ScopeKind
    fields: tuple[str, ...] = ()


class Retention(msgspec.Struct, frozen=True):
    """`{after: closedAt, keep: P5Y, then: anonymise|erase}`."""

    after: str
    keep: str
    then: Literal["anonymise", "erase"]


class Operation(msgspec.Struct, frozen=True):
    """A named write (`do:<operation>`): its input fields, guard, and the fields that it alone may write."""

    name: str
    label: Label
    input: tuple[Field, ...] = ()
    guard: Filter | None = None


class Layout(msgspec.Struct, frozen=True):
    """Hints for lists, query rows and forms: field names."""

    list: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    form: tuple[tuple[str, ...], ...] = ()


class Entity(msgspec.Struct, frozen=True, kw_only=True):
    """One entity; `fields` are its own, those of its upper entity come by `Model.fields_of`."""

    name: str
    type: str
    plural: str
    label: Label
    description: Label | None = None
    kind_of: str | None = None
    scope: RowScope
    fields: tuple[Field, ...] = ()
    checks: tuple[Check, ...] = ()
    unique: tuple[Unique, ...] = ()
    order: tuple[tuple[str, bool], ...] = ()
    """default ordering: (field id, descending)."""
    search: tuple[str, ...] = ()
    retention: Retention | None = None
    history: tuple[str, ...] | None = None
    """the key of a bitemporal entity (a later issue stores it); None: revisions only."""
    writes: Literal["generated", "operations"] = "generated"
    operations: tuple[Operation, ...] = ()
    layout: Layout = Layout()
    retired: tuple[str, ...] = ()
    managed: bool = False
    """its table is made by store/bootstrap (partitioned logs), not by the plan."""
    source: Source = Source()

    @property
    def module(self) -> str:
        """The module's id: the first half of the name."""
        return self.name.partition(".")[0]

    @property
    def local(self) -> str:
        """The second half of the name: the table in the module's PostgreSQL schema."""
        return self.name.partition(".")[2]


class Code(msgspec.Struct, frozen=True):
    """A value of a code table; `code` and `parent` are whole paths (`E-01-02`), dates ISO or ""."""

    code: str
    parent: str
    label: Label
    valid_from: str = ""
    valid_to: str = ""
    sort: int = 0
    extra: Mapping[str, Any] = {}


class CodeTable(msgspec.Struct, frozen=True, kw_only=True):
    """A code table as loaded from `tables/<name>.yaml` and `.csv`; full name `<module>.<table>`."""

    name: str
    label: Label
    authority: str
    version: str
    districts: Literal["closed", "add", "hide"] = "closed"
    columns: tuple[Field, ...] = ()
    codes: tuple[Code, ...] = ()
    source: Source = Source()


class Role(msgspec.Struct, frozen=True):
    """A shared role; `inherits` names roles whose rules it takes over as whole pairs."""

    id: str
    label: Label
    inherits: tuple[str, ...] = ()
    delegated_by: tuple[str, ...] = ()
    """the roles whose holders may give this one to others, inside their own area, unit and time."""
    documents_only: bool = False
    """its holders ask by trusted documents only: devices, portals, the public."""
    limits: Mapping[str, int] = {}
    """what of model/role_limits.py is another number for its holders."""
    source: Source = Source()


class Dimension(msgspec.Struct, frozen=True):
    """What a rule for aggregates alone may be asked by: a field in its unit (model/dimensions.py)."""

    field: str
    """the id of a field, or `area`."""
    unit: str = "VALUE"
    """VALUE of a coded field; YEAR, QUARTER or MONTH of a date; BAND of a number; the finest kind of an area (`community`)."""
    bands: tuple[float, ...] = ()
    """of a number: where a band ends and the next begins, ascending."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One default rule of `roles.yaml`; `fields` maps a field name, or `*`, to hidden, masked or clear."""

    role: str
    entity: str
    actions: tuple[str, ...]
    fields: Mapping[str, str] = {}
    where: Filter | None = None
    purpose: str | None = None
    effect: Literal["allow", "deny", "prohibit"] = "allow"
    via: str | None = None
    dimensions: tuple[Dimension, ...] = ()
    """of a rule that gives aggregates without rows (PERMISSIONS.md 3)."""
    source: Source = Source()


class Page(msgspec.Struct, frozen=True):
    """One page of `pages.yaml`."""

    id: str
    kind: str
    label: Label
    entity: str | None = None
    text: str | None = None


class Menu(msgspec.Struct, frozen=True):
    """The menu entry of a module and its pages."""

    group: Label
    order: int = 100
    icon: str = ""
    pages: tuple[Page, ...] = ()


class Module(msgspec.Struct, frozen=True, kw_only=True):
    """One module as loaded from its folder."""

    id: str
    version: str
    label: Label
    requires: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    purposes: tuple[Purpose, ...] = ()
    uses_purposes: tuple[str, ...] = ()
    roles: tuple[Role, ...] = ()
    rules: tuple[Rule, ...] = ()
    entities: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    menu: Menu | None = None
    messages: Mapping[str, Label] = {}
    settings: Mapping[str, Any] = {}
    folder: str = ""
    source: Source = Source()


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """All modules together, cross-checked; `version` is the hash of its canonical content."""

    version: str
    modules: Mapping[str, Module]
    entities: Mapping[str, Entity]
    tables: Mapping[str, CodeTable]
    purposes: Mapping[str, Purpose]
    roles: Mapping[str, Role]

    def chain(self, entity: str) -> tuple[Entity, ...]:
        """The entity and what it is a `kind_of`, own first: the tables that one row is spread over."""
        found = [self.entities[entity]]
        while (upper := found[-1].kind_of) is not None:
            found.append(self.entities[upper])
        return tuple(found)

    def fields_of(self, entity: str) -> Mapping[str, Field]:
        """Field id -> field, inherited ones included (their `owner` names the upper entity)."""
        fields: dict[str, Field] = {}
        for level in reversed(self.chain(entity)):
            own = level.name != entity
            for field in level.fields:
                fields[field.id] = msgspec.structs.replace(field, owner=level.name) if own else field
        return fields

    def kinds_of(self, entity: str) -> tuple[str, ...]:
        """The entities that are directly a `kind_of` this one, by name."""
        return tuple(sorted(e.name for e in self.entities.values() if e.kind_of == entity))

    def root_scope(self, entity: str) -> RowScope:
        """The scope of the entity's topmost table."""
        return self.chain(entity)[-1].scope
