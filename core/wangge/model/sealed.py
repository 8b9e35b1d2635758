"""Sealed fields: what a masked reader sees of a value, which key seals it, where its columns stand (MODEL.md 1 and 2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from math import prod
from typing import Literal

import msgspec

from . import names
from .identifiers import check_of_id_number
from .specs import columns_of
from .types import Entity, Field, Mask, Model

DEFAULT_MASKS: Mapping[str, Mask] = {"id_number": Mask(first=2), "phone": Mask(first=3, last=4)}
"""kind -> what shows when the file names no mask."""
HIDDEN = "***"
MOBILE = 11
LAST_DIGITS = 4
"""of a phone, by which it is searched."""
DIVISION = 6
"""characters of an id number before the date of birth."""
LEAST = 500
"""numbers that must remain possible for who knows everything else of a person (core/decisions/0009)."""


def use_of(entity: str, path: str) -> str:
    """The use of a derived key: `field:base.person.phones.number`."""
    return f"field:{entity}.{path}"


def masked(field: Field, value: str) -> str:
    """What a masked reader sees: `52****************`, `138****1234`, `z***@example.cn`."""
    if field.kind == "email" and field.mask is None:
        name, _, domain = value.partition("@")
        return f"{name[:1]}{HIDDEN}@{domain}"
    shown = field.mask or DEFAULT_MASKS.get(field.kind) or Mask()
    if not shown.first and not shown.last:
        return HIDDEN
    middle = len(value) - shown.first - shown.last
    return value[: shown.first] + "*" * middle + value[len(value) - shown.last :] if middle > 0 else HIDDEN


def left_open(kind: str, mask: Mask) -> int | None:
    """How many numbers of a kind fit a mask for who knows all that other fields may tell; None for kinds without a form.

    Of an id number these are the division, the date of birth and the sex: what is open is the sequence (GB 11643), three
    digits of which the last is odd for men, and the check character, which follows from the rest.
    """
    if kind == "phone":
        return prod(10 for at in range(1, MOBILE) if mask.first <= at < MOBILE - mask.last)
    if kind != "id_number":
        return None
    known = "52010119010101"
    digits = [f"{known}{sequence:03d}" for sequence in range(1, 1000, 2)]
    numbers = [each + check_of_id_number(each) for each in digits]
    hidden_from, hidden_to = mask.first, max(mask.first, len(numbers[0]) - mask.last)
    shown = Counter((each[:hidden_from], each[hidden_to:]) for each in numbers)
    return min(shown.values())


class Ending(msgspec.Struct, frozen=True):
    """A sealed phone whose stored mask shows its last digits: who may `match` it may search by them (decisions/0015)."""

    path: str
    """field id, `<list>.<part>` for a part."""
    within: Field | None
    table: str
    """quoted."""
    row: str
    """the column that names the row."""
    end: str
    """the digits, as SQL over the table's columns: the key of an index."""


def endings(model: Model, entity: str) -> Iterator[Ending]:
    """Those of an entity and of what it is a kind of."""
    for level in model.chain(entity):
        for field in level.fields:
            within = field if field.kind == "list" else None
            for one in field.fields if within is not None else (field,):
                if one.kind == "phone" and one.sealed and (one.mask or DEFAULT_MASKS["phone"]).last >= LAST_DIGITS:
                    yield Ending(
                        path=f"{field.id}.{one.id}" if within is not None else one.id,
                        within=within,
                        table=names.side_table(level, field) if within is not None else names.table(level),
                        row="row_id" if within is not None else "id",
                        end=f'"right"({names.quote(names.column(one) + "_mask")}, {LAST_DIGITS})',
                    )


class SealedColumn(msgspec.Struct, frozen=True, kw_only=True):
    """Where a sealed field stands: its quoted `table`, whose rows have an `id`; `row` names the row whose id is sealed in."""

    entity: str
    path: str
    """field id, `<list>.<part>` for a part."""
    field: Field
    table: str
    row: str

    @property
    def name(self) -> str:
        """`base.person.phones.number`."""
        return f"{self.entity}.{self.path}"

    @property
    def use(self) -> str:
        """The use of its key."""
        return use_of(self.entity, self.path)

    @property
    def stem(self) -> str:
        """The stem of its columns, not quoted."""
        return names.column(self.field)


class ValueWork(msgspec.Struct, frozen=True, kw_only=True):
    """What a step does with the values of existing rows: `seal` a plain column, `remask` a sealed one, `claim` a unique key,
    `spell` a text (pinyin.py)."""

    kind: Literal["seal", "remask", "claim", "spell"]
    table: str
    """quoted."""
    columns: tuple[SealedColumn, ...]
    """what is sealed: one, or of a claim all of the key's that are."""
    plain: str = ""
    """seal: the quoted column that holds the values so far; spell: that of the texts."""
    entities: tuple[str, ...] = ()
    """seal: the entities whose revisions and events may hold values of the field."""
    key: tuple[str, ...] = ()
    """claim: the field ids of the key, in its order."""
    plains: Mapping[str, str] = {}
    """claim: field id -> quoted column of those that are not sealed."""


def sealed_columns(model: Model) -> Iterator[SealedColumn]:
    """Every sealed field of the model that is stored, those inside lists too."""
    for entity in model.entities.values():
        if entity.managed:
            continue
        for field in entity.fields:
            if column := sealed_column(entity, field):
                yield column
            for part in field.fields if field.kind == "list" else ():
                if column := sealed_column(entity, part, field):
                    yield column


def sealed_column(entity: Entity, field: Field, within: Field | None = None) -> SealedColumn | None:
    """Where a field of an entity, or of the parts `within` one of its lists, stands sealed; None when it does not."""
    if not field.sealed or not columns_of(field):
        return None
    return SealedColumn(
        entity=entity.name,
        path=f"{within.id}.{field.id}" if within else field.id,
        field=field,
        table=names.side_table(entity, within) if within else names.table(entity),
        row="row_id" if within else "id",
    )
