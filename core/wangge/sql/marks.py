"""Marks in the database's JSON: arrays that begin with a text no value can hold, resolved in Python before the answer goes.

`["\\u0000c", binding, values...]` is a cursor to be sealed; `["\\u0000b", field, {inputs}]` a cell that a batch function gives;
`["\\u0000s", entity, path, ciphertext, row]` a sealed cell that is revealed; `["\\u0000f", entity, field, row, file, small]` the link
to a file that a field holds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

Seal = Callable[[str, list[Any]], str]
"""(binding, values) -> the cursor's text."""
Open = Callable[[str, str, str, str], str | None]
"""(entity, path, ciphertext in hex, row) -> the value of a sealed cell."""
Linked = Callable[[str, str, str, str, bool], str | None]
"""(entity, field, row, file, small) -> the path of a link."""
Function = Callable[[Sequence[Mapping[str, Any]]], Sequence[Any]]


def resolve(body: bytes, seal: Seal, functions: Mapping[str, Function], opened: Open, linked: Linked) -> bytes:
    """The body with every mark replaced; each batch function is called once with all its rows."""
    text = body.decode()
    found = _find(text)
    if not found:
        return body
    values = _batches(found, functions)
    out, at = [], 0
    for index, (start, end, mark) in enumerate(found):
        out.append(text[at:start])
        if mark[0] == "\0c":
            made: Any = seal(mark[1], mark[2:])
        elif mark[0] == "\0f":
            made = linked(mark[1], mark[2], mark[3], mark[4], mark[5])
        else:
            made = opened(mark[1], mark[2], mark[3], mark[4]) if mark[0] == "\0s" else values[index]
        out.append(msgspec.json.encode(made).decode())
        at = end
    out.append(text[at:])
    return "".join(out).encode()


def _find(text: str) -> list[tuple[int, int, list[Any]]]:
    """(start, end, mark) of every mark in order."""
    decoder = json.JSONDecoder()
    found = []
    at = text.find('["\\u0000')
    while at >= 0:
        mark, end = decoder.raw_decode(text, at)
        found.append((at, end, mark))
        at = text.find('["\\u0000', end)
    return found


def _batches(found: list[tuple[int, int, list[Any]]], functions: Mapping[str, Function]) -> dict[int, Any]:
    """The value of every batch mark, by its index."""
    by_field: dict[str, list[int]] = {}
    for index, (_, _, mark) in enumerate(found):
        if mark[0] == "\0b":
            by_field.setdefault(mark[1], []).append(index)
    values: dict[int, Any] = {}
    for field, indexes in by_field.items():
        made = functions[field]([found[i][2][2] for i in indexes])
        values.update(zip(indexes, made, strict=True))
    return values
