"""What a module's hook may raise or return besides values: refusals, warnings and flags, with facts instead of sentences.

The sentence of a code stands in the module's messages.yaml in zh and en; facts fill its `{names}`.
"""

from __future__ import annotations

from typing import Any

from .errors import Invalid


class Rejected(Invalid):
    """Refuse a write: nothing is stored. `Rejected("food_safety.licence_expired", field="licenceNo", number=...)`."""

    def __init__(self, code: str, /, *, field: str | None = None, **facts: Any) -> None:
        super().__init__(code, code, **facts)
        self.field = field


class Warn(Invalid):
    """Ask the caller to confirm: nothing is stored until the same input comes with `confirm: ["code"]`."""

    def __init__(self, code: str, /, *, field: str | None = None, **facts: Any) -> None:
        super().__init__(code, code, **facts)
        self.field = field


class Flag:
    """Store the row and raise a flag for review; put it into the patch as `{"$flags": [Flag("code", ...)]}`."""

    def __init__(self, code: str, /, **facts: Any) -> None:
        self.code = code
        self.facts = facts
