"""What a search finds, row by row, over the cells that an account sees in clear (PERMISSIONS.md 5, decisions/0015).

How a text is read is taken from the columns beside it: which reading is right is no question of rights.
"""

from __future__ import annotations

import re
import unicodedata

from .rows import Raw
from .schema import Field
from .sight import Sight

WHOLE, BEGINNING, INITIALS, SOMEWHERE = range(4)
LETTERS = re.compile("[a-z0-9]*[a-z][a-z0-9]*")
DIGITS = 4


def fold(text: str) -> str:
    """Small letters of normal width."""
    return unicodedata.normalize("NFKC", text).lower()


class Search:
    """One text that somebody typed."""

    def __init__(self, text: str) -> None:
        self.words = [fold(word) for word in text.split()]
        self.whole = " ".join(self.words)
        letters = re.sub("[ '’-]", "", self.whole).replace("ü", "v")
        self.letters = letters if LETTERS.fullmatch(letters) else None
        self.digits = self.whole if len(self.whole) == DIGITS and self.whole.isdecimal() else None

    def rank(
        self, sight: Sight, kind: str, row: Raw, fields: list[Field], phones: list[tuple[str, Field]]
    ) -> int | None:
        """How well a visible row fits, None when it is not found."""
        cells = [(f, sight.seen.cell(kind, row, f.id)) for f in fields]
        ranks = [rank for f, value in cells if value is not None for rank in self._fits(f, value, row)]
        if all(any(word in fold(value) for _, value in cells if value is not None) for word in self.words):
            ranks.append(SOMEWHERE)
        if self.digits is not None and any(self._ends(sight, kind, row, path, phone) for path, phone in phones):
            ranks.append(SOMEWHERE)
        return min(ranks, default=None)

    def _fits(self, field: Field, value: str, row: Raw) -> list[int]:
        """The ranks that one cell gives."""
        folded = fold(value)
        found = [WHOLE] if folded == self.whole else [BEGINNING] if folded.startswith(self.whole) else []
        if field.pinyin and self.letters is not None:
            full, initials = row[f"{field.column}_pinyin"], row[f"{field.column}_initials"]
            found += [WHOLE] if full == self.letters else [BEGINNING] if full.startswith(self.letters) else []
            found += [INITIALS] if initials.startswith(self.letters) else []
        return found

    def _ends(self, sight: Sight, kind: str, row: Raw, path: str, phone: Field) -> bool:
        """Whether a phone that may be matched in this row ends in the digits."""
        if not sight.named("match", kind, row, path):
            return False
        top, _, part = path.partition(".")
        field = sight.schema.fields(kind)[top]
        held = sight.seen.parts(kind, row, field) if part else [row]
        return any((number := sight.whole.value(phone, path, each)) and number.endswith(self.digits) for each in held)
