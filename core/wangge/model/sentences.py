"""Sentences for people: in both languages, with the same `{placeholders}` in both."""

from __future__ import annotations

import re

from ..values import Label
from .reader import Reader


def read_sentence(reader: Reader, key: str, shown: str = "") -> Label:
    """The sentence under a key; `shown` names it when the key does not."""
    label = reader.label(key)
    only = sorted(placeholders(label.zh) ^ placeholders(label.en))
    if only and label.zh and label.en:
        text = f"zh and en of {shown or reader.what} do not both have {{{'}, {'.join(only)}}}: name it in both"
        reader.wrong("placeholders", text, reader.line_of(key))
    return label


def placeholders(text: str) -> set[str]:
    """The `{names}` of a sentence."""
    return set(re.findall(r"\{(\w+)\}", text))
