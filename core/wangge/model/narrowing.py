"""Fields that allow less than before, and fields that are protected less than before."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from . import ddl, names
from .names import quote
from .specs import TableSpec, type_of
from .steps import Step, step
from .types import SENSITIVITIES, Entity, Field, Mask, Model

MAX_TEXT = 500
NUMBERS = frozenset(("integer", "decimal", "money", "duration"))
CHECKED = frozenset(("text", "url", "credit_code", "month", "phone", "id_number", "email"))
"""kinds whose values Python checks one by one when the pattern or the kind changes."""


def narrowed(had: TableSpec, row: str, was: Field, now: Field, new: Model, at: tuple[str, str]) -> Iterable[Step]:
    """A step without SQL when values that were allowed no longer are; rows that have one refuse it."""
    column = quote(names.column(now))
    conditions = [*_limits(was, now, column), *_choices(was, now, new, column), *_targets(was, now, new, column)]
    by_value = now.kind in CHECKED and (
        was.kind != now.kind or (now.pattern is not None and was.pattern != now.pattern)
    )
    if not conditions and not by_value:
        return
    where = f"{column} IS NOT NULL" if by_value else " OR ".join(f"({c})" for c in conditions)
    value = f", {_as_text(was, column)} AS value" if by_value else ""
    yield step(
        "narrow",
        *at,
        ("收窄字段 {at}", "Narrow the field {at}"),
        lock="none",
        risk="refused_by_rows",
        probe=f"SELECT t.{row} AS id{value} FROM {had.quoted} t WHERE {where}",
        instead="these values are no longer allowed: correct them first",
        check=now if by_value else None,
    )


def _limits(was: Field, now: Field, column: str) -> Iterable[str]:
    """`max` and `min`."""
    if now.kind == "text":
        most = int(now.max or MAX_TEXT)
        if was.kind != "text" or most < int(was.max or MAX_TEXT):
            yield f"char_length({_as_text(was, column)}) > {most}"
    elif now.kind in NUMBERS:
        least, greatest = _bounds(was)
        if now.max is not None and (greatest is None or greatest > Decimal(str(now.max))):
            yield f"{_comparable(was, column)} > {Decimal(str(now.max))}"
        if now.min is not None and (least is None or least < Decimal(str(now.min))):
            yield f"{_comparable(was, column)} < {Decimal(str(now.min))}"


def _as_text(was: Field, column: str) -> str:
    """The text that a value becomes."""
    return f"({column})[1]" if was.kind == "codes" else f"{column}::text"


def _comparable(was: Field, column: str) -> str:
    """A number in a column that may still be text; what does not read as one is refused by the conversion."""
    if was.kind in NUMBERS:
        return column
    return f"CASE WHEN pg_input_is_valid({column}::text, 'numeric') THEN {column}::text::numeric END"


def _bounds(field: Field) -> tuple[Decimal | None, Decimal | None]:
    """The least and the greatest value that a field could hold, None without end."""
    if field.kind not in NUMBERS:
        return None, None
    whole = Decimal(2**31 - 1) if type_of(field) == "integer" else None
    least = Decimal(str(field.min)) if field.min is not None else -whole - 1 if whole else None
    return least, Decimal(str(field.max)) if field.max is not None else whole


def _choices(was: Field, now: Field, new: Model, column: str) -> Iterable[str]:
    """Enum values that are gone, and another code table."""
    if now.kind == "enum":
        left = {v.value for v in now.values}
        if was.kind != "enum" or {v.value for v in was.values} - left:
            yield f"{_as_text(was, column)} <> ALL({_array(left)})"
    elif now.kind == "code" and (was.kind not in ("code", "codes") or was.table != now.table):
        codes = {c.code for c in new.tables[now.table].codes} if now.table in new.tables else set()
        yield f"{_as_text(was, column)} <> ALL({_array(codes)})"
    elif now.kind == "codes" and was.kind == "codes" and was.table != now.table:
        codes = {c.code for c in new.tables[now.table].codes} if now.table in new.tables else set()
        yield f"NOT {column} <@ {_array(codes)}"


def _array(values: Iterable[str]) -> str:
    return f"ARRAY[{', '.join(ddl.literal(v) for v in sorted(values))}]::text[]"


def _targets(was: Field, now: Field, new: Model, column: str) -> Iterable[str]:
    """A reference that no longer may point to what it pointed to."""
    if now.kind != "ref" or was.kind != "ref" or set(was.to) <= set(now.to):
        return
    if len(was.to) > 1:
        yield f"{quote(names.column(was) + '_entity')} <> ALL({_array(now.to)})"
        return
    targets: list[Entity] = [new.entities[name] for name in now.to if name in new.entities]
    missing = " AND ".join(f"NOT EXISTS (SELECT 1 FROM {names.table(t)} o WHERE o.id = t.{column})" for t in targets)
    yield f"{column} IS NOT NULL" + (f" AND {missing}" if missing else "")


def lowered(was: Field, now: Field) -> bool:
    """Whether the field is protected less: a lower class, no seal, no raising, a mask that shows more, or more purposes."""
    rank = SENSITIVITIES.index
    if was.purposes and not (now.purposes and set(now.purposes) <= set(was.purposes)):
        return True
    if rank(now.sensitivity) < rank(was.sensitivity) or (was.sealed and not now.sealed):
        return True
    if was.raises is not None and rank(now.sensitivity) < rank(was.raises.to):
        if now.raises is None or rank(now.raises.to) < rank(was.raises.to) or now.raises.when != was.raises.when:
            return True
        if not set(now.raises.purposes) <= set(was.raises.purposes):
            return True
    return _shows_more(was.mask, now.mask)


def _shows_more(was: Mask | None, now: Mask | None) -> bool:
    """Whether a mask lets more through; no mask at all counts as more."""
    if was is None:
        return False
    if now is None or now.first > was.first or now.last > was.last:
        return True
    return was.to != now.to and (was.to, now.to) != ("month", "year")
