"""Aggregates worked out row by row: the rows that count, their groups, and what is measured of them (API.md 1)."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from . import wire
from .filters import SHANGHAI
from .policy import AREA as AREAS
from .policy import CLEAR, DISTRICTS
from .rows import Raw
from .schema import AREA, SYSTEM, Field
from .sight import Sight
from .surface import Surface

NUMBERS = ("integer", "duration", "decimal", "money")
ORDERED = (*NUMBERS, "date", "datetime")
VALUES = (
    "text",
    "code",
    "enum",
    "boolean",
    "integer",
    "duration",
    "number",
    "month",
    "credit_code",
    "url",
    "email",
    "phone",
)
MOMENTS = ("createdAt", "updatedAt")
UNITS = ("DAY", "ISO_WEEK", "MONTH", "QUARTER", "YEAR")
LEVELS = ("CITY", "DISTRICT", "TOWNSHIP", "COMMUNITY", "GRID", "MICRO_GRID")
KNOWN = {"DAY": ("day",), "ISO_WEEK": ("day",), "MONTH": ("day", "month"), "QUARTER": ("day", "month")}
"""unit -> how well a date must be known to fall into one."""
FUNCTIONS = {"countDistinct": (*VALUES, *ORDERED), "sum": NUMBERS, "avg": NUMBERS, "min": ORDERED, "max": ORDERED}
Pair = tuple[str, Raw]


@dataclass(frozen=True)
class Term:
    """One term of groupBy: field ids, the last one in a unit (VALUE, a unit of dates, a kind of area)."""

    path: tuple[str, ...]
    unit: str = "VALUE"


class Groups:
    """Aggregates over the rows of one account."""

    def __init__(self, sight: Sight) -> None:
        self.sight = sight
        self.schema = sight.schema

    def counted(self, listed: Iterable[Pair]) -> list[Pair]:
        """Of rows that are listed those that are aggregated."""
        return [(kind, row) for kind, row in listed if self.sight.allowed(kind, "aggregate", row)]

    def groups(self, rows: Sequence[Pair], terms: Sequence[Term]) -> dict[tuple[Any, ...], list[Pair]]:
        """Key of each group -> its rows."""
        found: dict[tuple[Any, ...], list[Pair]] = {} if terms else {(): list(rows)}
        for kind, row in rows if terms else ():
            found.setdefault(tuple(self.key(kind, row, term) for term in terms), []).append((kind, row))
        return found

    # --- cells ---

    def value(self, kind: str, row: Raw, field: str, *, nested: bool = False) -> Any:
        """A stored value that counts: in clear in the list and, of an aggregated row, in its aggregates too."""
        for action in ("list",) if nested else ("list", "aggregate"):
            if self.sight.level(kind, action, row, field) < CLEAR:
                return None
        fields = self.schema.fields(kind)
        if field in SYSTEM:
            return row[SYSTEM[field]]
        if field in self.schema.implicit(kind):
            return row[f"{field}_id"]
        return row[fields[field].column]

    def key(self, kind: str, row: Raw, term: Term, *, nested: bool = False) -> Any:
        """What a row is grouped by."""
        name, field = term.path[0], self.schema.fields(kind).get(term.path[0])
        value = self.value(kind, row, name, nested=nested)
        if len(term.path) > 1:
            assert field is not None
            target = self.sight.target(kind, row, field) if value is not None else None
            seen = target is not None and self.sight.visible(target[0], "list", target[1])
            return self.key(*target, Term(term.path[1:], term.unit), nested=True) if target and seen else None
        if value is None:
            return None
        if term.unit in UNITS:
            return self._bucket(field, row, value, term.unit)
        if term.unit in LEVELS:
            return self._area(value, term.unit)
        return _told(field, value)

    def _bucket(self, field: Field | None, row: Raw, value: Any, unit: str) -> str | None:
        """The unit that a date falls into; None for one that is not known so well."""
        precise = field.precision if field is not None and unit in KNOWN else False
        if precise and field is not None and (row[f"{field.column}_precision"] or "day") not in KNOWN[unit]:
            return None
        day = value.astimezone(SHANGHAI).date() if isinstance(value, dt.datetime) else value
        year, week, _ = day.isocalendar()
        return {
            "DAY": day.isoformat(),
            "ISO_WEEK": f"{year:04d}-W{week:02d}",
            "MONTH": f"{day.year:04d}-{day.month:02d}",
            "QUARTER": f"{day.year:04d}-Q{(day.month + 2) // 3}",
            "YEAR": f"{day.year:04d}",
        }[unit]

    def _area(self, area: Any, level: str) -> tuple[tuple[str, Any], ...] | None:
        """The area of a kind that an area lies in, where the caller may list it: its id, and its name as the list shows it."""
        kinds = DISTRICTS if level == "DISTRICT" else (level.lower(),)
        for above in self.sight.policy.above(AREAS, area):
            if above["kind"] in kinds and self.sight.allowed(AREA, "list", above):
                return (("id", str(above["id"])), ("name", self.sight.seen.cell(AREA, above, "name")))
        return None

    # --- measures ---

    def measured(self, function: str, field: Field, rows: Sequence[Pair]) -> Any:
        """A measure on the wire."""
        found = [v for kind, row in rows if (v := self.value(kind, row, field.id)) is not None]
        if function == "countDistinct":
            return len(set(found))
        if not found:
            return None
        if function == "sum":
            return _plain(sum(found))
        if function == "avg":
            return _rounded(decimal.Decimal(sum(found)) / len(found))
        return _told(field, min(found) if function == "min" else max(found))


def _told(field: Field | None, value: Any) -> Any:
    """A value on the wire, as the field itself has it."""
    if isinstance(value, dt.datetime):
        return wire.moment(value)
    if isinstance(value, dt.date):
        return value.isoformat()
    if field is not None and (field.kind in ("decimal", "money") or field.big):
        return _plain(value)
    return value if isinstance(value, str | int | bool) else str(value)


def _plain(value: Any) -> str:
    """A number without an exponent."""
    return format(decimal.Decimal(value), "f")


def _rounded(value: decimal.Decimal) -> str:
    """Six digits after the point, without zeros that say nothing."""
    text = format(value.quantize(decimal.Decimal("0.000001"), rounding=decimal.ROUND_HALF_UP), "f")
    return text.rstrip("0").rstrip(".")


class GroupSurface:
    """What may be grouped by and measured: the names that the types of aggregates have."""

    def __init__(self, surface: Surface) -> None:
        self.surface = surface
        self.schema = surface.schema

    def kinds(self, entity: str) -> list[str]:
        """The kinds behind an entity of which some rows may be aggregated."""
        found = self.surface.kinds(entity, "list")
        return [k for k in found if any(True for _ in self.surface.possible(k, "aggregate"))]

    def groupable(self, entity: str) -> list[Field]:
        """The fields, in clear in some rows of every kind, that have one value to group by, or lead on."""
        found = []
        for field in self.schema.fields(entity).values():
            if not self.surface.probed(entity, field):
                continue
            behind = field.kind == "ref" and len(field.to) == 1 and bool(self.surface.kinds(field.to[0], "list"))
            if behind or (_stored(field) and field.kind in (*VALUES, "date", "datetime")):
                found.append(field)
        return found

    def measurable(self, entity: str, function: str) -> list[Field]:
        """The fields that a function measures: in clear for the list and for the aggregates of every kind."""
        kinds = self.kinds(entity)
        return [
            field
            for field in self.schema.declared(entity).values()
            if field.kind in FUNCTIONS[function] and _stored(field)
            if all(self.surface.best(k, a, field.id) == CLEAR for k in kinds for a in ("list", "aggregate"))
        ]

    def _counts(self, entity: str, field: Field) -> bool:
        """Whether the aggregates of every kind show a field in clear too; where they do not, grouping by it is refused."""
        if field.id in self.schema.implicit(entity):
            return True
        return all(self.surface.best(k, "aggregate", field.id) == CLEAR for k in self.kinds(entity))

    def terms(self, entity: str, depth: int, *, nested: bool = False) -> Iterator[Term]:
        """Every term, `depth` references deep."""
        yield Term(("id",))
        yield from (Term((name,), unit) for name in MOMENTS for unit in UNITS)
        for field in self.groupable(entity):
            if not nested and not self._counts(entity, field):
                continue
            if field.kind in ("date", "datetime"):
                yield from (Term((field.id,), unit) for unit in UNITS)
            elif field.kind != "ref":
                yield Term((field.id,))
            elif field.to == (AREA,):
                yield from (Term((field.id,), level) for level in LEVELS)
            elif depth:
                yield from (Term((field.id, *t.path), t.unit) for t in self.terms(field.to[0], depth - 1, nested=True))


def _stored(field: Field) -> bool:
    """Whether a field has one stored value of its own."""
    return not field.sealed and not field.derived
