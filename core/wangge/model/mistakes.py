"""All mistakes of a load at once, in the order of their files and lines."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from ..errors import SchemaError, WanggeError


class SchemaErrors(WanggeError):
    """Everything that is wrong with the schema files; nothing was loaded."""

    def __init__(self, errors: Iterable[SchemaError]) -> None:
        self.errors = tuple(sorted(errors, key=lambda e: (e.file, e.line, e.code)))
        super().__init__("schema.invalid", "\n".join(str(e) for e in self.errors), count=len(self.errors))


class Mistakes:
    """Collects mistakes while files are read; one place and code is told once."""

    def __init__(self) -> None:
        self.found: list[SchemaError] = []

    def add(self, code: str, message: str, file: str, line: int) -> None:
        """Note a mistake: `message` says what is wrong and what instead; it is one line of at most 1000 characters."""
        message = "".join(c if c.isprintable() else " " for c in message[:1000])
        known = any(
            e.code == f"schema.{code}" and e.file == file and e.line == line and e.message == message
            for e in self.found
        )
        if not known:
            self.found.append(SchemaError(f"schema.{code}", message, file=file, line=line))

    def stop(self) -> None:
        """Raise what was found, if anything."""
        if self.found:
            raise SchemaErrors(self.found)


def nearest(word: str, known: Iterable[str]) -> str:
    """` Did you mean "x"?` or, when nothing is near, the choices as far as they are few."""
    names = sorted({str(k) for k in known})
    close = difflib.get_close_matches(str(word), names, n=1, cutoff=0.6)
    if close:
        return f' Did you mean "{close[0]}"?'
    return f" Possible: {', '.join(names)}." if 0 < len(names) <= 30 else ""
