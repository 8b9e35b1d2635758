"""`dimensions:` of a rule that gives aggregates without rows: at most three coded or banded fields, areas to the community.

`[sex, {birthDate: YEAR}, {floorArea: [50, 90]}, {area: COMMUNITY}]`; bands begin at the numbers that are named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from ..errors import Invalid
from .mistakes import nearest
from .types import Dimension, Field, Model

AGGREGATE = "aggregate"
MOST_DIMENSIONS = 3
MOST_BANDS = 50
CODED = ("code", "enum", "boolean")
DATES = ("date", "datetime")
DATE_UNITS = ("YEAR", "QUARTER", "MONTH")
NUMBERS = ("integer", "duration", "decimal", "money")
"""kinds that have bands, and sums."""
DISTRICT_KINDS = ("district", "functional_zone")
"""what the level DISTRICT takes."""
AREA_LEVELS = ("city", "district", "township", "community")
"""from the coarsest to the finest that a cube may have."""
AREA_FIELD = "area"
SCOPES = ("area", "parent", "through", "city")


def read_dimensions(
    model: Model, entity: str, given: Any, fields: Mapping[str, str], *, alone: bool, plain: bool
) -> tuple[Dimension, ...]:
    """The dimensions as written; raises Invalid.

    `fields`: the levels of the rule; `alone`: its only action is aggregate and it allows; `plain`: it has no where and no via.
    """
    if not alone:
        wrong("dimensions belong to a rule that allows aggregate and nothing else: write actions: [aggregate]")
    if not plain:
        wrong("a rule with dimensions is about all rows: remove where and via, which would let two cubes be subtracted")
    scope = model.root_scope(entity).kind
    if scope not in SCOPES:
        wrong(f'"{entity}" has scope {scope}: only rows of areas, or of the whole city, have dimensions')
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_DIMENSIONS:
        wrong(f"a rule has one to {MOST_DIMENSIONS} dimensions, as a list: [sex, {{birthDate: YEAR}}]")
    found = tuple(_dimension(model, entity, item, fields) for item in given)
    names = [one.field for one in found]
    for name in names:
        if names.count(name) > 1:
            wrong(f'"{name}" stands twice among the dimensions: remove one')
    return found


def wrong(text: str) -> NoReturn:
    """Refuse a list of dimensions."""
    raise Invalid("rule.dimensions", text)


def _dimension(model: Model, entity: str, item: Any, fields: Mapping[str, str]) -> Dimension:
    """One dimension."""
    pair = len(item) == 1 if isinstance(item, Mapping) else False
    if not pair and not isinstance(item, str):
        wrong("a dimension is a field, or one field with its unit: sex, {birthDate: YEAR}")
    name, unit = next(iter(item.items())) if isinstance(item, Mapping) else (item, None)
    if name == AREA_FIELD and model.root_scope(entity).kind != "city":
        return _area(unit)
    known = {key: field for field in model.fields_of(entity).values() for key in (field.id, field.name)}
    if name not in known:
        wrong(f'"{entity}" has no field "{name}".{nearest(str(name), known)}')
    field = known[name]
    _check_level(field, fields)
    if field.kind in CODED and unit is None:
        return Dimension(field.id)
    if field.kind in DATES and unit in DATE_UNITS:
        return Dimension(field.id, unit)
    if field.kind in NUMBERS:
        return Dimension(field.id, "BAND", _bands(name, unit))
    if field.kind in DATES:
        wrong(f'"{name}" is a date: name one of {", ".join(DATE_UNITS)}, like {{{name}: YEAR}}')
    if field.kind in CODED:
        wrong(f'"{name}" is coded: write it without a unit')
    wrong(f'"{name}" is {field.kind}: a dimension is a code, an enum, a boolean, a date, or a number in bands')


def _area(unit: Any) -> Dimension:
    """The finest kind of area that may be asked for."""
    level = unit.lower() if isinstance(unit, str) else ""
    if level not in AREA_LEVELS:
        wrong(f"areas go to {', '.join(kind.upper() for kind in AREA_LEVELS)} and no finer: write {{area: COMMUNITY}}")
    return Dimension(AREA_FIELD, level)


def _bands(name: str, given: Any) -> tuple[float, ...]:
    """The numbers at which bands begin."""
    numbers = given if isinstance(given, Sequence) and not isinstance(given, str) else ()
    fit = all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers)
    if not numbers or not fit or list(numbers) != sorted(set(numbers)) or len(numbers) > MOST_BANDS:
        wrong(
            f'"{name}" is a number: name where its bands begin, at most {MOST_BANDS}, ascending: {{{name}: [50, 90]}}'
        )
    return tuple(float(n) for n in numbers)


def _check_level(field: Field, fields: Mapping[str, str]) -> None:
    """The rule shows the values of a dimension, so it names them in clear; what is computed or sealed has none."""
    if field.sealed or field.inputs is not None or field.expression is not None:
        wrong(f'"{field.name}" has no stored value that rows could be counted by')
    every = fields.get("*") if field.sensitivity in ("public", "internal") else None
    if fields.get(field.name, fields.get(field.id, every)) != "clear":
        wrong(f'"{field.name}" is a dimension, so its values are shown: name it clear under fields')
