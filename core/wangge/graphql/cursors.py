"""Cursors: the values of an ordering, sealed, bound to the entity, the ordering and the account."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from ..crypto import Keys
from ..errors import Invalid

LONGEST = 4000


def seal(keys: Keys, account: str, binding: str, values: list[Any]) -> str:
    """The cursor of a row."""
    sealed = keys.seal("cursor", msgspec.json.encode(values), f"{account}|{binding}".encode())
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def open_cursor(keys: Keys, account: str, binding: str, cursor: Any, count: int) -> list[Any]:
    """The values of a cursor; raises Invalid `cursor.invalid` for one that was not made for this list and account."""
    try:
        if not isinstance(cursor, str) or len(cursor) > LONGEST:
            raise ValueError
        sealed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        values = msgspec.json.decode(keys.open("cursor", sealed, f"{account}|{binding}".encode()))
        if not isinstance(values, list) or len(values) != count:
            raise ValueError
        return values
    except (ValueError, binascii.Error, msgspec.DecodeError):
        raise Invalid(
            "cursor.invalid", "this cursor does not belong to this list: start again without `after`"
        ) from None
