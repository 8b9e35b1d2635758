"""What the field kinds can do: operators, ordering, sealing, uniqueness."""

from __future__ import annotations

from collections.abc import Mapping

from .types import Field

RANGE = frozenset(("eq", "ne", "in", "notIn", "lt", "lte", "gt", "gte", "isNull"))
SET = frozenset(("eq", "ne", "in", "notIn", "isNull"))
TEXT = RANGE | {"contains", "startsWith"}
PRESENCE = frozenset(("isNull",))
OPERATORS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("text", "url", "credit_code", "month", "number", "phone", "id_number", "email"), TEXT),
    **dict.fromkeys(("integer", "duration", "decimal", "money", "date", "time", "datetime"), RANGE),
    "boolean": frozenset(("eq", "ne", "isNull")),
    "enum": SET,
    "code": SET | {"under", "startsWith"},
    "codes": frozenset(("has", "hasAny", "hasAll", "under", "isNull")),
    "point": frozenset(("near", "within", "isNull")),
    **dict.fromkeys(
        ("ref", "json", "polygon", "file", "signature", "refs", "children", "list", "files", "photos"), PRESENCE
    ),
}
LIST_OPERATORS = frozenset(("in", "notIn", "hasAny", "hasAll"))
MANY = frozenset(("children", "refs", "list", "photos", "files"))
SEALED_BY_DEFAULT = frozenset(("phone", "id_number", "email"))
SEALABLE = frozenset(("text", "phone", "id_number", "email", "credit_code", "url"))
UNORDERED = MANY | {"codes", "json", "point", "polygon", "file", "signature"}
NOT_UNIQUE = UNORDERED
BOUNDED = frozenset(("text", "integer", "decimal", "money", "duration"))


def operators(field: Field) -> frozenset[str]:
    """The operators that may be used on a field."""
    return SET if field.sealed else OPERATORS[field.kind]
