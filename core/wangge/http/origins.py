"""Where a browser's request comes from: pages of other origins may not use a session."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping


def is_own(headers: Mapping[str, str]) -> bool:
    """Whether a page of this server asks, or a program, which names no origin."""
    origin = headers.get("origin")
    if origin is None:
        return True
    return urllib.parse.urlsplit(origin).netloc.lower() == headers.get("host", "").lower()
